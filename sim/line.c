/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/line.h"

#include <string.h>

#include "sim/twins.h"

#define DIGITS_MAX 20

static void put(struct line *line, const char *text, size_t size)
{
    size_t room = sizeof line->text - 1 - line->size; /* for the end */

    if (size > room)
        size = room;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

/* At least `digits` of them. */
static void put_digits(struct line *line, uint64_t number, unsigned digits)
{
    char text[DIGITS_MAX];
    size_t at = sizeof text;

    while (number > 0 || digits > 0) {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
        digits -= digits > 0;
    }
    put(line, text + at, sizeof text - at);
}

void line_begin(struct line *line, struct world *world, const struct node *node)
{
    uint64_t now_us = (uint64_t)world->now_us;

    line->world = world;
    line->size = 0;
    put_digits(line, now_us / 1000000, 1);
    put(line, ".", 1);
    put_digits(line, now_us % 1000000, 6);
    line_add(line, node != NULL ? node->name : "-");
}

void line_append(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

void line_append_unsigned(struct line *line, uint64_t number)
{
    put_digits(line, number, 1);
}

void line_add(struct line *line, const char *word)
{
    put(line, " ", 1);
    line_append(line, word);
}

void line_add_unsigned(struct line *line, uint64_t number)
{
    put(line, " ", 1);
    put_digits(line, number, 1);
}

void line_add_number(struct line *line, int64_t number)
{
    put(line, " -", number < 0 ? 2 : 1);
    put_digits(line, number < 0 ? -(uint64_t)number : (uint64_t)number, 1);
}

void line_end(struct line *line)
{
    line->text[line->size++] = '\n';
    fwrite(line->text, 1, line->size, line->world->options.trace);
}
