/* SPDX-License-Identifier: Apache-2.0
 *
 * Znodes as a session of this program sees them. To peek is to be told what
 * was read last, kept fresh by watches: nobody waits, and what is not known
 * yet, or not any more, is as if it were not there. An operator's hand waits
 * for its answer, and is refused while there is no connection. Callbacks come
 * on a thread of the library: what they touch stands under the lock.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#define THREADED /* its calls that wait are there */
#include <zookeeper/zookeeper.h>

#include "base/assert.h"
#include "sim/real/internal.h"

#define SESSION_MS      10000
#define ZNODE_BYTES_MAX (1 << 20)
#define CONNECT_BYTES   (REAL_SERVERS_MAX * (WORLD_HOST_BYTES + 8))

struct known {
    struct known *next;
    struct znodes *znodes;
    char *path;
    char *bytes;
    int size;   /* -1: it is not there */
    bool open;  /* it is being read */
    bool stale; /* it is to be read */
};

struct znodes {
    pthread_mutex_t lock;
    zhandle_t *handle;
    bool expired;
    struct known *first; /* freed with all of it */
};

static void on_session(zhandle_t *handle, int type, int state, const char *path,
                       void *context)
{
    struct znodes *znodes = context;

    (void)handle;
    (void)path;
    if (type != ZOO_SESSION_EVENT || state != ZOO_EXPIRED_SESSION_STATE)
        return;
    pthread_mutex_lock(&znodes->lock);
    znodes->expired = true;
    pthread_mutex_unlock(&znodes->lock);
}

static void on_change(zhandle_t *handle, int type, int state, const char *path,
                      void *context)
{
    struct known *known = context;

    (void)handle;
    (void)type;
    (void)state;
    (void)path;
    pthread_mutex_lock(&known->znodes->lock);
    known->stale = true;
    pthread_mutex_unlock(&known->znodes->lock);
}

static void on_read(int code, const char *bytes, int size,
                    const struct Stat *stat, const void *context)
{
    struct known *known = (struct known *)(uintptr_t)context;

    (void)stat;
    pthread_mutex_lock(&known->znodes->lock);
    known->open = false;
    known->stale = code != ZOK; /* then there is no watch */
    if (code == ZOK || code == ZNONODE) {
        free(known->bytes);
        known->bytes = NULL;
        known->size = -1;
    }
    if (code == ZOK && size >= 0) {
        known->bytes = malloc((size_t)size + 1);
        ASSERT(known->bytes != NULL);
        memcpy(known->bytes, bytes, (size_t)size);
        known->size = size;
    }
    pthread_mutex_unlock(&known->znodes->lock);
}

/* ---- the session ---- */

static void connect_to(struct world *world)
{
    char text[CONNECT_BYTES] = "";
    size_t used = 0;

    for (unsigned i = 1; i <= world->server_count; i++) {
        char host[WORLD_HOST_BYTES];

        world_host(world, world->servers[i - 1].name, host);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%d",
                                 i > 1 ? "," : "", host, ZOOKEEPER_PORT);
    }
    world->znodes->expired = false;
    world->znodes->handle =
        zookeeper_init(text, on_session, SESSION_MS, NULL, world->znodes, 0);
}

static void begin(struct world *world)
{
    world->znodes = calloc(1, sizeof *world->znodes);
    ASSERT(world->znodes != NULL);
    pthread_mutex_init(&world->znodes->lock, NULL);
    zoo_set_debug_level((ZooLogLevel)0);
    connect_to(world);
}

/* With a session goes what it watched. */
static void begin_again(struct world *world)
{
    struct znodes *znodes = world->znodes;

    zookeeper_close(znodes->handle);
    for (struct known *known = znodes->first; known; known = known->next) {
        known->open = false;
        known->stale = true;
    }
    connect_to(world);
}

static struct known *find(struct znodes *znodes, const char *path)
{
    struct known *known = znodes->first;

    while (known != NULL && strcmp(known->path, path) != 0)
        known = known->next;
    if (known != NULL)
        return known;
    known = calloc(1, sizeof *known);
    ASSERT(known != NULL);
    known->path = strdup(path);
    ASSERT(known->path != NULL);
    known->znodes = znodes;
    known->size = -1;
    known->stale = true;
    known->next = znodes->first;
    znodes->first = known;
    return known;
}

/* Under the lock; the call itself is made without it. */
static bool is_due(struct known *known)
{
    bool due = known->stale && !known->open;

    if (due) {
        known->open = true;
        known->stale = false;
    }
    return due;
}

int world_zookeeper_peek(struct world *world, const char *path, char **bytes)
{
    struct znodes *znodes;
    struct known *known;
    bool due, expired;
    int size;

    if (world->znodes == NULL)
        begin(world);
    znodes = world->znodes;
    pthread_mutex_lock(&znodes->lock);
    known = find(znodes, path);
    due = is_due(known);
    expired = znodes->expired || znodes->handle == NULL;
    size = known->size;
    *bytes = NULL;
    if (size >= 0) {
        *bytes = malloc((size_t)size + 1);
        ASSERT(*bytes != NULL);
        memcpy(*bytes, known->bytes, (size_t)size);
    }
    pthread_mutex_unlock(&znodes->lock);
    if (expired)
        begin_again(world);
    else if (due && zoo_awget(znodes->handle, path, on_change, known, on_read,
                              known) != ZOK)
        on_read(ZCONNECTIONLOSS, NULL, -1, NULL, known);
    return size;
}

/* ---- an operator's hand ---- */

static zhandle_t *hand(struct world *world)
{
    zhandle_t *handle;

    if (world->znodes == NULL)
        begin(world);
    handle = world->znodes->handle;
    return handle != NULL && zoo_state(handle) == ZOO_CONNECTED_STATE ? handle
                                                                      : NULL;
}

int world_zookeeper_read(struct world *world, const char *path, char **bytes)
{
    zhandle_t *handle = hand(world);
    int size = ZNODE_BYTES_MAX;

    *bytes = malloc(ZNODE_BYTES_MAX);
    ASSERT(*bytes != NULL);
    if (handle != NULL && zoo_get(handle, path, 0, *bytes, &size, NULL) == ZOK)
        return size < 0 ? 0 : size;
    free(*bytes);
    *bytes = NULL;
    return -1;
}

bool world_zookeeper_put(struct world *world, const char *path,
                         const char *bytes, int size)
{
    zhandle_t *handle = hand(world);
    int code;

    if (handle == NULL)
        return false;
    if (size < 0)
        return zoo_delete(handle, path, -1) == ZOK;
    code = zoo_set(handle, path, bytes, size, -1);
    if (code == ZNONODE)
        code = zoo_create(handle, path, bytes, size, &ZOO_OPEN_ACL_UNSAFE, 0,
                          NULL, 0);
    return code == ZOK;
}

void znodes_end(struct world *world)
{
    struct znodes *znodes = world->znodes;

    if (znodes == NULL)
        return;
    zookeeper_close(znodes->handle);
    while (znodes->first != NULL) {
        struct known *known = znodes->first;

        znodes->first = known->next;
        free(known->path);
        free(known->bytes);
        free(known);
    }
    pthread_mutex_destroy(&znodes->lock);
    free(znodes);
    world->znodes = NULL;
}
