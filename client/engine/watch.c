/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is told of a topic's partitions: once they are known, and when there
 * are more. Level-triggered like all of the engine.
 */
#include "client/engine/internal.h"
#include "seam/trace.h"

void client_watch_topic(struct client *client, struct topic_watch *watch,
                        const char *topic)
{
    watch->client = client;
    watch->topic = client_metadata_topic(client, topic);
    watch->told = 0;
    list_init(&watch->node);
    list_append(&client->watches, &watch->node);
    client_wake_now(client);
}

void client_unwatch_topic(struct topic_watch *watch)
{
    if (watch->client == NULL)
        return;
    list_remove(&watch->node);
    watch->client = NULL;
}

static void watch_work(struct client *client, struct topic_watch *watch)
{
    const struct topic *topic = watch->topic;
    enum error state = topic_state(client, watch->topic);

    if (state == ERROR_NONE && watch->told > 0 &&
        !uuid_equal(&watch->topic_id, &topic->id))
        state = ERROR_UNKNOWN_TOPIC; /* another one bears the name now */
    if (state == ERROR_NONE && topic->partition_count > watch->told) {
        if (watch->told > 0)
            SOMETIMES(client->seam->trace, PARTITIONS_SEEN);
        watch->topic_id = topic->id;
        watch->told = topic->partition_count;
        watch->on_partitions(watch, watch->told);
    } else if (state != ERROR_NONE && state != ERROR_AGAIN) {
        client_unwatch_topic(watch);
        watch->on_error(watch, state);
    }
}

void watches_work(struct client *client)
{
    struct list todo;
    struct list *node;

    list_init(&todo);
    list_splice(&todo, &client->watches);
    while ((node = list_pop(&todo)) != NULL) {
        list_append(&client->watches, node);
        watch_work(client, container_of(node, struct topic_watch, node));
    }
}

void watches_release(struct client *client)
{
    struct list *node;

    while ((node = list_pop(&client->watches)) != NULL)
        container_of(node, struct topic_watch, node)->client = NULL;
}
