/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/defects.h"

#include <stdio.h>
#include <string.h>

#include "cluster/znode.h"
#include "seam/memory.h"
#include "seam/trace.h"

void defects_init(struct defects *defects, struct seam *seam)
{
    memset(defects, 0, sizeof *defects);
    defects->seam = seam;
    list_init(&defects->list);
}

static void drop(struct defects *defects, struct defect *defect)
{
    defects->repaired += defect->source == DEFECT_SCAN;
    list_remove(&defect->node);
    heap_free(defects->seam->heap, defect->path);
    heap_free(defects->seam->heap, defect);
}

void defects_release(struct defects *defects)
{
    list_for_each_safe (node, &defects->list)
        drop(defects, container_of(node, struct defect, node));
}

struct defect *defects_find(const struct defects *defects, const char *path)
{
    list_for_each (node, &defects->list) {
        struct defect *defect = container_of(node, struct defect, node);

        if (strcmp(defect->path, path) == 0)
            return defect;
    }
    return NULL;
}

static struct defect *add(struct defects *defects,
                          const struct defect_found *found)
{
    struct heap *heap = defects->seam->heap;
    struct defect *defect = heap_alloc(heap, sizeof *defect);
    struct list *before = &defects->list;

    defect->source = found->source;
    defect->path = heap_strdup(heap, found->path);
    list_for_each (node, &defects->list) {
        before = node;
        if (strcmp(container_of(node, struct defect, node)->path, found->path) >
            0)
            break;
        before = &defects->list;
    }
    list_init(&defect->node);
    list_append(before, &defect->node);
    return defect;
}

static bool is_same(const struct defect *defect,
                    const struct defect_found *found)
{
    if (defect->exists != (found->stat != NULL) ||
        strncmp(defect->why, found->why, sizeof defect->why - 1) != 0)
        return false;
    return found->stat == NULL || (defect->czxid == found->stat->czxid &&
                                   defect->version == found->stat->version);
}

bool defects_note(struct defects *defects, const struct defect_found *found)
{
    struct defect *defect = defects_find(defects, found->path);
    bool known = defect != NULL && is_same(defect, found);

    if (defect == NULL)
        defect = add(defects, found);
    if (found->source < defect->source)
        defect->source = found->source;
    defect->seen = true;
    if (known)
        return false;
    defect->exists = found->stat != NULL;
    defect->czxid = found->stat ? found->stat->czxid : 0;
    defect->version = found->stat ? found->stat->version : 0;
    defect->way_out = found->way_out;
    snprintf(defect->why, sizeof defect->why, "%s", found->why);
    SOMETIMES(defects->seam->trace, ZNODE_DAMAGED);
    trace_log(defects->seam->trace, TRACE_ERROR, "znode %s is damaged: %s; %s",
              defect->path, defect->why, defect->way_out);
    return true;
}

bool defects_clear(struct defects *defects, const char *path)
{
    struct defect *defect = defects_find(defects, path);

    if (defect == NULL)
        return false;
    SOMETIMES(defects->seam->trace, ZNODE_REPAIRED);
    trace_log(defects->seam->trace, TRACE_INFO, "znode %s is whole again",
              path);
    drop(defects, defect);
    return true;
}

void defects_begin(struct defects *defects, enum defect_source source)
{
    list_for_each (node, &defects->list) {
        struct defect *defect = container_of(node, struct defect, node);

        if (defect->source == source)
            defect->seen = false;
    }
}

void defects_end(struct defects *defects, enum defect_source source)
{
    list_for_each_safe (node, &defects->list) {
        struct defect *defect = container_of(node, struct defect, node);

        if (defect->source == source && !defect->seen)
            drop(defects, defect);
    }
}

static bool is_of_topic(const struct defect *defect, const char *name)
{
    char path[ZNODE_PATH_BYTES];
    size_t length;

    znode_topic_path(path, name);
    length = strlen(path);
    return strncmp(defect->path, path, length) == 0 &&
           (defect->path[length] == '\0' || defect->path[length] == '/');
}

void defects_forget_topic(struct defects *defects, const char *name)
{
    list_for_each_safe (node, &defects->list) {
        struct defect *defect = container_of(node, struct defect, node);

        if (is_of_topic(defect, name))
            drop(defects, defect);
    }
}

bool defects_of_topic(const struct defects *defects, const char *name)
{
    list_for_each (node, &defects->list) {
        if (is_of_topic(container_of(node, struct defect, node), name))
            return true;
    }
    return false;
}

bool defects_concern(const struct defects *defects, const char *path)
{
    static const char above[] = ZNODE_TOPICS "/";
    char name[ZNODE_PATH_BYTES];

    if (defects_find(defects, path) != NULL)
        return true;
    if (strncmp(path, above, sizeof above - 1) != 0)
        return false;
    snprintf(name, sizeof name, "%s", path + sizeof above - 1);
    name[strcspn(name, "/")] = '\0';
    return topic_name_valid(name) && defects_of_topic(defects, name);
}

bool defects_any(const struct defects *defects)
{
    list_for_each (node, &defects->list) {
        if (container_of(node, struct defect, node)->source == DEFECT_SCAN)
            return true;
    }
    return false;
}
