/* card.c - see card.h.  A plan is a list of steps; a step is one command, or a thought between two.
 *
 * card_step takes the answer to the step that waits, then goes along the plan until a step has a
 * frame to send, the caller has to decide (READY), or the plan is through.  The steps' rows (card_steps.c,
 * card_issue.c) say what to send and what to make of the answer; everything that reads an answer there has
 * had its length, status and MAC checked in take_answer.  SPEC.md section 11 lists the plans byte by byte.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/card_int.h"

#include "base/tr.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const uint8_t plan_identify[] = {SELECT, AUTH, AUTH_REPLY, PROFILE, VALUE, END};
static const uint8_t plan_debit[] = {SELECT, AUTH,   AUTH_REPLY, PROFILE, VALUE,  COUNTER, PREPARE,
                                     CHANGE, RECORD, READER,     READY,   COMMIT, END};
static const uint8_t plan_settle[] = {SELECT,  AUTH, AUTH_REPLY, PROFILE, VALUE,
                                      COUNTER, LOG,  VERDICT,    END};
static const uint8_t plan_load[] = {SELECT, AUTH, AUTH_REPLY, PROFILE, VALUE, COUNTER, LOG, READY,
                                    /* card_load_set has said what to do */
                                    PREPARE, RECORD, READER, CREDIT_AUTH, CREDIT_AUTH_REPLY,
                                    WRITE_PROFILE, CHANGE, READY, COMMIT, END};
static const uint8_t plan_issue[] = {
    SELECT_PICC, VERSION, CREATE_APPLICATION, SELECT, BLANK_AUTH, AUTH_REPLY, CREATE_MEMBER,
    WRITE_MEMBER, CREATE_PROFILE, CREATE_PURSE, CREATE_LOG, CREATE_TMAC, CHANGE_KEY_1, CHANGE_KEY_2,
    CHANGE_KEY_3,
    /* the first commit, a load of nothing: it shows that keys and files work */
    AUTH, AUTH_REPLY, VALUE, FIRST_COUNT, PREPARE, RECORD, READER, CREDIT_AUTH, CREDIT_AUTH_REPLY,
    WRITE_PROFILE, COMMIT,
    /* the master key last: as long as it is zeros the card counts as unfinished */
    BLANK_AUTH, AUTH_REPLY, CHANGE_KEY_0, END,
    /* taken when CreateApplication finds an unfinished one */
    SELECT, BLANK_AUTH, AUTH_REPLY, DELETE, CREATE_AGAIN};
enum { DEBIT_RESUME_AT = 5 };

static const uint8_t *const plans[] = {
    [PLAN_IDENTIFY] = plan_identify, [PLAN_DEBIT] = plan_debit, [PLAN_SETTLE] = plan_settle,
    [PLAN_LOAD] = plan_load,         [PLAN_ISSUE] = plan_issue,
};

const char *card_status_text(enum card_status_word s)
{
    switch (s) {
    case CARD_OK:
        return tr("ok");
    case CARD_NOT_OURS:
        return tr("not a card of this programme");
    case CARD_BAD_KEY:
        return tr("the card does not know our keys");
    case CARD_BAD_ANSWER:
        return tr("the card answers wrongly");
    case CARD_TOO_LITTLE:
        return tr("too few points on the card");
    case CARD_LIMIT:
        return tr("more points than the card may hold");
    case CARD_LEFT:
        return tr("the card was taken away too soon");
    case CARD_ISSUED_ALREADY:
        return tr("the card is issued already");
    case CARD_NO_ROOM:
        return tr("no room left on the card");
    case CARD_PHONE:
        return tr("a phone, or a card with another number at every tap");
    case CARD_PHONE_LOCKED:
        return tr("the phone wants to be unlocked first");
    }
    return "?";
}

/* ---- ways out ---- */

static void end(struct card_op *op, enum card_next how)
{
    op->ended = true;
    op->waiting = false;
    op->end = how;
}

void card_fail(struct card_op *op, enum card_status_word status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(op->why.text, sizeof op->why.text, format, args);
    va_end(args);
    op->status = status;
    op->session.kind = CARD_NONE;
    if (op->commit_sent) {
        op->verdict = COMMIT_DOUBT;
        end(op, CARD_DONE);
    } else {
        end(op, CARD_FAILED);
    }
}

void card_jump(struct card_op *op, uint8_t to)
{
    op->at = to;
    op->jumped = true;
}

static enum step_id step_at(const struct card_op *op)
{
    return (enum step_id)plans[op->plan][op->at];
}

static const struct step *step_of(enum step_id id)
{
    return card_steps[id].doing ? &card_steps[id] : &card_issue_steps[id];
}

/* ---- the engine ---- */

static void refuse(struct card_op *op, const struct step *step, unsigned status)
{
    if (op->resumed) {
        card_fail(op, CARD_LEFT, "the card was taken away after it was read (%s)",
                  frame_status_text(status));
        return;
    }
    if (step->refused && step->refused(op, status))
        return;
    enum card_status_word word = CARD_BAD_ANSWER;
    switch (status) {
    case FRAME_STATUS_ISO:
        word = op->session.kind == CARD_NONE ? CARD_NOT_OURS : CARD_BAD_ANSWER;
        break;
    case FRAME_STATUS_NO_APPLICATION:
        word = CARD_NOT_OURS;
        break;
    case FRAME_STATUS_AUTHENTICATION:
    case FRAME_STATUS_NO_KEY:
        word = CARD_BAD_KEY;
        break;
    case FRAME_STATUS_NO_ROOM:
        word = CARD_NO_ROOM;
        break;
    default:
        break;
    }
    card_fail(op, word, "the card refused %s: %s", step->doing, frame_status_text(status));
}

/* The one gate every answer passes: length, status, MAC, and only then its meaning. */
static enum card_next take_answer(struct card_op *op, struct bytes answer)
{
    const struct step *step = step_of(step_at(op));
    uint8_t raw[CARD_REPLY_MAX];
    struct buf plain = BUF_ON(raw);
    if (answer.size > CARD_ANSWER_MAX) {
        card_fail(op, CARD_BAD_ANSWER, "an answer of %zu bytes while %s", answer.size, step->doing);
        return op->end;
    }
    op->chain.params.data = op->body; /* op may have been moved since */
    op->chain.answer.data = op->reply;
    enum frame_next next = frame_take(&op->chain, answer);
    if (next == FRAME_MORE)
        return CARD_SEND;
    op->waiting = false;
    if (next == FRAME_BAD) {
        card_fail(op, CARD_BAD_ANSWER, "malformed answers while %s", step->doing);
        return op->end;
    }
    unsigned status = op->chain.status;
    if (status != FRAME_STATUS_OK && !(op->chain.whole && status == FRAME_STATUS_MORE)) {
        refuse(op, step, status);
        return op->ended ? op->end : CARD_READY;
    }
    struct bytes data = buf_bytes(&op->chain.answer);
    if (op->secure) {
        size_t size = op->expected == SIZE_MAX ? 1 : op->expected;
        enum err e = session_answer(&op->session, (uint8_t)status, data, op->comm, size, &plain);
        data = buf_bytes(&plain);
        if (e || (op->expected != SIZE_MAX && data.size != op->expected)) {
            card_fail(op, op->resumed ? CARD_LEFT : CARD_BAD_ANSWER,
                      "the card's answer does not verify while %s: %s", step->doing,
                      e ? err_text(e) : "wrong length");
            bytes_wipe(raw, sizeof raw);
            return op->end;
        }
    }
    op->resumed = false;
    step->take(op, data);
    bytes_wipe(raw, sizeof raw);
    return op->ended ? op->end : CARD_READY;
}

static enum card_next send_frame(struct card_op *op)
{
    struct buf out = BUF_ON(op->frame.data);
    op->chain.params.data = op->body;
    frame_next(&op->chain, &out);
    assert(!out.full);
    op->frame.size = out.size;
    op->waiting = true;
    return CARD_SEND;
}

static void follow(struct card_op *op)
{
    if (!op->jumped)
        op->at++;
    op->jumped = false;
}

/* Goes along the plan to the next thing the world has to do. */
static enum card_next advance(struct card_op *op)
{
    for (;; follow(op)) {
        enum step_id id = step_at(op);
        const struct step *step = step_of(id);
        if (id == END) {
            end(op, CARD_DONE);
            return CARD_DONE;
        }
        if (id == READY) {
            op->paused = true;
            return CARD_READY;
        }
        if (step->skip && step->skip(op))
            continue;
        if (!step->think) {
            step->send(op);
            return send_frame(op);
        }
        step->think(op);
        if (op->ended)
            return op->end;
    }
}

enum card_next card_step(struct card_op *op, struct bytes answer)
{
    assert(op->plan != PLAN_NONE);
    if (op->ended)
        return op->end;
    if (op->paused)
        return CARD_READY;
    if (op->waiting) {
        enum card_next next = take_answer(op, answer);
        if (op->ended)
            return op->end;
        if (next == CARD_SEND)
            return send_frame(op);
        follow(op);
    }
    return advance(op);
}

static void go_on(struct card_op *op)
{
    assert(op->paused);
    op->paused = false;
    op->at++;
}

void card_commit(struct card_op *op)
{
    assert(step_at(op) == READY);
    assert(plans[op->plan][op->at + 1] == COMMIT);
    if (!op->ended)
        go_on(op);
}

bool card_lost(struct card_op *op)
{
    if (op->ended)
        return op->end == CARD_DONE && op->verdict == COMMIT_DOUBT && op->plan != PLAN_SETTLE;
    bool doubt = op->commit_sent;
    card_fail(op, CARD_LEFT, "the card left the field%s",
              doubt ? " while it was committing" : " before anything was changed");
    return doubt;
}

void card_finish(struct card_op *op)
{
    bytes_wipe(op->keys, sizeof op->keys);
    bytes_wipe(op->random, sizeof op->random);
    bytes_wipe(&op->session, sizeof op->session);
    bytes_wipe(&op->auth, sizeof op->auth);
    bytes_wipe(op->body, sizeof op->body);
    bytes_wipe(op->reply, sizeof op->reply);
    if (!op->ended)
        end(op, CARD_FAILED);
}

/* ---- beginnings ---- */

static void begin(struct card_op *op, enum card_plan plan, const struct card_scheme *scheme,
                  const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    struct card_uid copy = *uid; /* may lie in op */
    memset(op, 0, sizeof *op);
    op->plan = plan;
    op->scheme = *scheme;
    op->seen.uid = copy;
    memcpy(op->random, random, CARD_RANDOM_SIZE);
}

static void begin_till(struct card_op *op, enum card_plan plan, const struct card_till_keys *keys,
                       const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    begin(op, plan, &keys->scheme, uid, random);
    layout_diversify(&op->scheme, &op->seen.uid, KEY_TILL, &keys->k2, &op->keys[KEY_TILL]);
}

static void begin_office(struct card_op *op, enum card_plan plan,
                         const struct card_office_keys *keys, const struct card_uid *uid,
                         const uint8_t random[CARD_RANDOM_SIZE])
{
    begin(op, plan, &keys->scheme, uid, random);
    const struct aes_key *masters[] = {&keys->k0, &keys->k1, &keys->k2, &keys->k3, &keys->tmac};
    for (int i = 0; i < CARD_KEY_COUNT; i++)
        layout_diversify(&op->scheme, &op->seen.uid, i, masters[i], &op->keys[i]);
}

void card_identify_start(struct card_op *op, const struct card_till_keys *keys,
                         const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    begin_till(op, PLAN_IDENTIFY, keys, uid, random);
}

/* Identified, or settled as not done, and still talking to the same card. */
static bool can_resume(const struct card_op *op, const struct card_uid *uid)
{
    bool read = op->plan == PLAN_IDENTIFY ||
                (op->plan == PLAN_SETTLE && op->verdict == COMMIT_NOT_DONE && !op->log_empty);
    return read && op->ended && op->end == CARD_DONE && op->session.kind != CARD_NONE &&
           uid_equal(&op->seen.uid, uid);
}

void card_debit_start(struct card_op *op, const struct card_till_keys *keys,
                      const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                      int32_t amount, struct entry_id entry, int64_t time_s)
{
    assert(amount > 0);
    assert(entry_is(entry));
    if (can_resume(op, uid)) {
        op->plan = PLAN_DEBIT;
        op->at = DEBIT_RESUME_AT;
        op->ended = false;
        op->resumed = true;
        op->verdict = COMMIT_NONE;
    } else {
        begin_till(op, PLAN_DEBIT, keys, uid, random);
    }
    op->change = -amount;
    op->entry = entry;
    op->time_s = time_s;
    op->type = 'D';
}

void card_settle_start(struct card_op *op, const struct card_till_keys *keys,
                       const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                       struct entry_id intent, const struct txn_evidence *evidence)
{
    struct txn_evidence asked = *evidence; /* may lie in op */
    begin_till(op, PLAN_SETTLE, keys, uid, random);
    op->asked = asked;
    op->entry = intent;
}

void card_load_start(struct card_op *op, const struct card_office_keys *keys,
                     const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    begin_office(op, PLAN_LOAD, keys, uid, random);
    op->type = 'L';
}

void card_load_set(struct card_op *op, int32_t delta, const struct card_profile *profile,
                   struct entry_id entry, int64_t time_s)
{
    assert(op->plan == PLAN_LOAD);
    assert(!op->is_set);
    assert(entry_is(entry));
    if (op->ended)
        return;
    op->is_set = true;
    op->change = delta;
    op->profile = *profile;
    op->entry = entry;
    op->time_s = time_s;
    go_on(op);
}

void card_issue_start(struct card_op *op, const struct card_office_keys *keys,
                      const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                      const struct card_profile *profile, int32_t purse_limit)
{
    struct card_profile copy = *profile; /* may lie in op */
    assert(purse_limit > 0);
    begin_office(op, PLAN_ISSUE, keys, uid, random);
    op->profile = copy;
    op->purse_limit = purse_limit;
    op->type = 'I';
}
