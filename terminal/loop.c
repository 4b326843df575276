/* loop.c - see loop.h for how long it may stall, till.h for who does what.  Read till_feed first:
 * it is where events become effects; then till_turn.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/till.h"

#include "base/crash.h"
#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "hw/machine.h"
#include "hw/poll.h"
#include "terminal/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_MS = 5000,
    CHECK_SOME = 500,   /* entries of the chain in one go: some milliseconds */
    CHECK_PAUSE_MS = 20 /* between two goes */
};

/* ---- facts ---- */

void till_add_pending(struct till *t, bool told)
{
    struct points sum;
    if (told && points_add(&sum, t->facts.pending, t->tap.told.pending))
        t->facts.pending = sum;
}

void till_told_facts(struct till *t, bool told)
{
    const struct wire_tapped *is = &t->tap.told;
    struct sale_facts *f = &t->facts;
    f->marks = told ? is->marks : NULL;
    f->mark_count = told ? is->mark_count : 0;
    f->stamps = is->stamps;
    f->stamp_count = told && outbox_waiting(&t->up.outbox) == 0 ? is->stamp_count : 0;
    till_add_pending(t, told);
}

void till_card_facts(struct till *t, const struct card_uid *uid, member_id member)
{
    struct sale_facts *f = &t->facts;
    int32_t today = day_of_time(clock_now_s());
    f->hot = CARD_ACTIVE;
    f->pending = f->earned_today = f->earned_month = f->offline_today = points_of(0);
    if (!uid_is(uid) && !member)
        return;
    f->pending = journal_pending(t->journal, uid, member);
    f->earned_today = journal_earned(t->journal, uid, member, today, today, 0);
    f->earned_month =
        journal_earned(t->journal, uid, member, month_first_day(today), month_last_day(today), 0);
    if (!uid_is(uid))
        return;
    f->hot = journal_card_status(t->journal, uid);
    f->offline_today = journal_offline_redeemed(t->journal, uid, today);
}

static void note_latest(struct till *t)
{
    if (t->latest_day == t->latest_saved)
        return;
    t->latest_saved = t->latest_day;
    uplink_save_number(t, "latest", t->latest_day);
}

void till_facts(struct till *t)
{
    struct sale_facts *f = &t->facts;
    f->now_s = clock_now_s();
    f->next = (struct entry_id){t->parts.identity->terminal,
                                journal_next_seq(t->journal) + t->trained};
    f->shop = t->parts.identity->shop;
    f->days_since_contact = uplink_days_since_contact(t, f->now_s);
    f->clock_behind = day_of_time(f->now_s + TILL_CLOCK_BACK_S) < t->latest_day;
    if (f->clock_behind)
        note_latest(t); /* before an entry of an earlier day comes last */
    f->locked = t->locked;
    people_facts(t, f);
    if (sale_is_idle(&t->sale))
        packs_choose(t, day_of_time(f->now_s));
    f->pack = t->packs.in_effect;
}

static bool needs_card_facts(enum sale_event_kind kind)
{
    return kind == SALE_TOTAL || kind == SALE_REDEEM || kind == SALE_PAY ||
           kind == SALE_CARD_READY || kind == SALE_CARD_DONE || kind == SALE_SETTLED ||
           kind == SALE_HELD;
}

enum err till_read(struct txn *out, enum err found, struct buf *entry, struct errmsg *why)
{
    if (found)
        return found;
    if (wire_decode_txn(out, buf_bytes(entry), why))
        return err_add(why, ERR_CORRUPT, "an entry of the journal cannot be read");
    return OK;
}

/* ---- effects, in their written order ---- */

void till_say(struct till *t, const char *sentence)
{
    for (struct asker *a = t->askers; a; a = a->next)
        if (a->told)
            a->told(t, a, sentence);
}

void till_tell(struct till *t, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    till_say(t, text);
    if (t->parts.to_stderr)
        fprintf(stderr, "patron-terminal: %s\n", text);
}

static const char *before_append(enum txn_kind kind)
{
    return kind == TXN_GRANT    ? "before-grant"
           : kind == TXN_JOIN   ? "before-join"
           : kind == TXN_RATING ? "before-rating"
           : kind == TXN_INTENT ? "before-intent"
           : kind == TXN_SALE   ? "before-sale"
           : kind == TXN_REFUND ? "before-refund"
           : kind == TXN_CANCEL ? "before-cancel"
                                : "before-settle";
}

static const char *after_append(enum txn_kind kind)
{
    return kind == TXN_GRANT    ? "after-grant"
           : kind == TXN_JOIN   ? "after-join"
           : kind == TXN_RATING ? "after-rating"
           : kind == TXN_INTENT ? "after-intent"
           : kind == TXN_SALE   ? "after-sale"
           : kind == TXN_REFUND ? "after-refund"
           : kind == TXN_CANCEL ? "after-cancel"
                                : "after-settle";
}

static void not_written(struct till *t, enum err e, const struct errmsg *why)
{
    t->counts.append_failures++;
    log_event("not-written", "error=%d", (int)e);
    till_tell(t, tr("The journal: %s."), why->text);
    if (e == ERR_IO || e == ERR_FULL || e == ERR_CORRUPT)
        t->trouble = *why;
}

/* Is the journal's entry of txn's number the same but for its time?  Then it is this one, tried before. */
static bool is_there(struct till *t, const struct txn *txn, struct bytes entry)
{
    static uint8_t room[2][JOURNAL_ENTRY_MAX];
    struct buf stored = BUF_ON(room[0]), again = BUF_ON(room[1]);
    struct errmsg why = {""};
    enum err e = journal_get(t->journal, txn->id.seq, &stored, &why);
    if (till_read(&t->earlier, e, &stored, &why))
        return false;
    t->earlier.time_s = txn->time_s;
    return !wire_encode_txn(&again, &t->earlier, &why) && again.size == entry.size &&
           memcmp(again.data, entry.data, entry.size) == 0;
}

/* An entry that was called not written is in the journal: head office gets it, and people have to know. */
static void tell_found(struct till *t, uint32_t seq)
{
    static uint8_t room[JOURNAL_ENTRY_MAX];
    struct buf entry = BUF_ON(room);
    struct errmsg why = {""};
    uplink_resume(t);
    log_event("journal", "found=%u", seq);
    enum err e = journal_get(t->journal, seq, &entry, &why);
    if (till_read(&t->earlier, e, &entry, &why) == OK && t->earlier.kind == TXN_SALE)
        till_tell(t, tr("T%04u-%u, which was not confirmed, is in the journal after all. If that sale was not made, give it back."),
                  t->parts.identity->terminal, seq);
}

/* What failed once is tried once more, on a journal that was read again: then whoever waits need not know. */
static enum err write_entry(struct till *t, const struct txn *txn, struct bytes entry, struct entry_id closes,
                            struct journal_memo *memo, struct errmsg *why)
{
    paper_before(t, txn);
    enum err e = journal_append_with(t->journal, txn, entry, closes, memo, why);
    if (e != ERR_IO || journal_recover(t->journal, NULL))
        return e;
    if (journal_next_seq(t->journal) > txn->id.seq) {
        if (is_there(t, txn, entry))
            return OK;
        tell_found(t, txn->id.seq);
        return e; /* tried again, it gets a number of its own */
    }
    paper_before(t, txn);
    return journal_append_with(t->journal, txn, entry, closes, memo, why);
}

/* One entry, on disk on return: the one fsync there is. */
static bool append(struct till *t, const struct txn *txn, struct entry_id closes)
{
    struct errmsg why = {""};
    struct buf entry = BUF_ON(t->entry);
    if (t->training) { /* as if */
        t->trained++;
        paper_train(t, txn);
        return true;
    }
    struct asker *by = t->current ? t->current : t->waiter;
    struct journal_memo memo = {.time_s = txn->time_s};
    bool has_memo = by && by->memo && by->memo(t, by, txn, &memo);
    crash_point(before_append(txn->kind));
    enum err e = wire_encode_txn(&entry, txn, &why);
    if (!e)
        e = write_entry(t, txn, buf_bytes(&entry), closes, has_memo ? &memo : NULL, &why);
    crash_point(after_append(txn->kind));
    if (e) {
        not_written(t, e, &why);
        return false;
    }
    t->trouble.text[0] = 0;
    uplink_journalled(t, txn->id.seq);
    people_journalled(t, txn);
    if (day_of_time(txn->time_s) > t->latest_day)
        t->latest_day = day_of_time(txn->time_s);
    log_event("entry", "kind=\"%s\" seq=%u owed=%u", txn_kind_text(txn->kind), txn->id.seq,
              outbox_waiting(&t->up.outbox));
    paper_after(t, txn);
    return true;
}

static void carry_out_card(struct till *t)
{
    const struct asker *who = t->current ? t->current : t->waiter;
    switch (t->out.card) {
    case SALE_CARD_KEEP:
        return;
    case SALE_CARD_DEBIT:
        t->tap.amount = t->out.amount;
        t->tap.entry = t->out.entry;
        t->tap.second = t->out.second_tap;
        if (t->tap.second)
            till_tell(t, "%s", tr("So many points: take the card away and hold it there again."));
        tap_begin(t, JOB_DEBIT, who && who->deadline_ms ? who->deadline_ms : clock_tick_ms() + TILL_DEBIT_MS);
        return;
    case SALE_CARD_COMMIT:
        tap_commit(t);
        return;
    case SALE_CARD_SETTLE:
        tap_begin(t, JOB_SETTLE, INT64_MAX);
        return;
    case SALE_CARD_RELEASE:
        tap_end(t);
        return;
    }
}

void till_feed(struct till *t, struct sale_event in)
{
    for (;;) {
        till_facts(t);
        if (needs_card_facts(in.kind))
            till_card_facts(t, &t->sale.card, t->sale.member);
        if (in.kind == SALE_GRANT)
            people_grant_facts(t, &t->facts);
        in.facts = &t->facts;
        sale_step(&t->sale, &in, &t->out);
        if (!t->out.append)
            break;
        bool written = append(t, t->out.append, t->out.closes);
        in = (struct sale_event){.kind = written ? SALE_WRITTEN : SALE_NOT_WRITTEN};
    }
    struct sale_effects out = t->out; /* carrying out may step again */
    carry_out_card(t);
    if (out.hold)
        question_hold(t);
    t->out = out;
    if (out.answered)
        ask_answered(t);
    paper_paid(t, &out.confirm);
    if ((t->sale.state == SALE_IDLE || t->sale.state == SALE_DONE) && t->tap.job == JOB_NONE)
        tap_end(t);
    bool none_comes = t->tap.job == JOB_NONE || (t->tap.job == JOB_IDENTIFY && t->tap.at == AT_CARD);
    if (t->sale.means == MEANS_NONE && none_comes) { /* names go with the sale */
        bytes_wipe(&t->tap.told, sizeof t->tap.told);
        bytes_wipe(&t->by, sizeof t->by);
        t->tap.known = false;
        t->tap.told_s = 0;
    }
}

/* ---- start ---- */

/* The latest day there was: noted when nobody waits, and by the last entry. */
static void find_latest(struct till *t)
{
    struct buf entry = BUF_ON(t->entry);
    struct errmsg why = {""};
    uint32_t last = journal_next_seq(t->journal) - 1;
    t->latest_day = t->latest_saved = (int32_t)uplink_load_number(t, "latest");
    if (t->up.contact_s && day_of_time(t->up.contact_s) > t->latest_day)
        t->latest_day = day_of_time(t->up.contact_s);
    enum err e = last ? journal_get(t->journal, last, &entry, &why) : ERR_NOT_FOUND;
    if (till_read(&t->earlier, e, &entry, &why) == OK &&
        day_of_time(t->earlier.time_s) > t->latest_day)
        t->latest_day = day_of_time(t->earlier.time_s);
}

static enum err resume(struct till *t, struct errmsg *why)
{
    struct buf entry = BUF_ON(t->entry);
    enum err e = journal_open_intent(t->journal, NULL, &entry, why);
    if (e == ERR_NOT_FOUND)
        return OK;
    e = till_read(&t->original, e, &entry, why);
    if (e)
        return e;
    const struct pack *pack = packs_find(t, t->original.pack_version);
    log_event("resumed", "seq=%u", t->original.id.seq);
    till_feed(t, (struct sale_event){.kind = SALE_RESUME, .txn = &t->original});
    if (pack)
        t->packs.in_effect = pack; /* the rules it began with (I6) */
    return OK;
}

enum err till_create(struct till **out, const struct till_parts *parts, struct errmsg *why)
{
    struct till *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(why, ERR_FULL, "no memory for the till");
    t->parts = *parts;
    t->journal = parts->journal;
    t->reader = parts->reader;
    if (parts->kinds)
        t->kinds = *parts->kinds;
    t->kinds.card = &parts->identity->card;
    t->listener = -1;
    t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < TILL_CLIENTS_MAX; i++)
        t->clients[i].in_fd = t->clients[i].out_fd = -1;
    t->idle_ms = clock_tick_ms() + IDLE_MS;
    sale_init(&t->sale);
    packs_open(t);
    enum err e = uplink_open(t, why);
    if (!e)
        e = paper_open(t, why);
    if (!e) {
        people_open(t);
        find_latest(t);
        e = resume(t, why);
    }
    if (journal_may_write(t->journal, &t->trouble) == ERR_CORRUPT && e == ERR_CORRUPT)
        e = OK; /* nothing is sold, but what is sound is still sent */
    if (e) {
        till_destroy(t);
        return e;
    }
    *out = t;
    return OK;
}

void till_destroy(struct till *t)
{
    if (!t)
        return;
    tap_end(t);
    for (int i = 0; i < TILL_CLIENTS_MAX; i++)
        if (t->clients[i].used)
            commands_close(t, &t->clients[i]);
    if (t->listener >= 0) {
        close(t->listener);
        unlink(t->socket_path);
    }
    close(t->spare_fd);
    uplink_close(t);
    paper_close(t);
    bytes_wipe(&t->tap, sizeof t->tap);
    free(t);
}

void till_quit(struct till *t)
{
    t->quit = true;
}

/* ---- clients ---- */

enum err till_unix_listen(int *out, const char *path, int backlog, struct errmsg *why)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return err_set(why, ERR_RANGE, "%s: a socket's path has at most %zu characters", path,
                       sizeof a.sun_path - 1);
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path); /* left by a till that was killed: the lock says that none runs */
    mode_t old = umask(077);
    bool good = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, backlog) == 0;
    int error = errno;
    umask(old);
    if (!good) {
        close(fd);
        return err_set(why, ERR_IO, "%s: %s", path, strerror(error));
    }
    *out = fd;
    return OK;
}

enum err till_listen(struct till *t, const char *path, struct errmsg *why)
{
    enum err e = till_unix_listen(&t->listener, path, TILL_CLIENTS_MAX, why);
    if (!e)
        snprintf(t->socket_path, sizeof t->socket_path, "%s", path);
    return e;
}

int64_t till_disk_free(const struct till *t)
{
    return t->parts.home ? machine_disk_free(t->parts.home) : -1;
}

enum err till_attach(struct till *t, int in_fd, int out_fd, bool person, struct errmsg *why)
{
    for (int i = 0; i < TILL_CLIENTS_MAX; i++) {
        struct client *c = &t->clients[i];
        if (c->used)
            continue;
        *c = (struct client){.used = true, .person = person, .in_fd = in_fd, .out_fd = out_fd};
        commands_open(t, c);
        return OK;
    }
    return err_set(why, ERR_FULL, "%d registers are connected already", TILL_CLIENTS_MAX);
}

int till_accept(struct till *t, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
        return fd;
    close(t->spare_fd); /* no descriptor is left: who knocks is turned away, or the loop would turn for ever */
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return -1;
}

static void accept_client(struct till *t)
{
    static const char full[] = "error FULL Too many registers are connected to this till.\n";
    int fd = till_accept(t, t->listener);
    if (fd < 0)
        return;
    if (till_attach(t, fd, fd, false, NULL)) {
        (void)!write(fd, full, sizeof full - 1);
        close(fd);
    }
}

/* ---- a turn ---- */

/* The journal took nothing: does it now? */
static void try_again(struct till *t)
{
    struct errmsg why = {""};
    uint32_t next = journal_next_seq(t->journal);
    if (journal_recover(t->journal, &why)) {
        t->trouble = why;
        return;
    }
    t->trouble.text[0] = 0;
    log_event("journal", "state=writable");
    till_tell(t, "%s", tr("The journal takes entries again."));
    uplink_resume(t);
    if (journal_next_seq(t->journal) > next)
        tell_found(t, next);
    if (resume(t, &why))
        till_tell(t, tr("The journal: %s."), why.text);
}

void till_damaged(struct till *t, const struct errmsg *why)
{
    log_event("journal", "state=damaged from=%u", journal_damaged_from(t->journal));
    till_tell(t, tr("The journal: %s. Call head office."), why->text);
    (void)!journal_may_write(t->journal, &t->trouble);
    uplink_resume(t);
}

/* The whole chain, a piece at a time while nobody waits: opening looked at its end only. */
static void check_chain(struct till *t)
{
    struct errmsg why = {""};
    enum err e = journal_check_some(t->journal, CHECK_SOME, &why);
    if (e == ERR_CORRUPT)
        till_damaged(t, &why);
    else if (!e && !journal_may_write(t->journal, NULL))
        t->idle_ms = clock_tick_ms() + CHECK_PAUSE_MS;
}

bool till_is_idle(const struct till *t)
{
    return sale_is_idle(&t->sale) && (t->tap.job == JOB_NONE || t->tap.at == AT_CARD);
}

static void housekeeping(struct till *t, int64_t now_ms)
{
    struct errmsg why = {""};
    if (now_ms < t->idle_ms)
        return;
    t->idle_ms = now_ms + IDLE_MS;
    note_latest(t);
    if (!till_is_idle(t))
        return;
    if (t->trouble.text[0]) {
        try_again(t);
        return;
    }
    if (journal_idle(t->journal, &why))
        till_tell(t, tr("The journal: %s."), why.text);
    if (journal_checked(t->journal) < journal_next_seq(t->journal) - 1)
        check_chain(t);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* All that can become readable or writable. */
enum { POLL_READER, POLL_LINE, POLL_LISTENER, POLL_CLIENTS };
enum { POLL_EXTRAS = POLL_CLIENTS + 2 * TILL_CLIENTS_MAX, POLL_MAX = POLL_EXTRAS + TILL_EXTRA_FDS_MAX };

/* Returns how many. */
static int poll_set(struct till *t, struct pollfd f[POLL_MAX])
{
    int fd = -1;
    /* What the reader says between taps stays unread: polled for, it would wake the loop for ever. */
    f[POLL_READER] =
        (struct pollfd){tap_wants_card(t) ? t->reader->ops->fd(t->reader) : -1, POLLIN, 0};
    short events = t->up.link ? link_poll(t->up.link, &fd) : 0;
    f[POLL_LINE] = (struct pollfd){fd, events, 0};
    f[POLL_LISTENER] = (struct pollfd){t->listener, POLLIN, 0};
    for (int i = 0; i < TILL_CLIENTS_MAX; i++) {
        struct client *c = &t->clients[i];
        bool reads = c->used && !c->ended && c->in_size < sizeof c->in;
        f[POLL_CLIENTS + 2 * i] = (struct pollfd){reads ? c->in_fd : -1, POLLIN, 0};
        f[POLL_CLIENTS + 2 * i + 1] =
            (struct pollfd){c->used && c->out_size ? c->out_fd : -1, POLLOUT, 0};
    }
    int count = POLL_EXTRAS;
    for (struct till_extra *x = t->extras; x; x = x->next) {
        x->first = count;
        x->count = x->fds ? x->fds(x, f + count, POLL_MAX - count) : 0;
        count += x->count;
    }
    return count;
}

void till_add_extra(struct till *t, struct till_extra *x)
{
    struct till_extra **end = &t->extras;
    while (*end)
        end = &(*end)->next;
    *end = x;
}

bool till_turn(struct till *t, int most_ms)
{
    struct pollfd f[POLL_MAX];
    int64_t now_ms = clock_tick_ms();
    int64_t due = least(least(now_ms + most_ms, tap_due_ms(t, now_ms)),
                        least(least(least(uplink_due_ms(t), commands_due_ms(t)), question_due_ms(t, now_ms)),
                              least(ask_due_ms(t), t->idle_ms)));
    for (struct till_extra *x = t->extras; x; x = x->next)
        if (x->due_ms)
            due = least(due, x->due_ms(x, now_ms));
    int count = poll_set(t, f);
    poll_until(f, count, due, t->parts.while_waiting);
    now_ms = clock_tick_ms();
    for (int i = 0; i < TILL_CLIENTS_MAX && !t->quit; i++) {
        t->clients[i].readable = f[POLL_CLIENTS + 2 * i].revents != 0;
        if (t->clients[i].used)
            commands_input(t, &t->clients[i]);
    }
    if (f[POLL_LISTENER].revents)
        accept_client(t);
    tap_turn(t, now_ms);
    question_turn(t, clock_tick_ms());
    uplink_turn(t, clock_tick_ms());
    ask_turn(t, clock_tick_ms());
    for (struct till_extra *x = t->extras; x && !t->quit; x = x->next)
        x->turn(t, x, f + x->first, x->count, clock_tick_ms());
    housekeeping(t, now_ms);
    for (int i = 0; i < TILL_CLIENTS_MAX; i++)
        if (t->clients[i].used)
            commands_output(t, &t->clients[i]);
    return !t->quit;
}
