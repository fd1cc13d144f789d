/* SPDX-License-Identifier: Apache-2.0
 *
 * One function a kind of step, and one to undo it where it can be.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/workload/step.h"

#define ROT_SPAN      16384
#define HEAL_AGAIN_US 100000

static void tell(struct run *run, const struct party *party, const char *what)
{
    char name[16];

    party_name(party, name);
    run_say(run, name, CHRONICLE_STEP, what);
}

static bool is_paused(const struct node *node)
{
    return node_is_up(node) && node_is_paused(node);
}

/* ---- ends and starts ---- */

static void zookeeper_stop(struct run *run, unsigned number)
{
    if (run->zookeeper_down[number - 1])
        return;
    run->zookeeper_down[number - 1] = true;
    world_zookeeper_crash(run->world, number);
}

static void zookeeper_start(struct run *run, unsigned number)
{
    if (!run->zookeeper_down[number - 1])
        return;
    run->zookeeper_down[number - 1] = false;
    world_zookeeper_start(run->world, number);
}

static void end(struct run *run, const struct party *party, enum node_crash how)
{
    struct broker_host *host;

    if (party->node == NULL) {
        zookeeper_stop(run, party->number);
        return;
    }
    host = run_broker(run, party->node);
    if (host != NULL)
        host->planned = true;
    if (node_is_up(party->node))
        node_crash(party->node, how);
}

static void start(struct run *run, const struct party *party)
{
    struct broker_host *host;

    if (party->node == NULL) {
        zookeeper_start(run, party->number);
        return;
    }
    host = run_broker(run, party->node);
    if (host != NULL)
        broker_host_start(host);
    else if (!node_is_up(party->node))
        node_start(party->node);
}

static void stop(struct run *run, const struct party *party)
{
    struct broker_host *host;

    if (party->node == NULL) {
        zookeeper_stop(run, party->number);
        return;
    }
    host = run_broker(run, party->node);
    if (host == NULL) {
        end(run, party, NODE_CRASH_PROCESS);
        return;
    }
    host->planned = true;
    if (node_is_up(party->node))
        node_stop(party->node);
}

static void wipe(struct run *run, const struct party *party)
{
    struct broker_host *host =
        party->node ? run_broker(run, party->node) : NULL;

    if (host == NULL)
        return;
    end(run, party, NODE_CRASH_PROCESS);
    node_wipe_disk(party->node);
    host->damaged = false;
    judge_time(run->judge, world_now_us(run->world));
    judge_node(run->judge, host->index, NODE_WIPED);
}

/* To the judge it is another disk, which may hold something. */
static void old_image(struct run *run, const struct party *party)
{
    struct broker_host *host = run_broker(run, party->node);

    end(run, party, NODE_CRASH_PROCESS);
    node_restore_disk(party->node);
    host->damaged = false;
    judge_time(run->judge, world_now_us(run->world));
    judge_node(run->judge, host->index, NODE_WIPED);
}

/* ---- log directories ---- */

static void fail_directory(struct run *run, const struct party *party,
                           int64_t directory, bool fails)
{
    struct broker_host *host =
        party->node ? run_broker(run, party->node) : NULL;
    char name[DIRECTORY_NAME_BYTES];

    if (host == NULL)
        return;
    run_directory_name(run, directory, name);
    node_fail_directory(party->node, name, fails);
    if (fails)
        host->failed |= 1u << directory;
    else
        host->failed &= ~(1u << directory);
}

/* A broker takes a directory back when it starts. */
static void start_anew(struct run *run, const struct party *party)
{
    end(run, party, NODE_CRASH_PROCESS);
    start(run, party);
}

static void replica_is_gone(struct run *run, const struct broker_host *host,
                            const char *name, const struct partition_key *key)
{
    char id[UUID_TEXT_SIZE], path[128];

    uuid_format(&key->topic_id, id);
    snprintf(path, sizeof path, "%s/%s-%u", name, id, key->partition);
    if (node_has_path(host->node, path))
        judge_replica(run->judge, host->index, key, NODE_WIPED);
}

static void replace_directory(struct run *run, const struct party *party,
                              int64_t directory)
{
    struct broker_host *host =
        party->node ? run_broker(run, party->node) : NULL;
    char name[DIRECTORY_NAME_BYTES];

    if (host == NULL)
        return;
    end(run, party, NODE_CRASH_PROCESS);
    run_directory_name(run, directory, name);
    judge_time(run->judge, world_now_us(run->world));
    for (size_t i = 0; i < run->scenario->topic_count; i++)
        for (uint32_t k = 0; k < run->topics[i].partition_count; k++) {
            struct partition_key key = run_key(run, i, k);

            replica_is_gone(run, host, name, &key);
        }
    node_wipe_directory(party->node, name);
    fail_directory(run, party, directory, false);
}

/* ---- clocks and disks ---- */

static void jump(struct run *run, const struct party *party, int64_t by_ms)
{
    struct broker_host *host;

    if (party->node == NULL) {
        /* one for all servers, whose times are the leader's */
        if (party->number == 1)
            world_zookeeper_clock_jump(run->world, by_ms);
        run->zookeeper_skew_ms += party->number == 1 ? by_ms : 0;
        return;
    }
    host = run_broker(run, party->node);
    if (host != NULL)
        host->skew_ms += by_ms;
    node_clock_jump(party->node, by_ms);
}

/* A bit of the first segment, if it is not there of the few bytes it has. */
static void rot(struct run *run, const struct party *party,
                const struct scenario_step *step)
{
    struct partition_key key =
        run_key(run, (size_t)step->topic, (uint32_t)step->partition);
    struct broker_host *host =
        party->node ? run_broker(run, party->node) : NULL;
    char id[UUID_TEXT_SIZE], path[128], name[DIRECTORY_NAME_BYTES];
    uint64_t offset;

    if (host == NULL)
        return;
    uuid_format(&key.topic_id, id);
    for (int64_t i = 1; i <= run->scenario->log_dirs; i++) {
        run_directory_name(run, i, name);
        snprintf(path, sizeof path, "%s/%s-%u/%020d.log", name, id,
                 key.partition, 0);
        if (node_has_path(party->node, path))
            break;
    }
    offset = step->byte > 0
                 ? (uint64_t)step->byte
                 : world_random_below(run->world, NULL, RANDOM_ROT, ROT_SPAN);
    while (!node_rot(party->node, path, offset) && offset > 0)
        offset /= 2;
    judge_time(run->judge, world_now_us(run->world));
    judge_node(run->judge, host->index, NODE_DAMAGED);
}

/* ---- znodes ---- */

/* One that is damaged, and what was there. */
struct saved_znode {
    struct list node; /* run->znodes */
    const struct scenario_step *step;
    char *bytes;
    int size;
};

#define FLIPPED_BYTE 5 /* of a topic's znode: of its id */

static const char garbage[] = "\xff\xff written by hand";

static int flipped_byte(const struct scenario_step *step)
{
    return step->byte > 0 ? (int)step->byte : FLIPPED_BYTE;
}

/* What lies in its place, in a buffer of at least what was there; its size,
 * or -1: nothing at all. */
static int damaged_bytes(const struct saved_znode *saved, char *bytes)
{
    switch (saved->step->damage) {
    case ZNODE_GARBAGE:
        memcpy(bytes, garbage, sizeof garbage);
        return (int)sizeof garbage;
    case ZNODE_EMPTY:
        return 0;
    case ZNODE_FLIPPED:
        memcpy(bytes, saved->bytes, (size_t)saved->size);
        bytes[flipped_byte(saved->step)] ^= 1;
        return saved->size;
    case ZNODE_REMOVED:
        break;
    }
    return -1;
}

/* It lies there, or is looked for. */
static bool put_damage(struct run *run, const struct saved_znode *saved,
                       bool look)
{
    const char *path = saved->step->znode;
    char *bytes = calloc(1, (size_t)saved->size + sizeof garbage);
    char *found = NULL;
    bool same = false;
    int size;

    if (bytes == NULL)
        abort();
    size = damaged_bytes(saved, bytes);
    if (look)
        same = world_zookeeper_read(run->world, path, &found) == size &&
               (size <= 0 || memcmp(found, bytes, (size_t)size) == 0);
    else
        same = world_zookeeper_put(run->world, path, bytes, size);
    free(found);
    free(bytes);
    return same;
}

static struct saved_znode *find_znode(struct run *run, const char *path)
{
    list_for_each (at, &run->znodes) {
        struct saved_znode *saved = container_of(at, struct saved_znode, node);

        if (strcmp(saved->step->znode, path) == 0)
            return saved;
    }
    return NULL;
}

static void forget_znode(struct saved_znode *saved)
{
    list_remove(&saved->node);
    free(saved->bytes);
    free(saved);
}

static void tell_znode(struct run *run, const struct scenario_step *step,
                       const char *what)
{
    char text[300];

    snprintf(text, sizeof text, "%s %s, %s", what, step->znode,
             znode_damage_name(step->damage));
    run_say(run, "", CHRONICLE_STEP, text);
}

/* False when it is not taken, or was damaged before. */
static bool damage_znode(struct run *run, const struct scenario_step *step)
{
    int least = step->damage == ZNODE_FLIPPED ? flipped_byte(step) : -1;
    struct saved_znode *saved;

    if (find_znode(run, step->znode) != NULL)
        return false;
    saved = calloc(1, sizeof *saved);
    if (saved == NULL)
        abort();
    saved->step = step;
    saved->size = world_zookeeper_read(run->world, step->znode, &saved->bytes);
    list_append(&run->znodes, &saved->node);
    if (saved->size > least && put_damage(run, saved, false)) {
        tell_znode(run, step, "damage-znode");
        return true;
    }
    forget_znode(saved);
    return false;
}

static void restore_znode(struct run *run, struct saved_znode *saved)
{
    const char *path = saved->step->znode;

    if (put_damage(run, saved, true)) { /* nobody made it anew */
        if (!world_zookeeper_put(run->world, path, saved->bytes, saved->size))
            return; /* the end of faults tries again */
        tell_znode(run, saved->step, "written back:");
    }
    forget_znode(saved);
}

void act_release(struct run *run)
{
    list_for_each_safe (at, &run->znodes)
        forget_znode(container_of(at, struct saved_znode, node));
}

/* ---- links ---- */

static void each_link(struct run *run, const struct act *act, bool cut)
{
    for (size_t i = 0; i < act->count; i++) {
        for (size_t j = 0; j < act->other_count; j++) {
            char a[16], b[16];

            if (act->parties[i].node == act->others[j].node &&
                act->parties[i].number == act->others[j].number)
                continue;
            party_name(&act->parties[i], a);
            party_name(&act->others[j], b);
            if (cut)
                world_cut(run->world, a, b, act->step->one_way);
            else
                world_heal(run->world, a, b);
        }
    }
}

static bool link_resolve(struct run *run, struct act *act)
{
    act->count = run_resolve(run, &act->step->from, act->parties);
    act->other_count = run_resolve(run, &act->step->to, act->others);
    return act->count > 0 && act->other_count > 0;
}

/* ---- topics ---- */

static void create_topic(struct run *run, size_t index)
{
    run->topics[index].wanted = true;
}

static void delete_topic(struct run *run, size_t index)
{
    struct run_topic *topic = &run->topics[index];

    topic->wanted = false;
    if (!topic->exists)
        return;
    topic->exists = false;
    topic->deleting = true;
    memset(topic->additions, 0, sizeof topic->additions);
    memset(topic->moves, 0, sizeof topic->moves);
    judge_time(run->judge, world_now_us(run->world));
    judge_topic_gone(run->judge, &topic->id);
}

/* False while as many wait as there may be. */
static bool alter_topic(struct run *run, const struct scenario_step *step)
{
    struct run_topic *topic = &run->topics[step->topic];

    if (topic->alteration_count == ALTERATIONS_MAX)
        return false;
    topic->alterations[topic->alteration_count++] = &step->config;
    settings_apply(&step->config, &topic->judged);
    judge_time(run->judge, world_now_us(run->world));
    judge_alter(run->judge, (size_t)step->topic, &topic->judged);
    return true;
}

/* False while as many wait as there may be, or there is no topic. */
static bool add_partitions(struct run *run, const struct scenario_step *step)
{
    struct run_topic *topic = &run->topics[step->topic];

    for (size_t i = 0; topic->exists && i < ADDITIONS_MAX; i++) {
        if (topic->additions[i].to != 0)
            continue;
        topic->additions[i].to = (uint32_t)step->partitions;
        return true;
    }
    return false;
}

static void truncate_partition(struct run *run,
                               const struct scenario_step *step)
{
    struct partition_key key =
        run_key(run, (size_t)step->topic, (uint32_t)step->partition);
    int64_t *to =
        &run->topics[step->topic].partitions[step->partition].truncate_to;

    if (*to < step->before)
        *to = step->before;
    judge_time(run->judge, world_now_us(run->world));
    judge_order(run->judge, &key, step->before);
}

static void elect_uncleanly(struct run *run, const struct scenario_step *step)
{
    struct partition_key key =
        run_key(run, (size_t)step->topic, (uint32_t)step->partition);

    judge_time(run->judge, world_now_us(run->world));
    judge_unclean(run->judge, &key);
    run->topics[step->topic].partitions[step->partition].lead_by =
        (uint32_t)step->broker;
}

/* ---- by kind ---- */

static void act_one(struct run *run, const struct scenario_step *step,
                    const struct party *party)
{
    switch (step->action) {
    case STEP_KILL:
        end(run, party, NODE_CRASH_PROCESS);
        break;
    case STEP_POWER_CUT:
        end(run, party, NODE_CRASH_POWER);
        break;
    case STEP_STOP:
        stop(run, party);
        break;
    case STEP_START:
        start(run, party);
        break;
    case STEP_PAUSE:
        if (party->node && node_is_up(party->node) && !is_paused(party->node))
            node_pause(party->node);
        break;
    case STEP_RESUME:
        if (party->node && is_paused(party->node))
            node_resume(party->node);
        break;
    case STEP_EXPIRE:
        if (party->node)
            world_zookeeper_expire(run->world, party->node);
        break;
    case STEP_CLOCK_JUMP:
        jump(run, party, step->by_ms);
        break;
    case STEP_WIPE:
        wipe(run, party);
        break;
    case STEP_SAVE_IMAGE:
        node_save_disk(party->node);
        break;
    case STEP_OLD_IMAGE:
        old_image(run, party);
        break;
    case STEP_ROT:
        rot(run, party, step);
        break;
    case STEP_DISK_CAPACITY:
        if (party->node)
            node_set_disk_capacity(party->node,
                                   step->bytes < 0 ? node_disk_used(party->node)
                                                   : (uint64_t)step->bytes);
        break;
    case STEP_DISK_FAILS:
        fail_directory(run, party, step->directory, true);
        break;
    case STEP_DISK_REPLACED:
        replace_directory(run, party, step->directory);
        break;
    default:
        break;
    }
}

/* Images are of brokers' disks, and must have been taken. */
static bool can(struct run *run, const struct scenario_step *step,
                const struct party *party)
{
    if (step->action != STEP_SAVE_IMAGE && step->action != STEP_OLD_IMAGE)
        return true;
    return party->node != NULL && run_broker(run, party->node) != NULL &&
           (step->action == STEP_SAVE_IMAGE || node_has_image(party->node));
}

static bool on_nodes(struct run *run, struct act *act)
{
    const struct scenario_step *step = act->step;

    for (size_t i = 0; i < step->target_count; i++) {
        struct party found[PARTIES_MAX];
        size_t count = run_resolve(run, &step->targets[i], found);

        if (count == 0)
            return false;
        for (size_t j = 0; j < count && act->count < PARTIES_MAX; j++)
            act->parties[act->count++] = found[j];
    }
    for (size_t i = 0; i < act->count; i++)
        if (!can(run, step, &act->parties[i]))
            return false;
    for (size_t i = 0; i < act->count; i++) {
        tell(run, &act->parties[i], step_name(step->action));
        act_one(run, step, &act->parties[i]);
    }
    return true;
}

bool act_do(struct run *run, struct act *act)
{
    const struct scenario_step *step = act->step;

    switch (step->action) {
    case STEP_CUT:
    case STEP_HEAL:
        if (step->from.kind == TARGET_NOBODY) {
            world_heal_all(run->world);
            return true;
        }
        if (!link_resolve(run, act))
            return false;
        tell(run, &act->parties[0], step_name(step->action));
        each_link(run, act, step->action == STEP_CUT);
        return true;
    case STEP_DAMAGE_ZNODE:
        return damage_znode(run, step);
    case STEP_CREATE_TOPIC:
        create_topic(run, (size_t)step->topic);
        return true;
    case STEP_DELETE_TOPIC:
        delete_topic(run, (size_t)step->topic);
        return true;
    case STEP_TRUNCATE:
        truncate_partition(run, step);
        return true;
    case STEP_ELECT_UNCLEANLY:
        elect_uncleanly(run, step);
        return true;
    case STEP_ALTER_TOPIC:
        return alter_topic(run, step);
    case STEP_ADD_PARTITIONS:
        return add_partitions(run, step);
    case STEP_REASSIGN:
    case STEP_CANCEL_REASSIGN:
        return run_move(run, step);
    default:
        return on_nodes(run, act);
    }
}

static void undo_one(struct run *run, const struct scenario_step *step,
                     const struct party *party)
{
    switch (step->action) {
    case STEP_KILL:
    case STEP_POWER_CUT:
    case STEP_STOP:
    case STEP_WIPE:
    case STEP_DISK_REPLACED:
    case STEP_OLD_IMAGE:
        start(run, party);
        break;
    case STEP_DISK_FAILS:
        fail_directory(run, party, step->directory, false);
        start_anew(run, party);
        break;
    case STEP_PAUSE:
        if (party->node && is_paused(party->node))
            node_resume(party->node);
        break;
    case STEP_CLOCK_JUMP:
        jump(run, party, -step->by_ms);
        break;
    case STEP_DISK_CAPACITY:
        if (party->node)
            node_set_disk_capacity(party->node, DISK_BYTES_UNBOUND);
        break;
    default:
        break;
    }
}

static void tell_undone(struct run *run, const struct scenario_step *step,
                        const struct party *party)
{
    char what[64];

    snprintf(what, sizeof what, "%s is undone", step_name(step->action));
    tell(run, party, what);
}

void act_undo(struct run *run, const struct act *act)
{
    struct saved_znode *saved = act->step->action == STEP_DAMAGE_ZNODE
                                    ? find_znode(run, act->step->znode)
                                    : NULL;

    if (saved != NULL) {
        restore_znode(run, saved);
        return;
    }
    if (act->step->action == STEP_CUT) {
        each_link(run, act, false);
        tell_undone(run, act->step, &act->parties[0]);
        return;
    }
    for (size_t i = 0; i < act->count; i++) {
        tell_undone(run, act->step, &act->parties[i]);
        undo_one(run, act->step, &act->parties[i]);
    }
}

/* ---- the end of all faults ---- */

static void heal_node(struct run *run, struct node *node)
{
    struct party party = {node, 0};

    if (is_paused(node))
        node_resume(node);
    start(run, &party);
}

/* One that goes on without a directory would do so for ever. */
static void heal_directories(struct run *run, struct broker_host *host)
{
    struct party party = {host->node, 0};
    bool offline = host->failed != 0 || host->fenced;

    for (int64_t i = 1; i <= run->scenario->log_dirs; i++)
        if (host->failed & 1u << i)
            fail_directory(run, &party, i, false);
    if (offline && run->scenario->log_dirs > 1)
        end(run, &party, NODE_CRASH_PROCESS);
}

/* As soon as there is a quorum. */
static void heal_znodes(struct run *run, size_t number)
{
    (void)number;
    list_for_each_safe (at, &run->znodes)
        restore_znode(run, container_of(at, struct saved_znode, node));
    if (!list_empty(&run->znodes))
        run_later(run, HEAL_AGAIN_US, heal_znodes, 0);
}

void run_steps_heal(struct run *run)
{
    const struct scenario *scenario = run->scenario;

    world_heal_all(run->world);
    world_zookeeper_clock_jump(run->world, -run->zookeeper_skew_ms);
    run->zookeeper_skew_ms = 0;
    for (unsigned i = 1; i <= (unsigned)scenario->zookeepers; i++)
        zookeeper_start(run, i);
    for (int64_t i = 0; i < scenario->brokers; i++) {
        struct broker_host *host = &run->brokers[i];

        node_set_disk_capacity(host->node, DISK_BYTES_UNBOUND);
        if (host->skew_ms != 0)
            node_clock_jump(host->node, -host->skew_ms);
        host->skew_ms = 0;
        heal_directories(run, host);
        host->again = host->planned && node_is_up(host->node);
        host->planned = host->again;
        heal_node(run, host->node);
    }
    for (int64_t i = 0; i < scenario->client_count; i++)
        heal_node(run, run->clients[i].node);
    if (!list_empty(&run->znodes))
        heal_znodes(run, 0);
}
