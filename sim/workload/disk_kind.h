/* SPDX-License-Identifier: Apache-2.0
 *
 * Points of a disk at which something can go wrong, by what the file is and
 * what is done to it; and apart, while a broker starts, from its first
 * operation to the first fact that it tells.
 */
#ifndef WORKLOAD_DISK_KIND_H
#define WORKLOAD_DISK_KIND_H

#include "seam/disk.h"

enum disk_kind {
#define DISK_KIND(name, text, end) DISK_KIND_##name,
#include "sim/workload/disk_kind.def"
#undef DISK_KIND
    DISK_KIND_COUNT
};

#define DISK_OPERATIONS (DISK_CLOSE + 1)

enum disk_stage { DISK_STARTING, DISK_SERVING, DISK_STAGES };

struct disk_points {
    uint32_t count[DISK_STAGES][DISK_KIND_COUNT][DISK_OPERATIONS];
};

struct disk_point {
    enum disk_stage stage;
    enum disk_kind kind;
    enum disk_operation operation;
};

const char *disk_kind_name(enum disk_kind kind);
enum disk_kind disk_kind_of(const char *path);

static inline void disk_points_add(struct disk_points *points,
                                   const struct disk_point *point)
{
    points->count[point->stage][point->kind][point->operation]++;
}

#endif
