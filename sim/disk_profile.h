/* SPDX-License-Identifier: Apache-2.0
 *
 * What file systems do where POSIX leaves it open, one row each
 * (sim/disk_profile.def). All disks of a world have the same one.
 */
#ifndef SIM_DISK_PROFILE_H
#define SIM_DISK_PROFILE_H

enum disk_profile {
    DISK_PROFILE_DRAWN, /* from the seed, among those below */
#define DISK_PROFILE(name, ...) DISK_PROFILE_##name,
#include "sim/disk_profile.def"
#undef DISK_PROFILE
    DISK_PROFILE_COUNT
};

/* MAYBE is drawn each time. */
enum habit { NEVER, MAYBE, ALWAYS };

struct disk_habits {
    const char *name;
    /* What a failed sync covered stays dirty, and a later sync writes it;
     * else it is clean, and no sync ever will. */
    enum habit keeps_dirty;
    /* Reads then show what is stored; else what was written, until the page
     * falls out of the cache. */
    enum habit reads_old;
    /* Each open file of an inode hears once of a sync that failed; else only
     * the one whose sync it was. */
    enum habit tells_each;
    /* Of the changes of names that no sync covered a crash keeps some first
     * ones; else any, each name for itself. */
    enum habit names_in_order;
    /* The sync of a new file makes its name durable too. */
    enum habit sync_takes_name;
    /* What makes a change of names durable makes all durable that was
     * changed before it: there is one journal. */
    enum habit sync_takes_earlier;
    /* A rename over a file is not durable before what it renames is. */
    enum habit rename_takes_data;
    /* A failed sync of a directory leaves its changes clean: the next sync
     * writes them only together with a newer change of the directory. */
    enum habit forgets_names;
    /* A file may have grown by a write that is lost, and reads as zeros. */
    enum habit size_before_data;
};

const char *disk_profile_name(enum disk_profile profile);
/* Of a profile that is not DISK_PROFILE_DRAWN. */
const struct disk_habits *disk_profile_habits(enum disk_profile profile);

#endif
