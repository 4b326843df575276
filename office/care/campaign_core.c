/* campaign_core.c - see campaign_core.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/care/campaign_core.h"
#include "office/care/care_core.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTVWXYZ";
enum { LETTERS = sizeof alphabet - 1 };
_Static_assert(LETTERS == 31, "a prime: the check letter relies on it");

bool campaign_code_is(const char *code)
{
    size_t n = strlen(code);
    return n > 0 && n < CAMPAIGN_CODE_SIZE && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n;
}

/* The check letter of five, for a campaign: a sum with weights 2 to 6 (its own is 1), all below 31. */
static char check_letter(const char *campaign, const char *five)
{
    unsigned sum = 0;
    for (const char *p = campaign; *p; p++)
        sum = (sum * 7 + (unsigned char)*p) % LETTERS;
    for (unsigned i = 0; i < COUPON_LETTERS - 1; i++) {
        const char *at = strchr(alphabet, five[i]);
        sum += (i + 2) * (unsigned)(at - alphabet);
    }
    return alphabet[(LETTERS - sum % LETTERS) % LETTERS];
}

void coupon_make(char out[COUPON_SIZE], const char *campaign, uint64_t random)
{
    char letters[COUPON_LETTERS + 1] = "";
    assert(campaign_code_is(campaign));
    for (int i = 0; i < COUPON_LETTERS - 1; i++, random /= LETTERS)
        letters[i] = alphabet[random % LETTERS];
    letters[COUPON_LETTERS - 1] = check_letter(campaign, letters);
    snprintf(out, COUPON_SIZE, "%.8s-%s", campaign, letters);
}

bool coupon_campaign(const char *code, char out[CAMPAIGN_CODE_SIZE])
{
    const char *dash = strchr(code, '-');
    if (!dash || dash - code >= CAMPAIGN_CODE_SIZE)
        return false;
    memcpy(out, code, (size_t)(dash - code));
    out[dash - code] = 0;
    return campaign_code_is(out);
}

bool coupon_is(const char *code)
{
    char campaign[CAMPAIGN_CODE_SIZE];
    if (!coupon_campaign(code, campaign))
        return false;
    const char *letters = strchr(code, '-') + 1;
    return strlen(letters) == COUPON_LETTERS && strspn(letters, alphabet) == COUPON_LETTERS &&
           check_letter(campaign, letters) == letters[COUPON_LETTERS - 1];
}

/* of * members / all, toward 0; 0 when all is 0. */
static int64_t share(int64_t of, int64_t members, int64_t all)
{
    int64_t out = 0;
    if (all == 0 || !ratio_floor(&out, of < 0 ? -of : of, members, all))
        return 0;
    return of < 0 ? -out : out;
}

struct campaign_lift campaign_lift_of(const struct campaign_side *treated, const struct campaign_side *holdout)
{
    struct campaign_lift l = {
        .treated_permille = care_permille(treated->buyers, treated->members),
        .holdout_permille = care_permille(holdout->buyers, holdout->members),
        .enough = treated->members >= CAMPAIGN_ENOUGH && holdout->members >= CAMPAIGN_ENOUGH,
    };
    int64_t each = 0, there = money_minor(treated->money), here = money_minor(holdout->money);
    if (treated->members && ratio_floor(&each, there, 1, treated->members))
        l.treated_each = money_of(each);
    if (holdout->members && ratio_floor(&each, here, 1, holdout->members))
        l.holdout_each = money_of(each);
    if (!treated->members || !holdout->members)
        return l;
    l.lift_permille = l.treated_permille - l.holdout_permille;
    l.buyers_more = treated->buyers - share(holdout->buyers, treated->members, holdout->members);
    l.money_more = money_of(there - share(here, treated->members, holdout->members));
    return l;
}

const char *const winback_texts[WINBACKS] = {"strive", "as it comes", "mostly let go", "let go"};

enum winback winback_of(struct money value, struct money important, struct money small, bool reachable)
{
    if (!reachable)
        return WINBACK_LET_GO;
    if (money_cmp(value, important) >= 0)
        return WINBACK_STRIVE;
    return money_cmp(value, small) >= 0 ? WINBACK_AS_IT_COMES : WINBACK_MOSTLY_LET_GO;
}
