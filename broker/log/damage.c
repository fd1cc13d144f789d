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

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void damage_more(struct log_body *body, int64_t offset, int64_t end_offset)
{
    struct more_damage *more = &body->more;

    if (more->known) {
        offset = lower(offset, more->offset);
        end_offset = higher(end_offset, more->end_offset);
    }
    *more = (struct more_damage){true, offset, end_offset, body->damage_error};
}

void damage_found(struct log_body *body, int64_t offset, int64_t end_offset)
{
    struct log *log = &body->log;

    ASSERT(offset < end_offset);
    if (end_offset <= log->log_start_offset)
        return;
    if (log->damaged && log->damage_offset <= offset) {
        if (end_offset > log->damage_end_offset)
            damage_more(body, higher(offset, log->damage_end_offset),
                        end_offset);
        return;
    }
    if (log->damaged && log->damage_end_offset > end_offset)
        damage_more(body, higher(log->damage_offset, end_offset),
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
    struct more_damage more = body->more;

    log->damaged = false;
    body->more.known = false;
    trace_fact(log->directory->seam->trace, &fact);
    if (more.known && more.offset < log->log_end_offset) {
        body->damage_error = more.error;
        damage_found(body, more.offset,
                     lower(more.end_offset, log->log_end_offset));
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
    body->more.known = false;
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
