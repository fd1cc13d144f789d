/* SPDX-License-Identifier: Apache-2.0
 *
 * Which brokers are registered, at which epoch and address: /brokers/ids
 * read as a whole. The controller keeps a watch on it; the others read again
 * when the `changes` znode says so.
 */
#ifndef CLUSTER_BROKERS_H
#define CLUSTER_BROKERS_H

#include "cluster/defects.h"
#include "coord/coord.h"
#include "seam/timer.h"
#include "seam/trace.h"
#include "znode.pb-c.h"

#define BROKER_HOST_BYTES 256
#define BROKER_RACK_BYTES 256
#define BROKERS_MAX       1000

struct broker_endpoint {
    uint32_t broker_id;
    uint64_t broker_epoch; /* czxid */
    char host[BROKER_HOST_BYTES];
    uint16_t port;
    char rack[BROKER_RACK_BYTES]; /* "": it says none */
    uint32_t version;             /* of the znode */
    bool leaving;                 /* it is about to stop */
    /* What the znode says of log directories; NULL: all are online. */
    const Kq__BrokerNode *node;
    void *block; /* that holds it */
};

struct brokers;

/* Embedded by the user. */
struct brokers_listener {
    void (*on_brokers)(struct brokers_listener *listener,
                       const struct brokers *brokers);
};

struct brokers {
    struct seam *seam;
    struct coord *coord;
    struct brokers_listener *listener;
    bool watching;
    /* the last complete reading, ascending by id; replaced by the next */
    struct broker_endpoint *list;
    uint32_t count;
    /* the reading under way */
    struct coord_request list_request;
    struct coord_watch watch;
    struct timer retry;
    struct broker_read *reads;
    uint32_t read_count;
    uint32_t reads_open;
    bool reading;
    bool again;
    bool failed;
    struct defects *defects; /* where damaged znodes are noted; NULL: nowhere */
};

void brokers_init(struct brokers *brokers, struct seam *seam,
                  struct coord *coord, struct brokers_listener *listener);
void brokers_release(struct brokers *brokers);

/* Reads everything now (with a sync), then on_brokers. With `watch` it goes
 * on doing so by itself at every change of the children. */
void brokers_read(struct brokers *brokers, bool watch);
/* No reading is wanted any more (session over, controller resigned). */
void brokers_stop(struct brokers *brokers);

/* One of its log directories failed, or is not there. */
bool broker_has_offline(const struct broker_endpoint *endpoint);
/* Its replica of this partition lies in a log directory that failed. */
bool broker_replica_offline(const struct broker_endpoint *endpoint,
                            const struct partition_key *key);
uint32_t broker_offline_count(const struct broker_endpoint *endpoint);

const struct broker_endpoint *brokers_find(const struct brokers *brokers,
                                           uint32_t broker_id);

#endif
