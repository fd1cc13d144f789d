/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/scripted_coord.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define ZNODES_MAX 64
#define OPS_MAX    16

struct znode {
    char *path;
    char *bytes;
    size_t size;
    struct coord_stat stat;
};

struct op {
    enum coord_operation operation;
    char *path;
    char *bytes;
    size_t size;
    int32_t version;
    bool ephemeral;
};

/* Waits to be answered. */
struct asked {
    struct list node;
    struct coord_request *request;
    char *path; /* of a reading */
    bool children;
    struct op ops[OPS_MAX];
    size_t op_count;
};

struct coord {
    struct list waiting;
    struct znode znodes[ZNODES_MAX];
    size_t count;
    int64_t zxid;
    char *failing;
    enum error error;
};

static char *copy(const void *bytes, size_t size)
{
    char *to = calloc(1, size + 1);

    if (size > 0)
        memcpy(to, bytes, size);
    return to;
}

struct coord *coord_new(struct seam *seam, const char *connect,
                        int session_timeout_ms, struct coord_listener *listener)
{
    struct coord *coord = calloc(1, sizeof *coord);

    (void)seam;
    (void)connect;
    (void)session_timeout_ms;
    (void)listener;
    list_init(&coord->waiting);
    return coord;
}

static void asked_free(struct asked *asked)
{
    for (size_t i = 0; i < asked->op_count; i++) {
        free(asked->ops[i].path);
        free(asked->ops[i].bytes);
    }
    free(asked->path);
    free(asked);
}

void coord_free(struct coord *coord)
{
    struct list *node;

    while ((node = list_pop(&coord->waiting)) != NULL)
        asked_free(container_of(node, struct asked, node));
    while (coord->count > 0)
        scripted_remove(coord, coord->znodes[0].path);
    free(coord->failing);
    free(coord);
}

enum coord_state coord_state(const struct coord *coord)
{
    (void)coord;
    return COORD_CONNECTED;
}

int64_t coord_session_id(const struct coord *coord)
{
    (void)coord;
    return SCRIPTED_SESSION;
}

int64_t coord_session_timeout_ms(const struct coord *coord)
{
    (void)coord;
    return 6000;
}

int64_t coord_lease_until_us(const struct coord *coord)
{
    (void)coord;
    return INT64_MAX;
}

void coord_watch_cancel(struct coord *coord, struct coord_watch *watch)
{
    (void)coord;
    (void)watch;
}

/* ---- what is there ---- */

static struct znode *find(struct coord *coord, const char *path)
{
    for (size_t i = 0; i < coord->count; i++)
        if (strcmp(coord->znodes[i].path, path) == 0)
            return &coord->znodes[i];
    return NULL;
}

void scripted_put(struct coord *coord, const char *path, struct bytes data)
{
    struct znode *znode = find(coord, path);

    if (znode == NULL) {
        ASSERT(coord->count < ZNODES_MAX);
        znode = &coord->znodes[coord->count++];
        *znode =
            (struct znode){.path = copy(path, strlen(path)),
                           .stat = {.czxid = ++coord->zxid, .version = -1}};
    }
    free(znode->bytes);
    znode->bytes = copy(data.data, data.size);
    znode->size = data.size;
    znode->stat.version++;
}

void scripted_own(struct coord *coord, const char *path, int64_t session_id)
{
    find(coord, path)->stat.ephemeral_owner = session_id;
}

void scripted_remove(struct coord *coord, const char *path)
{
    struct znode *znode = find(coord, path);

    ASSERT(znode != NULL);
    free(znode->path);
    free(znode->bytes);
    *znode = coord->znodes[--coord->count];
}

struct bytes scripted_get(struct coord *coord, const char *path)
{
    const struct znode *znode = find(coord, path);

    return znode ? (struct bytes){(const uint8_t *)znode->bytes, znode->size}
                 : (struct bytes){NULL, 0};
}

void scripted_fail(struct coord *coord, const char *path, enum error error)
{
    free(coord->failing);
    coord->failing = copy(path, strlen(path));
    coord->error = error;
}

/* ---- what is asked ---- */

static struct asked *ask(struct coord *coord, struct coord_request *request,
                         const char *path)
{
    struct asked *asked = calloc(1, sizeof *asked);

    asked->request = request;
    asked->path = path ? copy(path, strlen(path)) : NULL;
    list_append(&coord->waiting, &asked->node);
    return asked;
}

void coord_get(struct coord *coord, struct coord_request *request,
               const char *path, bool sync, struct coord_watch *watch)
{
    (void)sync;
    (void)watch;
    ask(coord, request, path);
}

void coord_exists(struct coord *coord, struct coord_request *request,
                  const char *path, struct coord_watch *watch)
{
    coord_get(coord, request, path, false, watch);
}

void coord_children(struct coord *coord, struct coord_request *request,
                    const char *path, bool sync, struct coord_watch *watch)
{
    (void)sync;
    (void)watch;
    ask(coord, request, path)->children = true;
}

void coord_multi(struct coord *coord, struct coord_request *request,
                 const struct coord_op *ops, size_t count)
{
    struct asked *asked = ask(coord, request, NULL);

    ASSERT(count <= OPS_MAX);
    asked->op_count = count;
    for (size_t i = 0; i < count; i++)
        asked->ops[i] = (struct op){ops[i].operation,
                                    copy(ops[i].path, strlen(ops[i].path)),
                                    copy(ops[i].data.data, ops[i].data.size),
                                    ops[i].data.size,
                                    ops[i].version,
                                    ops[i].ephemeral};
}

/* ---- answers ---- */

static enum error check(struct coord *coord, const struct op *op)
{
    const struct znode *znode = find(coord, op->path);

    if (coord->failing && strcmp(op->path, coord->failing) == 0 && coord->error)
        return coord->error;
    if (op->operation == COORD_CREATE)
        return znode != NULL ? ERROR_NODE_EXISTS : ERROR_NONE;
    if (znode == NULL)
        return ERROR_NO_NODE;
    return op->version != COORD_ANY_VERSION &&
                   op->version != znode->stat.version
               ? ERROR_BAD_VERSION
               : ERROR_NONE;
}

static void write_all(struct coord *coord, struct asked *asked)
{
    struct coord_request *request = asked->request;

    for (size_t i = 0; i < asked->op_count; i++) {
        request->error = check(coord, &asked->ops[i]);
        request->failed_op = i;
        if (request->error != ERROR_NONE)
            return;
    }
    for (size_t i = 0; i < asked->op_count; i++) {
        const struct op *op = &asked->ops[i];

        if (op->operation == COORD_DELETE)
            scripted_remove(coord, op->path);
        else if (op->operation != COORD_CHECK)
            scripted_put(coord, op->path,
                         (struct bytes){(const uint8_t *)op->bytes, op->size});
        if (op->ephemeral)
            scripted_own(coord, op->path, SCRIPTED_SESSION);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Below the path, and not below one of those. */
static size_t list_children(struct coord *coord, const char *path,
                            char *names[ZNODES_MAX])
{
    size_t length = strlen(path);
    size_t count = 0;

    for (size_t i = 0; i < coord->count; i++) {
        char *name = coord->znodes[i].path;

        if (strncmp(name, path, length) == 0 && name[length] == '/' &&
            strchr(name + length + 1, '/') == NULL)
            names[count++] = name + length + 1;
    }
    qsort(names, count, sizeof *names, by_name);
    return count;
}

static void answer(struct coord *coord, struct asked *asked)
{
    struct coord_request *request = asked->request;
    const struct znode *znode;
    char *names[ZNODES_MAX];

    request->error = ERROR_NONE;
    request->stat = (struct coord_stat){0};
    request->data = (struct bytes){NULL, 0};
    if (asked->path == NULL) {
        write_all(coord, asked);
    } else if (coord->failing && strcmp(asked->path, coord->failing) == 0 &&
               coord->error) {
        request->error = coord->error;
    } else if ((znode = find(coord, asked->path)) == NULL) {
        request->error = ERROR_NO_NODE;
    } else {
        request->stat = znode->stat;
        request->data =
            (struct bytes){(const uint8_t *)znode->bytes, znode->size};
    }
    if (asked->children && request->error == ERROR_NONE) {
        request->child_count = list_children(coord, asked->path, names);
        request->children = names;
    }
    request->done(request);
}

bool scripted_answer(struct coord *coord)
{
    struct list *node = list_pop(&coord->waiting);
    struct asked *asked;

    if (node == NULL)
        return false;
    asked = container_of(node, struct asked, node);
    answer(coord, asked);
    asked_free(asked);
    return true;
}

void scripted_answer_all(struct coord *coord)
{
    while (scripted_answer(coord))
        ;
}
