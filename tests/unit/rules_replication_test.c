/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is in sync, who is eligible, who leads, and where the high watermark
 * may stand (R1 to R6 of broker/INVARIANTS.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "rules/replication.h"

#define EPOCH(id) ((uint64_t)(id)*100)

static const uint32_t assignment[] = {1, 2, 3};

/* Brokers by bit: bit n is broker n, at its usual epoch, reported. */
struct cluster {
    struct live_broker brokers[8];
    struct live_brokers live;
};

static void cluster_of(struct cluster *cluster, unsigned bits)
{
    cluster->live = (struct live_brokers){0, cluster->brokers};
    for (uint32_t id = 0; id < 8; id++)
        if (bits & (1u << id))
            cluster->brokers[cluster->live.count++] =
                (struct live_broker){id, EPOCH(id), true, false};
}

static struct live_broker *member(struct cluster *cluster, uint32_t id)
{
    for (uint32_t i = 0; i < cluster->live.count; i++)
        if (cluster->brokers[i].broker_id == id)
            return &cluster->brokers[i];
    fail();
    return NULL;
}

static struct replica_set set_of(unsigned bits)
{
    struct replica_set set = {0};

    for (uint32_t id = 0; id < 8; id++)
        if (bits & (1u << id))
            replica_set_add(&set, (struct replica){id, EPOCH(id)});
    return set;
}

static void assert_set(const struct replica_set *set, unsigned bits)
{
    struct replica_set want = set_of(bits);

    assert_true(replica_set_equal(set, &want));
}

/* min 2, replicas 1 2 3, those of `bits` alive. */
static struct partition_state fresh(unsigned bits)
{
    struct partition_state state;
    struct cluster cluster;

    cluster_of(&cluster, bits);
    partition_state_create(&state, assignment, 3, 2, false, &cluster.live);
    return state;
}

/* The same, and a leader has begun. */
static struct partition_state created(unsigned bits)
{
    struct partition_state state = fresh(bits);

    state.fresh = false;
    return state;
}

#define B1  (1u << 1)
#define B2  (1u << 2)
#define B3  (1u << 3)
#define B4  (1u << 4)
#define ALL (B1 | B2 | B3)

static void live_brokers_are_found(void **state)
{
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, B1 | B3 | B4);
    assert_int_equal(live_broker_find(&cluster.live, 3)->broker_epoch, 300);
    assert_null(live_broker_find(&cluster.live, 0));
    assert_null(live_broker_find(&cluster.live, 2));
    assert_null(live_broker_find(&cluster.live, 5));
    cluster_of(&cluster, 0);
    assert_null(live_broker_find(&cluster.live, 1));
}

static void a_new_partition_has_its_live_replicas_in_sync(void **state)
{
    struct partition_state partition = created(ALL);

    (void)state;
    assert_set(&partition.isr, ALL);
    assert_int_equal(partition.leader, 1);
    assert_int_equal(partition.min, 2);
    partition = created(B2 | B3);
    assert_set(&partition.isr, B2 | B3);
    assert_int_equal(partition.leader, 2);
    partition = created(0);
    assert_int_equal(partition.isr.count, 0);
    assert_int_equal(partition.leader, NO_BROKER);
}

static void min_is_at_most_the_replicas(void **state)
{
    struct partition_state partition;
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, ALL);
    partition_state_create(&partition, assignment, 1, 2, true, &cluster.live);
    assert_int_equal(partition.min, 1);
    assert_true(partition.lazy);
}

/* R5: eligible is nothing at min, else who was in sync and is no more. */
static void eligible_replicas_remember_the_last_in_sync(void **state)
{
    struct partition_state partition = created(ALL);
    struct replica_set isr = set_of(B1 | B2);

    (void)state;
    partition_state_set_isr(&partition, &isr, NULL);
    assert_int_equal(partition.eligible.count, 0);
    isr = set_of(B1);
    partition_state_set_isr(&partition, &isr, NULL);
    assert_set(&partition.eligible, B2);
    isr = set_of(0);
    partition_state_set_isr(&partition, &isr, NULL);
    assert_set(&partition.eligible, B1 | B2);
    isr = set_of(B2);
    partition_state_set_isr(&partition, &isr, NULL);
    assert_set(&partition.eligible, B1);
    isr = set_of(B2 | B3);
    partition_state_set_isr(&partition, &isr, NULL);
    assert_int_equal(partition.eligible.count, 0);
}

static void lossy_replicas_are_not_eligible(void **state)
{
    struct partition_state partition = created(ALL);
    struct replica_set isr = set_of(B1);
    struct replica_set lossy = set_of(B3);

    (void)state;
    partition_state_set_isr(&partition, &isr, &lossy);
    assert_set(&partition.eligible, B2);
}

static void a_dead_leader_is_replaced_from_the_isr(void **state)
{
    struct partition_state partition = created(ALL);
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, B2 | B3);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, 2);
    assert_int_equal(partition.leader_epoch, 1);
    assert_int_equal(partition.partition_epoch, 1);
    assert_set(&partition.isr, B2 | B3);
    assert_false(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.partition_epoch, 1);
}

static void a_dead_follower_changes_no_leader(void **state)
{
    struct partition_state partition = created(ALL);
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, B1 | B2);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, 1);
    assert_int_equal(partition.leader_epoch, 0);
    assert_int_equal(partition.partition_epoch, 1);
}

/* K11: it bounced, the list of ids is the same. */
static void a_bounced_broker_leaves_the_isr(void **state)
{
    struct partition_state partition = created(ALL);
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, ALL);
    member(&cluster, 1)->broker_epoch = 777;
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_set(&partition.isr, B2 | B3);
    assert_int_equal(partition.leader, 2);
}

/* K13: the last one in sync returns; it must say that it is whole first. */
static void an_eligible_replica_leads_only_when_it_reported(void **state)
{
    struct partition_state partition = created(ALL);
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, B1);
    assert_true(partition_state_decide(&partition, &cluster.live));
    cluster_of(&cluster, 0);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, NO_BROKER);
    assert_int_equal(partition.leader_epoch, 1);
    assert_set(&partition.eligible, ALL);
    cluster_of(&cluster, B1);
    member(&cluster, 1)->broker_epoch = 150;
    member(&cluster, 1)->reported = false;
    assert_false(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, NO_BROKER);
    member(&cluster, 1)->reported = true;
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, 1);
    assert_int_equal(partition.leader_epoch, 2);
    assert_true(replica_set_has_epoch(&partition.isr, 1, 150));
    assert_set(&partition.eligible, B2 | B3);
}

/* K13, lossy: another eligible replica leads, this one does not. */
static void a_lossy_replica_does_not_lead(void **state)
{
    struct partition_state partition = created(ALL);
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, 0);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_true(partition_state_replica_lost(&partition, 1, 150));
    assert_set(&partition.eligible, B2 | B3);
    cluster_of(&cluster, B1 | B3);
    member(&cluster, 1)->broker_epoch = 150;
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, 3);
}

static void a_lossy_member_leaves_the_isr_and_the_lead(void **state)
{
    struct partition_state partition = created(ALL);

    (void)state;
    assert_false(partition_state_replica_lost(&partition, 1, 100));
    assert_true(partition_state_replica_lost(&partition, 1, 101));
    assert_set(&partition.isr, B2 | B3);
    assert_int_equal(partition.leader, NO_BROKER);
    assert_int_equal(partition.eligible.count, 0);
    assert_false(partition_state_replica_lost(&partition, 1, 102));
}

/* What it held is fetched again, under an epoch that it has not fetched in. */
static void an_outdone_follower_leaves_under_a_new_epoch(void **state)
{
    struct partition_state partition = created(ALL);
    uint32_t epoch = partition.leader_epoch;
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, ALL);
    assert_false(partition_state_spares(&partition, 2));
    assert_false(partition_state_replica_outdone(&partition, 2, epoch + 1,
                                                 &cluster.live));
    assert_false(
        partition_state_replica_outdone(&partition, 4, epoch, &cluster.live));
    assert_true(
        partition_state_replica_outdone(&partition, 2, epoch, &cluster.live));
    assert_int_equal(partition.leader, 1);
    assert_int_equal(partition.leader_epoch, epoch + 1);
    assert_set(&partition.isr, B1 | B3);
    assert_int_equal(partition.eligible.count, 0);
    assert_true(partition_state_spares(&partition, 2));
    /* once more, by one that has not heard of it */
    assert_false(
        partition_state_replica_outdone(&partition, 2, epoch, &cluster.live));
    /* also when it is not named: it may be, by the time this is written */
    assert_true(partition_state_replica_outdone(&partition, 2, epoch + 1,
                                                &cluster.live));
    assert_int_equal(partition.leader_epoch, epoch + 2);
}

static void an_outdone_leader_gives_way_to_who_has_it_all(void **state)
{
    struct partition_state partition = created(ALL);
    uint32_t epoch = partition.leader_epoch;
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, B1 | B3); /* 2 is gone, and nobody has noticed */
    assert_true(
        partition_state_replica_outdone(&partition, 1, epoch, &cluster.live));
    assert_int_equal(partition.leader, 3);
    assert_int_equal(partition.leader_epoch, epoch + 1);
    assert_set(&partition.isr, B3);
    assert_set(&partition.eligible, B2);
    assert_true(partition_state_spares(&partition, 1));
}

static void nobody_gives_way_when_no_other_can_serve(void **state)
{
    struct partition_state partition = created(ALL);
    struct partition_state before;
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, B1);
    assert_true(partition_state_decide(&partition, &cluster.live));
    before = partition;
    assert_false(partition_state_replica_outdone(
        &partition, 1, partition.leader_epoch, &cluster.live));
    assert_memory_equal(&partition, &before, sizeof before);
    cluster_of(&cluster, B1 | B2);
    member(&cluster, 2)->reported = false; /* it may be lossy itself */
    assert_false(partition_state_replica_outdone(
        &partition, 1, partition.leader_epoch, &cluster.live));
    member(&cluster, 2)->reported = true;
    assert_true(partition_state_replica_outdone(
        &partition, 1, partition.leader_epoch, &cluster.live));
    assert_int_equal(partition.leader, 2);
    assert_set(&partition.isr, B2);
    assert_set(&partition.eligible, B3);
}

/* R10: nothing was written, so there is nothing to lose, until a leader had
 * its ISR accepted; also one with one replica may lead again. */
static void a_fresh_partition_has_nothing_to_lose(void **state)
{
    struct partition_state partition = fresh(ALL);
    struct replica leader = {1, EPOCH(1)};
    struct replica_set isr = set_of(ALL);
    struct cluster cluster;

    (void)state;
    assert_false(partition_state_replica_lost(&partition, 2, 201));
    assert_set(&partition.isr, ALL);
    cluster_of(&cluster, ALL);
    member(&cluster, 1)->broker_epoch = 101;
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_true(partition.fresh);
    partition = fresh(ALL);
    cluster_of(&cluster, ALL);
    assert_int_equal(partition_state_alter_isr(&partition, &leader, 0, 1, &isr,
                                               &cluster.live),
                     ERROR_STALE_PARTITION_EPOCH);
    assert_true(partition.fresh);
    assert_int_equal(partition_state_alter_isr(&partition, &leader, 0, 0, &isr,
                                               &cluster.live),
                     ERROR_NONE);
    assert_false(partition.fresh);
    assert_true(partition_state_replica_lost(&partition, 2, 201));
    assert_set(&partition.isr, B1 | B3);
    partition = fresh(ALL); /* 2 and 3 die before they have logs */
    cluster_of(&cluster, B1);
    assert_true(partition_state_decide(&partition, &cluster.live));
    isr = set_of(B1);
    assert_int_equal(partition_state_alter_isr(&partition, &leader, 0, 1, &isr,
                                               &cluster.live),
                     ERROR_NONE);
    assert_true(partition.fresh);
    assert_false(partition_state_replica_lost(&partition, 2, 201));
    assert_set(&partition.eligible, B2 | B3);
    cluster_of(&cluster, B1 | B2);
    isr = set_of(B1 | B2); /* 2 is `min` */
    assert_int_equal(partition_state_alter_isr(&partition, &leader, 0, 2, &isr,
                                               &cluster.live),
                     ERROR_NONE);
    assert_false(partition.fresh);
    isr = set_of(B1); /* nor will it ever be again */
    assert_int_equal(partition_state_alter_isr(&partition, &leader, 0, 3, &isr,
                                               &cluster.live),
                     ERROR_NONE);
    assert_false(partition.fresh);
    partition_state_create(&partition, assignment, 1, 1, false, &cluster.live);
    cluster_of(&cluster, 0);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_false(partition_state_replica_lost(&partition, 1, 101));
    cluster_of(&cluster, B1);
    member(&cluster, 1)->broker_epoch = 101;
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, 1);
}

struct alter {
    struct partition_state partition;
    struct cluster cluster;
    struct replica leader;
    struct replica_set isr;
};

static enum error alter(struct alter *alter, uint32_t leader_epoch,
                        uint32_t partition_epoch)
{
    return partition_state_alter_isr(&alter->partition, &alter->leader,
                                     leader_epoch, partition_epoch, &alter->isr,
                                     &alter->cluster.live);
}

static void alter_init(struct alter *alter)
{
    alter->partition = created(ALL);
    cluster_of(&alter->cluster, ALL | B4);
    alter->leader = (struct replica){1, EPOCH(1)};
    alter->isr = set_of(B1 | B2);
}

static void a_leader_changes_its_isr(void **state)
{
    struct alter it;

    (void)state;
    alter_init(&it);
    assert_int_equal(alter(&it, 0, 0), ERROR_NONE);
    assert_set(&it.partition.isr, B1 | B2);
    assert_int_equal(it.partition.partition_epoch, 1);
    assert_int_equal(it.partition.leader_epoch, 0);
    it.isr = set_of(ALL);
    assert_int_equal(alter(&it, 0, 1), ERROR_NONE);
    assert_set(&it.partition.isr, ALL);
}

static void assert_refused(struct alter *it, enum error error)
{
    struct partition_state before = it->partition;

    assert_int_equal(alter(it, 0, 0), error);
    assert_memory_equal(&before, &it->partition, sizeof before);
}

static void changes_of_the_isr_are_fenced(void **state)
{
    struct alter it;

    (void)state;
    alter_init(&it);
    assert_int_equal(alter(&it, 1, 0), ERROR_FENCED_EPOCH);
    assert_int_equal(alter(&it, 0, 1), ERROR_STALE_PARTITION_EPOCH);
    it.leader = (struct replica){2, EPOCH(2)};
    assert_refused(&it, ERROR_NOT_LEADER);
    it.leader = (struct replica){1, 99}; /* another life of the leader */
    assert_refused(&it, ERROR_NOT_LEADER);
}

static void the_isr_holds_only_who_may_be_there(void **state)
{
    struct alter it;

    (void)state;
    alter_init(&it);
    it.isr = set_of(B2 | B3); /* without the leader */
    assert_refused(&it, ERROR_INELIGIBLE_REPLICA);
    it.isr = set_of(B1 | B4); /* not assigned */
    assert_refused(&it, ERROR_INELIGIBLE_REPLICA);
    it.isr = set_of(B1 | B2);
    member(&it.cluster, 2)->broker_epoch = 201; /* it bounced meanwhile */
    assert_refused(&it, ERROR_INELIGIBLE_REPLICA);
    cluster_of(&it.cluster, B1);
    assert_refused(&it, ERROR_INELIGIBLE_REPLICA);
}

static struct replica_position at(uint32_t id, int64_t offset)
{
    return (struct replica_position){{id, EPOCH(id)}, offset};
}

static void the_watermark_is_the_minimum_of_the_maximal_isr(void **state)
{
    struct replica_set committed = set_of(B1 | B2);
    struct replica_set proposed = set_of(ALL);
    struct replica_position positions[] = {at(1, 30), at(2, 20), at(3, 10)};

    (void)state;
    assert_int_equal(high_watermark_next(5, 2, &committed, NULL, positions, 3),
                     20);
    assert_int_equal(
        high_watermark_next(5, 2, &committed, &proposed, positions, 3), 10);
    /* a proposed shrink frees nobody before it is committed */
    proposed = set_of(B1);
    assert_int_equal(
        high_watermark_next(5, 2, &committed, &proposed, positions, 3), 20);
}

static void the_watermark_stands_still_below_min(void **state)
{
    struct replica_set committed = set_of(B1);
    struct replica_set proposed = set_of(B1 | B2);
    struct replica_position positions[] = {at(1, 30), at(2, 30)};

    (void)state;
    assert_int_equal(high_watermark_next(5, 2, &committed, NULL, positions, 2),
                     5);
    assert_int_equal(
        high_watermark_next(5, 2, &committed, &proposed, positions, 2), 5);
    assert_int_equal(high_watermark_next(5, 1, &committed, NULL, positions, 2),
                     30);
}

static void the_watermark_waits_for_unknown_positions(void **state)
{
    struct replica_set committed = set_of(B1 | B2);
    struct replica_position positions[] = {at(1, 30), at(2, NO_POSITION)};
    struct replica_position other_life[] = {at(1, 30), {{2, 201}, 30}};

    (void)state;
    assert_int_equal(high_watermark_next(5, 2, &committed, NULL, positions, 2),
                     5);
    assert_int_equal(high_watermark_next(5, 2, &committed, NULL, other_life, 2),
                     5);
    assert_int_equal(high_watermark_next(40, 2, &committed, NULL, positions, 2),
                     40);
}

/* Whatever comes and goes: who leads is in sync, no one is in sync and
 * eligible, all are assigned, epochs never go back. */
static void random_histories_keep_the_rules(void **state)
{
    struct random random;

    (void)state;
    random_init(&random, 20);
    for (unsigned round = 0; round < 2000; round++) {
        struct partition_state partition = created(ALL);
        uint64_t epochs[8] = {0, 100, 200, 300};
        unsigned alive = ALL;

        for (unsigned step = 0; step < 30; step++) {
            struct partition_state before = partition;
            uint32_t id = 1 + (uint32_t)random_below(&random, 3);
            struct cluster cluster;

            alive ^= 1u << id;
            epochs[id]++;
            cluster_of(&cluster, alive);
            for (uint32_t i = 0; i < cluster.live.count; i++) {
                struct live_broker *broker = &cluster.brokers[i];

                broker->broker_epoch = epochs[broker->broker_id];
                broker->reported = random_below(&random, 4) > 0;
            }
            if (random_below(&random, 4) == 0)
                partition_state_replica_lost(&partition, id, epochs[id]);
            if (random_below(&random, 4) == 0 &&
                partition_state_replica_outdone(
                    &partition, id, partition.leader_epoch, &cluster.live)) {
                assert_true(partition_state_spares(&partition, id));
                assert_true(partition.leader_epoch > before.leader_epoch);
            }
            partition_state_decide(&partition, &cluster.live);
            assert_true(partition.leader == NO_BROKER ||
                        replica_set_has(&partition.isr, partition.leader));
            assert_true(partition.leader_epoch >= before.leader_epoch);
            assert_true(partition.leader == before.leader ||
                        partition.leader_epoch > before.leader_epoch);
            for (uint32_t i = 0; i < partition.eligible.count; i++) {
                uint32_t other = partition.eligible.members[i].broker_id;

                assert_false(replica_set_has(&partition.isr, other));
                assert_true(partition_state_has_replica(&partition, other));
            }
            if (partition.isr.count >= partition.min)
                assert_int_equal(partition.eligible.count, 0);
        }
    }
}

/* A lower min lets the ISR commit alone: who is not in it loses its say. */
static void other_settings_change_min_and_lazy(void **state)
{
    struct partition_state partition = created(ALL);
    struct replica_set isr = set_of(B1);
    uint32_t epoch;

    (void)state;
    partition_state_set_isr(&partition, &isr, NULL);
    assert_set(&partition.eligible, B2 | B3);
    epoch = partition.partition_epoch;
    partition_state_configure(&partition, 3, false);
    assert_int_equal(partition.min, 3);
    assert_set(&partition.eligible, B2 | B3);
    assert_false(partition.lazy);
    assert_int_equal(partition.partition_epoch, epoch + 1);
    partition_state_configure(&partition, 9, true);
    assert_int_equal(partition.min, 3);
    assert_true(partition.lazy);
    partition_state_configure(&partition, 1, false);
    assert_int_equal(partition.min, 1);
    assert_set(&partition.eligible, 0);
    assert_set(&partition.isr, B1);
    assert_true(partition.lazy); /* until all are synced */
    assert_int_equal(partition.partition_epoch, epoch + 3);
}

static void a_set_has_come_to_an_offset_when_all_have(void **state)
{
    struct replica_set set = set_of(B1 | B2);
    struct replica_position positions[] = {
        {{1, EPOCH(1)}, 10}, {{2, EPOCH(2)}, 9}, {{3, EPOCH(3)}, 0}};

    (void)state;
    assert_true(positions_reach(9, &set, positions, 3));
    assert_false(positions_reach(10, &set, positions, 3));
    positions[1].replica.broker_epoch++;
    assert_false(positions_reach(0, &set, positions, 3));
}

static void sets_are_equal_member_by_member(void **state)
{
    struct replica_set one = set_of(B1);
    struct replica_set two = set_of(B1 | B2);
    struct replica_set other = set_of(B3);

    (void)state;
    assert_true(replica_set_equal(&two, &two));
    assert_false(replica_set_equal(&one, &two));
    assert_false(replica_set_equal(&two, &one));
    assert_false(replica_set_equal(&one, &other));
    other = set_of(B3 | B2); /* the first one differs, then the last */
    assert_false(replica_set_equal(&other, &two));
    other = set_of(B1 | B3);
    assert_false(replica_set_equal(&other, &two));
    other = set_of(B1 | B2);
    other.members[0].broker_epoch++;
    assert_false(replica_set_equal(&other, &two));
    replica_set_add(&other, one.members[0]); /* again: the epoch is replaced */
    assert_set(&other, B1 | B2);
}

/* What a set, an array or a state holds past its count is left over. */
static void nothing_past_a_count_is_looked_at(void **state)
{
    static const uint32_t four[] = {1, 2, 3, 4};
    struct partition_state partition = created(ALL);
    struct replica_set isr = set_of(B1);
    struct replica_set lossy = set_of(B3);
    struct cluster cluster;

    (void)state;
    isr.members[1] = lossy.members[1] = (struct replica){2, EPOCH(2)};
    assert_false(replica_set_has(&isr, 2));
    partition_state_set_isr(&partition, &isr, &lossy);
    assert_set(&partition.eligible, B2);
    cluster_of(&cluster, ALL | B4);
    partition_state_create(&partition, four, 3, 2, false, &cluster.live);
    assert_set(&partition.isr, ALL);
    partition.replicas[3] = 4;
    assert_false(partition_state_has_replica(&partition, 4));
    partition.isr.members[3] = (struct replica){4, EPOCH(4)};
    assert_false(partition_state_decide(&partition, &cluster.live));
    partition.leader = NO_BROKER;
    partition.isr = set_of(B4);
    assert_false(partition_state_decide(&partition, &cluster.live));
    partition.isr = set_of(0);
    partition.eligible = set_of(B4);
    assert_false(partition_state_decide(&partition, &cluster.live));
}

static void all_who_are_in_sync_or_lossy_are_not_eligible(void **state)
{
    struct partition_state partition = created(ALL);
    struct replica_set isr = set_of(B1 | B2);
    struct replica_set lossy = set_of(B2 | B3);

    (void)state;
    partition.min = 3;
    partition_state_set_isr(&partition, &isr, NULL);
    assert_set(&partition.eligible, B3);
    partition = created(ALL);
    isr = set_of(B1);
    partition_state_set_isr(&partition, &isr, &lossy);
    assert_int_equal(partition.eligible.count, 0);
}

static void the_first_of_the_assignment_is_preferred(void **state)
{
    struct partition_state partition = created(ALL);
    struct cluster cluster;

    (void)state;
    partition.leader = 2;
    cluster_of(&cluster, B1 | B3);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, 1);
    /* a lead that was given up is a change though the ISR is the same */
    cluster_of(&cluster, ALL);
    partition = created(ALL);
    assert_true(partition_state_replica_lost(&partition, 1, 101));
    assert_int_equal(partition.partition_epoch, 1);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, 2);
    assert_int_equal(partition.partition_epoch, 2);
    /* and so is one that nobody can take */
    partition.isr = set_of(0);
    partition.eligible = set_of(0);
    assert_true(partition_state_decide(&partition, &cluster.live));
    assert_int_equal(partition.leader, NO_BROKER);
    assert_int_equal(partition.partition_epoch, 3);
}

/* The price of flush.ms other than 0: the last one leads with what it has. */
static void the_last_of_a_lazy_partition_leads_with_what_it_has(void **state)
{
    struct partition_state partition = created(B1);

    (void)state;
    partition.lazy = true;
    assert_true(partition_state_replica_lost(&partition, 1, 150));
    assert_int_equal(partition.isr.count, 1);
    assert_true(replica_set_has_epoch(&partition.isr, 1, 150));
    assert_int_equal(partition.eligible.count, 0);
    assert_int_equal(partition.leader, 1);
    assert_int_equal(partition.leader_epoch, 2);
    assert_int_equal(partition.unclean_epoch, 2);
    assert_int_equal(partition.partition_epoch, 1);
    /* who was no member is none now */
    partition.leader = NO_BROKER;
    partition.isr = set_of(0);
    assert_false(partition_state_replica_lost(&partition, 3, 999));
    assert_int_equal(partition.leader, NO_BROKER);
    assert_int_equal(partition.partition_epoch, 1);
}

static void what_is_committed_is_cut_where_it_was_not_promised(void **state)
{
    struct partition_state partition = created(B1);

    (void)state;
    assert_true(partition_state_may_cut(&partition, 0, 50, 50));
    assert_false(partition_state_may_cut(&partition, 0, 50, 49));
    partition.lazy = true;
    assert_true(partition_state_may_cut(&partition, 7, 50, 0));
    partition.lazy = false; /* again, but one has led with what it had */
    partition.unclean_epoch = 7;
    assert_true(partition_state_may_cut(&partition, 6, 50, 49));
    assert_false(partition_state_may_cut(&partition, 7, 50, 49));
    assert_true(partition_state_may_cut(&partition, 7, 50, 50));
}

static void a_lossy_one_waits_while_there_is_another(void **state)
{
    struct partition_state partition = created(B1);

    (void)state;
    assert_true(partition_state_replica_lost(&partition, 1, 150));
    assert_int_equal(partition.leader, NO_BROKER); /* not lazy */
    assert_int_equal(partition.unclean_epoch, 0);
    assert_int_equal(partition.isr.count, 0);
    partition = created(B1);
    partition.lazy = true;
    partition.eligible = set_of(B2);
    assert_true(partition_state_replica_lost(&partition, 1, 150));
    assert_int_equal(partition.leader, NO_BROKER);
    assert_set(&partition.eligible, B2);
    partition = created(B1 | B2);
    partition.lazy = true;
    assert_true(partition_state_replica_lost(&partition, 1, 150));
    assert_int_equal(partition.leader, NO_BROKER);
    assert_set(&partition.isr, B2);
}

/* Broker 0 is a broker like any other. */
static void only_the_lossy_one_is_lost(void **state)
{
    struct partition_state partition = created(B1);

    (void)state;
    partition.replicas[1] = 0;
    partition.eligible = set_of(1u << 0 | B3);
    assert_true(partition_state_replica_lost(&partition, 1, 150));
    assert_set(&partition.eligible, 1u << 0 | B3);
}

static void the_first_member_is_judged_too(void **state)
{
    struct alter it;

    (void)state;
    alter_init(&it);
    it.isr = set_of(B4); /* not assigned */
    replica_set_add(&it.isr, it.leader);
    assert_refused(&it, ERROR_INELIGIBLE_REPLICA);
}

static void positions_are_those_of_the_replica(void **state)
{
    const struct replica_set two = {2, {{1, 7}, {2, 7}}};
    const struct replica_position positions[] = {{{1, 7}, 50}, {{2, 7}, 10}};

    (void)state;
    /* of the same epoch, another broker */
    assert_int_equal(high_watermark_next(0, 2, &two, NULL, positions, 2), 10);
    /* one that is not told yet */
    assert_int_equal(high_watermark_next(3, 2, &two, NULL, positions, 1), 3);
}

static void who_gives_way_costs_one_replica_and_one_epoch(void **state)
{
    struct partition_state partition = created(B1 | B3);
    struct cluster cluster;

    (void)state;
    cluster_of(&cluster, B1 | B3);
    partition.replicas[1] = 0;
    partition.eligible = set_of(1u << 0);
    assert_true(
        partition_state_replica_outdone(&partition, 1, 0, &cluster.live));
    assert_int_equal(partition.partition_epoch, 1);
    assert_int_equal(partition.leader, 3);
    assert_set(&partition.eligible, 1u << 0);
}

static void a_replica_is_spared_when_it_is_nothing_to_anybody(void **state)
{
    struct partition_state partition = created(B1);

    (void)state;
    assert_true(partition_state_spares(&partition, 2));
    assert_false(partition_state_spares(&partition, 1));
    partition.eligible = set_of(B2);
    assert_false(partition_state_spares(&partition, 2));
    partition.eligible = set_of(0);
    partition.leader = 2;
    assert_false(partition_state_spares(&partition, 2));
    partition.leader = NO_BROKER;
    assert_false(partition_state_spares(&partition, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_settings_change_min_and_lazy),
        cmocka_unit_test(a_set_has_come_to_an_offset_when_all_have),
        cmocka_unit_test(live_brokers_are_found),
        cmocka_unit_test(a_new_partition_has_its_live_replicas_in_sync),
        cmocka_unit_test(min_is_at_most_the_replicas),
        cmocka_unit_test(eligible_replicas_remember_the_last_in_sync),
        cmocka_unit_test(lossy_replicas_are_not_eligible),
        cmocka_unit_test(a_dead_leader_is_replaced_from_the_isr),
        cmocka_unit_test(a_dead_follower_changes_no_leader),
        cmocka_unit_test(a_bounced_broker_leaves_the_isr),
        cmocka_unit_test(an_eligible_replica_leads_only_when_it_reported),
        cmocka_unit_test(a_lossy_replica_does_not_lead),
        cmocka_unit_test(a_lossy_member_leaves_the_isr_and_the_lead),
        cmocka_unit_test(an_outdone_follower_leaves_under_a_new_epoch),
        cmocka_unit_test(an_outdone_leader_gives_way_to_who_has_it_all),
        cmocka_unit_test(nobody_gives_way_when_no_other_can_serve),
        cmocka_unit_test(a_fresh_partition_has_nothing_to_lose),
        cmocka_unit_test(a_leader_changes_its_isr),
        cmocka_unit_test(changes_of_the_isr_are_fenced),
        cmocka_unit_test(the_isr_holds_only_who_may_be_there),
        cmocka_unit_test(the_watermark_is_the_minimum_of_the_maximal_isr),
        cmocka_unit_test(the_watermark_stands_still_below_min),
        cmocka_unit_test(the_watermark_waits_for_unknown_positions),
        cmocka_unit_test(random_histories_keep_the_rules),
        cmocka_unit_test(sets_are_equal_member_by_member),
        cmocka_unit_test(nothing_past_a_count_is_looked_at),
        cmocka_unit_test(all_who_are_in_sync_or_lossy_are_not_eligible),
        cmocka_unit_test(the_first_of_the_assignment_is_preferred),
        cmocka_unit_test(the_last_of_a_lazy_partition_leads_with_what_it_has),
        cmocka_unit_test(what_is_committed_is_cut_where_it_was_not_promised),
        cmocka_unit_test(a_lossy_one_waits_while_there_is_another),
        cmocka_unit_test(only_the_lossy_one_is_lost),
        cmocka_unit_test(the_first_member_is_judged_too),
        cmocka_unit_test(positions_are_those_of_the_replica),
        cmocka_unit_test(who_gives_way_costs_one_replica_and_one_epoch),
        cmocka_unit_test(a_replica_is_spared_when_it_is_nothing_to_anybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
