/* uplink.c - head office as the till sees it: what is owed goes up in batches, packs and the hot
 * list come down, a tap asks, a load is carried.  Nothing here is waited for by a sale but through
 * tap.c's deadlines.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/till.h"

#include "base/crash.h"
#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { SYNC_ANSWER_MS = 15000, NEVER_CONTACTED_DAYS = 100000 };

static uint32_t random_number(void)
{
    uint32_t n;
    clock_random(&n, sizeof n);
    return n;
}

/* ---- what is remembered: last contact, version of the hot list ---- */

int64_t uplink_load_number(struct till *t, const char *name)
{
    uint8_t raw[8];
    struct buf b = BUF_ON(raw);
    struct errmsg why;
    if (journal_load(t->journal, name, &b, &why) || b.size != sizeof raw)
        return 0;
    return (int64_t)get_le(raw, sizeof raw);
}

void uplink_save_number(struct till *t, const char *name, int64_t value)
{
    uint8_t raw[8];
    struct errmsg why = {""};
    put_le(raw, (uint64_t)value, sizeof raw);
    if (journal_save(t->journal, name, bytes_of(raw, sizeof raw), &why))
        till_tell(t, tr("The journal: %s."), why.text);
}

int32_t uplink_days_since_contact(const struct till *t, int64_t now_s)
{
    if (t->up.contact_s == 0)
        return NEVER_CONTACTED_DAYS;
    int32_t days = day_of_time(now_s) - day_of_time(t->up.contact_s);
    if (days < -1) /* the clock was ahead then, or is behind now: nobody knows how long it is */
        return NEVER_CONTACTED_DAYS;
    return days > 0 ? days : 0;
}

/* Kept to the day, so that a heartbeat costs no fsync. */
static void note_contact(struct till *t)
{
    struct uplink *u = &t->up;
    u->contact_s = clock_now_s();
    u->told_down = false;
    if (day_of_time(u->contact_s) == u->contact_day)
        return;
    u->contact_day = day_of_time(u->contact_s);
    uplink_save_number(t, "contact", u->contact_s);
}

/* What is damaged cannot be sent: it ends where the journal is sound. */
void uplink_resume(struct till *t)
{
    uint32_t next = journal_next_seq(t->journal), damaged = journal_damaged_from(t->journal);
    uint32_t acked = journal_acked(t->journal);
    if (damaged > acked && damaged < next)
        next = damaged;
    outbox_init(&t->up.outbox, next > acked ? next : acked + 1, acked);
}

enum err uplink_open(struct till *t, struct errmsg *why)
{
    struct uplink *u = &t->up;
    uplink_resume(t);
    u->contact_s = uplink_load_number(t, "contact");
    u->contact_day = u->contact_s ? day_of_time(u->contact_s) : INT32_MIN;
    t->hot_version = (uint32_t)uplink_load_number(t, "hot");
    t->staff_version = journal_staff_version(t->journal);
    t->locked = uplink_load_number(t, "locked") != 0;
    if (!t->parts.office)
        return OK;
    u->address = t->parts.office;
    /* link.h takes them without const, and changes neither. */
    struct identity *id = (struct identity *)(uintptr_t)t->parts.identity;
    struct link_identity me = {.ca = &id->ca, .certificate = &id->certificate, .key = &id->key};
    enum err e = link_config_create(&u->config, LINK_TILL, &me, why);
    if (!e)
        e = link_create(&u->link, u->config, why);
    return e;
}

void uplink_close(struct till *t)
{
    link_destroy(t->up.link);
    link_config_destroy(t->up.config);
    t->up.link = NULL;
    t->up.config = NULL;
}

bool uplink_is_up(const struct till *t)
{
    return t->up.link && t->up.up;
}

void uplink_journalled(struct till *t, uint32_t seq)
{
    outbox_journalled(&t->up.outbox, seq);
}

bool uplink_ask(struct till *t, enum question q, struct wire_request *r, int32_t timeout_ms)
{
    struct uplink *u = &t->up;
    struct errmsg why = {""};
    if (!uplink_is_up(t) || u->asked != ASKED_NOTHING || link_is_asking(u->link))
        return false;
    if (link_ask(u->link, r, timeout_ms, clock_tick_ms(), &why))
        return false;
    u->asked = q;
    return true;
}

/* ---- up: a batch of what is owed ---- */

static uint32_t part_number(enum view_part part)
{
    return part == PART_THERE ? 1 : part == PART_AWAY ? 2 : 0;
}

static void fill_health(struct till *t, struct wire_health *out)
{
    enum { SOUND, DAMAGED, DISK_FULL };
    struct till_view *v = &t->view;
    int64_t free_mb = till_disk_free(t) >> 20;
    bool broken = journal_may_write(t->journal, NULL) == ERR_CORRUPT;
    till_view(t, v);
    *out = (struct wire_health){.reader = part_number(v->reader),
                                .printer = part_number(v->printer),
                                .receipts_waiting = v->receipts_waiting,
                                .journal = journal_damaged_from(t->journal) || broken ? DAMAGED
                                           : t->trouble.text[0]                     ? DISK_FULL
                                                                            : SOUND,
                                .disk_free_mb = free_mb < 0            ? 0
                                                : free_mb > UINT32_MAX ? UINT32_MAX
                                                                       : (uint32_t)free_mb,
                                .locked = t->wiped ? HEALTH_WIPED : t->locked ? HEALTH_LOCKED : HEALTH_OPEN,
                                .entries = journal_next_seq(t->journal) - 1};
}

static void send_batch(struct till *t)
{
    struct uplink *u = &t->up;
    struct wire_request *r = &u->request;
    struct outbox_batch batch;
    struct errmsg why = {""};
    uint8_t hash[WIRE_HASH_SIZE];
    size_t used = 0;
    enum err e = OK;
    *r = (struct wire_request){.ask = ASK_SYNC};
    struct wire_sync *s = &r->sync;
    outbox_start(&u->outbox, &batch);
    while (outbox_add(&u->outbox, &batch, 0)) {
        struct buf entry = {.data = u->entries + used, .cap = sizeof u->entries - used};
        e = journal_get(t->journal, batch.first + batch.count, &entry, &why);
        if (e || !outbox_add(&u->outbox, &batch, entry.size))
            break;
        s->entries[s->count++] = buf_bytes(&entry);
        used += entry.size;
    }
    s->first_seq = batch.first;
    s->pack_version = t->packs.newest;
    s->hot_version = t->hot_version;
    s->staff_version = t->staff_version;
    fill_health(t, &s->health);
    snprintf(s->program, sizeof s->program, "patron-terminal");
    s->clock_s = clock_now_s();
    s->waiting = outbox_waiting(&u->outbox) - batch.count;
    if (!e && s->count) {
        struct buf signature = BUF_ON(u->signature);
        e = journal_hash(t->journal, batch.first + batch.count - 1, hash, &why);
        if (!e)
            e = mbed_sign(&signature, &t->parts.identity->key, hash, &why);
        s->hash = bytes_of(hash, sizeof hash);
        s->signature = buf_bytes(&signature);
    }
    if (e == ERR_CORRUPT) { /* what is sound before it goes with the next batch */
        till_damaged(t, &why);
        return;
    }
    if (e) {
        till_tell(t, tr("What is owed to head office cannot be read: %s."), why.text);
        outbox_refused(&u->outbox, clock_tick_ms(), random_number());
        return;
    }
    crash_point("before-sync");
    if (uplink_ask(t, ASKED_SYNC, r, SYNC_ANSWER_MS))
        outbox_sent(&u->outbox, &batch);
    else
        outbox_lost(&u->outbox, clock_tick_ms(), random_number());
    crash_point("after-sync");
}

/* ---- down: what Synced brings ---- */

static void take_hot(struct till *t, const struct wire_synced *s)
{
    struct errmsg why = {""};
    enum err e = OK;
    for (int32_t i = 0; i < s->hot_count && !e; i++)
        e = journal_set_card_status(t->journal, &s->hot[i].card, s->hot[i].status, &why);
    if (e) {
        till_tell(t, tr("The hot list cannot be kept: %s."), why.text);
        return;
    }
    if (s->hot_version != t->hot_version) {
        t->hot_version = s->hot_version;
        uplink_save_number(t, "hot", s->hot_version); /* makes the rows above durable too */
    }
}

static void take_staff(struct till *t, const struct wire_synced *s)
{
    struct errmsg why = {""};
    if (s->staff_version == t->staff_version)
        return;
    if (journal_set_staff(t->journal, s->staff, s->staff_count, s->staff_version, &why))
        till_tell(t, tr("Who works here cannot be kept: %s."), why.text);
    else
        t->staff_version = s->staff_version;
    people_changed(t);
}

/* Head office's clock vouches for this one, or somebody is told. */
static void compare_clocks(struct till *t, int64_t office_s)
{
    const struct pack *pack = t->packs.in_effect;
    int64_t now_s = clock_now_s(), ahead_s = now_s - office_s, skew_s = pack ? pack->clock_skew_s : 600;
    t->up.ahead_s = ahead_s;
    if (ahead_s >= -skew_s && ahead_s <= skew_s) {
        t->latest_day = day_of_time(now_s);
        t->told_clock = false;
        return;
    }
    if (!t->told_clock)
        till_tell(t, ahead_s > 0 ? tr("The clock of this till is %" PRId64 " minutes ahead of head office's. Set it right.")
                                 : tr("The clock of this till is %" PRId64 " minutes behind head office's. Set it right."),
                  (ahead_s > 0 ? ahead_s : -ahead_s) / 60);
    t->told_clock = true;
}

/* The files go first, then head office is told over the line that is still open, then it ends: what head office is
 * told is true, and what was not told is seen by the silence. */
static void wipe(struct till *t)
{
    struct errmsg why = {""};
    if (t->parts.home && identity_wipe(t->parts.home, &why)) {
        till_tell(t, tr("The keys could not be removed: %s."), why.text);
        return; /* the order comes again */
    }
    log_event("order", "kind=wipe");
    till_tell(t, tr("Head office has ordered this till to forget its keys. It ends now; to be used again it "
                    "has to be enrolled anew."));
    t->wiped = true;
    outbox_hurry(&t->up.outbox);
}

static void obey(struct till *t, uint32_t orders)
{
    bool locked = orders & (ORDER_LOCKED | ORDER_WIPE);
    if (orders & ORDER_UPLOAD)
        outbox_hurry(&t->up.outbox);
    if (locked != t->locked) {
        t->locked = locked;
        log_event("order", "kind=%s", locked ? "lock" : "unlock");
        uplink_save_number(t, "locked", locked);
        till_tell(t, locked ? tr("Head office has locked this till.")
                            : tr("Head office has unlocked this till."));
    }
    /* Not in the middle of a sale, nor before what it wrote meanwhile is sent: the order comes again. */
    if (orders & ORDER_WIPE && till_is_idle(t) && outbox_waiting(&t->up.outbox) == 0)
        wipe(t);
}

static void take_synced(struct till *t, const struct wire_synced *s, int64_t now_ms)
{
    struct uplink *u = &t->up;
    struct errmsg why = {""};
    if (t->wiped) { /* head office knows */
        till_quit(t);
        return;
    }
    note_contact(t);
    crash_point("before-acked");
    switch (outbox_acked(&u->outbox, s->acked_seq, s->more, now_ms, random_number())) {
    case OUTBOX_OK:
    case OUTBOX_REWOUND:
        if (u->outbox.acked && journal_set_acked(t->journal, u->outbox.acked, &why))
            till_tell(t, tr("The journal: %s."), why.text);
        break;
    case OUTBOX_WRONG:
        till_tell(
            t,
            tr("Head office has entries up to %u of this till, which wrote only %u. Was an old "
               "disk put "
               "back, or is there a second till of this number? Call head office."),
            s->acked_seq, journal_next_seq(t->journal) - 1);
        journal_lacks(t->journal, s->acked_seq);
        (void)!journal_may_write(t->journal, &t->trouble);
        break;
    }
    crash_point("after-acked");
    if (s->has_pack) {
        enum err e = packs_take(t, s->pack_json, s->pack_signature, &why);
        if (e) {
            till_tell(t, tr("A programme from head office is refused: %s."), why.text);
            outbox_refused(&u->outbox, now_ms,
                           random_number()); /* or it would come again at once */
        } else {
            log_event("pack", "version=%u", s->pack_version);
            till_tell(t, tr("Programme %u has come, in effect from its day on."), s->pack_version);
        }
    }
    take_hot(t, s);
    take_staff(t, s);
    compare_clocks(t, s->clock_s);
    obey(t, s->orders);
}

/* ---- the line ---- */

static void line_down(struct till *t, const struct errmsg *why, int64_t now_ms)
{
    struct uplink *u = &t->up;
    bool asked_card = u->asked == ASKED_TAP || u->asked == ASKED_LOAD;
    u->up = false;
    u->asked = ASKED_NOTHING;
    outbox_lost(&u->outbox, now_ms, random_number());
    if (t->wiped)
        till_quit(t);
    if (!u->told_down) {
        log_event("line", "state=down");
        till_tell(t, tr("No line to head office: %s. Selling goes on."), why->text);
    }
    u->told_down = true;
    if (asked_card)
        tap_offline(t);
    question_dropped(t);
}

static void take_answer(struct till *t, int64_t now_ms)
{
    struct uplink *u = &t->up;
    const struct wire_answer *a = link_answer_get(u->link);
    enum question asked = u->asked;
    u->asked = ASKED_NOTHING;
    switch (asked) {
    case ASKED_NOTHING:
        return;
    case ASKED_SYNC:
        if (a->say == SAY_SYNCED) {
            take_synced(t, &a->synced, now_ms);
        } else {
            till_tell(t, tr("Head office does not take what is owed: %s"),
                      a->say == SAY_REFUSED ? a->refused.sentence : "it answers something else");
            outbox_refused(&u->outbox, now_ms, random_number());
        }
        return;
    case ASKED_TAP:
    case ASKED_LOAD:
        if (a->say != SAY_REFUSED)
            note_contact(t);
        tap_answered(t, a);
        return;
    case ASKED_HOLD:
    case ASKED_PERSON:
    case ASKED_REPLACE:
        if (a->say != SAY_REFUSED)
            note_contact(t);
        question_answered(t, a);
        return;
    }
}

int64_t uplink_due_ms(const struct till *t)
{
    const struct uplink *u = &t->up;
    if (!u->link)
        return INT64_MAX;
    int64_t due = link_deadline(u->link), next = outbox_due_ms(&u->outbox);
    if (u->asked != ASKED_NOTHING || (link_state(u->link) != LINK_IDLE && !u->up))
        return due; /* busy: an answer, or the connection, comes first */
    return next < due ? next : due;
}

void uplink_turn(struct till *t, int64_t now_ms)
{
    struct uplink *u = &t->up;
    struct errmsg why = {""};
    if (!u->link)
        return;
    if (link_state(u->link) == LINK_IDLE && outbox_due(&u->outbox, now_ms)) {
        enum err e = link_connect(u->link, u->address, now_ms, &why);
        if (e)
            line_down(t, &why, now_ms);
    }
    for (;;) {
        enum link_event event = link_step(u->link, now_ms, &why);
        if (event == LINK_NOTHING)
            break;
        if (event == LINK_UP) {
            u->up = true;
            log_event("line", "state=up owed=%u", outbox_waiting(&u->outbox));
            outbox_hurry(&u->outbox);
        } else if (event == LINK_ANSWER) {
            take_answer(t, now_ms);
        } else if (event == LINK_DOWN) {
            line_down(t, &why, now_ms);
            break;
        }
    }
    /* A tap's question goes first: somebody waits for it. */
    bool tap_asks = t->tap.job == JOB_IDENTIFY && (t->tap.at == AT_TAP || t->tap.at == AT_LOAD);
    if (u->up && u->asked == ASKED_NOTHING && !tap_asks && outbox_due(&u->outbox, now_ms))
        send_batch(t);
}
