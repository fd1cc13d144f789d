/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/replication.h"

#include <string.h>

#include "base/assert.h"
#include "rules/reassign.h"

const struct live_broker *live_broker_find(const struct live_brokers *live,
                                           uint32_t broker_id)
{
    uint32_t low = 0;
    uint32_t high = live->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (live->brokers[middle].broker_id < broker_id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == live->count || live->brokers[low].broker_id != broker_id)
        return NULL;
    return &live->brokers[low];
}

static const struct replica *find(const struct replica_set *set,
                                  uint32_t broker_id)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->members[i].broker_id == broker_id)
            return &set->members[i];
    return NULL;
}

bool replica_set_has(const struct replica_set *set, uint32_t broker_id)
{
    return find(set, broker_id) != NULL;
}

bool replica_set_has_epoch(const struct replica_set *set, uint32_t broker_id,
                           uint64_t broker_epoch)
{
    const struct replica *member = find(set, broker_id);

    return member != NULL && member->broker_epoch == broker_epoch;
}

void replica_set_add(struct replica_set *set, struct replica replica)
{
    replica_set_remove(set, replica.broker_id);
    ASSERT(set->count < REPLICAS_MAX);
    set->members[set->count++] = replica;
}

void replica_set_remove(struct replica_set *set, uint32_t broker_id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < set->count; i++)
        if (set->members[i].broker_id != broker_id)
            set->members[kept++] = set->members[i];
    set->count = kept;
}

bool replica_set_equal(const struct replica_set *a, const struct replica_set *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!replica_set_has_epoch(b, a->members[i].broker_id,
                                   a->members[i].broker_epoch))
            return false;
    return true;
}

bool partition_state_has_replica(const struct partition_state *state,
                                 uint32_t broker_id)
{
    for (uint32_t i = 0; i < state->replica_count; i++)
        if (state->replicas[i] == broker_id)
            return true;
    return false;
}

static void set_leader(struct partition_state *state, uint32_t leader)
{
    state->leader = leader;
    state->leader_epoch++;
    state->handing_over = false;
    state->successor = 0;
}

static bool is_leaving(const struct live_brokers *live, uint32_t broker_id)
{
    const struct live_broker *broker = live_broker_find(live, broker_id);

    return broker != NULL && broker->leaving;
}

/* Who is leaving only when there is nobody else. */
static uint32_t elect_from_isr(const struct partition_state *state,
                               const struct live_brokers *live)
{
    uint32_t last = NO_BROKER;

    for (uint32_t i = 0; i < state->replica_count; i++) {
        if (!replica_set_has(&state->isr, state->replicas[i]))
            continue;
        if (!is_leaving(live, state->replicas[i]))
            return state->replicas[i];
        if (last == NO_BROKER)
            last = state->replicas[i];
    }
    return last;
}

/* The leader is to give way; a wish, no election (R17). False: it is asked to
 * already. */
static bool ask(struct partition_state *state, uint32_t successor)
{
    ASSERT(state->leader != NO_BROKER);
    ASSERT(state->leader != successor);
    ASSERT_INVARIANT(R17, replica_set_has(&state->isr, successor));
    if (state->handing_over && state->successor == successor)
        return false;
    state->handing_over = true;
    state->successor = successor;
    return true;
}

/* Who is leaving is to give what it leads to another member of the ISR. */
static bool hand_over(struct partition_state *state,
                      const struct live_brokers *live)
{
    if (!is_leaving(live, state->leader))
        return false;
    for (uint32_t i = 0; i < state->replica_count; i++) {
        const struct live_broker *broker =
            live_broker_find(live, state->replicas[i]);

        if (broker && broker->reported && !broker->leaving &&
            replica_set_has(&state->isr, broker->broker_id))
            return ask(state, broker->broker_id);
    }
    return false;
}

/* Who is leaving leaves an ISR that reaches `min` without it: nobody has to
 * wait for it when it stops. */
static bool let_go(struct partition_state *state,
                   const struct live_brokers *live)
{
    struct replica_set isr = state->isr;

    if (is_leaving(live, state->leader))
        return false;
    for (uint32_t i = 0; i < state->isr.count; i++) {
        uint32_t id = state->isr.members[i].broker_id;

        if (isr.count > state->min && is_leaving(live, id))
            replica_set_remove(&isr, id);
    }
    if (isr.count == state->isr.count)
        return false;
    partition_state_set_isr(state, &isr, NULL);
    return true;
}

void partition_state_create(struct partition_state *state,
                            const uint32_t *replicas, uint32_t replica_count,
                            uint32_t min, bool lazy,
                            const struct live_brokers *live)
{
    ASSERT(replica_count > 0);
    ASSERT(replica_count <= REPLICAS_MAX);
    memset(state, 0, sizeof *state);
    state->replica_count = replica_count;
    memcpy(state->replicas, replicas, replica_count * sizeof *replicas);
    state->min = min < replica_count ? min : replica_count;
    state->lazy = lazy;
    state->fresh = true;
    for (uint32_t i = 0; i < replica_count; i++) {
        const struct live_broker *broker = live_broker_find(live, replicas[i]);

        if (broker == NULL)
            continue;
        replica_set_add(&state->isr, (struct replica){broker->broker_id,
                                                      broker->broker_epoch});
    }
    state->leader = elect_from_isr(state, live);
    let_go(state, live);
}

void partition_state_set_isr(struct partition_state *state,
                             const struct replica_set *isr,
                             const struct replica_set *lossy)
{
    struct replica_set eligible = {0};

    if (isr->count < state->min) {
        for (uint32_t i = 0; i < state->eligible.count; i++)
            replica_set_add(&eligible, state->eligible.members[i]);
        for (uint32_t i = 0; i < state->isr.count; i++)
            replica_set_add(&eligible, state->isr.members[i]);
        for (uint32_t i = 0; i < isr->count; i++)
            replica_set_remove(&eligible, isr->members[i].broker_id);
        for (uint32_t i = 0; lossy && i < lossy->count; i++)
            replica_set_remove(&eligible, lossy->members[i].broker_id);
    }
    state->eligible = eligible;
    state->isr = *isr;
    if (state->handing_over && !replica_set_has(isr, state->successor)) {
        state->handing_over = false;
        state->successor = 0;
    }
}

void partition_state_configure(struct partition_state *state, uint32_t min,
                               bool relaxed)
{
    struct replica_set isr = state->isr;
    uint32_t replicas = partition_state_original_count(state);

    state->min = min < replicas ? min : replicas;
    /* an ISR that suffices now commits alone: nobody else is eligible (R5) */
    if (isr.count >= state->min)
        partition_state_set_isr(state, &isr, NULL);
    state->lazy = state->lazy || relaxed;
    state->partition_epoch++;
}

/* The ISR without those who are gone or came back as somebody else. */
static struct replica_set surviving(const struct replica_set *isr,
                                    const struct live_brokers *live)
{
    struct replica_set kept = {0};

    for (uint32_t i = 0; i < isr->count; i++) {
        const struct live_broker *broker =
            live_broker_find(live, isr->members[i].broker_id);

        if (broker && broker->broker_epoch == isr->members[i].broker_epoch)
            replica_set_add(&kept, isr->members[i]);
    }
    return kept;
}

void partition_state_begin_epoch(struct partition_state *state)
{
    ASSERT(state->leader == NO_BROKER ||
           replica_set_has(&state->isr, state->leader));
    set_leader(state, state->leader);
}

/* An eligible replica that is registered and has said it is whole; one that is
 * leaving only when there is no other. */
static const struct live_broker *elect_from_eligible(
    const struct partition_state *state, const struct live_brokers *live)
{
    const struct live_broker *last = NULL;

    for (uint32_t i = 0; i < state->replica_count; i++) {
        const struct live_broker *broker;

        if (!replica_set_has(&state->eligible, state->replicas[i]))
            continue;
        broker = live_broker_find(live, state->replicas[i]);
        if (broker && broker->reported && !broker->leaving)
            return broker;
        if (broker && broker->reported && last == NULL)
            last = broker;
    }
    return last;
}

static bool elect(struct partition_state *state,
                  const struct live_brokers *live)
{
    uint32_t leader = elect_from_isr(state, live);
    const struct live_broker *broker;
    struct replica_set isr = {0};

    if (leader != NO_BROKER) {
        set_leader(state, leader);
        return true;
    }
    broker = elect_from_eligible(state, live);
    if (broker != NULL) {
        replica_set_add(
            &isr, (struct replica){broker->broker_id, broker->broker_epoch});
        partition_state_set_isr(state, &isr, NULL);
        set_leader(state, broker->broker_id);
        return true;
    }
    if (state->leader == NO_BROKER)
        return false;
    set_leader(state, NO_BROKER);
    return true;
}

bool partition_state_decide(struct partition_state *state,
                            const struct live_brokers *live)
{
    struct replica_set isr = surviving(&state->isr, live);
    bool changed = isr.count != state->isr.count;

    if (changed)
        partition_state_set_isr(state, &isr, NULL);
    if (state->leader == NO_BROKER ||
        !replica_set_has(&state->isr, state->leader))
        changed |= elect(state, live);
    else
        changed |= hand_over(state, live);
    changed |= let_go(state, live);
    if (changed)
        state->partition_epoch++;
    ASSERT(state->leader == NO_BROKER ||
           replica_set_has(&state->isr, state->leader));
    return changed;
}

bool partition_state_may_leave(const struct partition_state *state,
                               const struct replica *self,
                               const struct live_brokers *live)
{
    uint32_t in_sync = 0;
    uint32_t joining = 0;

    if (!replica_set_has_epoch(&state->isr, self->broker_id,
                               self->broker_epoch))
        return true;
    for (uint32_t i = 0; i < state->replica_count; i++) {
        const struct live_broker *broker =
            live_broker_find(live, state->replicas[i]);

        if (broker == NULL || broker->leaving ||
            broker->broker_id == self->broker_id)
            continue;
        if (replica_set_has_epoch(&state->isr, broker->broker_id,
                                  broker->broker_epoch))
            in_sync++;
        else
            joining++;
    }
    if (state->leader == self->broker_id || joining > 0)
        return in_sync + joining == 0;
    return in_sync == 0 || state->isr.count <= state->min;
}

bool partition_state_prefer(struct partition_state *state,
                            const struct live_brokers *live)
{
    const struct live_broker *broker =
        live_broker_find(live, state->replicas[0]);

    if (state->leader == NO_BROKER || broker == NULL || !broker->reported ||
        broker->leaving || broker->broker_id == state->leader ||
        !replica_set_has_epoch(&state->isr, broker->broker_id,
                               broker->broker_epoch))
        return false;
    return partition_state_hand_over(state, broker->broker_id);
}

bool partition_state_hand_over(struct partition_state *state,
                               uint32_t successor)
{
    if (!ask(state, successor))
        return false;
    state->partition_epoch++;
    return true;
}

/* KIP-966 calls it the last known leader, if it was. */
static void elect_with_less(struct partition_state *state,
                            struct replica replica)
{
    struct replica_set isr = {1, {replica}};

    partition_state_set_isr(state, &isr, NULL);
    state->eligible = (struct replica_set){0};
    set_leader(state, replica.broker_id);
    state->unclean_epoch = state->leader_epoch;
}

enum error partition_state_elect_unclean(struct partition_state *state,
                                         uint32_t broker_id,
                                         const struct live_brokers *live)
{
    const struct live_broker *broker = live_broker_find(live, broker_id);

    if (state->leader != NO_BROKER)
        return ERROR_ELECTION_NOT_NEEDED;
    if (broker == NULL || !broker->reported ||
        !partition_state_has_replica(state, broker_id))
        return ERROR_INELIGIBLE_REPLICA;
    elect_with_less(state,
                    (struct replica){broker->broker_id, broker->broker_epoch});
    state->partition_epoch++;
    return ERROR_NONE;
}

static bool remove_older(struct replica_set *set, uint32_t broker_id,
                         uint64_t broker_epoch)
{
    const struct replica *member = find(set, broker_id);

    if (member == NULL || member->broker_epoch >= broker_epoch)
        return false;
    replica_set_remove(set, broker_id);
    return true;
}

bool partition_state_replica_lost(struct partition_state *state,
                                  uint32_t broker_id, uint64_t broker_epoch)
{
    struct replica_set isr = state->isr;
    struct replica_set lossy = {1, {{broker_id, broker_epoch}}};
    bool changed;

    if (state->fresh)
        return false;
    changed = remove_older(&state->eligible, broker_id, broker_epoch);
    if (remove_older(&isr, broker_id, broker_epoch)) {
        partition_state_set_isr(state, &isr, &lossy);
        if (state->leader == broker_id)
            set_leader(state, NO_BROKER);
        changed = true;
    }
    if (changed && state->lazy && state->isr.count == 0 &&
        state->eligible.count == 0)
        elect_with_less(state, lossy.members[0]);
    if (changed)
        state->partition_epoch++;
    return changed;
}

bool partition_state_may_cut(const struct partition_state *state,
                             uint32_t last_epoch, int64_t high_watermark,
                             int64_t end_offset)
{
    return end_offset >= high_watermark || state->lazy ||
           last_epoch < state->unclean_epoch;
}

bool partition_state_spares(const struct partition_state *state,
                            uint32_t broker_id)
{
    return state->leader != NO_BROKER && state->leader != broker_id &&
           !replica_set_has(&state->isr, broker_id) &&
           !replica_set_has(&state->eligible, broker_id);
}

bool partition_state_replica_outdone(struct partition_state *state,
                                     uint32_t broker_id, uint32_t leader_epoch,
                                     const struct live_brokers *live)
{
    struct replica_set isr = surviving(&state->isr, live);
    struct replica_set lossy = {1, {{broker_id, 0}}};
    struct partition_state next = *state;

    if (leader_epoch != state->leader_epoch ||
        !partition_state_has_replica(state, broker_id))
        return false;
    replica_set_remove(&isr, broker_id);
    partition_state_set_isr(&next, &isr, &lossy);
    replica_set_remove(&next.eligible, broker_id);
    if (replica_set_has(&next.isr, next.leader))
        set_leader(&next, next.leader);
    else if (!elect(&next, live) || next.leader == NO_BROKER)
        return false; /* it is the only one who has any of it */
    ASSERT(partition_state_spares(&next, broker_id));
    next.partition_epoch++;
    *state = next;
    return true;
}

static enum error check_leader(const struct partition_state *state,
                               const struct replica *leader,
                               uint32_t leader_epoch, uint32_t partition_epoch)
{
    if (leader_epoch != state->leader_epoch)
        return ERROR_FENCED_EPOCH;
    if (state->leader != leader->broker_id ||
        !replica_set_has_epoch(&state->isr, leader->broker_id,
                               leader->broker_epoch))
        return ERROR_NOT_LEADER;
    if (partition_epoch != state->partition_epoch)
        return ERROR_STALE_PARTITION_EPOCH;
    return ERROR_NONE;
}

enum error partition_state_resign(struct partition_state *state,
                                  const struct replica *leader,
                                  uint32_t leader_epoch,
                                  uint32_t partition_epoch)
{
    enum error error =
        check_leader(state, leader, leader_epoch, partition_epoch);

    if (error != ERROR_NONE)
        return error;
    if (!state->handing_over)
        return ERROR_INELIGIBLE_REPLICA;
    ASSERT_INVARIANT(R17, replica_set_has(&state->isr, state->successor));
    set_leader(state, state->successor);
    state->partition_epoch++;
    return ERROR_NONE;
}

enum error partition_state_alter_isr(struct partition_state *state,
                                     const struct replica *leader,
                                     uint32_t leader_epoch,
                                     uint32_t partition_epoch,
                                     const struct replica_set *isr,
                                     const struct live_brokers *live)
{
    enum error error =
        check_leader(state, leader, leader_epoch, partition_epoch);

    if (error != ERROR_NONE)
        return error;
    if (!replica_set_has_epoch(isr, leader->broker_id, leader->broker_epoch))
        return ERROR_INELIGIBLE_REPLICA;
    for (uint32_t i = 0; i < isr->count; i++) {
        const struct replica *member = &isr->members[i];
        const struct live_broker *broker =
            live_broker_find(live, member->broker_id);

        if (broker == NULL || broker->broker_epoch != member->broker_epoch ||
            !partition_state_has_replica(state, member->broker_id) ||
            (broker->leaving &&
             !replica_set_has(&state->isr, member->broker_id)))
            return ERROR_INELIGIBLE_REPLICA;
    }
    partition_state_set_isr(state, isr, NULL);
    state->fresh = state->fresh && isr->count < state->min;
    state->partition_epoch++;
    return ERROR_NONE;
}

static int64_t position_of(const struct replica *replica,
                           const struct replica_position *positions,
                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (positions[i].replica.broker_id == replica->broker_id &&
            positions[i].replica.broker_epoch == replica->broker_epoch)
            return positions[i].counted_offset;
    return NO_POSITION;
}

static int64_t minimum_over(int64_t minimum, const struct replica_set *set,
                            const struct replica_position *positions,
                            uint32_t count)
{
    for (uint32_t i = 0; i < set->count; i++) {
        int64_t at = position_of(&set->members[i], positions, count);

        if (at < minimum)
            minimum = at;
    }
    return minimum;
}

bool positions_reach(int64_t offset, const struct replica_set *set,
                     const struct replica_position *positions,
                     uint32_t position_count)
{
    return minimum_over(INT64_MAX, set, positions, position_count) >= offset;
}

int64_t high_watermark_next(int64_t current, uint32_t min,
                            const struct replica_set *committed,
                            const struct replica_set *proposed,
                            const struct replica_position *positions,
                            uint32_t position_count)
{
    int64_t next = INT64_MAX;

    ASSERT(committed->count > 0);
    if (committed->count < min)
        return current;
    next = minimum_over(next, committed, positions, position_count);
    if (proposed != NULL)
        next = minimum_over(next, proposed, positions, position_count);
    return next > current ? next : current;
}
