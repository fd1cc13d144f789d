/* SPDX-License-Identifier: Apache-2.0
 *
 * Items with fields, printed one a line: for people, or as JSON. A field has
 * one name in both; times have "_ms" after it in JSON.
 */
#ifndef CLI_LOG_EMIT_H
#define CLI_LOG_EMIT_H

#include <stdio.h>

#include "base/bytes.h"
#include "base/uuid.h"

struct log_emit {
    FILE *out;
    bool json;
    bool fresh; /* an object has no field yet */
};

/* An item of this type, at this byte of the file. */
void emit_begin(struct log_emit *emit, const char *type, const char *file,
                uint64_t position);
void emit_end(struct log_emit *emit);
/* `unit` ("" when it has none) is for people, and so is the width. */
void emit_number(struct log_emit *emit, const char *name, int64_t value,
                 int width, const char *unit);
void emit_unsigned(struct log_emit *emit, const char *name, uint64_t value,
                   int width, const char *unit);
void emit_time(struct log_emit *emit, const char *name, int64_t ms);
/* A checksum: hexadecimal for people. */
void emit_checksum(struct log_emit *emit, const char *name, uint32_t crc);
void emit_bool(struct log_emit *emit, const char *name, bool value);
void emit_string(struct log_emit *emit, const char *name, const char *text);
void emit_uuid(struct log_emit *emit, const char *name, const struct uuid *id);
/* NULL is null. JSON: text when it is UTF-8, else NAME_base64. */
void emit_bytes(struct log_emit *emit, const char *name, struct bytes bytes);
/* A list of objects within an item: begin, then before each one _next. */
void emit_list_begin(struct log_emit *emit, const char *name);
void emit_list_next(struct log_emit *emit, bool first);
void emit_list_end(struct log_emit *emit, bool empty);

#endif
