/* pack.c - look-ups in a pack; reading one is pack_read.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "rules/pack.h"

#include <assert.h>
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
