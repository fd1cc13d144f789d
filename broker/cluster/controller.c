/* SPDX-License-Identifier: Apache-2.0
 *
 * Election, loading, and who is alive. The writes are in
 * cluster/controller_write.c, topics in cluster/controller_topics.c.
 */
#include "cluster/controller.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/controller_write.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define RETRY_US     200000
#define PATIENCE_MAX 5 /* doublings of it, while a znode is damaged */

/* A version: there is no such znode. */
#define ZNODE_MISSING (-1)

static void look(struct controller *controller);

static bool move_allowed(enum controller_state from, enum controller_state to)
{
    static const unsigned allowed[] = {
        [CONTROLLER_IDLE] = 1u << CONTROLLER_LOOKING,
        [CONTROLLER_LOOKING] =
            1u << CONTROLLER_FOLLOWING | 1u << CONTROLLER_ELECTING |
            1u << CONTROLLER_LOADING | 1u << CONTROLLER_LOOKING,
        [CONTROLLER_FOLLOWING] = 1u << CONTROLLER_LOOKING,
        [CONTROLLER_ELECTING] =
            1u << CONTROLLER_LOADING | 1u << CONTROLLER_LOOKING,
        [CONTROLLER_LOADING] =
            1u << CONTROLLER_ACTIVE | 1u << CONTROLLER_LOOKING,
        [CONTROLLER_ACTIVE] = 1u << CONTROLLER_LOOKING,
    };

    return to == CONTROLLER_IDLE || (allowed[from] >> to & 1u) != 0;
}

static void set_state(struct controller *controller, enum controller_state to)
{
    ASSERT(move_allowed(controller->state, to));
    controller->state = to;
}

static void look_later(struct controller *controller)
{
    timer_start(controller->seam->timers, &controller->retry,
                controller->seam->now.monotonic_us + RETRY_US);
}

/* What an election reads cannot be used. It is said once, and looked at again
 * after RETRY_US, twice that, ... */
static void damaged(struct controller *controller, const char *path,
                    const char *why, const char *way_out)
{
    const struct coord_request *request = &controller->request;

    defects_note(&controller->metadata->defects,
                 &(struct defect_found){
                     DEFECT_CONTROLLER, path,
                     request->error == ERROR_NONE ? &request->stat : NULL, why,
                     way_out});
    timer_start(controller->seam->timers, &controller->retry,
                controller->seam->now.monotonic_us +
                    (RETRY_US << controller->patience));
    if (controller->patience < PATIENCE_MAX)
        controller->patience++;
}

static void retry_fire(struct timer *timer)
{
    struct controller *controller =
        container_of(timer, struct controller, retry);

    if (controller->state == CONTROLLER_LOOKING)
        look(controller);
}

static void request_start(struct controller *controller,
                          void (*done)(struct coord_request *request))
{
    ASSERT(!controller->request_open);
    controller->request_open = true;
    controller->request.done = done;
}

/* The controller of a finished request, or NULL when the state it was made
 * for is over (the session ended meanwhile). */
static struct controller *request_end(struct coord_request *request,
                                      enum controller_state expected)
{
    struct controller *controller =
        container_of(request, struct controller, request);

    controller->request_open = false;
    if (controller->state == expected)
        return controller;
    if (controller->state == CONTROLLER_LOOKING)
        look_later(controller);
    return NULL;
}

/* ---- election ---- */

static void live_free(struct controller *controller)
{
    struct heap *heap = controller->seam->heap;

    heap_free(heap, controller->live);
    heap_free(heap, controller->live_versions);
    heap_free(heap, controller->live_since);
    heap_free(heap, controller->live_here);
    controller->live = NULL;
    controller->live_versions = NULL;
    controller->live_since = NULL;
    controller->live_here = NULL;
    controller->live_count = 0;
}

static void won(struct controller *controller)
{
    struct fact fact = {.type = FACT_CONTROLLER,
                        .leader_epoch = (int32_t)controller->epoch};

    set_state(controller, CONTROLLER_LOADING);
    trace_fact(controller->seam->trace, &fact);
    trace_log(controller->seam->trace, TRACE_INFO,
              "elected as controller, epoch %u", controller->epoch);
    controller->metadata_loaded = false;
    controller->brokers_loaded = false;
    live_free(controller);
    if (controller->doubtful)
        metadata_scan(controller->metadata);
    else
        metadata_catch_up(controller->metadata);
    brokers_read(&controller->brokers, true);
}

static void election_done(struct coord_request *request)
{
    struct controller *controller = request_end(request, CONTROLLER_ELECTING);

    if (controller == NULL)
        return;
    if (request->error == ERROR_NONE) {
        controller->epoch_version++;
        controller->changes_version++;
        won(controller);
        return;
    }
    /* Lost it, or the answer: look who it is. */
    set_state(controller, CONTROLLER_LOOKING);
    if (request->error == ERROR_NODE_EXISTS ||
        request->error == ERROR_BAD_VERSION)
        look(controller);
    else
        look_later(controller);
}

/* Each election adds a change: without any, or behind what was read, /changes
 * was made anew or written by hand. What brokers have read must lie below what
 * follows (R12), and they must see a gap, and read everything. */
static void begin_sequence(struct controller *controller)
{
    uint64_t anew = (uint64_t)controller->epoch << 32;

    if ((controller->change_count == 0 && controller->epoch > 1) ||
        controller->next_sequence < controller->metadata->next_sequence) {
        controller_drop_changes(controller);
        if (controller->next_sequence < anew)
            controller->next_sequence = anew;
    }
}

static enum coord_operation set_or_create(int32_t version)
{
    return version == ZNODE_MISSING ? COORD_CREATE : COORD_SET;
}

/* Raises the epoch and takes the post in one transaction. */
static void elect(struct controller *controller)
{
    struct heap *heap = controller->seam->heap;
    Kq__ControllerNode node = KQ__CONTROLLER_NODE__INIT;
    Kq__ControllerEpochNode epoch = KQ__CONTROLLER_EPOCH_NODE__INIT;
    struct coord_op ops[3];

    set_state(controller, CONTROLLER_ELECTING);
    controller->patience = 0;
    controller->epoch++;
    begin_sequence(controller);
    node.broker_id = controller->options.broker_id;
    node.broker_epoch = controller->broker_epoch;
    node.controller_epoch = controller->epoch;
    epoch.controller_epoch = controller->epoch;
    controller_add_change(controller, NULL, CHANGE_NO_CHUNK);
    ops[0] = (struct coord_op){COORD_SET, ZNODE_CONTROLLER_EPOCH,
                               znode_pack(heap, &epoch.base),
                               controller->epoch_version, false};
    ops[1] = (struct coord_op){COORD_CREATE, ZNODE_CONTROLLER,
                               znode_pack(heap, &node.base), COORD_ANY_VERSION,
                               true};
    ops[2] =
        (struct coord_op){set_or_create(controller->changes_version),
                          ZNODE_CHANGES, controller_changes_encode(controller),
                          controller->changes_version, false};
    request_start(controller, election_done);
    coord_multi(controller->coord, &controller->request, ops, 3);
    for (size_t i = 0; i < 3; i++)
        heap_free(heap, (void *)(uintptr_t)ops[i].data.data);
}

/* The others see that their sequence begins again, and read everything. */
static void make_changes(struct controller *controller)
{
    controller_drop_changes(controller);
    controller->next_sequence = 1;
    controller->changes_version = ZNODE_MISSING;
    elect(controller);
}

static bool load_changes(struct controller *controller,
                         const struct coord_request *request)
{
    void *block;
    Kq__ChangesNode *node =
        znode_unpack(controller->seam->heap, &kq__changes_node__descriptor,
                     request->data, &block);
    size_t skip;

    if (node == NULL)
        return false;
    controller_drop_changes(controller);
    skip = node->n_changes > CHANGES_KEPT ? node->n_changes - CHANGES_KEPT : 0;
    controller->change_count = node->n_changes - skip;
    for (size_t i = 0; i < controller->change_count; i++) {
        Kq__Change *to = &controller->changes[i];

        *to = *node->changes[skip + i];
        to->base.unknown_fields = NULL;
        to->base.n_unknown_fields = 0;
        to->has_states = 0;
        if (to->name != NULL)
            to->name = heap_strdup(controller->seam->heap, to->name);
        if (to->has_topic_id &&
            uuid_from_bytes(to->topic_id.data, to->topic_id.len,
                            &controller->change_topics[i]))
            to->topic_id.data = controller->change_topics[i].bytes;
        else
            to->has_topic_id = 0;
    }
    controller->next_sequence = node->next_sequence;
    controller->changes_version = request->stat.version;
    controller->doubtful |= znode_changes_by_hand(node, request->stat.version);
    heap_free(controller->seam->heap, block);
    return true;
}

static void changes_done(struct coord_request *request)
{
    struct controller *controller = request_end(request, CONTROLLER_LOOKING);

    if (controller == NULL)
        return;
    if (request->error == ERROR_NO_NODE) {
        make_changes(controller);
    } else if (request->error != ERROR_NONE) {
        look_later(controller);
    } else if (!load_changes(controller, request)) {
        damaged(controller, ZNODE_CHANGES, znode_unpack_wrong(request->data),
                "no controller can be elected: delete it, and the next one "
                "makes it anew");
    } else {
        defects_clear(&controller->metadata->defects, ZNODE_CHANGES);
        elect(controller);
    }
}

static void read_changes(struct controller *controller)
{
    request_start(controller, changes_done);
    coord_get(controller->coord, &controller->request, ZNODE_CHANGES, true,
              NULL);
}

static void epoch_done(struct coord_request *request)
{
    struct controller *controller = request_end(request, CONTROLLER_LOOKING);
    struct defects *defects;
    Kq__ControllerEpochNode *node = NULL;
    void *block = NULL;

    if (controller == NULL)
        return;
    defects = &controller->metadata->defects;
    if (request->error != ERROR_NONE && request->error != ERROR_NO_NODE) {
        look_later(controller);
        return;
    }
    if (request->error == ERROR_NONE)
        node = znode_unpack(controller->seam->heap,
                            &kq__controller_epoch_node__descriptor,
                            request->data, &block);
    if (node == NULL) { /* an epoch that is guessed may have been before */
        damaged(controller, ZNODE_CONTROLLER_EPOCH,
                request->error == ERROR_NONE ? znode_unpack_wrong(request->data)
                                             : "it does not exist",
                "no controller can be elected: write back what was there, or "
                "a number above all epochs so far");
        return;
    }
    defects_clear(defects, ZNODE_CONTROLLER_EPOCH);
    controller->epoch = node->controller_epoch;
    controller->epoch_version = request->stat.version;
    if (controller->epoch < controller->metadata->controller_epoch)
        controller->epoch = controller->metadata->controller_epoch;
    heap_free(controller->seam->heap, block);
    read_changes(controller);
}

/* The post is ours from an election whose answer was lost, or from before a
 * reload: it is given up, so that the next epoch starts from what is read. */
static void given_up(struct coord_request *request)
{
    struct controller *controller = request_end(request, CONTROLLER_LOOKING);

    if (controller == NULL)
        return;
    if (request->error == ERROR_NONE || request->error == ERROR_NO_NODE)
        look(controller);
    else
        look_later(controller);
}

static void give_up(struct controller *controller)
{
    struct coord_op op = {.operation = COORD_DELETE,
                          .path = ZNODE_CONTROLLER,
                          .version = COORD_ANY_VERSION};

    request_start(controller, given_up);
    coord_multi(controller->coord, &controller->request, &op, 1);
}

static void look_done(struct coord_request *request)
{
    struct controller *controller = request_end(request, CONTROLLER_LOOKING);

    if (controller == NULL)
        return;
    if (request->error == ERROR_NO_NODE) {
        request_start(controller, epoch_done);
        coord_get(controller->coord, &controller->request,
                  ZNODE_CONTROLLER_EPOCH, true, NULL);
    } else if (request->error != ERROR_NONE) {
        look_later(controller);
    } else if (request->stat.ephemeral_owner ==
               coord_session_id(controller->coord)) {
        give_up(controller);
    } else {
        set_state(controller, CONTROLLER_FOLLOWING);
    }
}

static void look(struct controller *controller)
{
    if (controller->request_open) {
        look_later(controller);
        return;
    }
    timer_stop(controller->seam->timers, &controller->retry);
    request_start(controller, look_done);
    coord_get(controller->coord, &controller->request, ZNODE_CONTROLLER, true,
              &controller->watch);
}

static void watch_fire(struct coord_watch *watch)
{
    struct controller *controller =
        container_of(watch, struct controller, watch);

    if (controller->state == CONTROLLER_FOLLOWING) {
        set_state(controller, CONTROLLER_LOOKING);
        look(controller);
    }
}

/* ---- who is alive ---- */

static bool same_brokers(const struct controller *controller,
                         const struct brokers *brokers)
{
    if (brokers->count != controller->live_count)
        return false;
    for (uint32_t i = 0; i < brokers->count; i++)
        if (brokers->list[i].broker_id != controller->live[i].broker_id ||
            brokers->list[i].broker_epoch != controller->live[i].broker_epoch ||
            brokers->list[i].version != controller->live_versions[i])
            return false;
    return true;
}

static void balance_later(struct controller *controller)
{
    if (controller->options.balance_us > 0)
        timer_start(controller->seam->timers, &controller->balance,
                    controller->seam->now.monotonic_us +
                        controller->options.balance_us);
}

static void balance_fire(struct timer *timer)
{
    struct controller *controller =
        container_of(timer, struct controller, balance);

    controller->balance_all = true;
    controller_run(controller);
    balance_later(controller);
}

static void activate(struct controller *controller)
{
    if (controller->state != CONTROLLER_LOADING ||
        !controller->metadata_loaded || !controller->brokers_loaded)
        return;
    set_state(controller, CONTROLLER_ACTIVE);
    controller->doubtful = false;
    controller->repaired = controller->metadata->defects.repaired;
    controller->decide_all = true;
    controller->brokers_changed = true;
    balance_later(controller);
    controller_run(controller);
}

static void on_brokers(struct brokers_listener *listener,
                       const struct brokers *brokers)
{
    struct controller *controller =
        container_of(listener, struct controller, brokers_listener);
    struct live_brokers old = {controller->live_count, controller->live};
    struct heap *heap = controller->seam->heap;
    struct live_broker *live;
    uint32_t *versions;
    uint64_t *since;

    if (controller->state != CONTROLLER_LOADING &&
        controller->state != CONTROLLER_ACTIVE)
        return;
    list_splice(&controller->intents, &controller->unread);
    if (controller->brokers_loaded && same_brokers(controller, brokers)) {
        controller_run(controller);
        return;
    }
    live = heap_alloc(heap, (brokers->count + 1) * sizeof *live);
    versions = heap_alloc(heap, (brokers->count + 1) * sizeof *versions);
    since = heap_alloc(heap, (brokers->count + 1) * sizeof *since);
    for (uint32_t i = 0; i < brokers->count; i++) {
        const struct broker_endpoint *endpoint = &brokers->list[i];
        const struct live_broker *known =
            live_broker_find(&old, endpoint->broker_id);
        bool same =
            known != NULL && known->broker_epoch == endpoint->broker_epoch;

        live[i].broker_id = endpoint->broker_id;
        live[i].broker_epoch = endpoint->broker_epoch;
        versions[i] = endpoint->version;
        live[i].reported = same && known->reported;
        live[i].leaving = endpoint->leaving;
        since[i] = same ? controller->live_since[known - old.brokers]
                        : controller->next_sequence;
    }
    live_free(controller);
    controller->live = live;
    controller->live_versions = versions;
    controller->live_since = since;
    controller->live_here =
        heap_alloc(heap, (brokers->count + 1) * sizeof *live);
    controller->live_count = brokers->count;
    controller->brokers_loaded = true;
    controller->decide_all = true;
    controller->brokers_changed = true;
    activate(controller);
    controller_run(controller);
}

void controller_metadata_ready(struct controller *controller)
{
    controller->metadata_loaded = true;
    activate(controller);
    if (controller_active(controller) &&
        controller->repaired != controller->metadata->defects.repaired)
        controller_run(controller);
}

/* ---- life cycle ---- */

static void coalesce_fire(struct timer *timer)
{
    controller_run(container_of(timer, struct controller, coalesce));
}

void controller_init(struct controller *controller, struct seam *seam,
                     struct coord *coord, struct metadata *metadata,
                     const struct controller_options *options)
{
    memset(controller, 0, sizeof *controller);
    controller->seam = seam;
    controller->coord = coord;
    controller->metadata = metadata;
    controller->options = *options;
    random_init(&controller->random, seam->random_key ^ UINT64_C(0xc0117));
    controller->watch.fire = watch_fire;
    controller->retry.fire = retry_fire;
    controller->coalesce.fire = coalesce_fire;
    controller->balance.fire = balance_fire;
    controller->brokers_listener.on_brokers = on_brokers;
    list_init(&controller->intents);
    list_init(&controller->unread);
    brokers_init(&controller->brokers, seam, coord,
                 &controller->brokers_listener);
}

static void fail_intents(struct controller *controller, enum error error)
{
    struct list *node;

    list_splice(&controller->intents, &controller->unread);
    while ((node = list_pop(&controller->intents)) != NULL)
        intent_finish(container_of(node, struct intent, node), error);
}

static void leave_post(struct controller *controller, enum error error)
{
    brokers_stop(&controller->brokers);
    timer_stop(controller->seam->timers, &controller->coalesce);
    timer_stop(controller->seam->timers, &controller->balance);
    controller->decide_all = false;
    controller->balance_all = false;
    controller_write_drop(controller, error);
    fail_intents(controller, ERROR_NOT_CONTROLLER);
}

void controller_release(struct controller *controller)
{
    controller_stop(controller);
    brokers_release(&controller->brokers);
    controller_drop_changes(controller);
    live_free(controller);
}

void controller_start(struct controller *controller, uint64_t broker_epoch)
{
    ASSERT(controller->state == CONTROLLER_IDLE);
    controller->broker_epoch = broker_epoch;
    set_state(controller, CONTROLLER_LOOKING);
    look(controller);
}

void controller_stop(struct controller *controller)
{
    timer_stop(controller->seam->timers, &controller->retry);
    coord_watch_cancel(controller->coord, &controller->watch);
    set_state(controller, CONTROLLER_IDLE);
    leave_post(controller, ERROR_OUTCOME_UNKNOWN);
}

void controller_reload(struct controller *controller, const char *why)
{
    trace_log(controller->seam->trace, TRACE_WARN,
              "controller epoch %u ends here: %s", controller->epoch, why);
    controller->doubtful = true;
    set_state(controller, CONTROLLER_LOOKING);
    leave_post(controller, ERROR_OUTCOME_UNKNOWN);
    look_later(controller);
}

void controller_submit(struct controller *controller, struct intent *intent)
{
    intent->error = ERROR_NONE;
    intent->detail[0] = '\0';
    intent->staged_items = 0;
    intent->moved = 0;
    list_init(&intent->node);
    list_append(&controller->intents, &intent->node);
    if (!timer_running(&controller->coalesce))
        timer_start(controller->seam->timers, &controller->coalesce,
                    controller->seam->now.monotonic_us +
                        (controller_active(controller)
                             ? controller->options.coalesce_us
                             : 0));
}
