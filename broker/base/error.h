/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one table (error.def), 0 is success. Our own bugs are assertions
 * (base/assert.h), never errors.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum error {
#define ERROR(name, code, sentence) ERROR_##name = code,
#include "base/error.def"
#undef ERROR
};

/* The name of an error, such as "DISK_FULL"; "?" when the code is unknown.
 * The string is static. */
const char *error_name(enum error error);

/* The sentence of an error; static, never NULL. */
const char *error_sentence(enum error error);

/* The error with this wire code, or ERROR_UNKNOWN. */
enum error error_from_code(unsigned code);

#endif
