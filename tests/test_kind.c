/* test_kind.c - who it is, by what is held to the reader: every kind on its virtual twin, what is no kind, and
 * what answers wrongly.  SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/kind.h"
#include "cardproto/ndef.h"
#include "cardproto/sun.h"
#include "hw/vtag.h"
#include "tests/cards.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static const struct aes_key meta = {{0x11, 1}}, class = {{0x22, 2}};
static const struct card_uid uid = {{0x04, 0x51, 0x12, 0x8a, 0x01, 0x02, 0x03}};

static struct kind_keys all_keys(void)
{
    static struct card_till_keys till;
    till = cards_till_keys(1);
    return (struct kind_keys){.card = &till, .sun_meta = &meta, .tags = true, .uids = true};
}

static struct kind_facts facts_of(const struct vtarget *t)
{
    struct vtarget_facts f;
    struct kind_facts facts = {0};
    t->ops->facts(t, &f);
    memcpy(facts.uid, f.uid, facts.uid_size = f.uid_size);
    memcpy(facts.atqa, f.atqa, 2);
    facts.sak = f.sak;
    return facts;
}

/* What somebody on the way may do to an answer. */
typedef void bend_fn(int exchange, struct buf *answer);

static enum card_next identify_bent(struct kind_op *op, struct card_op *card, struct vtarget *t,
                                    const struct kind_keys *keys, bend_fn *bend)
{
    uint8_t random[KIND_RANDOM_SIZE] = {7}, raw[VTARGET_ANSWER_MAX];
    struct buf answer = BUF_ON(raw);
    struct kind_facts facts = facts_of(t);
    memset(card, 0, sizeof *card);
    kind_start(op, &facts, keys, card, random, 0);
    enum card_next next = kind_step(op, bytes_of(NULL, 0));
    while (next == CARD_SEND) {
        assert_true(op->exchanges < 40);
        if (!t->ops->exchange(t, kind_frame(op), &answer))
            return CARD_FAILED;
        if (bend)
            bend(op->exchanges, &answer);
        next = kind_step(op, buf_bytes(&answer));
    }
    return next;
}

static enum card_next identify(struct kind_op *op, struct card_op *card, struct vtarget *t,
                               const struct kind_keys *keys)
{
    enum card_next next = identify_bent(op, card, t, keys, NULL);
    t->ops->field_off(t);
    return next;
}

static void make_ntag424(struct vtag *v)
{
    struct aes_key file;
    sun_file_key(&file, &class, &uid);
    vtag_init(v, VTAG_NTAG424, uid.b, 7, 1);
    assert_int_equal(vtag_write_sun(v, &meta, &file, "patron.example/t"), OK);
}

static void make_ntag213(struct vtag *v, const char *text)
{
    vtag_init(v, VTAG_NTAG213, uid.b, 7, 1);
    assert_int_equal(vtag_write_text(v, text), OK);
}

static struct vcard full;

static void make_full(enum vcard_kind kind)
{
    const struct card_office_keys keys = cards_keys(1);
    const struct card_profile profile = {.member = 42, .tier = "base", .layout = CARD_LAYOUT};
    cards_issue(&full, kind, &uid, &keys, &profile);
}

static struct kind_op op;
static struct card_op card;

TEST(kind, a_full_card_takes_five_exchanges_an_ev1_six_and_nothing_else_is_tried)
{
    for (int k = 0; k < 2; k++) {
        struct kind_keys keys = all_keys();
        make_full(k ? VCARD_EV1 : VCARD_EV3);
        assert_int_equal(identify(&op, &card, &full.target, &keys), CARD_DONE);
        assert_int_equal(op.exchanges, k ? 6 : 5);
        assert_int_equal(op.seen.means, MEANS_CARD);
        assert_int_equal(op.seen.member, 42);
        assert_true(uid_equal(&op.seen.uid, &uid));
        assert_int_equal(op.seen.value_size, 0);
        assert_int_equal(card.seen.profile.member, 42);
    }
}

TEST(kind, an_ntag_424_shows_who_it_is_and_head_office_believes_each_message_once)
{
    static struct vtag tag;
    struct kind_keys keys = all_keys();
    uint32_t last = 0;
    make_ntag424(&tag);
    for (uint32_t i = 1; i <= 3; i++) {
        struct sun sun;
        struct sun_tag who;
        struct errmsg why = {""};
        assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_DONE);
        assert_int_equal(op.exchanges, 5); /* one of them asks for a full card; its message is 77 bytes */
        assert_int_equal(op.seen.means, MEANS_SUN);
        assert_true(uid_equal(&op.seen.uid, &uid));
        assert_int_equal(op.seen.name_size, 7);
        assert_memory_equal(op.seen.name, uid.b, 7);
        struct bytes value = bytes_of(op.seen.value, op.seen.value_size);
        assert_int_equal(sun_parse(&sun, value), OK);
        assert_int_equal(sun_meta(&who, sun.picc, &meta), OK);
        assert_int_equal(who.counter, i);
        assert_int_equal(sun_verify(&sun, &who, &class, last, &why), OK);
        last = who.counter;
        assert_int_equal(sun_verify(&sun, &who, &class, last, &why), ERR_EXISTS); /* a copy */
    }
}

TEST(kind, an_ntag_424_that_hides_its_uid_tells_it_in_its_message)
{
    static struct vtag tag;
    struct kind_keys keys = all_keys();
    struct kind_facts facts = {.uid = {0x08, 1, 2, 3}, .uid_size = 4, .atqa = {0x03, 0x04}, .sak = 0x20};
    uint8_t random[KIND_RANDOM_SIZE] = {7}, raw[VTARGET_ANSWER_MAX];
    struct buf answer = BUF_ON(raw);
    make_ntag424(&tag);
    kind_start(&op, &facts, &keys, &card, random, 0);
    enum card_next next = kind_step(&op, bytes_of(NULL, 0));
    while (next == CARD_SEND && tag.target.ops->exchange(&tag.target, kind_frame(&op), &answer))
        next = kind_step(&op, buf_bytes(&answer));
    assert_int_equal(next, CARD_DONE);
    assert_int_equal(op.exchanges, 4); /* no full card of ours shows such a UID */
    assert_true(uid_equal(&op.seen.uid, &uid));
    assert_memory_equal(op.seen.name, uid.b, 7);
}

TEST(kind, a_tag_of_another_issuer_or_that_speaks_for_another_is_refused)
{
    static struct vtag tag;
    struct aes_key other = {{0x33}};
    struct kind_keys keys = all_keys();
    make_ntag424(&tag);
    keys.sun_meta = &other;
    assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_KEY);
    keys.sun_meta = &meta;
    tag.m.uid[6] ^= 1; /* its message and what the reader saw at first, apart */
    struct vtag liar = tag;
    struct kind_facts facts = facts_of(&tag.target);
    facts.uid[6] ^= 1;
    uint8_t random[KIND_RANDOM_SIZE] = {7}, raw[VTARGET_ANSWER_MAX];
    struct buf answer = BUF_ON(raw);
    kind_start(&op, &facts, &keys, &card, random, 0);
    enum card_next next = kind_step(&op, bytes_of(NULL, 0));
    while (next == CARD_SEND && liar.target.ops->exchange(&liar.target, kind_frame(&op), &answer))
        next = kind_step(&op, buf_bytes(&answer));
    assert_int_equal(next, CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
}

TEST(kind, a_type_2_tag_says_its_member_and_no_more_is_read_than_that_takes)
{
    static const struct {
        const char *text;
        member_id member;
        int exchanges;
    } rows[] = {
        {"M12345", 12345, 2}, {"M1", 1, 1}, {"M9223372036854775807", INT64_MAX, 3},
        {"M0", 0, 1},         {"12345", 0, 2}, {"M12345x", 0, 2}, {"m12345", 0, 2}, {"M012345", 0, 2},
        {"", 0, 1},           {"hello world", 0, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct vtag tag;
        struct kind_keys keys = all_keys();
        make_ntag213(&tag, rows[i].text);
        assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_DONE);
        assert_int_equal(op.seen.member, rows[i].member);
        assert_int_equal(op.exchanges, rows[i].exchanges);
        if (rows[i].member) {
            assert_int_equal(op.seen.means, MEANS_TAG);
            assert_int_equal(op.seen.name_size, strlen(rows[i].text));
            assert_memory_equal(op.seen.value, rows[i].text, op.seen.value_size);
        } else { /* not our text: it still has a number of its own */
            assert_int_equal(op.seen.means, MEANS_UID);
            assert_memory_equal(op.seen.name, uid.b, 7);
        }
        keys.uids = false;
        enum card_next next = identify(&op, &card, &tag.target, &keys);
        assert_int_equal(next, rows[i].member ? CARD_DONE : CARD_FAILED);
        assert_true(rows[i].member || op.status == CARD_NOT_OURS);
    }
}

static void endless(int exchange, struct buf *a)
{
    memset(a->data, 0, a->size = 16);
    if (exchange == 1)
        memcpy(a->data, "\xe1\x10\xff", 3);
}

static void seventeen(int exchange, struct buf *a)
{
    a->size += exchange == 1;
}
static void refused(int exchange, struct buf *a)
{
    (void)exchange;
    a->data[0] = 0x00;
    a->size = 1;
}

TEST(kind, a_type_2_tag_is_read_no_further_than_it_says_it_reaches)
{
    static const struct {
        uint8_t cc_size; /* of 8 bytes each */
        const char *area;
        int exchanges;
    } rows[] = {
        {0x01, "", 1},             /* 8 bytes of nothing */
        {0x00, "", 1},
        {0x02, "", 2},
        {0x12, "fe", 1},           /* it ends at once */
        {0x12, "0103a00c34fe", 1}, /* lock bytes, end */
        {0x12, "0103a00c3403ff01000309d101055402656e4d37", 1}, /* a message longer than any of ours */
    };
    static struct vtag tag;
    struct kind_keys keys = all_keys();
    size_t size;
    keys.uids = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_ntag213(&tag, "");
        memset(tag.m.pages + 16, 0, sizeof tag.m.pages - 16);
        tag.m.pages[14] = rows[i].cc_size;
        assert_int_equal(hex_decode(tag.m.pages + 16, 64, &size, rows[i].area), OK);
        assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
        assert_int_equal(op.status, CARD_NOT_OURS);
        assert_int_equal(op.exchanges, rows[i].exchanges);
    }
    assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, endless), CARD_FAILED);
    assert_int_equal(op.status, CARD_NOT_OURS);
    assert_int_equal(op.exchanges, KIND_MESSAGE_MAX / 16);
    make_ntag213(&tag, "M7");
    tag.m.pages[12] = 0x00; /* no NDEF there */
    assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
    assert_int_equal(op.status, CARD_NOT_OURS);
    make_ntag213(&tag, "M7");
    tag.m.pages[13] = 0x20; /* or of another version */
    assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
    make_ntag213(&tag, "M7");
    assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, seventeen), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, refused), CARD_FAILED);
    assert_int_equal(op.status, CARD_NOT_OURS);
    keys.uids = true; /* one that is locked still has its number */
    assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, refused), CARD_DONE);
    assert_int_equal(op.seen.means, MEANS_UID);
    keys.uids = false;
    /* behind lock bytes, as tags come from a shop */
    make_ntag213(&tag, "");
    assert_int_equal(hex_decode(tag.m.pages + 16, 64, &size, "0103a00c34" "0309d1010554" "02656e4d37" "fe"), OK);
    assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_DONE);
    assert_int_equal(op.seen.member, 7);
}

TEST(kind, a_uid_of_seven_bytes_names_one_of_four_only_when_allowed_a_random_one_never)
{
    static struct vtag tag;
    for (int allowed = 0; allowed < 2; allowed++) {
        struct kind_keys keys = all_keys();
        keys.short_uids = allowed;
        vtag_init(&tag, VTAG_UID, uid.b, 7, 1);
        assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_DONE);
        assert_int_equal(op.seen.means, MEANS_UID);
        assert_int_equal(op.exchanges, 0);
        assert_int_equal(op.seen.value_size, 7);
        assert_true(uid_equal(&op.seen.uid, &uid));

        vtag_init(&tag, VTAG_UID, uid.b, 4, 1);
        enum card_next next = identify(&op, &card, &tag.target, &keys);
        assert_int_equal(next, allowed ? CARD_DONE : CARD_FAILED);
        if (allowed) {
            assert_int_equal(op.seen.name_size, 4);
            assert_false(uid_is(&op.seen.uid)); /* no card of ours has such a one */
        } else {
            assert_int_equal(op.status, CARD_NOT_OURS);
        }

        vtag_init(&tag, VTAG_RANDOM, uid.b, 7, 1);
        assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
        assert_int_equal(op.status, CARD_PHONE);

        static const uint8_t begins_with_08[4] = {0x08, 1, 2, 3};
        vtag_init(&tag, VTAG_UID, begins_with_08, 4, 1);
        assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
        assert_int_equal(op.status, CARD_PHONE);
    }
}

TEST(kind, what_is_switched_off_is_not_tried)
{
    static struct vtag tag;
    struct kind_keys keys = {.card = all_keys().card};
    make_ntag213(&tag, "M12345");
    assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
    assert_int_equal(op.exchanges, 0);
    assert_int_equal(op.status, CARD_NOT_OURS);
    make_ntag424(&tag);
    assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_FAILED);
    assert_int_equal(op.exchanges, 1);
    assert_int_equal(op.status, CARD_NOT_OURS);
    keys = all_keys();
    keys.sun_meta = NULL;
    assert_int_equal(identify(&op, &card, &tag.target, &keys), CARD_DONE);
    assert_int_equal(op.seen.means, MEANS_UID);
    vcard_init(&full, VCARD_EV2, &uid, 1); /* a DESFire of somebody else */
    assert_int_equal(identify(&op, &card, &full.target, &keys), CARD_DONE);
    assert_int_equal(op.seen.means, MEANS_UID);
}

TEST(kind, a_card_of_ours_that_fails_is_not_taken_for_its_uid)
{
    struct kind_keys keys = all_keys();
    struct card_till_keys wrong = cards_till_keys(2);

    keys.card = &wrong;
    make_full(VCARD_EV2);
    assert_int_equal(identify(&op, &card, &full.target, &keys), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_KEY);
}

static void damaged(int exchange, struct buf *a)
{
    if (exchange == 1)
        a->size = 1;
}
static void with_data(int exchange, struct buf *a)
{
    if (exchange == 1) {
        memmove(a->data + 1, a->data, 2);
        a->size = 3;
    }
}
static void other_words(int exchange, struct buf *a)
{
    static const char *const words[] = {"\x91\x1c", "\x91\xa0", "\x6a\x82", "\x6d\x00", "\x91\x7e"};
    static int n;
    if (exchange == 1)
        memcpy(a->data, words[n++ % 5], 2);
}

TEST(kind, only_a_plain_no_at_the_first_word_makes_another_kind_of_it)
{
    struct kind_keys keys = all_keys();
    make_full(VCARD_EV2);
    assert_int_equal(identify_bent(&op, &card, &full.target, &keys, damaged), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    assert_int_equal(op.exchanges, 1);
    vcard_field_off(&full);
    assert_int_equal(identify_bent(&op, &card, &full.target, &keys, with_data), CARD_FAILED);
    assert_int_equal(op.status, CARD_BAD_ANSWER);
    for (int i = 0; i < 5; i++) {
        static struct vtag tag;
        make_ntag424(&tag);
        assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, other_words), CARD_DONE);
        assert_int_equal(op.seen.means, MEANS_SUN);
    }
}

/* ---- answers that are wrong ---- */

/* To an NTAG 424 with all kinds on: 1 full card?, 2 application, 3 file, 4 length, 5 message. */
enum { LENGTH = 4, MESSAGE = 5 };

static void one_short(int exchange, struct buf *a)
{
    if (exchange >= MESSAGE && a->size > 3) { /* a byte of the message is missing, the status is there */
        memmove(a->data + a->size - 3, a->data + a->size - 2, 2);
        a->size--;
    }
}
static void one_long(int exchange, struct buf *a)
{
    if (exchange >= MESSAGE) {
        memmove(a->data + a->size - 1, a->data + a->size - 2, 2);
        a->size++;
    }
}
static void long_length(int exchange, struct buf *a)
{
    if (exchange == LENGTH) {
        memmove(a->data + 3, a->data + 2, 2);
        a->size++;
    }
}
static void too_much(int exchange, struct buf *a)
{
    if (exchange == LENGTH)
        memcpy(a->data, "\x01\x01", 2); /* one more than is ever read */
}
static void nothing(int exchange, struct buf *a)
{
    if (exchange == LENGTH)
        memcpy(a->data, "\x00\x00", 2);
}
static void bent_mac(int exchange, struct buf *a)
{
    if (exchange >= MESSAGE)
        a->data[a->size - 3] = a->data[a->size - 3] == '0' ? '1' : '0';
}
static void bent_hex(int exchange, struct buf *a)
{
    if (exchange >= MESSAGE)
        a->data[a->size - 3] = 'z';
}

TEST(kind, a_message_that_is_cut_lengthened_or_bent_proves_nothing)
{
    static struct vtag tag;
    struct kind_keys keys = all_keys();
    struct errmsg why = {""};
    keys.uids = false;
    make_ntag424(&tag);
    static const struct {
        bend_fn *bend;
        enum card_status_word status;
        int exchanges;
    } rows[] = {{one_long, CARD_BAD_ANSWER, MESSAGE},
                {long_length, CARD_BAD_ANSWER, LENGTH},
                {too_much, CARD_NOT_OURS, LENGTH},
                {nothing, CARD_NOT_OURS, LENGTH}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, rows[i].bend), CARD_FAILED);
        assert_int_equal(op.status, rows[i].status);
        assert_int_equal(op.exchanges, rows[i].exchanges);
        tag.target.ops->field_off(&tag.target);
    }
    assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, bent_hex), CARD_FAILED);
    assert_int_equal(op.status, CARD_NOT_OURS);
    tag.target.ops->field_off(&tag.target);
    /* One that sends less at once is asked for the rest. */
    assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, one_short), CARD_DONE);
    assert_int_equal(op.exchanges, MESSAGE + 1);
    tag.target.ops->field_off(&tag.target);
    /* What the till cannot see, head office does. */
    assert_int_equal(identify_bent(&op, &card, &tag.target, &keys, bent_mac), CARD_DONE);
    struct sun sun;
    struct sun_tag who;
    assert_int_equal(sun_parse(&sun, bytes_of(op.seen.value, op.seen.value_size)), OK);
    assert_int_equal(sun_meta(&who, sun.picc, &meta), OK);
    assert_int_equal(sun_verify(&sun, &who, &class, 0, &why), ERR_MAC);
}

/* A tag that may be anything at all: every answer is random, or a true one with a few bytes changed. */
TEST(kind, any_answer_at_all_ends_and_harms_nothing)
{
    static struct vtag tags[2];
    struct kind_keys keys = all_keys();
    make_ntag424(&tags[0]);
    make_ntag213(&tags[1], "M12345");
    make_full(VCARD_EV2);
    struct vtarget *const targets[] = {&tags[0].target, &tags[1].target, &full.target};
    int done = 0;
    for (int round = 0; round < 3000; round++) {
        struct vtarget *t = targets[round % 3];
        struct kind_facts facts = facts_of(t);
        uint8_t random[KIND_RANDOM_SIZE] = {7}, raw[KIND_ANSWER_MAX + 8];
        struct buf answer = {.data = raw, .cap = VTARGET_ANSWER_MAX};
        uint32_t honesty = test_below(8);
        kind_start(&op, &facts, &keys, &card, random, 0);
        enum card_next next = kind_step(&op, bytes_of(NULL, 0));
        for (int i = 0; next == CARD_SEND; i++) {
            assert_true(i < 200);
            assert_in_range(op.frame_size, 1, KIND_FRAME_MAX);
            if (!t->ops->exchange(t, kind_frame(&op), &answer))
                break;
            if (test_below(8) > honesty) {
                if (test_below(2))
                    answer.size = test_below(KIND_ANSWER_MAX + 8);
                for (uint32_t k = test_below(6); k > 0 && answer.size; k--)
                    answer.data[test_below((uint32_t)answer.size)] = (uint8_t)test_below(256);
            }
            next = kind_step(&op, buf_bytes(&answer));
        }
        done += next == CARD_DONE;
        assert_true(next != CARD_READY);
        assert_true(next != CARD_DONE || op.seen.means != MEANS_NONE);
        assert_true(next != CARD_FAILED || op.why.text[0]);
        t->ops->field_off(t);
        kind_finish(&op);
        card_finish(&card);
    }
    assert_in_range(done, 100, 2900);
}

/* ---- NDEF ---- */

TEST(kind, a_text_record_shorter_than_its_language_has_no_text)
{
    struct ndef_record r;
    struct bytes text;
    for (uint8_t language = 0; language < 64; language++) {
        const uint8_t message[] = {0xd1, 0x01, 0x04, 'T', language, 'e', 'n', 'x'};
        assert_int_equal(ndef_find(&r, bytes_of(message, sizeof message), "T"), OK);
        assert_int_equal(ndef_text(&text, &r), language <= 3 ? OK : ERR_FORMAT);
        assert_true(language > 3 || text.size == 3u - language);
    }
}

TEST(kind, records_are_taken_apart_exactly)
{
    static const uint8_t good[] = {0xd1, 0x01, 0x05, 'T', 0x02, 'e', 'n', 'M', '7'};
    member_id member = 0;
    assert_int_equal(ndef_member(&member, bytes_of(good, sizeof good)), OK);
    assert_int_equal(member, 7);
    for (size_t n = 0; n < sizeof good; n++)
        assert_int_equal(ndef_member(&member, bytes_of(good, n)), ERR_NOT_FOUND);
    static const struct {
        const char *hex;
        member_id member;
    } rows[] = {
        {"c1010000000554" "02656e4d37", 7},              /* a long length */
        {"c101ffffffff54" "02656e4d37", 0},              /* one that is a lie */
        {"f1010554" "02656e4d37", 0},                    /* in chunks */
        {"d1010554" "82656e4d37", 0},                    /* UTF-16 */
        {"d1010554" "3f656e4d37", 0},                    /* a language longer than all */
        {"d10103550" "44d37", 7},                        /* an address without a slash */
        {"d1010e5504" "612e62" "2f6d2f4d3132333435", 0}, /* a.b/m/M12345, cut */
        {"d1010e5504" "612e62" "2f6d2f" "4d3132333435" "36", 123456},
        {"d1010a5504" "612e62" "3f6d3d" "4d3132", 12},   /* a.b?m=M12 */
        {"9101055402656e5839" "51010554" "02656e4d37", 7}, /* the second record */
        {"d90105015402" "656e4d37", 0},                  /* an id that is not there */
        {"d90105017854" "02656e4d37", 0},
        {"d901050154" "78" "02656e4d37", 7},
        {"d2010554" "02656e4d37", 0}, /* not well known */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t raw[64];
        size_t size;
        assert_int_equal(hex_decode(raw, sizeof raw, &size, rows[i].hex), OK);
        member = 0;
        enum err e = ndef_member(&member, bytes_of(raw, size));
        if (e != (rows[i].member ? OK : ERR_NOT_FOUND) || member != rows[i].member)
            fail_msg("%s: M%d", rows[i].hex, (int)member);
    }
}
