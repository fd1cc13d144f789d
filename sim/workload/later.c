/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls at a time to come. The run owns them: what has not come when it is
 * over is freed with it.
 */
#include <stdlib.h>

#include "sim/workload/internal.h"

struct later {
    struct list node; /* run->pending */
    struct run *run;
    void (*call)(struct run *run, size_t index);
    size_t index;
};

static void due(void *context)
{
    struct later *later = context;
    struct run *run = later->run;
    void (*call)(struct run * run, size_t index) = later->call;
    size_t index = later->index;

    list_remove(&later->node);
    free(later);
    call(run, index);
}

void run_later(struct run *run, int64_t delay_us,
               void (*call)(struct run *run, size_t index), size_t index)
{
    struct later *later = malloc(sizeof *later);

    if (later == NULL)
        abort();
    later->run = run;
    later->call = call;
    later->index = index;
    list_append(&run->pending, &later->node);
    world_at(run->world, world_now_us(run->world) + delay_us, due, later);
}

void run_later_release(struct run *run)
{
    struct list *node;

    while ((node = list_pop(&run->pending)) != NULL)
        free(container_of(node, struct later, node));
}
