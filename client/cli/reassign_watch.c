/* SPDX-License-Identifier: Apache-2.0
 *
 * kq cluster reassign watch: how far partitions are, again and again, until
 * nothing is being reassigned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/reassign.h"

#define POLL_MS    500
#define LINE_MS    3000 /* a line, where there is no terminal */
#define LEADER_MS  2000 /* for a leader to say how far replicas are */
#define BAR_CELLS  20
#define LEFT_LINES 10 /* partitions that are named at the time-out */

/* A partition that was seen on its way. */
struct move {
    char *topic;
    int32_t partition;
    int64_t records; /* to copy, of all new replicas together */
    int64_t copied;
    bool under_way;
};

struct watch {
    struct move *moves;
    size_t count;
    size_t next; /* where the next one is looked for first */
    int64_t begun_ms;
    int64_t line_ms;       /* when the next line is due */
    int64_t copied_before; /* when it was first seen */
    /* sums */
    size_t done;
    int64_t records;
    int64_t copied;
    struct progress progress;
};

/* ---- what was seen ---- */

static bool is_move(const struct move *move, const char *topic,
                    int32_t partition)
{
    return move->partition == partition && strcmp(move->topic, topic) == 0;
}

/* They come in the same order each time. */
static struct move *find_move(struct watch *watch, const char *topic,
                              int32_t partition)
{
    struct move *move;

    for (size_t i = 0; i < watch->count; i++) {
        size_t at = (watch->next + i) % watch->count;

        if (!is_move(&watch->moves[at], topic, partition))
            continue;
        watch->next = at + 1;
        return &watch->moves[at];
    }
    watch->moves =
        realloc(watch->moves, (watch->count + 1) * sizeof *watch->moves);
    if (watch->moves == NULL)
        abort();
    move = &watch->moves[watch->count++];
    *move = (struct move){.topic = strdup(topic), .partition = partition};
    if (move->topic == NULL)
        abort();
    return move;
}

/* Who leads or is in sync has all. */
static bool has_all(const struct kq_partition *partition, int32_t broker)
{
    for (size_t i = 0; i < partition->isr_count; i++)
        if (partition->isr[i] == broker)
            return true;
    return partition->leader == broker;
}

/* What is not known stays as it was. */
static void see(struct watch *watch, const char *topic, int32_t number,
                const struct kq_partition *partition)
{
    struct move *move = find_move(watch, topic, number);
    int64_t records = partition->copy_end_offset - partition->copy_start_offset;

    move->under_way = true;
    if (partition->copy_end_offset < 0)
        return;
    move->records = move->copied = 0;
    for (size_t i = 0; i < partition->adding_count; i++) {
        const struct kq_new_replica *adding = &partition->adding[i];
        int64_t copied = adding->copied_offset - partition->copy_start_offset;

        if (has_all(partition, adding->broker))
            copied = records;
        move->records += records;
        move->copied += copied < 0 ? 0 : copied > records ? records : copied;
    }
}

static void see_all(struct watch *watch, const struct kq_cluster *cluster)
{
    for (size_t i = 0; i < watch->count; i++)
        watch->moves[i].under_way = false;
    for (size_t i = 0; i < cluster->topic_count; i++)
        for (size_t k = 0; k < cluster->topics[i].partition_count; k++)
            if (is_reassigned(&cluster->topics[i].partitions[k]))
                see(watch, cluster->topics[i].name, (int32_t)k,
                    &cluster->topics[i].partitions[k]);
}

static void add_up(struct watch *watch)
{
    watch->done = 0;
    watch->records = watch->copied = 0;
    for (size_t i = 0; i < watch->count; i++) {
        struct move *move = &watch->moves[i];

        if (!move->under_way) {
            move->copied = move->records;
            watch->done++;
        }
        watch->records += move->records;
        watch->copied += move->copied;
    }
}

/* ---- output ---- */

/* 950, 12.3k, 4.5M. */
static const char *in_short(int64_t number, char text[16])
{
    static const char units[] = "kMGT";
    double value = (double)number;
    int unit = -1;

    while (value >= 1000 && unit < 3) {
        value /= 1000;
        unit++;
    }
    if (unit < 0)
        snprintf(text, 16, "%d", (int)number);
    else
        snprintf(text, 16, "%.1f%c", value, units[unit]);
    return text;
}

static void format_seconds(int64_t seconds, char text[32])
{
    if (seconds < 60)
        snprintf(text, 32, "%llds", (long long)seconds);
    else if (seconds < 3600)
        snprintf(text, 32, "%lldm%02llds", (long long)seconds / 60,
                 (long long)seconds % 60);
    else
        snprintf(text, 32, "%lldh%02lldm", (long long)seconds / 3600,
                 (long long)seconds / 60 % 60);
}

/* "1.2k/s, 40s left"; nothing while it is not known. */
static const char *format_rate(const struct watch *watch, char text[64])
{
    int64_t elapsed_ms = now_ms() - watch->begun_ms;
    int64_t copied = watch->copied - watch->copied_before;
    int64_t left = watch->records - watch->copied;
    char rate[16], seconds[32];

    *text = '\0';
    if (elapsed_ms <= 0 || copied <= 0)
        return text;
    format_seconds(
        (int64_t)((double)left * (double)elapsed_ms / (double)copied / 1000),
        seconds);
    snprintf(
        text, 64, ", %s/s, %s left",
        in_short((int64_t)((double)copied * 1000 / (double)elapsed_ms), rate),
        seconds);
    return text;
}

/* Of 1000; the bar is full only when all are done. */
static int share(const struct watch *watch)
{
    if (watch->records > 0)
        return (int)((double)watch->copied / (double)watch->records * 999);
    return (int)(watch->done * 999 / (watch->count + 1));
}

static void show(struct watch *watch)
{
    char copied[16], records[16], rate[64], bar[BAR_CELLS + 1];
    int part = share(watch);

    in_short(watch->copied, copied);
    in_short(watch->records, records);
    format_rate(watch, rate);
    if (progress_due(&watch->progress)) {
        memset(bar, '.', BAR_CELLS);
        memset(bar, '#', (size_t)(part * BAR_CELLS / 1000));
        bar[BAR_CELLS] = '\0';
        progress_show(&watch->progress, "[%s] %d%% %zu/%zu done, %s/%s%s", bar,
                      part / 10, watch->done, watch->count, copied, records,
                      rate);
    }
    if (watch->progress.terminal || now_ms() < watch->line_ms)
        return;
    watch->line_ms = now_ms() + LINE_MS;
    printf("%zu of %zu partitions done, %s of %s records copied%s\n",
           watch->done, watch->count, copied, records, rate);
    fflush(stdout);
}

static int finish(const struct watch *watch)
{
    char copied[16];

    if (watch->count == 0)
        printf("nothing is being reassigned\n");
    else
        printf("done: %zu partitions, %s records copied\n", watch->count,
               in_short(watch->copied, copied));
    return EXIT_DONE;
}

/* Which are left, and how far. */
static int give_up(const struct watch *watch, const char *why)
{
    size_t left = watch->count - watch->done, named = 0;

    if (watch->count == 0)
        return fail(EXIT_ENVIRONMENT, "cannot describe the cluster: %s", why);
    for (size_t i = 0; i < watch->count && named < LEFT_LINES; i++) {
        const struct move *move = &watch->moves[i];

        if (!move->under_way)
            continue;
        printf("%s/%d: %lld of %lld records copied\n", move->topic,
               move->partition, (long long)move->copied,
               (long long)move->records);
        named++;
    }
    if (left > named)
        printf("... and %zu more\n", left - named);
    return fail(EXIT_ENVIRONMENT,
                "%s: %zu of %zu partitions are still being "
                "reassigned, which goes on",
                why, left, watch->count);
}

/* ---- the loop ---- */

static int64_t limit(int64_t deadline_ms, int64_t timeout_ms)
{
    int64_t left = deadline_ms - now_ms();

    return left < 1 ? 1 : left < timeout_ms ? left : timeout_ms;
}

/* NULL: nothing is being reassigned; else why it ended before that. */
static const char *watch_moves(struct kq_client *client, struct watch *watch,
                               int64_t deadline_ms)
{
    for (;;) {
        struct kq_cluster *cluster;
        bool first = watch->count == 0;
        enum kq_error error =
            kq_moves_describe(client, limit(deadline_ms, REQUEST_TIMEOUT_MS),
                              limit(deadline_ms, LEADER_MS), &cluster);

        if (error == KQ_ERROR_NONE) {
            see_all(watch, cluster);
            add_up(watch);
            kq_cluster_free(cluster);
            if (watch->done == watch->count)
                return NULL;
            if (first)
                watch->copied_before = watch->copied;
            show(watch);
        }
        if (interrupted())
            return "interrupted";
        if (now_ms() >= deadline_ms)
            return "the time is over";
        if (error != KQ_ERROR_NONE)
            return kq_error_sentence(error);
        sleep_ms(limit(deadline_ms, POLL_MS));
    }
}

int reassign_watch(struct kq_client *client,
                   const struct reassign_command *command)
{
    struct watch watch = {.begun_ms = now_ms()};
    int64_t deadline_ms =
        command->timeout_ms > 0 ? now_ms() + command->timeout_ms : INT64_MAX;
    const char *why;
    int code;

    interrupt_catch();
    progress_init(&watch.progress);
    why = watch_moves(client, &watch, deadline_ms);
    progress_end(&watch.progress);
    code = why == NULL ? finish(&watch) : give_up(&watch, why);
    for (size_t i = 0; i < watch.count; i++)
        free(watch.moves[i].topic);
    free(watch.moves);
    return code;
}
