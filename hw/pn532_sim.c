/* pn532_sim.c - see pn532_sim.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/pn532_sim.h"

#include <string.h>

enum {
    STATUS_OK = 0x00,
    STATUS_TIMEOUT = 0x01,      /* the card did not answer */
    STATUS_CRC = 0x02,          /* four bits instead of a frame: a tag's NAK, sent raw */
    STATUS_FORMAT = 0x13,       /* the same by InDataExchange */
    STATUS_WRONG_CONTEXT = 0x27 /* no such target */
};

void pn532_init(struct pn532 *p)
{
    memset(p, 0, sizeof *p);
    p->asleep = true;
    p->retries = 0xff;
    p->auto_rats = true;
}

/* --- the field ---------------------------------------------------------------------------------- */

static int place_of(const struct pn532 *p, const struct vtarget *card)
{
    for (int i = 0; i < PN532_FIELD_MAX; i++)
        if (card && p->in_field[i].card == card)
            return i;
    return -1;
}

bool pn532_has(const struct pn532 *p, const struct vtarget *card)
{
    return place_of(p, card) >= 0;
}

static void field_off(struct pn532 *p)
{
    p->field = false;
    for (int i = 0; i < PN532_FIELD_MAX; i++) {
        p->in_field[i].halted = false;
        if (p->in_field[i].card)
            p->in_field[i].card->ops->field_off(p->in_field[i].card);
    }
    memset(p->selected, 0, sizeof p->selected);
}

void pn532_power_cycle(struct pn532 *p)
{
    field_off(p);
    memset(p->targets, 0, sizeof p->targets);
    p->asleep = p->auto_rats = true;
    p->retries = 0xff;
    p->waiting = 0;
    p->frame_size = p->chained_size = p->last_size = 0;
}

void pn532_take(struct pn532 *p, struct vtarget *card)
{
    int i = place_of(p, card);
    if (i < 0)
        return;
    p->in_field[i].card = NULL;
    card->ops->field_off(card);
    for (int t = 0; t < PN532_TARGETS; t++)
        if (p->targets[t] == card) /* the chip does not know yet; what it sends is not answered */
            p->targets[t] = NULL;
}

void pn532_tear(struct pn532 *p, enum pn532_tear when, uint32_t n)
{
    p->tear = n ? when : PN532_TEAR_NONE;
    p->tear_left = n;
}

static void let_go(struct pn532 *p, int target)
{
    struct vtarget *card = p->targets[target];
    int i = place_of(p, card);
    if (p->selected[target] && i >= 0) {
        card->ops->halt(card);
        p->in_field[i].halted = true;
    }
    p->selected[target] = false;
}

/* A card that is not one of the targets and fits the search.  Those in HALT come last: a program that
 * lists cards by selecting and deselecting sees each once before it sees the first again. */
static struct vtarget *look(const struct pn532 *p)
{
    for (int halted = 0; halted < 2; halted++)
        for (int i = 0; i < PN532_FIELD_MAX; i++) {
            struct vtarget *card = p->in_field[i].card;
            struct vtarget_facts f;
            if (!card || p->in_field[i].halted != halted || (p->selected[0] && card == p->targets[0]))
                continue;
            if (halted && p->deep_sleep && !p->wait_uid_size)
                continue;
            card->ops->facts(card, &f);
            if (p->wait_uid_size &&
                (p->wait_uid_size != f.uid_size || memcmp(p->wait_uid, f.uid, f.uid_size) != 0))
                continue;
            return card;
        }
    return NULL;
}

/* --- frames ------------------------------------------------------------------------------------- */

static void answer(struct pn532 *p, uint8_t cmd, const uint8_t *data, size_t size, struct buf *out)
{
    struct buf f = {.data = p->last, .cap = sizeof p->last};
    size_t length = size + 2;
    uint8_t sum = (uint8_t)(0xd5 + cmd + 1);
    buf_put(&f, "\x00\x00\xff", 3);
    if (length > 255) {
        buf_put(&f, "\xff\xff", 2);
        buf_put_u8(&f, (uint8_t)(length >> 8));
        buf_put_u8(&f, (uint8_t)length);
        buf_put_u8(&f, (uint8_t)-((length >> 8) + length));
    } else {
        buf_put_u8(&f, (uint8_t)length);
        buf_put_u8(&f, (uint8_t)-length);
    }
    buf_put_u8(&f, 0xd5);
    buf_put_u8(&f, (uint8_t)(cmd + 1));
    buf_put(&f, data, size);
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + data[i]);
    buf_put_u8(&f, (uint8_t)-sum);
    buf_put_u8(&f, 0);
    p->last_size = f.size;
    buf_put(out, f.data, f.size);
    if (p->fault == PN532_FAULT_CHECKSUM && !out->full) {
        out->data[out->size - 2] ^= 0xff;
        p->fault = PN532_FAULT_NONE;
    }
}

static void answer_status(struct pn532 *p, uint8_t cmd, uint8_t status, struct buf *out)
{
    answer(p, cmd, &status, 1, out);
}

/* --- finding cards ------------------------------------------------------------------------------ */

static bool is_14443_4(const struct vtarget *card)
{
    struct vtarget_facts f;
    card->ops->facts(card, &f);
    return f.sak & VTARGET_14443_4;
}

static void put_target(struct pn532 *p, int target, struct buf *b)
{
    struct vtarget *card = p->targets[target];
    struct vtarget_facts f;
    card->ops->facts(card, &f);
    buf_put_u8(b, (uint8_t)(target + 1));
    buf_put(b, f.atqa, sizeof f.atqa);
    buf_put_u8(b, f.sak);
    buf_put_u8(b, f.uid_size);
    buf_put(b, f.uid, f.uid_size);
    if (p->auto_rats && is_14443_4(card))
        buf_put(b, f.ats, f.ats_size);
}

static void activate(struct pn532 *p, int target, struct vtarget *card)
{
    int i = place_of(p, card);
    card->ops->halt(card);
    p->in_field[i].halted = false;
    p->targets[target] = card;
    p->selected[target] = true;
    p->block = 0;
}

/* InListPassiveTarget or InAutoPoll: answer if there is a card, or if the time is over. */
static bool try_waiting(struct pn532 *p, int64_t now_ms, struct buf *out)
{
    uint8_t room[128], count = 0, type = 0xff;
    struct buf b = BUF_ON(room);
    uint8_t cmd = p->waiting;
    if (!cmd)
        return false;
    for (int i = 0; i < p->wait_count; i++) { /* type A, in any of its names */
        uint8_t t = p->wait_types[i];
        bool type_a = cmd == 0x4a ? t == 0x00 : t == 0x00 || t == 0x10 || t == 0x20;
        if (type_a && (type == 0xff || t == 0x20))
            type = t;
    }
    buf_put_u8(&b, 0);
    while (type != 0xff && count < p->wait_max) {
        struct vtarget *card = look(p);
        if (!card)
            break;
        activate(p, count, card);
        if (cmd == 0x60) {
            uint8_t one[64];
            struct buf t = BUF_ON(one);
            put_target(p, count, &t);
            buf_put_u8(&b, type);
            buf_put_u8(&b, (uint8_t)t.size);
            buf_put(&b, t.data, t.size);
        } else {
            put_target(p, count, &b);
        }
        count++;
    }
    if (!count && now_ms < p->deadline_ms)
        return false;
    room[0] = count;
    p->waiting = 0;
    answer(p, cmd, room, b.size, out);
    return true;
}

static void wait_for_card(struct pn532 *p, uint8_t cmd, int64_t for_ms, int64_t now_ms,
                          struct buf *out)
{
    p->field = true;
    memset(p->targets, 0, sizeof p->targets);
    memset(p->selected, 0, sizeof p->selected);
    p->waiting = cmd;
    p->deadline_ms = for_ms == INT64_MAX ? INT64_MAX : now_ms + for_ms;
    try_waiting(p, now_ms, out);
}

static void list_passive_target(struct pn532 *p, const uint8_t *d, size_t n, int64_t now_ms,
                                struct buf *out)
{
    p->wait_max = d[0] > PN532_TARGETS ? PN532_TARGETS : d[0];
    p->wait_types[0] = d[1];
    p->wait_count = 1;
    p->wait_uid_size = 0;
    if (d[1] == 0x00 && n > 2) { /* one card only, with cascade tags between its parts */
        const uint8_t *uid = d + 2;
        size_t size = n - 2;
        if (size == 8 && uid[0] == 0x88) {
            uid++;
            size--;
        }
        if (size <= sizeof p->wait_uid) {
            memcpy(p->wait_uid, uid, size);
            p->wait_uid_size = (uint8_t)size;
        }
    }
    for (int t = 0; t < PN532_TARGETS; t++) /* a new search deselects; the card may be found again */
        let_go(p, t);
    wait_for_card(p, 0x4a, p->retries == 0xff ? INT64_MAX : PN532_LOOK_MS * (p->retries + 1), now_ms,
                  out);
}

static void auto_poll(struct pn532 *p, const uint8_t *d, size_t n, int64_t now_ms, struct buf *out)
{
    p->wait_max = 1;
    p->wait_count = (uint8_t)(n - 2 > sizeof p->wait_types ? sizeof p->wait_types : n - 2);
    memcpy(p->wait_types, d + 2, p->wait_count);
    p->wait_uid_size = 0;
    for (int t = 0; t < PN532_TARGETS; t++)
        let_go(p, t);
    wait_for_card(p, 0x60, d[0] == 0xff ? INT64_MAX : (int64_t)d[0] * d[1] * 150 * p->wait_count,
                  now_ms, out);
}

/* --- talking to a card -------------------------------------------------------------------------- */

/* Is it time for the ordered tear? */
static bool tear_now(struct pn532 *p)
{
    return p->tear != PN532_TEAR_NONE && --p->tear_left == 0;
}

static void tear_out(struct pn532 *p, struct vtarget *card)
{
    p->tear = PN532_TEAR_NONE;
    pn532_take(p, card);
    if (p->torn)
        p->torn(p->of, card);
}

enum { TAG_ACK = 0x0a };

/* A type 2 tag's ACK or NAK (vtarget.h). */
static bool says_four_bits(const struct vtarget *card, const struct buf *reply)
{
    return reply->size == 1 && !is_14443_4(card);
}

static void data_exchange(struct pn532 *p, const uint8_t *d, size_t n, struct buf *out)
{
    int target = (d[0] & 0x3f) - 1;
    uint8_t room[1 + VTARGET_ANSWER_MAX];
    if (target < 0 || target >= PN532_TARGETS || !p->selected[target]) {
        answer_status(p, 0x40, STATUS_WRONG_CONTEXT, out);
        return;
    }
    if (p->chained_size + n - 1 > sizeof p->chained) {
        p->chained_size = 0;
        answer_status(p, 0x40, STATUS_WRONG_CONTEXT, out);
        return;
    }
    if (p->fault == PN532_FAULT_STATUS) {
        p->fault = PN532_FAULT_NONE;
        p->chained_size = 0;
        answer_status(p, 0x40, p->fault_status, out);
        return;
    }
    memcpy(p->chained + p->chained_size, d + 1, n - 1);
    p->chained_size += n - 1;
    if (d[0] & 0x40) { /* more of this frame comes with the next command */
        answer_status(p, 0x40, STATUS_OK, out);
        return;
    }
    struct vtarget *card = p->targets[target];
    struct bytes frame = bytes_of(p->chained, p->chained_size);
    struct buf reply = {.data = room + 1, .cap = sizeof room - 1};
    p->chained_size = 0;
    bool acted = false, here = pn532_has(p, card), torn = here && tear_now(p);
    if (here && !(torn && p->tear == PN532_TEAR_BEFORE))
        acted = card->ops->exchange(card, frame, &reply);
    if (acted) {
        p->exchanges++;
        p->block ^= 1;
    }
    if (torn) {
        tear_out(p, card);
        acted = false;
    }
    if (p->trace && here)
        p->trace(p->of, card, frame, bytes_of(room + 1, acted ? reply.size : 0));
    room[0] = acted ? STATUS_OK : STATUS_TIMEOUT;
    if (acted && says_four_bits(card, &reply)) {
        room[0] = room[1] == TAG_ACK ? STATUS_OK : STATUS_FORMAT;
        reply.size = 0;
    }
    answer(p, 0x40, room, 1 + (acted ? reply.size : 0), out);
}

/* Raw frames: to a tag as they are; of an ISO 14443-4 card only the presence check of libnfc is answered, an
 * R(NAK) by an R(ACK). */
static void communicate_thru(struct pn532 *p, const uint8_t *d, size_t n, struct buf *out)
{
    struct vtarget *card = p->selected[0] ? p->targets[0] : NULL;
    uint8_t room[1 + VTARGET_ANSWER_MAX] = {STATUS_TIMEOUT};
    struct buf reply = {.data = room + 1, .cap = sizeof room - 1};
    if (p->fault == PN532_FAULT_STATUS) {
        p->fault = PN532_FAULT_NONE;
        room[0] = p->fault_status;
    } else if (pn532_has(p, card) && !is_14443_4(card)) {
        bool acted = card->ops->exchange(card, bytes_of(d, n), &reply);
        if (p->trace)
            p->trace(p->of, card, bytes_of(d, n), bytes_of(room + 1, acted ? reply.size : 0));
        if (acted)
            room[0] = says_four_bits(card, &reply) ? STATUS_CRC : STATUS_OK;
    } else if (n == 1 && (d[0] & 0xf6) == 0xb2 && pn532_has(p, card)) {
        room[0] = STATUS_OK;
        buf_put_u8(&reply, (uint8_t)(0xa2 | p->block));
    }
    answer(p, 0x42, room, 1 + (room[0] == STATUS_OK ? reply.size : 0), out);
}

/* InDeselect, InRelease: target 0 = all. */
static void release(struct pn532 *p, uint8_t cmd, uint8_t target, struct buf *out)
{
    for (int t = 0; t < PN532_TARGETS; t++) {
        if (target != 0 && target != t + 1)
            continue;
        let_go(p, t);
        if (cmd == 0x52)
            p->targets[t] = NULL;
    }
    answer_status(p, cmd, STATUS_OK, out);
}

static void select_again(struct pn532 *p, uint8_t target, struct buf *out)
{
    int t = target - 1;
    if (t < 0 || t >= PN532_TARGETS || (!p->targets[t] && !p->selected[t])) {
        answer_status(p, 0x54, STATUS_WRONG_CONTEXT, out);
    } else if (!pn532_has(p, p->targets[t])) {
        answer_status(p, 0x54, STATUS_TIMEOUT, out);
    } else {
        activate(p, t, p->targets[t]);
        answer_status(p, 0x54, STATUS_OK, out);
    }
}

/* --- commands ----------------------------------------------------------------------------------- */

static uint8_t *reg(struct pn532 *p, const uint8_t *address)
{
    static uint8_t elsewhere;
    elsewhere = 0;
    return address[0] == 0x63 ? &p->registers[address[1]] : &elsewhere;
}

static void read_registers(struct pn532 *p, const uint8_t *d, size_t n, struct buf *out)
{
    uint8_t values[PN532_DATA_MAX];
    size_t count = 0;
    for (size_t i = 0; i + 2 <= n; i += 2)
        values[count++] = *reg(p, d + i);
    answer(p, 0x06, values, count, out);
}

static void write_registers(struct pn532 *p, const uint8_t *d, size_t n, struct buf *out)
{
    for (size_t i = 0; i + 3 <= n; i += 3)
        *reg(p, d + i) = d[i + 2];
    answer(p, 0x08, NULL, 0, out);
}

static void rf_configuration(struct pn532 *p, const uint8_t *d, size_t n, struct buf *out)
{
    if (d[0] == 0x01 && n >= 2) {
        if (d[1] & 1)
            p->field = true;
        else
            field_off(p);
    } else if (d[0] == 0x05 && n >= 4) {
        p->retries = d[3];
    }
    answer(p, 0x32, NULL, 0, out);
}

static void general_status(struct pn532 *p, struct buf *out)
{
    uint8_t s[12] = {0, p->field}, n = 0;
    struct buf b = {.data = s, .size = 3, .cap = sizeof s};
    for (uint8_t t = 0; t < PN532_TARGETS; t++)
        if (p->selected[t]) {
            uint8_t one[4] = {(uint8_t)(t + 1), 0, 0, 0x10}; /* 106 kbit/s both ways, type A */
            buf_put(&b, one, 4);
            n++;
        }
    s[2] = n;
    buf_put_u8(&b, 0);
    answer(p, 0x04, s, b.size, out);
}

/* d[0..n): parameters.  Least says how many a command must have; -1 = not known. */
static int least(uint8_t cmd)
{
    switch (cmd) {
    case 0x02: /* GetFirmwareVersion */
    case 0x04: /* GetGeneralStatus */
    case 0x06: /* ReadRegister */
    case 0x08: /* WriteRegister */
    case 0x0c: /* ReadGPIO */
    case 0x42: /* InCommunicateThru */
    case 0x8c: /* TgInitAsTarget */
        return 0;
    case 0x00: /* Diagnose */
    case 0x0e: /* WriteGPIO */
    case 0x10: /* SetSerialBaudRate */
    case 0x12: /* SetParameters */
    case 0x14: /* SAMConfiguration */
    case 0x16: /* PowerDown */
    case 0x32: /* RFConfiguration */
    case 0x40: /* InDataExchange */
    case 0x44: /* InDeselect */
    case 0x4e: /* InPSL */
    case 0x50: /* InATR */
    case 0x52: /* InRelease */
    case 0x54: /* InSelect */
    case 0x56: /* InJumpForDEP */
        return 1;
    case 0x4a: /* InListPassiveTarget */
        return 2;
    case 0x60: /* InAutoPoll */
        return 3;
    default:
        return -1;
    }
}

static void command(struct pn532 *p, uint8_t cmd, const uint8_t *d, size_t n, int64_t now_ms,
                    struct buf *out)
{
    static const uint8_t firmware[] = {0x32, 0x01, 0x06, 0x07}; /* PN532 1.6: types A and B, 18092 */
    int need = least(cmd);
    if (need < 0 || n < (size_t)need) { /* the chip's syntax error frame */
        buf_put(out, "\x00\x00\xff\x01\xff\x7f\x81\x00", 8);
        return;
    }
    if (cmd != 0x40)
        p->chained_size = 0;
    switch (cmd) {
    case 0x00: /* communication test: the same back; other tests pass */
        if (d[0] == 0)
            answer(p, cmd, d, n, out);
        else
            answer_status(p, cmd, 0, out);
        break;
    case 0x02:
        answer(p, cmd, firmware, sizeof firmware, out);
        break;
    case 0x04:
        general_status(p, out);
        break;
    case 0x06:
        read_registers(p, d, n, out);
        break;
    case 0x08:
        write_registers(p, d, n, out);
        break;
    case 0x0c:
        answer(p, cmd, (const uint8_t[]){0, 0, 0}, 3, out);
        break;
    case 0x12:
        p->auto_rats = d[0] & 0x10;
        answer(p, cmd, NULL, 0, out);
        break;
    case 0x16:
        answer_status(p, cmd, STATUS_OK, out);
        field_off(p);
        p->asleep = true;
        break;
    case 0x32:
        rf_configuration(p, d, n, out);
        break;
    case 0x40:
        data_exchange(p, d, n, out);
        break;
    case 0x42:
        communicate_thru(p, d, n, out);
        break;
    case 0x44:
    case 0x52:
        release(p, cmd, d[0], out);
        break;
    case 0x54:
        select_again(p, d[0], out);
        break;
    case 0x4a:
        list_passive_target(p, d, n, now_ms, out);
        break;
    case 0x60:
        auto_poll(p, d, n, now_ms, out);
        break;
    case 0x4e:
        answer_status(p, cmd, STATUS_OK, out);
        break;
    case 0x50:
    case 0x56: /* no device to device partner ever comes */
        answer_status(p, cmd, STATUS_TIMEOUT, out);
        break;
    case 0x8c: /* nobody ever reads us: waits until it is stopped */
        p->waiting = cmd;
        p->wait_count = 0;
        p->deadline_ms = INT64_MAX;
        break;
    default: /* 0e 10 14: done */
        answer(p, cmd, NULL, 0, out);
        break;
    }
}

/* --- bytes from the host ------------------------------------------------------------------------ */

enum parsed { PARSED_PART, PARSED_JUNK, PARSED_WHOLE };

/* What begins at frame[0]?  *used: its bytes. */
static enum parsed parse(const struct pn532 *p, size_t *used, size_t *body, size_t *length)
{
    const uint8_t *f = p->frame;
    size_t n = p->frame_size;
    static const uint8_t start[] = {0x00, 0x00, 0xff};
    *used = 1;
    *length = 0;
    if (memcmp(f, start, n < 3 ? n : 3) != 0)
        return PARSED_JUNK;
    if (n < 5)
        return PARSED_PART;
    if ((f[3] == 0 && f[4] == 0xff) || (f[3] == 0xff && f[4] == 0)) {
        *used = 5; /* ACK, NACK; their last zero is skipped as a preamble */
        return PARSED_WHOLE;
    }
    *body = 5;
    *length = f[3];
    if (f[3] == 0xff && f[4] == 0xff) {
        if (n < 8)
            return PARSED_PART;
        *body = 8;
        *length = (size_t)f[5] << 8 | f[6];
        if ((uint8_t)(f[5] + f[6] + f[7]) != 0)
            return PARSED_JUNK;
    } else if ((uint8_t)(f[3] + f[4]) != 0) {
        return PARSED_JUNK;
    }
    if (*length < 2 || *length > PN532_DATA_MAX)
        return PARSED_JUNK;
    if (n < *body + *length + 1)
        return PARSED_PART;
    uint8_t sum = 0;
    for (size_t i = 0; i <= *length; i++)
        sum = (uint8_t)(sum + f[*body + i]);
    if (sum != 0 || f[*body] != 0xd4)
        return PARSED_JUNK;
    *used = *body + *length + 1;
    return PARSED_WHOLE;
}

static void whole(struct pn532 *p, size_t body, size_t length, int64_t now_ms, struct buf *out)
{
    p->waiting = 0; /* whatever comes stops what was going on */
    if (p->fault == PN532_FAULT_SILENT)
        return;
    if (length) {
        buf_put(out, "\x00\x00\xff\x00\xff\x00", 6);
        command(p, p->frame[body + 1], p->frame + body + 2, length - 2, now_ms, out);
    } else if (p->frame[3] == 0xff) {
        buf_put(out, p->last, p->last_size);
    }
}

void pn532_input(struct pn532 *p, struct bytes in, int64_t now_ms, struct buf *out)
{
    for (size_t i = 0; i < in.size; i++) {
        if (p->asleep) {
            p->asleep = in.data[i] != 0x55;
            p->frame_size = 0;
            continue;
        }
        p->frame[p->frame_size++] = in.data[i];
        size_t used, body = 0, length;
        enum parsed what;
        while (p->frame_size && (what = parse(p, &used, &body, &length)) != PARSED_PART) {
            if (what == PARSED_WHOLE)
                whole(p, body, length, now_ms, out);
            p->frame_size -= used;
            memmove(p->frame, p->frame + used, p->frame_size);
        }
    }
}

void pn532_tick(struct pn532 *p, int64_t now_ms, struct buf *out)
{
    try_waiting(p, now_ms, out);
}

int64_t pn532_due_ms(const struct pn532 *p)
{
    return p->waiting ? p->deadline_ms : INT64_MAX;
}

bool pn532_put(struct pn532 *p, struct vtarget *card, int64_t now_ms, struct buf *out)
{
    if (pn532_has(p, card))
        return true;
    for (int i = 0; i < PN532_FIELD_MAX; i++) {
        if (p->in_field[i].card)
            continue;
        p->in_field[i].card = card;
        p->in_field[i].halted = false;
        card->ops->field_off(card);
        if (p->waiting)
            try_waiting(p, now_ms, out);
        return true;
    }
    return false;
}
