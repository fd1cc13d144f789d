/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program kqreal says of the world before it makes one.
 */
#ifndef SIM_REAL_REAL_H
#define SIM_REAL_REAL_H

#include <stdbool.h>
#include <stddef.h>

struct real_options {
    const char *directory; /* of everything: is there, and empty */
    const char *broker;    /* path of kafkaesqued */
    const char *title;     /* of the run, for people who wait; NULL: nobody */
};

/* What went wrong as the brokers of the last world were told to stop, as a
 * sentence; NULL: nothing. */
const char *real_stop_problem(void);

/* Which ZooKeeper server of the last world ended by itself, how, and where its
 * log is, as a sentence; NULL: none. */
const char *real_server_problem(void);

/* Borrowed for the life of the worlds to come. */
void real_options_set(const struct real_options *options);
const struct real_options *real_options(void);

/* Once, before all else, while the program has one thread: links between nodes
 * can be cut from then on, if the kernel lets it. */
void real_network_begin(void);

/* A file or a directory with all in it is removed. */
void real_remove(const char *path);

/* kq log verify of one log directory, with so many seconds for it. False, and
 * what it said first or what befell it, when that is not well. */
bool verify_log(const char *kq, const char *log_directory, unsigned limit_s,
                char *words, size_t size);

/* What is missing on this machine, as a sentence; NULL: nothing. */
const char *real_missing(void);

#endif
