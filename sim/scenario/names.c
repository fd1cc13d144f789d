/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that come from tables: fault points, oracles, marks, disk profiles.
 */
#include <string.h>

#include "sim/scenario/internal.h"

static const char *const points[] = {
#define FAULT(name, text, happens, holds) text,
#include "faults/catalogue.def"
#undef FAULT
};

static const char *const marks[] = {
#define MARK(name, text, sentence) text,
#include "seam/marks.def"
#undef MARK
};

static const char *const oracles[] = {
#define ORACLE(name, file, text, invariant, sentence) text,
#include "sim/oracle/oracle.def"
#undef ORACLE
};

static const char *const profiles[] = {
#define DISK_PROFILE(name, text, ...) text,
#include "sim/disk_profile.def"
#undef DISK_PROFILE
};

const char *point_name(enum fault_point point)
{
    return points[point];
}

const char *mark_name(size_t mark)
{
    return marks[mark];
}

const char *profile_name(enum disk_profile profile)
{
    return profiles[profile - DISK_PROFILE_DRAWN - 1];
}

static const char *nth_point(size_t n)
{
    return n < COUNT_OF(points) ? points[n] : NULL;
}

static const char *nth_oracle(size_t n)
{
    return n < COUNT_OF(oracles) ? oracles[n] : NULL;
}

static const char *nth_mark(size_t n)
{
    return n < COUNT_OF(marks) ? marks[n] : NULL;
}

static const char *nth_profile(size_t n)
{
    return n < COUNT_OF(profiles) ? profiles[n] : NULL;
}

/* The index of the name a node holds, or -1 and a complaint. */
static int find(struct loader *loader, yaml_node_t *node, const char *what,
                const char *const names[], size_t count)
{
    const char *text = scalar(loader, node, what);

    if (text == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return (int)i;
    complain(loader, node, "there is no %s '%s'%s ('kqsim %ss' lists them)",
             what, text, did_you_mean(text, names, count),
             strncmp(what, "fault", 5) == 0 ? "fault" : what);
    return -1;
}

static void read_point(struct loader *loader, yaml_node_t *node, void *to,
                       const struct field *field)
{
    int index = find(loader, node, "fault point", points, COUNT_OF(points));

    (void)field;
    if (index >= 0)
        *(enum fault_point *)to = (enum fault_point)index;
}

static void read_set(struct loader *loader, yaml_node_t *node, uint64_t *set,
                     const char *what, const char *const names[], size_t count)
{
    *set = 0;
    for (size_t i = 0; i < list_count(node); i++) {
        int index =
            find(loader, list_item(loader, node, i), what, names, count);

        if (index >= 0)
            *set |= 1ULL << index;
    }
}

static void read_oracles(struct loader *loader, yaml_node_t *node, void *to,
                         const struct field *field)
{
    (void)field;
    read_set(loader, node, to, "oracle", oracles, COUNT_OF(oracles));
}

static void read_marks(struct loader *loader, yaml_node_t *node, void *to,
                       const struct field *field)
{
    (void)field;
    read_set(loader, node, to, "mark", marks, COUNT_OF(marks));
}

static void read_profile(struct loader *loader, yaml_node_t *node, void *to,
                         const struct field *field)
{
    const char *text = scalar(loader, node, field->key);

    if (text == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(profiles); i++)
        if (strcmp(text, profiles[i]) == 0) {
            *(enum disk_profile *)to =
                (enum disk_profile)(DISK_PROFILE_DRAWN + 1 + i);
            return;
        }
    complain(loader, node,
             "there is no disk profile '%s'%s (ext4, xfs, btrfs, posix; "
             "without one it is drawn from the seed)",
             text, did_you_mean(text, profiles, COUNT_OF(profiles)));
}

static void read_damage(struct loader *loader, yaml_node_t *node, void *to,
                        const struct field *field)
{
    const char *text = scalar(loader, node, field->key);

    if (text == NULL)
        return;
    *(bool *)to = strcmp(text, "unbounded") == 0;
    if (!*(bool *)to && strcmp(text, "atlas") != 0)
        complain(loader, node,
                 "damage is 'atlas' (where replication survives it) or "
                 "'unbounded' (only safety is judged), and not '%s'",
                 text);
}

const struct type type_point = {.read = read_point, .name = nth_point};
const struct type type_oracles = {
    .read = read_oracles, .shape = TYPE_MANY, .name = nth_oracle};
const struct type type_marks = {
    .read = read_marks, .shape = TYPE_MANY, .name = nth_mark};
const struct type type_profile = {.read = read_profile, .name = nth_profile};
const struct type type_damage = {
    .read = read_damage, .schema = "\"enum\": [\"atlas\", \"unbounded\"]"};
