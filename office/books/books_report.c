/* books_report.c - the books for people: statements, reviews, totals, CSV.  See books.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/books_int.h"
#include "base/date.h"
#include "base/tr.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- a member's statement ---- */

/* Why an entry moved points.  rule: what the rules said of the purchase or refund, or "". */
static void explain(struct statement_line *line, const struct txn *t, const char *rule)
{
    char original[ENTRY_TEXT_SIZE], one[MEMBER_TEXT_SIZE], other[MEMBER_TEXT_SIZE];
    const char *text = "";
    bool of_card = strcmp(line->account, "card") == 0 || strcmp(line->account, "redeemed") == 0;
    bool of_pending = strcmp(line->account, "pending") == 0;
    entry_text(original, t->original);
    if (strcmp(line->account, "expired") == 0 && t->kind != TXN_MERGE && t->kind != TXN_UNMERGE) {
        bool back = points_n(line->amount) < 0;
        text = t->kind == TXN_RUN ? tr("their last day has passed")
               : back             ? tr("an expiry undone: it came late, but was in time")
                                  : tr("came late: their last day had passed");
        snprintf(line->why, sizeof line->why, "%s", text);
        return;
    }
    bool moved = t->kind == TXN_MERGE || t->kind == TXN_UNMERGE;
    if (strcmp(line->account, "reserved") == 0 && t->kind != TXN_RELEASE && !moved) {
        bool desk = t->kind == TXN_REDEEM || (t->kind == TXN_HOLD && t->original.terminal == OFFICE_TERMINAL);
        snprintf(line->why, sizeof line->why, "%s", desk ? tr("set aside for a reward") : tr("set aside for a sale"));
        return;
    }
    if (t->kind == TXN_RUN && (points_n(line->amount) < 0) == of_pending) {
        snprintf(line->why, sizeof line->why, "%s", tr("pending no longer: they may be spent"));
        return;
    }
    switch (t->kind) {
    case TXN_SALE:
        text = of_card ? tr("redeemed") : rule;
        break;
    case TXN_REFUND:
        text = rule;
        break;
    case TXN_INTENT:
    case TXN_CANCEL:
    case TXN_SETTLE:
        snprintf(line->why, sizeof line->why, tr("what became of %s on the card"),
                 entry_is(t->original) ? original : tr("it"));
        return;
    case TXN_LOAD_INTENT:
        text = tr("on the way to the card");
        break;
    case TXN_LOAD:
        text = t->commit == COMMIT_DONE ? tr("loaded") : tr("not loaded");
        break;
    case TXN_CARD:
        snprintf(line->why, sizeof line->why, "%s%s%s", tr("the card was replaced"),
                 *t->reason ? ": " : "", t->reason);
        return;
    case TXN_ADJUST:
        text = t->reason;
        break;
    case TXN_RUN:
        text = tr("expired");
        break;
    case TXN_GRANT:
        snprintf(line->why, sizeof line->why, points_n(t->points) < 0 ? tr("taken back: %s, by %" PRIu32 "%s") : tr("goodwill: %s, by %" PRIu32 "%s"),
                 t->reason, t->cashier, t->approved_by ? tr(" and a supervisor") : "");
        return;
    case TXN_MERGE:
    case TXN_TRANSFER:
        member_text(one, t->member);
        member_text(other, t->other);
        snprintf(line->why, sizeof line->why, t->kind == TXN_MERGE ? tr("%s is %s now: %s") : tr("from %s to %s: %s"),
                 t->kind == TXN_MERGE ? other : one, t->kind == TXN_MERGE ? one : other, t->reason);
        return;
    case TXN_UNMERGE:
        snprintf(line->why, sizeof line->why, tr("%s was undone: %s"), original, t->reason);
        return;
    case TXN_OPENING:
        snprintf(line->why, sizeof line->why, tr("brought along: %s"), t->reason);
        return;
    case TXN_REDEEM:
        snprintf(line->why, sizeof line->why, "%s%s%s: %s", tr("redeemed"), *t->reward ? tr(" for ") : "",
                 t->reward, t->reason);
        return;
    case TXN_RETURN:
        snprintf(line->why, sizeof line->why, tr("the reward of %s came back: %s"), original, t->reason);
        return;
    case TXN_RERATE:
        snprintf(line->why, sizeof line->why, tr("%s rated by pack %" PRIu32 ": %s%s%.90s"), original, t->pack_version, t->reason,
                 *rule ? ": " : "", rule);
        return;
    case TXN_EXTEND:
    case TXN_TIER:
        text = t->reason;
        break;
    case TXN_HOLD:
        text = t->original.terminal == OFFICE_TERMINAL ? tr("set aside for a reward") : tr("set aside for a sale");
        break;
    case TXN_RELEASE:
        text = tr("no longer set aside");
        break;
    case TXN_JOIN:
    case TXN_RATING:
    case TXN_CLAIM:
    case TXN_MEMBER:
        break;
    }
    snprintf(line->why, sizeof line->why, "%s", text);
}

/* What the whole entry changes in the member's points, from the statement's own rows. */
static enum err total_after(struct books *b, member_id member, int64_t position, struct points *out,
                            struct errmsg *why)
{
    struct query q = query_text_of(b->store, "SELECT coalesce(sum(amount), 0) FROM posting"
                                             " WHERE member = ? AND position = ?"
                                             " AND account IN ('held', 'card', 'transit', 'reserved', 'pending')");
    int64_t change = 0;
    query_int(&q, (int64_t)member);
    query_int(&q, position);
    if (query_row(&q))
        change = query_get_int(&q);
    *out = points_of(points_n(*out) + change);
    return query_done(&q, why);
}

enum err books_statement(struct books *b, member_id member, books_statement_fn *each, void *arg,
                         struct errmsg *why)
{
    struct member_view view;
    enum err e = books_member(b, member, &view, why), ended;
    struct points total = points_of(0);
    int64_t last = 0;
    bool go_on = true;
    if (e)
        return e;
    struct query q = query_of(b->store, Q_STATEMENT);
    query_int(&q, (int64_t)member);
    while (!e && go_on && query_row(&q)) {
        struct statement_line line = {0};
        char account[16], rule[RULES_WHY_SIZE];
        line.entry.terminal = (uint32_t)query_get_int(&q);
        line.entry.seq = (uint32_t)query_get_int(&q);
        line.time_s = query_get_int(&q);
        line.received_s = query_get_int(&q);
        line.kind = (enum txn_kind)query_get_int(&q);
        query_get_text(&q, account, sizeof account);
        line.account = account;
        query_get_uid(&q, &line.card);
        line.amount = points_of(query_get_int(&q));
        line.pack_version = (uint32_t)query_get_int(&q);
        query_get_text(&q, rule, sizeof rule);
        int64_t position = query_get_int(&q);
        e = wire_decode_txn(&b->waiting, query_get_blob(&q), why);
        if (!e)
            explain(&line, &b->waiting, rule);
        if (!e && position != last)
            e = total_after(b, member, position, &total, why);
        last = position;
        line.total_after = total;
        if (!e)
            go_on = each(&line, arg);
    }
    ended = query_done(&q, why);
    return e ? e : ended;
}

/* ---- lists ---- */

enum err books_reviews(struct books *b, books_review_fn *each, void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_of(b->store, Q_REVIEWS);
    while (go_on && query_row(&q)) {
        struct review_item item = {0};
        char answer[96], detail[224];
        item.entry.terminal = (uint32_t)query_get_int(&q);
        item.entry.seq = (uint32_t)query_get_int(&q);
        item.time_s = query_get_int(&q);
        item.member = (member_id)query_get_int(&q);
        query_get_text(&q, answer, sizeof answer);
        query_get_text(&q, detail, sizeof detail);
        item.answer = answer;
        item.detail = detail;
        go_on = each(&item, arg);
    }
    return query_done(&q, why);
}

enum err books_remark(struct books *b, struct entry_id entry, char *out, size_t size, struct errmsg *why)
{
    size_t used = 0;
    struct query q = query_text_of(b->store, "SELECT r.answer, r.detail FROM review r JOIN entry e USING (position)"
                                             " WHERE e.terminal = ? AND e.seq = ? ORDER BY r.n");
    out[0] = 0;
    query_int(&q, entry.terminal);
    query_int(&q, entry.seq);
    while (query_row(&q) && used < size) {
        char answer[96], detail[224];
        query_get_text(&q, answer, sizeof answer);
        query_get_text(&q, detail, sizeof detail);
        used += (size_t)snprintf(out + used, size - used, "%s%s%s%s", used ? "; " : "", answer, *detail ? ": " : "", detail);
    }
    return query_done(&q, why);
}

enum err books_members(struct books *b, books_member_fn *each, void *arg, struct errmsg *why)
{
    enum err e = OK, ended;
    bool go_on = true;
    struct query q = query_of(b->store, Q_MEMBERS);
    while (!e && go_on && query_row(&q)) {
        struct member_view m;
        e = books_member(b, (member_id)query_get_int(&q), &m, why);
        if (!e)
            go_on = each(&m, arg);
    }
    ended = query_done(&q, why);
    return e ? e : ended;
}

enum err books_ending(struct books *b, int32_t from_day, int32_t to_day, books_ending_fn *each, void *arg,
                      struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_text_of(b->store, "SELECT member, expires_day, left FROM lot WHERE left > 0"
                                             " AND expires_day BETWEEN ? AND ? AND expires_day < 2147483647"
                                             " ORDER BY expires_day, member");
    query_int(&q, from_day);
    query_int(&q, to_day);
    while (go_on && query_row(&q)) {
        struct ending_line line = {.member = (member_id)query_get_int(&q)};
        line.day = (int32_t)query_get_int(&q);
        line.points = points_of(query_get_int(&q));
        go_on = each(&line, arg);
    }
    return query_done(&q, why);
}

enum err books_cards(struct books *b, member_id member, books_card_fn *each, void *arg,
                     struct errmsg *why)
{
    enum err e = OK, ended;
    bool go_on = true;
    struct query q = query_of(b->store, Q_CARDS);
    query_int(&q, (int64_t)member);
    while (!e && go_on && query_row(&q)) {
        struct card_uid uid;
        struct card_view c;
        query_get_uid(&q, &uid);
        e = books_card(b, &uid, &c, why);
        if (!e)
            go_on = each(&c, arg);
    }
    ended = query_done(&q, why);
    return e ? e : ended;
}

/* ---- the books in one page ---- */

static enum err tiers(struct books *b, struct books_totals *out, struct errmsg *why)
{
    const int32_t cap = (int32_t)(sizeof out->tiers / sizeof out->tiers[0]);
    struct query q = query_text_of(b->store, "SELECT tier, count(*) FROM member GROUP BY tier"
                                             " ORDER BY count(*) DESC, tier");
    while (out->tier_count < cap && query_row(&q)) {
        query_get_text(&q, out->tiers[out->tier_count].tier, TXN_NAME_SIZE);
        out->tiers[out->tier_count++].members = query_get_int(&q);
    }
    return query_done(&q, why);
}

enum err books_totals(struct books *b, struct books_totals *out, struct errmsg *why)
{
    struct books_totals t = {0};
    struct query q = query_text_of(
        b->store,
        "SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM terminal),"
        " (SELECT count(*) FROM member), (SELECT count(*) FROM card),"
        " (SELECT count(*) FROM sale), (SELECT count(*) FROM refund),"
        " (SELECT coalesce(sum(total), 0) FROM sale), (SELECT coalesce(sum(total), 0) FROM refund),"
        " (SELECT coalesce(sum(owed), 0) FROM member),"
        " (SELECT coalesce(sum(abs(amount)), 0) FROM intent WHERE proof = 0),"
        " (SELECT count(*) FROM intent WHERE proof = 0), (SELECT count(*) FROM waiting),"
        " (SELECT count(*) FROM review), (SELECT count(*) FROM conflict),"
        " (SELECT count(*) FROM comparison), (SELECT count(*) FROM comparison WHERE till <> rated),"
        " (SELECT coalesce(sum(points_back), 0) FROM refund),"
        " (SELECT count(*) FROM unclaimed), (SELECT count(*) FROM gift), (SELECT count(*) FROM rating),"
        " (SELECT coalesce(sum(points - taken_back), 0) FROM gift)");
    if (query_row(&q)) {
        t.entries = query_get_int(&q);
        t.terminals = query_get_int(&q);
        t.members = query_get_int(&q);
        t.cards = query_get_int(&q);
        t.sales = query_get_int(&q);
        t.refunds = query_get_int(&q);
        t.sold = money_of(query_get_int(&q));
        t.refunded = money_of(query_get_int(&q));
        t.owed = points_of(query_get_int(&q));
        t.in_doubt = points_of(query_get_int(&q));
        t.intents_in_doubt = query_get_int(&q);
        t.waiting_refunds = query_get_int(&q);
        t.reviews = query_get_int(&q);
        t.conflicts = query_get_int(&q);
        t.rated = query_get_int(&q);
        t.rated_differing = query_get_int(&q);
        t.returned = points_of(query_get_int(&q));
        t.unclaimed = query_get_int(&q);
        t.gifts = query_get_int(&q);
        t.ratings = query_get_int(&q);
        t.given = points_of(query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    if (e)
        return e;
    struct {
        const char *account;
        struct points *points;
    } accounts[] = {{"issued", &t.earned},     {"redeemed", &t.redeemed}, {"clawed", &t.clawed},
                    {"expired", &t.expired},   {"adjusted", &t.adjusted}, {"held", &t.held},
                    {"card", &t.on_cards},     {"transit", &t.in_transit},
                    {"reserved", &t.reserved}, {"pending", &t.pending}};
    q = query_text_of(b->store, "SELECT account, points FROM trial_balance");
    while (query_row(&q)) {
        char account[16];
        query_get_text(&q, account, sizeof account);
        struct points p = points_of(query_get_int(&q));
        for (size_t i = 0; i < sizeof accounts / sizeof accounts[0]; i++)
            if (strcmp(account, accounts[i].account) == 0)
                *accounts[i].points = p;
    }
    if ((e = query_done(&q, why)) || (e = tiers(b, &t, why)))
        return e;
    t.earned = points_of(-points_n(t.earned));     /* they came from there */
    t.adjusted = points_of(-points_n(t.adjusted));
    *out = t;
    return OK;
}

enum err books_by_cashier(struct books *b, int32_t from_day, int32_t to_day, books_cashier_fn *each,
                          void *arg, struct errmsg *why)
{
    bool go_on = true;
    struct query q = query_text_of(
        b->store,
        "WITH days AS (SELECT ?1 AS a, ?2 AS z), done (cashier, what, n, amount) AS ("
        " SELECT cashier, 1, 1, total FROM sale, days WHERE day BETWEEN a AND z"
        " UNION ALL SELECT cashier, 2, 1, total FROM refund, days WHERE day BETWEEN a AND z"
        " UNION ALL SELECT cashier, 3, 1, points - taken_back FROM gift, days WHERE day BETWEEN a AND z"
        " UNION ALL SELECT r.cashier, 4, 1, r.rating FROM rating r JOIN sale s ON s.position = r.sale, days"
        " WHERE day BETWEEN a AND z"
        " UNION ALL SELECT approved_by, 5, 1, 0 FROM sale, days WHERE approved_by > 0 AND day BETWEEN a AND z"
        " UNION ALL SELECT approved_by, 5, 1, 0 FROM refund, days WHERE approved_by > 0 AND day BETWEEN a AND z"
        " UNION ALL SELECT approved_by, 5, 1, 0 FROM gift, days WHERE approved_by > 0 AND day BETWEEN a AND z)"
        " SELECT cashier, sum(iif(what = 1, n, 0)), sum(iif(what = 1, amount, 0)),"
        " sum(iif(what = 2, n, 0)), sum(iif(what = 2, amount, 0)), sum(iif(what = 3, n, 0)),"
        " sum(iif(what = 3, amount, 0)), sum(iif(what = 4, n, 0)), sum(iif(what = 4, amount, 0)),"
        " sum(iif(what = 5, n, 0)) FROM done GROUP BY cashier ORDER BY cashier");
    query_int(&q, from_day);
    query_int(&q, to_day);
    while (go_on && query_row(&q)) {
        struct cashier_line line = {.cashier = (uint32_t)query_get_int(&q)};
        line.sales = query_get_int(&q);
        line.sold = money_of(query_get_int(&q));
        line.refunds = query_get_int(&q);
        line.refunded = money_of(query_get_int(&q));
        line.gifts = query_get_int(&q);
        line.given = points_of(query_get_int(&q));
        line.ratings = query_get_int(&q);
        line.rating_sum = query_get_int(&q);
        line.approved = query_get_int(&q);
        go_on = each(&line, arg);
    }
    return query_done(&q, why);
}

enum err books_export(struct books *b, FILE *out, struct errmsg *why)
{
    fprintf(out, "entry,time,received,kind,member,account,card,points\n");
    struct query q = query_of(b->store, Q_EXPORT);
    while (query_row(&q)) {
        char entry[ENTRY_TEXT_SIZE], time[TIME_TEXT_SIZE], received[TIME_TEXT_SIZE],
            member[MEMBER_TEXT_SIZE], account[16], card[UID_TEXT_SIZE] = "";
        struct entry_id id;
        struct card_uid uid;
        id.terminal = (uint32_t)query_get_int(&q);
        id.seq = (uint32_t)query_get_int(&q);
        entry_text(entry, id);
        time_text(time, query_get_int(&q));
        time_text(received, query_get_int(&q));
        const char *kind = txn_kind_text((enum txn_kind)query_get_int(&q));
        member_text(member, (member_id)query_get_int(&q));
        query_get_text(&q, account, sizeof account);
        query_get_uid(&q, &uid);
        if (uid_is(&uid))
            uid_text(card, &uid);
        fprintf(out, "%s,%s,%s,%s,%s,%s,%s,%" PRId64 "\n", entry, time, received, kind, member, account,
                card, query_get_int(&q));
    }
    enum err e = query_done(&q, why);
    if (!e && (fflush(out) || ferror(out)))
        e = err_set(why, ERR_IO, "the export could not be written");
    return e;
}
