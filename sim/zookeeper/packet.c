/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets and what they carry.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/zookeeper/internal.h"

void zk_paths_add(struct paths *paths, const char *path)
{
    paths->paths =
        realloc(paths->paths, (paths->count + 1) * sizeof *paths->paths);
    ASSERT(paths->paths != NULL);
    paths->paths[paths->count] = strdup(path);
    ASSERT(paths->paths[paths->count] != NULL);
    paths->count++;
}

void zk_paths_release(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->paths[i]);
    free(paths->paths);
}

struct packet *zk_packet_new(struct connection *connection,
                             enum packet_type type)
{
    struct packet *packet = calloc(1, sizeof *packet);

    ASSERT(packet != NULL);
    packet->type = type;
    packet->connection = connection;
    if (connection != NULL)
        connection->references++;
    list_init(&packet->link);
    return packet;
}

void zk_packet_free(struct packet *packet)
{
    if (packet == NULL)
        return;
    list_remove(&packet->link);
    for (size_t i = 0; i < packet->op_count; i++)
        zk_op_release(&packet->ops[i]);
    for (int i = 0; i < WATCH_KINDS; i++)
        zk_paths_release(&packet->watches[i]);
    zk_paths_release(&packet->children);
    zk_blob_release(packet->data);
    free(packet->ops);
    free(packet->path);
    if (packet->connection != NULL)
        zk_connection_release(packet->connection);
    free(packet);
}
