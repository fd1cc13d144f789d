/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition states as they are read: damage is refused, never believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/znode.h"

static uint32_t replicas[] = {1, 2, 3};

/* A state of replicas 1 2 3, with one member in the ISR and one eligible. */
static enum error decode(uint32_t in_sync, uint32_t eligible,
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
    return znode_partition_decode(&node, state);
}

static void sets_hold_replicas_of_the_partition(void **state)
{
    struct partition_state decoded;

    (void)state;
    assert_int_equal(decode(1, 2, &decoded), ERROR_NONE);
    assert_int_equal(decoded.isr.count, 1);
    assert_int_equal(decoded.eligible.count, 1);
    assert_int_equal(decode(4, 2, &decoded), ERROR_CORRUPT);
    assert_int_equal(decode(1, 4, &decoded), ERROR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_hold_replicas_of_the_partition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
