/* SPDX-License-Identifier: Apache-2.0
 *
 * DeleteRecordsRequest: an operator raises the log start of one partition. It
 * is answered when the floor is committed in ZooKeeper, from which moment on
 * nobody is served what lies below.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "server/internal.h"

struct deletion {
    struct floor_waiter waiter;
    struct session *session;
    uint64_t correlation_id;
};

static void answer(struct session *session, uint64_t correlation_id,
                   enum error error, int64_t offset)
{
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__DeleteRecordsResponse response = KQ__DELETE_RECORDS_RESPONSE__INIT;
    char detail[160];

    response.error = error;
    if (error == ERROR_NONE) {
        response.has_log_start_offset = 1;
        response.log_start_offset = (uint64_t)offset;
    } else if (error == ERROR_OFFSET_OUT_OF_RANGE) {
        snprintf(detail, sizeof detail,
                 "only what is committed can be deleted: the high watermark "
                 "is %" PRId64,
                 offset);
        response.detail = detail;
    }
    message.body_case = KQ__MESSAGE__BODY_DELETE_RECORDS_RESPONSE;
    message.delete_records_response = &response;
    session_answer(session, correlation_id, &message);
}

static void raised(struct floor_waiter *waiter, enum error error)
{
    struct deletion *deletion = container_of(waiter, struct deletion, waiter);
    struct session *session = deletion->session;

    answer(session, deletion->correlation_id, error, waiter->floor);
    heap_free(session->broker->seam->heap, deletion);
    session_request_end(session);
}

static struct partition *find(struct broker *broker,
                              const Kq__DeleteRecordsRequest *request,
                              enum error *error)
{
    struct topic *topic = metadata_topic(&broker->metadata, request->topic);
    struct partition_key key = {.partition = request->partition};
    struct partition *partition;

    *error = ERROR_UNKNOWN_TOPIC;
    if (topic == NULL)
        return NULL;
    *error = ERROR_UNKNOWN_PARTITION;
    if (request->partition >= topic->partition_count)
        return NULL;
    *error = ERROR_INVALID_ARGUMENT;
    if (request->before_offset > INT64_MAX)
        return NULL;
    key.topic_id = topic->id;
    partition = replicas_find(&broker->replicas, &key);
    *error = partition != NULL ? ERROR_NONE : ERROR_NOT_LEADER;
    return partition;
}

void handle_delete_records(struct session *session, struct frame *frame)
{
    const Kq__DeleteRecordsRequest *request =
        frame->message->delete_records_request;
    struct heap *heap = session->broker->seam->heap;
    enum error error;
    struct partition *partition = find(session->broker, request, &error);
    uint64_t correlation_id = frame->message->correlation_id;
    struct deletion *deletion;

    if (partition == NULL) {
        answer(session, correlation_id, error, 0);
        frame_free(frame);
        return;
    }
    deletion = heap_alloc(heap, sizeof *deletion);
    deletion->waiter.done = raised;
    deletion->waiter.floor = (int64_t)request->before_offset;
    deletion->session = session;
    deletion->correlation_id = correlation_id;
    frame_free(frame);
    session_request_begin(session);
    error = partition_raise_floor(partition, &deletion->waiter);
    if (error == ERROR_AGAIN)
        return;
    answer(session, correlation_id, error,
           error == ERROR_NONE ? partition->state.log_start_floor
                               : partition->high_watermark);
    heap_free(heap, deletion);
    session_request_end(session);
}
