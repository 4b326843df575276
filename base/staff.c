/* staff.c - see staff.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/staff.h"
#include "base/mbed.h"

#include <string.h>

bool pin_is_set(const struct pin *pin)
{
    uint8_t any = 0;
    for (size_t i = 0; i < sizeof pin->hash; i++)
        any |= pin->hash[i];
    return any != 0;
}

enum err pin_check(const char *typed, struct errmsg *why)
{
    size_t size = strlen(typed);
    if (size < PIN_LEAST || size > PIN_MOST || strspn(typed, "0123456789") != size)
        return err_set(why, ERR_FORMAT, "a PIN has %d to %d digits", PIN_LEAST, PIN_MOST);
    return OK;
}

static enum err hash_of(uint8_t hash[PIN_HASH_SIZE], const char *typed,
                        const uint8_t salt[PIN_SALT_SIZE], struct errmsg *why)
{
    return mbed_pbkdf2_sha256(hash, PIN_HASH_SIZE, bytes_of(typed, strlen(typed)),
                              bytes_of(salt, PIN_SALT_SIZE), PIN_ROUNDS, why);
}

enum err pin_make(struct pin *out, const char *typed, const uint8_t salt[PIN_SALT_SIZE],
                  struct errmsg *why)
{
    enum err e = pin_check(typed, why);
    if (e)
        return e;
    memcpy(out->salt, salt, sizeof out->salt);
    return hash_of(out->hash, typed, salt, why);
}

bool pin_matches(const struct pin *pin, const char *typed)
{
    uint8_t hash[PIN_HASH_SIZE];
    struct errmsg why;
    bool same = hash_of(hash, typed, pin->salt, &why) == OK &&
                bytes_equal_const_time(hash, pin->hash, sizeof hash);
    bytes_wipe(hash, sizeof hash);
    return same && pin_is_set(pin);
}
