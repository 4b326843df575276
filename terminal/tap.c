/* tap.c - the card on the reader, one exchange a turn.
 *
 *   JOB_IDENTIFY  AT_CARD -> [AT_WITNESS] -> AT_IDENTIFY -> [AT_TAP -> [AT_LOAD -> AT_IDENTIFY]]
 *                         -> SALE_TAP
 *   JOB_DEBIT     [AT_CARD] -> AT_DEBIT -> SALE_CARD_READY, tap_commit -> SALE_CARD_DONE or _LOST
 *   JOB_SETTLE    AT_CARD -> AT_SETTLE -> SALE_SETTLED, or AT_CARD again
 *
 * What is in brackets is left out when there is nothing to do: AT_WITNESS without an INTENT in
 * doubt of this card, AT_TAP without a line, AT_LOAD without points to load, AT_CARD when the
 * session of the identification is still good.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/till.h"

#include "base/crash.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/log.h"

#include <stdio.h>
#include <string.h>

/* A reader that is away no longer than this is not worth a sentence: it may only be starting.  Nor is a card that is
 * read after all: it only came near slowly. */
enum { LOAD_EXCHANGE_MS = 1000, AWAY_MS = 1000, LEFT_MS = 400 };

static void drop_session(struct tap *p)
{
    card_finish(&p->op);
    p->session = false;
}

static void arm(struct till *t, bool fresh)
{
    struct errmsg why = {""};
    drop_session(&t->tap);
    t->tap.taken = false;
    t->tap.at = AT_CARD;
    if (t->reader && t->reader->ops->arm(t->reader, fresh, &why))
        till_tell(t, tr("The card reader does not listen: %s."), why.text);
}

void tap_end(struct till *t)
{
    drop_session(&t->tap);
    kind_finish(&t->tap.kind);
    if (t->reader && (t->tap.taken || t->tap.job != JOB_NONE))
        t->reader->ops->release(t->reader);
    t->tap.taken = false;
    t->tap.job = JOB_NONE;
    t->tap.asked = false;
}

/* AT_WITNESS, AT_DEBIT, AT_SETTLE; AT_IDENTIFY begins with known_begin. */
static void start_op(struct till *t, enum job_at at)
{
    struct tap *p = &t->tap;
    const struct card_till_keys *keys = &t->parts.identity->card;
    uint8_t random[CARD_RANDOM_SIZE];
    clock_random(random, sizeof random);
    p->at = at;
    if (at == AT_DEBIT)
        card_debit_start(&p->op, keys, &p->card.uid, random, p->amount, p->entry, clock_now_s());
    else if (at == AT_WITNESS)
        card_settle_start(&p->op, keys, &p->card.uid, random, t->witness.id, &t->witness.evidence);
    else
        card_settle_start(&p->op, keys, &p->card.uid, random, t->sale.intent, &t->sale.evidence);
    bytes_wipe(random, sizeof random);
    p->next = card_step(&p->op, bytes_of(NULL, 0));
}

void tap_begin(struct till *t, enum job job, int64_t deadline_ms)
{
    struct tap *p = &t->tap;
    p->job = job;
    p->deadline_ms = deadline_ms;
    p->again = p->loaded = p->asked = false;
    p->left_ms = 0;
    if (job == JOB_DEBIT && t->training) {
        p->at = AT_DEBIT; /* tap_turn does as if */
        return;
    }
    if (job == JOB_DEBIT && !p->second && p->session && p->taken &&
        uid_equal(&p->card.uid, &t->sale.card)) {
        start_op(t, AT_DEBIT); /* the identification's session goes on: half the exchanges */
        return;
    }
    arm(t, p->fresh || (job == JOB_SETTLE && p->told_all) || (job == JOB_DEBIT && p->second));
    p->fresh = p->told_all = false;
}

void tap_ask_typed(struct till *t)
{
    struct tap *p = &t->tap;
    tap_end(t);
    p->job = JOB_IDENTIFY;
    p->deadline_ms = INT64_MAX;
    p->loaded = p->known = false;
    p->told_s = 0;
    tap_ask_office(t);
}

/* The job is over; the card stays taken, for what may follow. */
static void finish(struct tap *p)
{
    p->job = JOB_NONE;
    p->asked = false;
}

static void refused(struct till *t, struct sale_event in)
{
    struct tap *p = &t->tap;
    in.kind = p->job == JOB_IDENTIFY ? SALE_TAP_REFUSED : SALE_CARD_FAILED;
    drop_session(p);
    finish(p);
    till_feed(t, in);
}

void tap_refused(struct till *t, enum card_status_word word, bool several)
{
    refused(t, (struct sale_event){.word = word, .several = several});
}

/* ---- a card came ---- */

/* Somebody's who works here: it says so, and is good for a login or an approval. */
static bool is_badge(struct till *t)
{
    struct tap *p = &t->tap;
    struct staff who;
    struct errmsg why = {""};
    if (!t->people.staffed || p->card.several || p->card.uid_size != 7 ||
        journal_staff_by_badge(t->journal, &p->card.uid, &who, &why))
        return false;
    p->told_all = true;
    finish(p);
    people_badge(t, &who);
    char say[160];
    snprintf(say, sizeof say, tr("This is the badge of %s."), who.name);
    ask_wait_over(t, "BADGE", say);
    return true;
}

static void found(struct till *t)
{
    struct tap *p = &t->tap;
    struct errmsg why = {""};
    p->taken = true;
    p->left_ms = 0;
    t->counts.taps++;
    if (p->job == JOB_IDENTIFY) { /* until then what head office told is of the sale's member, who is being thanked */
        p->known = false;
        p->told_s = 0;
    }
    if (p->job == JOB_IDENTIFY && is_badge(t))
        return;
    if (p->card.several) {
        p->told_all = true;
        tap_refused(t, CARD_LEFT, true);
        return;
    }
    if (p->job != JOB_IDENTIFY &&
        (p->card.uid_size != 7 || !uid_equal(&p->card.uid, &t->sale.card))) {
        if (p->job == JOB_SETTLE)
            arm(t, true); /* the wrong one must go first */
        till_feed(t, (struct sale_event){.kind = SALE_WRONG_CARD});
        return;
    }
    if (p->job == JOB_DEBIT) {
        p->second = false; /* it came again */
        start_op(t, AT_DEBIT);
        return;
    }
    if (p->job == JOB_SETTLE) {
        start_op(t, AT_SETTLE);
        return;
    }
    if (p->card.uid_size != 7) { /* no full card: no INTENT can be of it */
        known_begin(t);
        return;
    }
    struct buf entry = BUF_ON(t->entry);
    enum err e = t->training ? ERR_NOT_FOUND
                             : journal_doubtful_intent(t->journal, &p->card.uid, &entry, &why);
    if (till_read(&t->witness, e, &entry, &why) == OK)
        start_op(t, AT_WITNESS);
    else
        known_begin(t);
}

static void wait_for_card(struct till *t, int64_t now_ms)
{
    struct tap *p = &t->tap;
    struct errmsg why = {""};
    if (!t->reader) {
        tap_refused(t, CARD_LEFT, false);
        return;
    }
    enum err e = t->reader->ops->take(t->reader, &p->card, &why);
    p->reader_away = e == ERR_NO_DEVICE;
    if (p->reader_away && !p->away_ms)
        p->away_ms = now_ms;
    if (p->reader_away && !p->away_told && now_ms >= p->away_ms + AWAY_MS) {
        p->away_told = true;
        log_event("reader", "state=away");
        till_tell(t, tr("The card reader is away (%s). Plug it in again."), why.text);
    }
    if (!p->reader_away && p->away_told) {
        log_event("reader", "state=there");
        till_tell(t, tr("The card reader is there again."));
    }
    if (!p->reader_away) {
        p->away_ms = 0;
        p->away_told = false;
    }
    if (p->left_ms && now_ms >= p->left_ms + LEFT_MS && e != OK) {
        p->left_ms = 0;
        till_tell(t, "%s", tr("The card left before it was read. Hold it there until the screen speaks."));
    }
    if (e == OK)
        found(t);
    else if (now_ms >= p->deadline_ms)
        refused(t, (struct sale_event){.word = CARD_LEFT, .absent = true});
}

/* ---- head office at a tap ---- */

/* A card that is nobody's by its own word: whose head office, or this journal, says it is. */
static void whose(struct till *t, const struct card_seen *seen, bool remembered)
{
    struct tap *p = &t->tap;
    struct sale_facts *f = &t->facts;
    struct buf entry = BUF_ON(t->entry);
    struct errmsg why = {""};
    bool told = (p->known || remembered) && p->told.known;
    f->card_member = told ? p->told.member : 0;
    f->card_tier = told ? p->told.tier : NULL;
    f->joined = !seen->profile.member && !told &&
                journal_find_join(t->journal, &seen->uid, &entry, &why) == OK;
}

static void identified(struct till *t)
{
    struct tap *p = &t->tap;
    struct card_seen seen = p->op.seen;
    finish(p);
    if (p->shown.means != MEANS_CARD) {
        known_identified(t);
        return;
    }
    p->session = true;
    bool remembered = false;
    if (p->known && p->told.known)
        known_told(t, &seen.uid);
    else if (!p->known)
        remembered = known_remembered(t, &seen.uid);
    if (t->replacing) {
        ask_replace_with(t, &seen);
        return;
    }
    till_card_facts(t, &seen.uid, seen.profile.member);
    whose(t, &seen, remembered);
    t->facts.online = p->known;
    t->facts.held = p->known ? p->told.held : points_of(0);
    till_told_facts(t, p->known);
    if (p->known && p->told.known && p->told.card_status != CARD_ACTIVE)
        t->facts.hot = p->told.card_status;
    till_feed(t, (struct sale_event){.kind = SALE_TAP, .seen = &seen});
}

void tap_ask_office(struct till *t)
{
    struct tap *p = &t->tap;
    if (p->loaded || t->training || !uplink_is_up(t)) {
        identified(t);
        return;
    }
    p->at = AT_TAP;
    p->asked = false;
    p->ask_deadline_ms = clock_tick_ms() + TILL_ASK_MS;
}

static void ask(struct till *t, int64_t now_ms)
{
    struct tap *p = &t->tap;
    if (now_ms >= p->ask_deadline_ms || !uplink_is_up(t)) {
        tap_offline(t);
        return;
    }
    if (p->asked)
        return;
    struct wire_request r = {.ask = p->at == AT_TAP ? ASK_TAP : ASK_LOAD};
    if (p->at == AT_TAP && p->shown.means == MEANS_CARD) {
        r.tap.card = p->card.uid;
        r.tap.means = MEANS_CARD;
    } else if (p->at == AT_TAP) {
        r.tap.card = p->shown.card;
        r.tap.means = p->shown.means;
        r.tap.value = bytes_of(p->shown.value, p->shown.value_size);
    } else {
        r.load.card = p->card.uid;
        r.load.card_kind = p->op.seen.kind;
    }
    p->asked = uplink_ask(t, p->at == AT_TAP ? ASKED_TAP : ASKED_LOAD, &r,
                          (int32_t)(p->ask_deadline_ms - now_ms));
}

/* The line is slow or cut: go on without.  A load that was under way may have changed the card:
 * read it anew. */
void tap_offline(struct till *t)
{
    struct tap *p = &t->tap;
    if (p->job != JOB_IDENTIFY)
        return;
    if (p->at == AT_TAP) {
        p->known = false;
        p->loaded = true;
        identified(t);
    } else if (p->at == AT_LOAD) {
        p->known = false;
        p->loaded = true;
        drop_session(p);
        known_begin(t);
    }
}

static void carry(struct till *t, const struct wire_card_command *c)
{
    struct tap *p = &t->tap;
    uint8_t raw[READER_FRAME_MAX];
    struct buf rx = BUF_ON(raw);
    struct errmsg why = {""};
    int timeout_ms = c->timeout_ms > 0 && c->timeout_ms < LOAD_EXCHANGE_MS ? (int)c->timeout_ms
                                                                           : LOAD_EXCHANGE_MS;
    crash_point("before-load-exchange");
    enum err e = t->reader->ops->exchange(t->reader, c->frame, &rx, timeout_ms, &why);
    crash_point("after-load-exchange");
    struct wire_request r = {.ask = ASK_CARD_ANSWER};
    r.card_answer.lost = e != OK;
    if (!e)
        r.card_answer.frame = buf_bytes(&rx);
    int64_t rest_ms = p->ask_deadline_ms - clock_tick_ms();
    if (rest_ms <= 0 || !uplink_ask(t, ASKED_LOAD, &r, (int32_t)rest_ms))
        tap_offline(t);
}

void tap_answered(struct till *t, const struct wire_answer *a)
{
    struct tap *p = &t->tap;
    if (p->job != JOB_IDENTIFY || (p->at != AT_TAP && p->at != AT_LOAD))
        return; /* too late: nobody waits for it */
    if (p->at == AT_TAP && a->say == SAY_TAPPED) {
        p->known = true;
        p->told = a->tapped;
        p->loaded = true;
        if (!p->told.known || !p->told.load_due || p->shown.means != MEANS_CARD || t->replacing) {
            identified(t);
            return;
        }
        p->at = AT_LOAD;
        p->asked = false;
        p->ask_deadline_ms = clock_tick_ms() + TILL_LOAD_MS;
        card_finish(&p->op); /* head office opens its own session on the card */
        return;
    }
    if (p->at == AT_LOAD && a->say == SAY_CARD_COMMAND) {
        struct wire_card_command c = a->card_command;
        uint8_t frame[READER_FRAME_MAX];
        if (c.frame.size > sizeof frame) {
            tap_offline(t);
            return;
        }
        memcpy(frame, c.frame.data,
               c.frame.size); /* the answer's memory is reused by the next ask */
        c.frame.data = frame;
        carry(t, &c);
        return;
    }
    if (p->at == AT_LOAD && a->say == SAY_LOADED) {
        if (a->loaded.sentence[0])
            till_say(t, tr(a->loaded.sentence));
        if (!points_sub(&p->told.held, p->told.held,
                        a->loaded.change)) /* it lies on the card now */
            p->told.held = points_of(0);
        known_begin(t); /* what is on the card now, as the card says it */
        return;
    }
    if (a->say == SAY_REFUSED && p->at == AT_TAP && p->shown.means != MEANS_CARD) {
        finish(p); /* not genuine, or shown before: it identifies nobody */
        char say[WIRE_SENTENCE_SIZE + 40];
        snprintf(say, sizeof say, tr("Head office: %s"), tr(a->refused.sentence));
        ask_wait_over(t, "REFUSED", say);
        return;
    }
    if (a->say == SAY_REFUSED) {
        char say[WIRE_SENTENCE_SIZE + 40];
        snprintf(say, sizeof say, tr("Head office: %s"), tr(a->refused.sentence));
        till_say(t, say);
    }
    tap_offline(t);
}

/* ---- exchanges ---- */

static void lost(struct till *t)
{
    struct tap *p = &t->tap;
    bool stale =
        p->at == AT_DEBIT && p->session; /* the identification's session, tried first of all */
    bool doubt = p->at != AT_IDENTIFY && card_lost(&p->op);
    if (doubt) {
        drop_session(p);
        finish(p);
        till_feed(t, (struct sale_event){.kind = SALE_CARD_LOST});
    } else if (stale && !p->again) {
        p->again = true;
        arm(t, false);
        till_tell(t, "%s", tr("Hold the card there again."));
    } else if (p->job == JOB_IDENTIFY) {
        arm(t, false); /* it was pulled away, or only just came near: whoever waits goes on waiting */
        p->left_ms = clock_tick_ms();
    } else {
        tap_refused(t, CARD_LEFT, false);
    }
}

static void op_done(struct till *t)
{
    struct tap *p = &t->tap;
    struct txn_evidence evidence = p->op.evidence;
    int32_t purse = p->op.seen.purse;
    enum txn_commit verdict = p->op.verdict;
    switch (p->at) {
    case AT_WITNESS:
        till_feed(t, (struct sale_event){.kind = SALE_WITNESS,
                                         .txn = &t->witness,
                                         .verdict = verdict,
                                         .evidence = &evidence});
        drop_session(p);
        known_begin(t);
        return;
    case AT_IDENTIFY:
        if (p->kind.seen.means == MEANS_CARD)
            tap_ask_office(t);
        else
            known_otherwise(t);
        return;
    case AT_DEBIT:
        finish(p);
        drop_session(p);
        if (verdict == COMMIT_DONE)
            till_feed(t, (struct sale_event){.kind = SALE_CARD_DONE,
                                             .evidence = &evidence,
                                             .purse = evidence.purse_before - p->amount});
        else
            till_feed(t, (struct sale_event){.kind = SALE_CARD_LOST});
        return;
    case AT_SETTLE:
        finish(p);
        p->session = true;
        p->told_all = true;
        till_feed(t, (struct sale_event){.kind = SALE_SETTLED,
                                         .verdict = verdict,
                                         .evidence = &evidence,
                                         .purse = purse});
        return;
    case AT_CARD:
    case AT_TAP:
    case AT_LOAD:
        return;
    }
}

static void op_failed(struct till *t)
{
    struct tap *p = &t->tap;
    bool by_kind = p->at == AT_IDENTIFY;
    enum card_status_word word = by_kind ? p->kind.status : p->op.status;
    if (word == CARD_LEFT) {
        lost(t);
        return;
    }
    if (p->at == AT_WITNESS) { /* it will tell another time */
        drop_session(p);
        known_begin(t);
        return;
    }
    p->told_all = true; /* the same card, not moved, would say the same again */
    tap_refused(t, word, false);
}

/* What the operation says after its last step. */
static void follow(struct till *t, enum card_next next)
{
    struct tap *p = &t->tap;
    switch (next) {
    case CARD_SEND:
        return;
    case CARD_READY: {
        struct txn_evidence evidence = p->op.evidence;
        till_feed(t, (struct sale_event){.kind = SALE_CARD_READY, .evidence = &evidence});
        return;
    }
    case CARD_DONE:
        op_done(t);
        return;
    case CARD_FAILED:
        op_failed(t);
        return;
    }
}

/* In training the card is left as it is: each step says what a card would have said. */
static void pretend(struct till *t)
{
    struct tap *p = &t->tap;
    struct txn_evidence evidence = {.kind = CARD_EV2, .purse_before = t->sale.purse};
    if (t->sale.state == SALE_PREPARING) {
        till_feed(t, (struct sale_event){.kind = SALE_CARD_READY, .evidence = &evidence});
        return;
    }
    finish(p);
    till_feed(t, (struct sale_event){.kind = SALE_CARD_DONE,
                                     .evidence = &evidence,
                                     .purse = evidence.purse_before - p->amount});
}

void tap_commit(struct till *t)
{
    if (t->training)
        return;
    card_commit(&t->tap.op);
    t->tap.next = card_step(&t->tap.op, bytes_of(NULL, 0));
}

static void exchange(struct till *t)
{
    struct tap *p = &t->tap;
    if (t->training && p->job == JOB_DEBIT) {
        pretend(t);
        return;
    }
    bool by_kind = p->at == AT_IDENTIFY;
    uint8_t raw[KIND_ANSWER_MAX];
    struct buf rx = {.data = raw, .cap = by_kind ? KIND_ANSWER_MAX : CARD_ANSWER_MAX};
    struct errmsg why = {""};
    if (p->next == CARD_SEND) {
        t->counts.exchanges++;
        bool commit = t->sale.state == SALE_COMMITTING;
        if (commit)
            crash_point("before-commit");
        enum err e = t->reader->ops->exchange(
            t->reader, by_kind ? kind_frame(&p->kind) : card_frame(&p->op), &rx, READER_TIMEOUT_MS, &why);
        if (commit)
            crash_point("after-commit");
        if (e) {
            lost(t);
            return;
        }
        p->next = by_kind ? kind_step(&p->kind, buf_bytes(&rx)) : card_step(&p->op, buf_bytes(&rx));
        if (p->at == AT_DEBIT && p->next != CARD_FAILED)
            p->session = false; /* it is good: a later failure is no staleness */
    }
    follow(t, p->next);
}

bool tap_wants_card(const struct till *t)
{
    return t->reader && t->tap.job != JOB_NONE && t->tap.at == AT_CARD;
}

/* Waiting for a card: when is there something to do, or to say, although the reader is silent? */
static int64_t silence_due_ms(const struct till *t, int64_t now_ms)
{
    const struct tap *p = &t->tap;
    int64_t due = p->deadline_ms;
    bool wakes = t->reader && t->reader->ops->fd(t->reader) >= 0;
    if (!wakes && now_ms + TILL_POLL_MS < due)
        due = now_ms + TILL_POLL_MS;
    if (p->away_ms && !p->away_told && p->away_ms + AWAY_MS < due)
        due = p->away_ms + AWAY_MS;
    if (p->left_ms && p->left_ms + LEFT_MS < due)
        due = p->left_ms + LEFT_MS;
    return due;
}

int64_t tap_due_ms(const struct till *t, int64_t now_ms)
{
    const struct tap *p = &t->tap;
    if (p->job == JOB_NONE)
        return INT64_MAX;
    switch (p->at) {
    case AT_CARD:
        return silence_due_ms(t, now_ms);
    case AT_TAP:
    case AT_LOAD: /* at once when the line is free; else it tells when it is */
        return !p->asked && t->up.asked == ASKED_NOTHING ? now_ms : p->ask_deadline_ms;
    case AT_WITNESS:
    case AT_IDENTIFY:
    case AT_DEBIT:
    case AT_SETTLE:
        return now_ms;
    }
    return now_ms;
}

void tap_turn(struct till *t, int64_t now_ms)
{
    struct tap *p = &t->tap;
    if (p->job == JOB_NONE)
        return;
    switch (p->at) {
    case AT_CARD:
        wait_for_card(t, now_ms);
        return;
    case AT_TAP:
    case AT_LOAD:
        ask(t, now_ms);
        return;
    case AT_WITNESS:
    case AT_IDENTIFY:
    case AT_DEBIT:
    case AT_SETTLE:
        exchange(t);
        return;
    }
}
