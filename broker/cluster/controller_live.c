/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is alive, as one decision sees it: the registered brokers, for each
 * partition without those whose replica lies in a log directory that failed.
 * To that partition they are dead; to the others they are not.
 */
#include "cluster/controller_write.h"
#include "seam/trace.h"

static bool any_offline(const struct controller *controller,
                        const struct partition_key *key)
{
    const struct brokers *brokers = &controller->brokers;

    for (uint32_t i = 0; i < brokers->count; i++)
        if (broker_replica_offline(&brokers->list[i], key))
            return true;
    return false;
}

static bool is_offline(const struct controller *controller, uint32_t broker_id,
                       const struct partition_key *key)
{
    const struct broker_endpoint *endpoint =
        brokers_find(&controller->brokers, broker_id);

    return endpoint != NULL && broker_replica_offline(endpoint, key);
}

struct live_brokers controller_live(struct controller *controller,
                                    const struct partition_key *key)
{
    struct live_brokers live = {controller->live_count, controller->live};
    uint32_t count = 0;

    if (!any_offline(controller, key))
        return live;
    SOMETIMES(controller->seam->trace, REPLICA_OFFLINE);
    for (uint32_t i = 0; i < controller->live_count; i++)
        if (!is_offline(controller, controller->live[i].broker_id, key))
            controller->live_here[count++] = controller->live[i];
    return (struct live_brokers){count, controller->live_here};
}

bool controller_was_read(const struct controller *controller,
                         const struct intent *intent)
{
    /* what it could not read may name a former life of it, too */
    for (size_t i = 0; i < intent->damaged_count; i++)
        if (!defects_concern(&controller->metadata->defects,
                             intent->damaged[i])) {
            metadata_doubt(controller->metadata);
            return false;
        }
    for (uint32_t i = 0; i < controller->live_count; i++)
        if (controller->live[i].broker_id == intent->sender.broker_id)
            return intent->changes_read >= controller->live_since[i];
    return true;
}

bool controller_has_read(const struct controller *controller,
                         const struct intent *intent)
{
    const struct broker_endpoint *endpoint =
        brokers_find(&controller->brokers, intent->sender.broker_id);

    return endpoint == NULL ||
           endpoint->version >= intent->registration_version;
}
