/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of several brokers are told in the order of causes: by time, and none
 * that may come from one that was not read yet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/real/internal.h"

#define TOLD_MAX 8

struct place {
    struct world_observer observer;
    struct world world;
    struct node nodes[2];
    struct node *pointers[2];
    FILE *files[2];
    char paths[2][32];
    unsigned told_by[TOLD_MAX];
    int64_t told[TOLD_MAX]; /* end offsets */
    size_t count;
};

static void on_fact(struct world_observer *observer, struct node *node,
                    const struct fact *fact)
{
    struct place *place = container_of(observer, struct place, observer);

    assert_int_equal(fact->type, FACT_DURABLE);
    assert_int_equal(fact->key.topic_id.bytes[15], 0xab);
    place->told_by[place->count] = node->index;
    place->told[place->count++] = fact->end_offset;
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    place->observer.on_fact = on_fact;
    place->world.options.observer = &place->observer;
    place->world.nodes = place->pointers;
    place->world.node_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        int fd;

        snprintf(place->paths[i], sizeof place->paths[i], "/tmp/facts-XXXXXX");
        fd = mkstemp(place->paths[i]);
        assert_true(fd >= 0);
        place->files[i] = fdopen(fd, "w");
        place->pointers[i] = &place->nodes[i];
        place->nodes[i].index = i;
        place->nodes[i].facts.fd = -1;
        facts_open(&place->nodes[i].facts, place->paths[i]);
    }
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;

    for (unsigned i = 0; i < 2; i++) {
        fclose(place->files[i]);
        unlink(place->paths[i]);
        facts_close(&place->nodes[i].facts);
    }
    free(place->world.telling.told);
    free(place);
    return 0;
}

/* A broker writes that it is durable below `end`, `ago_us` ago. */
static void write_fact(struct place *place, unsigned node, int64_t ago_us,
                       int64_t end)
{
    fprintf(
        place->files[node],
        "{\"at_us\":%lld,\"fact\":\"durable\",\"topic_id\":"
        "\"000000000000000000000000000000ab\",\"partition\":3,"
        "\"leader_epoch\":1,\"offset\":0,\"end_offset\":%lld,\"value\":0}\n",
        (long long)(real_now_us() - ago_us), (long long)end);
    fflush(place->files[node]);
}

static void facts_are_told_by_time(void **state)
{
    struct place *place = *state;

    write_fact(place, 0, 5000, 1);
    write_fact(place, 0, 1000, 4);
    write_fact(place, 1, 4000, 2);
    write_fact(place, 1, 3000, 3);
    facts_tell(&place->world);
    assert_int_equal(place->count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(place->told[i], i + 1);
    assert_int_equal(place->told_by[0], 0);
    assert_int_equal(place->told_by[1], 1);
    assert_int_equal(place->told_by[3], 0);
}

static void what_was_written_meanwhile_waits(void **state)
{
    struct place *place = *state;

    write_fact(place, 0, -20000, 2); /* as if it were written soon */
    write_fact(place, 1, 1000, 1);
    facts_tell(&place->world);
    assert_int_equal(place->count, 1);
    assert_int_equal(place->told[0], 1);
    usleep(25000);
    facts_tell(&place->world);
    assert_int_equal(place->count, 2);
    assert_int_equal(place->told[1], 2);
}

static void half_a_line_waits_for_the_rest(void **state)
{
    struct place *place = *state;

    fputs("{\"at_us\":1,\"fact\":\"durable\",\"topic_id\":", place->files[0]);
    fflush(place->files[0]);
    facts_tell(&place->world);
    assert_int_equal(place->count, 0);
    fputs("\"000000000000000000000000000000ab\",\"partition\":3,"
          "\"leader_epoch\":1,\"offset\":0,\"end_offset\":9,\"value\":0}\n",
          place->files[0]);
    fflush(place->files[0]);
    facts_tell(&place->world);
    assert_int_equal(place->count, 1);
    assert_int_equal(place->told[0], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_are_told_by_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_written_meanwhile_waits, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(half_a_line_waits_for_the_rest, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
