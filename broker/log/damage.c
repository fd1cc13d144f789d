/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what is known of damage below the end of a log: batches that were
 * whole once and are not any more (B45). Nothing is cut for it.
 *
 *     found (recovery, a reader, the scrub) -> log->damage, the owner is told
 *     -> another replica has it all: log_quarantine() sets the damaged
 *        segment and those after it aside, and the log ends before them
 *     -> there is none: the log stays as it is, and is read around the damage
 *
 * A file set aside is called %020d.log.GENERATION.damaged. Nobody reads or
 * removes it but the operator.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "log/internal.h"

static void tell(struct log_body *body)
{
    if (body->log.owner != NULL && !body->dying &&
        body->log.owner->on_damage != NULL)
        body->log.owner->on_damage(body->log.owner);
}

void damage_report(const struct log_body *body)
{
    const struct log *log = &body->log;
    struct fact fact = {.type = FACT_DAMAGED,
                        .key = log->key,
                        .offset = log->damage_offset,
                        .end_offset = log->damage_end_offset};

    trace_log(log->directory->seam->trace, TRACE_ERROR,
              "%s: stored data is damaged: offsets %" PRId64 " to %" PRId64
              " cannot be read here. Nothing is cut; they are fetched again "
              "as soon as another replica has them",
              body->path, log->damage_offset, log->damage_end_offset - 1);
    trace_fact(log->directory->seam->trace, &fact);
    SOMETIMES(log->directory->seam->trace, DAMAGE_FOUND);
}

void damage_found(struct log_body *body, int64_t offset, int64_t end_offset)
{
    struct log *log = &body->log;

    ASSERT(offset < end_offset);
    if (end_offset <= log->log_start_offset ||
        (log->damaged && log->damage_offset <= offset))
        return;
    log->damaged = true;
    log->damage_offset = offset;
    log->damage_end_offset = end_offset;
    damage_report(body);
    tell(body);
}

void damage_settle(struct log_body *body)
{
    struct log *log = &body->log;

    if (!log->damaged || (log->log_end_offset > log->damage_offset &&
                          log->log_start_offset < log->damage_end_offset))
        return;
    log->damaged = false;
    trace_log(log->directory->seam->trace, TRACE_INFO,
              "%s: what was damaged is not in the log any more", body->path);
}

char *damage_path(const struct log_body *body, int64_t base_offset)
{
    char name[SEGMENT_NAME_SIZE], away[SEGMENT_NAME_SIZE + 32];

    segment_name(name, base_offset, "log");
    snprintf(away, sizeof away, "%s.%" PRIu64 ".damaged", name,
             body->log.generation);
    return path_of(body->log.directory->seam->heap, body->path, away);
}
