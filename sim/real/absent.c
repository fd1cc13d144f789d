/* SPDX-License-Identifier: Apache-2.0
 *
 * What the real world cannot do, and why; and the calls of sim/world.h that
 * come to nothing in it.
 */
#include "base/assert.h"
#include "sim/real/internal.h"

const char *world_cannot(enum world_skill skill)
{
    static const char *const why[] = {
        [SKILL_POWER] = "the kernel goes on, and keeps what was written",
        [SKILL_NETWORK] = "it takes network namespaces and iptables: be root",
        [SKILL_CLOCKS] = "the wall clock is that of the whole machine",
        [SKILL_EXPIRE] = "a session ends when its server misses it",
        [SKILL_IMAGES] = "no real disk tells what a loss of power would leave",
        [SKILL_SPACE] = "the disk is that of the whole machine",
        [SKILL_OUTAGE] = "the disk is that of the whole machine",
        [SKILL_ORDER] = "it needs one order of all that happens on all nodes",
    };

    return skill == SKILL_NETWORK && network_is_there() ? NULL : why[skill];
}

/* ---- the trace ---- */

uint64_t world_hash(const struct world *world)
{
    (void)world;
    return 0;
}

enum disk_profile world_disk_profile(const struct world *world)
{
    (void)world;
    return DISK_PROFILE_DRAWN;
}

uint64_t world_marks(const struct world *world, enum mark mark)
{
    (void)world;
    (void)mark;
    return 0;
}

/* Chance is not to be had a second time. */
uint64_t world_turn(const struct world *world)
{
    (void)world;
    return 0;
}

void world_fork(struct world *world, uint64_t turn, uint32_t future)
{
    (void)world;
    (void)turn;
    (void)future;
    UNREACHABLE();
}

/* ---- nodes ---- */

/* It is for code that runs as the node. */
void node_exit(struct node *node, int exit_code, const char *why)
{
    (void)node;
    (void)exit_code;
    (void)why;
    UNREACHABLE();
}

void node_clock_jump(struct node *node, int64_t by_ms)
{
    (void)node;
    (void)by_ms;
}

void node_fail_directory(struct node *node, const char *name, bool fails)
{
    (void)node;
    (void)name;
    (void)fails;
}

void node_save_disk(struct node *node)
{
    (void)node;
}

bool node_has_image(const struct node *node)
{
    (void)node;
    return false;
}

void node_restore_disk(struct node *node)
{
    (void)node;
}

void node_set_disk_capacity(struct node *node, uint64_t bytes)
{
    (void)node;
    (void)bytes;
}

uint64_t node_disk_used(const struct node *node)
{
    (void)node;
    return 0;
}

size_t node_stored(struct node *node, const char *path, void *buffer,
                   size_t size)
{
    (void)node;
    (void)path;
    (void)buffer;
    (void)size;
    return 0;
}

void node_strike_disk(struct node *node, const struct disk_strike *strike)
{
    (void)node;
    (void)strike;
}

uint64_t node_disk_operations(const struct node *node,
                              enum disk_strike_kind kind)
{
    (void)node;
    (void)kind;
    return 0;
}

/* ---- the ensemble ---- */

void world_zookeeper_clock_jump(struct world *world, int64_t by_ms)
{
    (void)world;
    (void)by_ms;
}

bool world_zookeeper_expire(struct world *world, struct node *node)
{
    (void)world;
    (void)node;
    return false;
}

/* ---- faults ---- */

uint64_t world_point_asked(const struct world *world, enum fault_point point)
{
    (void)world;
    (void)point;
    return 0;
}

uint64_t world_point_observed(const struct world *world, enum fault_point point)
{
    (void)world;
    (void)point;
    return 0;
}
