/* server.c - see server.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/server.h"
#include "base/tr.h"

#include "base/crash.h"
#include "base/date.h"
#include "hw/clock.h"
#include "hw/poll.h"
#include "office/ca.h"
#include "office/members/clerk.h"
#include "office/members/people.h"
#include "sync/code.h"
#include "sync/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUESTS_PER_TURN = 8,  /* of one connection, then the others have their go */
    ACCEPTS_PER_TURN = 16,
    EXCHANGE_MS = 500,      /* what a till gives the card */
    TURN_MS = 1000,         /* the clock is looked at this often */
    LET_GO_S = 10,          /* and holds that ran out */
    TERMINALS = 10000       /* their numbers are below */
};

/* A card load under way, as many at once as there are tills:
 *
 *   READING --READY--> CHANGING --READY, LOAD_INTENT committed--> COMMITTING --answer or none--> LOAD posted
 *
 * The card writes the load number into its log and Transaction MAC before the LOAD_INTENT can be posted. */
enum load_state { LOAD_NONE, LOAD_READING, LOAD_CHANGING, LOAD_COMMITTING };

struct load {
    enum load_state state;
    struct card_uid card;
    struct card_op op;
    struct load_plan plan;
    uint32_t number;
    struct entry_id intent; /* COMMITTING */
};

struct conn {
    struct link *link; /* NULL = free */
    uint32_t terminal; /* 0 = not known yet */
    int64_t active_ms;
    bool again;        /* TLS may hold another question */
    struct load load;
};

struct server {
    struct home *home;
    struct books *books;
    FILE *log;
    const sigset_t *mask;
    bool stopping; /* no new load begins */
    struct errmsg run_trouble; /* why the day's run could not be done, as noted; "" = it was */
    struct link_config *config;
    int listener;
    char address[LINK_ADDRESS_SIZE];
    int32_t run_day;
    int64_t let_go_s; /* when to look again for points set aside too long ago */
    /* Number of the next load; only goes up, from one more than the highest in the books.  A number that
     * was given out and never posted is on no card, since its LOAD_INTENT is on disk before the commit is
     * sent: it may come again after a restart.  cardproto/SPEC.md 10. */
    uint32_t next_load;
    int64_t wrong_codes[SERVER_WRONG_CODES]; /* when the last ones came; a ring */
    int32_t wrong_at;
    struct misses {
        int64_t minute_ms; /* when it began */
        int32_t count;
    } misses[TERMINALS]; /* by number of the till: a new line begins no new minute */
    struct server_counts counts;
    struct conn conns[SERVER_CONNECTIONS];
    struct server_extra *extras;
    struct pollfd polls[SERVER_CONNECTIONS + 1 + SERVER_EXTRA_POLLS];

    /* of the question being answered */
    struct txn txn;
    struct wire_answer answer;
    struct hot_card hot[WIRE_HOT_MAX];
    uint8_t json[PACK_JSON_MAX], signature[MBED_SIGNATURE_MAX];
    uint8_t certificate[MBED_CERT_DER_MAX], pack_key[MBED_KEY_DER_MAX], code_key[MBED_KEY_DER_MAX];
};

/* ---- the log ---- */

__attribute__((format(printf, 3, 4))) static void note(struct server *s, const struct conn *c,
                                                       const char *format, ...)
{
    char when[TIME_TEXT_SIZE], text[512];
    va_list args;
    if (!s->log)
        return;
    time_text(when, clock_now_s());
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++) /* a sender's text may not begin a line of its own */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    if (c && c->terminal)
        fprintf(s->log, "%s till=T%04u %s\n", when, (unsigned)c->terminal, text);
    else
        fprintf(s->log, "%s %s\n", when, text);
}

/* ---- answers ---- */

static void send_answer(struct server *s, struct conn *c, struct wire_answer *a)
{
    struct errmsg why = {""};
    if (link_answer(c->link, a, clock_tick_ms(), &why) != OK) {
        note(s, c, "error %s", why.text);
        link_refuse(c->link, ERR_IO, "head office could not answer", clock_tick_ms());
    }
}

/* The question is refused; the line stays. */
__attribute__((format(printf, 4, 5))) static void refuse(struct server *s, struct conn *c, enum err code,
                                                         const char *format, ...)
{
    struct wire_answer *a = &s->answer;
    va_list args;
    memset(a, 0, sizeof *a);
    a->say = SAY_REFUSED;
    a->refused.code = code;
    va_start(args, format);
    vsnprintf(a->refused.sentence, sizeof a->refused.sentence, format, args);
    va_end(args);
    s->counts.refused++;
    note(s, c, "refused %s", a->refused.sentence);
    send_answer(s, c, a);
}

/* The line is refused. */
static void send_off(struct server *s, struct conn *c, enum err code, const char *sentence)
{
    s->counts.refused++;
    note(s, c, "sent off: %s", sentence);
    link_refuse(c->link, code, sentence, clock_tick_ms());
}

/* ---- the day's run ---- */

/* Posts a run for each day that has begun since the last one, so that nothing is posted on a day before
 * what ended with the day before has ended. */
static enum err run_days(struct server *s, struct errmsg *why)
{
    int64_t now = clock_now_s();
    int32_t today = day_of_time(now);
    int32_t day = s->run_day == INT32_MIN ? today : s->run_day + 1;
    if (day < today - SERVER_RUNS_MAX) {
        note(s, NULL, "run skips %d days", (int)(today - SERVER_RUNS_MAX - day));
        day = today - SERVER_RUNS_MAX;
    }
    for (; day <= today; day++) {
        memset(&s->txn, 0, sizeof s->txn);
        s->txn.kind = TXN_RUN;
        s->txn.day = day;
        enum err e = books_post_own(s->books, &s->txn, now, why);
        if (e)
            return err_add(why, e, "the run of a day");
        s->run_day = day;
        char text[DAY_TEXT_SIZE];
        day_text(text, day);
        note(s, NULL, "run day=%s", text);
    }
    return OK;
}

/* Points that were set aside and never redeemed go back to their members. */
static void let_go(struct server *s)
{
    struct errmsg why = {""};
    int64_t now = clock_now_s();
    int32_t count = 0;
    if (now < s->let_go_s && s->let_go_s - now <= LET_GO_S) /* or the clock went back */
        return;
    s->let_go_s = now + LET_GO_S;
    if (books_release_due(s->books, now, &count, &why) != OK)
        note(s, NULL, "error %s", why.text);
    else if (count)
        note(s, NULL, "released=%d", (int)count);
}

/* ---- loads ---- */

static void load_end(struct conn *c)
{
    card_finish(&c->load.op);
    memset(&c->load, 0, sizeof c->load);
}

/* The outcome into the books.  Errors: the LOAD_INTENT stays open; a later reading of the card settles
 * it. */
static enum err post_load(struct server *s, struct conn *c, enum txn_commit commit, struct errmsg *why)
{
    struct load *l = &c->load;
    struct txn *t = &s->txn;
    memset(t, 0, sizeof *t);
    t->kind = TXN_LOAD;
    t->member = l->plan.profile.member;
    t->card = l->card;
    t->points = points_of(l->plan.delta);
    t->original = l->intent;
    t->commit = commit;
    if (commit == COMMIT_DONE)
        t->evidence = l->op.evidence;
    crash_point("office-load-before-result");
    enum err e = books_post_own(s->books, t, clock_now_s(), why);
    crash_point("office-load-after-result");
    return e;
}

/* No answer from the card, or no till any more. */
static enum txn_commit load_lost(struct server *s, struct conn *c, const char *cause)
{
    struct load *l = &c->load;
    struct errmsg why = {""};
    enum txn_commit commit = COMMIT_NONE;
    if (l->state == LOAD_NONE)
        return COMMIT_NONE;
    bool doubt = card_lost(&l->op);
    if (l->state == LOAD_COMMITTING) {
        commit = doubt ? COMMIT_DOUBT : COMMIT_NOT_DONE;
        if (post_load(s, c, commit, &why) != OK)
            note(s, c, "error load outcome not posted: %s", why.text);
    }
    note(s, c, "load %s: %s", commit == COMMIT_DOUBT ? "in doubt" : "not done", cause);
    load_end(c);
    return commit;
}

static void answer_loaded(struct server *s, struct conn *c, enum txn_commit commit, int32_t change,
                          int32_t purse, const char *sentence)
{
    struct wire_answer *a = &s->answer;
    memset(a, 0, sizeof *a);
    a->say = SAY_LOADED;
    a->loaded.change = points_of(change);
    a->loaded.purse = points_of(purse);
    a->loaded.commit = commit;
    memcpy(a->loaded.tier, c->load.plan.profile.tier, sizeof a->loaded.tier);
    snprintf(a->loaded.sentence, sizeof a->loaded.sentence, "%s", sentence);
    note(s, c, "load commit=%d change=%d%s%s", (int)commit, (int)change, *sentence ? " " : "", sentence);
    load_end(c);
    send_answer(s, c, a);
}

static void load_go(struct server *s, struct conn *c, struct bytes answer);

/* The card was read: what is there to do? */
static void load_plan(struct server *s, struct conn *c)
{
    struct load *l = &c->load;
    struct errmsg why = {""};
    int64_t now = clock_now_s();
    enum err e = books_begin(s->books, &why);
    if (!e) {
        e = books_plan_load(s->books, &l->op.seen, now, &l->plan, &why);
        if (!e)
            e = books_commit(s->books, &why);
        if (e)
            books_rollback(s->books);
    }
    if (e) {
        load_end(c);
        refuse(s, c, e, "the card cannot be loaded: %s", why.text);
        return;
    }
    if (!l->plan.needed) {
        answer_loaded(s, c, COMMIT_NONE, 0, l->op.seen.purse, l->plan.note);
        return;
    }
    l->state = LOAD_CHANGING;
    l->number = s->next_load++;
    card_load_set(&l->op, l->plan.delta, &l->plan.profile,
                  (struct entry_id){OFFICE_TERMINAL, l->number}, now);
    load_go(s, c, bytes_of("", 0));
}

/* All is prepared on the card: the intent into the books, then the commit to the card (I3). */
static void load_commit(struct server *s, struct conn *c)
{
    struct load *l = &c->load;
    struct txn *t = &s->txn;
    struct errmsg why = {""};
    memset(t, 0, sizeof *t);
    t->kind = TXN_LOAD_INTENT;
    t->load = l->number;
    t->time_s = l->op.time_s;
    t->member = l->plan.profile.member;
    t->card = l->card;
    t->points = points_of(l->plan.delta);
    t->evidence = l->op.evidence;
    crash_point("office-load-before-intent");
    enum err e = books_post_own(s->books, t, clock_now_s(), &why);
    if (e) {
        load_end(c);
        refuse(s, c, e, "the card cannot be loaded: %s", why.text);
        return;
    }
    crash_point("office-load-after-intent");
    l->intent = t->id;
    l->state = LOAD_COMMITTING;
    card_commit(&l->op);
    load_go(s, c, bytes_of("", 0));
}

static void load_done(struct server *s, struct conn *c)
{
    struct load *l = &c->load;
    struct errmsg why = {""};
    bool done = l->op.verdict == COMMIT_DONE;
    int32_t purse = l->op.seen.purse;
    s->counts.loads += done;
    if (post_load(s, c, done ? COMMIT_DONE : COMMIT_DOUBT, &why) != OK) {
        load_end(c);
        refuse(s, c, ERR_IO, "the load is not booked yet: %s; the next one settles it", why.text);
        return;
    }
    if (done)
        answer_loaded(s, c, COMMIT_DONE, l->plan.delta, purse, l->plan.note);
    else
        answer_loaded(s, c, COMMIT_DOUBT, 0, purse,
                      TR_LATER("the card did not say whether it took the change: the next load settles it"));
}

/* Before its commit: the card is as it was. */
static void load_failed(struct server *s, struct conn *c)
{
    struct errmsg why = c->load.op.why;
    enum err code = c->load.op.status == CARD_LEFT ? ERR_GONE : ERR_CARD;
    load_end(c);
    refuse(s, c, code, "%s", why.text);
}

static void load_go(struct server *s, struct conn *c, struct bytes answer)
{
    struct load *l = &c->load;
    struct wire_answer *a = &s->answer;
    switch (card_step(&l->op, answer)) {
    case CARD_SEND:
        memset(a, 0, sizeof *a);
        a->say = SAY_CARD_COMMAND;
        a->card_command.frame = card_frame(&l->op);
        a->card_command.timeout_ms = EXCHANGE_MS;
        send_answer(s, c, a);
        return;
    case CARD_READY:
        if (l->state == LOAD_READING)
            load_plan(s, c);
        else
            load_commit(s, c);
        return;
    case CARD_DONE:
        load_done(s, c);
        return;
    case CARD_FAILED:
        load_failed(s, c);
        return;
    }
}

static void ask_load(struct server *s, struct conn *c, const struct wire_load *ask)
{
    struct errmsg why = {""};
    struct card_view view;
    if (s->stopping) {
        refuse(s, c, ERR_STATE, "head office is being stopped: load the card in a moment");
        return;
    }
    for (int i = 0; i < SERVER_CONNECTIONS; i++) {
        struct conn *other = &s->conns[i];
        if (other == c || !other->link || other->load.state == LOAD_NONE ||
            !uid_equal(&other->load.card, &ask->card))
            continue;
        refuse(s, c, ERR_BUSY, "the card is being loaded at another till");
        return;
    }
    enum err e = books_card(s->books, &ask->card, &view, &why);
    if (e == ERR_NOT_FOUND) {
        refuse(s, c, e, "the card is not one of this programme");
        return;
    }
    if (e) {
        refuse(s, c, e, "%s", why.text);
        return;
    }
    uint8_t random[CARD_RANDOM_SIZE];
    clock_random(random, sizeof random);
    c->load.card = ask->card;
    c->load.state = LOAD_READING;
    card_load_start(&c->load.op, &s->home->card_keys, &ask->card, random);
    bytes_wipe(random, sizeof random);
    load_go(s, c, bytes_of("", 0));
}

static void ask_card_answer(struct server *s, struct conn *c, const struct wire_card_answer *ask)
{
    if (c->load.state == LOAD_NONE) {
        refuse(s, c, ERR_STATE, "no load is under way");
        return;
    }
    if (!ask->lost) {
        load_go(s, c, ask->frame);
        return;
    }
    struct load_plan plan = c->load.plan;
    int32_t purse = c->load.op.seen.purse;
    enum txn_commit commit = load_lost(s, c, "the card left");
    c->load.plan = plan;
    if (commit == COMMIT_NONE)
        refuse(s, c, ERR_GONE, TR_LATER("the card was taken away before anything was changed"));
    else
        answer_loaded(s, c, commit, 0, purse,
                      TR_LATER("the card left while it was being changed: the next load settles it"));
}

/* ---- people: clerk.h decides ---- */

static struct clerk clerk_of(struct server *s, const struct conn *c)
{
    return (struct clerk){
        .books = s->books, .home = s->home, .terminal = c->terminal, .now_s = clock_now_s()};
}

static struct wire_answer *fresh_answer(struct server *s, enum wire_say say)
{
    memset(&s->answer, 0, sizeof s->answer);
    s->answer.say = say;
    return &s->answer;
}

/* What was answered goes to the log by its kind only: a sentence may have a telephone number in it. */
static void finish(struct server *s, struct conn *c, enum err e, const struct errmsg *why, const char *what)
{
    if (e) {
        struct wire_answer *a = fresh_answer(s, SAY_REFUSED);
        a->refused.code = e;
        snprintf(a->refused.sentence, sizeof a->refused.sentence, "%s", why->text);
        s->counts.refused++;
        note(s, c, "%s refused: %s", what, err_text(e));
    } else {
        note(s, c, "%s", what);
    }
    send_answer(s, c, &s->answer);
    bytes_wipe(&s->answer, sizeof s->answer);
}

/* How often this till asked for nobody in the minute that runs; NULL: by a full card, which is no guess. */
static struct misses *misses_of(struct server *s, const struct conn *c, enum txn_means means)
{
    struct misses *m = &s->misses[c->terminal];
    int64_t now_ms = clock_tick_ms();
    if (now_ms - m->minute_ms >= 60000)
        *m = (struct misses){.minute_ms = now_ms};
    return means == MEANS_NONE || means == MEANS_CARD ? NULL : m;
}

static enum err may_guess(const struct misses *m, struct errmsg *why)
{
    return m && m->count >= SERVER_MISSES
               ? err_set(why, ERR_BUSY, TR_LATER("too many were asked for that nobody knows: wait a minute"))
               : OK;
}

static void ask_tap(struct server *s, struct conn *c, const struct wire_tap *ask)
{
    struct errmsg why = {""};
    struct clerk clerk = clerk_of(s, c);
    struct wire_tapped *out = &fresh_answer(s, SAY_TAPPED)->tapped;
    struct misses *m = misses_of(s, c, ask->means);
    enum err e = may_guess(m, &why);
    if (!e)
        e = clerk_tap(&clerk, ask, out, &why);
    if (m && !e && !out->known)
        m->count++;
    finish(s, c, e, &why, "tap");
}

static void ask_hold(struct server *s, struct conn *c, const struct wire_hold *ask)
{
    struct errmsg why = {""};
    struct clerk clerk = clerk_of(s, c);
    struct wire_held *out = &fresh_answer(s, SAY_HELD)->held;
    struct misses *m = misses_of(s, c, ask->means);
    enum err e = may_guess(m, &why);
    if (!e)
        e = clerk_hold(&clerk, ask, out, &why);
    if (m && e == ERR_NOT_FOUND)
        m->count++;
    finish(s, c, e, &why, "hold");
}

static void ask_person(struct server *s, struct conn *c, const struct wire_person *ask)
{
    struct errmsg why = {""};
    struct clerk clerk = clerk_of(s, c);
    enum err e = clerk_person(&clerk, ask, &fresh_answer(s, SAY_DONE)->done, &why);
    finish(s, c, e, &why, "person");
}

static void ask_replace(struct server *s, struct conn *c, const struct wire_replace *ask)
{
    struct errmsg why = {""};
    struct clerk clerk = clerk_of(s, c);
    enum err e = clerk_replace(&clerk, ask, &fresh_answer(s, SAY_DONE)->done, &why);
    finish(s, c, e, &why, "replace");
}

/* ---- enrol ---- */

/* Ten wrong codes within a minute: everybody waits, whoever sent them. */
static bool too_many_wrong(const struct server *s)
{
    int64_t oldest = s->wrong_codes[s->wrong_at];
    return oldest && clock_tick_ms() - oldest < 60000;
}

static void count_wrong(struct server *s)
{
    s->wrong_codes[s->wrong_at] = clock_tick_ms();
    s->wrong_at = (s->wrong_at + 1) % SERVER_WRONG_CODES;
}

/* Is the code good, and for which terminal?  One answer for every way of being wrong. */
static bool code_is_open(struct server *s, const char *text, struct terminal_view *t)
{
    static const uint8_t none[CODE_HASH_SIZE];
    struct errmsg why = {""};
    struct code code;
    uint8_t hash[CODE_HASH_SIZE];
    if (code_parse(&code, text, &why) != OK)
        return false;
    code_hash(hash, &code);
    uint32_t terminal = code.terminal;
    bytes_wipe(&code, sizeof code);
    if (books_terminal(s->books, terminal, t, &why) != OK)
        return false;
    bool same = bytes_equal_const_time(hash, t->code_hash, sizeof hash);
    bool open = !bytes_equal_const_time(none, t->code_hash, sizeof none);
    return same && open && !t->revoked;
}

static void answer_enrolled(struct server *s, struct conn *c, const struct terminal_view *t,
                            struct bytes certificate)
{
    struct errmsg why = {""};
    struct wire_answer *a = &s->answer;
    struct card_till_keys keys;
    struct buf pack_key = BUF_ON(s->pack_key), code_key = BUF_ON(s->code_key);
    if (mbed_public_write(&pack_key, &s->home->pack_key, &why) != OK ||
        mbed_public_write(&code_key, &s->home->code_key, &why) != OK) {
        refuse(s, c, ERR_CRYPTO, "%s", why.text);
        return;
    }
    home_till_keys(s->home, &keys);
    memset(a, 0, sizeof *a);
    a->say = SAY_ENROLLED;
    a->enrolled.terminal = t->terminal;
    memcpy(a->enrolled.shop, t->shop, sizeof a->enrolled.shop);
    a->enrolled.certificate = certificate;
    a->enrolled.ca = bytes_of(s->home->ca.raw.p, s->home->ca.raw.len);
    a->enrolled.pack_key = buf_bytes(&pack_key);
    memcpy(a->enrolled.aid, keys.scheme.aid, sizeof a->enrolled.aid);
    a->enrolled.key_version = keys.scheme.key_version;
    memcpy(a->enrolled.k2, keys.k2.b, sizeof a->enrolled.k2);
    a->enrolled.code_key = buf_bytes(&code_key);
    memcpy(a->enrolled.lookup_key, s->home->known_keys.lookup, sizeof a->enrolled.lookup_key);
    memcpy(a->enrolled.sun_meta_key, s->home->known_keys.sun_meta, sizeof a->enrolled.sun_meta_key);
    send_answer(s, c, a);
    bytes_wipe(&keys, sizeof keys);
    bytes_wipe(a, sizeof *a);
}

static void ask_enrol(struct server *s, struct conn *c, const struct wire_enrol *ask)
{
    struct errmsg why = {""};
    struct terminal_view t;
    struct buf der = BUF_ON(s->certificate);
    if (too_many_wrong(s)) {
        refuse(s, c, ERR_BUSY, "too many wrong codes: wait a minute and try again");
        return;
    }
    if (!code_is_open(s, ask->code, &t)) {
        count_wrong(s);
        refuse(s, c, ERR_AUTH, "this code is not good (any more): ask head office for a new one");
        return;
    }
    enum err e = ca_make_till(&der, &s->home->ca, &s->home->ca_key, t.terminal, ask->csr,
                              (int64_t)time(NULL), &why);
    if (!e) {
        mbed_sha256(t.cert_hash, buf_bytes(&der));
        memset(t.code_hash, 0, sizeof t.code_hash);
        e = books_begin(s->books, &why);
    }
    if (!e) {
        e = books_save_terminal(s->books, &t, &why);
        crash_point("office-enrol-before-commit");
        if (!e)
            e = books_commit(s->books, &why);
        if (e)
            books_rollback(s->books);
        crash_point("office-enrol-after-commit");
    }
    if (e) {
        refuse(s, c, e, "the till could not be enrolled: %s", why.text);
        return;
    }
    note(s, c, "enrolled till=T%04u", (unsigned)t.terminal);
    answer_enrolled(s, c, &t, buf_bytes(&der));
}

/* ---- sync ---- */

/* Does the batch continue what is known (next, chain), and did this terminal sign it?  A batch that begins
 * with known entries is compared byte by byte when it is posted; one that has nothing new needs no chain. */
static enum err check_batch(struct conn *c, const struct wire_sync *ask, uint32_t next,
                            uint8_t chain[WIRE_HASH_SIZE], struct errmsg *why)
{
    enum err e = mbed_verify(&link_peer(c->link)->pk, ask->hash.data, ask->signature, why);
    if (e)
        return err_add(why, e, "the till's signature of entries %u to %u", (unsigned)ask->first_seq,
                       (unsigned)(ask->first_seq + (uint32_t)ask->count - 1));
    uint32_t fresh = next - ask->first_seq;
    if (fresh >= (uint32_t)ask->count)
        return OK;
    for (uint32_t i = fresh; i < (uint32_t)ask->count; i++)
        wire_chain(chain, chain, ask->entries[i]);
    if (!bytes_equal_const_time(chain, ask->hash.data, WIRE_HASH_SIZE))
        return err_set(why, ERR_CONFLICT,
                       "the till's journal does not continue at entry %u what head office has: two tills "
                       "with one name, or an old disk put back",
                       (unsigned)next);
    return OK;
}

/* Posts what is new.  *next: what the next entry must be, after it.  Errors: ERR_CONFLICT (what came
 * before it is posted), or the whole batch is to be rolled back. */
static enum err post_batch(struct server *s, struct conn *c, const struct wire_sync *ask, uint32_t *next,
                           struct errmsg *why)
{
    int64_t now = clock_now_s();
    for (int32_t i = 0; i < ask->count; i++) {
        enum post_result result;
        uint32_t seq = ask->first_seq + (uint32_t)i;
        enum err e = wire_decode_txn(&s->txn, ask->entries[i], why);
        if (!e && (s->txn.id.terminal != c->terminal || s->txn.id.seq != seq))
            e = err_set(why, ERR_FORMAT, "it says that it is T%04u-%u",
                        (unsigned)s->txn.id.terminal, (unsigned)s->txn.id.seq);
        if (!e)
            e = books_post(s->books, &s->txn, ask->entries[i], now, &result, why);
        if (e)
            return err_add(why, e, "entry T%04u-%u", (unsigned)c->terminal, (unsigned)seq);
        switch (result) {
        case POST_NEW:
            *next = seq + 1;
            s->counts.entries++;
            break;
        case POST_REPEATED:
            s->counts.repeated++;
            break;
        case POST_CONFLICT:
            return err_set(why, ERR_CONFLICT, "entry T%04u-%u is known with other contents",
                           (unsigned)c->terminal, (unsigned)seq);
        case POST_GAP:
            return OK; /* acknowledged as far as it goes; the till goes on from there */
        }
    }
    return OK;
}

/* What goes down with every Synced. */
static enum err fill_synced(struct server *s, const struct wire_sync *ask, struct wire_synced *out,
                            struct errmsg *why)
{
    struct buf json = BUF_ON(s->json), signature = BUF_ON(s->signature);
    int32_t count = 0;
    enum err e = books_pack_after(s->books, ask->pack_version, &out->pack_version, &json, &signature,
                                  why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    out->has_pack = e == OK;
    out->pack_json = buf_bytes(&json);
    out->pack_signature = buf_bytes(&signature);
    e = books_hot_since(s->books, ask->hot_version, s->hot, WIRE_HOT_MAX, &count, &out->hot_version,
                        why);
    if (e)
        return e;
    out->hot_count = count;
    for (int32_t i = 0; i < count; i++)
        out->hot[i] = (struct wire_hot){s->hot[i].uid, s->hot[i].status};
    e = people_staff_since(s->books, ask->staff_version, out->staff, WIRE_STAFF_MAX, &out->staff_count,
                           &out->staff_version, why);
    if (e)
        return e;
    out->clock_s = clock_now_s();
    out->more = out->has_pack || count == WIRE_HOT_MAX || out->staff_count == WIRE_STAFF_MAX;
    return OK;
}

/* An upload is over when nothing waits.  Keys are wiped only then: what the till still owes it could not sign
 * any more; until then it is locked. */
static enum err fill_orders(struct server *s, struct conn *c, const struct wire_sync *ask, uint32_t *orders,
                            struct errmsg *why)
{
    enum err e = books_orders(s->books, c->terminal, orders, why);
    if (e)
        return e;
    if (ask->waiting == 0 && *orders & ORDER_UPLOAD) {
        *orders &= ~(uint32_t)ORDER_UPLOAD;
        e = books_set_orders(s->books, c->terminal, *orders, why);
    }
    if (*orders & ORDER_WIPE && ask->health.locked == HEALTH_WIPED) { /* its last word */
        *orders &= ~(uint32_t)ORDER_WIPE;
        note(s, c, "wiped");
        return books_set_orders(s->books, c->terminal, *orders, why);
    }
    if (*orders & ORDER_WIPE)
        *orders = ask->waiting ? ORDER_LOCKED | ORDER_UPLOAD : *orders;
    if (*orders)
        note(s, c, "orders=%u", (unsigned)*orders);
    return e;
}

static void ask_sync(struct server *s, struct conn *c, const struct wire_sync *ask)
{
    struct errmsg why = {""};
    struct wire_answer *a = &s->answer;
    uint8_t chain[WIRE_HASH_SIZE];
    uint32_t next = 0;
    enum err bad = OK;
    enum err e = books_next_seq(s->books, c->terminal, &next, chain, &why);
    bool gap = ask->count && ask->first_seq > next; /* answered with where to go on from */
    if (!e && ask->count && ask->first_seq == 0)
        e = err_set(&why, ERR_FORMAT, "entries count from 1");
    if (!e && ask->count && !gap)
        e = check_batch(c, ask, next, chain, &why);
    if (!e)
        e = books_begin(s->books, &why);
    if (e) {
        refuse(s, c, e, "%s", why.text);
        return;
    }
    uint64_t entries = s->counts.entries, repeated = s->counts.repeated;
    if (!gap)
        bad = post_batch(s, c, ask, &next, &why);
    if (bad && bad != ERR_CONFLICT)
        e = bad;
    if (!e)
        e = books_note_contact(s->books, c->terminal, clock_now_s(), ask, &why);
    crash_point("office-before-commit");
    if (!e)
        e = books_commit(s->books, &why);
    if (e) {
        books_rollback(s->books);
        s->counts.entries = entries;
        refuse(s, c, e, "%s", why.text);
        return;
    }
    crash_point("office-after-commit");
    if (bad) { /* only now: the conflict itself is noted in the books */
        refuse(s, c, bad, "%s", why.text);
        return;
    }
    memset(a, 0, sizeof *a);
    a->say = SAY_SYNCED;
    a->synced.acked_seq = next - 1;
    e = fill_synced(s, ask, &a->synced, &why);
    if (!e)
        e = fill_orders(s, c, ask, &a->synced.orders, &why);
    if (e) {
        refuse(s, c, e, "%s", why.text);
        return;
    }
    if (ask->count || a->synced.has_pack || a->synced.hot_count)
        note(s, c, "sync first=%u count=%d new=%" PRIu64 " repeated=%" PRIu64
             " acked=%u waiting=%u pack=%u hot=%d",
             (unsigned)ask->first_seq, (int)ask->count, s->counts.entries - entries,
             s->counts.repeated - repeated, (unsigned)a->synced.acked_seq, (unsigned)ask->waiting,
             a->synced.has_pack ? (unsigned)a->synced.pack_version : 0u, (int)a->synced.hot_count);
    send_answer(s, c, a);
    crash_point("office-after-ack");
}

/* ---- connections ---- */

static void drop(struct server *s, struct conn *c, const char *cause)
{
    (void)load_lost(s, c, cause);
    link_destroy(c->link);
    memset(c, 0, sizeof *c);
}

/* Which till is it, and is it (still) one of ours?  Asked anew for each question, so that a revocation
 * holds at once.  False: it was sent off. */
static bool know(struct server *s, struct conn *c)
{
    struct errmsg why = {""};
    struct terminal_view t;
    uint8_t hash[MBED_HASH_SIZE];
    uint32_t terminal = 0;
    const mbedtls_x509_crt *crt = link_peer(c->link);
    enum err e = ca_terminal(&terminal, crt, &why);
    if (!e)
        e = books_terminal(s->books, terminal, &t, &why);
    if (e) {
        send_off(s, c, ERR_AUTH, "this till is not known to head office");
        return false;
    }
    mbed_sha256(hash, bytes_of(crt->raw.p, crt->raw.len));
    if (t.revoked || !bytes_equal_const_time(hash, t.cert_hash, sizeof hash)) {
        char text[120];
        snprintf(text, sizeof text, t.revoked ? "till %u was revoked: head office has to enrol it anew"
                                              : "till %u was enrolled anew elsewhere: this copy of it "
                                                "is no longer good",
                 (unsigned)terminal);
        send_off(s, c, ERR_REFUSED, text);
        return false;
    }
    if (c->terminal == terminal)
        return true;
    c->terminal = terminal;
    for (int i = 0; i < SERVER_CONNECTIONS; i++) /* its line fell and it is back before we noticed */
        if (&s->conns[i] != c && s->conns[i].link && s->conns[i].terminal == terminal)
            drop(s, &s->conns[i], "the till came back on another line");
    return true;
}

static void ask(struct server *s, struct conn *c)
{
    struct errmsg why = {""};
    const struct wire_request *r = link_request(c->link);
    s->counts.requests++;
    c->active_ms = clock_tick_ms();
    if (r->ask == ASK_ENROL) {
        ask_enrol(s, c, &r->enrol);
        return;
    }
    if (!know(s, c))
        return;
    if (r->ask != ASK_CARD_ANSWER)
        (void)load_lost(s, c, "the till asked for something else");
    enum err e = run_days(s, &why);
    if (e == ERR_FULL && r->ask == ASK_TAP)
        e = OK; /* a day has begun that cannot be written; who somebody is can still be said */
    if (e) {
        refuse(s, c, e, "%s", why.text);
        return;
    }
    switch (r->ask) {
    case ASK_SYNC:
        ask_sync(s, c, &r->sync);
        return;
    case ASK_TAP:
        ask_tap(s, c, &r->tap);
        return;
    case ASK_LOAD:
        ask_load(s, c, &r->load);
        return;
    case ASK_CARD_ANSWER:
        ask_card_answer(s, c, &r->card_answer);
        return;
    case ASK_HOLD:
        ask_hold(s, c, &r->hold);
        return;
    case ASK_PERSON:
        ask_person(s, c, &r->person);
        return;
    case ASK_REPLACE:
        ask_replace(s, c, &r->replace);
        return;
    case ASK_ENROL:
        return;
    }
}

static void serve(struct server *s, struct conn *c)
{
    struct errmsg why = {""};
    c->again = false;
    for (int count = 0; c->link; ) {
        switch (link_step(c->link, clock_tick_ms(), &why)) {
        case LINK_NOTHING:
            return;
        case LINK_UP:
            c->active_ms = clock_tick_ms();
            break;
        case LINK_REQUEST:
            ask(s, c);
            if (++count == REQUESTS_PER_TURN) {
                c->again = true;
                return;
            }
            break;
        case LINK_ANSWER:
            break;
        case LINK_DOWN:
            note(s, c, "line down: %s", why.text);
            drop(s, c, "the line fell");
            return;
        }
    }
}

/* Room for one more: a free place, or the stranger who has been here longest. */
static struct conn *find_place(struct server *s)
{
    struct conn *stranger = NULL;
    for (int i = 0; i < SERVER_CONNECTIONS; i++) {
        struct conn *c = &s->conns[i];
        if (!c->link)
            return c;
        if (!c->terminal && (!stranger || c->active_ms < stranger->active_ms))
            stranger = c;
    }
    if (stranger)
        drop(s, stranger, "no room");
    return stranger;
}

static void accept_some(struct server *s)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct errmsg why = {""};
        int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct conn *c = find_place(s);
        if (!c || link_create(&c->link, s->config, &why) != OK) {
            note(s, NULL, "connection turned away: no room");
            close(fd);
            continue;
        }
        c->active_ms = clock_tick_ms();
        s->counts.connections++;
        if (link_attach(c->link, fd, clock_tick_ms(), &why) != OK)
            drop(s, c, why.text);
    }
}

/* When this connection has to be looked at although nothing came. */
static int64_t conn_deadline(const struct conn *c)
{
    int64_t idle = c->active_ms + (c->load.state != LOAD_NONE ? SERVER_CARD_MS
                                   : c->terminal              ? SERVER_IDLE_MS
                                                              : SERVER_STRANGER_MS);
    int64_t link = link_deadline(c->link);
    return idle < link ? idle : link;
}

static void look_at(struct server *s, struct conn *c, bool ready)
{
    int64_t now = clock_tick_ms();
    bool late = now >= conn_deadline(c);
    if (late && now < link_deadline(c->link) && link_state(c->link) == LINK_OPEN && !ready) {
        note(s, c, "line closed: nothing came for too long");
        drop(s, c, "nothing came from the till");
        return;
    }
    if (ready || late || c->again)
        serve(s, c);
}

void server_add_extra(struct server *s, struct server_extra *x)
{
    x->next = s->extras;
    s->extras = x;
}

enum { OTHERS = SERVER_CONNECTIONS + 1 }; /* in polls: what the extras wait for */

/* How many descriptors; *until comes forward to when the first of them is due. */
static int gather_extras(struct server *s, int64_t now, int64_t *until)
{
    int count = 0;
    for (struct server_extra *x = s->extras; x; x = x->next) {
        x->at = OTHERS + count;
        x->count = x->fds(x, s->polls + x->at, SERVER_EXTRA_POLLS - count);
        count += x->count;
        int64_t due = x->due_ms(x, now);
        *until = due < *until ? due : *until;
    }
    return count;
}

void server_turn(struct server *s, int timeout_ms)
{
    struct errmsg text = {""};
    int64_t now = clock_tick_ms(), until = now + (timeout_ms < TURN_MS ? timeout_ms : TURN_MS);
    s->polls[SERVER_CONNECTIONS] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    for (int i = 0; i < SERVER_CONNECTIONS; i++) {
        struct conn *c = &s->conns[i];
        struct pollfd *p = &s->polls[i];
        *p = (struct pollfd){.fd = -1};
        if (!c->link)
            continue;
        p->events = link_poll(c->link, &p->fd);
        int64_t due = c->again ? now : conn_deadline(c);
        until = due < until ? due : until;
    }
    int others = gather_extras(s, now, &until);
    int ready = poll_until(s->polls, OTHERS + others, until, s->mask);
    if (run_days(s, &text) == OK) {
        s->run_trouble.text[0] = 0;
    } else if (strcmp(text.text, s->run_trouble.text) != 0) { /* said once, not every turn */
        s->run_trouble = text;
        note(s, NULL, "error %s", text.text);
    }
    let_go(s);
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        if (s->conns[i].link && s->polls[i].fd >= 0)
            look_at(s, &s->conns[i], ready > 0 && s->polls[i].revents);
    if (ready > 0 && s->polls[SERVER_CONNECTIONS].revents)
        accept_some(s);
    for (struct server_extra *x = s->extras; x; x = x->next)
        x->turn(x, s->polls + x->at, x->count, clock_tick_ms());
}

/* ---- */

enum err server_create(struct server **out, struct home *home, struct books *books,
                       const struct server_options *options, struct errmsg *why)
{
    struct server *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(why, ERR_FULL, "no memory");
    s->home = home;
    s->books = books;
    s->log = options->log;
    s->mask = options->mask;
    s->listener = -1;
    struct link_identity identity = {
        .ca = &home->ca, .certificate = &home->office, .key = &home->office_key};
    enum err e = ca_check(&home->ca, &home->office, CA_ROLE_OFFICE, why);
    if (e) /* better said here once than by every till */
        e = err_add(why, e, "%s/office.crt", home->dir);
    if (!e)
        e = link_config_create(&s->config, LINK_OFFICE, &identity, why);
    if (!e)
        e = books_run_day(books, &s->run_day, why);
    if (!e)
        e = books_next_load(books, &s->next_load, why);
    if (!e && (e = run_days(s, why)) == ERR_FULL) {
        note(s, NULL, "error %s", why->text);
        e = OK; /* reading goes on */
    }
    if (!e)
        e = link_listen(&s->listener, options->listen, s->address, why);
    if (e) {
        server_destroy(s);
        return e;
    }
    *out = s;
    return OK;
}

const char *server_address(const struct server *s)
{
    return s->address;
}

void server_set_log(struct server *s, FILE *log)
{
    s->log = log;
}

void server_note(struct server *s, const char *text)
{
    note(s, NULL, "%s", text);
}

static bool is_loading(const struct server *s)
{
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        if (s->conns[i].link && s->conns[i].load.state != LOAD_NONE)
            return true;
    return false;
}

void server_stop(struct server *s, int wait_ms)
{
    int64_t until = clock_tick_ms() + wait_ms;
    if (s->listener >= 0)
        close(s->listener);
    s->listener = -1;
    s->stopping = true;
    while (is_loading(s) && clock_tick_ms() < until)
        server_turn(s, 100);
}

struct server_counts server_counts(const struct server *s)
{
    return s->counts;
}

void server_destroy(struct server *s)
{
    if (!s)
        return;
    for (int i = 0; i < SERVER_CONNECTIONS; i++)
        if (s->conns[i].link)
            drop(s, &s->conns[i], "head office stopped");
    if (s->listener >= 0)
        close(s->listener);
    link_config_destroy(s->config);
    free(s);
}
