/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls behind a disk request, on a thread of the disk. An open
 * leaves the descriptor in request->offset.
 */
#ifndef REAL_DISK_WORK_H
#define REAL_DISK_WORK_H

#include "seam/disk.h"

/* Many files in one sync go by one syncfs(): above this many. */
#define SYNCFS_FILES_MIN 16

void disk_work(struct disk_request *request);

#endif
