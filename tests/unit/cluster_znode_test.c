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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_hold_replicas_of_the_partition),
        cmocka_unit_test(a_state_is_read_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
