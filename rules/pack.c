/* pack.c - look-ups in a pack; reading one is pack_read.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "rules/pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct pack_tier *pack_find_tier(const struct pack *pack, const char *code)
{
    for (int32_t i = 0; code && i < pack->tier_count; i++)
        if (strcmp(pack->tiers[i].code, code) == 0)
            return &pack->tiers[i];
    return NULL;
}

const struct pack_tier *pack_get_tier(const struct pack *pack, const char *code)
{
    assert(pack->tier_count > 0);
    const struct pack_tier *tier = pack_find_tier(pack, code);
    return tier ? tier : &pack->tiers[0];
}

bool pack_scope_is_empty(const struct pack_scope *s)
{
    return !*s->sku && !*s->category && !*s->shop && !*s->tier && !*s->coupon && !*s->mark && !s->from_day &&
           !s->to_day && !s->weekdays && s->from_minute == s->to_minute;
}

const struct pack_reward *pack_find_reward(const struct pack *pack, const char *code)
{
    for (int32_t i = 0; code && i < pack->reward_count; i++)
        if (strcmp(pack->rewards[i].code, code) == 0)
            return &pack->rewards[i];
    return NULL;
}

const char *pack_amount_text(char out[PACK_MONEY_SIZE], const struct pack *pack, struct money m)
{
    static const uint64_t units[] = {1, 10, 100, 1000};
    int digits = pack ? pack->currency_digits : 0;
    assert(digits >= 0);
    assert(digits <= 3);
    int64_t minor = money_minor(m);
    uint64_t size = minor < 0 ? -(uint64_t)minor : (uint64_t)minor;
    const char *sign = minor < 0 ? "-" : "";
    if (digits)
        snprintf(out, PACK_MONEY_SIZE, "%s%" PRIu64 ".%0*" PRIu64, sign, size / units[digits], digits,
                 size % units[digits]);
    else
        snprintf(out, PACK_MONEY_SIZE, "%s%" PRIu64, sign, size);
    return out;
}

const char *pack_money_text(char out[PACK_MONEY_SIZE], const struct pack *pack, struct money m)
{
    pack_amount_text(out, pack, m);
    size_t size = strlen(out);
    if (pack)
        snprintf(out + size, PACK_MONEY_SIZE - size, " %s", pack->currency);
    return out;
}
