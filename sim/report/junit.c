/* SPDX-License-Identifier: Apache-2.0
 *
 * The head tells how many cases follow, so the cases are kept until the end.
 */
#include "sim/report/junit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct junit {
    FILE *file;
    FILE *cases; /* into text */
    char *text;
    size_t size;
    uint64_t runs;
    uint64_t failed;
    uint64_t errors;
    int64_t wall_ms;
};

struct junit *junit_new(const char *path)
{
    FILE *file = fopen(path, "w");
    struct junit *junit;

    if (file == NULL)
        return NULL;
    junit = calloc(1, sizeof *junit);
    if (junit == NULL)
        abort();
    junit->file = file;
    junit->cases = open_memstream(&junit->text, &junit->size);
    if (junit->cases == NULL)
        abort();
    return junit;
}

/* XML 1.0 has no place for control characters at all. */
static void put_escaped(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '&')
            fputs("&amp;", out);
        else if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else
            putc(c < 0x20 && c != '\n' ? '?' : c, out);
    }
}

/* The path is the class: with dots, as its parts are shown as a tree. */
static void begin_case(FILE *out, const struct scenario *scenario)
{
    size_t length = strlen(scenario->path);

    if (length > 5 && strcmp(scenario->path + length - 5, ".yaml") == 0)
        length -= 5;
    fputs("<testcase classname=\"", out);
    for (size_t i = 0; i < length; i++) {
        char c = scenario->path[i] == '/' ? '.' : scenario->path[i];

        put_escaped(out, &c, 1);
    }
    fputs("\" name=\"", out);
}

static void put_failure(FILE *out, const char *kind, const char *type,
                        const char *message)
{
    fprintf(out, "><%s type=\"%s\" message=\"", kind, type);
    put_escaped(out, message, strlen(message));
    fputs("\">", out);
}

static void put_replay(FILE *out, const struct scenario *scenario,
                       uint64_t seed, const struct run_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);

    if (lines == NULL)
        abort();
    report_replay(lines, scenario, seed, report);
    fclose(lines);
    put_escaped(out, text, size);
    free(text);
}

void junit_run(struct junit *junit, const struct scenario *scenario,
               uint64_t seed, const struct run_report *report)
{
    const char *kind = report->result == RUN_FAIL ? "failure" : "error";
    FILE *out = junit->cases;
    char at[STRIKE_TEXT_BYTES];

    junit->runs++;
    junit->failed += report->result == RUN_FAIL;
    junit->errors += report->result == RUN_ERROR;
    junit->wall_ms += report->wall_ms;
    begin_case(out, scenario);
    fprintf(out, "seed %" PRIu64, seed);
    if (report->strike.nth > 0) {
        strike_format(&report->strike, at);
        fprintf(out, ", %s at %s", strike_how_name(report->strike.how), at);
    }
    fprintf(out, "\" time=\"%.3f\"", (double)report->wall_ms / 1e3);
    if (report->result == RUN_PASS) {
        fputs("/>\n", out);
        return;
    }
    put_failure(out, kind,
                report->oracle < 0
                    ? "run"
                    : oracle_name((enum oracle_id)report->oracle),
                report->message);
    put_replay(out, scenario, seed, report);
    fprintf(out, "</%s></testcase>\n", kind);
}

void junit_vacuous(struct junit *junit, const struct scenario *scenario,
                   const char *sentence)
{
    junit->runs++;
    junit->errors++;
    begin_case(junit->cases, scenario);
    fputs("all seeds\"", junit->cases);
    put_failure(junit->cases, "error", "vacuous", sentence);
    fputs("</error></testcase>\n", junit->cases);
}

bool junit_end(struct junit *junit)
{
    FILE *out = junit->file;
    bool good;

    fclose(junit->cases);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites><testsuite name=\"kqsim\" tests=\"%" PRIu64
            "\" failures=\"%" PRIu64 "\" errors=\"%" PRIu64
            "\" time=\"%.3f\">\n",
            junit->runs, junit->failed, junit->errors,
            (double)junit->wall_ms / 1e3);
    fwrite(junit->text, 1, junit->size, out);
    fputs("</testsuite></testsuites>\n", out);
    good = ferror(out) == 0;
    good &= fclose(out) == 0;
    free(junit->text);
    free(junit);
    return good;
}
