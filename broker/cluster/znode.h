/* SPDX-License-Identifier: Apache-2.0
 *
 * The znodes: their paths and the reading and writing of their payloads
 * (proto/znode.proto). Stored data is taken as hostile: what does not decode
 * or breaks a bound is refused with a reason.
 */
#ifndef CLUSTER_ZNODE_H
#define CLUSTER_ZNODE_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/uuid.h"
#include "rules/replication.h"
#include "seam/seam.h"
#include "znode.pb-c.h"

#define ZNODE_PATH_BYTES     400
#define TOPIC_NAME_BYTES_MAX 249
#define CHUNK_PARTITIONS     256
#define CHANGES_KEPT         512
#define CHANGES_NAMED        64 /* the last ones: with the names of topics */
#define ZNODE_FORMAT         1  /* of topics and states; none said: this one */

#define ZNODE_CLUSTER          "/cluster"
#define ZNODE_BROKERS          "/brokers"
#define ZNODE_BROKER_IDS       "/brokers/ids"
#define ZNODE_CONTROLLER       "/controller"
#define ZNODE_CONTROLLER_EPOCH "/controller_epoch"
#define ZNODE_TOPICS           "/topics"
#define ZNODE_CHANGES          "/changes"
#define ZNODE_PRODUCER_IDS     "/producer_ids"

void znode_broker_path(char path[ZNODE_PATH_BYTES], uint32_t broker_id);
void znode_topic_path(char path[ZNODE_PATH_BYTES], const char *name);
void znode_state_path(char path[ZNODE_PATH_BYTES], const char *name);
void znode_chunk_path(char path[ZNODE_PATH_BYTES], const char *name,
                      uint32_t chunk);

/* [a-zA-Z0-9._-], 1 to 249 bytes, not "." or ".." (Kafka's rule). */
bool topic_name_valid(const char *name);

/* Decodes into one block that the caller frees with heap_free(*block); NULL
 * (and *block NULL) when the bytes are not such a message. */
void *znode_unpack(struct heap *heap,
                   const ProtobufCMessageDescriptor *descriptor,
                   struct bytes data, void **block);

/* Encodes; the caller frees out.data with heap_free(). */
struct bytes znode_pack(struct heap *heap, const ProtobufCMessage *message);

/* One partition out of a chunk. NULL, or what is wrong with it: a sentence
 * about the partition ("it has no replicas"). */
const char *znode_partition_decode(const Kq__PartitionState *from,
                                   struct partition_state *to);
/* Why the bytes are not such a message, once znode_unpack() has failed. */
const char *znode_unpack_wrong(struct bytes data);

/* No controller wrote /changes as it is: nothing is known of what it says
 * nothing of. `version`: of the znode. */
bool znode_changes_by_hand(const Kq__ChangesNode *node, int32_t version);

/* A chunk: `states` of partitions [first, first + count). The caller frees
 * out.data with heap_free(). */
struct bytes znode_chunk_encode(struct heap *heap, const struct uuid *topic_id,
                                uint32_t first,
                                const struct partition_state *states,
                                uint32_t count);

#endif
