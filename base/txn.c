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
    case TXN_CLAIM:
        return "claim";
    case TXN_MERGE:
        return "merge";
    case TXN_UNMERGE:
        return "unmerge";
    case TXN_TRANSFER:
        return "transfer";
    case TXN_EXTEND:
        return "extend";
    case TXN_OPENING:
        return "opening";
    case TXN_TIER:
        return "tier";
    case TXN_REDEEM:
        return "redeem";
    case TXN_RETURN:
        return "return";
    case TXN_RERATE:
        return "rerate";
    }
    return "?";
}

bool txn_has_token(const struct txn *t)
{
    uint8_t any = 0;
    for (size_t i = 0; i < sizeof t->token; i++)
        any |= t->token[i];
    return any != 0;
}

bool txn_is_held(const struct txn *t)
{
    bool kind = t->kind == TXN_SALE || t->kind == TXN_CANCEL;
    bool some = points_n(t->redeemed) > 0 || (t->kind == TXN_CANCEL && uid_is(&t->card));
    return kind && some && t->commit == COMMIT_NONE && entry_is(t->original) && t->original.terminal == OFFICE_TERMINAL;
}

struct points txn_redeemed(const struct txn *t)
{
    return t->commit == COMMIT_DONE || txn_is_held(t) ? t->redeemed : points_of(0);
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
    if (t->kind == TXN_REFUND && t->line_count == 0) /* money given back without goods */
        return money_minor(t->total) > 0
                   ? OK
                   : err_set(why, ERR_RANGE, "a refund without lines gives no money back");
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
    switch (t->kind) {
    case TXN_SALE:
        return t->commit != COMMIT_NONE;
    case TXN_GRANT:
        return points_n(t->points) < 0;
    case TXN_CANCEL:
    case TXN_SETTLE:
    case TXN_REFUND:
    case TXN_LOAD:
    case TXN_RATING:
    case TXN_RELEASE:
    case TXN_CLAIM:
    case TXN_UNMERGE:
    case TXN_RETURN:
    case TXN_RERATE:
        return true;
    case TXN_INTENT:
    case TXN_JOIN:
    case TXN_MEMBER:
    case TXN_CARD:
    case TXN_LOAD_INTENT:
    case TXN_ADJUST:
    case TXN_RUN:
    case TXN_HOLD:
    case TXN_MERGE:
    case TXN_TRANSFER:
    case TXN_EXTEND:
    case TXN_OPENING:
    case TXN_TIER:
    case TXN_REDEEM:
        return false;
    }
    return false;
}

/* A SALE and a REDEEM may name a HOLD, an INTENT the one it supersedes: then they do, else they do not. */
static bool may_name(const struct txn *t)
{
    return needs_original(t) || t->kind == TXN_INTENT || t->kind == TXN_REDEEM || (t->kind == TXN_SALE && txn_is_held(t));
}

/* Who made the entry that is named: a commit is announced by a till, points are set aside by head office. */
static enum err check_original(const struct txn *t, struct errmsg *why)
{
    bool of_office = t->original.terminal == OFFICE_TERMINAL;
    if (needs_original(t) && !entry_is(t->original))
        return err_set(why, ERR_FORMAT, "a %s must name an earlier entry", txn_kind_text(t->kind));
    if (entry_is(t->original) && !may_name(t))
        return err_set(why, ERR_FORMAT, "a %s may not name an earlier entry", txn_kind_text(t->kind));
    bool committed = (t->kind == TXN_SALE || t->kind == TXN_CANCEL) && t->commit != COMMIT_NONE;
    if (committed && of_office)
        return err_set(why, ERR_FORMAT, "a %s names an intent that no till made", txn_kind_text(t->kind));
    if (t->kind == TXN_CANCEL && !committed && !txn_is_held(t))
        return err_set(why, ERR_FORMAT, "a cancel that is of no card names no hold");
    if (t->kind == TXN_CLAIM && (of_office || t->member == 0))
        return err_set(why, ERR_FORMAT, "a claim of no till's entry, or for nobody");
    bool own = t->kind == TXN_RELEASE || t->kind == TXN_UNMERGE || t->kind == TXN_REDEEM || t->kind == TXN_RETURN;
    if (own && entry_is(t->original) && !of_office)
        return err_set(why, ERR_FORMAT, "a %s names an entry that head office did not make",
                       txn_kind_text(t->kind));
    if (t->kind == TXN_RERATE && of_office)
        return err_set(why, ERR_FORMAT, "a rerate of no till's sale");
    return OK;
}

/* The kinds that only tills' screens and other cards know, and the fields that came with them. */
static enum err check_newer(const struct txn *t, struct errmsg *why)
{
    const char *kind = txn_kind_text(t->kind);
    bool token = txn_has_token(t);
    if ((unsigned)t->means > MEANS_REGISTER)
        return err_set(why, ERR_RANGE, "means %d is unknown", (int)t->means);
    if (token && t->kind != TXN_SALE && t->kind != TXN_GRANT)
        return err_set(why, ERR_FORMAT, "a %s with a token", kind);
    if (token && t->member)
        return err_set(why, ERR_FORMAT, "a token beside a member");
    if ((t->kind == TXN_RATING) != (t->rating != 0) || t->rating < 0 ||
        t->rating > TXN_RATING_MAX)
        return err_set(why, ERR_RANGE, "rating %d of a %s", (int)t->rating, kind);
    if ((t->kind == TXN_HOLD) != (t->until_s != 0))
        return err_set(why, ERR_FORMAT, "a %s %s an end", kind, t->until_s ? "with" : "without");
    if (t->kind == TXN_GRANT && points_n(t->points) == 0)
        return err_set(why, ERR_RANGE, "a grant of no points");
    if (t->kind == TXN_GRANT && !*t->reason)
        return err_set(why, ERR_FORMAT, "a grant without a reason");
    if (t->kind == TXN_GRANT && t->member == 0 && !uid_is(&t->card) && !token)
        return err_set(why, ERR_FORMAT, "a grant to nobody");
    if (t->kind == TXN_JOIN && !uid_is(&t->card))
        return err_set(why, ERR_FORMAT, "a join without a card");
    if (t->kind == TXN_JOIN && (t->means == MEANS_NONE || (unsigned)t->card_kind > CARD_EV2))
        return err_set(why, ERR_FORMAT, "a join that does not say what card it is");
    bool piece = t->means == MEANS_CARD && *t->reward;
    if (t->kind == TXN_HOLD && (t->member == 0 || (points_n(t->redeemed) == 0 && !piece)))
        return err_set(why, ERR_FORMAT, "a hold of nothing or for nobody");
    if (t->kind == TXN_HOLD && (t->original.seq || t->original.terminal > 9999))
        return err_set(why, ERR_FORMAT, "a hold for no till");
    if (t->kind == TXN_HOLD && t->until_s <= t->time_s)
        return err_set(why, ERR_RANGE, "a hold that ends before it begins");
    return OK;
}

static bool has_payment(enum txn_kind kind)
{
    return kind == TXN_SALE || kind == TXN_INTENT;
}

/* In a list of names each is there, ended, and there once. */
static enum err check_names(const char (*names)[TXN_NAME_SIZE], int32_t count, int32_t max, const char *what,
                            struct errmsg *why)
{
    if (count < 0 || count > max)
        return err_set(why, ERR_RANGE, "%d %ss, of at most %d", (int)count, what, (int)max);
    for (int32_t i = 0; i < count; i++) {
        if (!ended(names[i], TXN_NAME_SIZE) || !*names[i])
            return err_set(why, ERR_FORMAT, "%s %d has no name, or one that is not terminated", what, (int)i + 1);
        for (int32_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return err_set(why, ERR_FORMAT, "%s \"%s\" is there twice", what, names[i]);
    }
    return OK;
}

static enum err check_stamps(const struct txn *t, struct errmsg *why)
{
    if (t->stamp_count < 0 || t->stamp_count > TXN_STAMPS_MAX || (t->stamp_count && !has_payment(t->kind)))
        return err_set(why, ERR_RANGE, "a %s with %d stamp cards, of at most %d", txn_kind_text(t->kind), (int)t->stamp_count,
                       TXN_STAMPS_MAX);
    for (int32_t i = 0; i < t->stamp_count; i++) {
        const struct txn_stamp *s = &t->stamps[i];
        if (!ended(s->name, sizeof s->name) || !*s->name || s->collected < 0 || s->given < 0)
            return err_set(why, ERR_FORMAT, "stamp card %d has no name, or counts below 0", (int)i + 1);
    }
    return OK;
}

/* How the bill was paid, and what was shown beside the card. */
static enum err check_payment(const struct txn *t, struct errmsg *why)
{
    struct money paid = t->redeemed_value;
    if (!has_payment(t->kind) && (t->tender_count || t->coupon_count || t->mark_count))
        return err_set(why, ERR_FORMAT, "a %s with tenders, coupons or marks", txn_kind_text(t->kind));
    if (t->tender_count < 0 || t->tender_count > TXN_TENDERS_MAX)
        return err_set(why, ERR_RANGE, "%d tenders, of at most %d", (int)t->tender_count, TXN_TENDERS_MAX);
    for (int32_t i = 0; i < t->tender_count; i++) {
        const struct txn_tender *d = &t->tenders[i];
        if (!ended(d->code, sizeof d->code) || !*d->code)
            return err_set(why, ERR_FORMAT, "tender %d has no code, or one that is not terminated", (int)i + 1);
        if (money_minor(d->amount) <= 0)
            return err_set(why, ERR_RANGE, "tender \"%s\": the amount is not above 0", d->code);
        if (!money_add(&paid, paid, d->amount) || money_cmp(paid, t->total) > 0)
            return err_set(why, ERR_RANGE, "tender \"%s\": more was paid than the bill is worth", d->code);
    }
    if (t->piece && t->kind != TXN_CANCEL && !has_payment(t->kind))
        return err_set(why, ERR_FORMAT, "a %s with a piece of a reward", txn_kind_text(t->kind));
    if (t->piece && (!uid_is(&t->card) || txn_is_held(t)))
        return err_set(why, ERR_FORMAT, "a piece of a reward beside points that head office held, or without a card");
    enum err e = check_stamps(t, why);
    if (e)
        return e;
    e = check_names(t->coupons, t->coupon_count, TXN_COUPONS_MAX, "coupon", why);
    return e ? e : check_names(t->marks, t->mark_count, TXN_MARKS_MAX, "mark", why);
}

/* What people at head office decide. */
static enum err check_decision(const struct txn *t, struct errmsg *why)
{
    const char *kind = txn_kind_text(t->kind);
    bool decision = t->kind >= TXN_MERGE && t->kind <= TXN_RERATE;
    bool two = t->kind == TXN_MERGE || t->kind == TXN_TRANSFER;
    if (t->user && t->id.terminal != OFFICE_TERMINAL)
        return err_set(why, ERR_FORMAT, "a till's %s by a user of head office", kind);
    if (!ended(t->reward, sizeof t->reward))
        return err_set(why, ERR_FORMAT, "a text is not terminated");
    if (*t->reward && !has_payment(t->kind) && t->kind != TXN_HOLD && t->kind != TXN_REDEEM)
        return err_set(why, ERR_FORMAT, "a %s with a reward", kind);
    if (two != (t->other != 0))
        return err_set(why, ERR_FORMAT, "a %s %s a second member", kind, two ? "without" : "with");
    if (t->from_day && t->kind != TXN_EXTEND)
        return err_set(why, ERR_FORMAT, "a %s with a first day", kind);
    if (!decision)
        return OK;
    if (!*t->reason)
        return err_set(why, ERR_FORMAT, "a %s without a reason", kind);
    if (t->member == 0 && t->kind != TXN_UNMERGE && t->kind != TXN_RETURN && t->kind != TXN_RERATE)
        return err_set(why, ERR_FORMAT, "a %s without a member", kind);
    if (two && t->other == t->member)
        return err_set(why, ERR_FORMAT, "a %s of a member with itself", kind);
    if ((t->kind == TXN_TRANSFER || t->kind == TXN_OPENING) && points_n(t->points) <= 0)
        return err_set(why, ERR_RANGE, "a %s of no points", kind);
    if ((t->kind == TXN_REDEEM || t->kind == TXN_RETURN) && points_n(t->redeemed) <= 0)
        return err_set(why, ERR_RANGE, "a %s of no points", kind);
    if (t->kind == TXN_EXTEND && t->from_day >= t->day)
        return err_set(why, ERR_RANGE, "an extension to a day that is not later");
    if (t->kind == TXN_TIER && !*t->tier)
        return err_set(why, ERR_FORMAT, "a tier by hand without a tier");
    if (t->kind == TXN_RERATE && t->pack_version == 0)
        return err_set(why, ERR_FORMAT, "a rerate by no pack");
    return OK;
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
    bool may_be_negative = t->id.terminal == OFFICE_TERMINAL || t->kind == TXN_GRANT;
    if (points_n(t->points) < (may_be_negative ? -INT64_MAX : 0))
        return err_set(why, ERR_RANGE, "points are negative");
    if (points_n(t->redeemed) < 0 || money_minor(t->redeemed_value) < 0)
        return err_set(why, ERR_RANGE, "what was redeemed is negative");
    if (has_bill(t->kind) && money_cmp(t->redeemed_value, t->total) > 0)
        return err_set(why, ERR_RANGE, "more was redeemed than the bill is worth");
    if ((unsigned)t->commit > COMMIT_DOUBT || (t->commit != COMMIT_NONE && !has_commit(t->kind)))
        return err_set(why, ERR_FORMAT, "commit state %d does not fit a %s", (int)t->commit,
                       txn_kind_text(t->kind));
    if ((e = check_original(t, why)))
        return e;
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
    if ((e = check_newer(t, why)) || (e = check_payment(t, why)))
        return e;
    return check_decision(t, why);
}
