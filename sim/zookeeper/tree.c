/* SPDX-License-Identifier: Apache-2.0
 *
 * Znodes, their stats, and the changes to them; source: DataTree.java and
 * PrepRequestProcessor.java of ZooKeeper 3.8.
 */
#include "sim/zookeeper/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static int znode_compare(const struct znode *a, const struct znode *b)
{
    return strcmp(a->path, b->path);
}
RB_GENERATE_STATIC(znode_tree, znode, entry, znode_compare)

/* ---- blobs, operations, changes ---- */

struct blob *zk_blob_new(const char *bytes, int size)
{
    struct blob *blob;

    if (size < 0)
        return NULL;
    blob = malloc(sizeof *blob + (size_t)size + 1);
    ASSERT(blob != NULL);
    blob->references = 1;
    blob->size = (size_t)size;
    if (size > 0)
        memcpy(blob->bytes, bytes, (size_t)size);
    blob->bytes[size] = '\0';
    return blob;
}

struct blob *zk_blob_hold(struct blob *blob)
{
    if (blob != NULL)
        blob->references++;
    return blob;
}

void zk_blob_release(struct blob *blob)
{
    if (blob != NULL && --blob->references == 0)
        free(blob);
}

void zk_op_release(struct op *op)
{
    free(op->path);
    zk_blob_release(op->data);
}

void zk_change_release(struct change *change)
{
    free(change->path);
    zk_blob_release(change->data);
}

void zk_undo_release(struct undo *undo)
{
    free(undo->path);
    zk_blob_release(undo->data);
}

/* ---- looking ---- */

struct znode *zk_tree_find(struct tree *tree, const char *path)
{
    struct znode key = {.path = (char *)(uintptr_t)path};

    return RB_FIND(znode_tree, &tree->nodes, &key);
}

struct znode *zk_tree_find_parent(struct tree *tree, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct znode *parent;
    char *name;

    ASSERT(slash != NULL);
    if (path[1] == '\0') /* the root has none */
        return NULL;
    if (slash == path)
        return zk_tree_find(tree, "/");
    name = strndup(path, (size_t)(slash - path));
    ASSERT(name != NULL);
    parent = zk_tree_find(tree, name);
    free(name);
    return parent;
}

struct znode *zk_tree_first(struct tree *tree)
{
    return RB_MIN(znode_tree, &tree->nodes);
}

struct znode *zk_tree_next(struct znode *node)
{
    return RB_NEXT(znode_tree, NULL, node);
}

const char *zk_znode_name(const struct znode *node)
{
    return strrchr(node->path, '/') + 1;
}

/* The version of the children counts creations and deletions. */
void zk_znode_stat(const struct znode *node, struct Stat *stat)
{
    *stat = node->stat;
    stat->cversion = 2 * node->stat.cversion - node->stat.numChildren;
}

/* ---- changing ---- */

static struct znode *znode_insert(struct tree *tree, struct znode *parent,
                                  const char *path, struct blob *data)
{
    struct znode *node = calloc(1, sizeof *node);

    ASSERT(node != NULL);
    node->path = strdup(path);
    ASSERT(node->path != NULL);
    node->parent = parent;
    node->data = zk_blob_hold(data);
    list_init(&node->children);
    list_init(&node->sibling);
    if (parent != NULL)
        list_append(&parent->children, &node->sibling);
    RB_INSERT(znode_tree, &tree->nodes, node);
    return node;
}

static void znode_remove(struct tree *tree, struct znode *node)
{
    RB_REMOVE(znode_tree, &tree->nodes, node);
    list_remove(&node->sibling);
    zk_blob_release(node->data);
    free(node->path);
    free(node);
}

static void data_set(struct znode *node, struct blob *data)
{
    zk_blob_hold(data);
    zk_blob_release(node->data);
    node->data = data;
    node->stat.dataLength = data == NULL ? 0 : (int32_t)data->size;
}

static void apply_create(struct tree *tree, const struct change *change,
                         int64_t zxid, int64_t time_ms)
{
    struct znode *parent = zk_tree_find_parent(tree, change->path);
    struct znode *node;

    ASSERT(parent != NULL);
    node = znode_insert(tree, parent, change->path, NULL);
    data_set(node, change->data);
    node->stat.czxid = zxid;
    node->stat.mzxid = zxid;
    node->stat.pzxid = zxid;
    node->stat.ctime = time_ms;
    node->stat.mtime = time_ms;
    node->stat.ephemeralOwner = change->owner;
    parent->stat.numChildren++;
    parent->stat.cversion++;
    parent->stat.pzxid = zxid;
}

static void apply_delete(struct tree *tree, const struct change *change,
                         int64_t zxid)
{
    struct znode *node = zk_tree_find(tree, change->path);

    ASSERT(node != NULL);
    ASSERT(node->parent != NULL);
    ASSERT(list_empty(&node->children));
    node->parent->stat.numChildren--;
    node->parent->stat.pzxid = zxid;
    znode_remove(tree, node);
}

static void apply_set(struct tree *tree, const struct change *change,
                      int64_t zxid, int64_t time_ms)
{
    struct znode *node = zk_tree_find(tree, change->path);

    ASSERT(node != NULL);
    data_set(node, change->data);
    node->stat.version++;
    node->stat.mzxid = zxid;
    node->stat.mtime = time_ms;
}

static void save(struct tree *tree, const struct change *change,
                 struct undo *undo)
{
    struct znode *parent = zk_tree_find_parent(tree, change->path);
    struct znode *node = zk_tree_find(tree, change->path);

    undo->type = change->type;
    undo->path = strdup(change->path);
    ASSERT(undo->path != NULL);
    if (parent != NULL)
        undo->parent = parent->stat;
    if (node != NULL) {
        undo->stat = node->stat;
        undo->data = zk_blob_hold(node->data);
    }
}

void zk_tree_apply(struct tree *tree, const struct change *change, int64_t zxid,
                   int64_t time_ms, struct undo *undo)
{
    if (undo != NULL)
        save(tree, change, undo);
    switch (change->type) {
    case CHANGE_CREATE:
        apply_create(tree, change, zxid, time_ms);
        return;
    case CHANGE_SET:
        apply_set(tree, change, zxid, time_ms);
        return;
    case CHANGE_DELETE:
        apply_delete(tree, change, zxid);
        return;
    case CHANGE_CHECK:
        break;
    }
    UNREACHABLE();
}

void zk_tree_undo(struct tree *tree, struct undo *undo)
{
    struct znode *parent = zk_tree_find_parent(tree, undo->path);
    struct znode *node = zk_tree_find(tree, undo->path);

    if (undo->type == CHANGE_CREATE) {
        znode_remove(tree, node);
    } else if (undo->type == CHANGE_DELETE) {
        node = znode_insert(tree, parent, undo->path, undo->data);
        node->stat = undo->stat;
    } else {
        data_set(node, undo->data);
        node->stat = undo->stat;
    }
    if (parent != NULL)
        parent->stat = undo->parent;
    zk_undo_release(undo);
}

void zk_tree_init(struct tree *tree)
{
    static const char *const first[] = {"/", "/zookeeper"};

    RB_INIT(&tree->nodes);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        znode_insert(tree, zk_tree_find_parent(tree, first[i]), first[i], NULL);
    zk_tree_find(tree, "/")->stat.numChildren = 1;
    zk_tree_find(tree, "/")->stat.cversion = 0;
}

void zk_tree_release(struct tree *tree)
{
    struct znode *node;

    while ((node = RB_MAX(znode_tree, &tree->nodes)) != NULL)
        znode_remove(tree, node);
}

/* ---- checking ---- */

static int check_create(struct tree *tree, const struct op *op,
                        int64_t session_id, struct change *change)
{
    struct znode *parent = zk_tree_find_parent(tree, op->path);
    size_t room = strlen(op->path) + 16;
    char *path;

    if (parent == NULL)
        return op->path[1] == '\0' ? ZNODEEXISTS : ZNONODE;
    path = malloc(room);
    ASSERT(path != NULL);
    if (op->flags & ZOO_SEQUENCE)
        snprintf(path, room, "%s%010d", op->path, parent->stat.cversion);
    else
        snprintf(path, room, "%s", op->path);
    if (zk_tree_find(tree, path) != NULL || parent->stat.ephemeralOwner != 0) {
        bool exists = zk_tree_find(tree, path) != NULL;

        free(path);
        return exists ? ZNODEEXISTS : ZNOCHILDRENFOREPHEMERALS;
    }
    change->path = path;
    change->data = zk_blob_hold(op->data);
    change->owner = op->flags & ZOO_EPHEMERAL ? session_id : 0;
    return ZOK;
}

int zk_tree_check(struct tree *tree, const struct op *op, int64_t session_id,
                  struct change *change)
{
    struct znode *node;

    *change = (struct change){.type = op->type};
    if (op->type == CHANGE_CREATE)
        return check_create(tree, op, session_id, change);
    if (op->type == CHANGE_DELETE && op->path[1] == '\0')
        return ZBADARGUMENTS;
    node = zk_tree_find(tree, op->path);
    if (node == NULL)
        return ZNONODE;
    if (op->version != -1 && op->version != node->stat.version)
        return ZBADVERSION;
    if (op->type == CHANGE_DELETE && !list_empty(&node->children))
        return ZNOTEMPTY;
    if (op->type == CHANGE_CHECK)
        return ZOK;
    change->path = strdup(op->path);
    ASSERT(change->path != NULL);
    change->data = zk_blob_hold(op->data);
    return ZOK;
}
