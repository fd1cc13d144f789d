/* SPDX-License-Identifier: Apache-2.0
 *
 * Disk operations of a test and their ends. What is appended is text.
 */
#ifndef TESTS_SEAM_DISK_OP_H
#define TESTS_SEAM_DISK_OP_H

#include "seam/disk.h"
#include "tests/seam/harness.h"

struct op {
    struct disk_request request;
    bool done;
    unsigned number; /* in the order of completion, of the whole program */
};

/* Operations that were completed so far. */
extern unsigned op_completed;

/* Ready to be submitted; returns it. */
struct op *op_init(struct op *op);
/* It may not be done yet: no operation completes within its call. */
enum error op_wait(struct harness *harness, struct op *op);
struct disk *disk_of(struct harness *harness);

/* Each of these submits one operation and waits for it. */
enum error open_file(struct harness *harness, const char *name, unsigned flags,
                     struct disk_file **file);
enum error append(struct harness *harness, struct disk_file *file,
                  uint64_t offset, const char *text);
enum error allocate(struct harness *harness, struct disk_file *file,
                    uint64_t length);
enum error truncate_to(struct harness *harness, struct disk_file *file,
                       uint64_t size);
enum error sync_files(struct harness *harness, struct disk_file *const *files,
                      size_t count);
enum error rename_to(struct harness *harness, const char *from, const char *to);

typedef void path_call(struct disk *disk, struct disk_request *request,
                       const char *path);
enum error on_path(struct harness *harness, path_call *call, const char *name);

/* These fail the test when they fail. */
struct disk_file *create(struct harness *harness, const char *name);
/* What lies at `offset`, read with this length, is the text. */
void expect(struct harness *harness, struct disk_file *file, uint64_t offset,
            size_t length, const char *text);
uint64_t size_of(struct harness *harness, const char *name);
uint64_t free_space(struct harness *harness);

#endif
