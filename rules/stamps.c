/* stamps.c - what is on a stamp card, for people.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "rules/rules.h"

#include <inttypes.h>
#include <stdio.h>

const char *rules_stamp_text(char out[RULES_STAMP_SIZE], const struct rules_stamp *s)
{
    int64_t have = s->have + s->now - s->full * s->every, missing = s->every - have;
    out[0] = 0;
    if (s->have < 0 && s->now)
        snprintf(out, RULES_STAMP_SIZE, tr("%s: %" PRId64 " more with this sale"), s->name, s->now);
    else if (s->have >= 0 && s->full)
        snprintf(out, RULES_STAMP_SIZE, tr("%s: full, %" PRId64 " points; then %" PRId64 " of %d"), s->name,
                 s->full * points_n(s->points), have, (int)s->every);
    else if (s->have >= 0 && missing <= 0) /* full by this sale, as far as is known: head office gives it */
        snprintf(out, RULES_STAMP_SIZE, tr("%s: %" PRId64 " of %d"), s->name, have, (int)s->every);
    else if (s->have >= 0 && s->now)
        snprintf(out, RULES_STAMP_SIZE, tr("%s: %" PRId64 " of %d with this sale, %" PRId64 " missing"), s->name, have,
                 (int)s->every, missing);
    else if (s->have >= 0)
        snprintf(out, RULES_STAMP_SIZE, tr("%s: %" PRId64 " of %d, %" PRId64 " missing"), s->name, have, (int)s->every,
                 missing);
    return out;
}
