/* nexo_totals.c - GetTotals: what this door's registers did today, added up from the memos of what they were answered.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/nexo/nexo_inside.h"

#include "base/date.h"
#include "hw/clock.h"

#include <string.h>

/* The words of LoyaltyTotals, which are also those that memos are kept under; the rebates come last: they are money. */
static const char *const kinds[] = {"Award",      "ReverseAward", "Redemption", "ReverseRedemption",
                                    "Rebate",     "ReverseRebate"};
enum { KINDS = sizeof kinds / sizeof *kinds, MONEY_KIND = 4, ROWS_MAX = 256 };

/* What one register did; or, not split by them, all. */
struct sums {
    int64_t count[KINDS], amount[KINDS];
};

/* A rebate undone is kept as "ReverseRebate N12".  KINDS: it is none that is counted, as a refusal. */
static int kind_of(const char *what)
{
    size_t size = strcspn(what, " ");
    int k = 0;
    while (k < KINDS && (strlen(kinds[k]) != size || strncmp(kinds[k], what, size) != 0))
        k++;
    return k;
}

/* The totals of one register in points or in money, if there are any. */
static void put_group(const struct nexo *n, json_t *groups, const struct sums *s, const char *sale_id,
                      bool money)
{
    json_t *list = json_array();
    for (int k = money ? MONEY_KIND : 0; k < (money ? KINDS : MONEY_KIND); k++)
        if (s->count[k])
            json_array_append_new(
                list, json_pack("{s:s,s:o,s:o}", "TransactionType", kinds[k], "TransactionCount",
                                nexo_json_integer(s->count[k]), "TransactionAmount",
                                money ? nexo_money_number(money_of(s->amount[k]), nexo_digits(n))
                                      : nexo_json_integer(s->amount[k])));
    if (!json_array_size(list)) {
        json_decref(list);
        return;
    }
    json_t *group = json_pack("{s:s,s:s,s:o}", "PaymentInstrumentType", "Card", "LoyaltyUnit",
                              money ? "Monetary" : "Point", "LoyaltyTotals", list);
    if (sale_id)
        json_object_set_new(group, "SaleID", nexo_json_string(sale_id));
    if (money && nexo_pack(n))
        json_object_set_new(group, "LoyaltyCurrency", json_string(nexo_pack(n)->currency));
    json_array_append_new(groups, group);
}

json_t *nexo_totals(struct nexo *n, const struct nexo_request *r)
{
    struct memo_total rows[ROWS_MAX];
    struct errmsg why = {""};
    char day[DAY_TEXT_SIZE];
    int32_t count = 0, today = day_of_time(clock_now_s());
    bool split = r->per_sale_id || r->filter_sale_id;
    if (r->other_filter)
        return nexo_failure(r, NEXO_E_UNAVAILABLE_SERVICE, "Totals are filtered by SaleID alone");
    if (journal_memo_totals(n->t->journal, NEXO_MEMOS, r->filter_sale_id,
                            (int64_t)today * SECONDS_PER_DAY, rows, ROWS_MAX, &count, &why))
        return nexo_failure(r, NEXO_E_DEVICE_OUT, why.text);
    json_t *groups = json_array();
    for (int32_t i = 0; i < count;) { /* they come by register */
        struct sums s = {0};
        int32_t first = i;
        for (; i < count && (!split || strcmp(rows[i].asker, rows[first].asker) == 0); i++) {
            int k = kind_of(rows[i].what);
            if (k < KINDS) {
                s.count[k] += rows[i].count;
                s.amount[k] += rows[i].amount;
            }
        }
        put_group(n, groups, &s, split ? rows[first].asker : NULL, false);
        put_group(n, groups, &s, split ? rows[first].asker : NULL, true);
    }
    day_text(day, today);
    return nexo_reply(r, json_pack("{s:o,s:s,s:o}", "Response", nexo_response(NEXO_SUCCESS, NULL),
                                   "POIReconciliationID", day, "TransactionTotals", groups));
}
