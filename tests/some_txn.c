/* some_txn.c - see some_txn.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/some_txn.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static void text(char *out, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/ .";
    size_t length = test_below((uint32_t)size);
    memset(out, 0, size);
    for (size_t i = 0; i < length; i++)
        out[i] = letters[test_below(sizeof letters - 1)];
}

/* Small numbers are as likely as large ones. */
static int64_t number(int bits)
{
    return (int64_t)(test_random() >> (64 - 1 - test_below((uint32_t)bits)));
}

static void random_bytes(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)test_random();
}

static void uid(struct card_uid *out)
{
    random_bytes(out->b, sizeof out->b);
    out->b[0] = 4;
}

static void evidence(struct txn *t)
{
    struct txn_evidence *e = &t->evidence;
    uid(&t->card);
    e->kind = test_below(3) ? CARD_EV2 : CARD_EV1;
    random_bytes(e->record, sizeof e->record);
    e->purse_before = (int32_t)test_random();
    if (e->kind == CARD_EV1)
        return;
    e->tmc = (uint32_t)test_random();
    random_bytes(e->tmv, sizeof e->tmv);
    e->tmi_size = (uint16_t)test_below(TXN_TMI_MAX + 1);
    random_bytes(e->tmi, e->tmi_size);
}

static void lines(struct txn *t, int32_t max)
{
    t->line_count = (int32_t)test_below((uint32_t)max + 1);
    for (int32_t i = 0; i < t->line_count; i++) {
        struct txn_line *l = &t->lines[i];
        text(l->sku, sizeof l->sku);
        text(l->category, sizeof l->category);
        l->quantity = (int32_t)(1 + number(30));
        l->amount = money_of(number(50));
        t->total.minor += l->amount.minor;
    }
}

enum txn_kind some_till_kind(void)
{
    return (enum txn_kind)(TXN_SALE + (int)test_below(TXN_RATING));
}

/* What screens and other cards added. */
static void newer(struct txn *t)
{
    if (t->id.terminal != OFFICE_TERMINAL && test_below(2)) {
        t->cashier = (uint32_t)test_random();
        t->approved_by = (uint32_t)test_random();
    }
    t->means = (enum txn_means)(1 + test_below(MEANS_REGISTER));
    if ((t->kind == TXN_SALE || t->kind == TXN_GRANT) && test_below(2)) {
        t->member = 0;
        random_bytes(t->token, sizeof t->token);
        t->token[0] |= 1; /* not all zeros */
    }
    if (t->kind == TXN_GRANT)
        snprintf(t->reason, sizeof t->reason, "spilt tea %u", (unsigned)test_below(100));
    if (t->kind == TXN_JOIN)
        t->card_kind = (enum card_kind)test_below(3);
    if (t->kind == TXN_RATING)
        t->rating = (int32_t)(1 + test_below(3));
    if (t->kind == TXN_HOLD) {
        t->original.terminal = 1 + test_below(9999);
        t->redeemed = points_of(1 + number(30));
        t->until_s = t->time_s + 1 + (int64_t)test_below(100000);
        t->until_s += t->until_s == 0;
    }
}

static void name(char out[TXN_NAME_SIZE], const char *stem, int32_t i)
{
    snprintf(out, TXN_NAME_SIZE, "%.8s-%u", stem, 10U * ((unsigned)i & 7U) + test_below(10));
}

static void payment(struct txn *t)
{
    int64_t rest = t->total.minor - t->redeemed_value.minor;
    if (t->kind != TXN_SALE && t->kind != TXN_INTENT)
        return;
    for (int32_t n = (int32_t)test_below(TXN_TENDERS_MAX + 1); t->tender_count < n && rest > 0;) {
        struct txn_tender *d = &t->tenders[t->tender_count++];
        name(d->code, "cash", t->tender_count);
        d->amount = money_of(1 + rest / 3);
        rest -= d->amount.minor;
    }
    t->coupon_count = (int32_t)test_below(TXN_COUPONS_MAX + 1);
    for (int32_t i = 0; i < t->coupon_count; i++)
        name(t->coupons[i], "SPRING", i);
    t->mark_count = (int32_t)test_below(TXN_MARKS_MAX + 1);
    for (int32_t i = 0; i < t->mark_count; i++)
        name(t->marks[i], "seg", i);
    t->stamp_count = (int32_t)test_below(TXN_STAMPS_MAX + 1);
    for (int32_t i = 0; i < t->stamp_count; i++) {
        name(t->stamps[i].name, "cup", i);
        t->stamps[i].collected = number(62);
        t->stamps[i].given = number(30);
    }
}

/* What people at head office decide. */
static void decision(struct txn *t)
{
    enum txn_kind kind = t->kind;
    if (kind == TXN_SALE || kind == TXN_INTENT || kind == TXN_HOLD || kind == TXN_REDEEM)
        text(t->reward, sizeof t->reward);
    if (t->id.terminal == OFFICE_TERMINAL)
        t->user = (uint32_t)test_random();
    if (kind < TXN_MERGE)
        return;
    snprintf(t->reason, sizeof t->reason, "by order %u", (unsigned)test_below(100));
    if (kind == TXN_MERGE || kind == TXN_TRANSFER)
        t->other = t->member + 1;
    t->points = points_of(1 + number(61));
    t->redeemed = points_of(1 + number(61));
    if (kind == TXN_EXTEND) {
        t->from_day = (int32_t)test_below(40000);
        t->day = t->from_day + 1 + (int32_t)test_below(400);
    }
    if (kind == TXN_TIER)
        snprintf(t->tier, sizeof t->tier, "gold");
    t->pack_version |= 1;
    if (kind == TXN_UNMERGE || kind == TXN_RETURN || (kind == TXN_REDEEM && test_below(2)))
        t->original = (struct entry_id){OFFICE_TERMINAL, 1 + test_below(UINT32_MAX)};
    if (kind == TXN_RERATE)
        t->original = (struct entry_id){1 + test_below(9999), 1 + test_below(UINT32_MAX)};
}

void some_txn(struct txn *t, enum txn_kind kind, uint32_t terminal, uint32_t seq, int32_t max_lines)
{
    bool office = kind >= TXN_MEMBER;
    memset(t, 0, sizeof *t);
    t->kind = kind;
    t->id = (struct entry_id){office ? OFFICE_TERMINAL : terminal, seq};
    t->time_s = number(40) - number(40);
    t->member = 1 + (member_id)number(63);
    text(t->ref, sizeof t->ref);
    text(t->shop, sizeof t->shop);
    text(t->tier, sizeof t->tier);
    text(t->reason, sizeof t->reason);
    t->pack_version = (uint32_t)test_random();
    if (kind == TXN_SALE || kind == TXN_INTENT || kind == TXN_REFUND)
        lines(t, max_lines);
    if (kind == TXN_REFUND && t->line_count == 0)
        t->total = money_of(1 + number(50));
    bool negative = (office || kind == TXN_GRANT) && test_below(2);
    t->points = points_of(negative ? -1 - number(62) : 1 + number(61));
    t->redeemed = points_of(number(62));
    t->redeemed_value = money_of(t->total.minor / (1 + (int64_t)test_below(5)));
    if (kind == TXN_SALE || kind == TXN_CANCEL || kind == TXN_SETTLE || kind == TXN_LOAD)
        t->commit = (enum txn_commit)test_below(COMMIT_DOUBT + 1);
    bool held = t->commit == COMMIT_NONE && (kind == TXN_CANCEL || (kind == TXN_SALE && test_below(2)));
    if (held)
        t->redeemed = points_of(1 + number(61));
    if (held || kind == TXN_RELEASE)
        t->original = (struct entry_id){OFFICE_TERMINAL, 1 + test_below(UINT32_MAX)};
    else if (kind == TXN_CANCEL || kind == TXN_SETTLE || kind == TXN_REFUND || kind == TXN_LOAD ||
             kind == TXN_RATING || kind == TXN_CLAIM || (kind == TXN_GRANT && negative) ||
             (kind == TXN_SALE && t->commit != COMMIT_NONE) || (kind == TXN_INTENT && test_below(2)))
        t->original = (struct entry_id){1 + test_below(9999), 1 + test_below(UINT32_MAX)};
    if (t->commit == COMMIT_DONE || kind == TXN_INTENT || kind == TXN_LOAD_INTENT)
        evidence(t);
    else if (kind == TXN_CARD || kind == TXN_JOIN || test_below(2))
        uid(&t->card);
    if (kind == TXN_CARD) {
        t->card_kind = (enum card_kind)test_below(3);
        t->card_status = (enum card_status)(1 + (int)test_below(3));
        if (test_below(2))
            uid(&t->replaces);
    }
    t->day = (int32_t)test_random();
    if (kind == TXN_LOAD_INTENT)
        t->load = 1 + test_below(UINT32_MAX);
    if (uid_is(&t->card) && !txn_is_held(t) && (kind == TXN_SALE || kind == TXN_INTENT || kind == TXN_CANCEL) && test_below(2))
        t->piece = 1 + test_below(UINT32_MAX);
    newer(t);
    payment(t);
    decision(t);
}
