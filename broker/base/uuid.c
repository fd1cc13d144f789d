/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

void uuid_format(const struct uuid *id, char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof id->bytes; i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    text[2 * sizeof id->bytes] = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool uuid_parse(const char *text, struct uuid *id)
{
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);

        if (low < 0)
            return false;
        id->bytes[i] = (uint8_t)(high * 16 + low);
    }
    return text[2 * sizeof id->bytes] == '\0';
}

bool uuid_from_bytes(const void *data, size_t size, struct uuid *id)
{
    if (size != sizeof id->bytes)
        return false;
    memcpy(id->bytes, data, size);
    return true;
}
