/* ctl_members.c - patronctl member, points: who the members are, what they have and why.
 * Names live in the member master data only; the ledger knows numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "office/members/advice.h"
#include "office/ctl/ctl.h"
#include "office/members/erase.h"
#include "office/books/known.h"

#include <string.h>
#include <strings.h>

static bool take_text(struct ctl *c, const char *option, char *field, size_t size)
{
    const char *text = ctl_value(c, option);
    return !text || ctl_get_text(c, option, text, field, size);
}

/* Telephone number, birthday, language, consent. */
static bool take_more(struct ctl *c, struct person *p)
{
    struct errmsg why;
    const char *phone = ctl_value(c, "--phone"), *birthday = ctl_value(c, "--birthday");
    const char *language = ctl_value(c, "--language"), *consent = ctl_value(c, "--consent");
    char number[PHONE_TEXT_SIZE] = "";
    if (phone && *phone && known_phone(number, phone, &why)) {
        ctl_usage(c, "--phone: %s", why.text);
        return false;
    }
    if (birthday && *birthday && !advice_is_birthday(birthday)) {
        ctl_usage(c, "--birthday '%s' is no day of the year: MM-DD", birthday);
        return false;
    }
    if (language && *language && strcmp(language, "en") != 0 && strcmp(language, "zh") != 0) {
        ctl_usage(c, "--language is en or zh");
        return false;
    }
    if (consent && strcmp(consent, "yes") != 0 && strcmp(consent, "no") != 0) {
        ctl_usage(c, "--consent is yes or no");
        return false;
    }
    if (phone)
        snprintf(p->phone, sizeof p->phone, "%s", number);
    if (birthday)
        snprintf(p->birthday, sizeof p->birthday, "%s", birthday);
    if (language)
        snprintf(p->language, sizeof p->language, "%s", language);
    if (consent)
        p->consent_s = *consent == 'n' ? 0 : p->consent_s ? p->consent_s : c->now_s;
    return true;
}

static bool take_person(struct ctl *c, struct person *p)
{
    return take_text(c, "--name", p->name, sizeof p->name) &&
           take_text(c, "--contact", p->contact, sizeof p->contact) &&
           take_text(c, "--note", p->note, sizeof p->note) && take_more(c, p);
}

/* "" for a member who has given no name, or whose name was erased. */
static void name_of(struct ctl *c, member_id member, struct person *p)
{
    if (books_person(c->books, member, p, NULL))
        *p = (struct person){.member = member};
}

static bool says_something(const struct person *p)
{
    return *p->name || *p->contact || *p->note || *p->phone || *p->birthday || *p->language || p->consent_s;
}

/* With the telephone number that finds the member; in a transaction. */
static enum err save_person(struct ctl *c, const struct person *p, struct errmsg *why)
{
    enum err e = books_save_person(c->books, p, why);
    return e ? e : known_set_phone(c->books, &c->home.known_keys, p->member, p->phone, c->now_s, why);
}

enum err ctl_enrol(struct ctl *c, const struct person *p, const char *tier, member_id *member,
                   struct errmsg *why)
{
    struct txn t = {.kind = TXN_MEMBER, .time_s = c->now_s};
    const struct pack *pack = books_pack_on(c->books, day_of_time(c->now_s));
    if (!pack)
        return err_set(why, ERR_STATE, "no rules are in force yet: patronctl pack list");
    const struct pack_tier *level = tier ? pack_find_tier(pack, tier) : &pack->tiers[0];
    if (!level)
        return err_set(why, ERR_NOT_FOUND, "pack %u has no tier \"%s\"", (unsigned)pack->version,
                       tier);
    memcpy(t.tier, level->code, sizeof t.tier);
    enum err e = books_begin(c->books, why);
    if (e)
        return e;
    e = books_next_member(c->books, &t.member, why);
    if (!e)
        e = books_post_own(c->books, &t, c->now_s, why);
    if (!e && p && says_something(p)) {
        struct person own = *p;
        own.member = t.member;
        e = save_person(c, &own, why);
    }
    if (!e)
        e = books_commit(c->books, why);
    if (e)
        books_rollback(c->books);
    else
        *member = t.member;
    return e;
}

static enum ctl_exit run_member_add(struct ctl *c)
{
    struct errmsg why;
    struct person p = {0};
    struct card_view card;
    struct card_uid uid;
    member_id member;
    const char *on = ctl_value(c, "--card");
    if (!take_person(c, &p) || (on && !ctl_get_uid(c, on, &uid)))
        return CTL_USAGE;
    if (on) { /* refuse before anybody is enrolled */
        enum err e = ctl_free_card(c, &uid, &card, &why);
        if (e)
            return ctl_fail(&why, "nobody was enrolled");
    }
    enum err e = ctl_enrol(c, &p, ctl_value(c, "--tier"), &member, &why);
    if (!e && on)
        e = ctl_post_card(c, &uid, card.kind, member, CARD_ACTIVE, NULL, "bound at enrolment",
                          &why);
    if (e)
        return ctl_fail(&why, "");
    struct member_view view = {0};
    e = books_member(c->books, member, &view, &why);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:o, s:s, s:s, s:o}", "member", ctl_json_member(member), "name", p.name,
                          "tier", view.tier, "card", on ? ctl_json_uid(&uid) : json_null()));
    return CTL_OK;
}

/* ---- show ---- */

static bool add_posting(const struct statement_line *l, void *arg)
{
    json_array_append_new(
        arg, json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "time", ctl_json_time(l->time_s),
                       "entry", ctl_json_entry(l->entry), "kind", txn_kind_text(l->kind), "account",
                       l->account, "points", ctl_json_points(l->amount), "total_after",
                       ctl_json_points(l->total_after), "pack",
                       l->pack_version ? json_integer((json_int_t)l->pack_version) : json_null(), "why",
                       ctl_json_text(l->why)));
    return true;
}

static bool add_card(const struct card_view *v, void *arg)
{
    json_array_append_new(arg, ctl_json_card(v));
    return true;
}

static enum ctl_exit run_member_show(struct ctl *c)
{
    struct errmsg why;
    struct member_view v;
    struct person p;
    member_id member;
    if (!ctl_get_member(c, c->positions[0], &member))
        return CTL_USAGE;
    enum err e = books_member(c->books, member, &v, &why);
    if (e)
        return ctl_fail(&why,
                        "patronctl member list shows them, member find TEXT looks for a name");
    name_of(c, member, &p);
    json_t *cards = json_array(), *postings = json_array();
    e = books_cards(c->books, member, add_card, cards, &why);
    if (!e)
        e = books_statement(c->books, member, add_posting, postings, &why);
    if (e) {
        json_decref(cards);
        json_decref(postings);
        return ctl_fail(&why, "");
    }
    struct points total = points_of(0);
    if (!points_add(&total, v.held, v.on_cards) || !points_add(&total, total, v.in_transit) ||
        !points_add(&total, total, v.reserved) || !points_add(&total, total, v.pending))
        total = points_of(0); /* verify would say so long before */
    json_t *doc = json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                            "member", ctl_json_member(member), "name", ctl_json_text(p.name), "contact",
                            ctl_json_text(p.contact), "note", ctl_json_text(p.note), "phone", p.phone,
                            "birthday", p.birthday, "language", p.language, "consent",
                            ctl_json_time(p.consent_s), "tier", v.tier,
                            "points", ctl_json_points(total), "held", ctl_json_points(v.held),
                            "on_cards", ctl_json_points(v.on_cards), "in_transit",
                            ctl_json_points(v.in_transit), "set_aside", ctl_json_points(v.reserved),
                            "pending", ctl_json_points(v.pending), "owed", ctl_json_points(v.owed));
    if (v.next_expiry_day != DAY_NEVER) {
        json_object_set_new(doc, "next_to_expire", ctl_json_points(v.next_expiry));
        json_object_set_new(doc, "last_good_day", ctl_json_day(v.next_expiry_day));
    }
    json_object_set_new(doc, "cards", cards);
    json_object_set_new(doc, "postings", postings);
    ctl_show(c, doc);
    return CTL_OK;
}

/* ---- list, find ---- */

struct search {
    struct ctl *c;
    json_t *rows;
    const char *text; /* NULL = everybody */
};

/* Letters A-Z either case; other bytes as they are. */
static bool has_text(const char *in, const char *text)
{
    size_t size = strlen(text);
    for (; *in; in++)
        if (strncasecmp(in, text, size) == 0)
            return true;
    return false;
}

static bool add_member(const struct member_view *v, void *arg)
{
    struct search *s = arg;
    struct person p;
    name_of(s->c, v->member, &p);
    if (s->text && !has_text(p.name, s->text) && !has_text(p.contact, s->text) &&
        !has_text(p.note, s->text))
        return true;
    json_array_append_new(
        s->rows,
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "member", ctl_json_member(v->member),
                  "name", ctl_json_text(p.name), "tier", v->tier, "held", ctl_json_points(v->held),
                  "on_cards", ctl_json_points(v->on_cards), "in_transit",
                  ctl_json_points(v->in_transit), "pending", ctl_json_points(v->pending), "owed", ctl_json_points(v->owed)));
    return true;
}

static enum ctl_exit list(struct ctl *c, const char *text)
{
    struct errmsg why;
    struct search s = {c, json_array(), text};
    if (books_members(c->books, add_member, &s, &why)) {
        json_decref(s.rows);
        return ctl_fail(&why, "");
    }
    bool found = json_array_size(s.rows) > 0;
    ctl_show(c, s.rows);
    return found || !text ? CTL_OK : CTL_REFUSED;
}

static enum ctl_exit run_member_list(struct ctl *c)
{
    return list(c, NULL);
}

static enum ctl_exit run_member_find(struct ctl *c)
{
    return list(c, c->positions[0]);
}

/* ---- master data ---- */

static enum ctl_exit run_member_edit(struct ctl *c)
{
    struct errmsg why;
    struct member_view v;
    struct person p;
    member_id member;
    if (!ctl_get_member(c, c->positions[0], &member))
        return CTL_USAGE;
    bool any = false;
    for (int i = 0; i < CTL_OPTIONS_MAX; i++)
        any |= c->values[i] != NULL;
    if (!any)
        return ctl_usage(c, "say what to change");
    enum err e = books_member(c->books, member, &v, &why);
    if (e)
        return ctl_fail(&why, "");
    name_of(c, member, &p);
    if (!take_person(c, &p))
        return CTL_USAGE;
    e = books_begin(c->books, &why);
    if (!e) {
        e = save_person(c, &p, &why);
        if (!e)
            e = books_commit(c->books, &why);
        if (e)
            books_rollback(c->books);
    }
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o}", "member", ctl_json_member(member),
                          "name", ctl_json_text(p.name), "contact", ctl_json_text(p.contact), "note",
                          ctl_json_text(p.note), "phone", p.phone, "birthday", p.birthday, "language",
                          p.language, "consent", ctl_json_time(p.consent_s)));
    return CTL_OK;
}

static enum ctl_exit run_member_erase(struct ctl *c)
{
    struct errmsg why;
    member_id member;
    if (!ctl_get_member(c, c->positions[0], &member))
        return CTL_USAGE;
    enum err e = erase_person(c->books, member, "asked", 0, c->now_s, &why);
    if (e)
        return ctl_fail(&why, "");
    ctl_say(c, "%s has no name here any more.  Points and cards stay as they are.",
            c->positions[0]);
    return CTL_OK;
}

/* ---- points ---- */

static enum ctl_exit run_points_adjust(struct ctl *c)
{
    struct errmsg why;
    struct txn t = {.kind = TXN_ADJUST};
    struct member_view v;
    int64_t n;
    const char *reason = ctl_value(c, "--reason");
    if (!ctl_get_member(c, c->positions[0], &t.member) ||
        !ctl_get_number(c, "points", c->positions[1], -1000000000, 1000000000, &n))
        return CTL_USAGE;
    if (n == 0)
        return ctl_usage(c, "nothing to adjust");
    if (!reason)
        return ctl_usage(c, "say why: --reason TEXT; it stays in the ledger for ever, so no names");
    if (!ctl_get_text(c, "--reason", reason, t.reason, sizeof t.reason))
        return CTL_USAGE;
    t.points = points_of(n);
    enum err e = books_member(c->books, t.member, &v, &why);
    if (!e)
        e = ctl_post(c, &t, &why);
    if (!e)
        e = books_member(c->books, t.member, &v, &why);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:o, s:o, s:o, s:o, s:o}", "member", ctl_json_member(t.member), "entry",
                          ctl_json_entry(t.id), "change", ctl_json_points(t.points), "held",
                          ctl_json_points(v.held), "owed", ctl_json_points(v.owed)));
    return CTL_OK;
}

#define PERSON_OPTIONS                                                                             \
    {"--name", "NAME", "what to call the member"}, {"--contact", "TEXT", "address, e-mail"},       \
        {"--note", "TEXT", "anything else"},                                                       \
        {"--phone", "NUMBER", "with its country, +49 30 1234567: the member is known by it at tills"}, \
        {"--birthday", "MM-DD", "the year is nobody's business"}, {"--language", "CODE", "en or zh"}, \
    {                                                                                              \
        "--consent", "YES", "yes or no: may tills show the name?"                                  \
    }

const struct ctl_command ctl_member_commands[] = {
    {.name = "member add",
     .positions = "",
     .summary = "enrol a member",
     .options = {PERSON_OPTIONS,
                 {"--tier", "CODE", "begin in this tier instead of the lowest"},
                 {"--card", "UID", "bind this card, issued and still nobody's"}},
     .text =
         "Names stay in the member master data and can be erased; they never enter the ledger.\n\n"
         "  patronctl member add --name \"Ada Lovelace\"\n",
     .needs = CTL_HOME,
     .run = run_member_add},
    {.name = "member show",
     .positions = "M",
     .least = 1,
     .most = 1,
     .summary = "a member's points, cards, and every posting with its why",
     .text =
         "held        at head office, waiting for the next load of a card\n"
         "on cards    in the purses of the member's cards, by the ledger\n"
         "in transit  on the way to a card that has not said yet whether it took them\n"
         "owed        taken back after they were spent; the next earning pays it\n\n"
         "The postings stand in the order they reached the ledger; time is when it happened at the till.\n"
         "Each entry adds up to zero: what is \"issued\" -30 is \"held\" +30.\n\n"
         "  patronctl member show M12\n",
     .needs = CTL_HOME,
     .run = run_member_show},
    {.name = "member find",
     .positions = "TEXT",
     .least = 1,
     .most = 1,
     .summary = "look for a name, contact or note",
     .text = "Exit code 1 when nobody is found.\n\n  patronctl member find lovelace\n",
     .needs = CTL_HOME,
     .run = run_member_find},
    {.name = "member list",
     .positions = "",
     .summary = "all members with their points",
     .needs = CTL_HOME,
     .run = run_member_list},
    {.name = "member edit",
     .positions = "M",
     .least = 1,
     .most = 1,
     .summary = "change what is known of the person",
     .options = {PERSON_OPTIONS},
     .text = "  patronctl member edit M12 --contact \"+44 20 7946 0000\"\n",
     .needs = CTL_HOME,
     .run = run_member_edit},
    {.name = "member erase",
     .positions = "M",
     .least = 1,
     .most = 1,
     .summary = "forget the person, keep the points",
     .text = "  patronctl member erase M12\n",
     .needs = CTL_HOME,
     .run = run_member_erase},
    {.name = "points adjust",
     .positions = "M N",
     .least = 2,
     .most = 2,
     .summary = "give (+) or take (-) points by hand",
     .options = {{"--reason", "TEXT", "why; it stays in the ledger for ever, so no names"}},
     .text = "  patronctl points adjust M12 +200 --reason \"complaint 4711\"\n",
     .needs = CTL_HOME,
     .run = run_points_adjust},
    {0},
};
