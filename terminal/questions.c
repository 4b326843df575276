/* questions.c - what head office is asked for somebody who waits here: to set points aside, to make a member
 * known by name, to put a new card in the place of a lost one.  One at a time, and nothing of it is waited for
 * beyond its deadline: the question is put when the line is free, and an answer that comes too late is dropped.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/till.h"

#include <stdio.h>
#include <string.h>

static enum question kind_of(enum wire_ask ask)
{
    return ask == ASK_HOLD ? ASKED_HOLD : ask == ASK_PERSON ? ASKED_PERSON : ASKED_REPLACE;
}

static void over(struct till *t)
{
    bytes_wipe(&t->question, sizeof t->question); /* a PIN, or a name */
}

void question_put(struct till *t, const struct wire_request *r)
{
    t->question.open = true;
    t->question.asked = false;
    t->question.request = *r;
    t->question.deadline_ms = clock_tick_ms() + TILL_QUESTION_MS;
}

void question_hold(struct till *t)
{
    const struct sale *s = &t->sale;
    struct wire_request r = {.ask = ASK_HOLD};
    r.hold.member = s->member;
    r.hold.points = sale_asks(s);
    r.hold.means = s->means;
    r.hold.card = s->means == MEANS_CARD ? s->card : t->by.card;
    r.hold.value = bytes_of(t->by.value, t->by.value_size);
    r.hold.approved_by = s->approved_by;
    memcpy(r.hold.reward, s->wanted_reward, sizeof r.hold.reward);
    snprintf(r.hold.name, sizeof r.hold.name, "%s", s->hold_name);
    if (t->pin && strlen(t->pin) < sizeof r.hold.pin)
        strcpy(r.hold.pin, t->pin);
    question_put(t, &r);
    bytes_wipe(&r, sizeof r);
}

/* In training head office is not asked, and has everything. */
static void pretend(struct till *t)
{
    over(t);
    till_feed(t, (struct sale_event){.kind = SALE_HELD,
                                     .receipt = {OFFICE_TERMINAL, 1},
                                     .points = sale_asks(&t->sale),
                                     .until_s = clock_now_s() + 900});
}

/* Not put, or put and not answered. */
static void unanswered(struct till *t)
{
    bool asked = t->question.asked;
    enum wire_ask ask = t->question.request.ask;
    over(t);
    if (ask == ASK_HOLD)
        till_feed(t, (struct sale_event){.kind = asked ? SALE_HOLD_LOST : SALE_HOLD_REFUSED,
                                         .absent = !asked,
                                         .text = tr("the line is cut.")});
    else
        ask_wait_over(t, asked ? "NO_ANSWER" : "NO_LINE",
                      asked ? tr("Head office did not answer. Ask again.")
                            : tr("This needs the line to head office, and it is cut."));
}

void question_turn(struct till *t, int64_t now_ms)
{
    struct question_out *q = &t->question;
    if (!q->open)
        return;
    if (t->training)
        pretend(t);
    else if (!uplink_is_up(t) || now_ms >= q->deadline_ms)
        unanswered(t);
    else if (!q->asked && t->up.asked == ASKED_NOTHING)
        q->asked = uplink_ask(t, kind_of(q->request.ask), &q->request, (int32_t)(q->deadline_ms - now_ms));
}

int64_t question_due_ms(const struct till *t, int64_t now_ms)
{
    const struct question_out *q = &t->question;
    if (!q->open)
        return INT64_MAX;
    bool at_once = t->training || !uplink_is_up(t) || (!q->asked && t->up.asked == ASKED_NOTHING);
    return at_once ? now_ms : q->deadline_ms;
}

void question_dropped(struct till *t)
{
    if (t->question.open && t->question.asked)
        unanswered(t);
}

void question_forget(struct till *t)
{
    over(t);
}

void question_answered(struct till *t, const struct wire_answer *a)
{
    enum wire_ask ask = t->question.request.ask;
    char sentence[WIRE_SENTENCE_SIZE];
    if (!t->question.open || !t->question.asked)
        return; /* nobody waits for this one any more */
    over(t);
    if (ask == ASK_HOLD && a->say == SAY_HELD) {
        till_feed(t, (struct sale_event){.kind = SALE_HELD,
                                         .receipt = {OFFICE_TERMINAL, a->held.seq},
                                         .points = a->held.points,
                                         .until_s = a->held.until_s});
        return;
    }
    bool done = ask != ASK_HOLD && a->say == SAY_DONE;
    snprintf(sentence, sizeof sentence, "%s",
             done                    ? tr(a->done.sentence)
             : a->say == SAY_REFUSED ? tr(a->refused.sentence)
                                     : tr("Head office answers something else."));
    if (ask == ASK_HOLD)
        till_feed(t, (struct sale_event){.kind = SALE_HOLD_REFUSED, .text = sentence});
    else
        ask_wait_over(t, done ? NULL : "REFUSED", sentence);
}
