/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition states as they are read: damage is refused, never believed, and
 * what was written is what is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/znode.h"
#include "real/loop.h"
#include "seam/memory.h"

static uint32_t replicas[] = {1, 2, 3};

/* A state of replicas 1 2 3, with one member in the ISR and one eligible. */
static const char *decode(uint32_t in_sync, uint32_t eligible,
                          struct partition_state *state)
{
    Kq__PartitionState node = KQ__PARTITION_STATE__INIT;
    Kq__ReplicaEpoch first = KQ__REPLICA_EPOCH__INIT;
    Kq__ReplicaEpoch second = KQ__REPLICA_EPOCH__INIT;
    Kq__ReplicaEpoch *isr[] = {&first};
    Kq__ReplicaEpoch *others[] = {&second};

    first.broker_id = in_sync;
    second.broker_id = eligible;
    node.n_replicas = 3;
    node.replicas = replicas;
    node.n_isr = 1;
    node.isr = isr;
    node.n_eligible = 1;
    node.eligible = others;
    node.min = 1;
    return znode_partition_decode(&node, state);
}

static void sets_hold_replicas_of_the_partition(void **state)
{
    struct partition_state decoded;

    (void)state;
    assert_null(decode(1, 2, &decoded));
    assert_int_equal(decoded.isr.count, 1);
    assert_int_equal(decoded.eligible.count, 1);
    assert_non_null(decode(4, 2, &decoded));
    assert_non_null(decode(1, 4, &decoded));
}

/* A state that is well, but for what the caller then changes. */
struct written {
    Kq__PartitionState node;
    Kq__ReplicaEpoch epochs[2];
    Kq__ReplicaEpoch *isr[2];
    uint32_t replicas[REPLICAS_MAX + 1];
};

static Kq__PartitionState *written(struct written *to)
{
    kq__partition_state__init(&to->node);
    for (uint32_t i = 0; i < 2; i++) {
        kq__replica_epoch__init(&to->epochs[i]);
        to->epochs[i].broker_id = i + 1;
        to->isr[i] = &to->epochs[i];
    }
    for (uint32_t i = 0; i <= REPLICAS_MAX; i++)
        to->replicas[i] = i + 1;
    to->node.replicas = to->replicas;
    to->node.n_replicas = 3;
    to->node.isr = to->isr;
    to->node.n_isr = 2;
    to->node.has_leader = 1;
    to->node.leader = 2;
    to->node.leader_epoch = 5;
    to->node.min = 2;
    return &to->node;
}

static void assert_wrong(const Kq__PartitionState *node, const char *words)
{
    struct partition_state decoded;
    const char *wrong = znode_partition_decode(node, &decoded);

    if (wrong == NULL || strstr(wrong, words) == NULL)
        fail_msg("'%s' does not say '%s'", wrong ? wrong : "", words);
}

static void what_cannot_be_is_named(void **state)
{
    struct partition_state decoded;
    struct written to;

    (void)state;
    assert_null(znode_partition_decode(written(&to), &decoded));
    written(&to)->n_replicas = 0;
    assert_wrong(&to.node, "no replicas");
    written(&to)->n_replicas = REPLICAS_MAX + 1;
    assert_wrong(&to.node, "more than 16");
    written(&to)->replicas[2] = 1;
    assert_wrong(&to.node, "named twice");
    written(&to)->replicas[2] = (uint32_t)INT32_MAX + 1;
    assert_wrong(&to.node, "there cannot be");
    written(&to);
    to.epochs[1].broker_id = 1;
    assert_wrong(&to.node, "in sync or eligible is named twice");
    written(&to)->leader = 3;
    assert_wrong(&to.node, "leader is not in sync");
    written(&to)->leader_epoch = (uint32_t)INT32_MAX + 1;
    assert_wrong(&to.node, "epoch is negative");
    written(&to)->has_unclean_epoch = 1;
    to.node.unclean_epoch = 6;
    assert_wrong(&to.node, "unclean epoch");
    written(&to)->min = 0;
    assert_wrong(&to.node, "min");
    written(&to)->min = 4;
    assert_wrong(&to.node, "min");
    written(&to)->log_start_floor = UINT64_MAX;
    assert_wrong(&to.node, "floor is negative");
    written(&to)->has_successor = 1;
    to.node.successor = 2;
    assert_wrong(&to.node, "follow its leader");
    written(&to)->n_removing = 1;
    to.node.removing = to.replicas;
    assert_wrong(&to.node, "reassignment");
}

/* 1 and 2 had it, 3 comes and 2 goes: all of the original are there, and who is
 * to go stands last. */
static Kq__PartitionState *moved(struct written *to)
{
    static uint32_t original[REPLICAS_MAX], added, removed;

    written(to);
    original[0] = 1;
    original[1] = 2;
    added = 3;
    removed = 2;
    to->replicas[1] = 3;
    to->replicas[2] = 2;
    to->node.original = original;
    to->node.n_original = 2;
    to->node.adding = &added;
    to->node.n_adding = 1;
    to->node.removing = &removed;
    to->node.n_removing = 1;
    return &to->node;
}

static void a_reassignment_that_cannot_be_is_named(void **state)
{
    struct partition_state decoded;
    struct written to;

    (void)state;
    assert_null(znode_partition_decode(moved(&to), &decoded));
    assert_int_equal(decoded.target_count, 2);
    assert_int_equal(decoded.original_count, 2);
    assert_int_equal(decoded.copy_rate, 0);
    moved(&to)->has_copy_rate = 1;
    to.node.copy_rate = 1000;
    assert_null(znode_partition_decode(&to.node, &decoded));
    assert_int_equal(decoded.copy_rate, 1000);
    moved(&to)->n_original = 0; /* but somebody comes and goes */
    assert_wrong(&to.node, "reassignment");
    moved(&to)->n_original = 0;
    to.node.n_removing = 0;
    assert_wrong(&to.node, "reassignment");
    moved(&to)->n_original = 4;
    assert_wrong(&to.node, "reassignment");
    moved(&to)->n_removing = 3; /* nobody would stay */
    to.node.removing = to.replicas;
    assert_wrong(&to.node, "reassignment");
    moved(&to)->original[1] = 1;
    assert_wrong(&to.node, "reassignment");
    moved(&to)->original[1] = 9;
    assert_wrong(&to.node, "reassignment");
    moved(&to)->removing[0] = 1;
    assert_wrong(&to.node, "reassignment");
}

static void a_successor_that_cannot_be_is_named(void **state)
{
    struct partition_state decoded;
    struct written to;

    (void)state;
    written(&to)->has_successor = 1;
    to.node.successor = 1;
    assert_null(znode_partition_decode(&to.node, &decoded));
    assert_true(decoded.handing_over);
    to.node.successor = 3;
    assert_wrong(&to.node, "follow its leader");
    to.node.successor = 1;
    to.node.has_leader = 0;
    assert_wrong(&to.node, "follow its leader");
}

static void assert_same(const struct partition_state *a,
                        const struct partition_state *b)
{
    assert_int_equal(a->replica_count, b->replica_count);
    assert_memory_equal(a->replicas, b->replicas,
                        a->replica_count * sizeof a->replicas[0]);
    assert_int_equal(a->leader, b->leader);
    assert_int_equal(a->leader_epoch, b->leader_epoch);
    assert_int_equal(a->partition_epoch, b->partition_epoch);
    assert_true(replica_set_equal(&a->isr, &b->isr));
    assert_true(replica_set_equal(&a->eligible, &b->eligible));
    assert_int_equal(a->min, b->min);
    assert_int_equal(a->lazy, b->lazy);
    assert_int_equal(a->fresh, b->fresh);
    assert_int_equal(a->log_start_floor, b->log_start_floor);
    assert_int_equal(a->unclean_epoch, b->unclean_epoch);
}

static void a_state_is_read_as_it_was_written(void **state)
{
    struct loop_options options = {.heap_bytes_max = 1u << 20};
    struct loop *loop = loop_new(&options);
    struct heap *heap = loop_seam(loop)->heap;
    const struct uuid id = {{7}};
    struct partition_state states[2] = {
        {.replica_count = 2,
         .replicas = {3, 1},
         .leader = 1,
         .leader_epoch = 4,
         .partition_epoch = 9,
         .isr = {1, {{1, 100}}},
         .eligible = {1, {{3, 200}}},
         .min = 2,
         .lazy = true,
         .log_start_floor = 77,
         .unclean_epoch = 3},
        {.replica_count = 1,
         .replicas = {2},
         .leader = NO_BROKER,
         .min = 1,
         .fresh = true},
    };
    struct bytes data = znode_chunk_encode(heap, &id, 0, states, 2);
    struct partition_state decoded;
    void *block;
    Kq__PartitionStates *node =
        znode_unpack(heap, &kq__partition_states__descriptor, data, &block);

    (void)state;
    assert_non_null(node);
    assert_int_equal(node->n_partitions, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_null(znode_partition_decode(node->partitions[i], &decoded));
        assert_same(&states[i], &decoded);
    }
    heap_free(heap, block);
    heap_free(heap, (void *)(uintptr_t)data.data);
    loop_free(loop);
}

static void names_of_topics_are_names_of_znodes(void **state)
{
    char name[251];

    (void)state;
    memset(name, 'a', sizeof name);
    name[249] = '\0';
    assert_true(topic_name_valid(name));
    assert_true(topic_name_valid("Orders_2.eu-west"));
    assert_true(topic_name_valid("..."));
    name[249] = 'a';
    name[250] = '\0';
    assert_false(topic_name_valid(name));
    assert_false(topic_name_valid(""));
    assert_false(topic_name_valid("."));
    assert_false(topic_name_valid(".."));
    assert_false(topic_name_valid("a/b"));
    assert_false(topic_name_valid("a b"));
    assert_false(topic_name_valid("\xc3\xa4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_hold_replicas_of_the_partition),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(a_reassignment_that_cannot_be_is_named),
        cmocka_unit_test(a_successor_that_cannot_be_is_named),
        cmocka_unit_test(names_of_topics_are_names_of_znodes),
        cmocka_unit_test(a_state_is_read_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
