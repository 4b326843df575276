/* tr.c - see tr.h.  A .mo file is gettext's: magic, revision, count, then two tables of (length, offset), the
 * first of the msgids in the order of their bytes, the second of what they mean.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"

#include "base/bytes.h"
#include "po/zh.mo.h"

#include <string.h>

enum { MO_COUNT = 8, MO_MSGIDS = 12, MO_TEXTS = 16 };

static const uint8_t *catalogue; /* NULL: English, which needs none */

bool tr_use(const char *language)
{
    catalogue = language && strcmp(language, "zh") == 0 ? po_zh : NULL;
    return catalogue || (language && strcmp(language, "en") == 0);
}

const char *tr_language(void)
{
    return catalogue ? "zh" : "en";
}

static uint32_t mo_u32(uint32_t at)
{
    return (uint32_t)get_le(catalogue + at, 4);
}

static const char *text_at(uint32_t table, uint32_t i)
{
    return (const char *)catalogue + mo_u32(table + 8 * i + 4);
}

const char *tr(const char *msgid)
{
    if (!catalogue || !*msgid) /* the empty msgid is the catalogue's head */
        return msgid;
    uint32_t low = 0, high = mo_u32(MO_COUNT);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(msgid, text_at(mo_u32(MO_MSGIDS), middle));
        if (order == 0)
            return text_at(mo_u32(MO_TEXTS), middle);
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return msgid;
}
