/* selftest.c - see selftest.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/selftest.h"

#include "base/date.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "terminal/log.h"
#include "terminal/screen/canvas.h"
#include "terminal/till.h"

#include <stdarg.h>
#include <stdio.h>

enum { SKEW_S = 600, DISK_LEAST_MB = 64, TURN_MS = 100 };

static void verdict(struct selftest_part *p, enum selftest_verdict v, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void verdict(struct selftest_part *p, enum selftest_verdict v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->say, sizeof p->say, format, args);
    va_end(args);
    p->verdict = v;
}

static void keys(struct till *t, struct selftest_part *p)
{
    const struct identity *id = t->parts.identity;
    const mbedtls_x509_time *end = &id->certificate.valid_to;
    if (!t->parts.office)
        verdict(p, SELFTEST_OK, tr("till %u of %s"), id->terminal, id->shop);
    else if (mbedtls_x509_time_is_past(end))
        verdict(p, SELFTEST_AWAY,
                tr("the certificate of till %u ended on %04d-%02d-%02d: enrol it anew"), id->terminal,
                end->year, end->mon, end->day);
    else
        verdict(p, SELFTEST_OK, tr("till %u of %s, certificate good until %04d-%02d-%02d"),
                id->terminal, id->shop, end->year, end->mon, end->day);
}

static void journal(struct till *t, bool whole, struct selftest_part *p)
{
    struct errmsg why = {""};
    uint32_t count = journal_next_seq(t->journal) - 1, sound = 0;
    if (whole && journal_verify(t->journal, &sound, &why))
        verdict(p, SELFTEST_BROKEN, tr("%u of %u entries are sound; %s. Call head office."), sound,
                count, why.text);
    else if (journal_damaged_from(t->journal))
        verdict(p, SELFTEST_BROKEN, tr("%u of %u entries are sound; call head office"),
                journal_damaged_from(t->journal) - 1, count);
    else if (t->trouble.text[0])
        verdict(p, SELFTEST_BROKEN, tr("it takes nothing: %s"), t->trouble.text);
    else
        verdict(p, SELFTEST_OK,
                whole ? tr("%u entries, each checked; head office has %u of them")
                      : tr("%u entries, the last ones checked; head office has %u of them"),
                count, journal_acked(t->journal));
}

/* A clock before what was written last would give entries a day that is over. */
static void clock_part(struct till *t, struct selftest_part *p)
{
    struct errmsg why = {""};
    struct buf entry = BUF_ON(t->entry);
    uint32_t last = journal_next_seq(t->journal) - 1;
    int64_t now_s = clock_now_s(), newest_s = 0;
    char now[TIME_TEXT_SIZE], newest[TIME_TEXT_SIZE];
    if (last) {
        enum err e = journal_get(t->journal, last, &entry, &why);
        if (!till_read(&t->earlier, e, &entry, &why))
            newest_s = t->earlier.time_s;
    }
    time_text(now, now_s);
    time_text(newest, newest_s);
    if (newest_s > now_s + SKEW_S)
        verdict(p, SELFTEST_BROKEN, tr("it says %s, but the newest entry is of %s: set the clock"), now,
                newest);
    else
        verdict(p, SELFTEST_OK, tr("it is %s"), now);
}

static void disk(struct till *t, struct selftest_part *p)
{
    int64_t mb = till_disk_free(t) / 1048576;
    if (till_disk_free(t) < 0)
        verdict(p, SELFTEST_NONE, "%s", tr("not known"));
    else
        verdict(p, mb < DISK_LEAST_MB ? SELFTEST_AWAY : SELFTEST_OK,
                mb < DISK_LEAST_MB ? tr("%d MB free: make room") : tr("%d MB free"), (int)mb);
}

static void device(enum view_part state, const char *away, struct selftest_part *p)
{
    switch (state) {
    case PART_NONE:
        verdict(p, SELFTEST_NONE, "%s", tr("none"));
        return;
    case PART_THERE:
        verdict(p, SELFTEST_OK, "%s", tr("there"));
        return;
    case PART_AWAY:
        verdict(p, SELFTEST_AWAY, "%s", away);
        return;
    }
}

static void line(struct till *t, struct selftest_part *p)
{
    char text[TIME_TEXT_SIZE];
    time_text(text, t->up.contact_s);
    if (!t->up.link)
        verdict(p, SELFTEST_NONE, "%s", tr("none: the till works alone"));
    else if (uplink_is_up(t))
        verdict(p, SELFTEST_OK, tr("head office answers, %u entries are owed"),
                outbox_waiting(&t->up.outbox));
    else
        verdict(p, SELFTEST_AWAY, tr("head office is not reached (last: %s), %u entries are owed"),
                t->up.contact_s ? text : "-", outbox_waiting(&t->up.outbox));
}

/* A reader tells whether it is there only when it is asked for a card. */
static void ask_reader(struct till *t)
{
    struct errmsg why = {""};
    struct reader_card card;
    if (!t->reader || t->tap.job != JOB_NONE)
        return;
    t->tap.reader_away = t->reader->ops->arm(t->reader, false, &why) != OK ||
                         t->reader->ops->take(t->reader, &card, &why) == ERR_NO_DEVICE;
    t->reader->ops->release(t->reader);
}

void selftest_run(struct till *t, bool whole, struct selftest_part out[SELFTEST_PARTS])
{
    static const char *const names[SELFTEST_PARTS] = {
        TR_LATER("keys"),   TR_LATER("journal"), TR_LATER("clock"), TR_LATER("disk"),
        TR_LATER("reader"), TR_LATER("printer"), TR_LATER("line")};
    for (int i = 0; i < SELFTEST_PARTS; i++)
        out[i] = (struct selftest_part){.name = names[i]};
    ask_reader(t);
    till_view(t, &t->view);
    keys(t, &out[0]);
    journal(t, whole, &out[1]);
    clock_part(t, &out[2]);
    disk(t, &out[3]);
    device(t->view.reader, tr("it does not answer: plug it in, or look for another program that uses it"),
           &out[4]);
    device(t->view.printer, tr("it does not answer, or has no paper; receipts wait"), &out[5]);
    line(t, &out[6]);
}

bool selftest_settled(struct till *t)
{
    ask_reader(t);
    bool line = !t->up.link || (uplink_is_up(t) && outbox_waiting(&t->up.outbox) == 0);
    return line && (!t->reader || !t->tap.reader_away) && (!t->receipts || !receipts_looking(t->receipts));
}

static const char *const words[] = {TR_LATER("ok"), TR_LATER("none"), TR_LATER("away"), TR_LATER("BROKEN")};

/* In a column of this width; Chinese is twice as wide as it is long. */
static void put_word(FILE *out, const char *word, int width)
{
    int columns = text_columns(tr(word));
    fprintf(out, "%s%*s", tr(word), columns < width ? width - columns : 1, "");
}

void selftest_say_part(FILE *out, const char *name, enum selftest_verdict v, const char *say)
{
    fputs("  ", out);
    put_word(out, words[v], 9);
    put_word(out, name, 9);
    fprintf(out, "%s\n", say);
}

bool selftest_say(struct till *t, FILE *out)
{
    struct selftest_part parts[SELFTEST_PARTS];
    int64_t end_ms = clock_tick_ms() + SELFTEST_MS;
    bool fit = true;
    do {
        if (!till_turn(t, TURN_MS))
            return false;
    } while (!selftest_settled(t) && clock_tick_ms() < end_ms);
    selftest_run(t, true, parts);
    for (int i = 0; i < SELFTEST_PARTS; i++) {
        selftest_say_part(out, parts[i].name, parts[i].verdict, parts[i].say);
        fit &= parts[i].verdict != SELFTEST_BROKEN;
    }
    return fit;
}

/* ---- at a start ---- */

static int64_t due_ms(struct till_extra *x, int64_t now_ms)
{
    (void)now_ms;
    return ((struct selftest_start *)x)->due_ms;
}

static void turn(struct till *t, struct till_extra *x, const struct pollfd *f, int count, int64_t now_ms)
{
    struct selftest_start *s = (struct selftest_start *)x;
    struct selftest_part parts[SELFTEST_PARTS];
    (void)f;
    (void)count;
    if (now_ms < s->due_ms)
        return;
    s->due_ms = INT64_MAX;
    selftest_run(t, false, parts);
    for (int i = 0; i < SELFTEST_PARTS; i++) {
        log_event("self-test", "part=%s verdict=%s", parts[i].name, words[parts[i].verdict]);
        if (parts[i].verdict == SELFTEST_BROKEN)
            till_tell(t, "%s: %s", tr(parts[i].name), parts[i].say);
    }
}

void selftest_at_start(struct till *t, struct selftest_start *s)
{
    *s = (struct selftest_start){.extra = {.due_ms = due_ms, .turn = turn},
                                 .due_ms = clock_tick_ms() + SELFTEST_MS};
    till_add_extra(t, &s->extra);
}
