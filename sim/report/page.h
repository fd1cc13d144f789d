/* SPDX-License-Identifier: Apache-2.0
 *
 * A run, or two beside each other, as one page for a browser: no network, no
 * other file. The page is page/page.html with page/page.css, its scripts and
 * the chronicles of the runs in it.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <stdio.h>

#include "sim/report/report.h"

struct page_plan {
    const struct scenario *scenario;
    uint64_t seed;
    const struct run_strike *strike; /* NULL: none */
    const struct scenario *beside;   /* another run beside it; NULL: none */
    uint64_t beside_seed;
};

/* Makes the runs, recorded, and writes the page; false: it could not be
 * written, see errno. */
bool page_write(FILE *out, const struct page_plan *plan);

/* A run that was made, for a page. */
struct page_run {
    const struct scenario *scenario;
    uint64_t seed;
    struct run_report *report;
    struct chronicle *chronicle;
};

/* What the page's script reads, as JSON; two runs at most. */
void page_data(FILE *out, const struct page_run *runs, size_t count);

/* The first events in which two runs differ, whenever they happened: of what
 * befell brokers and, from the start of the work on, the partition that a
 * promise of the first run was broken about (all of them, if it is about
 * none). An end of a chronicle is an event too; false: there is none. */
bool first_difference(const struct page_run *one, const struct page_run *two,
                      size_t at[2]);

#endif
