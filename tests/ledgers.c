/* ledgers.c - see ledgers.h.  SPDX-License-Identifier: Apache-2.0 */
#include "tests/ledgers.h"
#include "base/date.h"
#include "cardproto/layout.h"
#include "sync/wire.h"
#include "tests/packs.h"
#include "tests/sql.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        struct errmsg why = {""};                                                                  \
        if (call)                                                                                  \
            fail_msg("%s", why.text);                                                              \
    } while (0)

int64_t ledgers_day(int32_t day)
{
    return (int64_t)(LEDGERS_DAY_0 + day) * SECONDS_PER_DAY + SECONDS_PER_DAY / 2;
}

void ledgers_add_pack(struct ledgers *l, uint32_t version, const char *effective, const char *earn,
                      const char *top)
{
    char json[8192];
    struct pack pack;
    int size = snprintf(json, sizeof json,
                        "{\"version\": %u, \"effective\": \"%s\", \"name\": \"Test\", \"currency\": "
                        "\"GBP\", \"earn\": {\"rate\": \"1/100\"%s%s}%s%s}",
                        (unsigned)version, effective, *earn ? ", " : "", earn, *top ? ", " : "", top);
    CHECK(pack_read(&pack, json, (size_t)size, "test.json", &why));
    CHECK(books_add_pack(l->books, &pack, bytes_of(json, (size_t)size), bytes_of("s", 1), &why));
}

void ledgers_open(struct ledgers *l, const char *name, const char *earn, const char *top)
{
    memset(l, 0, sizeof *l);
    memcpy(l->keys.scheme.aid, "\x01\x02\xf0", 3);
    memset(l->keys.tmac.b, 0x77, sizeof l->keys.tmac.b);
    snprintf(l->path, sizeof l->path, "%s/%s.db", test_scratch_dir(), name);
    CHECK(books_create(l->path, &why));
    CHECK(books_open(&l->books, l->path, &l->keys, &why));
    ledgers_add_pack(l, 1, "2011-01-01", earn, top);
}

void ledgers_reopen(struct ledgers *l)
{
    books_close(l->books);
    l->books = NULL;
    CHECK(books_open(&l->books, l->path, &l->keys, &why));
}

void ledgers_close(struct ledgers *l)
{
    books_close(l->books);
    l->books = NULL;
}

struct txn *ledgers_entry(struct ledgers *l, uint32_t till, enum txn_kind kind, int64_t time_s)
{
    memset(&l->t, 0, sizeof l->t);
    l->t.kind = kind;
    l->t.id = (struct entry_id){till, ++l->seq[till]};
    l->t.time_s = time_s;
    l->t.pack_version = 1;
    snprintf(l->t.shop, sizeof l->t.shop, "Leeds");
    return &l->t;
}

void ledgers_post(struct ledgers *l, const struct txn *t, enum post_result result)
{
    static uint8_t bytes[WIRE_ENTRY_MAX];
    struct buf entry = BUF_ON(bytes);
    enum post_result is;
    CHECK(wire_encode_txn(&entry, t, &why));
    CHECK(books_begin(l->books, &why));
    CHECK(books_post(l->books, t, buf_bytes(&entry), l->now_s ? l->now_s : t->time_s, &is, &why));
    CHECK(books_commit(l->books, &why));
    assert_int_equal(is, result);
}

void ledgers_own(struct ledgers *l, struct txn *t, int64_t time_s)
{
    t->time_s = time_s;
    CHECK(books_post_own(l->books, t, time_s, &why));
}

void ledgers_member(struct ledgers *l, member_id member, int32_t day)
{
    struct txn *t = &l->t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_MEMBER;
    t->member = member;
    ledgers_own(l, t, ledgers_day(day));
}

void ledgers_card(struct ledgers *l, struct real_card *c, enum card_kind kind, uint8_t number,
                  member_id member, int32_t day)
{
    struct txn *t = &l->t;
    memset(c, 0, sizeof *c);
    c->kind = kind;
    c->uid = (struct card_uid){{4, 1, 2, 3, 4, 5, number}};
    memset(t, 0, sizeof *t);
    t->kind = TXN_CARD;
    t->member = member;
    t->card = c->uid;
    t->card_kind = kind;
    t->card_status = CARD_ACTIVE;
    ledgers_own(l, t, ledgers_day(day));
}

void ledgers_run(struct ledgers *l, int32_t day)
{
    struct txn *t = &l->t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_RUN;
    t->day = LEDGERS_DAY_0 + day;
    ledgers_own(l, t, ledgers_day(day));
}

void ledgers_adjust(struct ledgers *l, member_id member, int64_t points, int32_t day)
{
    struct txn *t = &l->t;
    memset(t, 0, sizeof *t);
    t->kind = TXN_ADJUST;
    t->member = member;
    t->points = points_of(points);
    snprintf(t->reason, sizeof t->reason, "test");
    ledgers_own(l, t, ledgers_day(day));
}

static void bill(struct ledgers *l, struct txn *t, const char *lines, struct points redeemed)
{
    struct earning earned;
    int64_t sum = 0;
    t->line_count = packs_lines(t->lines, lines);
    for (int32_t i = 0; i < t->line_count; i++)
        sum += money_minor(t->lines[i].amount);
    t->total = money_of(sum);
    t->redeemed_value = money_of(points_n(redeemed));
    struct bill b = rules_bill(t);
    const struct pack *pack = books_pack_on(l->books, LEDGERS_DAY_0);
    if (t->kind == TXN_SALE && (t->member || uid_is(&t->card))) {
        CHECK(rules_earn(pack, &b, &earned, &why));
        t->points = earned.points;
    }
}

struct entry_id ledgers_sale(struct ledgers *l, uint32_t till, member_id member, const char *lines,
                             int32_t day)
{
    struct txn *t = ledgers_entry(l, till, TXN_SALE, ledgers_day(day));
    t->member = member;
    bill(l, t, lines, points_of(0));
    ledgers_post(l, t, POST_NEW);
    return t->id;
}

struct entry_id ledgers_refund(struct ledgers *l, uint32_t till, struct entry_id sale,
                               const char *lines, int32_t day)
{
    struct txn *t = ledgers_entry(l, till, TXN_REFUND, ledgers_day(day));
    t->original = sale;
    t->pack_version = 0;
    bill(l, t, lines, points_of(0));
    ledgers_post(l, t, POST_NEW);
    return t->id;
}

/* The commit on the card: record, counter, Transaction MAC. */
static void card_does(const struct ledgers *l, struct real_card *c, struct txn_evidence *e,
                      struct entry_id entry, int32_t change, int64_t time_s, bool commit)
{
    struct card_record r = {entry, time_s, change < 0 ? 'D' : 'L', change, c->purse + change, c->tmc + 1};
    uint8_t reader[READER_ID_SIZE], before[READER_ID_SIZE] = {0}, enc[READER_ID_SIZE];
    struct aes_key key, mac, session;
    memset(e, 0, sizeof *e);
    e->kind = c->kind;
    e->tmc = c->tmc;
    e->purse_before = c->purse;
    card_record_encode(e->record, &r);
    if (c->kind == CARD_EV2) {
        uint8_t iv[AES_BLOCK] = {0};
        struct buf tmi = BUF_ON(e->tmi);
        layout_diversify(&l->keys.scheme, &c->uid, KEY_TMAC, &l->keys.tmac, &key);
        tmac_session_keys(&key, &c->uid, c->tmc + 1, &mac, &session);
        if (entry_is(c->last))
            layout_encode_reader(before, c->last);
        aes_cbc_encrypt(&session, iv, enc, before, sizeof enc);
        layout_encode_reader(reader, entry);
        tmi_put_value(&tmi, 0x6c, FILE_PURSE, c->purse);
        if (change)
            tmi_put_value(&tmi, change < 0 ? 0xdc : 0x0c, FILE_PURSE, change < 0 ? -change : change);
        tmi_put_data(&tmi, 0x3b, FILE_LOG, 0, bytes_of(e->record, sizeof e->record));
        tmi_put_reader(&tmi, reader, enc);
        e->tmi_size = (uint16_t)tmi.size;
        tmac_value(&key, &c->uid, c->tmc + 1, buf_bytes(&tmi), c->tmv);
    }
    if (!commit)
        return;
    c->purse += change;
    c->tmc++;
    c->last = entry;
    memmove(&c->records[1], &c->records[0], sizeof c->records - sizeof c->records[0]);
    memmove(&c->raw[1], &c->raw[0], sizeof c->raw - sizeof c->raw[0]);
    c->records[0] = r;
    memcpy(c->raw[0], e->record, sizeof c->raw[0]);
    if (c->record_count < CARD_LOG_MAX)
        c->record_count++;
}

static void complete(const struct real_card *c, struct txn_evidence *e)
{
    e->tmc++;
    if (c->kind == CARD_EV2)
        memcpy(e->tmv, c->tmv, sizeof e->tmv);
}

struct entry_id ledgers_intent(struct ledgers *l, uint32_t till, struct real_card *c, member_id member,
                               int32_t points, int32_t day, bool commit, struct txn_evidence *done)
{
    struct txn *t = ledgers_entry(l, till, TXN_INTENT, ledgers_day(day));
    t->card = c->uid;
    t->member = member;
    t->redeemed = points_of(points);
    card_does(l, c, &t->evidence, t->id, -points, t->time_s, commit);
    *done = t->evidence;
    complete(c, done);
    ledgers_post(l, t, POST_NEW);
    return t->id;
}

struct entry_id ledgers_outcome(struct ledgers *l, uint32_t till, enum txn_kind kind,
                                struct real_card *c, member_id member, struct entry_id intent,
                                int32_t points, enum txn_commit commit,
                                const struct txn_evidence *done, const char *lines, int32_t day)
{
    struct txn *t = ledgers_entry(l, till, kind, ledgers_day(day));
    t->card = c->uid;
    t->member = member;
    t->original = intent;
    t->redeemed = points_of(points);
    t->commit = commit;
    if (commit == COMMIT_DONE)
        t->evidence = *done;
    if (kind == TXN_SALE)
        bill(l, t, lines, points_of(commit == COMMIT_DONE ? points : 0));
    ledgers_post(l, t, POST_NEW);
    return t->id;
}

void ledgers_seen(const struct real_card *c, struct card_seen *seen)
{
    memset(seen, 0, sizeof *seen);
    seen->kind = c->kind;
    seen->uid = c->uid;
    seen->purse = c->purse;
    seen->has_tmc = true;
    seen->tmc = c->tmc;
    memcpy(seen->tmv, c->tmv, sizeof seen->tmv);
    seen->record_count = c->record_count;
    memcpy(seen->records, c->records, sizeof seen->records);
    memcpy(seen->raw_records, c->raw, sizeof seen->raw_records);
}

int32_t ledgers_load(struct ledgers *l, struct real_card *c, int32_t day, enum txn_commit commit,
                     bool did)
{
    struct card_seen seen;
    struct load_plan plan;
    struct txn *t = &l->t;
    ledgers_seen(c, &seen);
    CHECK(books_begin(l->books, &why));
    CHECK(books_plan_load(l->books, &seen, ledgers_day(day), &plan, &why));
    CHECK(books_commit(l->books, &why));
    uint32_t number = l->load;
    if (!number)
        CHECK(books_next_load(l->books, &number, &why));
    memset(t, 0, sizeof *t);
    t->kind = TXN_LOAD_INTENT;
    t->load = number;
    t->card = c->uid;
    t->points = points_of(plan.delta);
    card_does(l, c, &t->evidence, (struct entry_id){0, number}, plan.delta, ledgers_day(day),
              commit == COMMIT_DONE || (commit == COMMIT_DOUBT && did));
    l->load_done = t->evidence;
    complete(c, &l->load_done);
    ledgers_own(l, t, ledgers_day(day));
    struct entry_id intent = t->id;
    memset(t, 0, sizeof *t);
    t->kind = TXN_LOAD;
    t->card = c->uid;
    t->points = points_of(plan.delta);
    t->original = intent;
    t->commit = commit;
    if (commit == COMMIT_DONE)
        t->evidence = l->load_done;
    ledgers_own(l, t, ledgers_day(day));
    return plan.delta;
}

void ledgers_expect(struct ledgers *l, member_id member, int64_t held, int64_t cards, int64_t transit,
                    int64_t owed)
{
    struct member_view m;
    char is[128], should[128];
    CHECK(books_member(l->books, member, &m, &why));
    snprintf(is, sizeof is, "held %lld, cards %lld, transit %lld, owed %lld", (long long)points_n(m.held),
             (long long)points_n(m.on_cards), (long long)points_n(m.in_transit),
             (long long)points_n(m.owed));
    snprintf(should, sizeof should, "held %lld, cards %lld, transit %lld, owed %lld", (long long)held,
             (long long)cards, (long long)transit, (long long)owed);
    assert_string_equal(is, should);
}

static bool add_review(const struct review_item *item, void *arg)
{
    char *text = arg, name[ENTRY_TEXT_SIZE];
    size_t used = strlen(text);
    entry_text(name, item->entry);
    snprintf(text + used, 4096 - used, "%s %s\n", name, item->answer);
    return true;
}

void ledgers_expect_reviews(struct ledgers *l, const char *lines)
{
    char text[4096] = "";
    CHECK(books_reviews(l->books, add_review, text, &why));
    assert_string_equal(text, lines);
}

static sqlite3 *second(struct ledgers *l)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(l->path, &db), SQLITE_OK);
    return db;
}

int64_t ledgers_sql(struct ledgers *l, const char *sql)
{
    sqlite3 *db = second(l);
    int64_t value = sql_number(db, sql);
    sqlite3_close(db);
    return value;
}

void ledgers_exec(struct ledgers *l, const char *sql)
{
    sqlite3 *db = second(l);
    sql_run(db, sql);
    sqlite3_close(db);
}

static int add_row(void *arg, int count, char **values, char **names)
{
    char *text = arg;
    size_t used = strlen(text);
    (void)names;
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, 8192 - used, "%s%s", i ? "|" : "", values[i] ? values[i] : "");
    snprintf(text + used, 8192 - used, "\n");
    return 0;
}

void ledgers_example(struct ledgers *l, const char *name)
{
    char path[64], is[8192] = "", *error = NULL;
    size_t size;
    sqlite3 *db = second(l);
    snprintf(path, sizeof path, "db/examples/%s.sql", name);
    if (sqlite3_exec(db, packs_file(path, &size), add_row, is, &error) != SQLITE_OK)
        fail_msg("%s: %s", path, error);
    sqlite3_close(db);
    snprintf(path, sizeof path, "db/examples/%s.out", name);
    if (getenv("PATRON_WRITE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(is, f);
        fclose(f);
    }
    assert_string_equal(is, packs_file(path, &size));
}

void ledgers_sound(struct ledgers *l)
{
    books_sound(l->books);
}

void books_sound(struct books *books)
{
    char *text = NULL;
    size_t size = 0;
    int broken = 0, differing = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    CHECK(books_verify(books, out, &broken, &why));
    CHECK(books_replay(books, out, &differing, &why));
    fclose(out);
    if (broken || differing)
        fail_msg("%s", text);
    free(text);
}
