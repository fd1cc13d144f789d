/* SPDX-License-Identifier: Apache-2.0
 *
 * One turn: wait for descriptors; then what threads have posted, disk
 * completions, what the network put off, timers; last, send what was queued.
 * Monotonic time is CLOCK_BOOTTIME: a lease runs out during a suspend too.
 */
#include "real/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "real/internal.h"

#define EVENTS_PER_TURN 256

void loop_clock(struct loop *loop, struct moment *now)
{
    struct timespec time;

    (void)loop;
    clock_gettime(CLOCK_BOOTTIME, &time);
    now->monotonic_us = (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
    clock_gettime(CLOCK_REALTIME, &time);
    now->wall_ms = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void loop_deliver(struct loop *loop, struct event *event)
{
    loop_clock(loop, &event->now);
    loop->seam.now = event->now;
    loop->on_event(loop->node, event);
}

bool loop_watch(struct loop *loop, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0;
}

void loop_rewatch(struct loop *loop, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_unwatch(struct loop *loop, struct source *source)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

void loop_wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t ignored = write(loop->wake_fd, &one, sizeof one);

    (void)ignored; /* full: it will wake anyway */
}

static void wake_ready(struct source *source, uint32_t events)
{
    uint64_t count;
    ssize_t ignored = read(source->fd, &count, sizeof count);

    (void)ignored;
    (void)events;
}

static void signals_ready(struct source *source, uint32_t events)
{
    struct loop *loop = container_of(source, struct loop, signals);
    struct signalfd_siginfo info;
    struct event event = {.type = EVENT_STOP};

    (void)events;
    if (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop_deliver(loop, &event);
}

/* ---- making ---- */

static void read_boot_id(struct uuid *id)
{
    char text[64] = {0};
    char digits[UUID_TEXT_SIZE] = {0};
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    size_t count = 0;

    if (fd < 0)
        return;
    if (read(fd, text, sizeof text - 1) > 0)
        for (const char *at = text; *at && count < UUID_TEXT_SIZE - 1; at++)
            if (*at != '-' && *at != '\n')
                digits[count++] = *at;
    close(fd);
    if (!uuid_parse(digits, id))
        memset(id, 0, sizeof *id);
}

static bool open_signals(struct loop *loop)
{
    sigset_t set;

    loop->signal_fd = -1;
    if (!loop->options.handle_signals)
        return true;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    loop->signals = (struct source){signals_ready, loop->signal_fd, false};
    return loop->signal_fd >= 0 && loop_watch(loop, &loop->signals, EPOLLIN);
}

static bool open_descriptors(struct loop *loop)
{
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->wake = (struct source){wake_ready, loop->wake_fd, false};
    return loop->epoll_fd >= 0 && loop->wake_fd >= 0 &&
           loop_watch(loop, &loop->wake, EPOLLIN) && open_signals(loop);
}

struct loop *loop_new(const struct loop_options *options)
{
    struct loop *loop = calloc(1, sizeof *loop);
    struct seam *seam;

    if (loop == NULL)
        return NULL;
    loop->options = *options;
    if (options->handle_signals) /* else they are the program's */
        signal(SIGPIPE, SIG_IGN);
    seam = &loop->seam;
    if (!open_descriptors(loop)) {
        loop_free(loop);
        return NULL;
    }
    seam->heap = heap_new(options->heap_bytes_max);
    seam->trace = trace_new(loop);
    seam->timers = timers_new(loop);
    seam->inbox = inbox_new(loop);
    seam->disk = options->without_disk ? NULL : disk_new(loop);
    seam->net = net_new(loop);
    if (!seam->heap || !seam->trace || !seam->timers || !seam->inbox ||
        (!seam->disk && !options->without_disk) || !seam->net ||
        getrandom(&seam->random_key, sizeof seam->random_key, 0) < 0) {
        loop_free(loop);
        return NULL;
    }
    read_boot_id(&seam->boot_id);
    loop_clock(loop, &seam->now);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    net_destroy(loop->seam.net);
    disk_destroy(loop->seam.disk);
    inbox_destroy(loop->seam.inbox);
    timers_destroy(loop->seam.timers);
    trace_destroy(loop->seam.trace);
    heap_destroy(loop->seam.heap);
    if (loop->signal_fd > 0)
        close(loop->signal_fd);
    if (loop->wake_fd > 0)
        close(loop->wake_fd);
    if (loop->epoll_fd > 0)
        close(loop->epoll_fd);
    free(loop);
}

struct seam *loop_seam(struct loop *loop)
{
    return &loop->seam;
}

/* ---- running ---- */

static int sleep_ms(struct loop *loop, bool more)
{
    struct moment now;
    int64_t us;

    if (more)
        return 0;
    loop_clock(loop, &now);
    us = timers_next(loop->seam.timers, now.monotonic_us);
    if (us < 0)
        return 60000;
    return us > 60000000 ? 60000 : (int)((us + 999) / 1000);
}

/* True: more is to do at once. */
static bool turn(struct loop *loop, int wait_ms)
{
    struct epoll_event ready[EVENTS_PER_TURN];
    int count = epoll_wait(loop->epoll_fd, ready, EVENTS_PER_TURN, wait_ms);
    bool more;

    for (int i = 0; i < count && !loop->stop; i++) {
        struct source *source = ready[i].data.ptr;

        if (!source->dead)
            source->ready(source, ready[i].events);
    }
    inbox_run(loop->seam.inbox);
    if (loop->seam.disk != NULL)
        disk_run(loop->seam.disk);
    timers_run(loop->seam.timers);
    more = net_run(loop->seam.net);
    net_bury(loop->seam.net);
    return more;
}

void loop_run(struct loop *loop,
              void (*on_event)(void *node, const struct event *event),
              void *node)
{
    bool more = true;

    loop->on_event = on_event;
    loop->node = node;
    while (!loop->stop)
        more = turn(loop, sleep_ms(loop, more));
    loop->stop = false;
}

int64_t loop_turn(struct loop *loop,
                  void (*on_event)(void *node, const struct event *event),
                  void *node)
{
    struct moment now;
    bool more;
    int64_t us;

    loop->on_event = on_event;
    loop->node = node;
    more = turn(loop, 0);
    loop_clock(loop, &now);
    us = more ? 0 : timers_next(loop->seam.timers, now.monotonic_us);
    return us < 0 ? INT64_MAX : now.monotonic_us + us;
}

int loop_descriptor(const struct loop *loop)
{
    return loop->epoll_fd;
}

bool loop_at_rest(const struct loop *loop)
{
    return loop->seam.disk == NULL || disk_in_flight(loop->seam.disk) == 0;
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}
