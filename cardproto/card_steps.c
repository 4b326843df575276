/* card_steps.c - the steps of which identify, debit, settle and load are made: send_X, take_X, and what
 * else there is to a step.  What take_X reads has had its length, status and MAC checked in card.c.
 * SPEC.md sections 7 to 12.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/card_int.h"

#include <assert.h>
#include <string.h>

/* ---- ways of sending ---- */

void card_start_chain(struct card_op *op, uint8_t cmd, const struct buf *params)
{
    assert(!params->full);
    frame_start(&op->chain, cmd, buf_bytes(params), BUF_ON(op->reply));
}

struct buf card_body(struct card_op *op)
{
    return (struct buf){.data = op->body, .cap = sizeof op->body};
}

void card_send_plain(struct card_op *op, uint8_t cmd, struct bytes params)
{
    struct buf b = card_body(op);
    if (params.data != op->body)
        buf_put(&b, params.data, params.size);
    else
        b.size = params.size; /* it lies there already */
    card_start_chain(op, cmd, &b);
    op->secure = false;
}

void card_send_secure(struct card_op *op, uint8_t cmd, struct bytes header, struct bytes data,
                      enum comm comm, size_t expected)
{
    struct buf b = card_body(op);
    enum err e = session_command(&op->session, cmd, header, data, comm, &b);
    assert(e == OK); /* only a counter of 65534 commands could run out */
    (void)e;
    card_start_chain(op, cmd, &b);
    op->secure = true;
    op->comm = comm;
    op->expected = expected;
}

/* file, offset 0, size: the head of every command on data. */
static struct bytes data_head(uint8_t head[7], uint8_t file, uint32_t offset, uint32_t size)
{
    head[0] = file;
    put_le(head + 1, offset, 3);
    put_le(head + 4, size, 3);
    return bytes_of(head, 7);
}

static struct buf tmi_of(struct card_op *op)
{
    return (struct buf){
        .data = op->evidence.tmi, .size = op->evidence.tmi_size, .cap = TXN_TMI_MAX};
}

/* EV1 has no Transaction MAC. */
static void tmi_keep(struct card_op *op, const struct buf *tmi)
{
    assert(!tmi->full); /* a load with a full log is 496 bytes: SPEC.md section 6 */
    if (op->seen.kind == CARD_EV2)
        op->evidence.tmi_size = (uint16_t)tmi->size;
}

/* ---- the steps ---- */

static void send_select(struct card_op *op)
{
    card_send_plain(op, CMD_SELECT, bytes_of(op->scheme.aid, sizeof op->scheme.aid));
}

void card_take_nothing(struct card_op *op, struct bytes data)
{
    if (data.size)
        card_fail(op, CARD_BAD_ANSWER, "the card sent %zu bytes where none belong", data.size);
}

/* The authentication's own random number, another for each of an operation. */
static void next_random(struct card_op *op, uint8_t rnd_a[AUTH_RND_SIZE])
{
    struct aes_key key;
    uint8_t input[AES_BLOCK + 4], zero[AES_BLOCK] = {0};
    memcpy(key.b, op->random, sizeof key.b);
    memcpy(input, op->random + AES_KEY_SIZE, AES_BLOCK);
    put_le(input + AES_BLOCK, op->random_count++, 4);
    aes_cmac(&key, zero, bytes_of(input, sizeof input), rnd_a);
    bytes_wipe(&key, sizeof key);
}

void card_start_auth(struct card_op *op, uint8_t cmd, int key_no, const struct aes_key *key)
{
    const uint8_t params[] = {(uint8_t)key_no, 0}; /* 71 has a length of capabilities, 0 */
    /* kept until the card's half comes; auth.cmd is what session_auth_finish goes by */
    op->auth = (struct session_auth){.cmd = cmd};
    op->auth.ev2.key = *key;
    card_send_plain(op, cmd, bytes_of(params, cmd == CMD_AUTH_FIRST ? 2 : 1));
    op->chain.whole = true;
}

/* EV2: K2 with 71.  EV1: K2 with AA, or K3, which alone does all of a load. */
static void send_auth(struct card_op *op)
{
    bool ev1 = op->seen.kind == CARD_EV1;
    int key = ev1 && (op->plan == PLAN_LOAD || op->plan == PLAN_ISSUE) ? KEY_CREDIT : KEY_TILL;
    op->session.kind = CARD_NONE;
    card_start_auth(op, ev1 ? CMD_AUTH_EV1 : CMD_AUTH_FIRST, key, &op->keys[key]);
}

static void send_credit_auth(struct card_op *op)
{
    card_start_auth(op, CMD_AUTH_NONFIRST, KEY_CREDIT, &op->keys[KEY_CREDIT]);
}

/* The card's half of the handshake; ours is left in body for the next step. */
void card_take_auth(struct card_op *op, struct bytes data)
{
    uint8_t rnd_a[AUTH_RND_SIZE];
    struct aes_key key = op->auth.ev2.key;
    if (op->chain.status != FRAME_STATUS_MORE || data.size != AUTH_RND_SIZE) {
        card_fail(op, CARD_BAD_ANSWER, "the card began the authentication wrongly");
        return;
    }
    next_random(op, rnd_a);
    session_auth_reply(&op->auth, op->auth.cmd, &key, rnd_a, data.data, op->body);
    bytes_wipe(&key, sizeof key);
    if (op->seen.kind == CARD_NONE)
        op->seen.kind = CARD_EV2;
}

/* A card that does not know 71 is an EV1: the same step once more, with AA. */
static bool refused_auth(struct card_op *op, unsigned status)
{
    bool unknown = status == FRAME_STATUS_ILLEGAL || status == FRAME_STATUS_ISO;
    if (!unknown || op->auth.cmd != CMD_AUTH_FIRST || op->seen.kind != CARD_NONE)
        return false;
    op->seen.kind = CARD_EV1;
    card_jump(op, op->at);
    return true;
}

static void send_auth_reply(struct card_op *op)
{
    card_send_plain(op, CMD_MORE, bytes_of(op->body, AUTH_REPLY_SIZE));
    op->chain.whole = true;
}

static void take_auth_reply(struct card_op *op, struct bytes data)
{
    if (op->chain.status != FRAME_STATUS_OK ||
        session_auth_finish(&op->auth, data, &op->session) != OK)
        card_fail(op, CARD_BAD_KEY, "the card does not know the key it was asked for");
}

static void send_read(struct card_op *op, uint8_t file, uint32_t size)
{
    uint8_t head[7];
    card_send_secure(op, CMD_READ, data_head(head, file, 0, size), card_nothing, COMM_MAC, size);
}

static void send_profile(struct card_op *op)
{
    send_read(op, FILE_PROFILE, PROFILE_SIZE);
}

static void take_profile(struct card_op *op, struct bytes data)
{
    enum card_kind kind;
    struct buf tmi = tmi_of(op);
    if (layout_decode_profile(&op->seen.profile, &kind, data.data)) {
        card_fail(op, CARD_BAD_ANSWER, "the profile on the card is not one of layout %d",
                  CARD_LAYOUT);
        return;
    }
    /* Someone between us and an EV2 card could make it look like one that leaves less evidence. */
    if (kind != op->seen.kind) {
        card_fail(op, CARD_BAD_ANSWER, "the card was issued as EV%d but speaks as EV%d", (int)kind,
                  (int)op->seen.kind);
        return;
    }
    memcpy(op->raw_profile, data.data, PROFILE_SIZE);
    tmi_put_data(&tmi, CMD_READ, FILE_PROFILE, 0, data);
    tmi_keep(op, &tmi);
}

static void send_value(struct card_op *op)
{
    const uint8_t file = FILE_PURSE;
    card_send_secure(op, CMD_GET_VALUE, bytes_of(&file, 1), card_nothing, COMM_FULL, 4);
}

static void take_value(struct card_op *op, struct bytes data)
{
    uint32_t value = (uint32_t)get_le(data.data, 4);
    struct buf tmi = tmi_of(op);
    if (value > INT32_MAX) {
        card_fail(op, CARD_BAD_ANSWER, "the purse holds no valid number of points");
        return;
    }
    op->seen.purse = (int32_t)value;
    tmi_put_value(&tmi, CMD_GET_VALUE, FILE_PURSE, op->seen.purse);
    tmi_keep(op, &tmi);
}

static void send_records(struct card_op *op, uint32_t count, size_t expected)
{
    uint8_t head[7];
    card_send_secure(op, CMD_READ_RECORDS, data_head(head, FILE_LOG, 0, count), card_nothing,
                     COMM_MAC, expected);
}

/* How often the card has committed: EV2 keeps count, EV1 tells it in its newest record. */
static bool skip_counter(const struct card_op *op)
{
    bool log_tells = op->seen.kind == CARD_EV1 && (op->plan == PLAN_LOAD || op->log_empty);
    return op->seen.has_tmc || log_tells;
}

static void send_counter(struct card_op *op)
{
    if (op->seen.kind == CARD_EV2)
        send_read(op, FILE_TMAC, TMAC_FILE_SIZE); /* the one read that stays out of the TMI */
    else
        send_records(op, 1, TXN_RECORD_SIZE);
}

static void take_counter(struct card_op *op, struct bytes data)
{
    struct card_record newest;
    if (op->seen.kind == CARD_EV2) {
        op->seen.tmc = (uint32_t)get_le(data.data, 4);
        memcpy(op->seen.tmv, data.data + 4, sizeof op->seen.tmv);
    } else if (card_record_decode(&newest, data.data)) {
        card_fail(op, CARD_BAD_ANSWER, "the newest record of the log is not one of ours");
        return;
    } else {
        op->seen.tmc = newest.number;
    }
    op->seen.has_tmc = true;
}

/* Someone with a till's key has cleared the log, or someone on the way says so: an error has no MAC.
 * It ended the session: begin again, without the log. */
static bool refused_log(struct card_op *op, unsigned status)
{
    if (status != FRAME_STATUS_BOUNDARY || op->log_empty)
        return false;
    op->log_empty = true;
    op->session.kind = CARD_NONE;
    op->seen.has_tmc = false;
    op->evidence.tmi_size = 0;
    card_jump(op, 0);
    return true;
}

static bool skip_log(const struct card_op *op)
{
    bool settled = op->plan == PLAN_SETTLE && op->seen.has_tmc && op->seen.tmc == op->asked.tmc;
    return settled || op->log_empty;
}

static void send_log(struct card_op *op)
{
    send_records(op, 0, SIZE_MAX); /* 0: all there are */
}

static void take_log(struct card_op *op, struct bytes data)
{
    size_t count = data.size / TXN_RECORD_SIZE;
    struct buf tmi = tmi_of(op);
    if (data.size % TXN_RECORD_SIZE || count < 1 || count > CARD_LOG_MAX) {
        card_fail(op, CARD_BAD_ANSWER, "the log has %zu bytes, no whole number of 1 to %d records",
                  data.size, CARD_LOG_MAX);
        return;
    }
    op->seen.record_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) { /* the card sends the oldest first */
        size_t from = count - 1 - i;
        memcpy(op->seen.raw_records[i], data.data + from * TXN_RECORD_SIZE, TXN_RECORD_SIZE);
        /* A till gone bad may have written nonsense: it stands there as a record of nobody. */
        if (card_record_decode(&op->seen.records[i], op->seen.raw_records[i]))
            op->seen.records[i] = (struct card_record){.entry = {0, 0}};
    }
    if (op->seen.kind == CARD_EV1) {
        op->seen.tmc = op->seen.records[0].number;
        op->seen.has_tmc = op->seen.tmc != 0;
        if (!op->seen.has_tmc)
            card_fail(op, CARD_BAD_ANSWER, "the newest record of the log is not one of ours");
        return;
    }
    tmi_put_records(&tmi, CMD_READ_RECORDS, FILE_LOG, 0, (uint32_t)count, data);
    tmi_keep(op, &tmi);
}

/* No exchange: is the change possible, and what will the log say of it? */
static void think_prepare(struct card_op *op)
{
    int64_t after = (int64_t)op->seen.purse + op->change;
    if (after < 0) {
        card_fail(op, CARD_TOO_LITTLE, "the card holds %d points, %lld are to be taken",
                  (int)op->seen.purse, -(long long)op->change);
        return;
    }
    if (after > INT32_MAX) {
        card_fail(op, CARD_LIMIT, "%d points more on top of %d are more than a card can count",
                  (int)op->change, (int)op->seen.purse);
        return;
    }
    /* EV1 without a log: a number that no count has reached, so that an older intent is never taken for
     * done or not done by it.  No card commits once a second. */
    if (op->seen.kind == CARD_EV1 && op->log_empty)
        op->seen.tmc =
            op->time_s > 0 && op->time_s < UINT32_MAX ? (uint32_t)op->time_s : UINT32_MAX;
    if (op->seen.tmc == UINT32_MAX) {
        card_fail(op, CARD_BAD_ANSWER, "the card's counter of transactions is used up");
        return;
    }
    struct card_record record = {.entry = op->entry,
                                 .time_s = op->time_s,
                                 .type = op->type,
                                 .amount = op->change,
                                 .after = (int32_t)after,
                                 .number = op->seen.tmc + 1};
    card_record_encode(op->evidence.record, &record);
    layout_encode_reader(op->reader, op->entry);
    op->evidence.kind = op->seen.kind;
    op->evidence.tmc = op->seen.tmc;
    op->evidence.purse_before = op->seen.purse;
}

static bool skip_change(const struct card_op *op)
{
    return op->change == 0;
}

static uint8_t change_cmd(const struct card_op *op)
{
    return op->change < 0 ? CMD_DEBIT : CMD_CREDIT;
}

static int32_t change_size(const struct card_op *op)
{
    return op->change < 0 ? -op->change : op->change; /* |change| <= INT32_MAX: think_prepare */
}

static void send_change(struct card_op *op)
{
    const uint8_t file = FILE_PURSE;
    uint8_t value[4];
    put_le(value, (uint32_t)change_size(op), 4);
    card_send_secure(op, change_cmd(op), bytes_of(&file, 1), bytes_of(value, 4), COMM_FULL, 0);
}

static void take_change(struct card_op *op, struct bytes data)
{
    struct buf tmi = tmi_of(op);
    (void)data;
    tmi_put_value(&tmi, change_cmd(op), FILE_PURSE, change_size(op));
    tmi_keep(op, &tmi);
}

static bool refused_change(struct card_op *op, unsigned status)
{
    if (status != FRAME_STATUS_BOUNDARY)
        return false;
    if (op->change < 0)
        card_fail(op, CARD_TOO_LITTLE, "the card refuses to give %d points", (int)change_size(op));
    else
        card_fail(op, CARD_LIMIT, "%d points more are above the limit of this card",
                  (int)op->change);
    return true;
}

static void send_record(struct card_op *op)
{
    uint8_t head[7];
    card_send_secure(op, CMD_WRITE_RECORD, data_head(head, FILE_LOG, 0, TXN_RECORD_SIZE),
                     bytes_of(op->evidence.record, TXN_RECORD_SIZE), COMM_MAC, 0);
}

static void take_record(struct card_op *op, struct bytes data)
{
    struct buf tmi = tmi_of(op);
    (void)data;
    tmi_put_data(&tmi, CMD_WRITE_RECORD, FILE_LOG, 0,
                 bytes_of(op->evidence.record, TXN_RECORD_SIZE));
    tmi_keep(op, &tmi);
}

bool card_skip_ev1(const struct card_op *op)
{
    return op->seen.kind == CARD_EV1;
}

static void send_reader(struct card_op *op)
{
    card_send_secure(op, CMD_READER_ID, card_nothing, bytes_of(op->reader, READER_ID_SIZE),
                     COMM_MAC, READER_ID_SIZE);
}

static void take_reader(struct card_op *op, struct bytes data)
{
    struct buf tmi = tmi_of(op);
    tmi_put_reader(&tmi, op->reader, data.data);
    tmi_keep(op, &tmi);
}

static bool skip_write_profile(const struct card_op *op)
{
    uint8_t raw[PROFILE_SIZE];
    layout_encode_profile(raw, &op->profile, op->seen.kind);
    return op->plan == PLAN_LOAD && memcmp(raw, op->raw_profile, sizeof raw) == 0;
}

void card_send_write(struct card_op *op, uint8_t file, const uint8_t raw[PROFILE_SIZE])
{
    uint8_t head[7];
    card_send_secure(op, CMD_WRITE, data_head(head, file, 0, PROFILE_SIZE),
                     bytes_of(raw, PROFILE_SIZE), COMM_MAC, 0);
}

static void send_write_profile(struct card_op *op)
{
    uint8_t raw[PROFILE_SIZE];
    layout_encode_profile(raw, &op->profile, op->seen.kind);
    card_send_write(op, FILE_PROFILE, raw);
}

static void take_write_profile(struct card_op *op, struct bytes data)
{
    uint8_t raw[PROFILE_SIZE];
    struct buf tmi = tmi_of(op);
    (void)data;
    layout_encode_profile(raw, &op->profile, op->seen.kind);
    tmi_put_data(&tmi, CMD_WRITE, FILE_PROFILE, 0, bytes_of(raw, sizeof raw));
    tmi_keep(op, &tmi);
}

static void send_commit(struct card_op *op)
{
    const uint8_t with_tmv = 1;
    bool ev2 = op->seen.kind == CARD_EV2; /* EV1 takes no option byte */
    card_send_secure(op, CMD_COMMIT, bytes_of(&with_tmv, ev2 ? 1 : 0), card_nothing, COMM_MAC,
                     ev2 ? TMAC_FILE_SIZE : 0);
    op->commit_sent = op->plan != PLAN_ISSUE; /* an issue is simply begun again */
}

static void take_commit(struct card_op *op, struct bytes data)
{
    uint32_t tmc = op->evidence.tmc + 1;
    if (op->seen.kind == CARD_EV2) {
        if (get_le(data.data, 4) != tmc) {
            card_fail(op, CARD_BAD_ANSWER, "the card counts its commits wrongly");
            return;
        }
        memcpy(op->evidence.tmv, data.data + 4, TMV_SIZE);
        memcpy(op->seen.tmv, data.data + 4, TMV_SIZE);
    }
    op->commit_sent = false;
    op->verdict = COMMIT_DONE;
    op->evidence.tmc = tmc;
    op->seen.tmc = tmc;
    op->seen.has_tmc = true;
    op->seen.purse += op->change;
    if (op->plan != PLAN_DEBIT) {
        op->seen.profile = op->profile;
        op->seen.profile.layout = CARD_LAYOUT;
    }
}

static void think_verdict(struct card_op *op)
{
    struct txn_evidence complete;
    if (op->asked.kind != op->seen.kind) {
        card_fail(op, CARD_BAD_ANSWER, "the evidence is of another kind of card");
        return;
    }
    if (op->seen.kind == CARD_EV2 && op->seen.tmc < op->asked.tmc) {
        card_fail(op, CARD_BAD_ANSWER, "the card has counted back from %u to %u commits",
                  (unsigned)op->asked.tmc, (unsigned)op->seen.tmc);
        return;
    }
    op->verdict = card_judge(&op->seen, op->entry, &op->asked, &complete);
    if (op->verdict == COMMIT_DONE)
        op->evidence = complete;
}

/* ---- the table ---- */

const struct step card_steps[STEP_COUNT] = {
    [SELECT] = {"selecting our application", .send = send_select, .take = card_take_nothing},
    [AUTH] = {"authenticating", .send = send_auth, .take = card_take_auth, .refused = refused_auth},
    [AUTH_REPLY] = {"authenticating", .send = send_auth_reply, .take = take_auth_reply,
                    .refused = card_refused_blank_auth},
    [PROFILE] = {"reading the profile", .send = send_profile, .take = take_profile},
    [VALUE] = {"reading the purse", .send = send_value, .take = take_value},
    [COUNTER] = {"reading the counter", .skip = skip_counter, .send = send_counter,
                 .take = take_counter, .refused = refused_log},
    [LOG] = {"reading the log", .skip = skip_log, .send = send_log, .take = take_log,
             .refused = refused_log},
    [PREPARE] = {"preparing", .think = think_prepare},
    [CHANGE] = {"changing the purse", .skip = skip_change, .send = send_change, .take = take_change,
                .refused = refused_change},
    [RECORD] = {"writing the log", .send = send_record, .take = take_record},
    [READER] = {"naming the reader", .skip = card_skip_ev1, .send = send_reader,
                .take = take_reader},
    [CREDIT_AUTH] = {"authenticating for a load", .skip = card_skip_ev1, .send = send_credit_auth,
                     .take = card_take_auth},
    [CREDIT_AUTH_REPLY] = {"authenticating for a load", .skip = card_skip_ev1,
                           .send = send_auth_reply, .take = take_auth_reply},
    [WRITE_PROFILE] = {"writing the profile", .skip = skip_write_profile,
                       .send = send_write_profile, .take = take_write_profile},
    [COMMIT] = {"committing", .send = send_commit, .take = take_commit},
    [VERDICT] = {"judging", .think = think_verdict},
};
