/* people.c - who is at the till: logging in, what a supervisor allows, what a shift came to, bills put aside.
 * Head office names the people (journal_staff); without any, nobody has to log in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"
#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/till.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- PINs and badges ---- */

/* After some wrong PINs whoever tries waits: ten thousand are soon tried otherwise. */
static bool may_try(struct till *t, struct asker *a, int64_t now_ms)
{
    struct people *p = &t->people;
    if (p->wrong < TILL_PIN_TRIES || now_ms >= p->wait_until_ms)
        return true;
    ask_refuse(t, a, "WAIT", tr("Too many wrong PINs. Try again in %d seconds."),
               (int)((p->wait_until_ms - now_ms + 999) / 1000));
    return false;
}

static void wrong_pin(struct till *t, struct asker *a)
{
    struct people *p = &t->people;
    if (++p->wrong >= TILL_PIN_TRIES)
        p->wait_until_ms = clock_tick_ms() + TILL_PIN_WAIT_MS;
    ask_refuse(t, a, "AUTH", "%s", tr("Number and PIN do not belong together."));
}

void people_badge(struct till *t, const struct staff *who)
{
    t->people.badge = who->id;
    t->people.badge_ms = clock_tick_ms();
}

/* By number and PIN, or by the badge that was on the reader a moment ago.  False: refused and said. */
static bool proven(struct till *t, struct asker *a, const struct command *c, struct staff *who)
{
    struct people *p = &t->people;
    struct errmsg why = {""};
    int64_t now_ms = clock_tick_ms();
    if (c->staff == 0) {
        bool fresh = p->badge && now_ms - p->badge_ms < TILL_BADGE_MS;
        if (fresh && journal_staff(t->journal, p->badge, who, &why) == OK) {
            p->badge = 0; /* for one thing only */
            return true;
        }
        ask_refuse(t, a, "AUTH", "%s", tr("Hold the badge to the reader first, or give number and PIN."));
        return false;
    }
    if (!may_try(t, a, now_ms))
        return false;
    bool there = journal_staff(t->journal, c->staff, who, &why) == OK;
    if (!there)
        memset(who, 0, sizeof *who); /* a number that is nobody's takes as long */
    if (!pin_matches(&who->pin, c->pin ? c->pin : "") || !there) {
        wrong_pin(t, a);
        return false;
    }
    p->wrong = 0;
    return true;
}

/* ---- the shift ---- */

/* Other kinds are not what a cashier does. */
static void count(struct view_shift *s, const struct txn *e)
{
    bool fits = true; /* nothing that does not comes as far as a journal */
    if (e->kind == TXN_SALE) {
        s->sales++;
        fits = money_add(&s->sold, s->sold, e->total) && money_add(&s->by_points, s->by_points, e->redeemed_value) &&
               points_add(&s->earned, s->earned, e->points) && points_add(&s->redeemed, s->redeemed, txn_redeemed(e));
    } else if (e->kind == TXN_REFUND) {
        struct money due;
        s->refunds++;
        fits = !money_sub(&due, e->total, e->redeemed_value) || money_add(&s->given_back, s->given_back, due);
    } else if (e->kind == TXN_GRANT) {
        s->grants++;
        fits = points_add(&s->granted, s->granted, e->points);
    } else if (e->kind == TXN_JOIN) {
        s->joins++;
    } else if (e->kind == TXN_RATING) {
        s->ratings[e->rating - 1]++;
    }
    s->there = s->there && fits;
}

void people_journalled(struct till *t, const struct txn *e)
{
    if (t->people.cashier.id && e->cashier == t->people.cashier.id)
        count(&t->people.shift, e);
}

enum { SHIFT_SIZE = 16 }; /* 0 4 cashier, 4 4 first entry, 8 8 since */

static void save_shift(struct till *t)
{
    struct people *p = &t->people;
    uint8_t raw[SHIFT_SIZE];
    struct errmsg why = {""};
    put_le(raw, p->shift_of, 4);
    put_le(raw + 4, p->shift_seq, 4);
    put_le(raw + 8, (uint64_t)p->shift.since_s, 8);
    if (journal_save(t->journal, "shift", bytes_of(raw, sizeof raw), &why))
        till_tell(t, tr("The journal: %s."), why.text);
}

/* What the journal holds of this shift: after a restart, or when its cashier is back. */
static void recount(struct till *t)
{
    struct people *p = &t->people;
    struct errmsg why = {""};
    p->shift = (struct view_shift){.there = true, .since_s = p->shift.since_s};
    for (uint32_t seq = p->shift_seq; seq < journal_next_seq(t->journal); seq++) {
        struct buf entry = BUF_ON(t->entry);
        enum err e = journal_get(t->journal, seq, &entry, &why);
        if (till_read(&t->earlier, e, &entry, &why)) {
            till_tell(t, tr("The journal: %s."), why.text);
            return;
        }
        if (t->earlier.cashier == p->shift_of)
            count(&p->shift, &t->earlier);
    }
}

/* ---- bills put aside: settings parked-1 and on, each a SALE that was not made ---- */

static const char *slot_name(char out[24], int32_t number)
{
    snprintf(out, 24, "parked-%d", (int)number);
    return out;
}

/* The bill in a slot, into t->earlier.  ERR_NOT_FOUND: it is empty. */
static enum err load_slot(struct till *t, int32_t number, struct errmsg *why)
{
    char name[24];
    struct buf b = BUF_ON(t->entry);
    enum err e = journal_load(t->journal, slot_name(name, number), &b, why);
    if (!e && b.size == 0)
        e = ERR_NOT_FOUND;
    return till_read(&t->earlier, e, &b, why);
}

static void note_slot(struct till *t, int32_t number, const struct txn *bill)
{
    struct view_parked *v = &t->people.parked[number - 1];
    *v = (struct view_parked){.number = bill ? number : 0};
    if (!bill)
        return;
    v->member = bill->member;
    v->total = bill->total;
    v->time_s = bill->time_s;
}

static void find_parked(struct till *t)
{
    struct errmsg why = {""};
    for (int32_t n = 1; n <= VIEW_PARKED_MAX; n++)
        note_slot(t, n, load_slot(t, n, &why) == OK ? &t->earlier : NULL);
}

/* ---- start ---- */

void people_open(struct till *t)
{
    struct people *p = &t->people;
    uint8_t raw[SHIFT_SIZE];
    struct buf b = BUF_ON(raw);
    struct errmsg why = {""};
    p->staffed = journal_staff_count(t->journal) > 0;
    find_parked(t);
    if (journal_load(t->journal, "shift", &b, &why) || b.size != sizeof raw)
        return;
    p->shift_of = (uint32_t)get_le(raw, 4);
    p->shift_seq = (uint32_t)get_le(raw + 4, 4);
    p->shift.since_s = (int64_t)get_le(raw + 8, 8);
}

/* ---- in and out ---- */

static void log_out(struct till *t)
{
    memset(&t->people.cashier, 0, sizeof t->people.cashier);
    t->people.approver = NULL;
    t->people.badge = 0;
    t->people.gone = false;
}

static bool sale_in_hand(struct till *t, struct asker *a)
{
    if (sale_is_idle(&t->sale))
        return false;
    ask_refuse(t, a, "STATE", "%s", tr("A sale is open: pay, cancel or put it aside first."));
    return true;
}

void people_login(struct till *t, struct asker *a, const struct command *c)
{
    struct people *p = &t->people;
    struct staff who;
    if (!t->people.staffed) {
        ask_refuse(t, a, "STATE", "%s", tr("Head office has named nobody for this till: nobody has to log in."));
        return;
    }
    if (sale_in_hand(t, a) || !proven(t, a, c, &who))
        return;
    log_out(t);
    p->cashier = who;
    if (p->shift_of != who.id) { /* else it goes on where a restart or a pause left it */
        p->shift_of = who.id;
        p->shift_seq = journal_next_seq(t->journal);
        p->shift.since_s = clock_now_s();
        save_shift(t);
    }
    recount(t);
    if (*who.language)
        tr_use(who.language);
    ask_fine(t, a, who.role == STAFF_SUPERVISOR ? tr("%s is logged in, as a supervisor.") : tr("%s is logged in."),
             who.name);
}

void people_logout(struct till *t, struct asker *a)
{
    struct people *p = &t->people;
    if (!p->cashier.id) {
        ask_refuse(t, a, "STATE", "%s", tr("Nobody is logged in."));
        return;
    }
    if (sale_in_hand(t, a))
        return;
    log_out(t);
    p->shift_of = 0;
    save_shift(t);
    ask_fine(t, a, "%s", tr("Logged out; the shift is over."));
}

/* Head office changed who works here: who is gone is gone now, limits and roles are the new ones. */
void people_changed(struct till *t)
{
    struct people *p = &t->people;
    struct staff now;
    struct errmsg why = {""};
    p->staffed = journal_staff_count(t->journal) > 0;
    if (!p->cashier.id)
        return;
    if (journal_staff(t->journal, p->cashier.id, &now, &why) == OK)
        p->cashier = now;
    else
        p->gone = true;
}

/* The sale in hand was still theirs. */
void people_settle(struct till *t)
{
    if (t->people.gone && sale_is_idle(&t->sale))
        log_out(t);
}

void people_shift(struct till *t, struct asker *a)
{
    if (!t->people.cashier.id)
        ask_refuse(t, a, "STATE", "%s", tr("Nobody is logged in."));
    else
        ask_fine(t, a, "%s", "");
}

/* ---- what a supervisor allows ---- */

void people_approve(struct till *t, struct asker *a, const struct command *c)
{
    struct people *p = &t->people;
    struct staff who;
    if (!t->people.staffed) {
        ask_refuse(t, a, "STATE", "%s", tr("Head office has named nobody for this till who could allow it."));
        return;
    }
    if (!proven(t, a, c, &who))
        return;
    if (who.role != STAFF_SUPERVISOR) {
        ask_refuse(t, a, "AUTH", tr("%s is no supervisor."), who.name);
        return;
    }
    p->approver = a;
    p->approved_by = who.id;
    ask_fine(t, a, tr("%s allows what is asked next."), who.name);
}

/* Once: whatever becomes of what is asked now. */
uint32_t people_take_approval(struct till *t, const struct asker *a)
{
    struct people *p = &t->people;
    if (p->approver != a)
        return 0;
    p->approver = NULL;
    return p->approved_by;
}

void people_left(struct till *t, const struct asker *a)
{
    if (t->people.approver == a)
        t->people.approver = NULL;
}

bool people_may(struct till *t, struct asker *a, uint32_t approved_by, const char *what)
{
    const struct staff *c = &t->people.cashier;
    if (!t->people.staffed || approved_by || (c->id && c->role == STAFF_SUPERVISOR))
        return true;
    ask_refuse(t, a, "NEEDS_APPROVAL", "%s", what);
    return false;
}

void people_facts(struct till *t, struct sale_facts *f)
{
    const struct staff *c = &t->people.cashier;
    f->cashier = c->id;
    f->supervisor = c->id && c->role == STAFF_SUPERVISOR;
    f->staffed = t->people.staffed;
    f->refund_limit = money_of(TILL_REFUND_ALONE);
}

void people_grant_facts(struct till *t, struct sale_facts *f)
{
    const struct staff *c = &t->people.cashier;
    int32_t today = day_of_time(f->now_s);
    f->grant_limit = c->grant_limit;
    if (!points_sub(&f->grant_left, c->grant_day_limit, journal_granted(t->journal, c->id, today)) ||
        points_n(f->grant_left) < 0)
        f->grant_left = points_of(0);
    f->granted_today = journal_granted(t->journal, 0, today);
}

/* ---- putting a bill aside ---- */

void people_park(struct till *t, struct asker *a)
{
    char name[24];
    struct errmsg why = {""};
    struct buf b = BUF_ON(t->entry);
    int32_t n = 1;
    while (n <= VIEW_PARKED_MAX && t->people.parked[n - 1].number)
        n++;
    if (t->training) {
        ask_refuse(t, a, "STATE", "%s", tr("In training no bill is put aside: pay or cancel it."));
        return;
    }
    if (n > VIEW_PARKED_MAX) {
        ask_refuse(t, a, "FULL", tr("%d bills are put aside already: take one up first."), VIEW_PARKED_MAX);
        return;
    }
    if (sale_can_park(&t->sale)) {
        till_facts(t);
        sale_parked(&t->earlier, &t->sale, &t->facts);
        enum err e = wire_encode_txn(&b, &t->earlier, &why);
        crash_point("before-park");
        if (!e)
            e = journal_save(t->journal, slot_name(name, n), buf_bytes(&b), &why);
        if (e) {
            ask_refuse(t, a, "IO", "%s", tr("The bill could not be put aside; it is still open."));
            return;
        }
        crash_point("after-park");
        note_slot(t, n, &t->earlier);
        t->people.parked_last = n;
    }
    till_feed(t, (struct sale_event){.kind = SALE_PARK, .number = n});
}

void people_resume(struct till *t, struct asker *a, const struct command *c)
{
    char name[24];
    struct errmsg why = {""};
    bool there = c->number >= 1 && c->number <= VIEW_PARKED_MAX &&
                 load_slot(t, c->number, &why) == OK && !t->training;
    if (!there) {
        ask_refuse(t, a, "NOT_FOUND", tr("No bill %d is put aside."), (int)c->number);
        return;
    }
    till_feed(t, (struct sale_event){.kind = SALE_TAKE_UP, .txn = &t->earlier});
    if (t->out.answer != SALE_OK)
        return;
    crash_point("before-taken-up");
    if (journal_save(t->journal, slot_name(name, c->number), bytes_of(NULL, 0), &why))
        till_tell(t, tr("The journal: %s."), why.text);
    note_slot(t, c->number, NULL);
}
