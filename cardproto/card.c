/* card.c - see card.h.  A plan is a list of steps; a step is one command, or a thought between two.
 *
 * card_step takes the answer to the step that waits, then goes along the plan until a step has a
 * frame to send, the caller has to decide (READY), or the plan is through.  The steps' rows say
 * what to send and what to make of the answer; everything that reads an answer here has had its
 * length, status and MAC checked in take_answer.  SPEC.md section 11 lists the plans byte by byte.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/card.h"

#include "base/tr.h"
#include "cardproto/layout.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    CMD_SELECT = 0x5a,
    CMD_VERSION = 0x60,
    CMD_CREATE_APPLICATION = 0xca,
    CMD_DELETE_APPLICATION = 0xda,
    CMD_AUTH_EV1 = 0xaa,
    CMD_AUTH_FIRST = 0x71,
    CMD_AUTH_NONFIRST = 0x77,
    CMD_MORE = 0xaf,
    CMD_READ = 0xbd,
    CMD_WRITE = 0x3d,
    CMD_GET_VALUE = 0x6c,
    CMD_CREDIT = 0x0c,
    CMD_DEBIT = 0xdc,
    CMD_READ_RECORDS = 0xbb,
    CMD_WRITE_RECORD = 0x3b,
    CMD_READER_ID = 0xc8,
    CMD_COMMIT = 0xc7,
};

enum step_id {
    END,
    READY,
    SELECT,
    AUTH,
    AUTH_REPLY,
    PROFILE,
    VALUE,
    COUNTER,
    LOG,
    PREPARE,
    CHANGE,
    RECORD,
    READER,
    CREDIT_AUTH,
    CREDIT_AUTH_REPLY,
    WRITE_PROFILE,
    COMMIT,
    VERDICT,
    SELECT_PICC,
    VERSION,
    CREATE_APPLICATION,
    BLANK_AUTH,
    CREATE_MEMBER,
    WRITE_MEMBER,
    CREATE_PROFILE,
    CREATE_PURSE,
    CREATE_LOG,
    CREATE_TMAC,
    CHANGE_KEY_1,
    CHANGE_KEY_2,
    CHANGE_KEY_3,
    FIRST_COUNT,
    CHANGE_KEY_0,
    DELETE,
    CREATE_AGAIN,
    STEP_COUNT
};

static const uint8_t plan_identify[] = {SELECT, AUTH, AUTH_REPLY, PROFILE, VALUE, END};
static const uint8_t plan_debit[] = {SELECT, AUTH,   AUTH_REPLY, PROFILE, VALUE,  COUNTER, PREPARE,
                                     CHANGE, RECORD, READER,     READY,   COMMIT, END};
static const uint8_t plan_settle[] = {SELECT,  AUTH, AUTH_REPLY, PROFILE, VALUE,
                                      COUNTER, LOG,  VERDICT,    END};
static const uint8_t plan_load[] = {SELECT, AUTH, AUTH_REPLY, PROFILE, VALUE, COUNTER, LOG, READY,
                                    /* card_load_set has said what to do */
                                    PREPARE, RECORD, READER, CREDIT_AUTH, CREDIT_AUTH_REPLY,
                                    WRITE_PROFILE, CHANGE, READY, COMMIT, END};
static const uint8_t plan_issue[] = {
    SELECT_PICC, VERSION, CREATE_APPLICATION, SELECT, BLANK_AUTH, AUTH_REPLY, CREATE_MEMBER,
    WRITE_MEMBER, CREATE_PROFILE, CREATE_PURSE, CREATE_LOG, CREATE_TMAC, CHANGE_KEY_1, CHANGE_KEY_2,
    CHANGE_KEY_3,
    /* the first commit, a load of nothing: it shows that keys and files work */
    AUTH, AUTH_REPLY, VALUE, FIRST_COUNT, PREPARE, RECORD, READER, CREDIT_AUTH, CREDIT_AUTH_REPLY,
    WRITE_PROFILE, COMMIT,
    /* the master key last: as long as it is zeros the card counts as unfinished */
    BLANK_AUTH, AUTH_REPLY, CHANGE_KEY_0, END,
    /* taken when CreateApplication finds an unfinished one */
    SELECT, BLANK_AUTH, AUTH_REPLY, DELETE, CREATE_AGAIN};
enum { ISSUE_CREATE_AT = 2, ISSUE_CLEAN_AT = 30, DEBIT_RESUME_AT = 5 };

static const uint8_t *const plans[] = {
    [PLAN_IDENTIFY] = plan_identify, [PLAN_DEBIT] = plan_debit, [PLAN_SETTLE] = plan_settle,
    [PLAN_LOAD] = plan_load,         [PLAN_ISSUE] = plan_issue,
};

const char *card_status_text(enum card_status_word s)
{
    switch (s) {
    case CARD_OK:
        return tr("ok");
    case CARD_NOT_OURS:
        return tr("not a card of this programme");
    case CARD_BAD_KEY:
        return tr("the card does not know our keys");
    case CARD_BAD_ANSWER:
        return tr("the card answers wrongly");
    case CARD_TOO_LITTLE:
        return tr("too few points on the card");
    case CARD_LIMIT:
        return tr("more points than the card may hold");
    case CARD_LEFT:
        return tr("the card was taken away too soon");
    case CARD_ISSUED_ALREADY:
        return tr("the card is issued already");
    case CARD_NO_ROOM:
        return tr("no room left on the card");
    case CARD_PHONE:
        return tr("a phone, or a card with another number at every tap");
    case CARD_PHONE_LOCKED:
        return tr("the phone wants to be unlocked first");
    }
    return "?";
}

/* ---- ways out ---- */

static void end(struct card_op *op, enum card_next how)
{
    op->ended = true;
    op->waiting = false;
    op->end = how;
}

/* Before the commit went out a failure means that nothing happened; after it nobody knows (I4). */
__attribute__((format(printf, 3, 4))) static void
fail(struct card_op *op, enum card_status_word status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(op->why.text, sizeof op->why.text, format, args);
    va_end(args);
    op->status = status;
    op->session.kind = CARD_NONE;
    if (op->commit_sent) {
        op->verdict = COMMIT_DOUBT;
        end(op, CARD_DONE);
    } else {
        end(op, CARD_FAILED);
    }
}

/* The next step is another than the one that follows. */
static void jump(struct card_op *op, uint8_t to)
{
    op->at = to;
    op->jumped = true;
}

/* ---- ways of sending ---- */

static void start_chain(struct card_op *op, uint8_t cmd, const struct buf *params)
{
    assert(!params->full);
    frame_start(&op->chain, cmd, buf_bytes(params), BUF_ON(op->reply));
}

static struct buf body(struct card_op *op)
{
    return (struct buf){.data = op->body, .cap = sizeof op->body};
}

static void send_plain(struct card_op *op, uint8_t cmd, struct bytes params)
{
    struct buf b = body(op);
    if (params.data != op->body)
        buf_put(&b, params.data, params.size);
    else
        b.size = params.size; /* it lies there already */
    start_chain(op, cmd, &b);
    op->secure = false;
}

static void send_secure(struct card_op *op, uint8_t cmd, struct bytes header, struct bytes data,
                        enum comm comm, size_t expected)
{
    struct buf b = body(op);
    enum err e = session_command(&op->session, cmd, header, data, comm, &b);
    assert(e == OK); /* only a counter of 65534 commands could run out */
    (void)e;
    start_chain(op, cmd, &b);
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

static const struct bytes nothing = {NULL, 0};

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

/* ---- the steps: send_X, take_X ---- */

static void send_select(struct card_op *op)
{
    send_plain(op, CMD_SELECT, bytes_of(op->scheme.aid, sizeof op->scheme.aid));
}

static void send_select_picc(struct card_op *op)
{
    static const uint8_t picc[3];
    send_plain(op, CMD_SELECT, bytes_of(picc, sizeof picc));
}

static void take_nothing(struct card_op *op, struct bytes data)
{
    if (data.size)
        fail(op, CARD_BAD_ANSWER, "the card sent %zu bytes where none belong", data.size);
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

static void start_auth(struct card_op *op, uint8_t cmd, int key_no, const struct aes_key *key)
{
    const uint8_t params[] = {(uint8_t)key_no, 0}; /* 71 has a length of capabilities, 0 */
    /* kept until the card's half comes; auth.cmd is what session_auth_finish goes by */
    op->auth = (struct session_auth){.cmd = cmd};
    op->auth.ev2.key = *key;
    send_plain(op, cmd, bytes_of(params, cmd == CMD_AUTH_FIRST ? 2 : 1));
    op->chain.whole = true;
}

/* EV2: K2 with 71.  EV1: K2 with AA, or K3, which alone does all of a load. */
static void send_auth(struct card_op *op)
{
    bool ev1 = op->seen.kind == CARD_EV1;
    int key = ev1 && (op->plan == PLAN_LOAD || op->plan == PLAN_ISSUE) ? KEY_CREDIT : KEY_TILL;
    op->session.kind = CARD_NONE;
    start_auth(op, ev1 ? CMD_AUTH_EV1 : CMD_AUTH_FIRST, key, &op->keys[key]);
}

static void send_credit_auth(struct card_op *op)
{
    start_auth(op, CMD_AUTH_NONFIRST, KEY_CREDIT, &op->keys[KEY_CREDIT]);
}

static void send_blank_auth(struct card_op *op)
{
    static const struct aes_key zeros;
    op->session.kind = CARD_NONE;
    start_auth(op, op->seen.kind == CARD_EV1 ? CMD_AUTH_EV1 : CMD_AUTH_FIRST, KEY_MASTER, &zeros);
}

/* The card's half of the handshake; ours is left in body for the next step. */
static void take_auth(struct card_op *op, struct bytes data)
{
    uint8_t rnd_a[AUTH_RND_SIZE];
    struct aes_key key = op->auth.ev2.key;
    if (op->chain.status != FRAME_STATUS_MORE || data.size != AUTH_RND_SIZE) {
        fail(op, CARD_BAD_ANSWER, "the card began the authentication wrongly");
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
    jump(op, op->at);
    return true;
}

static void send_auth_reply(struct card_op *op)
{
    send_plain(op, CMD_MORE, bytes_of(op->body, AUTH_REPLY_SIZE));
    op->chain.whole = true;
}

static void take_auth_reply(struct card_op *op, struct bytes data)
{
    if (op->chain.status != FRAME_STATUS_OK ||
        session_auth_finish(&op->auth, data, &op->session) != OK)
        fail(op, CARD_BAD_KEY, "the card does not know the key it was asked for");
}

static void send_read(struct card_op *op, uint8_t file, uint32_t size)
{
    uint8_t head[7];
    send_secure(op, CMD_READ, data_head(head, file, 0, size), nothing, COMM_MAC, size);
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
        fail(op, CARD_BAD_ANSWER, "the profile on the card is not one of layout %d", CARD_LAYOUT);
        return;
    }
    /* Someone between us and an EV2 card could make it look like one that leaves less evidence. */
    if (kind != op->seen.kind) {
        fail(op, CARD_BAD_ANSWER, "the card was issued as EV%d but speaks as EV%d", (int)kind,
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
    send_secure(op, CMD_GET_VALUE, bytes_of(&file, 1), nothing, COMM_FULL, 4);
}

static void take_value(struct card_op *op, struct bytes data)
{
    uint32_t value = (uint32_t)get_le(data.data, 4);
    struct buf tmi = tmi_of(op);
    if (value > INT32_MAX) {
        fail(op, CARD_BAD_ANSWER, "the purse holds no valid number of points");
        return;
    }
    op->seen.purse = (int32_t)value;
    tmi_put_value(&tmi, CMD_GET_VALUE, FILE_PURSE, op->seen.purse);
    tmi_keep(op, &tmi);
}

static void send_records(struct card_op *op, uint32_t count, size_t expected)
{
    uint8_t head[7];
    send_secure(op, CMD_READ_RECORDS, data_head(head, FILE_LOG, 0, count), nothing, COMM_MAC,
                expected);
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
        fail(op, CARD_BAD_ANSWER, "the newest record of the log is not one of ours");
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
    jump(op, 0);
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
        fail(op, CARD_BAD_ANSWER, "the log has %zu bytes, no whole number of 1 to %d records",
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
            fail(op, CARD_BAD_ANSWER, "the newest record of the log is not one of ours");
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
        fail(op, CARD_TOO_LITTLE, "the card holds %d points, %lld are to be taken",
             (int)op->seen.purse, -(long long)op->change);
        return;
    }
    if (after > INT32_MAX) {
        fail(op, CARD_LIMIT, "%d points more on top of %d are more than a card can count",
             (int)op->change, (int)op->seen.purse);
        return;
    }
    /* EV1 without a log: a number that no count has reached, so that an older intent is never taken for
     * done or not done by it.  No card commits once a second. */
    if (op->seen.kind == CARD_EV1 && op->log_empty)
        op->seen.tmc = op->time_s > 0 && op->time_s < UINT32_MAX ? (uint32_t)op->time_s : UINT32_MAX;
    if (op->seen.tmc == UINT32_MAX) {
        fail(op, CARD_BAD_ANSWER, "the card's counter of transactions is used up");
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
    send_secure(op, change_cmd(op), bytes_of(&file, 1), bytes_of(value, 4), COMM_FULL, 0);
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
        fail(op, CARD_TOO_LITTLE, "the card refuses to give %d points", (int)change_size(op));
    else
        fail(op, CARD_LIMIT, "%d points more are above the limit of this card", (int)op->change);
    return true;
}

static void send_record(struct card_op *op)
{
    uint8_t head[7];
    send_secure(op, CMD_WRITE_RECORD, data_head(head, FILE_LOG, 0, TXN_RECORD_SIZE),
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

static bool skip_ev1(const struct card_op *op)
{
    return op->seen.kind == CARD_EV1;
}

static void send_reader(struct card_op *op)
{
    send_secure(op, CMD_READER_ID, nothing, bytes_of(op->reader, READER_ID_SIZE), COMM_MAC,
                READER_ID_SIZE);
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

static void send_write(struct card_op *op, uint8_t file, const uint8_t *raw)
{
    uint8_t head[7];
    send_secure(op, CMD_WRITE, data_head(head, file, 0, PROFILE_SIZE), bytes_of(raw, PROFILE_SIZE),
                COMM_MAC, 0);
}

static void send_write_profile(struct card_op *op)
{
    uint8_t raw[PROFILE_SIZE];
    layout_encode_profile(raw, &op->profile, op->seen.kind);
    send_write(op, FILE_PROFILE, raw);
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
    send_secure(op, CMD_COMMIT, bytes_of(&with_tmv, ev2 ? 1 : 0), nothing, COMM_MAC,
                ev2 ? TMAC_FILE_SIZE : 0);
    op->commit_sent = op->plan != PLAN_ISSUE; /* an issue is simply begun again */
}

static void take_commit(struct card_op *op, struct bytes data)
{
    uint32_t tmc = op->evidence.tmc + 1;
    if (op->seen.kind == CARD_EV2) {
        if (get_le(data.data, 4) != tmc) {
            fail(op, CARD_BAD_ANSWER, "the card counts its commits wrongly");
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
        fail(op, CARD_BAD_ANSWER, "the evidence is of another kind of card");
        return;
    }
    if (op->seen.kind == CARD_EV2 && op->seen.tmc < op->asked.tmc) {
        fail(op, CARD_BAD_ANSWER, "the card has counted back from %u to %u commits",
             (unsigned)op->asked.tmc, (unsigned)op->seen.tmc);
        return;
    }
    op->verdict = card_judge(&op->seen, op->entry, &op->asked, &complete);
    if (op->verdict == COMMIT_DONE)
        op->evidence = complete;
}

/* ---- issue ---- */

/* OFFSET SIZE MEANING
 *      1    1 hardware type, low four bits 1 = DESFire
 *      3    1 hardware version: 0 EV0, 1 EV1, 12 EV2, 33 EV3
 *     14    7 UID */
static void send_version(struct card_op *op)
{
    send_plain(op, CMD_VERSION, nothing);
}

static void take_version(struct card_op *op, struct bytes data)
{
    if (data.size != 28) {
        fail(op, CARD_NOT_OURS, "the card's version has %zu bytes, a DESFire's 28", data.size);
        return;
    }
    if ((data.data[1] & 0x0f) != 1 || data.data[3] == 0) {
        fail(op, CARD_NOT_OURS, "type %02x version %02x is no DESFire EV1, EV2 or EV3",
             data.data[1], data.data[3]);
        return;
    }
    if (memcmp(data.data + 14, op->seen.uid.b, sizeof op->seen.uid.b) != 0) {
        fail(op, CARD_BAD_ANSWER, "the card names another UID than the one it was found by");
        return;
    }
    op->seen.kind = data.data[3] < 0x10 ? CARD_EV1 : CARD_EV2;
}

static void send_create_application(struct card_op *op)
{
    uint8_t raw[16];
    struct buf b = BUF_ON(raw);
    layout_put_application(&b, &op->scheme);
    send_plain(op, CMD_CREATE_APPLICATION, buf_bytes(&b));
}

/* There is one: finished, or left over from an issue that broke off? */
static bool refused_create(struct card_op *op, unsigned status)
{
    if (status == FRAME_STATUS_DUPLICATE && !op->cleaned) {
        op->cleaned = true;
        jump(op, ISSUE_CLEAN_AT);
        return true;
    }
    if (status == FRAME_STATUS_DUPLICATE)
        fail(op, CARD_ISSUED_ALREADY, "the application is there and cannot be deleted");
    else if (status == FRAME_STATUS_DENIED || status == FRAME_STATUS_AUTHENTICATION)
        fail(op, CARD_BAD_KEY, "the card lets nobody make applications: it has another owner");
    return op->ended;
}

/* The one found does not open with the factory key any more. */
static bool refused_blank_auth(struct card_op *op, unsigned status)
{
    bool cleaning = op->plan == PLAN_ISSUE && op->at >= ISSUE_CLEAN_AT;
    if (!cleaning || status != FRAME_STATUS_AUTHENTICATION)
        return false;
    fail(op, CARD_ISSUED_ALREADY, "the card carries a finished application already");
    return true;
}

static void send_create_file(struct card_op *op, uint8_t file, struct bytes secret)
{
    uint8_t raw[FILE_HEADER_MAX];
    struct buf b = BUF_ON(raw);
    uint8_t cmd = layout_put_file(&b, file, op->purse_limit);
    assert(!b.full);
    send_secure(op, cmd, buf_bytes(&b), secret, secret.size ? COMM_FULL : COMM_MAC, 0);
}

static void send_create_member(struct card_op *op)
{
    send_create_file(op, FILE_MEMBER, nothing);
}

/* The copy for K1 is never renewed, so it says nothing of the tier. */
static void send_write_member(struct card_op *op)
{
    uint8_t raw[PROFILE_SIZE];
    struct card_profile member = {.member = op->profile.member, .layout = CARD_LAYOUT};
    layout_encode_profile(raw, &member, op->seen.kind);
    send_write(op, FILE_MEMBER, raw);
}

static void send_create_profile(struct card_op *op)
{
    send_create_file(op, FILE_PROFILE, nothing);
}

static void send_create_purse(struct card_op *op)
{
    send_create_file(op, FILE_PURSE, nothing);
}

static void send_create_log(struct card_op *op)
{
    send_create_file(op, FILE_LOG, nothing);
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
    struct buf b = body(op);
    enum err e = session_change_key(&op->session, (uint8_t)key, &op->keys[key],
                                    op->scheme.key_version, own ? NULL : &zeros, &b);
    assert(e == OK);
    (void)e;
    start_chain(op, 0xc4, &b);
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
    take_nothing(op, data);
}

/* A card made just now has committed nothing. */
static void think_first_count(struct card_op *op)
{
    op->seen.tmc = 0;
    op->seen.has_tmc = true;
    if (op->seen.purse)
        fail(op, CARD_BAD_ANSWER, "the new purse is not empty");
}

static void send_delete(struct card_op *op)
{
    send_secure(op, CMD_DELETE_APPLICATION, bytes_of(op->scheme.aid, sizeof op->scheme.aid),
                nothing, COMM_MAC, 0);
    /* The session goes with the application; with or without a MAC, CreateApplication will tell. */
    op->secure = false;
}

static void take_delete(struct card_op *op, struct bytes data)
{
    op->session.kind = CARD_NONE;
    if (data.size != 0 && data.size != MACT_SIZE)
        fail(op, CARD_BAD_ANSWER, "the card answered the deletion with %zu bytes", data.size);
}

static void think_create_again(struct card_op *op)
{
    jump(op, ISSUE_CREATE_AT);
}

/* ---- the table ---- */

static const struct step {
    const char *doing;
    bool (*skip)(const struct card_op *op);
    void (*think)(struct card_op *op); /* no exchange; then send and take are NULL */
    void (*send)(struct card_op *op);
    void (*take)(struct card_op *op, struct bytes data);
    bool (*refused)(struct card_op *op, unsigned status); /* true: it has dealt with the status */
} steps[STEP_COUNT] = {
    [SELECT] = {"selecting our application", .send = send_select, .take = take_nothing},
    [AUTH] = {"authenticating", .send = send_auth, .take = take_auth, .refused = refused_auth},
    [AUTH_REPLY] = {"authenticating", .send = send_auth_reply, .take = take_auth_reply,
                    .refused = refused_blank_auth},
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
    [READER] = {"naming the reader", .skip = skip_ev1, .send = send_reader, .take = take_reader},
    [CREDIT_AUTH] = {"authenticating for a load", .skip = skip_ev1, .send = send_credit_auth,
                     .take = take_auth},
    [CREDIT_AUTH_REPLY] = {"authenticating for a load", .skip = skip_ev1, .send = send_auth_reply,
                           .take = take_auth_reply},
    [WRITE_PROFILE] = {"writing the profile", .skip = skip_write_profile,
                       .send = send_write_profile, .take = take_write_profile},
    [COMMIT] = {"committing", .send = send_commit, .take = take_commit},
    [VERDICT] = {"judging", .think = think_verdict},
    [SELECT_PICC] = {"selecting the card", .send = send_select_picc, .take = take_nothing},
    [VERSION] = {"reading the version", .send = send_version, .take = take_version},
    [CREATE_APPLICATION] = {"making the application", .send = send_create_application,
                            .take = take_nothing, .refused = refused_create},
    [BLANK_AUTH] = {"authenticating with the factory key", .send = send_blank_auth,
                    .take = take_auth, .refused = refused_blank_auth},
    [CREATE_MEMBER] = {"making file 01", .send = send_create_member, .take = take_nothing},
    [WRITE_MEMBER] = {"writing file 01", .send = send_write_member, .take = take_nothing},
    [CREATE_PROFILE] = {"making file 02", .send = send_create_profile, .take = take_nothing},
    [CREATE_PURSE] = {"making file 03", .send = send_create_purse, .take = take_nothing},
    [CREATE_LOG] = {"making file 04", .send = send_create_log, .take = take_nothing},
    [CREATE_TMAC] = {"making file 0F", .skip = skip_ev1, .send = send_create_tmac,
                     .take = take_nothing},
    [CHANGE_KEY_1] = {"changing key 1", .send = send_change_key_1, .take = take_nothing},
    [CHANGE_KEY_2] = {"changing key 2", .send = send_change_key_2, .take = take_nothing},
    [CHANGE_KEY_3] = {"changing key 3", .send = send_change_key_3, .take = take_nothing},
    [FIRST_COUNT] = {"counting", .think = think_first_count},
    [CHANGE_KEY_0] = {"changing the master key", .send = send_change_key_0,
                      .take = take_change_key_0},
    [DELETE] = {"deleting the unfinished application", .send = send_delete, .take = take_delete},
    [CREATE_AGAIN] = {"starting again", .think = think_create_again},
};

static enum step_id step_at(const struct card_op *op)
{
    return (enum step_id)plans[op->plan][op->at];
}

/* ---- the engine ---- */

static void refuse(struct card_op *op, const struct step *step, unsigned status)
{
    if (op->resumed) {
        fail(op, CARD_LEFT, "the card was taken away after it was read (%s)",
             frame_status_text(status));
        return;
    }
    if (step->refused && step->refused(op, status))
        return;
    enum card_status_word word = CARD_BAD_ANSWER;
    switch (status) {
    case FRAME_STATUS_ISO:
        word = op->session.kind == CARD_NONE ? CARD_NOT_OURS : CARD_BAD_ANSWER;
        break;
    case FRAME_STATUS_NO_APPLICATION:
        word = CARD_NOT_OURS;
        break;
    case FRAME_STATUS_AUTHENTICATION:
    case FRAME_STATUS_NO_KEY:
        word = CARD_BAD_KEY;
        break;
    case FRAME_STATUS_NO_ROOM:
        word = CARD_NO_ROOM;
        break;
    default:
        break;
    }
    fail(op, word, "the card refused %s: %s", step->doing, frame_status_text(status));
}

/* The one gate every answer passes: length, status, MAC, and only then its meaning. */
static enum card_next take_answer(struct card_op *op, struct bytes answer)
{
    const struct step *step = &steps[step_at(op)];
    uint8_t raw[CARD_REPLY_MAX];
    struct buf plain = BUF_ON(raw);
    if (answer.size > CARD_ANSWER_MAX) {
        fail(op, CARD_BAD_ANSWER, "an answer of %zu bytes while %s", answer.size, step->doing);
        return op->end;
    }
    op->chain.params.data = op->body; /* op may have been moved since */
    op->chain.answer.data = op->reply;
    enum frame_next next = frame_take(&op->chain, answer);
    if (next == FRAME_MORE)
        return CARD_SEND;
    op->waiting = false;
    if (next == FRAME_BAD) {
        fail(op, CARD_BAD_ANSWER, "malformed answers while %s", step->doing);
        return op->end;
    }
    unsigned status = op->chain.status;
    if (status != FRAME_STATUS_OK && !(op->chain.whole && status == FRAME_STATUS_MORE)) {
        refuse(op, step, status);
        return op->ended ? op->end : CARD_READY;
    }
    struct bytes data = buf_bytes(&op->chain.answer);
    if (op->secure) {
        size_t size = op->expected == SIZE_MAX ? 1 : op->expected;
        enum err e = session_answer(&op->session, (uint8_t)status, data, op->comm, size, &plain);
        data = buf_bytes(&plain);
        if (e || (op->expected != SIZE_MAX && data.size != op->expected)) {
            fail(op, op->resumed ? CARD_LEFT : CARD_BAD_ANSWER,
                 "the card's answer does not verify while %s: %s", step->doing,
                 e ? err_text(e) : "wrong length");
            bytes_wipe(raw, sizeof raw);
            return op->end;
        }
    }
    op->resumed = false;
    step->take(op, data);
    bytes_wipe(raw, sizeof raw);
    return op->ended ? op->end : CARD_READY;
}

static enum card_next send_frame(struct card_op *op)
{
    struct buf out = BUF_ON(op->frame.data);
    op->chain.params.data = op->body;
    frame_next(&op->chain, &out);
    assert(!out.full);
    op->frame.size = out.size;
    op->waiting = true;
    return CARD_SEND;
}

static void follow(struct card_op *op)
{
    if (!op->jumped)
        op->at++;
    op->jumped = false;
}

/* Goes along the plan to the next thing the world has to do. */
static enum card_next advance(struct card_op *op)
{
    for (;; follow(op)) {
        enum step_id id = step_at(op);
        const struct step *step = &steps[id];
        if (id == END) {
            end(op, CARD_DONE);
            return CARD_DONE;
        }
        if (id == READY) {
            op->paused = true;
            return CARD_READY;
        }
        if (step->skip && step->skip(op))
            continue;
        if (!step->think) {
            step->send(op);
            return send_frame(op);
        }
        step->think(op);
        if (op->ended)
            return op->end;
    }
}

enum card_next card_step(struct card_op *op, struct bytes answer)
{
    assert(op->plan != PLAN_NONE);
    if (op->ended)
        return op->end;
    if (op->paused)
        return CARD_READY;
    if (op->waiting) {
        enum card_next next = take_answer(op, answer);
        if (op->ended)
            return op->end;
        if (next == CARD_SEND)
            return send_frame(op);
        follow(op);
    }
    return advance(op);
}

static void go_on(struct card_op *op)
{
    assert(op->paused);
    op->paused = false;
    op->at++;
}

void card_commit(struct card_op *op)
{
    assert(step_at(op) == READY);
    assert(plans[op->plan][op->at + 1] == COMMIT);
    if (!op->ended)
        go_on(op);
}

bool card_lost(struct card_op *op)
{
    if (op->ended)
        return op->end == CARD_DONE && op->verdict == COMMIT_DOUBT && op->plan != PLAN_SETTLE;
    bool doubt = op->commit_sent;
    fail(op, CARD_LEFT, "the card left the field%s",
         doubt ? " while it was committing" : " before anything was changed");
    return doubt;
}

void card_finish(struct card_op *op)
{
    bytes_wipe(op->keys, sizeof op->keys);
    bytes_wipe(op->random, sizeof op->random);
    bytes_wipe(&op->session, sizeof op->session);
    bytes_wipe(&op->auth, sizeof op->auth);
    bytes_wipe(op->body, sizeof op->body);
    bytes_wipe(op->reply, sizeof op->reply);
    if (!op->ended)
        end(op, CARD_FAILED);
}

/* ---- beginnings ---- */

static void begin(struct card_op *op, enum card_plan plan, const struct card_scheme *scheme,
                  const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    struct card_uid copy = *uid; /* may lie in op */
    memset(op, 0, sizeof *op);
    op->plan = plan;
    op->scheme = *scheme;
    op->seen.uid = copy;
    memcpy(op->random, random, CARD_RANDOM_SIZE);
}

static void begin_till(struct card_op *op, enum card_plan plan, const struct card_till_keys *keys,
                       const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    begin(op, plan, &keys->scheme, uid, random);
    layout_diversify(&op->scheme, &op->seen.uid, KEY_TILL, &keys->k2, &op->keys[KEY_TILL]);
}

static void begin_office(struct card_op *op, enum card_plan plan,
                         const struct card_office_keys *keys, const struct card_uid *uid,
                         const uint8_t random[CARD_RANDOM_SIZE])
{
    begin(op, plan, &keys->scheme, uid, random);
    const struct aes_key *masters[] = {&keys->k0, &keys->k1, &keys->k2, &keys->k3, &keys->tmac};
    for (int i = 0; i < CARD_KEY_COUNT; i++)
        layout_diversify(&op->scheme, &op->seen.uid, i, masters[i], &op->keys[i]);
}

void card_identify_start(struct card_op *op, const struct card_till_keys *keys,
                         const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    begin_till(op, PLAN_IDENTIFY, keys, uid, random);
}

/* Identified, or settled as not done, and still talking to the same card. */
static bool can_resume(const struct card_op *op, const struct card_uid *uid)
{
    bool read = op->plan == PLAN_IDENTIFY ||
                (op->plan == PLAN_SETTLE && op->verdict == COMMIT_NOT_DONE && !op->log_empty);
    return read && op->ended && op->end == CARD_DONE && op->session.kind != CARD_NONE &&
           uid_equal(&op->seen.uid, uid);
}

void card_debit_start(struct card_op *op, const struct card_till_keys *keys,
                      const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                      int32_t amount, struct entry_id entry, int64_t time_s)
{
    assert(amount > 0);
    assert(entry_is(entry));
    if (can_resume(op, uid)) {
        op->plan = PLAN_DEBIT;
        op->at = DEBIT_RESUME_AT;
        op->ended = false;
        op->resumed = true;
        op->verdict = COMMIT_NONE;
    } else {
        begin_till(op, PLAN_DEBIT, keys, uid, random);
    }
    op->change = -amount;
    op->entry = entry;
    op->time_s = time_s;
    op->type = 'D';
}

void card_settle_start(struct card_op *op, const struct card_till_keys *keys,
                       const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                       struct entry_id intent, const struct txn_evidence *evidence)
{
    struct txn_evidence asked = *evidence; /* may lie in op */
    begin_till(op, PLAN_SETTLE, keys, uid, random);
    op->asked = asked;
    op->entry = intent;
}

void card_load_start(struct card_op *op, const struct card_office_keys *keys,
                     const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE])
{
    begin_office(op, PLAN_LOAD, keys, uid, random);
    op->type = 'L';
}

void card_load_set(struct card_op *op, int32_t delta, const struct card_profile *profile,
                   struct entry_id entry, int64_t time_s)
{
    assert(op->plan == PLAN_LOAD);
    assert(!op->is_set);
    assert(entry_is(entry));
    if (op->ended)
        return;
    op->is_set = true;
    op->change = delta;
    op->profile = *profile;
    op->entry = entry;
    op->time_s = time_s;
    go_on(op);
}

void card_issue_start(struct card_op *op, const struct card_office_keys *keys,
                      const struct card_uid *uid, const uint8_t random[CARD_RANDOM_SIZE],
                      const struct card_profile *profile, int32_t purse_limit)
{
    struct card_profile copy = *profile; /* may lie in op */
    assert(purse_limit > 0);
    begin_office(op, PLAN_ISSUE, keys, uid, random);
    op->profile = copy;
    op->purse_limit = purse_limit;
    op->type = 'I';
}
