/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of a batch on a disk, decoded one at a time, each in memory in
 * proportion to its size: who wrote them may be hostile.
 */
#ifndef CLI_LOG_RECORDS_H
#define CLI_LOG_RECORDS_H

#include "base/bytes.h"
#include "record.pb-c.h"

/* Calls `each` for the records of an uncompressed set, in order; `record` is
 * NULL for one that cannot be decoded, else borrowed until return. False
 * before any call when the set does not hold exactly `count`. */
bool log_records_each(struct bytes set, uint32_t count,
                      void (*each)(void *context, uint32_t at,
                                   const Kq__Record *record),
                      void *context);

#endif
