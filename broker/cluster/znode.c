/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/znode.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "rules/reassign.h"
#include "seam/memory.h"

void znode_broker_path(char path[ZNODE_PATH_BYTES], uint32_t broker_id)
{
    snprintf(path, ZNODE_PATH_BYTES, ZNODE_BROKER_IDS "/%u", broker_id);
}

void znode_topic_path(char path[ZNODE_PATH_BYTES], const char *name)
{
    snprintf(path, ZNODE_PATH_BYTES, ZNODE_TOPICS "/%s", name);
}

void znode_state_path(char path[ZNODE_PATH_BYTES], const char *name)
{
    snprintf(path, ZNODE_PATH_BYTES, ZNODE_TOPICS "/%s/state", name);
}

void znode_chunk_path(char path[ZNODE_PATH_BYTES], const char *name,
                      uint32_t chunk)
{
    snprintf(path, ZNODE_PATH_BYTES, ZNODE_TOPICS "/%s/state/%u", name, chunk);
}

bool topic_name_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);

    if (length == 0 || length > TOPIC_NAME_BYTES_MAX)
        return false;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    return strspn(name, allowed) == length;
}

/* ---- protobuf in one block ---- */

static void *arena_allocate(void *context, size_t size)
{
    return arena_alloc(context, size);
}

static void arena_ignore(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

void *znode_unpack(struct heap *heap,
                   const ProtobufCMessageDescriptor *descriptor,
                   struct bytes data, void **block)
{
    size_t budget = data.size * 32 + 4096;
    struct arena arena;
    ProtobufCAllocator allocator = {arena_allocate, arena_ignore, &arena};
    void *message;

    /* bounded by COORD_DATA_BYTES_MAX; refused memory must not pass for a
     * damaged znode, whose change would then be missed for ever */
    *block = heap_alloc_unset(heap, budget);
    arena_init(&arena, *block, budget);
    message =
        protobuf_c_message_unpack(descriptor, &allocator, data.size, data.data);
    if (message == NULL) {
        heap_free(heap, *block);
        *block = NULL;
    }
    return message;
}

const char *znode_unpack_wrong(struct bytes data)
{
    return data.size == 0 ? "it is empty"
                          : "its bytes are not what is to lie there";
}

struct bytes znode_pack(struct heap *heap, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = heap_alloc_unset(heap, size + 1);

    protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

/* ---- partition states ---- */

static bool is_broker_id(uint32_t id)
{
    return id <= INT32_MAX; /* as broker.id, and as clients know it */
}

static const char *decode_replicas(struct partition_state *state,
                                   const Kq__PartitionState *from)
{
    if (from->n_replicas == 0)
        return "it has no replicas";
    if (from->n_replicas > REPLICAS_MAX)
        return "it has more than 16 replicas";
    for (size_t i = 0; i < from->n_replicas; i++) {
        if (!is_broker_id(from->replicas[i]))
            return "a replica is on a broker that there cannot be";
        if (partition_state_has_replica(state, from->replicas[i]))
            return "a replica is named twice";
        state->replicas[state->replica_count++] = from->replicas[i];
    }
    return NULL;
}

/* Replicas of the partition, each once: so no union of sets is too large. */
static const char *decode_set(const struct partition_state *state,
                              struct replica_set *set,
                              Kq__ReplicaEpoch *const *from, size_t count)
{
    memset(set, 0, sizeof *set);
    for (size_t i = 0; i < count; i++) {
        if (!partition_state_has_replica(state, from[i]->broker_id))
            return "who is in sync or eligible is no replica";
        if (replica_set_has(set, from[i]->broker_id))
            return "who is in sync or eligible is named twice";
        replica_set_add(
            set, (struct replica){from[i]->broker_id, from[i]->broker_epoch});
    }
    return NULL;
}

static bool each_once(const uint32_t *brokers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (brokers[i] == brokers[k])
                return false;
    return true;
}

/* All of the original are among the replicas; what is to go stands last. */
static const char *decode_reassignment(struct partition_state *state,
                                       const Kq__PartitionState *from)
{
    static const char wrong[] = "its reassignment does not fit its replicas";

    if (from->n_original == 0)
        return from->n_adding == 0 && from->n_removing == 0 ? NULL : wrong;
    if (from->n_original > from->n_replicas ||
        from->n_removing >= from->n_replicas ||
        !each_once(from->original, from->n_original))
        return wrong;
    for (size_t i = 0; i < from->n_original; i++) {
        if (!partition_state_has_replica(state, from->original[i]))
            return wrong;
        state->original[i] = from->original[i];
    }
    state->original_count = (uint32_t)from->n_original;
    state->target_count = (uint32_t)(from->n_replicas - from->n_removing);
    state->copy_rate = from->has_copy_rate ? from->copy_rate : 0;
    for (size_t i = 0; i < from->n_removing; i++)
        if (from->removing[i] != state->replicas[state->target_count + i])
            return wrong;
    return NULL;
}

static const char *check_leader(const struct partition_state *state)
{
    if (state->leader != NO_BROKER &&
        !replica_set_has(&state->isr, state->leader))
        return "its leader is not in sync";
    if (state->handing_over &&
        (state->leader == NO_BROKER || state->leader == state->successor ||
         !replica_set_has(&state->isr, state->successor)))
        return "who is to follow its leader is not in sync";
    return NULL;
}

static const char *check_numbers(const struct partition_state *state)
{
    if (state->leader_epoch > INT32_MAX)
        return "its leader epoch is negative";
    if (state->unclean_epoch > state->leader_epoch)
        return "its unclean epoch is above its leader epoch";
    if (state->min == 0 || state->min > state->replica_count)
        return "its min is not from 1 to the number of its replicas";
    if (state->log_start_floor < 0)
        return "its log start floor is negative";
    return NULL;
}

const char *znode_partition_decode(const Kq__PartitionState *from,
                                   struct partition_state *to)
{
    const char *wrong;

    memset(to, 0, sizeof *to);
    if ((wrong = decode_replicas(to, from)) != NULL ||
        (wrong = decode_set(to, &to->isr, from->isr, from->n_isr)) != NULL ||
        (wrong = decode_set(to, &to->eligible, from->eligible,
                            from->n_eligible)) != NULL)
        return wrong;
    to->leader = from->has_leader ? from->leader : NO_BROKER;
    to->leader_epoch = from->leader_epoch;
    to->partition_epoch = from->partition_epoch;
    to->min = from->min;
    to->lazy = from->lazy;
    to->fresh = from->has_fresh && from->fresh;
    to->log_start_floor = (int64_t)from->log_start_floor;
    to->unclean_epoch = from->has_unclean_epoch ? from->unclean_epoch : 0;
    to->handing_over = from->has_successor;
    to->successor = from->has_successor ? from->successor : 0;
    if ((wrong = decode_reassignment(to, from)) != NULL ||
        (wrong = check_leader(to)) != NULL)
        return wrong;
    return check_numbers(to);
}

/* Everything that one encoded partition points at. */
struct encoded_partition {
    Kq__PartitionState message;
    Kq__ReplicaEpoch epochs[2 * REPLICAS_MAX];
    Kq__ReplicaEpoch *pointers[2 * REPLICAS_MAX];
    uint32_t adding[REPLICAS_MAX];
};

static void encode_set(Kq__ReplicaEpoch *epochs, Kq__ReplicaEpoch **pointers,
                       const struct replica_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        kq__replica_epoch__init(&epochs[i]);
        epochs[i].broker_id = set->members[i].broker_id;
        epochs[i].broker_epoch = set->members[i].broker_epoch;
        pointers[i] = &epochs[i];
    }
}

static void encode_reassignment(struct encoded_partition *to,
                                const struct partition_state *from)
{
    Kq__PartitionState *message = &to->message;

    if (!partition_state_reassigned(from))
        return;
    message->adding = to->adding;
    for (uint32_t i = 0; i < from->target_count; i++)
        if (partition_state_is_adding(from, from->replicas[i]))
            to->adding[message->n_adding++] = from->replicas[i];
    message->n_removing = from->replica_count - from->target_count;
    message->removing = message->replicas + from->target_count;
    message->n_original = from->original_count;
    message->original = (uint32_t *)(uintptr_t)from->original;
    message->has_copy_rate = from->copy_rate > 0;
    message->copy_rate = from->copy_rate;
}

static void encode_partition(struct encoded_partition *to, uint32_t partition,
                             const struct partition_state *from)
{
    Kq__PartitionState *message = &to->message;

    kq__partition_state__init(message);
    encode_set(to->epochs, to->pointers, &from->isr);
    encode_set(to->epochs + REPLICAS_MAX, to->pointers + REPLICAS_MAX,
               &from->eligible);
    message->partition = partition;
    message->n_replicas = from->replica_count;
    message->replicas = (uint32_t *)(uintptr_t)from->replicas;
    message->has_leader = from->leader != NO_BROKER;
    message->leader = from->leader;
    message->leader_epoch = from->leader_epoch;
    message->partition_epoch = from->partition_epoch;
    message->n_isr = from->isr.count;
    message->isr = to->pointers;
    message->n_eligible = from->eligible.count;
    message->eligible = to->pointers + REPLICAS_MAX;
    message->min = from->min;
    message->lazy = from->lazy;
    message->has_fresh = from->fresh;
    message->fresh = from->fresh;
    message->log_start_floor = (uint64_t)from->log_start_floor;
    message->has_unclean_epoch = from->unclean_epoch > 0;
    message->unclean_epoch = from->unclean_epoch;
    message->has_successor = from->handing_over;
    message->successor = from->successor;
    encode_reassignment(to, from);
}

bool znode_changes_by_hand(const Kq__ChangesNode *node, int32_t version)
{
    return node->has_version && node->version != version;
}

struct bytes znode_chunk_encode(struct heap *heap, const struct uuid *topic_id,
                                uint32_t first,
                                const struct partition_state *states,
                                uint32_t count)
{
    struct encoded_partition *encoded;
    Kq__PartitionState **pointers;
    Kq__PartitionStates chunk = KQ__PARTITION_STATES__INIT;
    struct bytes out;

    ASSERT(count > 0);
    ASSERT(count <= CHUNK_PARTITIONS);
    encoded = heap_alloc(heap, count * sizeof *encoded);
    pointers = heap_alloc(heap, count * sizeof *pointers);
    for (uint32_t i = 0; i < count; i++) {
        encode_partition(&encoded[i], first + i, &states[i]);
        pointers[i] = &encoded[i].message;
    }
    chunk.topic_id.data = (uint8_t *)(uintptr_t)topic_id->bytes;
    chunk.topic_id.len = sizeof topic_id->bytes;
    chunk.n_partitions = count;
    chunk.partitions = pointers;
    out = znode_pack(heap, &chunk.base);
    heap_free(heap, pointers);
    heap_free(heap, encoded);
    return out;
}
