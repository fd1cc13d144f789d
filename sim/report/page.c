/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts the page together: where page.html says "<!-- NAME -->", the part of
 * that name stands.
 */
#include "sim/report/page.h"

#include <stdlib.h>
#include <string.h>

#include "sim/report/page_files.h"

static void make(struct page_run *run, const struct run_strike *strike)
{
    struct run_extras extras = {.strike = strike};

    run->chronicle = chronicle_new(CHRONICLE_EVENTS_MAX);
    run->report = calloc(1, sizeof *run->report);
    if (run->report == NULL)
        abort();
    extras.chronicle = run->chronicle;
    run_scenario(run->scenario, run->seed, &extras, run->report);
}

static void page_run_release(struct page_run *run)
{
    chronicle_free(run->chronicle);
    free(run->report);
}

/* True when `at` is there; then *page goes on behind it. */
static bool is_at(const char **page, const char *mark)
{
    size_t length = strlen(mark);

    if (strncmp(*page, mark, length) != 0)
        return false;
    *page += length;
    return true;
}

static void put_scripts(FILE *out)
{
    fputs(page_model_js, out);
    fputs(page_draw_js, out);
    fputs(page_lanes_js, out);
    fputs(page_ui_js, out);
}

static void put_page(FILE *out, const struct page_run *runs, size_t count)
{
    const char *page = page_html;

    while (*page != '\0') {
        if (is_at(&page, "<!-- style -->"))
            fputs(page_css, out);
        else if (is_at(&page, "<!-- data -->"))
            page_data(out, runs, count);
        else if (is_at(&page, "<!-- script -->"))
            put_scripts(out);
        else
            putc(*page++, out);
    }
}

bool page_write(FILE *out, const struct page_plan *plan)
{
    struct page_run runs[2] = {
        {.scenario = plan->scenario, .seed = plan->seed},
        {.scenario = plan->beside, .seed = plan->beside_seed}};
    size_t count = plan->beside != NULL ? 2 : 1;

    for (size_t i = 0; i < count; i++)
        make(&runs[i], i == 0 ? plan->strike : NULL);
    put_page(out, runs, count);
    for (size_t i = 0; i < count; i++)
        page_run_release(&runs[i]);
    return ferror(out) == 0;
}
