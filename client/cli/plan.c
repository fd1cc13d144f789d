/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/plan.h"

#include <stdlib.h>
#include <string.h>

#include "rules/placement.h"

struct plan {
    struct plan_broker *brokers;
    size_t broker_count;
    struct plan_partition *partitions;
    size_t count;
};

/* ---- one partition ---- */

static bool contains(const int32_t *ids, size_t count, int32_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static bool holds(const struct plan_partition *partition, int32_t id)
{
    return contains(partition->target, partition->target_count, id);
}

size_t plan_added(const struct plan_partition *partition)
{
    size_t added = 0;

    for (size_t i = 0; i < partition->target_count; i++)
        added += !contains(partition->current, partition->current_count,
                           partition->target[i]);
    return added;
}

size_t plan_removed(const struct plan_partition *partition)
{
    size_t removed = 0;

    for (size_t i = 0; i < partition->current_count; i++)
        removed += !holds(partition, partition->current[i]);
    return removed;
}

bool plan_changes(const struct plan_partition *partition)
{
    return partition->target_count != partition->current_count ||
           memcmp(partition->target, partition->current,
                  partition->target_count * sizeof partition->target[0]) != 0;
}

/* ---- brokers and racks ---- */

static struct plan_broker *find(const struct plan *plan, int32_t id)
{
    for (size_t i = 0; i < plan->broker_count; i++)
        if (plan->brokers[i].id == id)
            return &plan->brokers[i];
    return NULL;
}

static bool shares_rack(const struct plan_broker *a,
                        const struct plan_broker *b)
{
    return a == b || placement_same_rack(a->rack, b->rack);
}

/* Replicas of the partition in the rack of this broker. */
static size_t in_rack(const struct plan *plan,
                      const struct plan_partition *partition,
                      const struct plan_broker *broker)
{
    size_t count = 0;

    for (size_t i = 0; i < partition->target_count; i++)
        count += shares_rack(find(plan, partition->target[i]), broker);
    return count;
}

/* Who is to have one more: of the rack that has the fewest of the partition,
 * the one with the fewest replicas. NULL: all hold it. */
static struct plan_broker *choose(const struct plan *plan,
                                  const struct plan_partition *partition)
{
    struct plan_broker *best = NULL;
    size_t best_rack = 0;

    for (size_t i = 0; i < plan->broker_count; i++) {
        struct plan_broker *broker = &plan->brokers[i];
        size_t rack = in_rack(plan, partition, broker);

        if (holds(partition, broker->id))
            continue;
        if (best != NULL &&
            (rack > best_rack ||
             (rack == best_rack && broker->replicas >= best->replicas)))
            continue;
        best = broker;
        best_rack = rack;
    }
    return best;
}

/* The place of the replica that is to go first: of the rack that has the most,
 * of the broker that has the most, the last one. */
static size_t choose_loser(const struct plan *plan,
                           const struct plan_partition *partition)
{
    size_t worst = 0, worst_rack = 0, worst_replicas = 0;

    for (size_t i = 0; i < partition->target_count; i++) {
        const struct plan_broker *broker = find(plan, partition->target[i]);
        size_t rack = in_rack(plan, partition, broker);

        if (rack < worst_rack ||
            (rack == worst_rack && broker->replicas < worst_replicas))
            continue;
        worst = i;
        worst_rack = rack;
        worst_replicas = broker->replicas;
    }
    return worst;
}

/* ---- who stays, who comes ---- */

static void keep(struct plan *plan, struct plan_partition *partition)
{
    partition->target_count = 0;
    for (size_t i = 0; i < partition->current_count; i++) {
        struct plan_broker *broker = find(plan, partition->current[i]);

        if (broker == NULL)
            continue;
        partition->target[partition->target_count++] = broker->id;
        broker->replicas++;
    }
}

static void drop(struct plan *plan, struct plan_partition *partition, size_t at)
{
    find(plan, partition->target[at])->replicas--;
    partition->target_count--;
    memmove(&partition->target[at], &partition->target[at + 1],
            (partition->target_count - at) * sizeof partition->target[0]);
}

static void replace(struct plan *plan, struct plan_partition *partition,
                    size_t at, struct plan_broker *broker)
{
    find(plan, partition->target[at])->replicas--;
    partition->target[at] = broker->id;
    broker->replicas++;
}

static void fill(struct plan *plan, struct plan_partition *partition,
                 size_t wanted)
{
    while (partition->target_count > wanted)
        drop(plan, partition, choose_loser(plan, partition));
    while (partition->target_count < wanted) {
        struct plan_broker *broker = choose(plan, partition);

        partition->target[partition->target_count++] = broker->id;
        broker->replicas++;
    }
}

/* Replicas leave a rack that has two more of the partition than another one. */
static void spread(struct plan *plan, struct plan_partition *partition)
{
    for (;;) {
        struct plan_broker *broker = choose(plan, partition);
        size_t loser = choose_loser(plan, partition);

        if (broker == NULL ||
            in_rack(plan, partition, broker) + 2 >
                in_rack(plan, partition, find(plan, partition->target[loser])))
            return;
        replace(plan, partition, loser, broker);
    }
}

/* ---- even ---- */

/* What is counted of brokers, and how one hands on to another: a partition
 * that lets it, or NULL. */
struct balance {
    size_t (*load)(const struct plan_broker *broker);
    struct plan_partition *(*find)(const struct plan *plan,
                                   const struct plan_broker *from,
                                   const struct plan_broker *to);
    void (*move)(struct plan *plan, struct plan_partition *partition,
                 struct plan_broker *from, struct plan_broker *to);
};

/* A search, breadth first: from whom each broker was reached, in turn. */
struct ways {
    const struct plan_broker **before;
    const struct plan_broker **queue;
    size_t queued;
};

static size_t replica_load(const struct plan_broker *broker)
{
    return broker->replicas;
}

/* The racks of the partition must not be less even than before. */
static struct plan_partition *find_replica(const struct plan *plan,
                                           const struct plan_broker *from,
                                           const struct plan_broker *to)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_partition *partition = &plan->partitions[i];

        if (holds(partition, from->id) && !holds(partition, to->id) &&
            (shares_rack(from, to) ||
             in_rack(plan, partition, to) < in_rack(plan, partition, from)))
            return partition;
    }
    return NULL;
}

static void move_replica(struct plan *plan, struct plan_partition *partition,
                         struct plan_broker *from, struct plan_broker *to)
{
    for (size_t i = 0; i < partition->target_count; i++)
        if (partition->target[i] == from->id) {
            replace(plan, partition, i, to);
            return;
        }
}

static size_t leader_load(const struct plan_broker *broker)
{
    return broker->leaders;
}

static struct plan_partition *find_leader(const struct plan *plan,
                                          const struct plan_broker *from,
                                          const struct plan_broker *to)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_partition *partition = &plan->partitions[i];

        if (partition->target[0] == from->id && holds(partition, to->id))
            return partition;
    }
    return NULL;
}

static void move_leader(struct plan *plan, struct plan_partition *partition,
                        struct plan_broker *from, struct plan_broker *to)
{
    (void)plan;
    for (size_t i = 1; i < partition->target_count; i++)
        if (partition->target[i] == to->id)
            partition->target[i] = from->id;
    partition->target[0] = to->id;
    from->leaders--;
    to->leaders++;
}

static const struct balance replicas_balance = {replica_load, find_replica,
                                                move_replica};
static const struct balance leaders_balance = {leader_load, find_leader,
                                               move_leader};

/* The one with the least that this one can hand on to. Others that it reaches
 * for the first time are queued. */
static const struct plan_broker *reach(const struct plan *plan,
                                       const struct balance *balance,
                                       const struct plan_broker *at,
                                       struct ways *ways)
{
    const struct plan_broker *best = NULL;

    for (size_t i = 0; i < plan->broker_count; i++) {
        const struct plan_broker *to = &plan->brokers[i];

        if (ways->before[i] != NULL || balance->find(plan, at, to) == NULL)
            continue;
        ways->before[i] = at;
        ways->queue[ways->queued++] = to;
        if (best == NULL || balance->load(to) < balance->load(best))
            best = to;
    }
    return best;
}

/* The end of the shortest way from this broker to one that has at least two
 * less, or NULL. */
static const struct plan_broker *find_way(const struct plan *plan,
                                          const struct balance *balance,
                                          const struct plan_broker *from,
                                          struct ways *ways)
{
    memset(ways->before, 0, plan->broker_count * sizeof(void *));
    ways->before[from - plan->brokers] = from;
    ways->queue[0] = from;
    ways->queued = 1;
    for (size_t i = 0; i < ways->queued; i++) {
        const struct plan_broker *best =
            reach(plan, balance, ways->queue[i], ways);

        if (best != NULL && balance->load(best) + 2 <= balance->load(from))
            return best;
    }
    return NULL;
}

/* Step by step from the end, as long as each is still possible. */
static bool walk(struct plan *plan, const struct balance *balance,
                 const struct plan_broker *end, const struct ways *ways)
{
    for (;;) {
        struct plan_broker *to = &plan->brokers[end - plan->brokers];
        const struct plan_broker *before = ways->before[end - plan->brokers];
        struct plan_broker *from = &plan->brokers[before - plan->brokers];
        struct plan_partition *partition;

        if (from == to)
            return true;
        partition = balance->find(plan, from, to);
        if (partition == NULL)
            return false;
        balance->move(plan, partition, from, to);
        end = from;
    }
}

static void find_extremes(const struct plan *plan,
                          const struct balance *balance, size_t *least,
                          size_t *most)
{
    *least = SIZE_MAX;
    *most = 0;
    for (size_t i = 0; i < plan->broker_count; i++) {
        size_t load = balance->load(&plan->brokers[i]);

        *least = load < *least ? load : *least;
        *most = load > *most ? load : *most;
    }
}

/* One step towards even, of who has the most first: so nobody gives what it
 * gets back later. False when there is none. */
static bool level_once(struct plan *plan, const struct balance *balance,
                       struct ways *ways)
{
    size_t least, most;

    find_extremes(plan, balance, &least, &most);
    for (size_t load = most; load >= least + 2; load--)
        for (size_t i = 0; i < plan->broker_count; i++) {
            const struct plan_broker *end = NULL;

            if (balance->load(&plan->brokers[i]) == load)
                end = find_way(plan, balance, &plan->brokers[i], ways);
            if (end != NULL)
                return walk(plan, balance, end, ways);
        }
    return false;
}

static void level(struct plan *plan, const struct balance *balance)
{
    struct ways ways = {
        calloc(plan->broker_count + 1, sizeof(const struct plan_broker *)),
        calloc(plan->broker_count + 1, sizeof(const struct plan_broker *)), 0};

    if (ways.before == NULL || ways.queue == NULL)
        abort();
    while (level_once(plan, balance, &ways))
        ;
    free(ways.queue);
    free(ways.before);
}

void plan_make(struct plan_broker *brokers, size_t broker_count,
               struct plan_partition *partitions, size_t count)
{
    struct plan plan = {brokers, broker_count, partitions, count};
    size_t *wanted = calloc(count + 1, sizeof *wanted);

    if (wanted == NULL)
        abort();
    for (size_t i = 0; i < broker_count; i++)
        brokers[i].replicas = brokers[i].leaders = brokers[i].added = 0;
    for (size_t i = 0; i < count; i++) {
        wanted[i] = partitions[i].target_count;
        keep(&plan, &partitions[i]);
    }
    for (size_t i = 0; i < count; i++)
        fill(&plan, &partitions[i], wanted[i]);
    for (size_t i = 0; i < count; i++)
        spread(&plan, &partitions[i]);
    level(&plan, &replicas_balance);
    for (size_t i = 0; i < count; i++)
        find(&plan, partitions[i].target[0])->leaders++;
    level(&plan, &leaders_balance);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < partitions[i].target_count; k++)
            if (!contains(partitions[i].current, partitions[i].current_count,
                          partitions[i].target[k]))
                find(&plan, partitions[i].target[k])->added++;
    free(wanted);
}
