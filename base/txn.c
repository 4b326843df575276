/* txn.c - see txn.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/txn.h"

#include <string.h>

const char *txn_kind_text(enum txn_kind kind)
{
    switch (kind) {
    case TXN_SALE:
        return "sale";
    case TXN_INTENT:
        return "intent";
    case TXN_CANCEL:
        return "cancel";
    case TXN_SETTLE:
        return "settle";
    case TXN_REFUND:
        return "refund";
    case TXN_GRANT:
        return "grant";
    case TXN_JOIN:
        return "join";
    case TXN_RATING:
        return "rating";
    case TXN_MEMBER:
        return "member";
    case TXN_CARD:
        return "card";
    case TXN_LOAD_INTENT:
        return "load intent";
    case TXN_LOAD:
        return "load";
    case TXN_ADJUST:
        return "adjust";
    case TXN_RUN:
        return "run";
    case TXN_HOLD:
        return "hold";
    case TXN_RELEASE:
        return "release";
    }
    return "?";
}

struct entry_id txn_commit_name(const struct txn *t)
{
    return t->kind == TXN_LOAD_INTENT ? (struct entry_id){OFFICE_TERMINAL, t->load} : t->id;
}

static bool ended(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

static enum err check_lines(const struct txn *t, struct errmsg *why)
{
    struct money sum = money_of(0);
    if (t->line_count < 0 || t->line_count > TXN_LINES_MAX)
        return err_set(why, ERR_RANGE, "line_count %d is outside 0..%d", t->line_count, TXN_LINES_MAX);
    for (int32_t i = 0; i < t->line_count; i++) {
        const struct txn_line *l = &t->lines[i];
        if (!ended(l->sku, sizeof l->sku) || !ended(l->category, sizeof l->category))
            return err_set(why, ERR_FORMAT, "line %d: a text is not terminated", i + 1);
        if (l->quantity <= 0)
            return err_set(why, ERR_RANGE, "line %d: quantity %d is not above 0", i + 1, l->quantity);
        if (money_minor(l->amount) < 0)
            return err_set(why, ERR_RANGE, "line %d: the amount is negative", i + 1);
        if (!money_add(&sum, sum, l->amount))
            return err_set(why, ERR_RANGE, "the lines add up to more than 2^63");
    }
    if (money_cmp(sum, t->total) != 0)
        return err_set(why, ERR_FORMAT, "total is not the sum of the lines");
    return OK;
}

static bool has_bill(enum txn_kind kind)
{
    return kind == TXN_SALE || kind == TXN_INTENT || kind == TXN_REFUND;
}

static bool has_commit(enum txn_kind kind)
{
    return kind == TXN_SALE || kind == TXN_CANCEL || kind == TXN_SETTLE || kind == TXN_LOAD;
}

static bool needs_original(const struct txn *t)
{
    if (t->kind == TXN_SALE)
        return t->commit != COMMIT_NONE;
    return t->kind == TXN_CANCEL || t->kind == TXN_SETTLE || t->kind == TXN_REFUND ||
           t->kind == TXN_LOAD;
}

enum err txn_check(const struct txn *t, struct errmsg *why)
{
    if (strcmp(txn_kind_text(t->kind), "?") == 0)
        return err_set(why, ERR_FORMAT, "kind %d is unknown", (int)t->kind);
    if (!entry_is(t->id) || t->id.terminal > 9999)
        return err_set(why, ERR_RANGE, "the entry has no number");
    /* Head office settles too: when it loads a card it reads what became of an intent. */
    bool office = t->id.terminal == OFFICE_TERMINAL;
    if ((t->kind >= TXN_MEMBER) != office && !(office && t->kind == TXN_SETTLE))
        return err_set(why, ERR_FORMAT, "a %s is not made by terminal %u", txn_kind_text(t->kind),
                       (unsigned)t->id.terminal);
    if (!ended(t->ref, sizeof t->ref) || !ended(t->shop, sizeof t->shop) ||
        !ended(t->tier, sizeof t->tier) || !ended(t->reason, sizeof t->reason))
        return err_set(why, ERR_FORMAT, "a text is not terminated");
    if (!has_bill(t->kind) && t->line_count)
        return err_set(why, ERR_FORMAT, "a %s has no lines", txn_kind_text(t->kind));
    enum err e = check_lines(t, why);
    if (e)
        return e;
    if (t->id.terminal != OFFICE_TERMINAL && points_n(t->points) < 0)
        return err_set(why, ERR_RANGE, "points are negative");
    if (points_n(t->redeemed) < 0 || money_minor(t->redeemed_value) < 0)
        return err_set(why, ERR_RANGE, "what was redeemed is negative");
    if (has_bill(t->kind) && money_cmp(t->redeemed_value, t->total) > 0)
        return err_set(why, ERR_RANGE, "more was redeemed than the bill is worth");
    if ((unsigned)t->commit > COMMIT_DOUBT || (t->commit != COMMIT_NONE && !has_commit(t->kind)))
        return err_set(why, ERR_FORMAT, "commit state %d does not fit a %s", (int)t->commit,
                       txn_kind_text(t->kind));
    if (needs_original(t) != entry_is(t->original) && t->kind != TXN_INTENT)
        return err_set(why, ERR_FORMAT, "a %s %s name an earlier entry", txn_kind_text(t->kind),
                       needs_original(t) ? "must" : "may not");
    if ((unsigned)t->evidence.kind > CARD_EV2 || t->evidence.tmi_size > TXN_TMI_MAX)
        return err_set(why, ERR_RANGE, "the card evidence is malformed");
    bool evidence = t->commit == COMMIT_DONE || t->kind == TXN_INTENT || t->kind == TXN_LOAD_INTENT;
    if (evidence && t->evidence.kind == CARD_NONE)
        return err_set(why, ERR_FORMAT, "a %s without the card's evidence", txn_kind_text(t->kind));
    if ((evidence || t->kind == TXN_CARD) && !uid_is(&t->card))
        return err_set(why, ERR_FORMAT, "a %s without a card", txn_kind_text(t->kind));
    if (t->kind == TXN_MEMBER && t->member == 0)
        return err_set(why, ERR_FORMAT, "an enrolment without a member");
    if ((t->kind == TXN_LOAD_INTENT) != (t->load != 0))
        return err_set(why, ERR_FORMAT, "a %s %s the number of a load", txn_kind_text(t->kind),
                       t->load ? "with" : "without");
    return OK;
}
