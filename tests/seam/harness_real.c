/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "real/loop.h"
#include "tests/seam/harness.h"

#define WAIT_US 60000000 /* a machine may stand still for a while */

struct harness {
    struct loop *loop;
    char directory[64];
    bool mounted;
    void (*accepted)(const struct event *event);
    char paths[8][512];
    unsigned next_path;
    bool (*done)(void *context);
    void *context;
    struct timer alarm;
    bool rang;
};

static int64_t clock_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void on_event(void *node, const struct event *event)
{
    struct harness *harness = node;

    if (event->type == EVENT_NET_ACCEPTED && harness->accepted != NULL)
        harness->accepted(event);
    else if (event->type != EVENT_NET_ACCEPTED)
        event_dispatch(event);
    if (harness->rang || harness->done(harness->context))
        loop_stop(harness->loop);
}

static void on_alarm(struct timer *timer)
{
    container_of(timer, struct harness, alarm)->rang = true;
}

/* What a test mounts is seen by this process alone and goes with it. Threads
 * made later share that. */
static bool stand_apart(void)
{
    static bool tried, apart;

    if (!tried)
        apart = unshare(CLONE_NEWNS) == 0 &&
                mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    tried = true;
    return apart;
}

struct harness *harness_new(void)
{
    struct harness *harness = calloc(1, sizeof *harness);
    struct loop_options options = {.heap_bytes_max = HARNESS_HEAP_BYTES,
                                   .log_level = TRACE_ERROR,
                                   .name = "test"};

    snprintf(harness->directory, sizeof harness->directory,
             "/tmp/kq-seam-XXXXXX");
    if (mkdtemp(harness->directory) == NULL)
        return NULL;
    stand_apart();
    harness->loop = loop_new(&options);
    harness->alarm.fire = on_alarm;
    return harness;
}

void harness_free(struct harness *harness)
{
    char command[128];

    if (harness == NULL)
        return;
    loop_free(harness->loop);
    if (harness->mounted && umount(harness->directory) != 0)
        perror(harness->directory);
    snprintf(command, sizeof command, "rm -rf '%s'", harness->directory);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", harness->directory);
    free(harness);
}

struct seam *harness_seam(struct harness *harness)
{
    return loop_seam(harness->loop);
}

static void run(struct harness *harness, int64_t us)
{
    struct timers *timers = harness_seam(harness)->timers;

    harness->rang = false;
    timer_start(timers, &harness->alarm, clock_us() + us);
    loop_run(harness->loop, on_event, harness);
    timer_stop(timers, &harness->alarm);
}

void harness_wait(struct harness *harness, bool (*done)(void *context),
                  void *context)
{
    if (done(context))
        return;
    harness->done = done;
    harness->context = context;
    run(harness, WAIT_US);
    if (done(context))
        return;
    /* What still runs cannot be taken down safely: no tear-down. */
    fprintf(stderr, "nothing came within %d s\n", WAIT_US / 1000000);
    abort();
}

static bool never(void *context)
{
    (void)context;
    return false;
}

void harness_pass(struct harness *harness, int64_t us)
{
    harness->done = never;
    run(harness, us);
}

void harness_on_accepted(struct harness *harness,
                         void (*accepted)(const struct event *event))
{
    harness->accepted = accepted;
}

const char *harness_path(struct harness *harness, const char *name)
{
    char *path = harness->paths[harness->next_path++ % 8];

    snprintf(path, sizeof harness->paths[0], "%s/%s", harness->directory, name);
    return path;
}

bool harness_limit_space(struct harness *harness, uint64_t bytes)
{
    char options[64];

    snprintf(options, sizeof options, "size=%llu", (unsigned long long)bytes);
    harness->mounted = stand_apart() && mount("none", harness->directory,
                                              "tmpfs", 0, options) == 0;
    return harness->mounted;
}

bool harness_forbid_writes(struct harness *harness)
{
    return harness->mounted && mount("none", harness->directory, "tmpfs",
                                     MS_REMOUNT | MS_RDONLY, NULL) == 0;
}
