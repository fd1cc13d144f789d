/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

const char *error_name(enum error error)
{
    switch (error) {
#define ERROR(name, code, sentence)                                            \
    case ERROR_##name:                                                         \
        return #name;
#include "base/error.def"
#undef ERROR
    }
    return "?";
}

const char *error_sentence(enum error error)
{
    switch (error) {
#define ERROR(name, code, sentence)                                            \
    case ERROR_##name:                                                         \
        return sentence;
#include "base/error.def"
#undef ERROR
    }
    return "an unknown error";
}

enum error error_from_code(unsigned code)
{
    switch (code) {
#define ERROR(name, number, sentence)                                          \
    case number:                                                               \
        return ERROR_##name;
#include "base/error.def"
#undef ERROR
    default:
        return ERROR_UNKNOWN;
    }
}
