/* SPDX-License-Identifier: Apache-2.0
 *
 * Ordered maps: the red-black trees of <sys/tree.h> (libbsd). Intrusive, so
 * they allocate nothing; iteration is in key order, never pointer order.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#ifndef __unused
#define __unused __attribute__((__unused__))
#endif
#include <bsd/sys/tree.h>

#endif
