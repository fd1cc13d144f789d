/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree of znodes, as one server holds it, and changes to it. A change is
 * what is left of an operation once it was checked: it cannot fail.
 */
#ifndef SIM_ZOOKEEPER_TREE_H
#define SIM_ZOOKEEPER_TREE_H

#include <zookeeper/zookeeper.h>

#include "base/list.h"
#include "base/tree.h"

/* Shared by all trees and packets that hold it; NULL is null data. */
struct blob {
    unsigned references;
    size_t size;
    char bytes[];
};

struct blob *zk_blob_new(const char *bytes, int size); /* size < 0: NULL */
struct blob *zk_blob_hold(struct blob *blob);
void zk_blob_release(struct blob *blob); /* takes NULL */

struct znode {
    RB_ENTRY(znode) entry;
    struct list sibling;
    struct list children; /* in the order of creation */
    struct znode *parent; /* NULL: the root */
    char *path;
    struct blob *data;
    struct Stat stat; /* cversion: creations only, as the server counts */
};
RB_HEAD(znode_tree, znode);

struct tree {
    struct znode_tree nodes;
};

enum change_type { CHANGE_CREATE, CHANGE_SET, CHANGE_DELETE, CHANGE_CHECK };

/* One operation of a request, with its result. */
struct op {
    enum change_type type;
    char *path;
    struct blob *data;
    int version;
    int flags;
    int error;
    struct Stat stat; /* of a set that worked */
};
void zk_op_release(struct op *op);

struct change {
    enum change_type type;
    char *path;
    struct blob *data;
    int64_t owner;
};
void zk_change_release(struct change *change);

/* What a change replaced. */
struct undo {
    enum change_type type;
    char *path;
    struct blob *data;
    struct Stat stat;
    struct Stat parent;
};

void zk_tree_init(struct tree *tree);
void zk_tree_release(struct tree *tree);
struct znode *zk_tree_find(struct tree *tree, const char *path);
/* Of `path`; NULL when it does not exist. */
struct znode *zk_tree_find_parent(struct tree *tree, const char *path);
/* All of them, by path. */
struct znode *zk_tree_first(struct tree *tree);
struct znode *zk_tree_next(struct znode *node);
const char *zk_znode_name(const struct znode *node);
/* As clients see it. */
void zk_znode_stat(const struct znode *node, struct Stat *stat);

/* `undo` may be NULL. */
void zk_tree_apply(struct tree *tree, const struct change *change, int64_t zxid,
                   int64_t time_ms, struct undo *undo);
/* Of the last change; takes what the undo holds. */
void zk_tree_undo(struct tree *tree, struct undo *undo);
void zk_undo_release(struct undo *undo);

/* Checks an operation: ZOK and the change it comes to (of a CHECK: none,
 * path NULL), or the error. */
int zk_tree_check(struct tree *tree, const struct op *op, int64_t session_id,
                  struct change *change);

#endif
