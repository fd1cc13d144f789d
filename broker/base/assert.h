/* SPDX-License-Identifier: Apache-2.0
 *
 * Assertions stay on in production. One condition each; cite an invariant
 * of broker/INVARIANTS.md where there is one: ASSERT(x <= y) with a comment
 * naming it, or ASSERT_INVARIANT(I7, x <= y).
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/* Ends this node: the process in the real world, the node (and the run, as
 * failed) in the simulated one. Defined by the world (memory.c). */
_Noreturn void assert_failed(const char *file, int line, const char *what);

#define ASSERT(condition)                                                      \
    ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition))

#define ASSERT_INVARIANT(id, condition)                                        \
    ((condition) ? (void)0                                                     \
                 : assert_failed(__FILE__, __LINE__, #id ": " #condition))

#define UNREACHABLE() assert_failed(__FILE__, __LINE__, "unreachable")

#endif
