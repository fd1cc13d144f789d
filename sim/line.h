/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of the trace's text, put together word by word: most of a trace is
 * numbers, and printf() takes its time with them. Only for a world that keeps
 * its text (world_keeps_text()).
 */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include <stddef.h>
#include <stdint.h>

struct world;
struct node;

struct line {
    struct world *world;
    size_t size;
    char text[1280]; /* what is longer is cut */
};

/* Time and node (NULL: none); words are added behind them, each after a
 * space. */
void line_begin(struct line *line, struct world *world,
                const struct node *node);
/* Borrows word until return. */
void line_add(struct line *line, const char *word);
void line_add_number(struct line *line, int64_t number);
void line_add_unsigned(struct line *line, uint64_t number);
/* Without a space before it. */
void line_append(struct line *line, const char *text);
void line_append_unsigned(struct line *line, uint64_t number);
/* Writes it. */
void line_end(struct line *line);

#endif
