/* SPDX-License-Identifier: Apache-2.0
 *
 *   cluster_scale BROKERS TOPICS PARTITIONS [REPLICAS [SEED]]
 *
 * A large cluster in the simulator: it starts, gets TOPICS topics of PARTITIONS
 * partitions each (REPLICAS replicas each, 3 unless told), loses a broker,
 * which comes back. Prints what each of these took in simulated time, and the
 * controller's work: writes to ZooKeeper, changes in them that brokers read,
 * and partitions that the lost broker led. Two sizes tell whether that grows
 * with the partitions or faster. Exit code 1: the cluster did not become whole
 * within an hour of its time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "client/engine/client.h"
#include "seam/memory.h"
#include "server/internal.h"
#include "sim/world.h"

#define BROKERS_LIMIT   200
#define HEAP_BYTES      (UINT64_C(4) << 30)
#define REQUEST_US      60000000
#define CREATES_AT_ONCE 8
#define PATIENCE_US     INT64_C(3600000000)
#define SERVERS         "z1:2181,z2:2181,z3:2181"

struct host {
    struct node *node;
    struct config config;
    struct broker_owner owner;
};

struct scale {
    struct world *world;
    struct host hosts[BROKERS_LIMIT];
    uint32_t brokers;
    uint32_t topics;
    uint32_t partitions;
    uint32_t replicas;
    struct node *admin;
    uint32_t asked; /* topics */
    uint32_t created;
};

/* ---- brokers ---- */

static void stopped(struct broker_owner *owner, int exit_code, const char *why)
{
    node_exit(container_of(owner, struct host, owner)->node, exit_code, why);
}

static void *start_broker(struct node *node, struct seam *seam, void *context)
{
    struct host *host = context;
    struct broker *broker = broker_new(seam, &host->config, &host->owner);

    (void)node;
    broker_start(broker);
    return broker;
}

static void on_broker_event(void *object, const struct event *event)
{
    broker_on_event(object, event);
}

static const struct node_kind broker_kind = {start_broker, on_broker_event,
                                             NULL};

static void set(struct config *config, const char *key, const char *value)
{
    char message[CONFIG_MESSAGE_BYTES];
    bool good = config_set(config, key, value, message);

    ASSERT(good);
}

static void add_broker(struct scale *scale, uint32_t index)
{
    struct host *host = &scale->hosts[index];
    char name[16], number[16];

    snprintf(name, sizeof name, "b%u", index + 1);
    snprintf(number, sizeof number, "%u", index + 1);
    config_init(&host->config);
    set(&host->config, "zookeeper.connect", SERVERS);
    set(&host->config, "broker.id", number);
    set(&host->config, "listener.host", name);
    set(&host->config, "log.dirs", "data");
    set(&host->config, "log.segment.bytes", "65536");
    set(&host->config, "log.reserve.bytes", "0");
    set(&host->config, "leader.balance.interval.ms", "1000");
    host->owner.stopped = stopped;
    host->node =
        world_add_node(scale->world, name, &broker_kind, host, HEAP_BYTES);
    node_start(host->node);
}

/* ---- topics ---- */

struct admin {
    struct scale *scale;
    struct seam *seam;
    struct client *client;
};

struct creation {
    struct admin *admin;
    char name[16];
    Kq__Message message;
    Kq__CreateTopicRequest body;
};

static void create(struct admin *admin, uint32_t number);

static void created(void *context, enum error error, const Kq__Message *answer)
{
    struct creation *creation = context;
    struct admin *admin = creation->admin;
    const Kq__CreateTopicResponse *response =
        error == ERROR_NONE ? answer->create_topic_response : NULL;

    if (response == NULL || (response->error != ERROR_NONE &&
                             response->error != ERROR_TOPIC_EXISTS)) {
        fprintf(
            stderr, "topic %s: %s%s%s\n", creation->name,
            error_sentence(response ? error_from_code(response->error) : error),
            response && response->detail ? ": " : "",
            response && response->detail ? response->detail : "");
        exit(1);
    }
    heap_free(admin->seam->heap, creation);
    admin->scale->created++;
    if (admin->scale->asked < admin->scale->topics)
        create(admin, admin->scale->asked++);
}

static void create(struct admin *admin, uint32_t number)
{
    struct creation *creation = heap_alloc(admin->seam->heap, sizeof *creation);

    creation->admin = admin;
    snprintf(creation->name, sizeof creation->name, "t%05u", number);
    kq__message__init(&creation->message);
    kq__create_topic_request__init(&creation->body);
    creation->body.name = creation->name;
    creation->body.partition_count = admin->scale->partitions;
    creation->body.replication_factor = admin->scale->replicas;
    creation->message.body_case = KQ__MESSAGE__BODY_CREATE_TOPIC_REQUEST;
    creation->message.create_topic_request = &creation->body;
    client_request(admin->client, &creation->message, true, REQUEST_US, created,
                   creation);
}

static void *start_admin(struct node *node, struct seam *seam, void *context)
{
    struct admin *admin = heap_alloc(seam->heap, sizeof *admin);
    struct client_options options;

    (void)node;
    client_options_init(&options);
    options.bootstrap = "b2:9092,b3:9092";
    options.client_id = "admin";
    admin->scale = context;
    admin->seam = seam;
    admin->client = client_new(seam, &options);
    ASSERT(admin->client != NULL);
    while (admin->scale->asked < CREATES_AT_ONCE &&
           admin->scale->asked < admin->scale->topics)
        create(admin, admin->scale->asked++);
    return admin;
}

static void on_admin_event(void *object, const struct event *event)
{
    client_on_event(((struct admin *)object)->client, event);
}

static const struct node_kind admin_kind = {start_admin, on_admin_event, NULL};

/* ---- how it stands ---- */

static struct broker *broker_at(const struct scale *scale, uint32_t index)
{
    struct node *node = scale->hosts[index].node;

    return node_is_up(node) ? node_object(node) : NULL;
}

/* NULL: there is none just now. */
static struct broker *controller_of(const struct scale *scale)
{
    for (uint32_t i = 0; i < scale->brokers; i++) {
        struct broker *broker = broker_at(scale, i);

        if (broker != NULL && controller_active(&broker->controller))
            return broker;
    }
    return NULL;
}

/* Whoever is named leads by now. */
static bool is_led(const struct scale *scale, const struct topic *topic,
                   uint32_t number)
{
    const struct partition_state *state = &topic->states[number];
    struct partition_key key = {topic->id, number};
    const struct partition *partition;
    struct broker *leader;

    if (state->leader == NO_BROKER)
        return false;
    leader = broker_at(scale, state->leader - 1);
    if (leader == NULL)
        return false;
    partition = replicas_find(&leader->replicas, &key);
    return partition != NULL && partition->role == PARTITION_LEADER &&
           partition->role_epoch == state->leader_epoch &&
           !partition->state.fresh;
}

static bool all_states(const struct scale *scale,
                       bool (*good)(const struct scale *scale,
                                    const struct topic *topic, uint32_t number))
{
    struct broker *controller = controller_of(scale);
    uint32_t topics = 0;

    if (controller == NULL)
        return false;
    for (struct topic *topic = metadata_first(&controller->metadata); topic;
         topic = metadata_next(topic)) {
        if (!topic_loaded(topic))
            return false;
        for (uint32_t i = 0; i < topic->partition_count; i++)
            if (!good(scale, topic, i))
                return false;
        topics++;
    }
    return topics == scale->topics;
}

static bool is_whole(const struct scale *scale, const struct topic *topic,
                     uint32_t number)
{
    const struct partition_state *state = &topic->states[number];

    return is_led(scale, topic, number) &&
           state->isr.count == state->replica_count;
}

static uint32_t led_by(const struct scale *scale, uint32_t broker_id)
{
    struct broker *controller = controller_of(scale);
    uint32_t count = 0;

    ASSERT(controller != NULL);
    for (struct topic *topic = metadata_first(&controller->metadata); topic;
         topic = metadata_next(topic))
        for (uint32_t i = 0; i < topic->partition_count; i++)
            count += topic->states[i].leader == broker_id;
    return count;
}

/* ---- stages ---- */

struct work {
    int64_t at_us;
    uint64_t events;
    int32_t writes;
    uint64_t changes;
    clock_t cpu;
};

static struct work work_now(const struct scale *scale)
{
    const struct broker *broker = controller_of(scale);
    struct work work = {world_now_us(scale->world), world_events(scale->world),
                        0, 0, clock()};

    if (broker != NULL) {
        work.writes = broker->controller.changes_version;
        work.changes = broker->controller.next_sequence;
    }
    return work;
}

static void run_until(struct scale *scale, const char *what,
                      bool (*done)(const struct scale *scale))
{
    struct work before = work_now(scale);
    struct work after;

    while (!done(scale)) {
        int64_t now_us = world_now_us(scale->world);

        if (now_us - before.at_us > PATIENCE_US) {
            printf("%s: not within an hour\n", what);
            exit(1);
        }
        world_run(scale->world, now_us + 50000, NULL, NULL);
    }
    after = work_now(scale);
    printf("%-34s %9.2f s  %6d writes %7" PRIu64 " changes %10" PRIu64
           " events %7.1f s of a core\n",
           what, (double)(after.at_us - before.at_us) / 1e6,
           after.writes - before.writes, after.changes - before.changes,
           after.events - before.events,
           (double)(after.cpu - before.cpu) / CLOCKS_PER_SEC);
    fflush(stdout);
}

static bool registered(const struct scale *scale)
{
    const struct broker *controller = controller_of(scale);

    return controller != NULL &&
           controller->controller.live_count == scale->brokers;
}

static bool topics_made(const struct scale *scale)
{
    return scale->created == scale->topics && all_states(scale, is_whole);
}

static bool led_again(const struct scale *scale)
{
    return all_states(scale, is_led);
}

static bool whole_again(const struct scale *scale)
{
    return all_states(scale, is_whole);
}

/* Its index: the first that is not the controller. */
static uint32_t one_to_lose(const struct scale *scale)
{
    return broker_at(scale, 0) == controller_of(scale) ? 1 : 0;
}

static void run(struct scale *scale)
{
    uint32_t lost;

    for (uint32_t i = 0; i < scale->brokers; i++)
        add_broker(scale, i);
    run_until(scale, "brokers registered", registered);
    scale->admin =
        world_add_node(scale->world, "admin", &admin_kind, scale, HEAP_BYTES);
    node_start(scale->admin);
    run_until(scale, "topics made, all in sync", topics_made);
    lost = one_to_lose(scale);
    printf("a broker that leads %u partitions is lost\n",
           led_by(scale, lost + 1));
    node_crash(scale->hosts[lost].node, NODE_CRASH_POWER);
    run_until(scale, "all led by others", led_again);
    node_start(scale->hosts[lost].node);
    run_until(scale, "it is back, all in sync", whole_again);
    if (world_assertion(scale->world) != NULL) {
        printf("an assertion failed: %s\n", world_assertion(scale->world));
        exit(1);
    }
}

static uint32_t argument(int count, char **arguments, int at, uint32_t other)
{
    return at < count ? (uint32_t)strtoul(arguments[at], NULL, 10) : other;
}

int main(int count, char **arguments)
{
    static struct scale scale;
    struct world_options options = {.seed = argument(count, arguments, 5, 1),
                                    .wall_start_ms = INT64_C(1700000000000),
                                    .disk_profile = DISK_PROFILE_EXT4};

    scale.brokers = argument(count, arguments, 1, 0);
    scale.topics = argument(count, arguments, 2, 0);
    scale.partitions = argument(count, arguments, 3, 0);
    scale.replicas = argument(count, arguments, 4, 3);
    if (scale.brokers < 3 || scale.brokers > BROKERS_LIMIT ||
        scale.topics == 0 || scale.partitions == 0) {
        fprintf(stderr,
                "usage: cluster_scale BROKERS TOPICS PARTITIONS "
                "[REPLICAS [SEED]]: 3 to %d brokers\n",
                BROKERS_LIMIT);
        return 2;
    }
    scale.world = world_new(&options);
    world_add_zookeeper(scale.world, 3);
    run(&scale);
    world_free(scale.world);
    return 0;
}
