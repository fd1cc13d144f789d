/* SPDX-License-Identifier: Apache-2.0
 *
 * kq log dump: what lies in a log directory, item by item, as it is.
 */
#ifndef CLI_LOG_DUMP_H
#define CLI_LOG_DUMP_H

#include <stdbool.h>
#include <stdio.h>

struct log_dump_options {
    bool json;
    bool records;
};

/* Prints a directory or a file. Returns the exit code: 0, 1 when damage was
 * met (it is printed where it is), 2 for a file of no known kind, 3 when one
 * cannot be read. */
int log_dump_run(const char *path, const struct log_dump_options *options,
                 FILE *out);

#endif
