/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/workload/disk_kind.h"

#include <string.h>

static const struct {
    const char *name;
    const char *end;
} kinds[] = {
#define DISK_KIND(name, text, end) {text, end},
#include "sim/workload/disk_kind.def"
#undef DISK_KIND
};

const char *disk_kind_name(enum disk_kind kind)
{
    return kinds[kind].name;
}

static bool ends_with(const char *path, size_t length, const char *end)
{
    size_t size = strlen(end);

    return length >= size && memcmp(path + length - size, end, size) == 0;
}

enum disk_kind disk_kind_of(const char *path)
{
    size_t length = strlen(path);
    unsigned kind = 0;

    if (ends_with(path, length, ".tmp"))
        length -= strlen(".tmp");
    while (!ends_with(path, length, kinds[kind].end))
        kind++;
    return (enum disk_kind)kind;
}
