/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker's own word that it is broken.
 */
#include "sim/oracle/internal.h"

void judge_unsound(struct judge *judge, unsigned node, const char *what)
{
    if ((judge->options.oracles >> ORACLE_SOUND & 1) != 0)
        judge_fail(judge, ORACLE_SOUND, NULL, node, -1, "b%u: %s", node + 1,
                   what);
}

const struct oracle oracle_sound = {.state_size = 0};
