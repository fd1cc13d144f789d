/* SPDX-License-Identifier: Apache-2.0
 *
 * The actions of 'kq cluster reassign'; each returns an exit code.
 */
#ifndef CLI_REASSIGN_H
#define CLI_REASSIGN_H

#include <kq/kq.h>

#include "client/cli/cli.h"

struct reassign_command {
    const char *bootstrap;
    const char *topics;  /* "a,b"; NULL: all */
    const char *brokers; /* "1,2,3"; NULL: none were named */
    const char *file;    /* of apply */
    int64_t replicas;    /* 0: as many as there are */
    int64_t throttle;    /* bytes a second; 0: no limit */
    int64_t timeout_ms;  /* 0: no limit */
};

int reassign_plan(struct kq_client *client,
                  const struct reassign_command *command);
int reassign_apply(struct kq_client *client,
                   const struct reassign_command *command);
int reassign_watch(struct kq_client *client,
                   const struct reassign_command *command);
int reassign_cancel(struct kq_client *client,
                    const struct reassign_command *command);

bool is_reassigned(const struct kq_partition *partition);
/* Whether the list ("a,b", NULL: all) names this topic. */
bool names_topic(const char *topics, const char *topic);
/* EXIT_DONE when every topic of the list is in the cluster, else the exit code
 * after a message. */
int check_topics(const struct kq_cluster *cluster, const char *topics);
const struct kq_topic *find_topic(const struct kq_cluster *cluster,
                                  const char *name);

#endif
