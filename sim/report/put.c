/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and pieces of JSON that several reports have.
 */
#include "sim/report/report.h"

const char *report_result_name(enum run_result result)
{
    static const char *const names[] = {
        [RUN_PASS] = "pass", [RUN_FAIL] = "fail", [RUN_ERROR] = "error"};

    return names[result];
}

const char *report_mark_name(enum mark mark)
{
    static const char *const names[MARK_COUNT] = {
#define MARK(name, text, sentence) text,
#include "seam/marks.def"
#undef MARK
    };

    return names[mark];
}

void report_put_string(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == '<')
            fprintf(out, "\\u%04x", c);
        else
            putc(c, out);
    }
    putc('"', out);
}

void report_list_next(struct report_list *list)
{
    if (list->begun)
        putc(',', list->out);
    list->begun = true;
}
