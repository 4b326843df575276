/* test_vcard.c - the virtual card: against bytes real cards sent, and the rules of files and transactions.
 * Where a terminal is needed it is the one of cardproto, written apart from the card.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/ev1.h"
#include "cardproto/ev2.h"
#include "cardproto/frame.h"
#include "cardproto/tmac.h"
#include "hw/vcard.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <stdio.h>
#include <string.h>

static const struct card_uid some_uid = {{0x04, 0xde, 0x5f, 0x1e, 0xac, 0xc0, 0x40}};
static const uint8_t our_aid[3] = {0x01, 0x02, 0xf3};
static struct vcard card; /* big: not on the stack */

/* --- a terminal --------------------------------------------------------------------------------- */

static struct buf answer;
static uint8_t answer_room[VCARD_ANSWER_MAX];

static void send_frame(struct bytes frame)
{
    answer = BUF_ON(answer_room);
    assert_true(vcard_exchange(&card, frame, &answer));
}

static void send_hex(const char *hex)
{
    uint8_t frame[300];
    size_t size;
    assert_int_equal(hex_decode(frame, sizeof frame, &size, hex), OK);
    send_frame(bytes_of(frame, size));
}

static void expect_hex(const char *frame, const char *expected)
{
    char got[2 * VCARD_ANSWER_MAX + 1];
    send_hex(frame);
    hex_encode(got, answer.data, answer.size);
    assert_string_equal(got, expected);
}

/* A whole command with its chaining: status, and the answer's data in joined. */
static uint8_t joined_room[1024];
static struct bytes joined;

static unsigned command(uint8_t cmd, struct bytes params)
{
    struct frame_chain f;
    frame_start(&f, cmd, params, BUF_ON(joined_room));
    for (;;) {
        uint8_t room[64];
        struct buf out = BUF_ON(room);
        frame_next(&f, &out);
        send_frame(buf_bytes(&out));
        enum frame_next next = frame_take(&f, buf_bytes(&answer));
        assert_int_not_equal(next, FRAME_BAD);
        if (next == FRAME_MORE)
            continue;
        joined = buf_bytes(&f.answer);
        return f.status;
    }
}

static struct ev2_session ev2;
static struct ev1_session ev1;
enum talk { TALK_NONE, TALK_EV1, TALK_EV2 };
static enum talk talk;
static const struct aes_key zero_key;

static void select_app(const uint8_t aid[3])
{
    talk = TALK_NONE;
    assert_int_equal(command(0x5a, bytes_of(aid, 3)), 0);
}

static unsigned login(uint8_t cmd, uint8_t key_no, const struct aes_key *key)
{
    uint8_t begin[] = {0x90, cmd, 0, 0, 2, key_no, 0, 0}, room[64], reply[AUTH_REPLY_SIZE];
    static const uint8_t rnda[16] = "0123456789abcdef";
    size_t size = sizeof begin;
    if (cmd != 0x71) {
        begin[4] = 1;
        size--;
    }
    send_frame(bytes_of(begin, size));
    if (answer.data[answer.size - 1] != 0xaf)
        return answer.data[answer.size - 1];
    assert_int_equal(answer.size, 18);
    struct ev2_auth a2;
    struct ev1_auth a1;
    if (cmd == 0xaa)
        ev1_auth_reply(&a1, key, rnda, answer.data, reply);
    else
        ev2_auth_reply(&a2, key, rnda, answer.data, reply);
    struct buf out = BUF_ON(room);
    frame_wrap(&out, 0xaf, bytes_of(reply, sizeof reply));
    send_frame(buf_bytes(&out));
    unsigned status = answer.data[answer.size - 1];
    if (status)
        return status;
    struct bytes got = bytes_of(answer.data, answer.size - 2);
    if (cmd == 0xaa)
        assert_int_equal(ev1_auth_finish(&a1, got, &ev1), OK);
    else if (cmd == 0x71)
        assert_int_equal(ev2_auth_finish_first(&a2, got, &ev2), OK);
    else
        assert_int_equal(ev2_auth_finish_nonfirst(&a2, got, &ev2), OK);
    talk = cmd == 0xaa ? TALK_EV1 : TALK_EV2;
    return 0;
}

/* A command in the session that is open; plain data of the answer in plain. */
static uint8_t plain_room[512];
static struct buf plain;

static unsigned secure(uint8_t cmd, struct bytes header, struct bytes data, enum comm mode,
                       enum comm back, size_t size)
{
    uint8_t room[600];
    struct buf body = BUF_ON(room);
    plain = BUF_ON(plain_room);
    if (talk == TALK_EV2) {
        assert_int_equal(ev2_command(&ev2, cmd, header, data, mode, &body), OK);
    } else if (talk == TALK_EV1) {
        /* Only data is MACed on the way out in EV1. */
        enum comm out = mode == COMM_MAC && !data.size ? COMM_PLAIN : mode;
        if (mode == COMM_FULL && !data.size)
            out = COMM_PLAIN;
        ev1_command(&ev1, cmd, header, data, out, &body);
    } else {
        buf_put(&body, header.data, header.size);
        buf_put(&body, data.data, data.size);
    }
    unsigned status = command(cmd, buf_bytes(&body));
    if (status != 0) {
        talk = TALK_NONE;
        return status;
    }
    if (talk == TALK_EV2)
        assert_int_equal(ev2_answer(&ev2, 0, joined, back, &plain), OK);
    else if (talk == TALK_EV1)
        assert_int_equal(ev1_answer(&ev1, 0, joined, back, size, &plain), OK);
    else
        buf_put(&plain, joined.data, joined.size);
    return 0;
}

static struct bytes hex(const char *text)
{
    static uint8_t pool[8][256];
    static unsigned turn;
    uint8_t *b = pool[turn++ % 8];
    size_t size;
    assert_int_equal(hex_decode(b, 256, &size, text), OK);
    return bytes_of(b, size);
}

#define NOTHING bytes_of("", 0)

/* Command with header only, answer MACed: what most are. */
static unsigned admin(uint8_t cmd, const char *header)
{
    return secure(cmd, hex(header), NOTHING, COMM_MAC, COMM_MAC, 0);
}
static unsigned admin_data(uint8_t cmd, const char *params)
{
    if (talk == TALK_EV1)
        return secure(cmd, hex(params), NOTHING, COMM_PLAIN, COMM_MAC, 0);
    return secure(cmd, NOTHING, hex(params), COMM_MAC, COMM_MAC, 0);
}

static unsigned value_change(uint8_t cmd, uint8_t file, uint32_t amount)
{
    uint8_t le[4];
    put_le(le, amount, 4);
    return secure(cmd, bytes_of(&file, 1), bytes_of(le, 4), COMM_FULL,
                  talk == TALK_EV1 ? COMM_MAC : COMM_FULL, 0);
}

static int32_t value_of(uint8_t file)
{
    assert_int_equal(secure(0x6c, bytes_of(&file, 1), NOTHING, COMM_FULL, COMM_FULL, 4), 0);
    assert_int_equal(plain.size, 4);
    return (int32_t)get_le(plain.data, 4);
}

static unsigned read_whole(uint8_t cmd, uint8_t file)
{
    uint8_t header[7] = {file};
    return secure(cmd, bytes_of(header, 7), NOTHING, COMM_MAC, COMM_MAC, 0);
}

static unsigned write_some(uint8_t cmd, uint8_t file, uint32_t offset, struct bytes data)
{
    uint8_t header[7] = {file};
    put_le(header + 1, offset, 3);
    put_le(header + 4, data.size, 3);
    return secure(cmd, bytes_of(header, 7), data, COMM_MAC, COMM_MAC, 0);
}

static const struct vcard_file *file(uint8_t no)
{
    const struct vcard_file *f = vcard_find_file(&card, our_aid, no);
    assert_non_null(f);
    return f;
}

/* A card with an AES application of 4 zero keys and the files our layout has. */
static const char tmac_key_hex[] = "f7d23e0c44afade542bfdf2dc5c6ae02";

static void issue(enum vcard_kind kind)
{
    vcard_init(&card, kind, &some_uid, 7);
    talk = TALK_NONE;
    assert_int_equal(command(0xca, hex("0102f30984")), 0);
    select_app(our_aid);
    assert_int_equal(login(kind == VCARD_EV1 ? 0xaa : 0x71, 0, &zero_key), 0);
    assert_int_equal(admin_data(0xcb, "02013f2f200000"), 0);                    /* backup, RW 3 */
    assert_int_equal(admin_data(0xcc, "0303302f00000000e80300006400000000"), 0); /* 0..1000, 100 */
    assert_int_equal(admin_data(0xc0, "04013022200000040000"), 0);              /* 4: 3 records */
    if (kind != VCARD_EV1) {
        uint8_t key[17] = {0};
        memcpy(key, hex(tmac_key_hex).data, 16);
        assert_int_equal(
            secure(0xce, hex("0f01202f02"), bytes_of(key, 17), COMM_FULL, COMM_FULL, 0), 0);
    }
    vcard_field_off(&card);
    select_app(our_aid);
}

static unsigned reader_id(const char *id)
{
    return secure(0xc8, NOTHING, hex(id), COMM_MAC, COMM_MAC, 0);
}

#define READER "5054524e000000010000000100000000"

/* --- published bytes ---------------------------------------------------------------------------- */

static uint8_t queued[64];
static size_t queued_size, queued_at;

static void from_queue(void *of, uint8_t *out, size_t size)
{
    (void)of;
    for (size_t i = 0; i < size; i++)
        out[i] = queued_at < queued_size ? queued[queued_at++] : 0;
}

static void queue(struct bytes b)
{
    memcpy(queued + queued_size, b.data, b.size);
    queued_size += b.size;
}

static void an_app(enum vcard_kind kind, uint8_t ks1, uint8_t ks2)
{
    vcard_init(&card, kind, &some_uid, 1);
    queued_size = queued_at = 0;
    card.random = from_queue;
    card.m.apps[1] = (struct vcard_app){.used = true, .aid = {1, 2, 0xf3}, .ks1 = ks1, .ks2 = ks2};
    for (size_t i = 0; i < VCARD_KEYS; i++)
        card.m.apps[1].keys[i].type = VCARD_AES;
    card.app = 1;
}

static void expect_bytes(struct bytes data, uint8_t status)
{
    assert_int_equal(answer.size, data.size + 2);
    assert_memory_equal(answer.data, data.data, data.size);
    assert_int_equal(answer.data[answer.size - 1], status);
}

static void send_reply(struct bytes cryptogram)
{
    uint8_t room[64];
    struct buf out = BUF_ON(room);
    frame_wrap(&out, 0xaf, cryptogram);
    send_frame(buf_bytes(&out));
}

static void set_key(const json_t *c, uint8_t no)
{
    memcpy(card.m.apps[1].keys[no].b, vector_hex(c, "key").data, 16);
}

static void check_first(const json_t *c)
{
    an_app(VCARD_EV2, 0x0f, 0x85);
    uint8_t no = vector_u8(c, "key_no");
    set_key(c, no);
    queue(vector_hex(c, "rndb"));
    queue(vector_hex(c, "ti"));
    if (vector_has(c, "c_apdu_1"))
        send_frame(vector_hex(c, "c_apdu_1"));
    else
        send_frame(bytes_of((uint8_t[]){0x90, 0x71, 0, 0, 2, no, 0, 0}, 8));
    expect_bytes(vector_hex(c, "enc_rndb"), 0xaf);
    send_reply(vector_hex(c, "host_cryptogram"));
    expect_bytes(vector_hex(c, "card_response"), 0);
    vector_equal(bytes_of(card.session.enc, 16), vector_hex(c, "ses_auth_enc_key"));
    vector_equal(bytes_of(card.session.mac, 16), vector_hex(c, "ses_auth_mac_key"));
}

TEST(vcard, first_authentication_gives_the_published_bytes)
{
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_auth_first", check_first), 3);
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_auth_recover", check_first), 5);
}

static void check_nonfirst(const json_t *c)
{
    an_app(VCARD_EV2, 0x0f, 0x85);
    set_key(c, vector_u8(c, "key_no"));
    card.session.kind = VSESSION_EV2;
    memcpy(card.session.ti, vector_hex(c, "ti_kept").data, 4);
    card.session.ctr = 1;
    queue(vector_hex(c, "rndb"));
    send_frame(vector_hex(c, "c_apdu_1"));
    expect_bytes(vector_hex(c, "enc_rndb"), 0xaf);
    send_reply(vector_hex(c, "host_cryptogram"));
    expect_bytes(vector_hex(c, "card_response"), 0);
    vector_equal(bytes_of(card.session.enc, 16), vector_hex(c, "ses_auth_enc_key"));
    vector_equal(bytes_of(card.session.mac, 16), vector_hex(c, "ses_auth_mac_key"));
    assert_int_equal(card.session.ctr, 1);
}

TEST(vcard, nonfirst_authentication_gives_the_published_bytes)
{
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_auth_nonfirst", check_nonfirst), 1);
}

static void add_file(uint8_t no, enum vcard_file_type type, uint8_t option, const char *access,
                     uint32_t size, uint32_t max)
{
    for (size_t i = 0; i < VCARD_FILES; i++) {
        struct vcard_file *f = &card.m.files[i];
        if (f->used)
            continue;
        *f = (struct vcard_file){.used = true, .app = 1, .no = no, .type = (uint8_t)type,
                                 .option = option, .size = size, .max = max};
        memcpy(f->access, hex(access).data, 2);
        f->at = card.m.bytes_used;
        f->room = size * (max ? max + 1 : 2);
        card.m.bytes_used += f->room;
        f->upper = INT32_MAX;
        return;
    }
}

/* Put the card in the state the note's example is in, then its C-APDU must give its R-APDU. */
static int session_cases;

static void check_session(const json_t *c)
{
    static const char *const not_ours[] = {
        "t5-setconfiguration-value",         /* an option of DESFire Light only */
        "an12196-t7-getfilesettings-mac",    /* NTAG 424: file settings with SDM */
        "an12196-t18-changefilesettings-sdm" /* the same */
    };
    const char *id = vector_text(c, "id");
    for (size_t i = 0; i < 3; i++)
        if (strcmp(id, not_ours[i]) == 0)
            return;
    session_cases++;
    an_app(VCARD_EV2, 0x0f, 0x85);
    uint8_t ins = vector_has(c, "ins") ? vector_u8(c, "ins") : 0xc4;
    if (strncmp(id, "an12196-t28", 11) == 0)
        memcpy(card.m.uid.b, vector_hex(c, "resp_data").data, 7);
    if (ins == 0x5c) { /* a command on the card itself */
        card.app = 0;
        card.m.apps[0].keys[0].type = VCARD_AES;
        card.m.apps[0].ks2 = 0x81;
    }
    card.session.kind = VSESSION_EV2;
    card.session.key_no = 0;
    memcpy(card.session.ti, vector_hex(c, "ti").data, 4);
    memcpy(card.session.mac, vector_hex(c, "ses_auth_mac_key").data, 16);
    if (vector_has(c, "ses_auth_enc_key"))
        memcpy(card.session.enc, vector_hex(c, "ses_auth_enc_key").data, 16);
    card.session.ctr = (uint16_t)json_integer_value(json_object_get(c, "cmd_ctr"));
    const char *mode = vector_text(c, "mode");
    uint8_t option = strcmp(mode, "full") == 0 ? 3 : strcmp(mode, "mac") == 0 ? 1 : 0;
    struct bytes header = vector_hex_or_empty(c, "header");
    struct bytes data = vector_hex_or_empty(c, "data");
    struct bytes result = vector_hex_or_empty(c, "resp_data");
    if (ins == 0x8d || ins == 0xad) {
        uint32_t length = (uint32_t)get_le(header.data + 4, 3);
        add_file(header.data[0], VFILE_STD, option, "0000",
                 (uint32_t)get_le(header.data + 1, 3) + length, 0);
        memcpy(card.m.bytes, result.data, result.size);
    } else if (ins == 0x8b || ins == 0xab) {
        add_file(1, VFILE_CYCLIC, option, "0000", 16, 3);
        memcpy(card.m.bytes, result.data, result.size);
        card.m.files[0].count = ins == 0xab;
    } else if (ins == 0x6c || ins == 0x0c || ins == 0xdc) {
        add_file(3, VFILE_VALUE, option, "0000", 0, 0);
        card.m.files[0].value = ins == 0xdc ? 153 : 0;
    } else if (ins == 0xc8 || ins == 0xc7) {
        return; /* need a whole transaction: see the next test */
    } else if (ins == 0x5f) {
        add_file(4, VFILE_STD, 0, "0000", 32, 0);
    } else if (ins == 0xc4) {
        uint8_t no = vector_u8(c, "key_no");
        if (vector_has(c, "old_key"))
            memcpy(card.m.apps[1].keys[no].b, vector_hex(c, "old_key").data, 16);
    }
    send_frame(vector_hex(c, "c_apdu"));
    if (vector_has(c, "r_apdu"))
        vector_equal(buf_bytes(&answer), vector_hex(c, "r_apdu"));
    else
        assert_int_equal(answer.data[answer.size - 1], 0);
    if (ins == 0xc4) {
        uint8_t no = vector_u8(c, "key_no");
        vector_equal(bytes_of(card.m.apps[1].keys[no].b, 16), vector_hex(c, "new_key"));
    }
    if (ins == 0x8d) {
        uint32_t offset = (uint32_t)get_le(header.data + 1, 3);
        vector_equal(bytes_of(card.m.bytes + offset, data.size), data);
    }
    if (ins == 0xce)
        vector_equal(bytes_of(card.m.files[0].tmac_key.b, 16), bytes_of(data.data, 16));
}

TEST(vcard, the_examples_of_the_application_notes_are_answered_byte_by_byte)
{
    session_cases = 0;
    vectors_run("ev2_secure_messaging.json", "ev2_cmd", check_session);
    vectors_run("ev2_secure_messaging.json", "ev2_change_key", check_session);
    assert_int_equal(session_cases, 24);
}

/* AN12343 table 32 from the first frame to the commit: the TMV is a real card's. */
TEST(vcard, a_whole_published_transaction_gives_the_real_cards_tmv)
{
    static const struct {
        const char *frame, *expected;
    } steps[] = {
        {"908b00002f01000000100000721590e8d0c26e9f3394f33a131553788226661abc3a6910ac3c7230adf4d105b5d4"
         "09e07a0532f300",
         "db552fd9d33408ef9100"},
        {"90c800001828bf1982be086fbc60a22daeb66613eea706434973471f1e00",
         "a1963f1bb9fc916a8b15b2dc58002531b11ff6023df464e09100"},
        {"90c700000901e516751a0725a62400", "0400000094a3205e41588ba9f4697772da9ddb829100"},
    };
    an_app(VCARD_EV2, 0x0f, 0x85);
    add_file(1, VFILE_CYCLIC, 3, "0000", 16, 5);
    add_file(15, VFILE_TMAC, 0, "101f", 0, 0);
    struct vcard_file *t = &card.m.files[1];
    t->tmac_key.type = VCARD_AES;
    memcpy(t->tmac_key.b, hex(tmac_key_hex).data, 16);
    t->tmc = 3;
    memcpy(t->reader_id, hex("28bf1982be086fbc60a22daeb66613ee").data, 16);
    card.session.kind = VSESSION_EV2;
    card.session.key_no = 1;
    card.m.files[0].access[1] = 0x11;
    memcpy(card.session.ti, hex("2d0611ec").data, 4);
    memcpy(card.session.enc, hex("78240cc5596b751d90023827b0b7e73d").data, 16);
    memcpy(card.session.mac, hex("6f64b98d7241ea993137df880bee1b89").data, 16);
    for (size_t i = 0; i < 3; i++)
        expect_hex(steps[i].frame, steps[i].expected);
    assert_int_equal(card.m.files[0].count, 1);
    assert_int_equal(t->tmc, 4);
}

static void check_ev1_auth(const json_t *c)
{
    if (!vector_has(c, "card_response"))
        return;
    an_app(VCARD_EV1, 0x0f, 0x85);
    uint8_t no = vector_u8(c, "key_no");
    set_key(c, no);
    queue(vector_hex(c, "rndb"));
    send_frame(bytes_of((uint8_t[]){0x90, 0xaa, 0, 0, 1, no, 0}, 7));
    expect_bytes(vector_hex(c, "enc_rndb"), 0xaf);
    send_reply(vector_hex(c, "host_cryptogram"));
    expect_bytes(vector_hex(c, "card_response"), 0);
    vector_equal(bytes_of(card.session.key.b, 16), vector_hex(c, "session_key"));
}

TEST(vcard, ev1_authentication_gives_the_bytes_of_recorded_cards)
{
    assert_int_equal(vectors_run("ev1_aes_auth.json", "ev1_auth", check_ev1_auth), 8);
}

static void ev1_session_of(const json_t *c)
{
    card.session.kind = VSESSION_EV1;
    card.session.key_no = 0;
    card.session.key.type = VCARD_AES;
    memcpy(card.session.key.b, vector_hex(c, "session_key").data, 16);
    memset(card.session.iv, 0, 16);
}

/* The recorded command split as its reader would, and the joined answer. */
static void check_ev1_session(const json_t *c)
{
    const char *id = vector_text(c, "id");
    bool ev3 = strncmp(id, "desox", 5) == 0;
    an_app(ev3 ? VCARD_EV3 : VCARD_EV1, 0x09, 0x81);
    if (strncmp(id, "elmue-file", 10) == 0)
        card.m.apps[1].ks2 = 0x85; /* its files name key 1 */
    if (strncmp(id, "an0945-t34", 10) == 0) {
        card.m.apps[1].ks1 = 0x0f;
        card.m.apps[1].ks2 = 0x84;
    }
    if (strncmp(id, "an0945-t2", 9) == 0)
        add_file(id[9] == '3' ? 2 : 3, VFILE_STD, id[9] == '3' ? 3 : 1, "0000", 64, 0);
    ev1_session_of(c);
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(c, "steps"), i, s) {
        struct bytes tx = vector_hex(s, "tx");
        assert_int_equal(command(vector_u8(s, "cmd"), tx), 0);
        vector_equal(joined, vector_hex(s, "rx"));
    }
}

TEST(vcard, ev1_sessions_of_recorded_cards_are_answered_byte_by_byte)
{
    assert_true(vectors_run("ev1_secure_messaging.json", "ev1_session", check_ev1_session) >= 6);
}

static void check_ev1_change_key(const json_t *c)
{
    an_app(VCARD_EV1, 0x0f, 0x85);
    ev1_session_of(c);
    uint8_t no = vector_u8(c, "key_no");
    if (vector_has(c, "old_key"))
        memcpy(card.m.apps[1].keys[no].b, vector_hex(c, "old_key").data, 16);
    assert_int_equal(command(0xc4, vector_hex(c, "tx")), 0);
    vector_equal(bytes_of(card.m.apps[1].keys[no].b, 16), vector_hex(c, "new_key"));
    assert_int_equal(card.m.apps[1].keys[no].version, vector_u8(c, "new_version"));
    if (vector_has(c, "rx"))
        vector_equal(joined, vector_hex(c, "rx"));
    else if (!vector_has(c, "old_key"))
        assert_int_equal(joined.size, 0);
}

TEST(vcard, ev1_key_changes_of_recorded_cards_are_taken)
{
    assert_int_equal(
        vectors_run("ev1_secure_messaging.json", "ev1_change_key", check_ev1_change_key), 6);
}

/* --- rules -------------------------------------------------------------------------------------- */

TEST(vcard, nothing_counts_before_the_commit_and_all_of_it_after)
{
    for (int kind = VCARD_EV1; kind < VCARD_KINDS; kind++) {
        issue((enum vcard_kind)kind);
        bool ev1_card = kind == VCARD_EV1;
        uint8_t auth = ev1_card ? 0xaa : 0x71;
        assert_int_equal(login(auth, ev1_card ? 3 : 2, &zero_key), 0);
        uint32_t changes = card.changes;
        assert_int_equal(value_change(0xdc, 3, 30), 0);
        assert_int_equal(write_some(0x3b, 4, 0, hex("aabbcc")), 0);
        if (!ev1_card)
            assert_int_equal(reader_id(READER), 0);
        assert_int_equal(file(3)->value, 100);
        assert_int_equal(value_of(3), 100);
        assert_int_equal(file(4)->count, 0);
        assert_int_equal(card.changes, changes);
        assert_int_equal(admin_data(0xc7, ev1_card ? "" : "01"), 0);
        assert_int_equal(file(3)->value, 70);
        assert_int_equal(file(4)->count, 1);
        assert_memory_equal(vcard_record(&card, file(4), 0), "\xaa\xbb\xcc\0", 4);
        assert_int_equal(card.changes, changes + 1);
        if (!ev1_card)
            assert_int_equal(file(15)->tmc, 1);
    }
}

TEST(vcard, leaving_the_field_undoes_what_was_not_committed)
{
    issue(VCARD_EV2);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(value_change(0xdc, 3, 30), 0);
    assert_int_equal(write_some(0x3b, 4, 0, hex("aabbcc")), 0);
    vcard_field_off(&card);
    select_app(our_aid);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(value_of(3), 100);
    assert_int_equal(reader_id(READER), 0);
    assert_int_equal(admin_data(0xc7, "01"), 0);
    assert_int_equal(file(3)->value, 100);
    assert_int_equal(file(4)->count, 0);
}

TEST(vcard, selecting_aborting_a_new_first_login_and_an_error_undo_it_too)
{
    for (int way = 0; way < 4; way++) {
        issue(VCARD_EV3);
        assert_int_equal(login(0x71, 2, &zero_key), 0);
        assert_int_equal(value_change(0xdc, 3, 30), 0);
        if (way == 0)
            select_app(our_aid);
        else if (way == 1)
            assert_int_equal(admin(0xa7, ""), 0);
        else if (way == 3)
            assert_int_equal(value_change(0xdc, 3, 3000), 0xbe);
        if (way != 1)
            assert_int_equal(login(0x71, 2, &zero_key), 0);
        assert_int_equal(admin_data(0xc7, "01"), 0x0c); /* nothing there to commit */
        assert_int_equal(file(3)->value, 100);
        assert_int_equal(file(15)->tmc, 0);
    }
}

TEST(vcard, a_nonfirst_login_carries_the_transaction_on)
{
    issue(VCARD_EV2);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(write_some(0x3b, 4, 0, hex("01")), 0);
    assert_int_equal(reader_id(READER), 0);
    assert_int_equal(login(0x77, 3, &zero_key), 0);
    assert_int_equal(value_change(0x0c, 3, 25), 0);
    assert_int_equal(write_some(0x3d, 2, 4, hex("99")), 0);
    assert_int_equal(admin_data(0xc7, "01"), 0);
    assert_int_equal(file(3)->value, 125);
    assert_int_equal(file(4)->count, 1);
    assert_int_equal(card.m.bytes[file(2)->at + 4], 0x99);
}

TEST(vcard, the_till_key_debits_but_never_credits)
{
    issue(VCARD_EV2);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(value_change(0x0c, 3, 1), 0xae);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(value_change(0x1c, 3, 1), 0xae);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(write_some(0x3d, 2, 0, hex("01")), 0xae);
    assert_int_equal(login(0x71, 1, &zero_key), 0);
    assert_int_equal(value_change(0xdc, 3, 1), 0xae);
}

TEST(vcard, limits_hold_for_the_value_as_the_transaction_would_leave_it)
{
    static const struct {
        uint8_t first;
        uint32_t by;
        uint8_t second;
        uint32_t amount;
        unsigned status;
    } rows[] = {
        {0xdc, 60, 0xdc, 40, 0},           {0xdc, 60, 0xdc, 41, 0xbe},
        {0x0c, 900, 0xdc, 1000, 0},        {0x0c, 900, 0x0c, 1, 0xbe},
        {0xdc, 0, 0xdc, 0x80000000, 0x9e}, {0x0c, 0, 0x0c, 0x7fffffff, 0xbe},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        issue(VCARD_EV2);
        assert_int_equal(login(0x71, 3, &zero_key), 0);
        assert_int_equal(value_change(rows[i].first, 3, rows[i].by), 0);
        assert_int_equal(value_change(rows[i].second, 3, rows[i].amount), rows[i].status);
    }
}

TEST(vcard, a_cyclic_file_of_four_keeps_the_newest_three)
{
    issue(VCARD_EV1);
    assert_int_equal(login(0xaa, 3, &zero_key), 0);
    for (uint8_t n = 1; n <= 9; n++) {
        assert_int_equal(write_some(0x3b, 4, 0, bytes_of(&n, 1)), 0);
        uint8_t again = 0x77; /* before the commit: the same record */
        assert_int_equal(write_some(0x3b, 4, 1, bytes_of(&again, 1)), 0);
        assert_int_equal(admin(0xc7, ""), 0);
        uint32_t count = n < 3 ? n : 3;
        assert_int_equal(file(4)->count, count);
        assert_int_equal(read_whole(0xbb, 4), 0);
        assert_int_equal(plain.size, 32 * count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(plain.data[32 * i], n - count + 1 + i); /* oldest first */
            assert_int_equal(plain.data[32 * i + 1], 0x77);
            assert_int_equal(plain.data[32 * i + 2], 0);
        }
    }
    assert_int_equal(secure(0xbb, hex("04030000010000"), NOTHING, COMM_MAC, COMM_MAC, 0), 0xbe);
}

TEST(vcard, the_whole_tmi_is_what_the_terminal_side_says_it_is)
{
    issue(VCARD_EV2);
    struct aes_key key;
    uint8_t room[512], tmv[8];
    struct buf tmi = BUF_ON(room);
    memcpy(key.b, hex(tmac_key_hex).data, 16);
    for (uint32_t tmc = 1; tmc <= 3; tmc++) {
        tmi.size = 0;
        assert_int_equal(login(0x71, 2, &zero_key), 0);
        assert_int_equal(read_whole(0xbd, 2), 0);
        tmi_put_data(&tmi, 0xbd, 2, 0, buf_bytes(&plain));
        tmi_put_value(&tmi, 0x6c, 3, value_of(3));
        assert_int_equal(value_change(0xdc, 3, 5), 0);
        tmi_put_value(&tmi, 0xdc, 3, 5);
        if (tmc > 1) {
            assert_int_equal(read_whole(0xbb, 4), 0);
            tmi_put_records(&tmi, 0xbb, 4, 0, tmc - 1, buf_bytes(&plain));
        }
        struct bytes record = hex("0102030405");
        assert_int_equal(write_some(0x3b, 4, 3, record), 0);
        tmi_put_data(&tmi, 0x3b, 4, 3, record);
        uint8_t id[16] = {(uint8_t)tmc};
        assert_int_equal(secure(0xc8, NOTHING, bytes_of(id, 16), COMM_MAC, COMM_MAC, 0), 0);
        tmi_put_reader(&tmi, id, plain.data);
        uint8_t previous[16];
        tmac_previous_reader(&key, &some_uid, tmc, plain.data, previous);
        assert_int_equal(previous[0], tmc - 1);
        assert_int_equal(admin_data(0xc7, "01"), 0);
        assert_int_equal(plain.size, 12);
        assert_int_equal(get_le(plain.data, 4), tmc);
        tmac_value(&key, &some_uid, tmc, buf_bytes(&tmi), tmv);
        assert_memory_equal(plain.data + 4, tmv, 8);
        assert_int_equal(read_whole(0xbd, 15), 0); /* and the file shows the same */
        assert_int_equal(get_le(plain.data, 4), tmc);
        assert_memory_equal(plain.data + 4, tmv, 8);
    }
}

TEST(vcard, a_commit_without_the_reader_id_is_refused_and_changes_nothing)
{
    issue(VCARD_EV2);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(value_change(0xdc, 3, 5), 0);
    assert_int_equal(admin_data(0xc7, "01"), 0x9d);
    assert_int_equal(file(3)->value, 100);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(reader_id(READER), 0);
    assert_int_equal(reader_id(READER), 0x9d);
    assert_int_equal(login(0x71, 1, &zero_key), 0);
    assert_int_equal(reader_id(READER), 0xae);
}

TEST(vcard, limited_credit_gives_back_what_the_last_debit_took_and_once)
{
    issue(VCARD_EV1);
    assert_int_equal(login(0xaa, 0, &zero_key), 0);
    assert_int_equal(admin_data(0xcc, "05033022000000006400000064000000"
                                      "01"),
                     0);
    assert_int_equal(login(0xaa, 3, &zero_key), 0);
    assert_int_equal(value_change(0xdc, 5, 10), 0);
    assert_int_equal(value_change(0xdc, 5, 5), 0);
    assert_int_equal(admin(0xc7, ""), 0);
    assert_int_equal(value_change(0x1c, 5, 7), 0);
    assert_int_equal(value_change(0x1c, 5, 7), 0xbe);
    assert_int_equal(login(0xaa, 3, &zero_key), 0);
    assert_int_equal(value_change(0x1c, 5, 14), 0);
    assert_int_equal(admin(0xc7, ""), 0);
    assert_int_equal(value_of(5), 99);
    assert_int_equal(value_change(0x1c, 5, 1), 0xbe);
}

TEST(vcard, a_backup_file_reads_as_committed)
{
    issue(VCARD_EV1);
    assert_int_equal(login(0xaa, 3, &zero_key), 0);
    assert_int_equal(write_some(0x3d, 2, 0, hex("aabb")), 0);
    assert_int_equal(read_whole(0xbd, 2), 0);
    assert_int_equal(plain.data[0], 0);
    assert_int_equal(admin(0xc7, ""), 0);
    assert_int_equal(write_some(0x3d, 2, 1, hex("cc")), 0); /* the rest is kept */
    assert_int_equal(write_some(0x3d, 2, 2, hex("dd")), 0);
    assert_int_equal(admin(0xc7, ""), 0);
    assert_int_equal(read_whole(0xbd, 2), 0);
    assert_memory_equal(plain.data, "\xaa\xcc\xdd\0", 4);
}

TEST(vcard, updating_and_clearing_records_waits_for_the_commit)
{
    issue(VCARD_EV2);
    for (uint8_t n = 1; n <= 3; n++) {
        assert_int_equal(login(0x71, 2, &zero_key), 0);
        assert_int_equal(write_some(0x3b, 4, 0, bytes_of(&n, 1)), 0);
        assert_int_equal(reader_id(READER), 0);
        assert_int_equal(admin_data(0xc7, "01"), 0);
    }
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(reader_id(READER), 0);
    assert_int_equal(login(0x77, 3, &zero_key), 0);
    assert_int_equal(
        secure(0xdb, hex("04010000000000010000"), hex("55"), COMM_MAC, COMM_MAC, 0), 0);
    assert_int_equal(vcard_record(&card, file(4), 1)[0], 2);
    assert_int_equal(admin_data(0xc7, "01"), 0);
    assert_int_equal(vcard_record(&card, file(4), 0)[0], 3);
    assert_int_equal(vcard_record(&card, file(4), 1)[0], 0x55);
    assert_int_equal(vcard_record(&card, file(4), 2)[0], 1);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(reader_id(READER), 0);
    assert_int_equal(admin(0xeb, "04"), 0);
    assert_int_equal(file(4)->count, 3);
    assert_int_equal(admin_data(0xc7, "01"), 0);
    assert_int_equal(file(4)->count, 0);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(read_whole(0xbb, 4), 0xbe);
}

TEST(vcard, a_full_linear_file_takes_no_more_and_a_cleared_one_none_before_its_commit)
{
    issue(VCARD_EV1);
    assert_int_equal(login(0xaa, 0, &zero_key), 0);
    assert_int_equal(admin_data(0xc1, "06013022040000020000"), 0); /* 6: linear, 2 records of 4 */
    for (uint8_t n = 1; n <= 2; n++) {
        assert_int_equal(login(0xaa, 3, &zero_key), 0);
        assert_int_equal(write_some(0x3b, 6, 0, bytes_of(&n, 1)), 0);
        assert_int_equal(admin(0xc7, ""), 0);
    }
    assert_int_equal(write_some(0x3b, 6, 0, hex("03")), 0xbe);
    assert_int_equal(login(0xaa, 3, &zero_key), 0);
    assert_int_equal(admin(0xeb, "06"), 0);
    assert_int_equal(write_some(0x3b, 6, 0, hex("04")), 0x9d);
    assert_int_equal(file(6)->count, 2);
    assert_int_equal(vcard_record(&card, file(6), 0)[0], 2);
}

TEST(vcard, a_wrong_mac_ends_the_session_and_a_replayed_frame_is_refused)
{
    issue(VCARD_EV2);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    uint8_t room[64], file_no = 3;
    struct buf body = BUF_ON(room), frame = BUF_ON(((uint8_t[80]){0}));
    assert_int_equal(ev2_command(&ev2, 0x6c, bytes_of(&file_no, 1), NOTHING, COMM_FULL, &body), OK);
    frame_wrap(&frame, 0x6c, buf_bytes(&body));
    send_frame(buf_bytes(&frame));
    assert_int_equal(answer.data[answer.size - 1], 0);
    send_frame(buf_bytes(&frame));
    assert_int_equal(answer.data[answer.size - 1], 0x1e);
    send_frame(buf_bytes(&frame));
    assert_int_equal(answer.data[answer.size - 1], 0xae);
}

TEST(vcard, a_wrong_key_is_refused_and_no_session_follows)
{
    issue(VCARD_EV2);
    struct aes_key wrong = {{1}};
    assert_int_equal(login(0x71, 2, &wrong), 0xae);
    assert_int_equal(card.session.kind, VSESSION_NONE);
    assert_int_equal(login(0xaa, 2, &wrong), 0xae);
    assert_int_equal(login(0x71, 9, &zero_key), 0x40);
    assert_int_equal(login(0x77, 2, &zero_key), 0x9d); /* only from a session */
    assert_int_equal(login(0x71, 2, &zero_key), 0);
}

TEST(vcard, an_ev1_card_knows_no_ev2_command)
{
    static const char *const frames[] = {"9071000002000000", "90770000010000", "90c80000010000",
                                         "90ad0000070200000000000000", "90ce0000010f00"};
    issue(VCARD_EV1);
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        expect_hex(frames[i], "911c");
}

TEST(vcard, a_command_in_the_middle_of_a_chain_is_an_abort)
{
    vcard_init(&card, VCARD_EV2, &some_uid, 1);
    expect_hex("9060000000", "04010112001a0591af");
    expect_hex("9060000000", "91ca");
    expect_hex("90af000000", "911c");
    expect_hex("60", "af04010112001a05"); /* native */
    expect_hex("af", "af04010102011a05");
    expect_hex("af", "0004de5f1eacc040ba534130304024");
}

TEST(vcard, a_frame_longer_than_an_ev1_takes_gets_no_answer)
{
    vcard_init(&card, VCARD_EV1, &some_uid, 1);
    uint8_t frame[62] = {0x90, 0x3d, 0, 0, 56}, room[64];
    struct buf out = BUF_ON(room);
    assert_false(vcard_exchange(&card, bytes_of(frame, 62), &out));
    frame[4] = 55;
    assert_true(vcard_exchange(&card, bytes_of(frame, 61), &out));
}

TEST(vcard, a_random_identity_is_new_in_each_field_and_told_only_after_a_login)
{
    issue(VCARD_EV2);
    uint8_t a[7], b[7];
    assert_int_equal(vcard_shown_uid(&card, a), 7);
    assert_memory_equal(a, some_uid.b, 7);
    card.m.random_uid = true;
    assert_int_equal(vcard_shown_uid(&card, a), 4);
    assert_int_equal(a[0], 8);
    vcard_field_off(&card);
    vcard_shown_uid(&card, b);
    assert_memory_not_equal(a, b, 4);
    select_app(our_aid);
    assert_int_equal(admin(0x51, ""), 0xae);
    assert_int_equal(login(0x71, 1, &zero_key), 0);
    assert_int_equal(secure(0x51, NOTHING, NOTHING, COMM_MAC, COMM_FULL, 7), 0);
    assert_memory_equal(plain.data, some_uid.b, 7);
}

TEST(vcard, memory_ends_and_only_a_format_gives_it_back)
{
    vcard_init(&card, VCARD_EV1, &some_uid, 1);
    assert_int_equal(command(0xca, hex("0102f30f81")), 0);
    select_app(our_aid);
    assert_int_equal(command(0xcd, hex("0100eeeeff0f00")), 0);
    assert_int_equal(command(0xcd, hex("0100eeee200000")), 0xde);
    assert_int_equal(command(0xcd, hex("0200eeee000f00")), 0);
    assert_int_equal(command(0xcd, hex("0300eeee000100")), 0x0e);
    assert_int_equal(command(0xdf, hex("02")), 0);
    assert_int_equal(command(0x6e, NOTHING), 0);
    assert_int_equal(get_le(joined.data, 3), VCARD_ROOM - 4096 - 3840);
    assert_int_equal(command(0xcd, hex("0300eeee000100")), 0x0e);
}

TEST(vcard, an_error_undoes_the_transaction_without_a_login_too)
{
    vcard_init(&card, VCARD_EV2, &some_uid, 1);
    talk = TALK_NONE;
    assert_int_equal(command(0xca, hex("0102f30f81")), 0);
    select_app(our_aid);
    assert_int_equal(command(0xcc, hex("0300eeee00000000e80300006400000000")), 0);
    assert_int_equal(command(0xdc, hex("0305000000")), 0);
    assert_int_equal(command(0xdc, hex("0401000000")), 0xf0); /* no such file */
    assert_int_equal(command(0xc7, NOTHING), 0x0c);
    assert_int_equal(command(0xdc, hex("0305000000")), 0);
    assert_int_equal(command(0xc7, NOTHING), 0);
    assert_int_equal(file(3)->value, 95);
}

static unsigned change_key(uint8_t no, const struct aes_key *new_key, const struct aes_key *old_key)
{
    uint8_t room[64];
    struct buf body = BUF_ON(room);
    if (talk == TALK_EV1)
        ev1_change_key(&ev1, no, new_key, 7, old_key, &body);
    else
        assert_int_equal(ev2_change_key(&ev2, no, new_key, 7, old_key, &body), OK);
    return command(0xc4, buf_bytes(&body));
}

TEST(vcard, key_settings_say_who_may_change_which_key)
{
    static const struct {
        uint8_t ks1, by, key;
        unsigned status;
    } rows[] = {
        {0x0f, 0, 0, 0},    {0x0e, 0, 0, 0x9d}, /* bit 0: the master key may change */
        {0x0f, 0, 2, 0},    {0x0f, 1, 2, 0xae}, /* rule 0: only the master */
        {0x1f, 1, 2, 0},    {0x1f, 0, 2, 0xae}, /* rule 1: key 1 ... */
        {0x1f, 1, 1, 0xae}, {0x1f, 0, 1, 0},    /* ... but not itself */
        {0xef, 2, 2, 0},    {0xef, 1, 2, 0xae}, /* rule e: each its own */
        {0xff, 0, 2, 0x9d}, {0xff, 2, 2, 0x9d}, /* rule f: frozen */
        {0xff, 0, 0, 0},
    };
    static const struct aes_key fresh = {{1, 2, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int kind = VCARD_EV1; kind <= VCARD_EV2; kind++) {
            issue((enum vcard_kind)kind);
            card.m.apps[1].ks1 = rows[i].ks1;
            uint8_t auth = kind == VCARD_EV1 ? 0xaa : 0x71;
            assert_int_equal(login(auth, rows[i].by, &zero_key), 0);
            bool own = rows[i].by == rows[i].key;
            assert_int_equal(change_key(rows[i].key, &fresh, own ? NULL : &zero_key),
                             rows[i].status);
            const struct vcard_key *k = &card.m.apps[1].keys[rows[i].key];
            assert_int_equal(k->b[0], rows[i].status ? 0 : 1);
            assert_int_equal(k->version, rows[i].status ? 0 : 7);
            if (own && !rows[i].status)
                assert_int_equal(card.session.kind, VSESSION_NONE);
        }
}

TEST(vcard, settings_listing_and_deleting_need_the_master_key_where_the_settings_say_so)
{
    issue(VCARD_EV2); /* ks1 09: settings and master key may change, no free listing or making */
    assert_int_equal(admin(0x6f, ""), 0xae);
    assert_int_equal(admin(0xf5, "03"), 0xae);
    assert_int_equal(admin(0x45, ""), 0xae);
    assert_int_equal(admin_data(0xcd, "0503302f200000"), 0xae);
    assert_int_equal(admin(0xdf, "03"), 0xae);
    assert_int_equal(admin(0xda, "0102f3"), 0xae);
    assert_int_equal(login(0x71, 1, &zero_key), 0);
    assert_int_equal(admin(0x6f, ""), 0xae);
    assert_int_equal(login(0x71, 0, &zero_key), 0);
    assert_int_equal(admin(0x6f, ""), 0);
    assert_int_equal(plain.size, 4);
    assert_int_equal(secure(0x54, NOTHING, hex("01"), COMM_FULL, COMM_FULL, 0), 0);
    assert_int_equal(secure(0x54, NOTHING, hex("0f"), COMM_FULL, COMM_FULL, 0), 0x9d);
    assert_int_equal(login(0x71, 0, &zero_key), 0);
    uint8_t room[32];
    struct buf body = BUF_ON(room);
    /* By its own master key, as this card lets anyone make one.  The session goes with it, so the answer
     * is bare. */
    assert_int_equal(ev2_command(&ev2, 0xda, hex("0102f3"), NOTHING, COMM_MAC, &body), OK);
    assert_int_equal(command(0xda, buf_bytes(&body)), 0);
    assert_int_equal(joined.size, 0);
    assert_null(vcard_find_file(&card, our_aid, 3));
}

TEST(vcard, a_card_told_never_to_be_formatted_is_not)
{
    vcard_init(&card, VCARD_EV2, &some_uid, 1);
    card.m.apps[0].ks2 = 0x81;
    card.m.apps[0].keys[0].type = VCARD_AES;
    talk = TALK_NONE;
    assert_int_equal(command(0xca, hex("0102f30f81")), 0);
    assert_int_equal(command(0xfc, NOTHING), 0xae);
    assert_int_equal(login(0x71, 0, &zero_key), 0);
    assert_int_equal(admin(0xfc, ""), 0);
    assert_false(card.m.apps[1].used);
    uint8_t option = 0;
    assert_int_equal(secure(0x5c, bytes_of(&option, 1), hex("01"), COMM_FULL, COMM_FULL, 0), 0);
    assert_int_equal(admin(0xfc, ""), 0x9d);
}

TEST(vcard, an_ev1_write_with_a_wrong_mac_or_checksum_is_refused)
{
    static const char *const modes[] = {"01", "03"};
    for (int full = 0; full < 2; full++)
        for (int spoil = 0; spoil < 2; spoil++) {
            issue(VCARD_EV1);
            assert_int_equal(login(0xaa, 0, &zero_key), 0);
            char made[40];
            snprintf(made, sizeof made, "05%s3022200000", modes[full]);
            assert_int_equal(admin_data(0xcd, made), 0);
            assert_int_equal(login(0xaa, 2, &zero_key), 0);
            uint8_t room[64], header[7] = {5, 0, 0, 0, 4};
            struct buf body = BUF_ON(room);
            uint8_t iv[16], no_crc[16] = {1, 2, 3, 4};
            memcpy(iv, ev1.iv, 16);
            ev1_command(&ev1, 0x3d, bytes_of(header, 7), hex("01020304"),
                        full ? COMM_FULL : COMM_MAC, &body);
            if (spoil && full) { /* the right data and padding, no checksum */
                aes_cbc_encrypt(&ev1.key, iv, no_crc, no_crc, 16);
                memcpy(room + 7, no_crc, 16);
            } else {
                room[body.size - 1] ^= (uint8_t)spoil;
            }
            assert_int_equal(command(0x3d, buf_bytes(&body)), spoil ? 0x1e : 0);
            assert_int_equal(card.m.bytes[file(5)->at], spoil ? 0 : 1);
        }
}

TEST(vcard, an_ev2_counter_counts_plain_commands_and_ends_before_it_wraps)
{
    issue(VCARD_EV2);
    assert_int_equal(login(0x71, 0, &zero_key), 0);
    assert_int_equal(admin_data(0xcd, "0500302f200000"), 0);
    assert_int_equal(login(0x71, 2, &zero_key), 0);
    assert_int_equal(
        secure(0xbd, hex("05000000000000"), NOTHING, COMM_PLAIN, COMM_PLAIN, 0), 0);
    assert_int_equal(plain.size, 32);
    assert_int_equal(value_of(3), 100); /* at counter 1, or the MAC would be wrong */
    ev2.ctr = card.session.ctr = 0xfffe;
    assert_int_equal(value_of(3), 100);
    assert_int_equal(card.session.ctr, 0xffff);
    expect_hex("906c00000903000000000000000000", "91ae");
}

/* A MAC that is right over data that was padded wrongly. */
TEST(vcard, wrong_padding_under_a_right_mac_is_refused)
{
    issue(VCARD_EV2);
    assert_int_equal(login(0x71, 3, &zero_key), 0);
    uint8_t block[16] = {5}, iv[16], mac[64] = {0xdc, 0, 0}, room[64];
    struct buf body = BUF_ON(room);
    ev2_iv(&ev2, false, ev2.ctr, iv);
    aes_cbc_encrypt(&ev2.enc, iv, block, block, 16);
    memcpy(mac + 3, ev2.ti, 4);
    mac[7] = 3;
    memcpy(mac + 8, block, 16);
    buf_put_u8(&body, 3);
    buf_put(&body, block, 16);
    aes_mact(&ev2.mac, bytes_of(mac, 24), room + 17);
    body.size += 8;
    assert_int_equal(command(0xdc, buf_bytes(&body)), 0x1e);
}

/* Any bytes at all: an answer or silence, never a fault (the sanitizers look on), and never a change of
 * the purse without its keys. */
TEST(vcard, noise_does_no_harm)
{
    issue(VCARD_EV2);
    struct aes_key secret = {{9, 9, 9}};
    for (size_t i = 0; i < 4; i++)
        memcpy(card.m.apps[1].keys[i].b, secret.b, 16);
    static const uint8_t codes[] = {0x0a, 0x1a, 0xaa, 0x71, 0x77, 0x60, 0x3d, 0x3b, 0xbd,
                                    0xbb, 0xdc, 0x0c, 0xc7, 0xc8, 0xaf, 0xf5, 0xeb, 0x8d,
                                    0xc4, 0x5c, 0x5f, 0xce, 0xdb, 0x6c, 0x51, 0x45};
    for (int i = 0; i < 20000; i++) {
        uint8_t frame[80], room[VCARD_ANSWER_MAX];
        struct buf out = BUF_ON(room);
        size_t size = 1 + test_below(sizeof frame);
        for (size_t k = 0; k < size; k++)
            frame[k] = (uint8_t)(test_below(3) ? test_below(20) : test_below(256));
        if (test_below(4))
            frame[0] = codes[test_below(sizeof codes)];
        if (size >= 8 && test_below(2)) {
            frame[0] = 0x90, frame[1] = codes[test_below(sizeof codes)];
            frame[2] = frame[3] = 0, frame[4] = (uint8_t)(size - 6);
        }
        if (test_below(200) == 0)
            vcard_field_off(&card);
        if (test_below(20) == 0) { /* in a session, so that more of the card is reached */
            card.app = 1;
            card.session.kind = (enum vcard_session)test_below(4);
            card.session.key.type = VCARD_AES;
            card.session.key_no = 1;
        }
        bool answered = vcard_exchange(&card, bytes_of(frame, size), &out);
        assert_true(!answered || out.size >= 1);
    }
    assert_int_equal(file(3)->value, 100);
}
