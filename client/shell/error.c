/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <kq/kq.h>

#define ERROR(name, code, sentence)                                            \
    _Static_assert(KQ_ERROR_##name == (code), "kq.h differs from error.def");
#include "base/error.def"
#undef ERROR

const char *kq_error_name(enum kq_error error)
{
    return error_name((enum error)error);
}

const char *kq_error_sentence(enum kq_error error)
{
    return error_sentence((enum error)error);
}
