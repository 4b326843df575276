/* test_ev1.c - the EV1 session and the frames under it, against recorded cards and published notes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/ev1.h"
#include "cardproto/frame.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <string.h>

static void check_auth(const json_t *c)
{
    struct aes_key key = vector_key(c, "key");
    struct ev1_auth a;
    struct ev1_session s;
    uint8_t reply[AUTH_REPLY_SIZE];
    ev1_auth_reply(&a, &key, vector_hex(c, "rnda").data, vector_hex(c, "enc_rndb").data, reply);
    vector_equal(bytes_of(a.rnd_b, 16), vector_hex(c, "rndb"));
    vector_equal(bytes_of(reply, sizeof reply), vector_hex(c, "host_cryptogram"));
    if (!vector_has(c, "card_response"))
        return;
    struct bytes answer = vector_hex(c, "card_response");
    struct ev1_auth again = a;
    assert_int_equal(ev1_auth_finish(&a, answer, &s), OK);
    vector_equal(bytes_of(s.key.b, 16), vector_hex(c, "session_key"));
    for (size_t i = 0; i < 8 * answer.size; i += 5) { /* one wrong bit is refused */
        uint8_t wrong[16];
        struct ev1_auth b = again;
        memcpy(wrong, answer.data, sizeof wrong);
        wrong[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_int_equal(ev1_auth_finish(&b, bytes_of(wrong, sizeof wrong), &s), ERR_AUTH);
    }
    assert_int_equal(ev1_auth_finish(&again, bytes_of(answer.data, 15), &s), ERR_AUTH);
}

TEST(ev1, the_handshake_is_that_of_recorded_cards)
{
    assert_int_equal(vectors_run("ev1_aes_auth.json", "ev1_auth", check_auth), 8);
    assert_int_equal(vectors_count("ev1_aes_auth.json"), 8);
}

static enum comm mode_of(const json_t *step, const char *field)
{
    const char *m = vector_text(step, field);
    return strcmp(m, "full") == 0 ? COMM_FULL : strcmp(m, "mac") == 0 ? COMM_MAC : COMM_PLAIN;
}

static int steps_run, frames_run;

/* Native frames (command first, status first) through the chain, which wraps and joins them. */
static void check_frames(const json_t *step)
{
    static uint8_t storage[512], joined_raw[512];
    struct buf joined = BUF_ON(joined_raw);
    struct frame_chain f;
    const json_t *rx = json_object_get(step, "rx_frames");
    static uint8_t body_raw[VECTOR_BYTES_MAX]; /* longer than the buffers of vector_hex live */
    struct bytes body = vector_hex(step, "tx");
    memcpy(body_raw, body.data, body.size);
    body.data = body_raw;
    frame_start(&f, vector_u8(step, "cmd"), body, BUF_ON(storage));
    size_t answers = 0;
    enum frame_next next = FRAME_MORE;
    while (next == FRAME_MORE) {
        uint8_t out_raw[64], in_raw[80];
        struct buf out = BUF_ON(out_raw), in = BUF_ON(in_raw);
        frame_next(&f, &out);
        assert_false(out.full);
        assert_true(out.size <= FRAME_DATA_MAX + 6);
        assert_int_equal(out_raw[0], 0x90);
        assert_int_equal(out_raw[1], joined.size || answers ? 0xaf : vector_u8(step, "cmd"));
        if (out.size > 5)
            buf_put(&joined, out_raw + 5, out_raw[4]);
        /* Our pieces of the command are cut elsewhere than the recorded ones: ask for more until it
         * is all sent, then play the card's own frames. */
        if (joined.size < body.size) {
            buf_put(&in, "\x91\xaf", 2);
        } else {
            const json_t *frame = json_array_get(rx, answers++);
            while (json_array_size(rx) > 1 && vector_hex(frame, "").size == 1 &&
                   vector_hex(frame, "").data[0] == 0xaf)
                frame = json_array_get(rx, answers++);
            struct bytes native = vector_hex(frame, "");
            buf_put(&in, native.data + 1, native.size - 1);
            buf_put_u8(&in, 0x91);
            buf_put_u8(&in, native.data[0]);
        }
        next = frame_take(&f, buf_bytes(&in));
        frames_run++;
    }
    assert_int_equal(next, FRAME_END);
    assert_int_equal(f.status, FRAME_STATUS_OK);
    assert_int_equal(answers, json_array_size(rx));
    vector_equal(buf_bytes(&joined), body);
    vector_equal(buf_bytes(&f.answer), vector_hex(step, "rx"));
}

static void check_session(const json_t *c)
{
    struct ev1_session s = {.key = vector_key(c, "session_key")};
    size_t i;
    const json_t *step;
    json_array_foreach(json_object_get(c, "steps"), i, step)
    {
        static uint8_t body_raw[512], plain_raw[512];
        struct buf body = BUF_ON(body_raw), plain = BUF_ON(plain_raw);
        struct bytes rx = vector_hex(step, "rx"), want = vector_hex(step, "resp_data");
        enum comm mode = mode_of(step, "rx_mode");
        ev1_command(&s, vector_u8(step, "cmd"), vector_hex_or_empty(step, "header"),
                    vector_hex_or_empty(step, "data"), mode_of(step, "tx_mode"), &body);
        vector_equal(buf_bytes(&body), vector_hex(step, "tx"));

        uint8_t wrong[512];
        memcpy(wrong, rx.data, rx.size);
        wrong[test_below((uint32_t)rx.size)] ^= 0x10;
        struct ev1_session copy = s;
        assert_int_not_equal(
            ev1_answer(&copy, 0, bytes_of(wrong, rx.size), mode, want.size, &plain), OK);
        copy = s;
        assert_int_not_equal(ev1_answer(&copy, 0x0c, rx, mode, want.size, &plain), OK);
        assert_int_equal(plain.size, 0);
        assert_int_equal(ev1_answer(&s, 0, rx, mode, want.size, &plain), OK);
        vector_equal(buf_bytes(&plain), want);
        if (vector_has(step, "rx_frames"))
            check_frames(step);
        steps_run++;
    }
}

TEST(ev1, whole_sessions_of_recorded_cards_run_on_one_chain)
{
    steps_run = frames_run = 0;
    assert_int_equal(vectors_run("ev1_secure_messaging.json", "ev1_session", check_session), 6);
    assert_int_equal(steps_run, 30);
    assert_true(frames_run > 40);
}

static void check_change_key(const json_t *c)
{
    struct ev1_session s = {.key = vector_key(c, "session_key")};
    struct aes_key new_key = vector_key(c, "new_key"), old_key = {{0}};
    bool other = vector_has(c, "old_key");
    uint8_t raw[64];
    struct buf body = BUF_ON(raw);
    if (other)
        old_key = vector_key(c, "old_key");
    ev1_change_key(&s, vector_u8(c, "key_no"), &new_key, vector_u8(c, "new_version"),
                   other ? &old_key : NULL, &body);
    vector_equal(buf_bytes(&body), vector_hex(c, "tx"));
    if (vector_has(c, "rx")) {
        struct buf none = BUF_ON(raw);
        assert_int_equal(ev1_answer(&s, 0, vector_hex(c, "rx"), COMM_MAC, 0, &none), OK);
    }
}

TEST(ev1, changing_a_key_is_that_of_recorded_cards)
{
    assert_int_equal(vectors_run("ev1_secure_messaging.json", "ev1_change_key", check_change_key),
                     6);
    assert_int_equal(vectors_count("ev1_secure_messaging.json"), 12);
}

/* An enciphered answer whose CRC fits but whose padding is not zeros. */
TEST(ev1, a_new_key_is_mixed_with_every_byte_of_the_old_one)
{
    struct aes_key new_key, old_key;
    struct ev1_session s = {.iv = {9}}, before;
    uint8_t raw[64], plain[32];
    struct buf body = BUF_ON(raw);
    for (int i = 0; i < AES_KEY_SIZE; i++) {
        new_key.b[i] = (uint8_t)test_random();
        old_key.b[i] = (uint8_t)test_random();
        s.key.b[i] = (uint8_t)test_random();
    }
    before = s;
    ev1_change_key(&s, 2, &new_key, 7, &old_key, &body);
    assert_int_equal(body.size, 1 + sizeof plain);
    aes_cbc_decrypt(&s.key, before.iv, plain, raw + 1, sizeof plain);
    for (int i = 0; i < AES_KEY_SIZE; i++)
        assert_int_equal(plain[i], new_key.b[i] ^ old_key.b[i]);
    uint32_t crc = crc32_desfire(0xffffffff, bytes_of("\xc4\x02", 2));
    assert_int_equal(plain[16], 7);
    assert_int_equal(get_le(plain + 17, 4), crc32_desfire(crc, bytes_of(plain, 17)));
    assert_int_equal(get_le(plain + 21, 4), crc32_desfire(0xffffffff, bytes_of(new_key.b, AES_KEY_SIZE)));
    assert_memory_equal(plain + 25, "\0\0\0\0\0\0\0", 7);
}

TEST(ev1, padding_that_is_none_is_refused)
{
    for (int last = 0; last < 2; last++) {
        struct ev1_session s = {.iv = {5}};
        uint8_t answer[16] = {1, 2, 3, 4}, iv[16] = {5}, plain_raw[16], status = 0;
        struct buf plain = BUF_ON(plain_raw);
        uint32_t crc =
            crc32_desfire(crc32_desfire(0xffffffff, bytes_of(answer, 4)), bytes_of(&status, 1));
        put_le(answer + 4, crc, 4);
        answer[15] = (uint8_t)last;
        aes_cbc_encrypt(&s.key, iv, answer, answer, 16);
        assert_int_equal(ev1_answer(&s, 0, bytes_of(answer, 16), COMM_FULL, 4, &plain),
                         last ? ERR_MAC : OK);
        assert_int_equal(plain.size, last ? 0 : 4);
    }
}

/* ---- frames ---- */

static void check_wrap(const json_t *c)
{
    uint8_t raw[300];
    struct buf out = BUF_ON(raw);
    frame_wrap(&out, vector_u8(c, "ins"), vector_hex_or_empty(c, "body"));
    vector_equal(buf_bytes(&out), vector_hex(c, "c_apdu"));
    if (!vector_has(c, "r_apdu"))
        return;
    struct bytes r = vector_hex(c, "r_apdu"), data;
    unsigned status;
    assert_int_equal(frame_unwrap(r, &data, &status), OK);
    assert_int_equal(status, r.data[r.size - 1]);
    assert_int_equal(data.size, r.size - 2);
}

TEST(frame, wrapping_gives_the_published_apdus)
{
    assert_int_equal(vectors_run("plain_commands.json", "iso_wrap", check_wrap), 13);
    assert_int_equal(vectors_count("plain_commands.json"), 13);
}

TEST(frame, a_card_that_never_ends_is_cut_off)
{
    uint8_t storage[1024], out_raw[64], full[62];
    struct frame_chain f;
    memset(full, 7, sizeof full);
    full[60] = 0x91;
    full[61] = 0xaf;
    for (size_t n = 2; n <= sizeof full; n += 10) { /* pieces of 0, 10, .. 60 bytes */
        int rounds = 0;
        frame_start(&f, 0xbb, bytes_of(NULL, 0), BUF_ON(storage));
        struct buf out = BUF_ON(out_raw);
        frame_next(&f, &out);
        while (frame_take(&f, bytes_of(full + sizeof full - n, n)) == FRAME_MORE) {
            struct buf next = BUF_ON(out_raw);
            frame_next(&f, &next);
            assert_true(++rounds <= FRAME_COUNT_MAX);
        }
    }
    struct buf small = {.data = storage, .cap = 59};
    frame_start(&f, 0xbb, bytes_of(NULL, 0), small);
    assert_int_equal(frame_take(&f, bytes_of(full, sizeof full)), FRAME_BAD);
    frame_start(&f, 0x3d, bytes_of(full, 60),
                BUF_ON(storage)); /* data before the command was whole */
    struct buf out = BUF_ON(out_raw);
    frame_next(&f, &out);
    assert_int_equal(frame_take(&f, bytes_of(full + 59, 3)), FRAME_BAD);
}

TEST(frame, an_answer_without_a_status_is_no_answer)
{
    struct bytes data;
    unsigned status;
    assert_int_equal(frame_unwrap(bytes_of("", 0), &data, &status), ERR_FORMAT);
    assert_int_equal(frame_unwrap(bytes_of("\x91", 1), &data, &status), ERR_FORMAT);
    assert_int_equal(frame_unwrap(bytes_of("\x6a\x82", 2), &data, &status), OK);
    assert_int_equal(status, FRAME_STATUS_ISO);
}
