/* SPDX-License-Identifier: Apache-2.0
 *
 * Every record that producers handed out, by producer and sequence, and what
 * became of it.
 */
#ifndef ORACLE_RECORDS_H
#define ORACLE_RECORDS_H

#include "sim/oracle/oracle.h"
#include "sim/oracle/vector.h"

enum record_state { RECORD_SENT, RECORD_ACKED, RECORD_FAILED };

struct record {
    uint32_t partition; /* index in the model */
    uint32_t crc;
    uint32_t bytes;
    uint8_t state; /* enum record_state */
    int8_t acks;
    bool idempotent;
    bool single;
    bool forgiven;  /* sent before an unclean election: it may be gone */
    int64_t offset; /* -1: not told */
};

struct records {
    struct vector producers; /* struct vector of struct record */
};

void records_release(struct records *records);

/* The record, or NULL when none such was sent. */
struct record *records_find(const struct records *records, uint32_t producer,
                            uint64_t sequence);
struct record *records_add(struct records *records, uint32_t producer,
                           uint64_t sequence);

#endif
