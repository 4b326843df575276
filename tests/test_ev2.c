/* test_ev2.c - the EV2 session against the bytes NXP prints.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/ev2.h"
#include "cardproto/frame.h"
#include "tests/test.h"
#include "tests/vectors.h"

#include <string.h>

static void check_keys(const struct ev2_session *s, const json_t *c)
{
    vector_equal(bytes_of(s->enc.b, 16), vector_hex(c, "ses_auth_enc_key"));
    vector_equal(bytes_of(s->mac.b, 16), vector_hex(c, "ses_auth_mac_key"));
}

static void check_auth(const json_t *c)
{
    bool first = vector_has(c, "ti");
    struct aes_key key = vector_key(c, "key");
    struct ev2_auth a;
    struct ev2_session s = {.ctr = 77};
    uint8_t reply[AUTH_REPLY_SIZE];
    ev2_auth_reply(&a, &key, vector_hex(c, "rnda").data, vector_hex(c, "enc_rndb").data, reply);
    vector_equal(bytes_of(a.rnd_b, 16), vector_hex(c, "rndb"));
    vector_equal(bytes_of(reply, sizeof reply), vector_hex(c, "host_cryptogram"));
    struct bytes answer = vector_hex(c, "card_response");
    if (first) {
        assert_int_equal(ev2_auth_finish_first(&a, answer, &s), OK);
        vector_equal(bytes_of(s.ti, 4), vector_hex(c, "ti"));
        assert_int_equal(s.ctr, 0);
    } else {
        struct bytes ti = vector_hex(c, "ti_kept");
        memcpy(s.ti, ti.data, 4);
        s.ctr = (uint16_t)json_integer_value(json_object_get(c, "cmd_ctr_kept"));
        assert_int_equal(ev2_auth_finish_nonfirst(&a, answer, &s), OK);
        vector_equal(bytes_of(s.ti, 4), ti);
        assert_int_equal(s.ctr, 1);
    }
    check_keys(&s, c);

    /* A wrong bit is refused: of RndA' or the capabilities we sent; a wrong TI shows in the next
     * MAC. */
    for (size_t i = first ? 32 : 0; i < 8 * answer.size; i += 7) {
        if (first && i / 8 >= 20 && i / 8 < 26)
            continue; /* what the card can do, which we leave to it */
        uint8_t plain[32], iv[16] = {0}, wrong[32];
        aes_cbc_decrypt(&key, iv, plain, answer.data, answer.size);
        plain[i / 8] ^= (uint8_t)(1 << i % 8);
        memset(iv, 0, sizeof iv);
        aes_cbc_encrypt(&key, iv, wrong, plain, answer.size);
        struct ev2_session none = {.ctr = 5};
        struct bytes w = bytes_of(wrong, answer.size);
        assert_int_equal(first ? ev2_auth_finish_first(&a, w, &none)
                               : ev2_auth_finish_nonfirst(&a, w, &none),
                         ERR_AUTH);
        assert_int_equal(none.ctr, 5);
    }
    struct bytes cut = bytes_of(answer.data, answer.size - 1);
    assert_int_equal(first ? ev2_auth_finish_first(&a, cut, &s)
                           : ev2_auth_finish_nonfirst(&a, cut, &s),
                     ERR_AUTH);
}

static void check_session_keys(const json_t *c)
{
    struct ev2_auth a = {.key = vector_key(c, "key")};
    struct ev2_session s;
    memcpy(a.rnd_a, vector_hex(c, "rnda").data, 16);
    memcpy(a.rnd_b, vector_hex(c, "rndb").data, 16);
    ev2_session_keys(&a, &s);
    check_keys(&s, c);
}

static void check_iv(const json_t *c)
{
    struct ev2_session s = {.enc = vector_key(c, "ses_auth_enc_key")};
    uint8_t iv[16];
    memcpy(s.ti, vector_hex(c, "ti").data, 4);
    ev2_iv(&s, strcmp(vector_text(c, "dir"), "cmd") != 0,
           (uint16_t)json_integer_value(json_object_get(c, "cmd_ctr")), iv);
    vector_equal(bytes_of(iv, 16), vector_hex(c, "iv"));
}

TEST(ev2, handshake_keys_and_vectors_are_the_printed_ones)
{
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_auth_first", check_auth), 3);
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_auth_recover", check_auth), 5);
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_auth_nonfirst", check_auth), 1);
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_session_keys", check_session_keys), 1);
    assert_int_equal(vectors_run("ev2_auth.json", "ev2_iv", check_iv), 3);
    assert_int_equal(vectors_count("ev2_auth.json"), 13);
}

static struct ev2_session session_of(const json_t *c)
{
    struct ev2_session s = {.ctr = (uint16_t)json_integer_value(json_object_get(c, "cmd_ctr"))};
    if (vector_has(c, "ses_auth_enc_key"))
        s.enc = vector_key(c, "ses_auth_enc_key");
    s.mac = vector_key(c, "ses_auth_mac_key");
    memcpy(s.ti, vector_hex(c, "ti").data, 4);
    return s;
}

/* Wraps cmd and body and compares with the printed APDU. */
static void check_apdu(const json_t *c, uint8_t cmd, const struct buf *body)
{
    static uint8_t raw[300];
    struct buf out = BUF_ON(raw);
    frame_wrap(&out, cmd, buf_bytes(body));
    vector_equal(buf_bytes(&out), vector_hex(c, "c_apdu"));
}

static void check_cmd(const json_t *c)
{
    static uint8_t body_raw[300], plain_raw[300];
    const char *m = vector_text(c, "mode");
    enum comm mode = strcmp(m, "full") == 0  ? COMM_FULL
                     : strcmp(m, "mac") == 0 ? COMM_MAC
                                             : COMM_PLAIN;
    struct ev2_session s = session_of(c);
    struct buf body = BUF_ON(body_raw), plain = BUF_ON(plain_raw);
    uint8_t iv[16];
    if (vector_has(c, "iv_cmd")) {
        ev2_iv(&s, false, s.ctr, iv);
        vector_equal(bytes_of(iv, 16), vector_hex(c, "iv_cmd"));
    }
    if (vector_has(c, "iv_resp")) {
        ev2_iv(&s, true, (uint16_t)(s.ctr + 1), iv);
        vector_equal(bytes_of(iv, 16), vector_hex(c, "iv_resp"));
    }
    uint8_t cmd = vector_u8(c, "ins");
    assert_int_equal(ev2_command(&s, cmd, vector_hex_or_empty(c, "header"),
                                 vector_hex_or_empty(c, "data"), mode, &body),
                     OK);
    check_apdu(c, cmd, &body);
    if (!vector_has(c, "r_apdu"))
        return;
    struct bytes data;
    unsigned status;
    assert_int_equal(frame_unwrap(vector_hex(c, "r_apdu"), &data, &status), OK);
    if (mode != COMM_PLAIN) {
        struct ev2_session copy = s;
        uint8_t wrong[300];
        memcpy(wrong, data.data, data.size);
        wrong[test_below((uint32_t)data.size)] ^= 1;
        assert_int_equal(ev2_answer(&copy, 0, bytes_of(wrong, data.size), mode, &plain), ERR_MAC);
        copy = s;
        assert_int_equal(ev2_answer(&copy, 0x0c, data, mode, &plain), ERR_MAC);
        copy = s;
        copy.ctr++; /* a command was lost in between */
        assert_int_equal(ev2_answer(&copy, 0, data, mode, &plain), ERR_MAC);
        copy = s;
        assert_int_equal(ev2_answer(&copy, 0, bytes_of(data.data, 7), mode, &plain), ERR_FORMAT);
    }
    assert_int_equal(plain.size, 0);
    uint16_t before = s.ctr;
    assert_int_equal(ev2_answer(&s, (uint8_t)status, data, mode, &plain), OK);
    assert_int_equal(s.ctr, before + 1);
    vector_equal(buf_bytes(&plain), vector_hex_or_empty(c, "resp_data"));
}

static void check_change_key(const json_t *c)
{
    struct ev2_session s = session_of(c);
    struct aes_key new_key = vector_key(c, "new_key"), old_key = {{0}};
    bool other = vector_has(c, "old_key");
    uint8_t raw[64];
    struct buf body = BUF_ON(raw);
    if (other)
        old_key = vector_key(c, "old_key");
    assert_int_equal(ev2_change_key(&s, vector_u8(c, "key_no"), &new_key,
                                    vector_u8(c, "new_version"), other ? &old_key : NULL, &body),
                     OK);
    check_apdu(c, 0xc4, &body);
    struct bytes data;
    unsigned status;
    struct buf none = BUF_ON(raw);
    assert_int_equal(frame_unwrap(vector_hex(c, "r_apdu"), &data, &status), OK);
    if (other)
        assert_int_equal(ev2_answer(&s, 0, data, COMM_FULL, &none), OK);
    else
        assert_int_equal(data.size, 0);
}

TEST(ev2, commands_and_answers_are_the_printed_ones)
{
    assert_int_equal(vectors_run("ev2_secure_messaging.json", "ev2_cmd", check_cmd), 23);
    assert_int_equal(vectors_run("ev2_secure_messaging.json", "ev2_change_key", check_change_key),
                     4);
    /* the last one is a mact, in test_cipher.c */
    assert_int_equal(vectors_count("ev2_secure_messaging.json"), 28);
}

/* The published keys begin with zeros; here every byte counts. */
TEST(ev2, a_new_key_is_mixed_with_every_byte_of_the_old_one)
{
    struct aes_key new_key, old_key;
    struct ev2_session s = {.ti = {1, 2, 3, 4}, .ctr = 3}, before;
    uint8_t raw[64], plain[32], iv[AES_BLOCK];
    struct buf body = BUF_ON(raw);
    for (int i = 0; i < AES_KEY_SIZE; i++) {
        new_key.b[i] = (uint8_t)test_random();
        old_key.b[i] = (uint8_t)test_random();
        s.enc.b[i] = (uint8_t)test_random();
        s.mac.b[i] = (uint8_t)test_random();
    }
    before = s;
    assert_int_equal(ev2_change_key(&s, 2, &new_key, 7, &old_key, &body), OK);
    assert_int_equal(body.size, 1 + sizeof plain + MACT_SIZE);
    assert_int_equal(raw[0], 2);
    ev2_iv(&before, false, before.ctr, iv);
    aes_cbc_decrypt(&s.enc, iv, plain, raw + 1, sizeof plain);
    for (int i = 0; i < AES_KEY_SIZE; i++)
        assert_int_equal(plain[i], new_key.b[i] ^ old_key.b[i]);
    assert_int_equal(plain[16], 7);
    assert_int_equal(get_le(plain + 17, 4), crc32_desfire(0xffffffff, bytes_of(new_key.b, AES_KEY_SIZE)));
    assert_memory_equal(plain + 21, "\x80\0\0\0\0\0\0\0\0\0\0", 11);
}

TEST(ev2, a_counter_that_has_run_out_sends_nothing_more)
{
    struct ev2_session s = {.ctr = EV2_CTR_MAX + 1};
    uint8_t raw[64];
    struct buf body = BUF_ON(raw);
    assert_int_equal(ev2_command(&s, 0x6c, bytes_of("\3", 1), bytes_of(NULL, 0), COMM_MAC, &body),
                     ERR_STATE);
    assert_int_equal(body.size, 0);
}

TEST(ev2, padding_that_is_none_is_refused)
{
    struct ev2_session s = {.ti = {1, 2, 3, 4}};
    for (int i = 0; i < 16; i++)
        s.enc.b[i] = s.mac.b[i] = (uint8_t)(i * 3);
    static const uint8_t plains[][32] = {
        {0},                          /* no 80 at all */
        {1, 2, 3, 4, 0x80, [16] = 0}, /* 80 in an earlier block */
        {1, 2, 3, [31] = 0x81},
    };
    for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
        uint8_t answer[40], iv[16], m[64], plain_raw[64];
        ev2_iv(&s, true, 1, iv);
        aes_cbc_encrypt(&s.enc, iv, answer, plains[i], 32);
        struct buf b = BUF_ON(m), plain = BUF_ON(plain_raw);
        buf_put(&b, "\0\1\0\1\2\3\4", 7); /* status, counter, TI */
        buf_put(&b, answer, 32);
        aes_mact(&s.mac, buf_bytes(&b), answer + 32);
        struct ev2_session copy = s;
        assert_int_equal(ev2_answer(&copy, 0, bytes_of(answer, 40), COMM_FULL, &plain), ERR_FORMAT);
        assert_int_equal(plain.size, 0);
    }
}
