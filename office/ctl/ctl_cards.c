/* ctl_cards.c - patronctl card: a blank card becomes a member's, is lost, found, replaced.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/crash.h"
#include "base/date.h"
#include "hw/clock.h"
#include "office/members/cards.h"
#include "office/members/clerk.h"
#include "office/ctl/ctl.h"
#include "office/desk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PURSE_LIMIT = 100000000, /* points; above what any member should ever carry around */
    WAIT_S = 30,
};

/* ---- entries about cards ---- */

enum err ctl_post_card(struct ctl *c, const struct card_uid *uid, enum card_kind kind,
                       member_id member, enum card_status status, const struct card_uid *replaces,
                       const char *reason, struct errmsg *why)
{
    struct txn t = {
        .kind = TXN_CARD, .card = *uid, .member = member, .card_kind = kind, .card_status = status};
    if (replaces)
        t.replaces = *replaces;
    snprintf(t.reason, sizeof t.reason, "%s", reason);
    return ctl_post(c, &t, why);
}

static const char *kind_text(enum card_kind kind)
{
    switch (kind) {
    case CARD_NONE:
        return "none";
    case CARD_EV1:
        return "ev1";
    case CARD_EV2:
        return "ev2";
    }
    return "?";
}

json_t *ctl_json_card(const struct card_view *v)
{
    return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o}", "card", ctl_json_uid(&v->uid), "member",
                     ctl_json_member(v->member), "kind", kind_text(v->kind), "status",
                     card_status_name(v->status), "purse", ctl_json_points(v->purse), "in_doubt",
                     ctl_json_entry(v->open_intent));
}

static enum err get_card(struct ctl *c, const struct card_uid *uid, struct card_view *out,
                         struct errmsg *why)
{
    char text[UID_TEXT_SIZE];
    enum err e = books_card(c->books, uid, out, why);
    uid_text(text, uid);
    return e == ERR_NOT_FOUND ? err_set(why, e, "card %s was never issued here", text) : e;
}

enum err ctl_free_card(struct ctl *c, const struct card_uid *uid, struct card_view *out,
                       struct errmsg *why)
{
    return books_free_card(c->books, uid, out, why);
}

/* ---- issue ---- */

/* What one run of `card issue` knows. */
struct issue {
    struct ctl *c;
    struct desk desk;
    struct card_uid replaces; /* zeros = none */
    bool enrol;
    int64_t batch;   /* 0 = none */
    member_id spare; /* enrolled here for a card that then failed: the next card is theirs */
    struct reader_card last;
};

/* The profile the ledger would write: what books_plan_load says of an empty card that was just
 * bound. The entry it is tried with is rolled back; it is posted when the card is made. */
static enum err plan_profile(struct ctl *c, const struct txn *bind, struct card_profile *out,
                             struct errmsg *why)
{
    struct card_seen empty = {.kind = bind->card_kind,
                              .uid = bind->card,
                              .profile = {.member = bind->member, .layout = CARD_LAYOUT}};
    struct load_plan plan;
    struct txn t = *bind;
    enum err e = books_begin(c->books, why);
    if (e)
        return e;
    e = books_post_own(c->books, &t, c->now_s, why);
    if (!e)
        e = books_plan_load(c->books, &empty, c->now_s, &plan, why);
    books_rollback(c->books);
    if (!e)
        *out = plan.profile;
    return e;
}

/* A finished card of ours that the ledger does not know: the program died between card and ledger.
 * Its own profile says whose it is. */
static enum err adopt(struct issue *job, struct txn *bind, struct errmsg *why)
{
    struct card_seen seen;
    struct member_view view;
    char on_card[MEMBER_TEXT_SIZE];
    enum err e = desk_read(&job->desk, &job->last, &seen, why);
    if (e)
        return e;
    member_text(on_card, seen.profile.member);
    bind->card_kind = seen.kind;
    if (seen.purse != 0)
        return err_set(why, ERR_CONFLICT,
                       "the card carries %d points and the ledger does not know it: "
                       "is it of another copy of this programme?",
                       (int)seen.purse);
    if (job->enrol && seen.profile.member)
        bind->member = seen.profile.member;
    if (bind->member != seen.profile.member)
        return seen.profile.member
                   ? err_set(why, ERR_CONFLICT,
                             "the card was made for %s: patronctl card issue --member %s", on_card,
                             on_card)
                   : err_set(why, ERR_CONFLICT,
                             "the card was made for nobody: patronctl card issue, then "
                             "card bind");
    return bind->member ? books_member(job->c->books, bind->member, &view, why) : OK;
}

static enum err refuse_known(struct ctl *c, const struct card_uid *uid, struct errmsg *why)
{
    struct card_view v;
    char text[UID_TEXT_SIZE], member[MEMBER_TEXT_SIZE];
    enum err e = books_card(c->books, uid, &v, why);
    if (e == ERR_NOT_FOUND)
        return OK;
    if (e)
        return e;
    uid_text(text, uid);
    member_text(member, v.member);
    err_set(why, ERR_EXISTS, "card %s is issued already", text);
    if (v.member)
        err_add(why, ERR_EXISTS, "it is the card of %s", member);
    return ERR_EXISTS;
}

/* The card on the reader (job->last) for this member, 0 = nobody yet. p: master data of a member
 * to be enrolled. */
static enum err issue_one(struct issue *job, member_id member, const struct person *p,
                          struct txn *done, struct errmsg *why)
{
    struct ctl *c = job->c;
    struct card_profile profile;
    enum err e = refuse_known(c, &job->last.uid, why);
    if (!e && job->batch)
        e = cards_can_make(c->books, job->batch, why);
    if (e)
        return e;
    bool fresh = job->enrol && !member;
    if (fresh) {
        if (job->spare == 0)
            e = ctl_enrol(c, p, NULL, &job->spare, why);
        if (e)
            return e;
        member = job->spare;
    }
    struct txn bind = {.kind = TXN_CARD,
                       .time_s = c->now_s,
                       .card = job->last.uid,
                       .member = member,
                       .card_kind = CARD_EV2, /* for the plan; the card itself says what it is */
                       .card_status = CARD_ACTIVE,
                       .replaces = job->replaces};
    snprintf(bind.reason, sizeof bind.reason, "issued");
    e = plan_profile(c, &bind, &profile, why);
    if (!e)
        e = desk_issue(&job->desk, &job->last, &profile, PURSE_LIMIT, &bind.card_kind, why);
    crash_point("card-issued");
    if (e == ERR_EXISTS)
        e = adopt(job, &bind, why);
    if (!e)
        e = ctl_post(c, &bind, why);
    if (!e && job->batch)
        e = cards_made(c->books, job->batch, &bind.card, c->now_s, why);
    if (e)
        return e;
    if (bind.member == job->spare)
        job->spare = 0;
    *done = bind;
    return OK;
}

static void say_issued(const struct txn *t)
{
    char uid[UID_TEXT_SIZE], member[MEMBER_TEXT_SIZE];
    uid_text(uid, &t->card);
    member_text(member, t->member);
    printf("ok %s %s\n", uid, t->member ? member : "-");
    fflush(stdout);
}

static void say_spare(const struct issue *job)
{
    char member[MEMBER_TEXT_SIZE];
    member_text(member, job->spare);
    if (job->spare)
        ctl_refuse("%s is enrolled and has no card yet: patronctl card issue --member %s", member,
                   member);
}

/* One line of --follow: "[UID] [M12 | -] [NAME...]". */
struct order {
    struct card_uid uid; /* zeros = any */
    member_id member;
    struct person person;
};
static enum err read_order(struct order *o, char *line, struct errmsg *why)
{
    char *word = strtok(line, " \t\r\n"), *rest;
    memset(o, 0, sizeof *o);
    if (word && strlen(word) == 14 && uid_parse(&o->uid, word) == OK)
        word = strtok(NULL, " \t\r\n");
    if (!word)
        return OK;
    if (strcmp(word, "-") != 0 && member_parse(&o->member, word))
        return err_set(why, ERR_FORMAT, "'%s' is neither a UID nor a member nor -", word);
    rest = strtok(NULL, "\r\n");
    if (rest && strlen(rest) >= sizeof o->person.name)
        return err_set(why, ERR_RANGE, "a name has at most %zu bytes", sizeof o->person.name - 1);
    snprintf(o->person.name, sizeof o->person.name, "%s", rest ? rest : "");
    return OK;
}

/* Cards on demand: one order a line, one answer a line, until the input ends. */
static enum ctl_exit follow(struct issue *job)
{
    char line[256];
    enum ctl_exit code = CTL_OK;
    while (fgets(line, sizeof line, stdin)) {
        struct order o;
        struct txn done;
        struct errmsg why;
        struct card_uid before = job->last.uid;
        enum err e = read_order(&o, line, &why);
        job->c->now_s = clock_now_s();
        /* A card lies there already, as a rule: whoever writes the line has laid it down. Should
         * the one before still be on its way out, wait for the next. */
        if (!e)
            e = desk_wait(&job->desk, false, &job->last, &why);
        if (!e && uid_equal(&before, &job->last.uid) && !uid_equal(&before, &o.uid))
            e = desk_wait(&job->desk, true, &job->last, &why);
        if (!e && uid_is(&o.uid) && !uid_equal(&o.uid, &job->last.uid)) {
            char uid[UID_TEXT_SIZE];
            uid_text(uid, &job->last.uid);
            e = err_set(&why, ERR_CONFLICT, "the card on the reader is %s", uid);
        }
        if (!e)
            e = issue_one(job, o.member, &o.person, &done, &why);
        if (!e) {
            say_issued(&done);
        } else {
            printf("failed %s\n", why.text);
            fflush(stdout);
            code = CTL_REFUSED;
        }
    }
    return code;
}

static enum ctl_exit reader_failed(enum err e, const struct errmsg *why)
{
    return ctl_fail(why, e == ERR_NO_DEVICE || e == ERR_TIMEOUT
                             ? "nfc-list shows which readers there are; --wait SECONDS waits longer"
                             : "");
}

static enum ctl_exit issue_count(struct issue *job, member_id member, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        struct txn done;
        struct errmsg why;
        if (i && !job->c->json)
            fprintf(stderr, "card %d of %d, please\n", (int)i + 1, (int)count);
        enum err e = desk_wait(&job->desk, i > 0, &job->last, &why);
        if (!e)
            e = issue_one(job, member, NULL, &done, &why);
        if (e) {
            if (i)
                err_add(&why, e, "%d of %d cards are done", (int)i, (int)count);
            return reader_failed(e, &why);
        }
        say_issued(&done);
    }
    return CTL_OK;
}

static bool take_wait(struct ctl *c, int *wait_ms)
{
    int64_t n = WAIT_S;
    const char *text = ctl_value(c, "--wait");
    if (text && !ctl_get_number(c, "--wait", text, 1, 3600, &n))
        return false;
    *wait_ms = (int)n * 1000;
    return true;
}

static enum ctl_exit run_issue(struct ctl *c)
{
    static struct issue job;
    struct errmsg why;
    struct member_view view;
    struct card_view old;
    member_id member = 0;
    int64_t count = 1;
    const char *m = ctl_value(c, "--member"), *n = ctl_value(c, "--count");
    const char *batch = ctl_value(c, "--batch");
    const char *replaces = ctl_value(c, "--replaces"), *reader = ctl_value(c, "--reader");
    job = (struct issue){.c = c, .enrol = ctl_value(c, "--enrol"), .desk.keys = &c->home.card_keys};
    bool following = ctl_value(c, "--follow");
    if ((m && !ctl_get_member(c, m, &member)) ||
        (n && !ctl_get_number(c, "--count", n, 1, 100000, &count)) ||
        (batch && !ctl_get_number(c, "--batch", batch, 1, 1000000000, &job.batch)) ||
        (replaces && !ctl_get_uid(c, replaces, &job.replaces)) || !take_wait(c, &job.desk.wait_ms))
        return CTL_USAGE;
    if ((m != NULL) + job.enrol + (replaces != NULL) > 1)
        return ctl_usage(c, "--member, --enrol and --replaces exclude each other");
    if ((m || replaces) && (n || following))
        return ctl_usage(c, "one card for one member: no --count, no --follow");
    if (n && following)
        return ctl_usage(c, "--count and --follow exclude each other");
    enum err e = OK;
    if (m)
        e = books_member(c->books, member, &view, &why);
    if (!e && replaces)
        e = get_card(c, &job.replaces, &old, &why);
    if (!e && replaces) {
        member = old.member;
        if (!member || old.status == CARD_REPLACED)
            e = err_set(&why, ERR_STATE, "card %s is %s", replaces,
                        member ? "replaced already" : "nobody's");
    }
    if (!e)
        e = reader_nfc_open(&job.desk.reader, reader ? reader : "", &why);
    if (e)
        return ctl_fail(&why, "");
    enum ctl_exit code = following ? follow(&job) : issue_count(&job, member, count);
    say_spare(&job);
    job.desk.reader->ops->close(job.desk.reader);
    return code;
}

/* ---- read ---- */

static json_t *record_rows(const struct card_seen *seen)
{
    json_t *rows = json_array();
    for (int32_t i = 0; i < seen->record_count; i++) {
        const struct card_record *r = &seen->records[i];
        char name[ENTRY_TEXT_SIZE];
        commit_name_text(name, r->entry);
        json_array_append_new(rows,
                              json_pack("{s:I, s:o, s:s, s:s, s:i, s:i}", "number",
                                        (json_int_t)r->number, "time", ctl_json_time(r->time_s),
                                        "of", entry_is(r->entry) ? name : "", "type",
                                        r->type == 'D'   ? "debit"
                                        : r->type == 'L' ? "load"
                                                         : "issue",
                                        "change", (int)r->amount, "after", (int)r->after));
    }
    return rows;
}

static enum ctl_exit run_read(struct ctl *c)
{
    struct errmsg why;
    struct desk desk = {.keys = &c->home.card_keys};
    struct reader_card card;
    struct card_seen seen;
    struct card_view view;
    const char *reader = ctl_value(c, "--reader");
    char tmv[17] = "";
    if (!take_wait(c, &desk.wait_ms))
        return CTL_USAGE;
    enum err e = reader_nfc_open(&desk.reader, reader ? reader : "", &why);
    if (e)
        return ctl_fail(&why, "");
    e = desk_wait(&desk, false, &card, &why);
    if (!e)
        e = desk_read(&desk, &card, &seen, &why);
    desk.reader->ops->close(desk.reader);
    if (e)
        return reader_failed(e, &why);
    if (seen.kind == CARD_EV2)
        hex_encode(tmv, seen.tmv, sizeof seen.tmv);
    json_t *doc = json_pack(
        "{s:o, s:s, s:o, s:s, s:o, s:b, s:i, s:i, s:I, s:s}", "card", ctl_json_uid(&seen.uid),
        "kind", kind_text(seen.kind), "member", ctl_json_member(seen.profile.member), "tier",
        seen.profile.tier, "tier_valid", ctl_json_day(seen.profile.tier_valid_day), "blocked",
        seen.profile.flags & CARD_FLAG_BLOCKED, "layout", (int)seen.profile.layout, "purse",
        (int)seen.purse, "commits", (json_int_t)seen.tmc, "transaction_mac", tmv);
    e = books_card(c->books, &card.uid, &view, &why);
    json_object_set_new(doc, "purse_by_the_ledger", e ? json_null() : ctl_json_points(view.purse));
    json_object_set_new(doc, "status_by_the_ledger",
                        json_string(e ? "unknown" : card_status_name(view.status)));
    json_object_set_new(doc, "log", record_rows(&seen));
    ctl_show(c, doc);
    return CTL_OK;
}

/* ---- the life of a card ---- */

static enum ctl_exit show_card(struct ctl *c, const struct card_uid *uid)
{
    struct errmsg why;
    struct card_view v;
    if (get_card(c, uid, &v, &why))
        return ctl_fail(&why, "patronctl card list shows them");
    ctl_show(c, ctl_json_card(&v));
    return CTL_OK;
}

static enum ctl_exit run_show(struct ctl *c)
{
    struct card_uid uid;
    return ctl_get_uid(c, c->positions[0], &uid) ? show_card(c, &uid) : CTL_USAGE;
}

static bool add_card(const struct card_view *v, void *arg)
{
    json_array_append_new(arg, ctl_json_card(v));
    return true;
}

static enum ctl_exit run_list(struct ctl *c)
{
    struct errmsg why;
    json_t *rows = json_array();
    if (books_cards(c->books, 0, add_card, rows, &why)) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, rows);
    return CTL_OK;
}

static enum ctl_exit run_bind(struct ctl *c)
{
    struct errmsg why;
    struct card_uid uid;
    struct card_view card;
    struct member_view member;
    member_id m;
    if (!ctl_get_uid(c, c->positions[0], &uid) || !ctl_get_member(c, c->positions[1], &m))
        return CTL_USAGE;
    enum err e = ctl_free_card(c, &uid, &card, &why);
    if (!e)
        e = books_member(c->books, m, &member, &why);
    if (!e)
        e = ctl_post_card(c, &uid, card.kind, m, CARD_ACTIVE, NULL, "bound", &why);
    if (e)
        return ctl_fail(&why,
                        e == ERR_EXISTS ? "a lost card is replaced: patronctl card replace" : "");
    enum ctl_exit code = show_card(c, &uid);
    ctl_say(c, "The card itself learns it when it is next loaded.");
    return code;
}

static bool take_reason(struct ctl *c, char reason[TXN_REASON_SIZE])
{
    const char *text = ctl_value(c, "--reason");
    if (!text)
        ctl_usage(c, "say why: --reason TEXT; it stays in the ledger for ever, so no names");
    return text && ctl_get_text(c, "--reason", text, reason, TXN_REASON_SIZE);
}

static enum ctl_exit set_status(struct ctl *c, enum card_status from, enum card_status to)
{
    struct errmsg why;
    struct card_uid uid;
    struct card_view v;
    char reason[TXN_REASON_SIZE];
    if (!take_reason(c, reason) || !ctl_get_uid(c, c->positions[0], &uid))
        return CTL_USAGE;
    enum err e = get_card(c, &uid, &v, &why);
    if (!e && v.status != from)
        e = err_set(&why, ERR_STATE, "card %s is %s", c->positions[0], card_status_name(v.status));
    if (!e)
        e = ctl_post_card(c, &uid, v.kind, v.member, to, NULL, reason, &why);
    if (e)
        return ctl_fail(&why, "");
    enum ctl_exit code = show_card(c, &uid);
    ctl_say(c, "Each till takes it when it next reaches head office.");
    return code;
}

static enum ctl_exit run_block(struct ctl *c)
{
    return set_status(c, CARD_ACTIVE, CARD_BLOCKED);
}

static enum ctl_exit run_unblock(struct ctl *c)
{
    return set_status(c, CARD_BLOCKED, CARD_ACTIVE);
}

static enum ctl_exit run_replace(struct ctl *c)
{
    struct errmsg why;
    struct card_uid old_uid, new_uid;
    struct card_view old, new;
    char reason[TXN_REASON_SIZE];
    if (!take_reason(c, reason) || !ctl_get_uid(c, c->positions[0], &old_uid) ||
        !ctl_get_uid(c, c->positions[1], &new_uid))
        return CTL_USAGE;
    enum err e = books_replace_card(c->books, &old_uid, &new_uid, reason, 0, c->now_s, &why);
    if (e)
        return ctl_fail(
            &why, "the new card must be issued and nobody's: patronctl card issue; or make it "
                  "and replace in one: patronctl card issue --replaces OLD");
    json_t *rows = json_array();
    if (!get_card(c, &old_uid, &old, &why))
        add_card(&old, rows);
    if (!get_card(c, &new_uid, &new, &why))
        add_card(&new, rows);
    ctl_show(c, rows);
    ctl_say(c, "What the old card carried is held at head office; the next load brings it to the "
               "new one.");
    return CTL_OK;
}

#define READER_OPTIONS                                                                             \
    {"--reader", "NAME", "as libnfc names it: pn532_uart:/dev/ttyUSB0; the first one found"},      \
    {                                                                                              \
        "--wait", "SECONDS", "how long to wait for a card (30)"                                    \
    }
#define REASON_OPTION                                                                              \
    {                                                                                              \
        "--reason", "TEXT", "why; it stays in the ledger for ever, so no names"                    \
    }

const struct ctl_command ctl_card_commands[] = {
    {.name = "card issue",
     .positions = "",
     .summary = "make the blank card on the reader a card of this programme",
     .options = {READER_OPTIONS,
                 {"--member", "M", "for this member"},
                 {"--enrol", NULL, "enrol a new member for each card"},
                 {"--replaces", "UID", "in place of this lost card"},
                 {"--count", "N", "so many, one after the other"},
                 {"--batch", "N", "for this batch that was ordered: each card is counted there"},
                 {"--follow", NULL, "one for each line of standard input"}},
     .text =
         "Without --member, --enrol or --replaces the card is nobody's yet: patronctl card bind.\n"
         "A card that is pulled away half way is finished when it comes back.\n"
         "Prints a line for each card: ok UID MEMBER.\n"
         "With --follow a line is \"[UID] [M12 | -] [NAME]\", and an answer may be \"failed "
         "WHY\".\n\n"
         "  patronctl card issue --member M12\n"
         "  patronctl card issue --enrol --count 100\n",
     .needs = CTL_HOME,
     .run = run_issue},
    {.name = "card bind",
     .positions = "UID M",
     .least = 2,
     .most = 2,
     .summary = "give a card that is nobody's to a member",
     .text = "  patronctl card bind 04a1b2c3d4e5f6 M12\n",
     .needs = CTL_HOME,
     .run = run_bind},
    {.name = "card block",
     .positions = "UID",
     .least = 1,
     .most = 1,
     .summary = "put a card on the hot list: lost, stolen, misused",
     .options = {REASON_OPTION},
     .text = "  patronctl card block 04a1b2c3d4e5f6 --reason \"reported lost\"\n",
     .needs = CTL_HOME,
     .run = run_block},
    {.name = "card unblock",
     .positions = "UID",
     .least = 1,
     .most = 1,
     .summary = "take it off again",
     .options = {REASON_OPTION},
     .text = "  patronctl card unblock 04a1b2c3d4e5f6 --reason \"found again\"\n",
     .needs = CTL_HOME,
     .run = run_unblock},
    {.name = "card replace",
     .positions = "OLD NEW",
     .least = 2,
     .most = 2,
     .summary = "a new card in place of a lost one; nothing is lost",
     .options = {REASON_OPTION},
     .text = "  patronctl card replace 04a1b2c3d4e5f6 0411223344556a --reason \"lost\"\n",
     .needs = CTL_HOME,
     .run = run_replace},
    {.name = "card show",
     .positions = "UID",
     .least = 1,
     .most = 1,
     .summary = "what the ledger knows of a card",
     .text = "in doubt: the oldest change of it whose outcome no one has seen; the next load settles it.\n"
             "What the card itself says: patronctl card read.\n\n"
             "  patronctl card show 04a1b2c3d4e5f6\n",
     .needs = CTL_HOME,
     .run = run_show},
    {.name = "card list",
     .positions = "",
     .summary = "all cards",
     .needs = CTL_HOME,
     .run = run_list},
    {.name = "card read",
     .positions = "",
     .summary = "what the card on the reader itself says; changes nothing",
     .options = {READER_OPTIONS},
     .text = "  patronctl card read --reader pn532_uart:/dev/ttyUSB0\n",
     .needs = CTL_HOME,
     .run = run_read},
    {0},
};
