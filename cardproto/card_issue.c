/* card_issue.c - the steps of an issue, in the order of its plan: a blank DESFire becomes a card of ours.
 * SPEC.md sections 3, 7, 8 and 13.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/card_int.h"

#include <assert.h>
#include <string.h>

static void send_select_picc(struct card_op *op)
{
    static const uint8_t picc[3];
    card_send_plain(op, CMD_SELECT, bytes_of(picc, sizeof picc));
}

/* OFFSET SIZE MEANING
 *      1    1 hardware type, low four bits 1 = DESFire
 *      3    1 hardware version: 0 EV0, 1 EV1, 12 EV2, 33 EV3
 *     14    7 UID */
static void send_version(struct card_op *op)
{
    card_send_plain(op, CMD_VERSION, card_nothing);
}

static void take_version(struct card_op *op, struct bytes data)
{
    if (data.size != 28) {
        card_fail(op, CARD_NOT_OURS, "the card's version has %zu bytes, a DESFire's 28", data.size);
        return;
    }
    if ((data.data[1] & 0x0f) != 1 || data.data[3] == 0) {
        card_fail(op, CARD_NOT_OURS, "type %02x version %02x is no DESFire EV1, EV2 or EV3",
                  data.data[1], data.data[3]);
        return;
    }
    if (memcmp(data.data + 14, op->seen.uid.b, sizeof op->seen.uid.b) != 0) {
        card_fail(op, CARD_BAD_ANSWER, "the card names another UID than the one it was found by");
        return;
    }
    op->seen.kind = data.data[3] < 0x10 ? CARD_EV1 : CARD_EV2;
}

static void send_create_application(struct card_op *op)
{
    uint8_t raw[16];
    struct buf b = BUF_ON(raw);
    layout_put_application(&b, &op->scheme);
    card_send_plain(op, CMD_CREATE_APPLICATION, buf_bytes(&b));
}

/* There is one: finished, or left over from an issue that broke off? */
static bool refused_create(struct card_op *op, unsigned status)
{
    if (status == FRAME_STATUS_DUPLICATE && !op->cleaned) {
        op->cleaned = true;
        card_jump(op, ISSUE_CLEAN_AT);
        return true;
    }
    if (status == FRAME_STATUS_DUPLICATE)
        card_fail(op, CARD_ISSUED_ALREADY, "the application is there and cannot be deleted");
    else if (status == FRAME_STATUS_DENIED || status == FRAME_STATUS_AUTHENTICATION)
        card_fail(op, CARD_BAD_KEY, "the card lets nobody make applications: it has another owner");
    return op->ended;
}

static void send_blank_auth(struct card_op *op)
{
    static const struct aes_key zeros;
    op->session.kind = CARD_NONE;
    card_start_auth(op, op->seen.kind == CARD_EV1 ? CMD_AUTH_EV1 : CMD_AUTH_FIRST, KEY_MASTER,
                    &zeros);
}

/* The one found does not open with the factory key any more. */
bool card_refused_blank_auth(struct card_op *op, unsigned status)
{
    bool cleaning = op->plan == PLAN_ISSUE && op->at >= ISSUE_CLEAN_AT;
    if (!cleaning || status != FRAME_STATUS_AUTHENTICATION)
        return false;
    card_fail(op, CARD_ISSUED_ALREADY, "the card carries a finished application already");
    return true;
}

static void send_create_file(struct card_op *op, uint8_t file, struct bytes secret)
{
    uint8_t raw[FILE_HEADER_MAX];
    struct buf b = BUF_ON(raw);
    uint8_t cmd = layout_put_file(&b, file, op->purse_limit);
    assert(!b.full);
    card_send_secure(op, cmd, buf_bytes(&b), secret, secret.size ? COMM_FULL : COMM_MAC, 0);
}

static void send_create_member(struct card_op *op)
{
    send_create_file(op, FILE_MEMBER, card_nothing);
}

/* The copy for K1 is never renewed, so it says nothing of the tier. */
static void send_write_member(struct card_op *op)
{
    uint8_t raw[PROFILE_SIZE];
    struct card_profile member = {.member = op->profile.member, .layout = CARD_LAYOUT};
    layout_encode_profile(raw, &member, op->seen.kind);
    card_send_write(op, FILE_MEMBER, raw);
}

static void send_create_profile(struct card_op *op)
{
    send_create_file(op, FILE_PROFILE, card_nothing);
}

static void send_create_purse(struct card_op *op)
{
    send_create_file(op, FILE_PURSE, card_nothing);
}

static void send_create_log(struct card_op *op)
{
    send_create_file(op, FILE_LOG, card_nothing);
}

static void send_create_tmac(struct card_op *op)
{
    uint8_t secret[AES_KEY_SIZE + 1];
    memcpy(secret, op->keys[KEY_TMAC].b, AES_KEY_SIZE);
    secret[AES_KEY_SIZE] = op->scheme.key_version;
    send_create_file(op, FILE_TMAC, bytes_of(secret, sizeof secret));
    bytes_wipe(secret, sizeof secret);
}

static void send_change_key(struct card_op *op, int key, bool own)
{
    static const struct aes_key zeros;
    struct buf b = card_body(op);
    enum err e = session_change_key(&op->session, (uint8_t)key, &op->keys[key],
                                    op->scheme.key_version, own ? NULL : &zeros, &b);
    assert(e == OK);
    (void)e;
    card_start_chain(op, 0xc4, &b);
    op->secure = !own; /* a changed key of one's own ends the session before the answer */
    op->comm = COMM_MAC;
    op->expected = 0;
}

static void send_change_key_1(struct card_op *op)
{
    send_change_key(op, KEY_READ, false);
}

static void send_change_key_2(struct card_op *op)
{
    send_change_key(op, KEY_TILL, false);
}

static void send_change_key_3(struct card_op *op)
{
    send_change_key(op, KEY_CREDIT, false);
}

static void send_change_key_0(struct card_op *op)
{
    send_change_key(op, KEY_MASTER, true);
}

static void take_change_key_0(struct card_op *op, struct bytes data)
{
    op->session.kind = CARD_NONE;
    card_take_nothing(op, data);
}

/* A card made just now has committed nothing. */
static void think_first_count(struct card_op *op)
{
    op->seen.tmc = 0;
    op->seen.has_tmc = true;
    if (op->seen.purse)
        card_fail(op, CARD_BAD_ANSWER, "the new purse is not empty");
}

static void send_delete(struct card_op *op)
{
    card_send_secure(op, CMD_DELETE_APPLICATION, bytes_of(op->scheme.aid, sizeof op->scheme.aid),
                     card_nothing, COMM_MAC, 0);
    /* The session goes with the application; with or without a MAC, CreateApplication will tell. */
    op->secure = false;
}

static void take_delete(struct card_op *op, struct bytes data)
{
    op->session.kind = CARD_NONE;
    if (data.size != 0 && data.size != MACT_SIZE)
        card_fail(op, CARD_BAD_ANSWER, "the card answered the deletion with %zu bytes", data.size);
}

static void think_create_again(struct card_op *op)
{
    card_jump(op, ISSUE_CREATE_AT);
}

/* ---- the table ---- */

const struct step card_issue_steps[STEP_COUNT] = {
    [SELECT_PICC] = {"selecting the card", .send = send_select_picc, .take = card_take_nothing},
    [VERSION] = {"reading the version", .send = send_version, .take = take_version},
    [CREATE_APPLICATION] = {"making the application", .send = send_create_application,
                            .take = card_take_nothing, .refused = refused_create},
    [BLANK_AUTH] = {"authenticating with the factory key", .send = send_blank_auth,
                    .take = card_take_auth, .refused = card_refused_blank_auth},
    [CREATE_MEMBER] = {"making file 01", .send = send_create_member, .take = card_take_nothing},
    [WRITE_MEMBER] = {"writing file 01", .send = send_write_member, .take = card_take_nothing},
    [CREATE_PROFILE] = {"making file 02", .send = send_create_profile, .take = card_take_nothing},
    [CREATE_PURSE] = {"making file 03", .send = send_create_purse, .take = card_take_nothing},
    [CREATE_LOG] = {"making file 04", .send = send_create_log, .take = card_take_nothing},
    [CREATE_TMAC] = {"making file 0F", .skip = card_skip_ev1, .send = send_create_tmac,
                     .take = card_take_nothing},
    [CHANGE_KEY_1] = {"changing key 1", .send = send_change_key_1, .take = card_take_nothing},
    [CHANGE_KEY_2] = {"changing key 2", .send = send_change_key_2, .take = card_take_nothing},
    [CHANGE_KEY_3] = {"changing key 3", .send = send_change_key_3, .take = card_take_nothing},
    [FIRST_COUNT] = {"counting", .think = think_first_count},
    [CHANGE_KEY_0] = {"changing the master key", .send = send_change_key_0,
                      .take = take_change_key_0},
    [DELETE] = {"deleting the unfinished application", .send = send_delete, .take = take_delete},
    [CREATE_AGAIN] = {"starting again", .think = think_create_again},
};
