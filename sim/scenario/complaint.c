/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with a file, in the order it was met.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

#define SENTENCE_BYTES 600
#define WORD_MAX       64

static void add(struct complaints *complaints, const char *path,
                yaml_mark_t mark, const char *sentence)
{
    char line[SENTENCE_BYTES + 300];
    int length = snprintf(line, sizeof line, "%.250s:%zu:%zu: %s\n", path,
                          mark.line + 1, mark.column + 1, sentence);
    size_t size = complaints->size + (size_t)length;
    char *text = realloc(complaints->text, size + 1);

    if (text == NULL)
        abort();
    memcpy(text + complaints->size, line, (size_t)length + 1);
    complaints->text = text;
    complaints->size = size;
    complaints->count++;
}

void complain_at(struct loader *loader, yaml_mark_t mark, const char *format,
                 ...)
{
    char sentence[SENTENCE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    add(loader->complaints, loader->path, mark, sentence);
}

void complain(struct loader *loader, const yaml_node_t *node,
              const char *format, ...)
{
    char sentence[SENTENCE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    add(loader->complaints, loader->path, node->start_mark, sentence);
}

void complaints_release(struct complaints *complaints)
{
    free(complaints->text);
    *complaints = (struct complaints){NULL, 0, 0};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance; words are cut to WORD_MAX. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t length_a = least(strlen(a), WORD_MAX);
    size_t length_b = least(strlen(b), WORD_MAX);

    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t above = row[j];
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);

            row[j] = least(changed, least(row[j - 1], above) + 1);
            diagonal = above;
        }
    }
    return row[length_b];
}

const char *nearest(const char *word, const char *const names[], size_t count)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;

    for (size_t i = 0; i < count; i++) {
        size_t here = distance(word, names[i]);

        if (here < best_distance) {
            best = names[i];
            best_distance = here;
        }
    }
    return best;
}

const char *did_you_mean(const char *word, const char *const names[],
                         size_t count)
{
    static _Thread_local char text[WORD_MAX + 32];
    const char *name = nearest(word, names, count);

    text[0] = '\0';
    if (name != NULL)
        snprintf(text, sizeof text, ", did you mean '%.*s'?", WORD_MAX, name);
    return text;
}

void *loader_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (memory == NULL)
        abort();
    return memory;
}

char *loader_copy(const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        abort();
    return copy;
}
