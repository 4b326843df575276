/* ids.c - see ids.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/ids.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool uid_is(const struct card_uid *uid)
{
    static const struct card_uid none;
    return memcmp(uid, &none, sizeof none) != 0;
}

bool uid_equal(const struct card_uid *a, const struct card_uid *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

void entry_text(char out[ENTRY_TEXT_SIZE], struct entry_id id)
{
    if (id.terminal == OFFICE_TERMINAL)
        snprintf(out, ENTRY_TEXT_SIZE, "HQ-%" PRIu32, id.seq);
    else
        snprintf(out, ENTRY_TEXT_SIZE, "T%04" PRIu32 "-%" PRIu32, id.terminal, id.seq);
}

void commit_name_text(char out[ENTRY_TEXT_SIZE], struct entry_id name)
{
    if (name.terminal == OFFICE_TERMINAL)
        snprintf(out, ENTRY_TEXT_SIZE, "load %" PRIu32, name.seq);
    else
        entry_text(out, name);
}

void uid_text(char out[UID_TEXT_SIZE], const struct card_uid *uid)
{
    hex_encode(out, uid->b, sizeof uid->b);
}

void member_text(char out[MEMBER_TEXT_SIZE], member_id member)
{
    snprintf(out, MEMBER_TEXT_SIZE, "M%" PRIu64, member);
}

/* Decimal digits up to max, all of text from *text to the first other character. */
static bool number(const char **text, uint64_t max, uint64_t *out)
{
    const char *p = *text;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t d = (uint64_t)(*p - '0');
        if (v > (max - d) / 10)
            return false;
        v = v * 10 + d;
    }
    if (p == *text)
        return false;
    *text = p;
    *out = v;
    return true;
}

enum err entry_parse(struct entry_id *out, const char *text)
{
    uint64_t terminal = 0, seq;
    if (strncmp(text, "HQ-", 3) == 0) {
        text += 3;
    } else {
        if (*text++ != 'T' || !number(&text, 9999, &terminal) || terminal == 0 || *text++ != '-')
            return ERR_FORMAT;
    }
    if (!number(&text, UINT32_MAX, &seq) || seq == 0 || *text)
        return ERR_FORMAT;
    *out = (struct entry_id){(uint32_t)terminal, (uint32_t)seq};
    return OK;
}

enum err uid_parse(struct card_uid *out, const char *text)
{
    struct card_uid uid;
    size_t size;
    if (hex_decode(uid.b, sizeof uid.b, &size, text) || size != sizeof uid.b)
        return ERR_FORMAT;
    *out = uid;
    return OK;
}

enum err member_parse(member_id *out, const char *text)
{
    uint64_t v;
    if (*text == 'M' || *text == 'm')
        text++;
    if (!number(&text, INT64_MAX, &v) || v == 0 || *text)
        return ERR_FORMAT;
    *out = v;
    return OK;
}
