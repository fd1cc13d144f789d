/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of profiles.
 */
#include "sim/disk_profile.h"

#include "base/assert.h"

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
