/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of profiles, and what one of them does this time.
 */
#include "sim/disk_profile.h"

#include "sim/disk_internal.h"

static const struct disk_habits profiles[DISK_PROFILE_COUNT] = {
    [DISK_PROFILE_DRAWN] = {"drawn"},
#define DISK_PROFILE(name, text, ...)                                          \
    [DISK_PROFILE_##name] = {text, __VA_ARGS__},
#include "sim/disk_profile.def"
#undef DISK_PROFILE
};

const char *disk_profile_name(enum disk_profile profile)
{
    ASSERT(profile < DISK_PROFILE_COUNT);
    return profiles[profile].name;
}

const struct disk_habits *disk_profile_habits(enum disk_profile profile)
{
    ASSERT(profile > DISK_PROFILE_DRAWN && profile < DISK_PROFILE_COUNT);
    return &profiles[profile];
}

bool disk_does(const struct disk *disk, enum habit habit)
{
    if (habit != MAYBE)
        return habit == ALWAYS;
    return world_chance(disk_world(disk), disk->node, PURPOSE_DISK_PROFILE, 2);
}
