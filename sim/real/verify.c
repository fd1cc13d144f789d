/* SPDX-License-Identifier: Apache-2.0
 *
 * The logs of brokers that have stopped, read by kq. timeout(1) ends it when it
 * takes too long.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sim/real/internal.h"

#define COMMAND_BYTES (2 * PATH_MAX + 128)
#define KILL_AFTER_S  5

bool verify_log(const char *kq, const char *log_directory, unsigned limit_s,
                char *words, size_t size)
{
    char command[COMMAND_BYTES];
    FILE *output;
    int64_t deadline_us = real_now_us() + limit_s * INT64_C(1000000);
    int status;

    words[0] = '\0';
    snprintf(command, sizeof command,
             "timeout --foreground -k %d %u '%s' log verify '%s' 2>&1",
             KILL_AFTER_S, limit_s, kq, log_directory);
    output = popen(command, "re");
    if (output == NULL) {
        snprintf(words, size, "it was not started: %s", strerror(errno));
        return false;
    }
    if (fgets(words, (int)size, output) != NULL)
        words[strcspn(words, "\n")] = '\0';
    while (getc(output) != EOF)
        continue;
    status = pclose(output);
    if (status != 0 && real_now_us() >= deadline_us)
        snprintf(words, size, "%s was not read after %u s, and it was ended",
                 log_directory, limit_s);
    return status == 0;
}
