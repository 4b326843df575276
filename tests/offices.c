/* offices.c - see offices.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/offices.h"

#include "base/mbed.h"
#include "hw/clock.h"
#include "tests/cards.h"
#include "tests/packs.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct txn txn; /* big: not on the stack */

void must(enum err e, const struct errmsg *why)
{
    if (e)
        fail_msg("%s", why->text);
}

void office_set_clock(struct office *o, const char *time)
{
    FILE *f = fopen(o->clock_file, "w");
    assert_non_null(f);
    assert_true(fprintf(f, "%s\n", time) > 0);
    assert_int_equal(fclose(f), 0);
}

void office_start(struct office *o)
{
    struct errmsg why = {""};
    char path[HOME_PATH_MAX];
    struct server_options options = {.listen = *o->address ? o->address : "127.0.0.1:0"};
    home_path(&o->home, HOME_BOOKS, path);
    must(books_open(&o->books, path, &o->home.card_keys, &why), &why);
    must(server_create(&o->server, &o->home, o->books, &options, &why), &why);
    snprintf(o->address, sizeof o->address, "%s", server_address(o->server));
}

void office_stop(struct office *o)
{
    server_destroy(o->server);
    books_close(o->books);
    o->server = NULL;
    o->books = NULL;
}

void office_publish(struct office *o, const char *json)
{
    struct errmsg why = {""};
    uint8_t room[MBED_SIGNATURE_MAX], hash[MBED_HASH_SIZE];
    struct buf signature = BUF_ON(room);
    size_t size = strlen(json);
    must(pack_read(&o->pack, json, size, "pack", &why), &why);
    mbed_sha256(hash, bytes_of(json, size));
    must(mbed_sign(&signature, &o->home.pack_key, hash, &why), &why);
    must(books_add_pack(o->books, &o->pack, bytes_of(json, size), buf_bytes(&signature), &why),
         &why);
}

static void add_pack(struct office *o)
{
    char path[512];
    size_t size;
    snprintf(path, sizeof path, "%s/packs/demo.json", test_data_dir());
    office_publish(o, packs_file(path, &size));
}

void office_open(struct office *o)
{
    static int count; /* each has its own folder */
    struct errmsg why = {""};
    char path[HOME_PATH_MAX];
    memset(o, 0, sizeof *o);
    snprintf(o->dir, sizeof o->dir, "%s/office%d", test_scratch_dir(), ++count);
    snprintf(o->clock_file, sizeof o->clock_file, "%s/clock", test_scratch_dir());
    office_set_clock(o, "2011-03-01T09:00");
    clock_use(o->clock_file);
    must(mbed_init(&why), &why);
    must(home_create(&o->home, o->dir, time(NULL), &why), &why);
    home_path(&o->home, HOME_BOOKS, path);
    must(books_create(path, &why), &why);
    must(home_keep(&o->home, &why), &why);
    office_start(o);
    add_pack(o);
}

void office_close(struct office *o)
{
    office_stop(o);
    home_finish(&o->home);
    clock_use(NULL);
}

void office_code(struct office *o, uint32_t terminal, char text[CODE_TEXT_SIZE], struct code *code)
{
    struct errmsg why = {""};
    struct terminal_view t = {.terminal = terminal, .shop = "LEEDS"}, old;
    code->terminal = terminal;
    for (int i = 0; i < CODE_SECRET_SIZE; i++)
        code->secret[i] = (uint8_t)test_random();
    code_print(code->print, bytes_of(o->home.ca.raw.p, o->home.ca.raw.len));
    code_text(text, code);
    code_hash(t.code_hash, code);
    if (books_terminal(o->books, terminal, &old, &why) == OK)
        memcpy(t.cert_hash, old.cert_hash, sizeof t.cert_hash);
    must(books_save_terminal(o->books, &t, &why), &why);
}

static struct txn *own_entry(enum txn_kind kind, member_id member)
{
    memset(&txn, 0, sizeof txn);
    txn.kind = kind;
    txn.member = member;
    return &txn;
}

static void post(struct office *o)
{
    struct errmsg why = {""};
    must(books_post_own(o->books, &txn, clock_now_s(), &why), &why);
}

void office_post_card(struct office *o, const struct card_uid *card, enum card_kind kind,
                      member_id member, enum card_status status, const char *reason)
{
    struct txn *t = own_entry(TXN_CARD, member);
    t->card = *card;
    t->card_kind = kind;
    t->card_status = status;
    snprintf(t->reason, sizeof t->reason, "%s", reason);
    post(o);
}

void office_new_card(struct office *o, struct vcard *card, enum vcard_kind kind,
                     const struct card_uid *uid, member_id member)
{
    struct card_profile profile = {.member = member, .layout = CARD_LAYOUT};
    snprintf(profile.tier, sizeof profile.tier, "%s", o->pack.tiers[0].code);
    cards_issue(card, kind, uid, &o->home.card_keys, &profile);
    struct txn *t = own_entry(TXN_MEMBER, member);
    snprintf(t->tier, sizeof t->tier, "%s", profile.tier);
    post(o);
    office_post_card(o, uid, kind == VCARD_EV1 ? CARD_EV1 : CARD_EV2, member, CARD_ACTIVE,
                     "issued");
}

void office_adjust(struct office *o, member_id member, int64_t points)
{
    struct txn *t = own_entry(TXN_ADJUST, member);
    t->points = points_of(points);
    snprintf(t->reason, sizeof t->reason, "test");
    post(o);
}

struct member_view office_member(struct office *o, member_id member)
{
    struct errmsg why = {""};
    struct member_view m;
    must(books_member(o->books, member, &m, &why), &why);
    return m;
}
