/* accounting.c - see accounting.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/close/accounting.h"

#include <assert.h>

__extension__ typedef __int128 wide;

/* a * b / c to the nearest, a half away from zero; c > 0. */
static bool scale(wide a, wide b, wide c, int64_t *out)
{
    wide product, limit = INT64_MAX;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    wide rest = product < 0 ? -product : product;
    wide n = rest / c + (rest % c >= c - rest % c);
    if (n > limit)
        return false;
    *out = (int64_t)(product < 0 ? -n : n);
    return true;
}

bool accounting_close(struct accounting_roll *r)
{
    struct points sum = r->opening;
    if (!points_add(&sum, sum, r->earned) || !points_sub(&sum, sum, r->clawed) || !points_sub(&sum, sum, r->redeemed) ||
        !points_add(&sum, sum, r->returned) || !points_sub(&sum, sum, r->expired) || !points_add(&sum, sum, r->adjusted))
        return false;
    r->closing = sum;
    return true;
}

bool accounting_value(struct points points, struct ratio worth, struct money *out)
{
    wide product = (wide)points_n(points) * worth.num;
    wide n = product / worth.den - (product % worth.den < 0);
    if (n > INT64_MAX || n < -INT64_MAX)
        return false;
    *out = money_of((int64_t)n);
    return true;
}

bool accounting_allocate(struct money price, struct points points, struct ratio worth, int64_t expected_ppm,
                         struct money *out)
{
    assert(expected_ppm >= 0 && expected_ppm <= ACCOUNTING_PPM);
    int64_t share = 0;
    /* S in minor units x den x PPM, and the price in the same. */
    wide s, p, unit = (wide)worth.den * ACCOUNTING_PPM, sum;
    if (__builtin_mul_overflow((wide)points_n(points) * worth.num, (wide)expected_ppm, &s) ||
        __builtin_mul_overflow((wide)money_minor(price), unit, &p))
        return false;
    sum = s + p;
    if (sum < 0) {
        sum = -sum;
        s = -s;
    }
    /* 128 bits: S / sum is brought down together until the product fits */
    while (sum > ((wide)1 << 62)) {
        sum /= 2;
        s /= 2;
    }
    if (sum != 0 && !scale(money_minor(price), s, sum, &share))
        return false;
    *out = money_of(share);
    return true;
}

bool accounting_recognised(const struct accounting_cohort *c, int64_t expected_ppm, struct money *out)
{
    assert(expected_ppm >= 0 && expected_ppm <= ACCOUNTING_PPM);
    int64_t redeemed = points_n(c->redeemed) > 0 ? points_n(c->redeemed) : 0;
    int64_t left = points_n(c->left) > 0 ? points_n(c->left) : 0, expected, share;
    if (!scale(points_n(c->issued), expected_ppm, ACCOUNTING_PPM, &expected) || left > INT64_MAX - redeemed)
        return false;
    if (expected > redeemed + left)
        expected = redeemed + left;
    if (expected < redeemed)
        expected = redeemed;
    if (expected == 0) { /* nothing was redeemed and nothing will be: all of it is earned once nothing is left */
        *out = left == 0 ? c->allocated : money_of(0);
        return true;
    }
    if (!scale(money_minor(c->allocated), redeemed, expected, &share))
        return false;
    *out = money_of(share);
    return true;
}
