/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how the items of kq log dump look (log_emit.h).
 */
#include "client/cli/log_emit.h"

#include <inttypes.h>
#include <time.h>

#define TEXT_BYTES_MAX 160 /* of a key or a value, for people */

/* ---- bytes ---- */

/* The length of the UTF-8 character at `at`, 0 when there is none. */
static size_t character(const uint8_t *at, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code = at[0];
    size_t size;

    if (code < 0x80)
        return 1;
    if (code < 0xc2 || code > 0xf4)
        return 0;
    size = code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
    if (left < size)
        return 0;
    code &= 0xffu >> (size + 1);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    if (code < least[size] || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return size;
}

static bool is_utf8(struct bytes bytes)
{
    for (size_t at = 0; at < bytes.size;) {
        size_t size = character(bytes.data + at, bytes.size - at);

        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

static void json_string(FILE *out, struct bytes bytes)
{
    putc('"', out);
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(out, "\\u%04x", byte);
        else
            putc(byte, out);
    }
    putc('"', out);
}

static void base64(FILE *out, struct bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    putc('"', out);
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t three = (uint32_t)bytes.data[i] << 16;

        if (left > 1)
            three |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2)
            three |= bytes.data[i + 2];
        putc(digits[three >> 18], out);
        putc(digits[three >> 12 & 63], out);
        putc(left > 1 ? digits[three >> 6 & 63] : '=', out);
        putc(left > 2 ? digits[three & 63] : '=', out);
    }
    putc('"', out);
}

static void plain(FILE *out, struct bytes bytes)
{
    size_t shown = bytes.size > TEXT_BYTES_MAX ? TEXT_BYTES_MAX : bytes.size;

    putc('"', out);
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = bytes.data[i];

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            fprintf(out, "\\x%02x", byte);
        else
            putc(byte, out);
    }
    putc('"', out);
    if (shown < bytes.size)
        fprintf(out, "... (%zu B)", bytes.size);
}

/* ---- items ---- */

void emit_begin(struct log_emit *emit, const char *type, const char *file,
                uint64_t position)
{
    if (!emit->json) {
        fprintf(emit->out, "%-14s at %10" PRIu64, type, position);
        return;
    }
    fprintf(emit->out, "{\"type\":\"%s\",\"file\":", type);
    if (is_utf8(bytes_of_string(file)))
        json_string(emit->out, bytes_of_string(file));
    else
        fprintf(emit->out, "null");
    fprintf(emit->out, ",\"position\":%" PRIu64, position);
}

void emit_end(struct log_emit *emit)
{
    fputs(emit->json ? "}\n" : "\n", emit->out);
}

static void name_json(struct log_emit *emit, const char *name,
                      const char *suffix)
{
    fprintf(emit->out, "%s\"%s%s\":", emit->fresh ? "" : ",", name, suffix);
    emit->fresh = false;
}

void emit_number(struct log_emit *emit, const char *name, int64_t value,
                 int width, const char *unit)
{
    if (emit->json) {
        name_json(emit, name, "");
        fprintf(emit->out, "%" PRId64, value);
        return;
    }
    fprintf(emit->out, "  %s %*" PRId64 "%s%s", name, width, value,
            *unit ? " " : "", unit);
}

void emit_unsigned(struct log_emit *emit, const char *name, uint64_t value,
                   int width, const char *unit)
{
    if (emit->json) {
        name_json(emit, name, "");
        fprintf(emit->out, "%" PRIu64, value);
        return;
    }
    fprintf(emit->out, "  %s %*" PRIu64 "%s%s", name, width, value,
            *unit ? " " : "", unit);
}

void emit_time(struct log_emit *emit, const char *name, int64_t ms)
{
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    int thousandths = (int)(ms - seconds * 1000);
    time_t time = (time_t)seconds;
    struct tm parts;
    char text[64];

    if (emit->json) {
        name_json(emit, name, "_ms");
        fprintf(emit->out, "%" PRId64, ms);
        return;
    }
    if (ms == INT64_MIN)
        fprintf(emit->out, "  %s %-24s", name, "none");
    else if (gmtime_r(&time, &parts) == NULL || parts.tm_year > 8099 ||
             parts.tm_year < -1900 ||
             strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        fprintf(emit->out, "  %s %" PRId64 " ms", name, ms);
    else
        fprintf(emit->out, "  %s %s.%03dZ", name, text, thousandths);
}

void emit_checksum(struct log_emit *emit, const char *name, uint32_t crc)
{
    if (emit->json) {
        name_json(emit, name, "");
        fprintf(emit->out, "%u", crc);
        return;
    }
    fprintf(emit->out, "  %s %08x", name, crc);
}

void emit_bool(struct log_emit *emit, const char *name, bool value)
{
    if (emit->json) {
        name_json(emit, name, "");
        fputs(value ? "true" : "false", emit->out);
        return;
    }
    fprintf(emit->out, "  %s %-3s", name, value ? "yes" : "no");
}

void emit_string(struct log_emit *emit, const char *name, const char *text)
{
    if (emit->json) {
        name_json(emit, name, "");
        json_string(emit->out, bytes_of_string(text));
        return;
    }
    fprintf(emit->out, "  %s %s", name, text);
}

void emit_uuid(struct log_emit *emit, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    emit_string(emit, name, text);
}

void emit_bytes(struct log_emit *emit, const char *name, struct bytes bytes)
{
    if (!emit->json) {
        fprintf(emit->out, "  %s ", name);
        if (bytes.data == NULL)
            fputs("null", emit->out);
        else
            plain(emit->out, bytes);
        return;
    }
    if (bytes.data == NULL) {
        name_json(emit, name, "");
        fputs("null", emit->out);
    } else if (is_utf8(bytes)) {
        name_json(emit, name, "");
        json_string(emit->out, bytes);
    } else {
        name_json(emit, name, "_base64");
        base64(emit->out, bytes);
    }
}

void emit_list_begin(struct log_emit *emit, const char *name)
{
    if (emit->json) {
        name_json(emit, name, "");
        putc('[', emit->out);
    }
}

void emit_list_next(struct log_emit *emit, bool first)
{
    emit->fresh = true;
    fputs(!emit->json ? "  |" : first ? "{" : "},{", emit->out);
}

void emit_list_end(struct log_emit *emit, bool empty)
{
    if (emit->json)
        fputs(empty ? "]" : "}]", emit->out);
}
