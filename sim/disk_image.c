/* SPDX-License-Identifier: Apache-2.0
 *
 * An image of a disk: what a loss of power would have left of it when it was
 * taken. A backup or a snapshot that somebody puts back is one.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

/* An entry of a directory, and the next one. */
struct image {
    struct image *next;
    struct image *inner; /* of a directory */
    bool directory;
    char *name;
    char *path;
    struct content content;
};

void image_free(struct image *image)
{
    struct image *next;

    for (; image != NULL; image = next) {
        next = image->next;
        image_free(image->inner);
        content_release(&image->content);
        free(image->name);
        free(image->path);
        free(image);
    }
}

/* Of what lies in the directory. */
static struct image *take(const struct inode *directory)
{
    const struct entries *entries = &directory->entries[STABLE];
    struct image *first = NULL;

    for (size_t i = entries->count; i-- > 0;) {
        const struct inode *inode = entries->entries[i].inode;
        struct image *image = calloc(1, sizeof *image);

        ASSERT(image != NULL);
        image->next = first;
        first = image;
        image->name = strdup(entries->entries[i].name);
        image->directory = inode->directory;
        if (inode->path != NULL)
            image->path = strdup(inode->path);
        if (inode->directory)
            image->inner = take(inode);
        else
            content_copy(&image->content, &inode->content[STABLE]);
    }
    return first;
}

static void lay_out(const struct image *image, struct inode *directory)
{
    for (; image != NULL; image = image->next) {
        struct inode *inode = inode_new(directory->disk, image->directory);

        tree_link(directory, image->name, inode);
        if (image->path != NULL)
            inode_name(inode, image->path);
        for (unsigned view = 0; view < VIEWS; view++)
            content_copy(&inode->content[view], &image->content);
        inode_recharge(inode);
        lay_out(image->inner, inode);
        inode_drop(inode);
    }
}

void node_save_disk(struct node *node)
{
    struct disk *disk = node->disk;

    world_note(node->world, node, "an image of its disk is taken");
    image_free(disk->image);
    disk->image = take(disk->root);
    disk->has_image = true;
}

bool node_has_image(const struct node *node)
{
    return node->disk->has_image;
}

void node_restore_disk(struct node *node)
{
    struct disk *disk = node->disk;

    ASSERT(!node->up && disk->has_image);
    node_wipe_disk(node);
    world_note(node->world, node, "its disk is the image taken before");
    lay_out(disk->image, disk->root);
    while (!list_empty(&disk->changes))
        change_commit(
            container_of(list_first(&disk->changes), struct change, link));
}
