/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A piece: a letter of the %-conversions, or 0 for bytes as they are. */
struct piece {
    char conversion;
    size_t at; /* into format->literals */
    size_t size;
};

struct format {
    size_t count;
    char *literals;
    struct piece pieces[];
};

/* ---- reading ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c | 0x20);

    if (c >= '0' && c <= '9')
        return c - '0';
    return at == NULL || (c | 0x20) < 'a' ? -1 : (int)(at - digits);
}

/* Reads an escape behind its backslash; returns its length, 0: none. */
static size_t read_escape(const char *text, char *byte)
{
    static const char names[] = "ntr0\\";
    static const char values[] = "\n\t\r\0\\";
    const char *name = *text == '\0' ? NULL : strchr(names, *text);

    if (name != NULL) {
        *byte = values[name - names];
        return 1;
    }
    if (*text != 'x' || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
        return 0;
    *byte = (char)(hex_digit(text[1]) * 16 + hex_digit(text[2]));
    return 3;
}

static void add_byte(struct format *format, size_t *used, char byte)
{
    struct piece *last =
        format->count > 0 ? &format->pieces[format->count - 1] : NULL;

    if (last == NULL || last->conversion != 0) {
        last = &format->pieces[format->count++];
        *last = (struct piece){.at = *used};
    }
    format->literals[(*used)++] = byte;
    last->size++;
}

/* Reads what stands at `text`; returns its length, 0: not a format. */
static size_t read_piece(struct format *format, size_t *used, const char *text)
{
    size_t size;
    char byte;

    if (*text == '\\') {
        size = read_escape(text + 1, &byte);
        if (size == 0)
            return 0;
        add_byte(format, used, byte);
        return size + 1;
    }
    if (*text != '%' || text[1] == '%') {
        add_byte(format, used, *text);
        return *text == '%' ? 2 : 1;
    }
    if (text[1] == '\0' || strchr("kvopthT", text[1]) == NULL)
        return 0;
    format->pieces[format->count++] = (struct piece){.conversion = text[1]};
    return 2;
}

struct format *format_new(const char *text, size_t *column)
{
    size_t length = strlen(text);
    struct format *format =
        calloc(1, sizeof *format + (length + 1) * sizeof(struct piece));
    size_t used = 0;

    if (format == NULL || (format->literals = malloc(length + 1)) == NULL)
        abort();
    for (size_t at = 0; at < length;) {
        size_t size = read_piece(format, &used, text + at);

        if (size == 0) {
            *column = at + 1;
            format_free(format);
            return NULL;
        }
        at += size;
    }
    return format;
}

void format_free(struct format *format)
{
    if (format == NULL)
        return;
    free(format->literals);
    free(format);
}

/* ---- writing ---- */

static void write_bytes(FILE *to, struct kq_bytes bytes)
{
    if (bytes.size > 0)
        fwrite_unlocked(bytes.data, 1, bytes.size, to);
}

static void write_headers(FILE *to, const struct kq_record *record)
{
    for (size_t i = 0; i < record->header_count; i++) {
        fprintf(to, "%s%s=", i > 0 ? "," : "", record->headers[i].key);
        write_bytes(to, record->headers[i].value);
    }
}

static void write_conversion(char conversion, FILE *to,
                             const struct kq_message *message)
{
    switch (conversion) {
    case 'k':
        write_bytes(to, message->record.key);
        return;
    case 'v':
        write_bytes(to, message->record.value);
        return;
    case 'o':
        fprintf(to, "%" PRId64, message->offset);
        return;
    case 'p':
        fprintf(to, "%" PRId32, message->partition);
        return;
    case 't':
        fprintf(to, "%" PRId64, message->record.timestamp_ms);
        return;
    case 'h':
        write_headers(to, &message->record);
        return;
    default:
        fputs(message->topic, to);
        return;
    }
}

void format_write(const struct format *format, FILE *to,
                  const struct kq_message *message)
{
    for (size_t i = 0; i < format->count; i++) {
        const struct piece *piece = &format->pieces[i];

        if (piece->conversion == 0)
            fwrite_unlocked(format->literals + piece->at, 1, piece->size, to);
        else
            write_conversion(piece->conversion, to, message);
    }
}
