/* password.c - see password.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/console/password.h"

#include "base/mbed.h"
#include "base/tr.h"

#include <argon2.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SALT_SIZE = 16, HASH_SIZE = 32 };

enum err password_hash(char out[PASSWORD_HASH_SIZE], const char *password, struct errmsg *why)
{
    uint8_t salt[SALT_SIZE];
    if (mbed_random(NULL, salt, sizeof salt) != 0)
        return err_set(why, ERR_CRYPTO, "no random numbers");
    int rc = argon2id_hash_encoded(PASSWORD_PASSES, PASSWORD_MEMORY_KIB, PASSWORD_LANES, password, strlen(password),
                                   salt, sizeof salt, HASH_SIZE, out, PASSWORD_HASH_SIZE);
    return rc == ARGON2_OK ? OK : err_set(why, ERR_CRYPTO, "argon2id: %s", argon2_error_message(rc));
}

bool password_is(const char *hash, const char *password)
{
    /* Of a password nobody knows, with the parameters above. */
    static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz"
                                 "$GfWDb0Zl0fqv7s4JTqBm5hXxMwvMxN1eG3n9QdqYv2A";
    bool same = argon2id_verify(hash ? hash : nobody, password, strlen(password)) == ARGON2_OK;
    return same && hash;
}

/* Of the lists of passwords found in the wild, those long enough to be tried here, in small letters. */
static const char *const common[] = {
    "123456789012", "1234567890123", "12345678901234", "123456789012345", "1234567890123456", "0123456789012",
    "123412341234", "123123123123", "112233445566", "121212121212", "147258369147", "987654321098", "987654321012",
    "qwertyuiop12", "qwertyuiop123", "qwertyuiop1234", "qwertyuiopas", "qwertyuiopasdf", "qwertyuiopasdfgh",
    "qwertyuiop[]", "qwerty123456", "qwerty1234567", "qwerty12345678", "1234qwerasdf", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv",
    "zaq12wsxcde3", "q1w2e3r4t5y6", "q1w2e3r4t5y6u7i8", "qazwsxedcrfv", "qazwsxedc123", "asdfghjkl123", "asdfghjkl;'\\",
    "zxcvbnm12345", "zxcvbnm123456", "abcdefghijkl", "abcdefghijklm", "abcdefghijklmnopqrstuvwxyz", "abc123abc123",
    "abcd12345678", "abcdef123456", "aaaa11112222", "a1b2c3d4e5f6", "passwordpassword", "password1234", "password12345",
    "password123456", "password1234!", "password123!", "password2024", "password2025", "password2026", "p@ssw0rd1234",
    "p@ssw0rd123!", "passw0rd1234", "mypassword123", "mypassword12", "newpassword1", "newpassword123", "changeme1234",
    "changeme12345", "changemenow1", "changemeplease", "letmein12345", "letmein123456", "letmeinplease", "welcome12345",
    "welcome123456", "welcome2026!", "iloveyou1234", "iloveyou12345", "iloveyouforever", "iloveyousomuch", "adminadmin12",
    "adminadmin123", "administrator", "administrator1", "administrator123", "admin1234567", "admin12345678",
    "superadmin123", "rootrootroot", "secretsecret", "testtesttest", "test12345678", "temp12345678", "football1234",
    "baseball1234", "basketball12", "dragon123456", "monkey123456", "master123456", "michael12345", "jennifer1234",
    "sunshine1234", "princess1234", "superman1234", "trustno1trustno1", "starwars1234", "whatever1234", "computer1234",
    "internet1234", "internetinternet", "correcthorsebatterystaple", "thisisapassword", "thisismypassword",
    "woaini1314520", "woaini123456", "woaini5201314", "woaini1314521", "5201314520131", "520131452013", "5201314woaini",
    "a123456789012", "a12345678901", "aa1234567890", "zhang1234567", "wang12345678", "li1234567890", "zhongguo1234",
    "loyalty12345", "loyaltypoints", "loyaltyprogramme",
};

/* 111111111111, abcabcabcabc, 123456... on and on: nothing of it is secret but its length. */
static bool is_pattern(const char *p, size_t size)
{
    bool steps = true;
    for (size_t i = 2; i < size && steps; i++)
        steps = p[i] - p[i - 1] == p[1] - p[0];
    if (steps)
        return true;
    for (size_t period = 1; period <= 3; period++) {
        bool repeats = true;
        for (size_t i = period; i < size && repeats; i++)
            repeats = p[i] == p[i - period];
        if (repeats)
            return true;
    }
    return false;
}

static void small(char out[PASSWORD_MOST + 1], const char *text)
{
    size_t i = 0;
    for (; text[i] && i < PASSWORD_MOST; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[i] = 0;
}

static bool has(const char *password, const char *word)
{
    char w[PASSWORD_MOST + 1];
    small(w, word);
    return strlen(w) >= 4 && strstr(password, w);
}

const char *password_fault(const char *password, const char *user, const char *programme)
{
    char p[PASSWORD_MOST + 1];
    size_t size = strlen(password), characters = 0;
    for (size_t i = 0; i < size; i++)
        characters += (password[i] & 0xc0) != 0x80; /* UTF-8 */
    if (characters < PASSWORD_LEAST)
        return tr("A password needs at least 12 characters; a few words one after the other are good.");
    if (size > PASSWORD_MOST)
        return tr("A password has at most 128 bytes.");
    small(p, password);
    bool easy = is_pattern(p, size) || has(p, user) || has(p, programme);
    for (size_t i = 0; i < sizeof common / sizeof *common && !easy; i++)
        easy = strcmp(p, common[i]) == 0;
    bytes_wipe(p, sizeof p);
    return easy ? tr("This password is among the first that would be tried; take another.") : NULL;
}

enum err password_make(char out[PASSWORD_MADE_SIZE], struct errmsg *why)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* 31, none looks like another */
    int at = 0;
    while (at < PASSWORD_MADE_SIZE - 1) {
        uint8_t r;
        if (at % 5 == 4) {
            out[at++] = '-';
            continue;
        }
        if (mbed_random(NULL, &r, 1) != 0)
            return err_set(why, ERR_CRYPTO, "no random numbers");
        if (r < 248) /* 8 * 31: each letter as likely as the other */
            out[at++] = letters[r % 31];
    }
    out[at] = 0;
    return OK;
}
