/* amount.c - see amount.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/amount.h"

bool points_add(struct points *out, struct points a, struct points b)
{
    int64_t n;
    if (__builtin_add_overflow(a.n, b.n, &n))
        return false;
    out->n = n;
    return true;
}

bool points_sub(struct points *out, struct points a, struct points b)
{
    int64_t n;
    if (__builtin_sub_overflow(a.n, b.n, &n))
        return false;
    out->n = n;
    return true;
}

bool money_add(struct money *out, struct money a, struct money b)
{
    int64_t minor;
    if (__builtin_add_overflow(a.minor, b.minor, &minor))
        return false;
    out->minor = minor;
    return true;
}

bool money_sub(struct money *out, struct money a, struct money b)
{
    int64_t minor;
    if (__builtin_sub_overflow(a.minor, b.minor, &minor))
        return false;
    out->minor = minor;
    return true;
}

__extension__ typedef __int128 wide;

bool ratio_floor(int64_t *out, int64_t value, int64_t numerator, int64_t denominator)
{
    if (denominator <= 0)
        return false;
    wide product = (wide)value * numerator;
    wide quotient = product / denominator;
    if (product % denominator < 0)
        quotient--;
    if (quotient > INT64_MAX || quotient < INT64_MIN)
        return false;
    *out = (int64_t)quotient;
    return true;
}
