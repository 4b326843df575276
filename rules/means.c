/* means.c - what somebody may do by the way the till knows them, and what a till may give away.
 * Source: docs/till.md, "Ways to be known"; docs/programme.md, "Goodwill".
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/tr.h"
#include "rules/rules.h"

#include <assert.h>

const char *means_answer_text(enum means_answer answer)
{
    static const char *const texts[MEANS_ANSWERS] = {
        [MEANS_MAY] = TR_LATER("This may be done."),
        [MEANS_NOBODY] = TR_LATER("Nobody is identified: tap the card or type the number first."),
        [MEANS_ONLINE_ONLY] =
            TR_LATER("The line is cut: without the member card points are earned, not redeemed."),
        [MEANS_WANTS_FACTOR] =
            TR_LATER("That many points want the member's PIN or second tap, or a supervisor."),
    };
    assert((unsigned)answer < MEANS_ANSWERS);
    return tr(texts[answer]);
}

/* From how many points on is a second factor wanted?  INT64_MAX = never. */
static int64_t wanted_above(const struct pack *pack, enum txn_means means)
{
    int64_t limit = points_n(pack->second_factor_above);
    switch (means) {
    case MEANS_CARD:
    case MEANS_SUN: /* they prove that they are there */
        return limit ? limit : INT64_MAX;
    case MEANS_CODE: /* may be shown from a picture for a minute: a programme without a limit has none for it */
        return limit;
    case MEANS_NONE:
    case MEANS_TAG:
    case MEANS_UID:
    case MEANS_PHONE:
    case MEANS_PASS:
    case MEANS_REGISTER:
        return 0;
    }
    return 0;
}

enum means_answer rules_means_may(const struct pack *pack, enum txn_means means, bool online,
                                  struct points points, bool factor)
{
    if (means == MEANS_NONE || (unsigned)means > MEANS_REGISTER)
        return MEANS_NOBODY;
    if (points_n(points) <= 0)
        return MEANS_MAY;
    if (means != MEANS_CARD && !online)
        return MEANS_ONLINE_ONLY;
    if (points_n(points) > wanted_above(pack, means) && !factor)
        return MEANS_WANTS_FACTOR;
    return MEANS_MAY;
}

const char *grant_answer_text(enum grant_answer answer)
{
    static const char *const texts[GRANT_ANSWERS] = {
        [GRANT_OK] = TR_LATER("These points may be given."),
        [GRANT_NOT_HERE] = TR_LATER("This programme lets no till give points."),
        [GRANT_NOTHING] = TR_LATER("Give 1 point or more."),
        [GRANT_ABOVE_GIFT] = TR_LATER("These are more points than a till may give at once."),
        [GRANT_ABOVE_DAY] = TR_LATER("This till has given as many points today as it may."),
        [GRANT_REGISTER] = TR_LATER("A cash register may not give points by itself here."),
    };
    assert((unsigned)answer < GRANT_ANSWERS);
    return tr(texts[answer]);
}

enum grant_answer rules_grant(const struct pack *pack, struct points points,
                              struct points given_today, bool by_register)
{
    int64_t day = points_n(pack->grant_per_day) - points_n(given_today);
    if (points_n(pack->grant_per_gift) == 0)
        return GRANT_NOT_HERE;
    if (by_register && !pack->register_grants)
        return GRANT_REGISTER;
    if (points_n(points) <= 0)
        return GRANT_NOTHING;
    if (points_cmp(points, pack->grant_per_gift) > 0)
        return GRANT_ABOVE_GIFT;
    if (points_n(points) > day)
        return GRANT_ABOVE_DAY;
    return GRANT_OK;
}
