/* ctl_people.c - patronctl staff, tag, member pin and code: who works at the tills, and by what members are
 * known besides a full card.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/staff.h"
#include "cardproto/ndef.h"
#include "office/ctl/ctl.h"
#include "office/books/known.h"
#include "office/members/people.h"
#include "sync/member_code.h"

#include <stdio.h>
#include <string.h>

/* A PIN as typed, or for "-" a line of standard input, so that it is in no list of processes. */
static bool take_pin(struct ctl *c, const char *typed, char pin[PIN_MOST + 2])
{
    struct errmsg why;
    char line[64];
    if (strcmp(typed, "-") == 0) {
        if (!fgets(line, sizeof line, stdin))
            *line = 0;
        line[strcspn(line, "\r\n")] = 0;
        typed = line;
    }
    bool good = pin_check(typed, &why) == OK;
    if (good)
        snprintf(pin, PIN_MOST + 2, "%.*s", PIN_MOST + 1, typed);
    else
        ctl_usage(c, "%s", why.text);
    bytes_wipe(line, sizeof line);
    return good;
}

/* ---- staff ---- */

static const char *role_text(enum staff_role role)
{
    return role == STAFF_SUPERVISOR ? "supervisor" : role == STAFF_CASHIER ? "cashier" : "gone";
}

static json_t *staff_row(const struct staff *p)
{
    return json_pack("{s:i, s:o, s:s, s:s, s:b, s:o, s:o, s:o}", "number", (int)p->id, "name",
                     ctl_json_text(p->name), "role", role_text(p->role), "language", p->language, "pin",
                     pin_is_set(&p->pin), "badge", ctl_json_uid(&p->badge), "gift",
                     ctl_json_points(p->grant_limit), "gifts_a_day", ctl_json_points(p->grant_day_limit));
}

static bool take_role(struct ctl *c, enum staff_role *role)
{
    const char *text = ctl_value(c, "--role");
    if (!text)
        return true;
    *role = strcmp(text, "supervisor") == 0 ? STAFF_SUPERVISOR
            : strcmp(text, "cashier") == 0  ? STAFF_CASHIER
                                            : STAFF_GONE;
    if (*role == STAFF_GONE)
        ctl_usage(c, "'%s' is no role: cashier or supervisor", text);
    return *role != STAFF_GONE;
}

static bool take_language(struct ctl *c, char language[STAFF_LANGUAGE_SIZE])
{
    const char *text = ctl_value(c, "--language");
    if (!text)
        return true;
    if (strcmp(text, "en") != 0 && strcmp(text, "zh") != 0) {
        ctl_usage(c, "'%s' is no language of a till: en or zh", text);
        return false;
    }
    snprintf(language, STAFF_LANGUAGE_SIZE, "%s", text);
    return true;
}

static bool take_limit(struct ctl *c, const char *option, struct points *limit)
{
    const char *text = ctl_value(c, option);
    int64_t n = 0;
    if (!text)
        return true;
    if (!ctl_get_number(c, option, text, 0, 1000000000, &n))
        return false;
    *limit = points_of(n);
    return true;
}

/* What was given, into p. */
static bool take_staff(struct ctl *c, struct staff *p, struct errmsg *why)
{
    const char *name = ctl_value(c, "--name"), *badge = ctl_value(c, "--badge"), *pin = ctl_value(c, "--pin");
    uint8_t salt[PIN_SALT_SIZE];
    char typed[PIN_MOST + 2] = "";
    if ((name && !ctl_get_text(c, "--name", name, p->name, sizeof p->name)) || !take_role(c, &p->role) ||
        !take_language(c, p->language) || (badge && *badge && !ctl_get_uid(c, badge, &p->badge)) ||
        (pin && *pin && !take_pin(c, pin, typed)) || !take_limit(c, "--gift", &p->grant_limit) ||
        !take_limit(c, "--gifts-a-day", &p->grant_day_limit))
        return false;
    if (badge && !*badge)
        memset(&p->badge, 0, sizeof p->badge);
    if (pin && !*pin)
        memset(&p->pin, 0, sizeof p->pin);
    bool good = true;
    if (*typed)
        good = mbed_random(NULL, salt, sizeof salt) == 0 && pin_make(&p->pin, typed, salt, why) == OK;
    bytes_wipe(typed, sizeof typed);
    return good;
}

static enum ctl_exit save_staff(struct ctl *c, struct staff *p)
{
    struct errmsg why;
    enum err e = people_save_staff(c->books, p, &why);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, staff_row(p));
    ctl_say(c, "Each till takes it when it next reaches head office.");
    return CTL_OK;
}

static enum ctl_exit run_staff_add(struct ctl *c)
{
    struct errmsg why = {""};
    struct staff p = {.role = STAFF_CASHIER};
    if (!ctl_value(c, "--name"))
        return ctl_usage(c, "say who: --name NAME");
    return take_staff(c, &p, &why) ? save_staff(c, &p) : CTL_USAGE;
}

static enum ctl_exit get_staff(struct ctl *c, struct staff *p)
{
    struct errmsg why;
    int64_t id;
    if (!ctl_get_number(c, "number", c->positions[0], 1, UINT32_MAX, &id))
        return CTL_USAGE;
    return people_staff(c->books, (uint32_t)id, p, &why) ? ctl_fail(&why, "patronctl staff list shows them")
                                                         : CTL_OK;
}

static enum ctl_exit run_staff_change(struct ctl *c)
{
    struct errmsg why = {""};
    struct staff p;
    bool any = false;
    for (int i = 0; i < CTL_OPTIONS_MAX; i++)
        any |= c->values[i] != NULL;
    if (!any)
        return ctl_usage(c, "say what to change");
    enum ctl_exit code = get_staff(c, &p);
    if (code)
        return code;
    return take_staff(c, &p, &why) ? save_staff(c, &p) : CTL_USAGE;
}

static enum ctl_exit run_staff_remove(struct ctl *c)
{
    struct staff p;
    enum ctl_exit code = get_staff(c, &p);
    p.role = STAFF_GONE;
    return code ? code : save_staff(c, &p);
}

static bool add_staff(const struct staff *p, void *arg)
{
    json_array_append_new(arg, staff_row(p));
    return true;
}

static enum ctl_exit run_staff_list(struct ctl *c)
{
    struct errmsg why;
    json_t *rows = json_array();
    if (people_staff_list(c->books, add_staff, rows, &why)) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, rows);
    return CTL_OK;
}

/* ---- tags ---- */

struct tag {
    enum txn_means means;
    uint8_t name[KNOWN_NAME_MAX];
    size_t size;
};

static const struct {
    const char *text;
    enum txn_means means;
} tag_kinds[] = {{"uid", MEANS_UID}, {"sun", MEANS_SUN}, {"text", MEANS_TAG}, {"pass", MEANS_PASS}};
enum { TAG_KINDS = sizeof tag_kinds / sizeof *tag_kinds };

static const char *tag_kind_text(enum txn_means means)
{
    for (int i = 0; i < TAG_KINDS; i++)
        if (tag_kinds[i].means == means)
            return tag_kinds[i].text;
    return "?";
}

static bool has_uid(enum txn_means means)
{
    return means == MEANS_UID || means == MEANS_SUN;
}

static bool take_tag(struct ctl *c, struct tag *tag)
{
    const char *kind = ctl_value(c, "--kind"), *name = c->positions[0];
    *tag = (struct tag){.means = kind ? MEANS_NONE : MEANS_UID};
    for (int i = 0; i < TAG_KINDS && kind; i++)
        if (strcmp(kind, tag_kinds[i].text) == 0)
            tag->means = tag_kinds[i].means;
    if (tag->means == MEANS_NONE) {
        ctl_usage(c, "'%s' is no kind of tag: uid, sun, text or pass", kind);
        return false;
    }
    if (has_uid(tag->means)) {
        if (hex_decode(tag->name, sizeof tag->name, &tag->size, name) != OK ||
            (tag->size != 7 && (tag->means == MEANS_SUN || tag->size != 4))) {
            ctl_usage(c, "'%s' is no %s: give it as %s hex digits", name,
                      tag->means == MEANS_SUN ? "NTAG 424" : "tag", tag->means == MEANS_SUN ? "14" : "8 or 14");
            return false;
        }
        return true;
    }
    char text[KNOWN_NAME_MAX];
    if (!ctl_get_text(c, "the tag's text", name, text, sizeof text))
        return false;
    tag->size = strlen(text);
    memcpy(tag->name, text, tag->size);
    return true;
}

static json_t *tag_row(enum txn_means means, struct bytes name, member_id member)
{
    char text[2 * KNOWN_NAME_MAX + 1] = "";
    if (has_uid(means))
        hex_encode(text, name.data, name.size < KNOWN_NAME_MAX ? name.size : KNOWN_NAME_MAX);
    else
        snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
    return json_pack("{s:o, s:s, s:o}", "tag", ctl_json_text(text), "kind", tag_kind_text(means), "member",
                     ctl_json_member(member));
}

/* What no till would ever read as this is bound to nobody. */
static bool can_be_shown(struct ctl *c, const struct tag *tag)
{
    member_id member;
    if (tag->means == MEANS_UID && tag->size == 4 && tag->name[0] == 0x08)
        ctl_usage(c, "a UID of 8 digits that begins with 08 is made up at every tap: it is nobody's");
    else if (tag->means == MEANS_TAG && !ndef_is_member(&member, bytes_of(tag->name, tag->size)))
        ctl_usage(c, "tills take a tag's text only when it is a member number, such as M12");
    else
        return true;
    return false;
}

static enum ctl_exit run_tag_bind(struct ctl *c)
{
    struct errmsg why;
    struct tag tag;
    member_id member;
    if (!take_tag(c, &tag) || !can_be_shown(c, &tag) || !ctl_get_member(c, c->positions[1], &member))
        return CTL_USAGE;
    struct bytes name = bytes_of(tag.name, tag.size);
    if (known_bind(c->books, &c->home.known_keys, tag.means, name, member, c->now_s, &why))
        return ctl_fail(&why, "patronctl tag list shows them");
    ctl_show(c, tag_row(tag.means, name, member));
    return CTL_OK;
}

static enum ctl_exit run_tag_remove(struct ctl *c)
{
    struct errmsg why;
    struct tag tag;
    if (!take_tag(c, &tag))
        return CTL_USAGE;
    if (known_remove(c->books, &c->home.known_keys, tag.means, bytes_of(tag.name, tag.size), &why))
        return ctl_fail(&why, "patronctl tag list shows them");
    ctl_say(c, "Nobody is known by %s any more.", c->positions[0]);
    return CTL_OK;
}

static bool add_tag(const struct known_line *line, void *arg)
{
    json_array_append_new(arg, tag_row(line->means, line->name, line->member));
    return true;
}

static enum ctl_exit run_tag_list(struct ctl *c)
{
    struct errmsg why;
    member_id member = 0;
    if (c->position_count && !ctl_get_member(c, c->positions[0], &member))
        return CTL_USAGE;
    json_t *rows = json_array();
    if (known_list(c->books, member, add_tag, rows, &why)) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, rows);
    return CTL_OK;
}

/* ---- members: PIN and code ---- */

static enum ctl_exit run_member_pin(struct ctl *c)
{
    struct errmsg why;
    member_id member;
    char pin[PIN_MOST + 2] = "";
    bool none = ctl_value(c, "--none");
    if (!ctl_get_member(c, c->positions[0], &member))
        return CTL_USAGE;
    if (none == (c->position_count == 2))
        return ctl_usage(c, "give the PIN, - to read it from standard input, or --none");
    if (!none && !take_pin(c, c->positions[1], pin))
        return CTL_USAGE;
    enum err e = people_set_pin(c->books, member, pin, &why);
    bytes_wipe(pin, sizeof pin);
    if (e)
        return ctl_fail(&why, "");
    ctl_say(c, none ? "%s has no PIN now." : "%s has this PIN now.", c->positions[0]);
    return CTL_OK;
}

static enum ctl_exit run_member_code(struct ctl *c)
{
    struct errmsg why;
    struct member_view view;
    member_id member;
    char text[MEMBER_CODE_TEXT_SIZE];
    if (!ctl_get_member(c, c->positions[0], &member))
        return CTL_USAGE;
    enum err e = books_member(c->books, member, &view, &why);
    if (!e)
        e = member_code_make(text, member, c->now_s, &c->home.code_key, &why);
    if (e)
        return ctl_fail(&why, "");
    ctl_show(c, json_pack("{s:o, s:s, s:i}", "member", ctl_json_member(member), "code", text, "seconds",
                          MEMBER_CODE_VALID_S));
    return CTL_OK;
}

struct report {
    struct ctl *c;
    json_t *rows;
};

static bool add_cashier(const struct cashier_line *line, void *arg)
{
    struct report *r = arg;
    struct staff p = {.name = ""};
    char rating[16] = "";
    (void)!people_staff(r->c->books, line->cashier, &p, NULL); /* gone: the number is all there is */
    if (line->ratings) /* of 1 to 3, to a tenth */
        snprintf(rating, sizeof rating, "%d.%d", (int)(line->rating_sum / line->ratings),
                 (int)(line->rating_sum * 10 / line->ratings % 10));
    json_array_append_new(
        r->rows, json_pack("{s:i, s:o, s:I, s:o, s:I, s:o, s:I, s:o, s:I, s:s, s:I}", "number",
                           (int)line->cashier, "name", ctl_json_text(p.name), "sales",
                           (json_int_t)line->sales, "sold", ctl_json_money(r->c, line->sold), "refunds",
                           (json_int_t)line->refunds, "refunded", ctl_json_money(r->c, line->refunded),
                           "gifts", (json_int_t)line->gifts, "points_given", ctl_json_points(line->given),
                           "ratings", (json_int_t)line->ratings, "rating", rating, "approved",
                           (json_int_t)line->approved));
    return true;
}

static bool take_day(struct ctl *c, const char *option, int32_t *day)
{
    struct errmsg why;
    const char *text = ctl_value(c, option);
    if (!text || day_parse(day, text) == OK)
        return true;
    err_set(&why, ERR_FORMAT, "%s is no day", text);
    ctl_fail(&why, "a day is written 2026-11-22");
    return false;
}

static enum ctl_exit run_staff_report(struct ctl *c)
{
    struct errmsg why;
    struct report r = {c, json_array()};
    int32_t from = INT32_MIN, to = INT32_MAX;
    enum ctl_exit wrong = CTL_OK;
    if (!take_day(c, "--from", &from) || !take_day(c, "--to", &to))
        wrong = CTL_USAGE;
    else if (books_by_cashier(c->books, from, to, add_cashier, &r, &why))
        wrong = ctl_fail(&why, "");
    if (wrong) {
        json_decref(r.rows);
        return wrong;
    }
    ctl_show(c, r.rows);
    return CTL_OK;
}

#define STAFF_OPTIONS                                                                              \
    {"--name", "NAME", "what to call the person"}, {"--role", "ROLE", "cashier or supervisor"},    \
        {"--pin", "PIN", "4 to 8 digits, or - to read them; \"\" = none"},                         \
        {"--badge", "UID", "the card to log in with; \"\" = none"},                                \
        {"--language", "CODE", "en or zh"},                                                        \
        {"--gift", "POINTS", "goodwill points in one gift, on their own"},                         \
    {                                                                                              \
        "--gifts-a-day", "POINTS", "... on one day"                                                \
    }
#define KIND_OPTION                                                                                \
    {                                                                                              \
        "--kind", "KIND", "uid (that alone), sun (NTAG 424), text (NDEF), pass (wallet); uid"      \
    }

const struct ctl_command ctl_people_commands[] = {
    {.name = "staff add",
     .positions = "",
     .summary = "let a person work at the tills",
     .options = {STAFF_OPTIONS},
     .text = "While there is nobody, a till asks for no login.\n\n"
             "  patronctl staff add --name \"Bo Li\" --role cashier --pin - --language zh --gift 50\n",
     .needs = CTL_HOME,
     .run = run_staff_add},
    {.name = "staff list",
     .positions = "",
     .summary = "who works at the tills",
     .needs = CTL_HOME,
     .run = run_staff_list},
    {.name = "staff report",
     .positions = "",
     .summary = "what everybody did at the tills, and what members said of it",
     .options = {{"--from", "DAY", "only from this day on"}, {"--to", "DAY", "only to this day"}},
     .text = "Number 0 is nobody: a cash register.  A rating is 1 to 3.\n\n"
             "  patronctl staff report --from 2026-11-01 --to 2026-11-30\n",
     .needs = CTL_HOME,
     .run = run_staff_report},
    {.name = "staff change",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "change name, role, PIN, badge, language or limits",
     .options = {STAFF_OPTIONS},
     .text = "  patronctl staff change 3 --role supervisor\n",
     .needs = CTL_HOME,
     .run = run_staff_change},
    {.name = "staff remove",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "let somebody work no more; the number stays, for entries name it",
     .text = "  patronctl staff remove 3\n",
     .needs = CTL_HOME,
     .run = run_staff_remove},
    {.name = "tag bind",
     .positions = "TAG M",
     .least = 2,
     .most = 2,
     .summary = "let a member be known by a tag or pass",
     .options = {KIND_OPTION},
     .text = "TAG is a UID in hex, or for text and pass what it says.\n\n"
             "  patronctl tag bind 04a1b2c3d4e5f6 M12 --kind sun\n",
     .needs = CTL_HOME,
     .run = run_tag_bind},
    {.name = "tag list",
     .positions = "[M]",
     .most = 1,
     .summary = "the tags and passes, of a member or all",
     .needs = CTL_HOME,
     .run = run_tag_list},
    {.name = "tag remove",
     .positions = "TAG",
     .least = 1,
     .most = 1,
     .summary = "nobody is known by this tag or pass any more",
     .options = {KIND_OPTION},
     .text = "  patronctl tag remove 04a1b2c3d4e5f6 --kind sun\n",
     .needs = CTL_HOME,
     .run = run_tag_remove},
    {.name = "member pin",
     .positions = "M [PIN]",
     .least = 1,
     .most = 2,
     .summary = "the PIN a member redeems with when the card is not there",
     .options = {{"--none", NULL, "no PIN from now on"}},
     .text = "4 to 8 digits; - reads them from standard input.  Five wrong ones at tills lock it for a\n"
             "quarter of an hour; a new PIN ends that.\n\n"
             "  patronctl member pin M12 -\n",
     .needs = CTL_HOME,
     .run = run_member_pin},
    {.name = "member code",
     .positions = "M",
     .least = 1,
     .most = 1,
     .summary = "a code that says who it is at a till, for a minute and once",
     .text = "What the member page shows as a QR code: patronctl member code M12 --json.\n\n"
             "  patronctl member code M12\n",
     .needs = CTL_HOME,
     .run = run_member_code},
    {0},
};
