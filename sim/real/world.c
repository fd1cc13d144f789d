/* SPDX-License-Identifier: Apache-2.0
 *
 * Time and what is to happen, in the real world. Nothing waits longer than
 * LOOK_US for a process to be looked at.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/real/internal.h"

#define LOOK_US     5000
#define PROGRESS_US 500000

static struct world *the_world;
static const struct real_options *the_options;
static volatile sig_atomic_t interrupted;
static bool failing; /* the program ends: nothing is waited for */
static char stop_problem[LINE_BYTES];

const char *real_stop_problem(void)
{
    return stop_problem[0] != '\0' ? stop_problem : NULL;
}

void real_options_set(const struct real_options *options)
{
    the_options = options;
}

const struct real_options *real_options(void)
{
    return the_options;
}

int64_t real_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- the end ---- */

static void progress_end(void)
{
    if (the_options->title != NULL)
        fputs("\r\033[K", stderr);
}

void real_failed(const char *format, ...)
{
    va_list arguments;

    failing = true;
    progress_end();
    fputs("kqreal: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    world_free(the_world);
    exit(3);
}

static void on_signal(int signal)
{
    interrupted = signal;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void real_heed_signals(void)
{
    if (!interrupted)
        return;
    failing = true;
    world_free(the_world);
    real_remove(the_options->directory);
    real_failed("interrupted");
}

/* ---- life ---- */

struct world *world_new(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof *world);

    ASSERT(world != NULL && the_world == NULL && the_options != NULL);
    catch_signals();
    the_world = world;
    world->options = *options;
    list_init(&world->calls);
    queue_init(&world->queue);
    streams_init(&world->streams, options->seed, "");
    snprintf(world->directory, sizeof world->directory, "%s",
             the_options->directory);
    world->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (world->epoll_fd < 0)
        real_failed("no descriptor is left: %s", strerror(errno));
    if (!network_is_there())
        world->block = place_choose();
    world->start_us = real_now_us();
    return world;
}

struct call {
    struct happening happening;
    struct list link;
    void (*call)(void *context);
    void *context;
};

void world_free(struct world *world)
{
    struct list *link;

    if (world == NULL)
        return;
    the_world = NULL; /* what fails from here on ends the program at once */
    progress_end();
    world->options.observer = NULL;
    zookeeper_look(world);
    if (!failing && real_server_problem() == NULL)
        nodes_stop(world, stop_problem); /* for which they need the servers */
    zookeeper_look(world);
    for (uint32_t i = 0; i < world->node_count; i++)
        node_release(world->nodes[i]);
    znodes_end(world);
    zookeeper_end(world);
    network_end(world);
    faults_release(world);
    while ((link = list_pop(&world->calls)) != NULL)
        free(container_of(link, struct call, link));
    queue_release(&world->queue);
    streams_release(&world->streams);
    if (world->epoll_fd >= 0)
        close(world->epoll_fd);
    free(world->telling.told);
    free(world->nodes);
    free(world->assertion);
    free(world);
}

/* ---- calls ---- */

static void call_run(struct happening *happening)
{
    struct call *call = container_of(happening, struct call, happening);
    struct call copy = *call;

    list_remove(&call->link);
    free(call);
    copy.call(copy.context);
}

void world_at(struct world *world, int64_t at_us, void (*function)(void *),
              void *context)
{
    struct call *call = calloc(1, sizeof *call);

    ASSERT(call != NULL);
    call->happening.run = call_run;
    call->call = function;
    call->context = context;
    list_append(&world->calls, &call->link);
    if (at_us < world->queue.now_us) /* the clock has gone on meanwhile */
        at_us = world->queue.now_us;
    queue_add(&world->queue, &call->happening, at_us);
}

/* ---- what happens ---- */

void world_catch_up(struct world *world)
{
    facts_tell(world);
}

static bool is_done(bool (*done)(void *context), void *context)
{
    return done != NULL && done(context);
}

static bool run_due(struct world *world, bool (*done)(void *context),
                    void *context)
{
    struct happening *next;

    while ((next = queue_take(&world->queue, world_now_us(world))) != NULL) {
        world->events++;
        next->run(next);
        if (is_done(done, context))
            return true;
    }
    return false;
}

static void show_progress(struct world *world)
{
    int64_t now_us = world_now_us(world);

    if (the_options->title == NULL || now_us < world->progress_us + PROGRESS_US)
        return;
    world->progress_us = now_us;
    fprintf(stderr, "\r%s: %.0f s\033[K", the_options->title,
            (double)now_us / 1e6);
}

/* Until something is due, or may have happened. */
static void rest(struct world *world, int64_t until_us)
{
    int64_t next_us = queue_next_us(&world->queue);
    int64_t now_us = world_now_us(world);
    int64_t due_us = nodes_due_us(world) - world->start_us;
    int64_t at_us = now_us + LOOK_US;
    struct epoll_event ready[8];

    if (next_us < at_us)
        at_us = next_us;
    if (due_us < at_us)
        at_us = due_us;
    if (until_us < at_us)
        at_us = until_us;
    if (at_us > now_us)
        epoll_wait(world->epoll_fd, ready, 8,
                   (int)((at_us - now_us + 999) / 1000));
}

bool world_run(struct world *world, int64_t until_us,
               bool (*done)(void *context), void *context)
{
    for (;;) {
        real_heed_signals();
        nodes_look(world);
        zookeeper_look(world);
        facts_tell(world);
        if (is_done(done, context) || run_due(world, done, context))
            return true;
        nodes_turn(world);
        if (is_done(done, context))
            return true;
        if (world_now_us(world) >= until_us)
            return false;
        show_progress(world);
        rest(world, until_us);
    }
}

/* ---- questions ---- */

const char *world_name(void)
{
    return "real";
}

int64_t world_now_us(const struct world *world)
{
    return real_now_us() - world->start_us;
}

uint64_t world_events(const struct world *world)
{
    return world->events;
}

const char *world_assertion(const struct world *world)
{
    return world->assertion;
}

uint64_t world_random(struct world *world, struct node *node, uint32_t purpose)
{
    return random_u64(
        streams_find(node ? &node->streams : &world->streams, purpose));
}

uint64_t world_random_below(struct world *world, struct node *node,
                            uint32_t purpose, uint64_t bound)
{
    return random_below(
        streams_find(node ? &node->streams : &world->streams, purpose), bound);
}
