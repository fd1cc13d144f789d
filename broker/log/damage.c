/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what is known of damage below the end of a log: batches that were
 * whole once and are not any more (B45). Nothing is cut for it.
 *
 *     found (recovery, a reader, the scrub) -> log->damage, the owner is told
 *     -> what another replica has is written again where it lay (log/mend.c)
 *     -> nobody has it: the log stays as it is, and is read around the damage
 *
 * One range at a time: what else was found is looked at again after it.
 */
#include <inttypes.h>

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
                        .end_offset = log->damage_end_offset,
                        .value = body->damage_error};

    trace_log(log->directory->seam->trace, TRACE_ERROR,
              "%s: stored data is damaged: offsets %" PRId64 " to %" PRId64
              " cannot be read here. Nothing is cut; they are fetched again "
              "as soon as another replica has them",
              body->path, log->damage_offset, log->damage_end_offset - 1);
    trace_fact(log->directory->seam->trace, &fact);
    SOMETIMES(log->directory->seam->trace, DAMAGE_FOUND);
}

void damage_more(struct log_body *body, int64_t offset, int64_t end_offset)
{
    if (!body->more_damage || offset < body->more_damage_offset)
        body->more_damage_offset = offset;
    if (!body->more_damage || end_offset > body->more_damage_end)
        body->more_damage_end = end_offset;
    body->more_damage = true;
    body->more_damage_error = body->damage_error;
}

void damage_found(struct log_body *body, int64_t offset, int64_t end_offset)
{
    struct log *log = &body->log;

    ASSERT(offset < end_offset);
    if (end_offset <= log->log_start_offset)
        return;
    if (log->damaged && log->damage_offset <= offset) {
        if (end_offset > log->damage_end_offset)
            damage_more(body,
                        offset > log->damage_end_offset
                            ? offset
                            : log->damage_end_offset,
                        end_offset);
        return;
    }
    if (log->damaged && log->damage_end_offset > end_offset)
        damage_more(body,
                    log->damage_offset > end_offset ? log->damage_offset
                                                    : end_offset,
                    log->damage_end_offset);
    body->damage_changes++;
    log->damaged = true;
    log->damage_offset = offset;
    log->damage_end_offset = end_offset;
    damage_report(body);
    tell(body);
}

void damage_unreadable(struct log_body *body, int64_t offset,
                       int64_t end_offset)
{
    body->damage_error = ERROR_IO;
    damage_found(body, offset, end_offset);
    body->damage_error = ERROR_CORRUPT;
}

/* Nothing is known to be damaged, but for what else was found meanwhile. */
static void gone(struct log_body *body)
{
    struct log *log = &body->log;
    struct fact fact = {.type = FACT_MENDED, .key = log->key};

    log->damaged = false;
    trace_fact(log->directory->seam->trace, &fact);
    if (body->more_damage) {
        body->more_damage = false;
        body->damage_error = body->more_damage_error;
        if (body->more_damage_offset < log->log_end_offset)
            damage_found(body, body->more_damage_offset,
                         body->more_damage_end < log->log_end_offset
                             ? body->more_damage_end
                             : log->log_end_offset);
        body->damage_error = ERROR_CORRUPT;
    }
    body->epochs_guessed = body->epochs_guessed && log->damaged;
    if (!log->damaged && log->unsure &&
        body->exclusive.kind == EXCLUSIVE_NONE && !body->dying)
        exclusive_rebuild(body); /* a cut does it itself */
}

void damage_settle(struct log_body *body)
{
    struct log *log = &body->log;

    if (log->damaged && log->damage_end_offset > log->log_end_offset) {
        log->damage_end_offset = log->log_end_offset;
        body->damage_changes++;
    }
    if (!log->damaged || (log->log_end_offset > log->damage_offset &&
                          log->log_start_offset < log->damage_end_offset))
        return;
    trace_log(log->directory->seam->trace, TRACE_INFO,
              "%s: what was damaged is not in the log any more", body->path);
    gone(body);
}

void damage_leave(struct log_body *body)
{
    body->more_damage = false;
    if (body->log.damaged)
        gone(body);
}

bool damage_mended(struct log_body *body, int64_t offset)
{
    struct log *log = &body->log;

    if (offset < log->damage_end_offset) {
        log->damage_offset = offset;
        return true;
    }
    trace_log(log->directory->seam->trace, TRACE_INFO,
              "%s: what was damaged is whole again, up to offset %" PRId64,
              body->path, log->damage_end_offset - 1);
    SOMETIMES(log->directory->seam->trace, DAMAGE_MENDED);
    gone(body);
    return false;
}
