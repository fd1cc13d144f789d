/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a disk may be damaged without a word. Replication promises to survive
 * this much and no more: of each partition one replica, the first that it
 * befalls; there segments below the recovery point that a loss of power would
 * leave; and only while another replica that is up holds all of that, and
 * knows that it is committed; never where the others may be told to go. Without
 * a bound all may be damaged.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "log/format.h"
#include "log/small_file.h"
#include "sim/workload/internal.h"

#define CHECKPOINT_BYTES 65536

/* A segment of a partition. */
struct site {
    struct partition_key key;
    int64_t base_offset;
    size_t directory; /* the part of the path that holds the log */
};

static bool site_of(const char *path, struct site *site)
{
    const char *name = strrchr(path, '/');
    const char *log = name;
    char text[64];

    if (name == NULL ||
        !segment_name_parse(name + 1, "log", &site->base_offset))
        return false;
    while (log > path && log[-1] != '/')
        log--;
    if ((size_t)(name - log) >= sizeof text || log == path)
        return false;
    memcpy(text, log, (size_t)(name - log));
    text[name - log] = '\0';
    site->directory = (size_t)(log - path);
    return parse_log_name(text, &site->key);
}

static bool find_stored(const uint8_t *file, size_t size,
                        const struct partition_key *key,
                        struct stored_log *stored)
{
    struct cursor cursor;
    struct uuid boot_id;
    uint32_t count;

    if (small_file_inspect(file, size, CHECKPOINT_MAGIC, false) !=
        SMALL_FILE_WHOLE)
        return false;
    cursor_init(&cursor, file + SMALL_FILE_HEADER_BYTES,
                size - SMALL_FILE_HEADER_BYTES);
    if (!checkpoint_head_decode(&cursor, &boot_id, &count))
        return false;
    while (count-- > 0 && stored_log_decode(&cursor, stored))
        if (key_compare(&stored->key, key) == 0)
            return true;
    return false;
}

static bool stored_of(struct broker_host *host, const char *path,
                      const struct site *site, struct stored_log *stored)
{
    uint8_t *file = malloc(CHECKPOINT_BYTES);
    char name[256];
    size_t size;
    bool found;

    if (file == NULL)
        abort();
    snprintf(name, sizeof name, "%.*scheckpoint", (int)site->directory, path);
    size = node_stored(host->node, name, file, CHECKPOINT_BYTES);
    found = find_stored(file, size, &site->key, stored);
    free(file);
    return found;
}

/* NULL too where steps leave one replica, for a while: that may be the one. */
static struct run_partition *partition_of(struct run *run,
                                          const struct partition_key *key)
{
    for (size_t i = 0; i < run->scenario->topic_count; i++)
        if (run->topics[i].exists &&
            uuid_equal(&run->topics[i].id, &key->topic_id) &&
            run->scenario->topics[i].replicas_least > 1)
            return &run->topics[i].partitions[key->partition];
    return NULL;
}

enum damage_time atlas_time(struct run *run, struct broker_host *host,
                            const struct disk_place *place)
{
    struct run_partition *partition;
    struct stored_log stored;
    struct site site;

    if (run->scenario->unbounded)
        return DAMAGE_NOW;
    if (!site_of(place->path, &site))
        return DAMAGE_NEVER;
    partition = partition_of(run, &site.key);
    if (partition == NULL ||
        (partition->damaged != 0 && partition->damaged != host->index + 1))
        return DAMAGE_NEVER;
    if (!stored_of(host, place->path, &site, &stored) ||
        stored.recovery.segment < site.base_offset ||
        (stored.recovery.segment == site.base_offset &&
         stored.recovery.position < place->offset + place->length) ||
        !judge_others_hold(run->judge, &site.key, host->index, site.base_offset,
                           stored.recovery.offset))
        return DAMAGE_LATER;
    return DAMAGE_NOW;
}

void atlas_damaged(struct run *run, struct broker_host *host,
                   const struct disk_place *place)
{
    struct run_partition *partition;
    struct site site;

    host->damaged = true;
    run_say(run, node_name(host->node), CHRONICLE_STEP, "its disk is damaged");
    judge_time(run->judge, world_now_us(run->world));
    judge_node(run->judge, host->index, NODE_DAMAGED);
    if (!site_of(place->path, &site))
        return;
    partition = partition_of(run, &site.key);
    if (partition != NULL)
        partition->damaged = host->index + 1;
}
