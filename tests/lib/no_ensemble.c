/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of worlds that have no ensemble.
 */
#include <stdlib.h>

#include "sim/internal.h"

struct ensemble *ensemble_new(struct world *world, unsigned servers)
{
    (void)world;
    (void)servers;
    abort();
}

void ensemble_free(struct ensemble *ensemble)
{
    (void)ensemble;
}

void ensemble_crash(struct ensemble *ensemble, unsigned server)
{
    (void)ensemble;
    (void)server;
}

void ensemble_start(struct ensemble *ensemble, unsigned server)
{
    (void)ensemble;
    (void)server;
}

bool ensemble_expire(struct ensemble *ensemble, struct node *node)
{
    (void)ensemble;
    (void)node;
    return false;
}

void ensemble_node_ended(struct ensemble *ensemble, struct node *node)
{
    (void)ensemble;
    (void)node;
}

bool ensemble_put(struct ensemble *ensemble, const char *path,
                  const char *bytes, int size)
{
    (void)ensemble;
    (void)path;
    (void)bytes;
    (void)size;
    return false;
}

int ensemble_read(struct ensemble *ensemble, const char *path, char **bytes)
{
    (void)ensemble;
    (void)path;
    (void)bytes;
    return -1;
}
