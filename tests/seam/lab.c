/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seam/lab.h"

#include <stdio.h>
#include <string.h>

#include "sim/internal.h"

static void *on_start(struct node *node, struct seam *seam, void *context)
{
    struct lab_node *lab_node = context;

    (void)node;
    lab_node->seam = seam;
    if (lab_node->started != NULL)
        lab_node->started(lab_node);
    return lab_node;
}

static void on_event(void *object, const struct event *event)
{
    struct lab_node *lab_node = object;

    if (event->type == EVENT_NET_ACCEPTED) {
        if (lab_node->accepted != NULL)
            lab_node->accepted(lab_node, event);
    } else if (event->type == EVENT_STOP) {
        if (lab_node->stopped != NULL)
            lab_node->stopped(lab_node);
    } else {
        event_dispatch(event);
    }
}

const struct node_kind lab_kind = {on_start, on_event, NULL};

static void on_up(struct world_observer *observer, struct node *node)
{
    (void)node;
    container_of(observer, struct lab, observer)->ups++;
}

static void on_down(struct world_observer *observer, struct node *node)
{
    (void)node;
    container_of(observer, struct lab, observer)->downs++;
}

static void init(struct lab *lab, uint64_t seed, unsigned count,
                 enum disk_profile profile, FILE *trace)
{
    struct world_options options = {.seed = seed,
                                    .observer = &lab->observer,
                                    .trace = trace,
                                    .wall_start_ms = 1700000000000,
                                    .disk_profile = profile};
    char name[16];

    world_free(world_current()); /* of a test that failed */
    memset(lab, 0, sizeof *lab);
    lab->observer.on_up = on_up;
    lab->observer.on_down = on_down;
    lab->world = world_new(&options);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "n%u", i);
        lab->nodes[i].node = world_add_node(lab->world, name, &lab_kind,
                                            &lab->nodes[i], LAB_HEAP_BYTES);
    }
}

void lab_init(struct lab *lab, uint64_t seed, unsigned count)
{
    lab_init_on(lab, seed, count, DISK_PROFILE_DRAWN);
}

void lab_init_on(struct lab *lab, uint64_t seed, unsigned count,
                 enum disk_profile profile)
{
    init(lab, seed, count, profile, NULL);
    for (unsigned i = 0; i < count; i++)
        node_start(lab->nodes[i].node);
}

void lab_init_traced(struct lab *lab, uint64_t seed, FILE *trace)
{
    init(lab, seed, sizeof lab->nodes / sizeof lab->nodes[0],
         DISK_PROFILE_DRAWN, trace);
}

void lab_release(struct lab *lab)
{
    world_free(lab->world);
}

void lab_pass(struct lab *lab, int64_t us)
{
    world_run(lab->world, world_now_us(lab->world) + us, NULL, NULL);
}

static bool is_set(void *context)
{
    return *(bool *)context;
}

static void wait_in(struct world *world, bool *flag, int64_t limit_us)
{
    if (*flag)
        return;
    if (!world_run(world, world_now_us(world) + limit_us, is_set, flag))
        fail_msg("it did not come in %lld us", (long long)limit_us);
}

void lab_wait(struct lab *lab, bool *flag, int64_t limit_us)
{
    wait_in(lab->world, flag, limit_us);
}

void lab_bounce(struct lab_node *node, enum node_crash how)
{
    node_crash(node->node, how);
    assert_false(node_is_up(node->node));
    node_start(node->node);
    assert_true(node_is_up(node->node));
}

/* ---- disk -------------------------------------------------------------- */

static void on_done(struct disk_request *request)
{
    struct lab_op *op = container_of(request, struct lab_op, request);

    assert_false(op->done);
    op->done = true;
}

struct disk_request *lab_op_init(struct lab_op *op)
{
    *op = (struct lab_op){.request.done = on_done};
    return &op->request;
}

enum error lab_end(struct lab_node *node, struct lab_op *op)
{
    wait_in(node_world(node->node), &op->done, 10000000);
    return op->request.error;
}

struct disk_file *lab_open(struct lab_node *node, const char *path)
{
    struct lab_op op;

    disk_open(node->seam->disk, lab_op_init(&op), path, DISK_OPEN_CREATE);
    return lab_end(node, &op) == ERROR_NONE ? op.request.file : NULL;
}

enum error lab_append(struct lab_node *node, struct disk_file *file,
                      uint64_t offset, char letter, size_t count)
{
    static char bytes[LAB_FILE_BYTES];
    struct iovec iov = {bytes, count};
    struct lab_op op;

    assert_true(count <= sizeof bytes);
    memset(bytes, letter, count);
    disk_append(node->seam->disk, lab_op_init(&op), file, &iov, 1, offset);
    return lab_end(node, &op);
}

enum error lab_truncate(struct lab_node *node, struct disk_file *file,
                        uint64_t size)
{
    struct lab_op op;

    disk_truncate(node->seam->disk, lab_op_init(&op), file, size);
    return lab_end(node, &op);
}

enum error lab_sync(struct lab_node *node, struct disk_file *file)
{
    struct lab_op op;

    disk_sync(node->seam->disk, lab_op_init(&op), &file, 1);
    return lab_end(node, &op);
}

enum error lab_path(struct lab_node *node,
                    void (*call)(struct disk *, struct disk_request *,
                                 const char *),
                    const char *path)
{
    struct lab_op op;

    call(node->seam->disk, lab_op_init(&op), path);
    return lab_end(node, &op);
}

enum error lab_rename(struct lab_node *node, const char *from, const char *to)
{
    struct lab_op op;

    disk_rename(node->seam->disk, lab_op_init(&op), from, to);
    return lab_end(node, &op);
}

long lab_read(struct lab_node *node, const char *path, char *bytes)
{
    struct disk *disk = node->seam->disk;
    struct lab_op open;
    struct lab_op read;

    disk_open(disk, lab_op_init(&open), path, DISK_OPEN_READ_ONLY);
    if (lab_end(node, &open) == ERROR_NOT_FOUND)
        return -1;
    disk_read(disk, lab_op_init(&read), open.request.file, bytes,
              LAB_FILE_BYTES, 0);
    assert_int_equal(lab_end(node, &read), ERROR_NONE);
    disk_close(disk, open.request.file);
    return (long)read.request.size;
}

bool lab_exists(struct lab_node *node, const char *path)
{
    char bytes[LAB_FILE_BYTES];

    return lab_read(node, path, bytes) >= 0;
}

unsigned lab_fault(struct lab_node *node, enum fault_point point, uint64_t nth)
{
    struct world_fault fault = {
        .point = point, .node = node->node, .nth = nth, .until_us = INT64_MAX};

    return world_add_fault(node_world(node->node), &fault);
}

/* ---- outcomes over many seeds ------------------------------------------ */

struct disk_file *lab_begin(struct lab *lab, uint64_t seed)
{
    struct disk_file *file;

    lab_init(lab, seed, 1);
    file = lab_open(&lab->nodes[0], "a");
    assert_non_null(file);
    assert_int_equal(lab_path(&lab->nodes[0], disk_sync_directory, "/"), 0);
    return file;
}

size_t lab_count(const char *bytes, long size, char letter)
{
    size_t found = 0;

    for (long i = 0; i < size; i++)
        found += bytes[i] == letter;
    return found;
}

void lab_tally(struct lab_seen *seen, size_t found, size_t whole)
{
    if (found == 0)
        seen->lost++;
    else if (found == whole)
        seen->kept++;
    else
        seen->other++;
}

void lab_expect_all(const struct lab_seen *seen)
{
    if (seen->lost == 0 || seen->kept == 0 || seen->other == 0)
        fail_msg("lost %u, kept %u, other %u", seen->lost, seen->kept,
                 seen->other);
}

void lab_expect_both(const struct lab_seen *seen)
{
    if (seen->lost == 0 || seen->kept == 0)
        fail_msg("lost %u, kept %u", seen->lost, seen->kept);
}
