/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that come from the tables of the product: fault points, oracles,
 * marks.
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

void read_point(struct loader *loader, yaml_node_t *node, void *to,
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

void read_oracles(struct loader *loader, yaml_node_t *node, void *to,
                  const struct field *field)
{
    (void)field;
    read_set(loader, node, to, "oracle", oracles, COUNT_OF(oracles));
}

void read_marks(struct loader *loader, yaml_node_t *node, void *to,
                const struct field *field)
{
    (void)field;
    read_set(loader, node, to, "mark", marks, COUNT_OF(marks));
}
