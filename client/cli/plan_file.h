/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans as 'kq cluster reassign' prints and reads them: YAML, a line for each
 * partition, the preferred leader first:
 *
 *     orders/0: [1, 2, 3]
 */
#ifndef CLI_PLAN_FILE_H
#define CLI_PLAN_FILE_H

#include "client/cli/plan.h"

struct plan_line {
    char *topic;
    int32_t partition;
    int32_t replicas[REPLICAS_MAX];
    size_t replica_count;
    size_t line; /* from 1 */
};

struct plan_file {
    const char *name; /* in messages; borrowed */
    struct plan_line *lines;
    size_t count;
    size_t complaints;
};

/* Reads the file, "-": standard input. False when something is wrong with it;
 * all of that is then said on standard error, with file and line. Free with
 * plan_file_release(), whatever is returned. */
bool plan_file_read(struct plan_file *file, const char *path);
void plan_file_release(struct plan_file *file);
/* One more thing is wrong. */
void plan_file_complain(struct plan_file *file, size_t line, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

#endif
