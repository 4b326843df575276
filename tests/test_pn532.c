/* test_pn532.c - the simulated reader chip: its frames, cards coming and going, tears; and card files.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/pn532_sim.h"
#include "hw/vcard_store.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct pn532 chip;
static struct vcard one, two;
static uint8_t out_room[4096];
static struct buf out;
static int64_t now;

static const char ack[] = "0000ff00ff00";

static void desk(void)
{
    static const struct card_uid a = {{4, 1, 2, 3, 4, 5, 6}}, b = {{4, 9, 8, 7, 6, 5, 4}};
    vcard_init(&one, VCARD_EV2, &a, 1);
    vcard_init(&two, VCARD_EV1, &b, 2);
    pn532_init(&chip);
    out = BUF_ON(out_room);
    now = 1000;
}

static void raw(const char *hex)
{
    uint8_t in[600];
    size_t size;
    assert_int_equal(hex_decode(in, sizeof in, &size, hex), OK);
    out.size = 0;
    pn532_input(&chip, bytes_of(in, size), now, &out);
}

static void expect(const char *hex)
{
    char got[2 * sizeof out_room + 1];
    hex_encode(got, out.data, out.size);
    assert_string_equal(got, hex);
    out.size = 0;
}

static void wake(void)
{
    raw("5555000000");
    expect("");
}

/* A command as the host frames it. */
static void send_command(const char *hex)
{
    uint8_t body[300], frame[320];
    size_t size;
    struct buf f = BUF_ON(frame);
    uint8_t sum = 0xd4;
    assert_int_equal(hex_decode(body, sizeof body, &size, hex), OK);
    buf_put(&f, "\0\0\xff", 3);
    size_t length = size + 1;
    if (length > 255) {
        buf_put(&f, "\xff\xff", 2);
        buf_put_u8(&f, (uint8_t)(length >> 8));
        buf_put_u8(&f, (uint8_t)length);
        buf_put_u8(&f, (uint8_t)-((length >> 8) + length));
    } else {
        buf_put_u8(&f, (uint8_t)length);
        buf_put_u8(&f, (uint8_t)-length);
    }
    buf_put_u8(&f, 0xd4);
    buf_put(&f, body, size);
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + body[i]);
    buf_put_u8(&f, (uint8_t)-sum);
    buf_put_u8(&f, 0);
    out.size = 0;
    pn532_input(&chip, buf_bytes(&f), now, &out);
}

/* The answer in out: acknowledged, well-formed, and these bytes after d5. */
static void expect_answer(const char *hex)
{
    static const char *const head = "0000ff00ff000000ff";
    char got[2 * sizeof out_room + 1], expected[700];
    uint8_t body[300], sum = 0;
    size_t size;
    assert_int_equal(hex_decode(body, sizeof body, &size, hex), OK);
    hex_encode(got, out.data, out.size);
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + body[i]);
    snprintf(expected, sizeof expected, "%s%02x%02xd5%s%02x00", head, (unsigned)size + 1,
             (unsigned)(-(int)(size + 1)) & 0xff, hex, (unsigned)(-(sum + 0xd5)) & 0xff);
    assert_string_equal(got, expected);
    out.size = 0;
}

static void ask(const char *command, const char *answer)
{
    send_command(command);
    expect_answer(answer);
}

static void put(struct vcard *card)
{
    assert_true(pn532_put(&chip, &card->target, now, &out));
}

#define ONE_FOUND "4b010103442007040102030405060675778102" "80"
#define TWO_FOUND "4b010103442007040908070605040675778102" "80"

TEST(pn532, sleeps_until_it_is_woken_and_again_after_power_down)
{
    desk();
    send_command("02");
    expect("");
    wake();
    ask("02", "0332010607");
    ask("1620", "1700");
    send_command("02");
    expect("");
    wake();
    ask("02", "0332010607");
}

TEST(pn532, broken_frames_are_passed_over_and_the_next_good_one_counts)
{
    static const char *const broken[] = {
        "00", "0000ff", "0000ff02ffd402", "0000ff02fed4032a00", "ffffffff", "0000ff01ffd42c00",
        "0000ffffffffffffd402", "0000ff02fed5022900", "0000ff00000000"};
    desk();
    wake();
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        raw(broken[i]);
        expect("");
        /* Whatever was begun is over once as many zeros came as any frame is long. */
        uint8_t zeros[300] = {0};
        pn532_input(&chip, bytes_of(zeros, sizeof zeros), now, &out);
        out.size = 0;
        ask("02", "0332010607");
    }
}

TEST(pn532, a_frame_may_come_byte_by_byte)
{
    static const char frame[] = "0000ff02fed4022a00";
    desk();
    wake();
    for (size_t i = 0; i + 2 < sizeof frame; i += 2) {
        char byte[3] = {frame[i], frame[i + 1], 0};
        if (i < 14) {
            raw(byte);
            expect("");
        } else if (i == 14) {
            raw(byte);
            expect_answer("0332010607");
        }
    }
}

TEST(pn532, frames_to_265_bytes_are_taken_the_long_ones_in_extended_form_and_none_beyond)
{
    static const size_t lengths[] = {3, 255, 256, 265, 266, 267}; /* with D4 and the command */
    desk();
    wake();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char hex[2 * 300 + 1] = "0000"; /* Diagnose, communication test: says the same back */
        size_t data = lengths[i] - 2;
        for (size_t j = 1; j < data; j++)
            sprintf(hex + 2 + 2 * j, "%02x", (unsigned)(uint8_t)(j * 7));
        send_command(hex);
        if (lengths[i] <= PN532_DATA_MAX) {
            size_t head = lengths[i] > 255 ? 8 : 5;
            assert_int_equal(out.size, 6 + head + lengths[i] + 2);
            assert_int_equal(out.data[6 + head], 0xd5);
            for (size_t j = 1; j < data; j++)
                assert_int_equal(out.data[6 + head + 2 + j], (uint8_t)(j * 7));
        } else {
            expect("");
        }
        uint8_t zeros[300] = {0};
        pn532_input(&chip, bytes_of(zeros, sizeof zeros), now, &out);
        out.size = 0;
        ask("02", "0332010607");
    }
}

TEST(pn532, an_unknown_or_short_command_gets_the_syntax_error_frame)
{
    desk();
    wake();
    send_command("f0");
    expect("0000ff00ff000000ff01ff7f8100");
    send_command("4a01");
    expect("0000ff00ff000000ff01ff7f8100");
}

TEST(pn532, a_nack_brings_the_last_answer_again)
{
    desk();
    wake();
    ask("02", "0332010607");
    raw("0000ffff0000");
    expect("0000ff06fad50332010607e800");
}

TEST(pn532, finds_a_card_and_talks_to_it)
{
    desk();
    wake();
    put(&one);
    ask("4a0100", ONE_FOUND);
    ask("40019060000000", "410004010112001a0591af");
    ask("4201", "4301"); /* raw frames find nobody ... */
    ask("42b2", "4300a3"); /* ... but the presence check does */
    ask("4401", "4500");
    ask("40019060000000", "4127");
    ask("5401", "5500");
    ask("40019060000000", "410004010112001a0591af"); /* the chain began anew */
}

TEST(pn532, a_frame_may_come_in_two_commands)
{
    desk();
    wake();
    put(&one);
    ask("4a0100", ONE_FOUND);
    ask("40419060", "4100");
    ask("4001000000", "410004010112001a0591af");
}

TEST(pn532, lists_each_of_two_cards_once_before_the_first_again)
{
    desk();
    wake();
    put(&one);
    put(&two);
    ask("4a0100", ONE_FOUND);
    ask("4400", "4500");
    ask("4a0100", TWO_FOUND);
    ask("4400", "4500");
    ask("4a0100", ONE_FOUND);
    ask("320100", "33"); /* field off: all begin anew */
    ask("4a0200", "4b02" "0103442007040102030405060675778102" "80"
                  "0203442007040908070605040675778102" "80");
    ask("40029060000000", "410004010101001a0591af");
    ask("4a010004090807060504", TWO_FOUND); /* by its identity */
}

TEST(pn532, waits_for_a_card_as_long_as_it_was_told)
{
    desk();
    wake();
    ask("32050001" "02", "33");
    send_command("4a0100");
    expect(ack);
    assert_int_equal(pn532_due_ms(&chip), now + 3 * PN532_LOOK_MS);
    pn532_tick(&chip, now + 3 * PN532_LOOK_MS - 1, &out);
    expect("");
    pn532_tick(&chip, now + 3 * PN532_LOOK_MS, &out);
    expect("0000ff03fdd54b00e000");
    assert_int_equal(pn532_due_ms(&chip), INT64_MAX);
    ask("3205ffffff", "33");
    send_command("4a0100"); /* for ever: until a card comes */
    expect(ack);
    assert_int_equal(pn532_due_ms(&chip), INT64_MAX);
    put(&one);
    assert_true(out.size > 0);
}

TEST(pn532, an_ack_from_the_host_or_a_new_command_ends_the_waiting)
{
    desk();
    wake();
    send_command("4a0100");
    raw("0000ff00ff00");
    put(&one);
    expect("");
    pn532_take(&chip, &one.target);
    send_command("4a0100");
    ask("02", "0332010607");
    put(&one);
    expect("");
}

TEST(pn532, polls_by_itself_and_prefers_the_type_with_ats)
{
    desk();
    wake();
    send_command("60ff0201001020");
    expect(ack);
    put(&one);
    expect("0000ff17e9d561" "012012" "010344200704010203040506" "067577810280" "1a00");
}

TEST(pn532, other_modulations_find_no_card)
{
    desk();
    wake();
    put(&one);
    ask("32050001" "02", "33");
    send_command("4a010100ffff0000");
    pn532_tick(&chip, now + 1000, &out);
    expect("0000ff00ff000000ff03fdd54b00e000");
}

TEST(pn532, a_card_that_left_gives_a_timeout_and_its_session_is_gone)
{
    desk();
    wake();
    put(&one);
    ask("4a0100", ONE_FOUND);
    ask("40019060000000", "410004010112001a0591af");
    pn532_take(&chip, &one.target);
    ask("400190af000000", "4101");
    ask("42b2", "4301");
    put(&one);
    ask("400190af000000", "4101"); /* back, but not activated */
    ask("4a0100", ONE_FOUND);
    ask("400190af000000", "4100911c");
}

TEST(pn532, a_tear_takes_the_card_before_or_after_it_acted)
{
    for (int after = 0; after < 2; after++) {
        desk();
        wake();
        put(&one);
        ask("4a0100", ONE_FOUND);
        pn532_tear(&chip, after ? PN532_TEAR_AFTER : PN532_TEAR_BEFORE, 2);
        ask("4001905a00000300000000", "41009100");
        ask("400190ca0000050102030f8100", "4101");
        assert_false(pn532_has(&chip, &one.target));
        assert_int_equal(one.m.apps[1].used, after);
        assert_int_equal(one.changes, after);
        put(&one);
        ask("4a0100", ONE_FOUND);
        ask("4001905a00000300000000", "41009100"); /* only once */
    }
}

TEST(pn532, faults_come_as_ordered_and_go)
{
    desk();
    wake();
    put(&one);
    ask("4a0100", ONE_FOUND);
    chip.fault = PN532_FAULT_STATUS;
    chip.fault_status = 0x80;
    ask("40019060000000", "4180");
    ask("40019060000000", "410004010112001a0591af"); /* the card had not heard of it */
    chip.fault = PN532_FAULT_CHECKSUM;
    send_command("02");
    expect("0000ff00ff000000ff06fad50332010607" "1700");
    ask("02", "0332010607");
    chip.fault = PN532_FAULT_SILENT;
    send_command("02");
    expect("");
    chip.fault = PN532_FAULT_NONE;
    ask("02", "0332010607");
}

TEST(pn532, a_card_in_deep_sleep_is_seen_when_the_field_was_off_or_by_its_identity)
{
    desk();
    wake();
    put(&one);
    chip.deep_sleep = true;
    ask("32050000" "00", "33");
    ask("4a0100", ONE_FOUND);
    ask("4400", "4500");
    send_command("4a0100");
    expect(ack);
    pn532_tick(&chip, now + 100, &out);
    expect("0000ff03fdd54b00e000");
    ask("4a010004010203040506", ONE_FOUND);
    ask("4400", "4500");
    ask("320100", "33");
    ask("320101", "33");
    ask("4a0100", ONE_FOUND);
}

TEST(pn532, pulled_and_plugged_it_sleeps_and_the_cards_forgot)
{
    desk();
    wake();
    put(&one);
    ask("4a0100", ONE_FOUND);
    ask("40019060000000", "410004010112001a0591af");
    pn532_power_cycle(&chip);
    send_command("02");
    expect("");
    wake();
    ask("400190af000000", "4127");
    ask("4a0100", ONE_FOUND);
    ask("400190af000000", "4100911c");
}

TEST(pn532, a_random_identity_is_four_bytes_and_new_in_a_new_field)
{
    char first[100];
    desk();
    wake();
    one.m.random_uid = true;
    put(&one);
    send_command("4a0100");
    assert_memory_equal(out.data + 13, "\x01\x01\x03\x04\x20\x04\x08", 7);
    memcpy(first, out.data + 19, 4);
    send_command("4400");
    send_command("4a0100"); /* selected again without a break: the same */
    assert_memory_equal(first, out.data + 19, 4);
    send_command("320100");
    send_command("4a0100");
    assert_memory_not_equal(first, out.data + 19, 4);
}

TEST(pn532, noise_from_the_host_does_no_harm)
{
    desk();
    wake();
    put(&one);
    put(&two);
    for (int i = 0; i < 3000; i++) {
        char hex[700];
        size_t size = 1 + test_below(280);
        for (size_t k = 0; k < size; k++)
            snprintf(hex + 2 * k, 3, "%02x", test_below(3) ? test_below(256) : test_below(3));
        if (test_below(2))
            raw(hex);
        else
            send_command(hex);
        if (chip.asleep)
            wake();
        if (test_below(10) == 0) {
            pn532_take(&chip, &one.target);
            put(&one);
        }
        now += test_below(50);
        out.size = 0;
        pn532_tick(&chip, now, &out);
        assert_false(out.full);
        out.size = 0;
        out.full = false;
    }
}

/* --- card files --------------------------------------------------------------------------------- */

static void card_command(struct vcard *card, const char *hex)
{
    uint8_t in[80], reply[VCARD_ANSWER_MAX];
    size_t size;
    struct buf b = BUF_ON(reply);
    assert_int_equal(hex_decode(in, sizeof in, &size, hex), OK);
    assert_true(vcard_exchange(card, bytes_of(in, size), &b));
    assert_int_equal(reply[0], 0);
}

static void a_full_card(void)
{
    desk();
    card_command(&one, "ca0102f30f24"); /* ISO ids on */
    card_command(&one, "ca0a0b0c0f83");
    card_command(&one, "5a0102f3");
    card_command(&one, "cd0001e100eeee200000");
    card_command(&one, "cb0102e100eeee100000");
    card_command(&one, "cc0200eeeef6ffffffe80300002a00000003");
    card_command(&one, "c10303e100eeee080000030000");
    card_command(&one, "c00404e100eeee080000040000");
    for (int i = 0; i < 6; i++) {
        card_command(&one, "3b040000000400000badcafe");
        card_command(&one, "dc0201000000");
        card_command(&one, "c7");
    }
    card_command(&one, "3d00000000030000616263");
    for (size_t i = 0; i < VCARD_FILES; i++) /* as only a login can make it */
        if (!one.m.files[i].used) {
            struct vcard_file *f = &one.m.files[i];
            *f = (struct vcard_file){.used = true, .app = 2, .no = 15, .type = VFILE_TMAC,
                                     .access = {0x20, 0x2f}, .tmc = 0xfffffffe, .tmv = {1, 2},
                                     .reader_id = {9}, .tmc_limited = true, .tmc_limit = 7};
            f->tmac_key = (struct vcard_key){.type = VCARD_AES, .version = 3, .b = {5, 6, 7}};
            break;
        }
}

static char *path_in_scratch(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", test_scratch_dir(), name);
    return path;
}

TEST(card_file, gives_back_all_that_a_power_cut_leaves)
{
    struct errmsg why;
    a_full_card();
    char *path = path_in_scratch("a.card");
    assert_int_equal(vcard_save(&one, path, &why), OK);
    static struct vcard back;
    memset(&back, 0x55, sizeof back);
    assert_int_equal(vcard_load(&back, path, 1, &why), OK);
    assert_memory_equal(&back.m, &one.m, sizeof one.m);
    assert_int_not_equal(access(path_in_scratch("a.card.new"), F_OK), 0);
}

TEST(card_file, is_found_when_its_writer_died_before_the_last_step)
{
    struct errmsg why;
    a_full_card();
    char path[400];
    snprintf(path, sizeof path, "%s", path_in_scratch("d.card"));
    assert_int_equal(vcard_save(&one, path, &why), OK);
    assert_int_equal(rename(path, path_in_scratch("d.card.new")), 0);
    static struct vcard back;
    assert_int_equal(vcard_load(&back, path, 1, &why), OK);
    assert_memory_equal(&back.m, &one.m, sizeof one.m);
    assert_int_equal(access(path, F_OK), 0);
}

/* Every single change of the file that is not refused gives a card that can be worked with. */
TEST(card_file, is_refused_with_the_field_or_harmless_whatever_is_changed_in_it)
{
    struct errmsg why;
    static char text[40000], spoilt[40000];
    a_full_card();
    char good[400];
    snprintf(good, sizeof good, "%s", path_in_scratch("b.card"));
    assert_int_equal(vcard_save(&one, good, &why), OK);
    FILE *f = fopen(good, "r");
    size_t size = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    static struct vcard back;
    char *path = path_in_scratch("bad.card");
    assert_int_equal(vcard_load(&back, path, 1, &why), ERR_NOT_FOUND);
    int refused = 0;
    for (int i = 0; i < 400; i++) {
        memcpy(spoilt, text, size);
        size_t n = size;
        if (i % 4 == 0)
            n = test_below((uint32_t)size);
        else
            spoilt[test_below((uint32_t)size)] = "0917f\"-,x"[test_below(9)];
        f = fopen(path, "w");
        fwrite(spoilt, 1, n, f);
        fclose(f);
        why.text[0] = 0;
        enum err e = vcard_load(&back, path, 1, &why);
        if (e) {
            assert_int_equal(e, ERR_FORMAT);
            assert_non_null(strstr(why.text, "bad.card"));
            refused++;
            continue;
        }
        static const char *const frames[] = {"5a0102f3", "bb04000000000000", "3b040000000400000badcafe",
                                             "c7", "bd00000000000000", "6c02", "f503", "6f"};
        for (size_t k = 0; k < sizeof frames / sizeof *frames; k++) {
            uint8_t in[80], reply[VCARD_ANSWER_MAX];
            struct buf b = BUF_ON(reply);
            size_t m;
            assert_int_equal(hex_decode(in, sizeof in, &m, frames[k]), OK);
            assert_true(vcard_exchange(&back, bytes_of(in, m), &b));
        }
    }
    assert_true(refused > 150);
}

TEST(card_file, with_records_or_files_outside_their_room_is_refused)
{
    struct errmsg why;
    static struct vcard back;
    a_full_card();
    char *path = path_in_scratch("c.card");
    for (size_t i = 0; i < VCARD_FILES; i++) {
        struct vcard_file *f = &one.m.files[i], good = *f;
        if (!f->used || f->type == VFILE_VALUE || f->type == VFILE_TMAC)
            continue;
        f->size = f->room + 1;
        assert_int_equal(vcard_save(&one, path, &why), OK);
        assert_int_equal(vcard_load(&back, path, 1, &why), ERR_FORMAT);
        *f = good;
        one.m.bytes_used -= 32;
        f->at = one.m.bytes_used;
        assert_int_equal(vcard_save(&one, path, &why), OK);
        assert_int_equal(vcard_load(&back, path, 1, &why), ERR_FORMAT);
        one.m.bytes_used += 32;
        *f = good;
    }
    assert_int_equal(vcard_save(&one, path, &why), OK);
    assert_int_equal(vcard_load(&back, path, 1, &why), OK);
}
