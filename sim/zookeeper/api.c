/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of <zookeeper/zookeeper.h> that coord/ and the tests call.
 * The rest is not defined: who calls it hears of it from the linker.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/zookeeper/internal.h"

/* What a request weighs besides its paths and data. */
#define REQUEST_BYTES 8
#define OP_BYTES      17 /* its own header, version, two lengths */
#define CREATE_BYTES  30 /* flags and an open ACL */

/* ---- handles ---- */

static struct server *server_of(struct ensemble *ensemble, const char *host,
                                size_t length)
{
    for (unsigned i = 0; i < ensemble->server_count; i++) {
        struct server *server = &ensemble->servers[i];
        size_t name = strlen(server->name);

        if (name < length && host[name] == ':' &&
            memcmp(host, server->name, name) == 0)
            return server;
    }
    return NULL;
}

/* "z1:2181,z2:2181"; a chroot is the caller's affair. */
static bool hosts_parse(zhandle_t *handle, const char *hosts)
{
    handle->hosts = calloc(strlen(hosts) + 1, sizeof *handle->hosts);
    ASSERT(handle->hosts != NULL);
    for (const char *at = hosts; *at != '\0';) {
        size_t length = strcspn(at, ",");
        struct server *server = server_of(handle->ensemble, at, length);

        if (server == NULL)
            return false;
        handle->hosts[handle->host_count++] = server;
        at += length + (at[length] == ',');
    }
    return handle->host_count > 0;
}

static void hosts_shuffle(zhandle_t *handle)
{
    for (size_t i = handle->host_count; i-- > 1;) {
        size_t j =
            zk_draw(handle->ensemble, handle->node, PURPOSE_SHUFFLE, i + 1);
        struct server *server = handle->hosts[i];

        handle->hosts[i] = handle->hosts[j];
        handle->hosts[j] = server;
    }
}

zhandle_t *zookeeper_init2(const char *host, watcher_fn watcher,
                           int recv_timeout, const clientid_t *id,
                           void *context, int flags,
                           log_callback_fn log_callback)
{
    struct ensemble *ensemble = world_ensemble(world_current());
    zhandle_t *handle = calloc(1, sizeof *handle);

    (void)flags;
    (void)log_callback;
    ASSERT(ensemble != NULL);
    ASSERT(handle != NULL);
    ASSERT(node_current() != NULL);
    handle->ensemble = ensemble;
    handle->node = node_current();
    handle->watcher = watcher;
    handle->context = context;
    handle->recv_timeout_ms = recv_timeout;
    if (id != NULL)
        handle->id = *id;
    handle->state = ZOO_NOTCONNECTED_STATE;
    list_init(&handle->outstanding);
    RB_INIT(&handle->watches);
    list_init(&handle->link);
    if (!hosts_parse(handle, host)) {
        zk_client_free(handle);
        errno = ENOENT;
        return NULL;
    }
    hosts_shuffle(handle);
    list_append(&ensemble->handles, &handle->link);
    zk_client_turn(handle);
    return handle;
}

zhandle_t *zookeeper_init(const char *host, watcher_fn watcher,
                          int recv_timeout, const clientid_t *id, void *context,
                          int flags)
{
    return zookeeper_init2(host, watcher, recv_timeout, id, context, flags,
                           NULL);
}

/* The session ends if it is connected. The real call waits for that; this
 * one returns before the server has heard of it. */
int zookeeper_close(zhandle_t *handle)
{
    struct connection *connection;

    if (handle == NULL)
        return ZBADARGUMENTS;
    ASSERT(!handle->calling);
    connection = handle->connection;
    if (handle->state == ZOO_CONNECTED_STATE && !connection->ended_up)
        zk_connection_send_up(connection,
                              zk_packet_new(connection, PACKET_CLOSE_SESSION));
    zk_client_free(handle);
    return ZOK;
}

const clientid_t *zoo_client_id(zhandle_t *handle)
{
    return &handle->id;
}

int zoo_recv_timeout(zhandle_t *handle)
{
    return handle->recv_timeout_ms;
}

const void *zoo_get_context(zhandle_t *handle)
{
    return handle->context;
}

int zoo_state(zhandle_t *handle)
{
    return handle == NULL ? 0 : handle->state;
}

int is_unrecoverable(zhandle_t *handle)
{
    return handle->state < 0 ? ZINVALIDSTATE : ZOK;
}

/* There are no names to resolve here. */
int zoo_set_servers_resolution_delay(zhandle_t *handle, int delay_ms)
{
    (void)handle;
    return delay_ms < -1 ? ZBADARGUMENTS : ZOK;
}

/* ---- paths ---- */

/* No empty name, no "." and "..", no control character; only the root ends
 * in a slash, and the prefix of a sequence. */
static bool path_is_valid(const char *path, int mode)
{
    bool sequence = (mode & ZOO_SEQUENCE) != 0;
    const char *at = path;

    if (path == NULL || path[0] != '/')
        return false;
    if (path[1] == '\0')
        return true;
    while (*at == '/') {
        const char *name = at + 1;
        size_t length = strcspn(name, "/");
        bool last = name[length] == '\0';

        if (length == 0 && !(last && sequence))
            return false;
        if ((!last || !sequence) &&
            ((length == 1 && name[0] == '.') ||
             (length == 2 && memcmp(name, "..", 2) == 0)))
            return false;
        for (size_t i = 0; i < length; i++)
            if (name[i] > 0 && name[i] < 0x1f)
                return false;
        at = name + length;
    }
    return true;
}

static int refuse(const zhandle_t *handle, const char *path, int mode)
{
    if (handle == NULL || !path_is_valid(path, mode))
        return ZBADARGUMENTS;
    return handle->state < 0 ? ZINVALIDSTATE : ZOK;
}

/* ---- requests ---- */

static struct completion *completion_new(enum completion_type type,
                                         const void *context)
{
    struct completion *completion = calloc(1, sizeof *completion);

    ASSERT(completion != NULL);
    list_init(&completion->link);
    completion->type = type;
    completion->context = context;
    return completion;
}

static char *copy_of(const char *path)
{
    char *copy = strdup(path);

    ASSERT(copy != NULL);
    return copy;
}

static void submit_read(zhandle_t *handle, struct completion *completion,
                        enum packet_type type, const char *path)
{
    struct packet *packet = zk_packet_new(NULL, type);

    packet->path = copy_of(path);
    packet->watch = completion->watcher != NULL;
    packet->bytes = REQUEST_BYTES + OP_BYTES + strlen(path);
    completion->path = copy_of(path);
    zk_client_submit(handle, completion, packet);
}

static void packet_op(struct packet *packet, const zoo_op_t *from)
{
    struct op *op = &packet->ops[packet->op_count++];

    packet->bytes += OP_BYTES;
    switch (from->type) {
    case ZOO_CREATE_OP:
        op->type = CHANGE_CREATE;
        op->path = copy_of(from->create_op.path);
        op->data = zk_blob_new(from->create_op.data, from->create_op.datalen);
        op->flags = from->create_op.flags;
        packet->bytes += CREATE_BYTES;
        break;
    case ZOO_DELETE_OP:
        op->type = CHANGE_DELETE;
        op->path = copy_of(from->delete_op.path);
        op->version = from->delete_op.version;
        break;
    case ZOO_SETDATA_OP:
        op->type = CHANGE_SET;
        op->path = copy_of(from->set_op.path);
        op->data = zk_blob_new(from->set_op.data, from->set_op.datalen);
        op->version = from->set_op.version;
        break;
    default:
        ASSERT(from->type == ZOO_CHECK_OP);
        op->type = CHANGE_CHECK;
        op->path = copy_of(from->check_op.path);
        op->version = from->check_op.version;
    }
    packet->bytes += strlen(op->path) + (op->data ? op->data->size : 0);
}

static struct packet *ops_packet(enum packet_type type, const zoo_op_t *ops,
                                 size_t count)
{
    struct packet *packet = zk_packet_new(NULL, type);

    packet->bytes = REQUEST_BYTES;
    packet->ops = calloc(count + 1, sizeof *packet->ops);
    ASSERT(packet->ops != NULL);
    for (size_t i = 0; i < count; i++)
        packet_op(packet, &ops[i]);
    return packet;
}

int zoo_acreate(zhandle_t *handle, const char *path, const char *value,
                int size, const struct ACL_vector *acl, int mode,
                string_completion_t done, const void *context)
{
    int rc = refuse(handle, path, mode);
    struct completion *completion;
    zoo_op_t op;

    if (rc != ZOK)
        return rc;
    completion = completion_new(COMPLETION_STRING, context);
    completion->on_string = done;
    zoo_create_op_init(&op, path, value, size, acl, mode, NULL, 0);
    zk_client_submit(handle, completion, ops_packet(PACKET_WRITE, &op, 1));
    return ZOK;
}

int zoo_adelete(zhandle_t *handle, const char *path, int version,
                void_completion_t done, const void *context)
{
    int rc = refuse(handle, path, 0);
    struct completion *completion;
    zoo_op_t op;

    if (rc != ZOK)
        return rc;
    completion = completion_new(COMPLETION_VOID, context);
    completion->on_void = done;
    zoo_delete_op_init(&op, path, version);
    zk_client_submit(handle, completion, ops_packet(PACKET_WRITE, &op, 1));
    return ZOK;
}

int zoo_aset(zhandle_t *handle, const char *path, const char *value, int size,
             int version, stat_completion_t done, const void *context)
{
    int rc = refuse(handle, path, 0);
    struct completion *completion;
    zoo_op_t op;

    if (rc != ZOK)
        return rc;
    completion = completion_new(COMPLETION_STAT, context);
    completion->on_stat = done;
    zoo_set_op_init(&op, path, value, size, version, NULL);
    zk_client_submit(handle, completion, ops_packet(PACKET_WRITE, &op, 1));
    return ZOK;
}

int zoo_awexists(zhandle_t *handle, const char *path, watcher_fn watcher,
                 void *watcher_context, stat_completion_t done,
                 const void *context)
{
    int rc = refuse(handle, path, 0);
    struct completion *completion;

    if (rc != ZOK)
        return rc;
    completion = completion_new(COMPLETION_STAT, context);
    completion->on_stat = done;
    completion->watcher = watcher;
    completion->watcher_context = watcher_context;
    completion->watch_kind = WATCH_EXISTS;
    submit_read(handle, completion, PACKET_EXISTS, path);
    return ZOK;
}

int zoo_awget(zhandle_t *handle, const char *path, watcher_fn watcher,
              void *watcher_context, data_completion_t done,
              const void *context)
{
    int rc = refuse(handle, path, 0);
    struct completion *completion;

    if (rc != ZOK)
        return rc;
    completion = completion_new(COMPLETION_DATA, context);
    completion->on_data = done;
    completion->watcher = watcher;
    completion->watcher_context = watcher_context;
    completion->watch_kind = WATCH_DATA;
    submit_read(handle, completion, PACKET_GET, path);
    return ZOK;
}

int zoo_awget_children(zhandle_t *handle, const char *path, watcher_fn watcher,
                       void *watcher_context, strings_completion_t done,
                       const void *context)
{
    int rc = refuse(handle, path, 0);
    struct completion *completion;

    if (rc != ZOK)
        return rc;
    completion = completion_new(COMPLETION_STRINGS, context);
    completion->on_strings = done;
    completion->watcher = watcher;
    completion->watcher_context = watcher_context;
    completion->watch_kind = WATCH_CHILD;
    submit_read(handle, completion, PACKET_CHILDREN, path);
    return ZOK;
}

int zoo_async(zhandle_t *handle, const char *path, string_completion_t done,
              const void *context)
{
    int rc = refuse(handle, path, 0);
    struct completion *completion;

    if (rc != ZOK)
        return rc;
    completion = completion_new(COMPLETION_STRING, context);
    completion->on_string = done;
    submit_read(handle, completion, PACKET_SYNC, path);
    return ZOK;
}

/* ---- multi ---- */

void zoo_create_op_init(zoo_op_t *op, const char *path, const char *value,
                        int size, const struct ACL_vector *acl, int mode,
                        char *path_buffer, int path_buffer_size)
{
    op->type = ZOO_CREATE_OP;
    op->create_op.path = path;
    op->create_op.data = value;
    op->create_op.datalen = size;
    op->create_op.acl = acl;
    op->create_op.flags = mode;
    op->create_op.ttl = 0;
    op->create_op.buf = path_buffer;
    op->create_op.buflen = path_buffer_size;
}

void zoo_delete_op_init(zoo_op_t *op, const char *path, int version)
{
    op->type = ZOO_DELETE_OP;
    op->delete_op.path = path;
    op->delete_op.version = version;
}

void zoo_set_op_init(zoo_op_t *op, const char *path, const char *value,
                     int size, int version, struct Stat *stat)
{
    op->type = ZOO_SETDATA_OP;
    op->set_op.path = path;
    op->set_op.data = value;
    op->set_op.datalen = size;
    op->set_op.version = version;
    op->set_op.stat = stat;
}

void zoo_check_op_init(zoo_op_t *op, const char *path, int version)
{
    op->type = ZOO_CHECK_OP;
    op->check_op.path = path;
    op->check_op.version = version;
}

static const char *op_path(const zoo_op_t *op)
{
    switch (op->type) {
    case ZOO_CREATE_OP:
        return op->create_op.path;
    case ZOO_DELETE_OP:
        return op->delete_op.path;
    case ZOO_SETDATA_OP:
        return op->set_op.path;
    case ZOO_CHECK_OP:
        return op->check_op.path;
    default:
        return NULL;
    }
}

/* What a bad path or a handle that is over gets is the real one's answer:
 * every failure to build the request is called a marshalling error. */
int zoo_amulti(zhandle_t *handle, int count, const zoo_op_t *ops,
               zoo_op_result_t *results, void_completion_t done,
               const void *context)
{
    struct completion *completion;
    struct packet *packet;

    for (int i = 0; i < count; i++) {
        const zoo_op_t *op = &ops[i];
        int mode = op->type == ZOO_CREATE_OP ? op->create_op.flags : 0;

        if (op_path(op) == NULL)
            return ZUNIMPLEMENTED;
        if (refuse(handle, op_path(op), mode) != ZOK)
            return ZMARSHALLINGERROR;
        if (op->type == ZOO_CREATE_OP) {
            results[i].value = op->create_op.buf;
            results[i].valuelen = op->create_op.buflen;
        } else if (op->type == ZOO_SETDATA_OP) {
            results[i].stat = op->set_op.stat;
        }
    }
    completion = completion_new(COMPLETION_VOID, context);
    completion->on_void = done;
    completion->results = results;
    packet = ops_packet(PACKET_MULTI, ops, (size_t)count);
    completion->result_count = packet->op_count;
    completion->op_types =
        calloc(packet->op_count + 1, sizeof *completion->op_types);
    ASSERT(completion->op_types != NULL);
    for (size_t i = 0; i < packet->op_count; i++)
        completion->op_types[i] = packet->ops[i].type;
    zk_client_submit(handle, completion, packet);
    return ZOK;
}
