/* ctl_setup.c - patronctl init, pack, till: a programme is made, its rules are set, its tills let
 * in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"
#include "base/mbed.h"
#include "office/ca.h"
#include "office/ctl/ctl.h"
#include "office/plan/publish.h"
#include "office/tills.h"
#include "sync/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct pack_text *new_text(void)
{
    struct pack_text *p = pack_text_create();
    if (!p) {
        perror("patronctl");
        exit(CTL_REFUSED);
    }
    return p;
}

static enum err pack_from_file(struct pack_text *p, const char *path, struct errmsg *why)
{
    enum err e = ctl_read_file(path, p->json, sizeof p->json, &p->size, why);
    return e ? e : pack_text_read(p, path, why);
}

static json_t *pack_row(const struct pack_text *p)
{
    return json_pack("{s:I, s:o, s:s, s:s, s:i, s:i}", "version", (json_int_t)p->pack.version,
                     "effective", ctl_json_day(p->pack.effective_day), "name", p->pack.name,
                     "currency", p->pack.currency, "tiers", (int)p->pack.tier_count, "bytes",
                     (int)p->size);
}

/* ---- init ---- */

/* The pack a programme begins with when none is given: modest, complete, meant to be edited. */
#define PACK_TEMPLATE                                                                              \
    "{\n"                                                                                          \
    "  \"version\": 1,\n"                                                                          \
    "  \"effective\": \"%s\",\n"                                                                   \
    "  \"name\": \"%s\",\n"                                                                        \
    "  \"currency\": \"%s\",\n"                                                                    \
    "  \"currency_digits\": %d,\n"                                                                 \
    "\n"                                                                                           \
    "  \"earn\": { \"rate\": \"1/%d\", \"points_paid_earns\": false },\n"                          \
    "\n"                                                                                           \
    "  \"tiers\": {\n"                                                                             \
    "    \"metric\": \"spend\", \"window\": \"rolling\", \"window_days\": 365, \"grace_days\": "   \
    "30,\n"                                                                                        \
    "    \"levels\": [\n"                                                                          \
    "      { \"code\": \"base\", \"name\": \"Member\",\n"                                          \
    "        \"offline_per_tap\": 1000, \"offline_per_day\": 2000 },\n"                            \
    "      { \"code\": \"silver\", \"name\": \"Silver\", \"upgrade_at\": %d, \"keep_at\": %d,\n"   \
    "        \"factor\": \"5/4\", \"offline_per_tap\": 2000, \"offline_per_day\": 4000 },\n"       \
    "      { \"code\": \"gold\", \"name\": \"Gold\", \"upgrade_at\": %d, \"keep_at\": %d,\n"       \
    "        \"factor\": \"3/2\", \"offline_per_tap\": 5000, \"offline_per_day\": 10000 }\n"       \
    "    ]\n"                                                                                      \
    "  },\n"                                                                                       \
    "\n"                                                                                           \
    "  \"expiry\": { \"kind\": \"rolling\", \"days\": 365 },\n"                                    \
    "  \"redeem\": { \"worth\": %d, \"min\": 100, \"step\": 50, \"max_share\": \"1/2\",\n"         \
    "              \"offline_days\": 7 },\n"                                                       \
    "  \"refund\": { \"may_owe\": true }\n"                                                        \
    "}\n"

/* Minor units: ISO 4217's exceptions from two digits, where shops are. */
static int currency_digits(const char *code)
{
    static const char none[] = "JPY KRW VND CLP ISK PYG UGX XAF XOF XPF RWF KMF GNF DJF BIF VUV";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    return strstr(none, code) ? 0 : strstr(three, code) ? 3 : 2;
}

static enum err pack_from_template(struct pack_text *p, const char *name, const char *currency,
                                   int32_t day, struct errmsg *why)
{
    char date[DAY_TEXT_SIZE];
    day_text(date, day);
    if (strlen(currency) != 3 || strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return err_set(why, ERR_FORMAT, "'%s' is no currency: give its ISO 4217 code, like GBP",
                       currency);
    if (strlen(name) == 0 || strlen(name) >= sizeof p->pack.name || strpbrk(name, "\"\\\n\t"))
        return err_set(why, ERR_FORMAT, "a programme's name has 1 to %zu bytes and no quotes",
                       sizeof p->pack.name - 1);
    /* one point for each 1.00 (100 where there are no cents), worth a hundredth of it */
    int digits = currency_digits(currency), unit = digits == 3 ? 1000 : 100;
    int size = snprintf(p->json, sizeof p->json, PACK_TEMPLATE, date, name, currency, digits, unit,
                        500 * unit, 400 * unit, 2000 * unit, 1600 * unit, unit / 100);
    p->size = (size_t)size;
    return pack_read(&p->pack, p->json, p->size, "the first pack", why);
}

static enum err fill_books(struct ctl *c, struct pack_text *p, struct errmsg *why)
{
    char path[HOME_PATH_MAX];
    struct books *books = NULL;
    home_path(&c->home, HOME_BOOKS, path);
    enum err e = books_create(path, why);
    if (!e)
        e = books_open(&books, path, &c->home.card_keys, why);
    if (!e)
        e = publish_store(p, books, &c->home.pack_key, why);
    books_close(books);
    return e;
}

static enum ctl_exit run_init(struct ctl *c)
{
    struct errmsg why;
    const char *file = ctl_value(c, "--pack"), *name = ctl_value(c, "--name");
    const char *currency = ctl_value(c, "--currency");
    if (file && (name || currency))
        return ctl_usage(c, "the pack says name and currency: give --pack alone");
    struct pack_text *p = new_text();
    enum err e = file ? pack_from_file(p, file, &why)
                      : pack_from_template(p, name ? name : "Patron", currency ? currency : "GBP",
                                           day_of_time(c->now_s), &why);
    if (!e && p->pack.version != 1)
        e = err_set(&why, ERR_RANGE, "%s: the first pack must have version 1, not %u",
                    file ? file : "the pack", (unsigned)p->pack.version);
    if (!e)
        e = home_create(&c->home, c->dir, (int64_t)time(NULL), &why);
    if (!e)
        e = fill_books(c, p, &why);
    if (!e)
        e = home_keep(&c->home, &why);
    if (!e) {
        json_t *doc =
            json_pack("{s:s, s:s, s:s, s:i, s:o}", "programme", p->pack.name, "currency",
                      p->pack.currency, "folder", c->home.dir, "pack", (int)p->pack.version,
                      "effective", ctl_json_day(p->pack.effective_day));
        ctl_show(c, doc);
        ctl_say(c, "\nKeep %s/keys to yourself, and a backup of the whole folder in a safe.",
                c->home.dir);
        ctl_say(c, "Next: patronctl --home %s till add --shop CODE", c->home.dir);
    }
    free(p);
    return e ? ctl_fail(&why, e == ERR_EXISTS
                                  ? "nothing was changed; give another --home, or use that one"
                                  : "")
             : CTL_OK;
}

/* ---- pack ---- */

static enum ctl_exit run_pack_template(struct ctl *c)
{
    struct errmsg why;
    const char *name = ctl_value(c, "--name"), *currency = ctl_value(c, "--currency");
    struct pack_text *p = new_text();
    enum err e = pack_from_template(p, name ? name : "Patron", currency ? currency : "GBP",
                                    day_of_time(c->now_s), &why);
    if (!e)
        fputs(p->json, stdout);
    free(p);
    return e ? ctl_fail(&why, "") : CTL_OK;
}

static enum ctl_exit run_pack_check(struct ctl *c)
{
    struct errmsg why;
    struct pack_text *p = new_text();
    enum err e = pack_from_file(p, c->positions[0], &why);
    if (!e) {
        ctl_show(c, pack_row(p));
        ctl_say(c, "A good pack.  Nothing was changed; what brings it into force: patronctl pack publish %s",
                c->positions[0]);
    }
    free(p);
    return e ? ctl_fail(&why, e == ERR_IO ? "" : "docs/programme.md describes the form") : CTL_OK;
}

static enum ctl_exit run_pack_publish(struct ctl *c)
{
    struct errmsg why;
    struct pack_text *p = new_text(), *last = new_text();
    enum err e = pack_from_file(p, c->positions[0], &why);
    if (!e)
        e = pack_text_newest(last, c->books, &why);
    if (!e)
        e = publish_check(&p->pack, &last->pack, day_of_time(c->now_s), &why);
    if (!e)
        e = publish_store(p, c->books, &c->home.pack_key, &why);
    if (!e) {
        ctl_show(c, pack_row(p));
        ctl_say(c, "Published.  Each till takes it when it next reaches head office.");
    }
    free(p);
    free(last);
    return e ? ctl_fail(&why, "nothing was published") : CTL_OK;
}

static enum ctl_exit run_pack_list(struct ctl *c)
{
    struct errmsg why;
    struct pack_text *p = new_text();
    const struct pack *now = books_pack_on(c->books, day_of_time(c->now_s));
    json_t *rows = json_array();
    enum err e;
    while ((e = pack_text_after(p, c->books, p->pack.version, &why)) == OK) {
        json_t *row = pack_row(p);
        json_object_set_new(row, "in_force", json_boolean(now && now->version == p->pack.version));
        json_array_append_new(rows, row);
    }
    free(p);
    if (e != ERR_NOT_FOUND) {
        json_decref(rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, rows);
    return CTL_OK;
}

static enum ctl_exit run_pack_show(struct ctl *c)
{
    struct errmsg why;
    int64_t version = 0;
    if (c->position_count &&
        !ctl_get_number(c, "version", c->positions[0], 1, UINT32_MAX, &version))
        return CTL_USAGE;
    struct pack_text *p = new_text();
    enum err e = version ? pack_text_after(p, c->books, (uint32_t)version - 1, &why)
                         : pack_text_newest(p, c->books, &why);
    if (!e && version && p->pack.version != version)
        e = err_set(&why, ERR_NOT_FOUND, "there is no pack %u", (unsigned)version);
    uint8_t hash[MBED_HASH_SIZE];
    mbed_sha256(hash, bytes_of(p->json, p->size));
    if (!e)
        e = mbed_verify(&c->home.pack_key, hash, bytes_of(p->signature, p->signature_size), &why);
    if (!e)
        fputs(p->json, stdout); /* exactly what was signed */
    free(p);
    return e ? ctl_fail(&why, "patronctl pack list shows them") : CTL_OK;
}

/* ---- till ---- */

static enum ctl_exit show_code(struct ctl *c, const struct terminal_view *t, const char *text)
{
    ctl_show(c, json_pack("{s:i, s:s, s:s}", "terminal", (int)t->terminal, "shop", t->shop, "code",
                          text));
    ctl_say(c, "\nThe code works once.  On the till:");
    ctl_say(c, "  patron-terminal enrol --home DIR --office HOST:PORT --code %s", text);
    return CTL_OK;
}

static enum ctl_exit run_till_add(struct ctl *c)
{
    struct errmsg why;
    struct terminal_view t = {0};
    char text[CODE_TEXT_SIZE];
    const char *shop = ctl_value(c, "--shop");
    if (!ctl_get_text(c, "--shop", shop ? shop : "", t.shop, sizeof t.shop))
        return CTL_USAGE;
    return till_add(c->books, &c->home, shop ? shop : "", &t, text, &why) ? ctl_fail(&why, "") : show_code(c, &t, text);
}

static bool get_terminal(struct ctl *c, uint32_t *terminal)
{
    const char *text = c->positions[0];
    char more;
    unsigned n;
    if (sscanf(*text == 'T' ? text + 1 : text, "%4u%c", &n, &more) != 1 || n < 1 || n > 9999) {
        ctl_usage(c, "'%s' is no till: they are numbered 1 to 9999, or T0003 as in entries", text);
        return false;
    }
    *terminal = n;
    return true;
}

static enum ctl_exit run_till_recode(struct ctl *c)
{
    struct errmsg why;
    struct terminal_view t;
    uint32_t n;
    char text[CODE_TEXT_SIZE];
    if (!get_terminal(c, &n))
        return CTL_USAGE;
    return till_recode(c->books, &c->home, n, &t, text, &why) ? ctl_fail(&why, "patronctl till list shows them")
                                                              : show_code(c, &t, text);
}

static enum ctl_exit run_till_revoke(struct ctl *c)
{
    struct errmsg why;
    struct terminal_view t;
    uint32_t n;
    if (!get_terminal(c, &n))
        return CTL_USAGE;
    if (till_revoke(c->books, n, &t, &why))
        return ctl_fail(&why, "patronctl till list shows them");
    ctl_show(
        c, json_pack("{s:i, s:s, s:b}", "terminal", (int)t.terminal, "shop", t.shop, "revoked", 1));
    ctl_say(c, "Head office answers it no more.  What it had sent stays in the books.");
    return CTL_OK;
}

/* ---- orders and health ---- */

struct words {
    char text[160];
};

static void add_word(struct words *w, bool say, const char *word)
{
    size_t used = strlen(w->text);
    if (say)
        snprintf(w->text + used, sizeof w->text - used, "%s%s", used ? ", " : "", word);
}

static struct words orders_text(uint32_t orders)
{
    struct words w = {""};
    add_word(&w, orders & ORDER_UPLOAD, "upload");
    add_word(&w, orders & ORDER_LOCKED, "lock");
    add_word(&w, orders & ORDER_WIPE, "wipe");
    return w;
}

/* Only what somebody has to look at. */
static struct words health_text(const struct wire_health *h)
{
    struct words w = {""};
    add_word(&w, h->locked == HEALTH_LOCKED, "locked");
    add_word(&w, h->locked == HEALTH_WIPED, "keys wiped");
    add_word(&w, h->journal == 1, "journal damaged");
    add_word(&w, h->journal == 2, "disk full");
    add_word(&w, h->reader == 2, "reader away");
    add_word(&w, h->printer == 2, "printer away or out of paper");
    add_word(&w, h->receipts_waiting, "receipts wait");
    add_word(&w, h->disk_free_mb && h->disk_free_mb < TILL_DISK_LOW_MB, "disk nearly full");
    return w;
}

static json_t *health_json(const struct wire_health *h)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:I}", "reader", (json_int_t)h->reader, "printer",
                     (json_int_t)h->printer, "receipts_waiting", (json_int_t)h->receipts_waiting, "journal",
                     (json_int_t)h->journal, "disk_free_mb", (json_int_t)h->disk_free_mb, "locked",
                     h->locked == HEALTH_LOCKED, "entries", (json_int_t)h->entries);
}

/* Take set on and clear off what the till is to do. */
static enum ctl_exit order(struct ctl *c, uint32_t set, uint32_t clear, const char *said)
{
    struct errmsg why;
    struct terminal_view t;
    uint32_t n, orders = 0;
    if (!get_terminal(c, &n))
        return CTL_USAGE;
    if (till_order(c->books, n, set, clear, &t, &orders, &why))
        return ctl_fail(&why, "patronctl till list shows them");
    ctl_show(c, json_pack("{s:i, s:s, s:s}", "terminal", (int)t.terminal, "shop", t.shop, "orders",
                          orders_text(orders).text));
    ctl_say(c, "%s", said);
    return CTL_OK;
}

static enum ctl_exit run_till_lock(struct ctl *c)
{
    return order(c, ORDER_LOCKED, 0, "It stops selling with points when it next reaches head office.");
}

static enum ctl_exit run_till_unlock(struct ctl *c)
{
    return order(c, 0, ORDER_LOCKED | ORDER_WIPE, "It goes on when it next reaches head office.");
}

static enum ctl_exit run_till_upload(struct ctl *c)
{
    return order(c, ORDER_UPLOAD, 0, "It sends all it owes when it next reaches head office.");
}

static enum ctl_exit run_till_wipe(struct ctl *c)
{
    if (!ctl_value(c, "--yes"))
        return ctl_usage(c, "the till cannot be used any more afterwards: say --yes");
    return order(c, ORDER_WIPE, 0,
                 "When it next reaches head office it is locked, sends what it owes, and forgets its keys.");
}

struct fleet {
    struct ctl *c;
    json_t *rows;
};

static bool add_terminal(const struct fleet_line *t, void *arg)
{
    struct fleet *fleet = arg;
    const struct terminal_view *v = &t->terminal;
    json_t *row = json_pack("{s:i, s:s, s:s, s:I, s:o, s:I, s:o, s:s, s:s}", "terminal", (int)v->terminal,
                            "shop", v->shop, "state", till_state(v), "last_entry", (json_int_t)t->last_seq,
                            "contact", ctl_json_time(t->contact_s), "waiting", (json_int_t)t->waiting,
                            "program", ctl_json_text(t->program), "orders", orders_text(t->orders).text,
                            "notice", health_text(&t->health).text);
    if (fleet->c->json)
        json_object_set_new(row, "health", health_json(&t->health));
    json_array_append_new(fleet->rows, row);
    return true;
}

static enum ctl_exit run_till_list(struct ctl *c)
{
    struct errmsg why;
    struct fleet fleet = {c, json_array()};
    if (books_terminals(c->books, add_terminal, &fleet, &why)) {
        json_decref(fleet.rows);
        return ctl_fail(&why, "");
    }
    ctl_show(c, fleet.rows);
    return CTL_OK;
}

static enum ctl_exit run_upgrade(struct ctl *c)
{
    struct errmsg why;
    char path[HOME_PATH_MAX];
    int64_t entries, differing;
    enum err e = home_open(&c->home, c->dir, &why);
    if (e)
        return ctl_fail(&why, "");
    home_path(&c->home, HOME_BOOKS, path);
    e = books_upgrade(path, &c->home.card_keys, &entries, &differing, &why);
    if (e)
        return ctl_fail(&why, e == ERR_STATE ? "there is nothing to do" : "nothing was changed");
    ctl_show(c, json_pack("{s:I, s:I}", "entries", (json_int_t)entries, "members_with_other_points",
                          (json_int_t)differing));
    ctl_say(c, "\nThe old books are %s.old; check the new ones: patronctl ledger verify", path);
    return CTL_OK;
}

const struct ctl_command ctl_setup_commands[] = {
    {.name = "init",
     .positions = "",
     .summary = "make a programme: keys, certificates, ledger, first rules",
     .options = {{"--name", "NAME", "the programme's name, for people (\"Patron\")"},
                 {"--currency", "CODE", "ISO 4217 code of the one currency (GBP)"},
                 {"--pack", "FILE", "begin with these rules instead; see patronctl pack template"}},
     .text = "Everything goes into one folder, --home DIR, which must not exist yet or be empty.\n"
             "Either all of it is made or nothing.\n\n"
             "  patronctl --home office init --name \"Corner Shops\" --currency EUR\n",
     .run = run_init},
    {.name = "upgrade",
     .positions = "",
     .summary = "take over the books of the program before",
     .text = "Their log is posted again into new tables.  End patron-office first; the old file stays.\n",
     .run = run_upgrade},
    {.name = "pack template",
     .positions = "",
     .summary = "print rules to start from",
     .options = {{"--name", "NAME", "the programme's name"},
                 {"--currency", "CODE", "ISO 4217 code"}},
     .text = "  patronctl pack template > rules.json\n",
     .run = run_pack_template},
    {.name = "pack check",
     .positions = "FILE",
     .least = 1,
     .most = 1,
     .summary = "is this a good pack?  Says file, line and reason when not",
     .text = "  patronctl pack check rules.json\n",
     .run = run_pack_check},
    {.name = "pack publish",
     .positions = "FILE",
     .least = 1,
     .most = 1,
     .summary = "check, sign and store the next version of the rules",
     .text =
         "Its version follows the newest one, its effective day is today or later: what was sold\n"
         "before keeps the rules it was sold by.\n\n"
         "  patronctl pack show > rules.json; $EDITOR rules.json; patronctl pack publish "
         "rules.json\n",
     .needs = CTL_HOME,
     .run = run_pack_publish},
    {.name = "pack list",
     .positions = "",
     .summary = "every version, and the one in force",
     .needs = CTL_HOME,
     .run = run_pack_list},
    {.name = "pack show",
     .positions = "[VERSION]",
     .most = 1,
     .summary = "the rules of a version (the newest), as they were signed",
     .text = "  patronctl pack show 1\n",
     .needs = CTL_HOME,
     .run = run_pack_show},
    {.name = "till add",
     .positions = "",
     .summary = "let a new till in: its number and one-time code",
     .options = {{"--shop", "CODE", "the shop it stands in, at most 15 bytes"}},
     .text =
         "Head office keeps only a hash of the code; if it gets lost: patronctl till recode N.\n\n"
         "  patronctl till add --shop LONDON\n",
     .needs = CTL_HOME,
     .run = run_till_add},
    {.name = "till list",
     .positions = "",
     .summary = "the tills, what came from them and when, and how they are",
     .text = "notice  what it said of itself that somebody has to look at; with --json all it said\n"
             "orders  what it will be told when it next reaches head office\n",
     .needs = CTL_HOME,
     .run = run_till_list},
    {.name = "till recode",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "a new one-time code, for a till that keeps its journal",
     .text = "For a code that was lost or mistyped, or a certificate that must be made anew.  A "
             "till whose\n"
             "journal is gone comes back as a new one: patronctl till add.\n\n"
             "  patronctl till recode 7\n",
     .needs = CTL_HOME,
     .run = run_till_recode},
    {.name = "till revoke",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "shut a till out for good: stolen, scrapped",
     .text = "  patronctl till revoke 7\n",
     .needs = CTL_HOME,
     .run = run_till_revoke},
    {.name = "till lock",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "let a till sell nothing with points until it is unlocked",
     .text = "  patronctl till lock 7\n",
     .needs = CTL_HOME,
     .run = run_till_lock},
    {.name = "till unlock",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "let it go on; takes back an order to wipe that it has not had yet",
     .text = "  patronctl till unlock 7\n",
     .needs = CTL_HOME,
     .run = run_till_unlock},
    {.name = "till upload",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "have a till send all it owes at once",
     .text = "  patronctl till upload 7\n",
     .needs = CTL_HOME,
     .run = run_till_upload},
    {.name = "till wipe",
     .positions = "N",
     .least = 1,
     .most = 1,
     .summary = "have a till send what it owes, then forget its keys for good",
     .options = {{"--yes", NULL, "yes, it cannot be used any more afterwards"}},
     .text = "A till that was stolen may never ask again: patronctl till revoke as well.\n\n"
             "  patronctl till wipe 7 --yes\n",
     .needs = CTL_HOME,
     .run = run_till_wipe},
    {0},
};
