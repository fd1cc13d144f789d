/* SPDX-License-Identifier: Apache-2.0
 *
 * Format strings of kq consume: %k key, %v value, %o offset, %p partition,
 * %t timestamp in milliseconds, %h headers as KEY=VALUE,..., %T topic, %%;
 * and \n \t \r \0 \\ \xHH. Keys and values are written as they are.
 */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include <kq/kq.h>
#include <stdio.h>

#define FORMAT_HELP "%k %v %o %p %t %h %T %%, and \\n \\t \\r \\0 \\\\ \\xHH"

struct format; /* read once, used for every record */

/* NULL when the text is not a format; `column` (from 1) says where. Free
 * with format_free(). */
struct format *format_new(const char *text, size_t *column);
void format_free(struct format *format);
/* Writes one record. */
void format_write(const struct format *format, FILE *to,
                  const struct kq_message *message);

#endif
