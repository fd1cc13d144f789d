/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls behind a disk request, on a thread of the disk. An open
 * leaves the descriptor in request->offset.
 */
#ifndef REAL_DISK_WORK_H
#define REAL_DISK_WORK_H

#include "seam/disk.h"

/* So many files, or directories, are synced by one syncfs(). */
#define SYNCFS_FILES_MIN 16
/* Appends that go in one call. */
#define JOINED_IOV_MAX   256
#define JOINED_BYTES_MAX (1u << 20)

/* One request, or several that are done together, each with its result:
 * appends to one file, each where the one before ends; syncs of files of one
 * file system; syncs of directories. */
void disk_work(struct list *requests);
uint64_t disk_append_size(const struct disk_request *request);

#endif
