/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is alive, as one decision sees it: the registered brokers, for each
 * partition without those whose replica lies in a log directory that failed.
 * To that partition they are dead; to the others they are not.
 */
#include <string.h>

#include "base/assert.h"
#include "cluster/controller_write.h"
#include "seam/trace.h"

/* What the decisions see was made from this reading. */
static const struct broker_endpoint *endpoint_at(
    const struct controller *controller, uint32_t i)
{
    const struct broker_endpoint *endpoint = &controller->brokers.list[i];

    ASSERT(controller->brokers.count == controller->live_count);
    ASSERT(endpoint->broker_epoch == controller->live[i].broker_epoch);
    return endpoint;
}

static bool any_offline(const struct controller *controller,
                        const struct partition_key *key)
{
    for (uint32_t i = 0; i < controller->live_count; i++)
        if (broker_replica_offline(endpoint_at(controller, i), key))
            return true;
    return false;
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
        if (!broker_replica_offline(endpoint_at(controller, i), key))
            controller->live_here[count++] = controller->live[i];
    return (struct live_brokers){count, controller->live_here};
}

bool controller_has_read(const struct controller *controller,
                         const struct intent *intent)
{
    for (uint32_t i = 0; i < controller->live_count; i++)
        if (controller->live[i].broker_id == intent->sender.broker_id)
            return endpoint_at(controller, i)->version >=
                   intent->registration_version;
    return true;
}
