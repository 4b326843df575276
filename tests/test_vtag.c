/* test_vtag.c - the virtual tags: what a data sheet says of them, and that they are kept.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/mbed.h"
#include "cardproto/kind.h"
#include "hw/vtag.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

static const uint8_t uid[7] = {0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66};
static struct vtag tag, again;

/* hex in, hex out; "-" = silence. */
static void ask(struct vtag *v, const char *frame, const char *answer)
{
    uint8_t in[64], room[VTARGET_ANSWER_MAX];
    char hex[2 * VTARGET_ANSWER_MAX + 1];
    size_t size;
    struct buf out = BUF_ON(room);
    assert_int_equal(hex_decode(in, sizeof in, &size, frame), OK);
    bool answered = v->target.ops->exchange(&v->target, bytes_of(in, size), &out);
    hex_encode(hex, room, out.size);
    assert_string_equal(answered ? hex : "-", answer);
}

TEST(vtag, an_ntag213_answers_as_its_data_sheet_says)
{
    vtag_init(&tag, VTAG_NTAG213, uid, 7, 1);
    ask(&tag, "60", "0004040201000f03");
    ask(&tag, "3000", "041122bf3344556644480000e1101200");
    ask(&tag, "3004", "0300fe00000000000000000000000000");
    ask(&tag, "302c", "00000000041122bf3344556644480000"); /* goes on at page 0 */
    ask(&tag, "302d", "00");
    ask(&tag, "3a0304", "e11012000300fe00");
    ask(&tag, "a20401020304", "0a");
    ask(&tag, "3a0404", "01020304");
    ask(&tag, "a20301020304", "00"); /* not ours to change here */
    ask(&tag, "a22801020304", "00");
    ask(&tag, "1b00000000", "00");
}

TEST(vtag, an_ntag424_mirrors_at_each_selection_and_counts)
{
    static const struct aes_key zero;
    char first[3][100];
    vtag_init(&tag, VTAG_NTAG424, uid, 7, 1);
    assert_int_equal(vtag_write_sun(&tag, &zero, &zero, "a.b/t"), OK);
    ask(&tag, "00b0000010", "6986");
    ask(&tag, "905a00000356341200", "911c");
    ask(&tag, "00a4000c02e104", "6a82");
    ask(&tag, "00a4040007d276000085010100", "9000");
    ask(&tag, "00a4000c02e103", "9000");
    ask(&tag, "00b000000f", "001720010000ff0406e10401000000" "9000");
    assert_int_equal(tag.m.counter, 0); /* only its message counts */
    for (int i = 0; i < 3; i++) {
        uint8_t in[] = {0x00, 0xb0, 0x00, 0x0c, 0x23}, room[VTARGET_ANSWER_MAX];
        struct buf out = BUF_ON(room);
        if (i != 1)
            ask(&tag, "00a4000c02e104", "9000");
        assert_true(tag.target.ops->exchange(&tag.target, bytes_of(in, sizeof in), &out));
        assert_int_equal(out.size, 0x25);
        hex_encode(first[i], room, 0x23);
    }
    assert_int_equal(tag.m.counter, 2);
    assert_string_equal(first[0], first[1]);
    assert_string_not_equal(first[0], first[2]);
    tag.target.ops->field_off(&tag.target);
    ask(&tag, "00b0000010", "6986");
    ask(&tag, "00a4040007d276000085010100", "9000");
    ask(&tag, "00a4000c02e104", "9000");
    ask(&tag, "00b000ff02", "6700");
    ask(&tag, "00b0800002", "6a86");
}

TEST(vtag, every_kind_is_kept_with_all_it_remembers)
{
    char path[300];
    struct errmsg why = {""};
    struct aes_key meta = {{1, 2}}, file = {{3, 4}};
    snprintf(path, sizeof path, "%s/TAG.card", test_scratch_dir());
    assert_int_equal(vtag_load(&again, path, 1, &why), ERR_NOT_FOUND);
    for (int k = 0; k < VTAG_KINDS; k++) {
        vtag_init(&tag, (enum vtag_kind)k, uid, k == VTAG_UID ? 4 : 7, 1);
        if (k == VTAG_NTAG213)
            assert_int_equal(vtag_write_text(&tag, "M77"), OK);
        if (k == VTAG_PHONE) {
            uint8_t reader[33] = {2, 3};
            assert_int_equal(vtag_write_pass(&tag, "pass.a.b", reader, "M9"), OK);
            tag.m.locked = true;
        }
        if (k == VTAG_NTAG424) {
            assert_int_equal(vtag_write_sun(&tag, &meta, &file, "a.b/t"), OK);
            tag.m.counter = 0xfffffe;
        }
        assert_int_equal(vtag_save(&tag, path, &why), OK);
        assert_int_equal(vtag_load(&again, path, 1, &why), OK);
        assert_int_equal(again.changes, 0);
        assert_memory_equal(&again.m, &tag.m, sizeof tag.m);
    }
    FILE *f = fopen(path, "w");
    fputs("{\"format\": \"patron-card 1\"}", f);
    fclose(f);
    assert_int_equal(vtag_load(&again, path, 1, &why), ERR_UNSUPPORTED);
    f = fopen(path, "w");
    fputs("{\"format\": \"patron-tag 1\", \"kind\": \"ntag424\", \"uid\": \"04112233445566\"}", f);
    fclose(f);
    assert_int_equal(vtag_load(&again, path, 1, &why), ERR_FORMAT);
}

TEST(vtag, a_phone_shows_its_pass_to_its_reader_when_it_is_unlocked)
{
    uint8_t key[33] = {0};
    static const uint8_t private_key[32] = {0x42};
    assert_int_equal(mbed_init(NULL), OK);
    assert_int_equal(mbed_p256_public(key, private_key, NULL), OK);
    vtag_init(&tag, VTAG_PHONE, uid, 7, 1);
    assert_int_equal(vtag_write_pass(&tag, "pass.a.b", key, "M9"), OK);
    struct vas_keys vas = {.private_key = {0x42}};
    struct kind_keys keys = {.vas = &vas};
    static struct kind_op op;
    mbed_sha256(vas.pass_hash, bytes_of("pass.a.b", 8));
    tag.utc_s = 1760000000;
    for (int round = 0; round < 3; round++) {
        uint8_t random[KIND_RANDOM_SIZE] = {1}, room[VTARGET_ANSWER_MAX];
        struct buf answer = BUF_ON(room);
        struct vtarget_facts f;
        struct kind_facts facts = {.uid_size = 4, .sak = 0x20};
        tag.target.ops->facts(&tag.target, &f);
        assert_int_equal(f.uid_size, 4);
        assert_int_equal(f.uid[0], 0x08);
        memcpy(facts.uid, f.uid, 4);
        tag.m.locked = round == 1;
        if (round == 2)
            vas.pass_hash[0] ^= 1; /* another programme's reader */
        kind_start(&op, &facts, &keys, NULL, random, 1760000000);
        enum card_next next = kind_step(&op, bytes_of(NULL, 0));
        while (next == CARD_SEND) {
            assert_true(tag.target.ops->exchange(&tag.target, kind_frame(&op), &answer));
            next = kind_step(&op, buf_bytes(&answer));
        }
        assert_int_equal(next, round == 0 ? CARD_DONE : CARD_FAILED);
        assert_int_equal(op.status, round == 0 ? CARD_OK : round == 1 ? CARD_PHONE_LOCKED : CARD_PHONE);
        assert_true(round > 0 || memcmp(op.seen.name, "M9", 2) == 0);
        tag.target.ops->field_off(&tag.target);
    }
}
