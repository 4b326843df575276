/* wire.c - see wire.h.  Lengths of texts and small byte strings are checked by nanopb against
 * link.options; lists and long byte strings come through the callbacks below.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sync/wire.h"
#include "base/mbed.h"
#include "sync/link.pb.h"

#include <assert.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

/* ---- reading: a stream that knows where in the frame it is, so that bytes can be borrowed ---- */

struct cursor {
    const uint8_t *at;
    bool skip;
};

static bool cursor_read(pb_istream_t *stream, pb_byte_t *out, size_t size)
{
    struct cursor *c = stream->state;
    if (!c->skip)
        memcpy(out, c->at, size);
    c->at += size;
    return true;
}

static pb_istream_t stream_on(struct cursor *c, struct bytes data)
{
    static const uint8_t nothing;
    *c = (struct cursor){.at = data.size ? data.data : &nothing};
    pb_istream_t s = {.callback = cursor_read, .state = c, .bytes_left = data.size};
    return s;
}

/* A field of another wire type than its own reaches a callback too, copied by nanopb to its stack in a
 * stream of nanopb's own: neither a cursor nor bytes that last. */
static bool is_ours(pb_istream_t *stream)
{
    if (stream->callback != cursor_read)
        PB_RETURN_ERROR(stream, "wrong wire type");
    return true;
}

/* Everything left in the stream, borrowed. */
static bool borrow(pb_istream_t *stream, struct bytes *out)
{
    if (!is_ours(stream))
        return false;
    struct cursor *c = stream->state;
    pb_byte_t unused;
    *out = bytes_of(c->at, stream->bytes_left);
    c->skip = true;
    bool ok = pb_read(stream, &unused, stream->bytes_left);
    c->skip = false;
    return ok;
}

static bool borrow_field(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    return borrow(stream, *arg);
}

static bool put_field(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct bytes *b = *arg;
    return b->size == 0 ||
           (pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, b->data, b->size));
}

static pb_callback_t borrow_into(struct bytes *b)
{
    *b = bytes_of(NULL, 0);
    return (pb_callback_t){.funcs.decode = borrow_field, .arg = b};
}

static pb_callback_t put_from(const struct bytes *b)
{
    return (pb_callback_t){.funcs.encode = put_field, .arg = (void *)(uintptr_t)b};
}

static enum err malformed(struct errmsg *why, const char *what, const pb_istream_t *stream)
{
    return err_set(why, ERR_FORMAT, "%s: %s", what, PB_GET_ERROR(stream));
}

/* ---- small fields ---- */

/* nanopb makes a type of its own for each field, all of one layout: size, bytes. */
#define UID_PUT(field, uid)                                                                        \
    do {                                                                                           \
        (field).size = uid_is(uid) ? sizeof(uid)->b : 0;                                           \
        memcpy((field).bytes, (uid)->b, sizeof(uid)->b);                                           \
    } while (0)

static bool get_fixed(uint8_t *out, size_t size, const uint8_t *data, size_t got)
{
    if (got == size)
        memcpy(out, data, size);
    else
        memset(out, 0, size);
    return got == size || got == 0;
}
#define FIXED_GET(out, field) get_fixed((out), sizeof(out), (field).bytes, (field).size)

static bool is_zero(const uint8_t *data, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= data[i];
    return any == 0;
}
/* Zeros are left out. */
#define FIXED_PUT(field, in)                                                                       \
    do {                                                                                           \
        (field).size = is_zero((in), sizeof(in)) ? 0 : sizeof(in);                                 \
        memcpy((field).bytes, (in), sizeof(in));                                                   \
    } while (0)

#define TEXT_COPY(to, from)                                                                        \
    do {                                                                                           \
        _Static_assert(sizeof(to) == sizeof(from), "text sizes differ");                           \
        memcpy((to), (from), sizeof(to));                                                          \
    } while (0)

static bool text_ended(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}
#define ENDED(text) text_ended((text), sizeof(text))

static enum err unended(struct errmsg *why)
{
    return err_set(why, ERR_FORMAT, "a text is not terminated");
}

/* ---- entries ---- */

static bool put_lines(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct txn *t = *arg;
    for (int32_t i = 0; i < t->line_count; i++) {
        const struct txn_line *l = &t->lines[i];
        Line line = {.quantity = l->quantity, .amount = money_minor(l->amount)};
        TEXT_COPY(line.sku, l->sku);
        TEXT_COPY(line.category, l->category);
        if (!pb_encode_tag_for_field(stream, field) ||
            !pb_encode_submessage(stream, Line_fields, &line))
            return false;
    }
    return true;
}

static bool get_line(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    struct txn *t = *arg;
    Line line = Line_init_zero;
    if (!is_ours(stream))
        return false;
    if (t->line_count == TXN_LINES_MAX)
        PB_RETURN_ERROR(stream, "too many lines");
    if (!pb_decode(stream, Line_fields, &line))
        return false;
    struct txn_line *l = &t->lines[t->line_count++];
    TEXT_COPY(l->sku, line.sku);
    TEXT_COPY(l->category, line.category);
    l->quantity = line.quantity;
    l->amount = money_of(line.amount);
    return true;
}

static void put_evidence(Evidence *out, const struct txn_evidence *in)
{
    out->card_kind = in->kind;
    out->tmc = in->tmc;
    FIXED_PUT(out->tmv, in->tmv);
    FIXED_PUT(out->record, in->record);
    out->tmi.size = in->tmi_size;
    memcpy(out->tmi.bytes, in->tmi, in->tmi_size);
    out->purse_before = in->purse_before;
}

static enum err get_evidence(struct txn_evidence *out, const Evidence *in, struct errmsg *why)
{
    if (in->card_kind > CARD_EV2)
        return err_set(why, ERR_FORMAT, "evidence of an unknown kind of card, %u",
                       (unsigned)in->card_kind);
    out->kind = (enum card_kind)in->card_kind;
    out->tmc = in->tmc;
    if (!FIXED_GET(out->tmv, in->tmv) || !FIXED_GET(out->record, in->record))
        return err_set(why, ERR_FORMAT, "evidence with a MAC or record of the wrong size");
    out->tmi_size = in->tmi.size;
    memcpy(out->tmi, in->tmi.bytes, in->tmi.size);
    out->purse_before = in->purse_before;
    return OK;
}

static void put_stamps(Stamp *out, pb_size_t *count, const struct txn_stamp *in, int32_t n)
{
    *count = (pb_size_t)n;
    for (int32_t i = 0; i < n; i++) {
        TEXT_COPY(out[i].name, in[i].name);
        out[i].collected = in[i].collected;
        out[i].given = in[i].given;
    }
}

static int32_t get_stamps(struct txn_stamp *out, const Stamp *in, pb_size_t count)
{
    for (pb_size_t i = 0; i < count; i++) {
        TEXT_COPY(out[i].name, in[i].name);
        out[i].collected = in[i].collected;
        out[i].given = in[i].given;
    }
    return count;
}

static void put_payment(Entry *out, const struct txn *in)
{
    out->tenders_count = (pb_size_t)in->tender_count;
    for (int32_t i = 0; i < in->tender_count; i++) {
        TEXT_COPY(out->tenders[i].code, in->tenders[i].code);
        out->tenders[i].amount = money_minor(in->tenders[i].amount);
    }
    out->coupons_count = (pb_size_t)in->coupon_count;
    for (int32_t i = 0; i < in->coupon_count; i++)
        TEXT_COPY(out->coupons[i], in->coupons[i]);
    out->marks_count = (pb_size_t)in->mark_count;
    for (int32_t i = 0; i < in->mark_count; i++)
        TEXT_COPY(out->marks[i], in->marks[i]);
    put_stamps(out->stamps, &out->stamps_count, in->stamps, in->stamp_count);
}

static void get_payment(struct txn *out, const Entry *in)
{
    out->tender_count = in->tenders_count;
    for (int32_t i = 0; i < out->tender_count; i++) {
        TEXT_COPY(out->tenders[i].code, in->tenders[i].code);
        out->tenders[i].amount = money_of(in->tenders[i].amount);
    }
    out->coupon_count = in->coupons_count;
    for (int32_t i = 0; i < out->coupon_count; i++)
        TEXT_COPY(out->coupons[i], in->coupons[i]);
    out->mark_count = in->marks_count;
    for (int32_t i = 0; i < out->mark_count; i++)
        TEXT_COPY(out->marks[i], in->marks[i]);
    out->stamp_count = get_stamps(out->stamps, in->stamps, in->stamps_count);
}

enum err wire_encode_txn(struct buf *out, const struct txn *t, struct errmsg *why)
{
    enum err e = txn_check(t, why);
    if (e)
        return e;
    Entry m = {.kind = t->kind,
               .terminal = t->id.terminal,
               .seq = t->id.seq,
               .time_s = t->time_s,
               .member = t->member,
               .pack_version = t->pack_version,
               .total = money_minor(t->total),
               .points = points_n(t->points),
               .redeemed = points_n(t->redeemed),
               .redeemed_value = money_minor(t->redeemed_value),
               .original_terminal = t->original.terminal,
               .original_seq = t->original.seq,
               .commit = t->commit,
               .has_evidence = t->evidence.kind != CARD_NONE,
               .card_kind = t->card_kind,
               .card_status = t->card_status,
               .day = t->day,
               .load = t->load,
               .cashier = t->cashier,
               .approved_by = t->approved_by,
               .means = t->means,
               .rating = (uint32_t)t->rating,
               .until_s = t->until_s};
    FIXED_PUT(m.token, t->token);
    UID_PUT(m.card, &t->card);
    UID_PUT(m.replaces, &t->replaces);
    TEXT_COPY(m.ref, t->ref);
    TEXT_COPY(m.shop, t->shop);
    TEXT_COPY(m.tier, t->tier);
    TEXT_COPY(m.reason, t->reason);
    if (m.has_evidence)
        put_evidence(&m.evidence, &t->evidence);
    put_payment(&m, t);
    TEXT_COPY(m.reward, t->reward);
    m.other = t->other;
    m.from_day = t->from_day;
    m.user = t->user;
    m.piece = t->piece;
    m.lines = (pb_callback_t){.funcs.encode = put_lines, .arg = (void *)(uintptr_t)t};

    size_t room = out->cap - out->size;
    pb_ostream_t stream = pb_ostream_from_buffer(
        out->data + out->size, room < WIRE_ENTRY_MAX ? room : WIRE_ENTRY_MAX);
    if (!pb_encode(&stream, Entry_fields, &m))
        return err_set(why, ERR_FULL, "a %s with %d lines: %s", txn_kind_text(t->kind),
                       (int)t->line_count, PB_GET_ERROR(&stream));
    out->size += stream.bytes_written;
    return OK;
}

enum err wire_decode_txn(struct txn *out, struct bytes entry, struct errmsg *why)
{
    memset(out, 0, sizeof *out);
    if (entry.size > WIRE_ENTRY_MAX)
        return err_set(why, ERR_FORMAT, "an entry of %zu bytes", entry.size);
    Entry m = Entry_init_zero;
    m.lines = (pb_callback_t){.funcs.decode = get_line, .arg = out};
    struct cursor c;
    pb_istream_t stream = stream_on(&c, entry);
    if (!pb_decode(&stream, Entry_fields, &m))
        return malformed(why, "entry", &stream);
    if (m.kind > TXN_RERATE || m.commit > COMMIT_DOUBT || m.card_kind > CARD_EV2 ||
        m.card_status > CARD_REPLACED || m.means > MEANS_REGISTER ||
        m.rating > TXN_RATING_MAX)
        return err_set(why, ERR_FORMAT,
                       "an entry with a kind, commit, card state, means or rating unknown here");
    out->kind = (enum txn_kind)m.kind;
    out->id = (struct entry_id){m.terminal, m.seq};
    out->time_s = m.time_s;
    out->member = m.member;
    if (!FIXED_GET(out->card.b, m.card) || !FIXED_GET(out->replaces.b, m.replaces))
        return err_set(why, ERR_FORMAT, "an entry with a card number that is not 7 bytes");
    TEXT_COPY(out->ref, m.ref);
    TEXT_COPY(out->shop, m.shop);
    TEXT_COPY(out->tier, m.tier);
    TEXT_COPY(out->reason, m.reason);
    out->pack_version = m.pack_version;
    out->total = money_of(m.total);
    out->points = points_of(m.points);
    out->redeemed = points_of(m.redeemed);
    out->redeemed_value = money_of(m.redeemed_value);
    out->original = (struct entry_id){m.original_terminal, m.original_seq};
    out->commit = (enum txn_commit)m.commit;
    enum err e = m.has_evidence ? get_evidence(&out->evidence, &m.evidence, why) : OK;
    if (e)
        return e;
    out->card_kind = (enum card_kind)m.card_kind;
    out->card_status = (enum card_status)m.card_status;
    out->day = m.day;
    out->load = m.load;
    out->cashier = m.cashier;
    out->approved_by = m.approved_by;
    out->means = (enum txn_means)m.means;
    if (!FIXED_GET(out->token, m.token))
        return err_set(why, ERR_FORMAT, "an entry with a token that is not 16 bytes");
    out->rating = (int32_t)m.rating;
    out->until_s = m.until_s;
    get_payment(out, &m);
    TEXT_COPY(out->reward, m.reward);
    out->other = m.other;
    out->from_day = m.from_day;
    out->user = m.user;
    out->piece = m.piece;
    return txn_check(out, why);
}

void wire_chain(uint8_t next[WIRE_HASH_SIZE], const uint8_t previous[WIRE_HASH_SIZE], struct bytes entry)
{
    uint8_t hash[WIRE_HASH_SIZE];
    mbed_sha256_two(hash, bytes_of(previous, WIRE_HASH_SIZE), entry);
    memcpy(next, hash, sizeof hash);
}

/* ---- envelopes ---- */

/* number = 1, then one message under its own tag. */
static enum err put_envelope(struct buf *out, uint32_t number, uint32_t tag, const pb_msgdesc_t *fields,
                             const void *message, struct errmsg *why)
{
    size_t room = out->cap - out->size;
    pb_ostream_t s = pb_ostream_from_buffer(out->data + out->size,
                                            room < WIRE_FRAME_MAX ? room : WIRE_FRAME_MAX);
    if (!pb_encode_tag(&s, PB_WT_VARINT, 1) || !pb_encode_varint(&s, number) ||
        !pb_encode_tag(&s, PB_WT_STRING, tag) || !pb_encode_submessage(&s, fields, message))
        return err_set(why, ERR_FULL, "a frame: %s", PB_GET_ERROR(&s));
    out->size += s.bytes_written;
    return OK;
}

/* Finds number, tag and the bytes of the one message.  Fields after last are skipped: a later version's. */
static enum err get_envelope(struct bytes frame, uint32_t last, uint32_t *number, uint32_t *tag,
                             struct bytes *message, struct errmsg *why)
{
    *number = *tag = 0;
    if (frame.size > WIRE_FRAME_MAX)
        return err_set(why, ERR_FORMAT, "a frame of %zu bytes", frame.size);
    struct cursor c;
    pb_istream_t s = stream_on(&c, frame), sub;
    while (s.bytes_left) {
        pb_wire_type_t type;
        uint32_t field;
        bool eof;
        if (!pb_decode_tag(&s, &type, &field, &eof))
            return malformed(why, "frame", &s);
        if (field == 1 && type == PB_WT_VARINT) {
            if (!pb_decode_varint32(&s, number))
                return malformed(why, "frame number", &s);
        } else if (field >= 2 && field <= last && type == PB_WT_STRING) {
            if (*tag)
                return err_set(why, ERR_FORMAT, "a frame with two messages");
            *tag = field;
            if (!pb_make_string_substream(&s, &sub) || !borrow(&sub, message) ||
                !pb_close_string_substream(&s, &sub))
                return malformed(why, "frame", &s);
        } else if (field <= last || !pb_skip_field(&s, type)) {
            return malformed(why, "frame", &s);
        }
    }
    return *tag ? OK : err_set(why, ERR_FORMAT, "a frame without a message known here");
}

static enum err get_message(const pb_msgdesc_t *fields, void *out, struct bytes message,
                            struct errmsg *why)
{
    struct cursor c;
    pb_istream_t s = stream_on(&c, message);
    return pb_decode(&s, fields, out) ? OK : malformed(why, "message", &s);
}

/* ---- requests ---- */

static bool put_entries(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct wire_sync *in = *arg;
    for (int32_t i = 0; i < in->count; i++)
        if (!pb_encode_tag_for_field(stream, field) ||
            !pb_encode_string(stream, in->entries[i].data, in->entries[i].size))
            return false;
    return true;
}

static bool get_entry(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    struct wire_sync *out = *arg;
    if (!is_ours(stream))
        return false;
    if (out->count == WIRE_BATCH_MAX)
        PB_RETURN_ERROR(stream, "too many entries");
    return borrow(stream, &out->entries[out->count++]);
}

static enum err put_sync(struct buf *out, const struct wire_request *r, struct errmsg *why)
{
    const struct wire_sync *in = &r->sync;
    if (in->count < 0 || in->count > WIRE_BATCH_MAX)
        return err_set(why, ERR_FORMAT, "%d entries in a batch", (int)in->count);
    if (!ENDED(in->program))
        return unended(why);
    Sync m = {.first_seq = in->first_seq,
              .pack_version = in->pack_version,
              .hot_version = in->hot_version,
              .clock_s = in->clock_s,
              .waiting = in->waiting,
              .staff_version = in->staff_version,
              .has_health = true,
              .health = {.reader = in->health.reader,
                         .printer = in->health.printer,
                         .receipts_waiting = in->health.receipts_waiting,
                         .journal = in->health.journal,
                         .disk_free_mb = in->health.disk_free_mb,
                         .locked = in->health.locked,
                         .entries = in->health.entries},
              .entries = {.funcs.encode = put_entries, .arg = (void *)(uintptr_t)in},
              .hash = put_from(&in->hash),
              .signature = put_from(&in->signature)};
    TEXT_COPY(m.program, in->program);
    return put_envelope(out, r->number, ASK_SYNC, Sync_fields, &m, why);
}

static enum err get_sync(struct wire_sync *out, struct bytes message, struct errmsg *why)
{
    Sync m = Sync_init_zero;
    out->count = 0;
    m.entries = (pb_callback_t){.funcs.decode = get_entry, .arg = out};
    m.hash = borrow_into(&out->hash);
    m.signature = borrow_into(&out->signature);
    enum err e = get_message(Sync_fields, &m, message, why);
    if (e)
        return e;
    if (out->hash.size != (out->count ? WIRE_HASH_SIZE : 0))
        return err_set(why, ERR_FORMAT, "a batch of %d entries with a hash of %zu bytes",
                       (int)out->count, out->hash.size);
    out->first_seq = m.first_seq;
    out->pack_version = m.pack_version;
    out->hot_version = m.hot_version;
    out->clock_s = m.clock_s;
    out->waiting = m.waiting;
    out->staff_version = m.staff_version;
    out->health = (struct wire_health){.reader = m.health.reader,
                                       .printer = m.health.printer,
                                       .receipts_waiting = m.health.receipts_waiting,
                                       .journal = m.health.journal,
                                       .disk_free_mb = m.health.disk_free_mb,
                                       .locked = m.health.locked,
                                       .entries = m.health.entries};
    TEXT_COPY(out->program, m.program);
    return OK;
}

static enum err put_tap(struct buf *out, const struct wire_request *r, struct errmsg *why)
{
    const struct wire_tap *in = &r->tap;
    if (in->value.size > WIRE_VALUE_MAX || (unsigned)in->means > MEANS_REGISTER)
        return err_set(why, ERR_FORMAT, "a tap of %zu bytes by means %d", in->value.size, (int)in->means);
    Tap m = {.means = in->means, .value = put_from(&in->value)};
    UID_PUT(m.card, &in->card);
    return put_envelope(out, r->number, ASK_TAP, Tap_fields, &m, why);
}

static enum err get_tap(struct wire_tap *out, struct bytes message, struct errmsg *why)
{
    Tap m = {.value = borrow_into(&out->value)};
    enum err e = get_message(Tap_fields, &m, message, why);
    if (e)
        return e;
    if (!FIXED_GET(out->card.b, m.card) || out->value.size > WIRE_VALUE_MAX || m.means > MEANS_REGISTER)
        return err_set(why, ERR_FORMAT, "a tap with a card number of %u bytes, %zu bytes by means %u",
                       (unsigned)m.card.size, out->value.size, (unsigned)m.means);
    if (!uid_is(&out->card) && !out->value.size)
        return err_set(why, ERR_FORMAT, "a tap of nothing");
    out->means = (enum txn_means)m.means;
    return OK;
}

static enum err put_hold(struct buf *out, const struct wire_request *r, struct errmsg *why)
{
    const struct wire_hold *in = &r->hold;
    if (!ENDED(in->name) || !ENDED(in->pin) || !ENDED(in->reward))
        return unended(why);
    if (in->value.size > WIRE_VALUE_MAX || (unsigned)in->means > MEANS_REGISTER)
        return err_set(why, ERR_FORMAT, "a hold of %zu bytes by means %d", in->value.size, (int)in->means);
    Hold m = {.member = in->member,
              .points = points_n(in->points),
              .means = in->means,
              .approved_by = in->approved_by,
              .value = put_from(&in->value)};
    UID_PUT(m.card, &in->card);
    TEXT_COPY(m.name, in->name);
    TEXT_COPY(m.pin, in->pin);
    TEXT_COPY(m.reward, in->reward);
    enum err e = put_envelope(out, r->number, ASK_HOLD, Hold_fields, &m, why);
    bytes_wipe(&m, sizeof m);
    return e;
}

static enum err get_hold(struct wire_hold *out, struct bytes message, struct errmsg *why)
{
    Hold m = {.value = borrow_into(&out->value)};
    enum err e = get_message(Hold_fields, &m, message, why);
    if (!e && (!FIXED_GET(out->card.b, m.card) || out->value.size > WIRE_VALUE_MAX ||
               m.means > MEANS_REGISTER || m.points < 0 || !m.name[0] || (m.points == 0 && !m.reward[0])))
        e = err_set(why, ERR_FORMAT, "a hold of nothing, without a name, or of an unknown shape");
    if (!e) {
        out->member = m.member;
        out->points = points_of(m.points);
        out->means = (enum txn_means)m.means;
        out->approved_by = m.approved_by;
        TEXT_COPY(out->name, m.name);
        TEXT_COPY(out->pin, m.pin);
        TEXT_COPY(out->reward, m.reward);
    }
    bytes_wipe(&m, sizeof m);
    return e;
}

static enum err put_person(struct buf *out, const struct wire_request *r, struct errmsg *why)
{
    const struct wire_person *in = &r->person;
    if (!ENDED(in->name) || !ENDED(in->phone))
        return unended(why);
    Person m = {.member = in->member, .consent = in->consent, .cashier = in->cashier};
    TEXT_COPY(m.name, in->name);
    TEXT_COPY(m.phone, in->phone);
    return put_envelope(out, r->number, ASK_PERSON, Person_fields, &m, why);
}

static enum err get_person(struct wire_person *out, struct bytes message, struct errmsg *why)
{
    Person m = Person_init_zero;
    enum err e = get_message(Person_fields, &m, message, why);
    out->member = m.member;
    out->consent = m.consent;
    out->cashier = m.cashier;
    TEXT_COPY(out->name, m.name);
    TEXT_COPY(out->phone, m.phone);
    return e;
}

static enum err put_replace(struct buf *out, const struct wire_request *r, struct errmsg *why)
{
    const struct wire_replace *in = &r->replace;
    Replace m = {.member = in->member,
                 .card_kind = in->card_kind,
                 .cashier = in->cashier,
                 .approved_by = in->approved_by};
    UID_PUT(m.lost, &in->lost);
    UID_PUT(m.card, &in->card);
    return put_envelope(out, r->number, ASK_REPLACE, Replace_fields, &m, why);
}

static enum err get_replace(struct wire_replace *out, struct bytes message, struct errmsg *why)
{
    Replace m = Replace_init_zero;
    enum err e = get_message(Replace_fields, &m, message, why);
    if (e)
        return e;
    if (!FIXED_GET(out->lost.b, m.lost) || !FIXED_GET(out->card.b, m.card) || !uid_is(&out->card) ||
        m.card_kind > CARD_EV2)
        return err_set(why, ERR_FORMAT, "a replacement of a malformed card number or kind");
    out->member = m.member;
    out->card_kind = (enum card_kind)m.card_kind;
    out->cashier = m.cashier;
    out->approved_by = m.approved_by;
    return OK;
}

enum err wire_encode_request(struct buf *out, const struct wire_request *r, struct errmsg *why)
{
    switch (r->ask) {
    case ASK_ENROL: {
        Enrol m = {.csr = put_from(&r->enrol.csr)};
        if (!ENDED(r->enrol.code))
            return unended(why);
        TEXT_COPY(m.code, r->enrol.code);
        return put_envelope(out, r->number, ASK_ENROL, Enrol_fields, &m, why);
    }
    case ASK_SYNC:
        return put_sync(out, r, why);
    case ASK_TAP:
        return put_tap(out, r, why);
    case ASK_LOAD: {
        Load m = {.card_kind = r->load.card_kind};
        UID_PUT(m.card, &r->load.card);
        return put_envelope(out, r->number, ASK_LOAD, Load_fields, &m, why);
    }
    case ASK_CARD_ANSWER: {
        CardAnswer m = {.frame = put_from(&r->card_answer.frame), .lost = r->card_answer.lost};
        return put_envelope(out, r->number, ASK_CARD_ANSWER, CardAnswer_fields, &m, why);
    }
    case ASK_HOLD:
        return put_hold(out, r, why);
    case ASK_PERSON:
        return put_person(out, r, why);
    case ASK_REPLACE:
        return put_replace(out, r, why);
    }
    return err_set(why, ERR_FORMAT, "ask %d is unknown", (int)r->ask);
}

enum err wire_decode_request(struct wire_request *out, struct bytes frame, struct errmsg *why)
{
    uint32_t tag;
    struct bytes message;
    memset(out, 0, sizeof *out);
    enum err e = get_envelope(frame, ASK_REPLACE, &out->number, &tag, &message, why);
    if (e)
        return e;
    out->ask = (enum wire_ask)tag;
    switch (out->ask) {
    case ASK_ENROL: {
        Enrol m = {.csr = borrow_into(&out->enrol.csr)};
        e = get_message(Enrol_fields, &m, message, why);
        TEXT_COPY(out->enrol.code, m.code);
        return e;
    }
    case ASK_SYNC:
        return get_sync(&out->sync, message, why);
    case ASK_TAP:
        return get_tap(&out->tap, message, why);
    case ASK_LOAD: {
        Load m = Load_init_zero;
        e = get_message(Load_fields, &m, message, why);
        if (!e && (m.card.size != sizeof out->load.card.b || m.card_kind > CARD_EV2))
            e = err_set(why, ERR_FORMAT, "a load of a malformed card number or kind");
        memcpy(out->load.card.b, m.card.bytes, sizeof out->load.card.b);
        out->load.card_kind = m.card_kind > CARD_EV2 ? CARD_NONE : (enum card_kind)m.card_kind;
        return e;
    }
    case ASK_CARD_ANSWER: {
        CardAnswer m = {.frame = borrow_into(&out->card_answer.frame)};
        e = get_message(CardAnswer_fields, &m, message, why);
        out->card_answer.lost = m.lost;
        return e;
    }
    case ASK_HOLD:
        return get_hold(&out->hold, message, why);
    case ASK_PERSON:
        return get_person(&out->person, message, why);
    case ASK_REPLACE:
        return get_replace(&out->replace, message, why);
    }
    return err_set(why, ERR_FORMAT, "ask %u is unknown", (unsigned)tag);
}

/* ---- answers ---- */

static enum err put_enrolled(struct buf *out, const struct wire_answer *a, struct errmsg *why)
{
    const struct wire_enrolled *in = &a->enrolled;
    Enrolled m = {.terminal = in->terminal,
                  .certificate = put_from(&in->certificate),
                  .ca = put_from(&in->ca),
                  .pack_key = put_from(&in->pack_key),
                  .code_key = put_from(&in->code_key),
                  .key_version = in->key_version};
    TEXT_COPY(m.shop, in->shop);
    m.aid.size = sizeof in->aid;
    memcpy(m.aid.bytes, in->aid, sizeof in->aid);
    m.k2.size = sizeof in->k2;
    memcpy(m.k2.bytes, in->k2, sizeof in->k2);
    FIXED_PUT(m.lookup_key, in->lookup_key);
    FIXED_PUT(m.sun_meta_key, in->sun_meta_key);
    enum err e = put_envelope(out, a->number, SAY_ENROLLED, Enrolled_fields, &m, why);
    bytes_wipe(&m, sizeof m);
    return e;
}

static enum err get_enrolled(struct wire_enrolled *out, struct bytes message, struct errmsg *why)
{
    Enrolled m = {.certificate = borrow_into(&out->certificate),
                  .ca = borrow_into(&out->ca),
                  .pack_key = borrow_into(&out->pack_key),
                  .code_key = borrow_into(&out->code_key)};
    enum err e = get_message(Enrolled_fields, &m, message, why);
    if (!e && (m.aid.size != sizeof out->aid || m.k2.size != sizeof out->k2 || m.key_version > 255 ||
               !FIXED_GET(out->lookup_key, m.lookup_key) ||
               !FIXED_GET(out->sun_meta_key, m.sun_meta_key)))
        e = err_set(why, ERR_FORMAT, "an enrolment with a malformed key");
    out->terminal = m.terminal;
    TEXT_COPY(out->shop, m.shop);
    out->key_version = (uint8_t)m.key_version;
    memcpy(out->aid, m.aid.bytes, sizeof out->aid);
    memcpy(out->k2, m.k2.bytes, sizeof out->k2);
    bytes_wipe(&m, sizeof m);
    return e;
}

static bool put_pack(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct wire_synced *in = *arg;
    Pack m = {.version = in->pack_version,
              .json = put_from(&in->pack_json),
              .signature = put_from(&in->pack_signature)};
    return !in->has_pack || (pb_encode_tag_for_field(stream, field) &&
                             pb_encode_submessage(stream, Pack_fields, &m));
}

static bool get_pack(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    struct wire_synced *out = *arg;
    if (!is_ours(stream))
        return false;
    if (out->has_pack)
        PB_RETURN_ERROR(stream, "more than one pack");
    Pack m = {.json = borrow_into(&out->pack_json), .signature = borrow_into(&out->pack_signature)};
    out->has_pack = pb_decode(stream, Pack_fields, &m);
    out->pack_version = m.version;
    return out->has_pack;
}

static bool put_hot(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct wire_synced *in = *arg;
    for (int32_t i = 0; i < in->hot_count; i++) {
        HotCard m = {.status = in->hot[i].status};
        UID_PUT(m.card, &in->hot[i].card);
        if (!pb_encode_tag_for_field(stream, field) ||
            !pb_encode_submessage(stream, HotCard_fields, &m))
            return false;
    }
    return true;
}

static bool get_hot(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    struct wire_synced *out = *arg;
    HotCard m = HotCard_init_zero;
    if (!is_ours(stream))
        return false;
    if (out->hot_count == WIRE_HOT_MAX)
        PB_RETURN_ERROR(stream, "hot list too long");
    if (!pb_decode(stream, HotCard_fields, &m))
        return false;
    struct wire_hot *h = &out->hot[out->hot_count++];
    if (m.card.size != sizeof h->card.b || m.status < CARD_ACTIVE || m.status > CARD_REPLACED)
        PB_RETURN_ERROR(stream, "hot list: card or status");
    memcpy(h->card.b, m.card.bytes, sizeof h->card.b);
    h->status = (enum card_status)m.status;
    return true;
}

static bool put_staff(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct wire_synced *in = *arg;
    for (int32_t i = 0; i < in->staff_count; i++) {
        const struct staff *p = &in->staff[i];
        Staff m = {.id = p->id,
                   .role = p->role,
                   .grant_limit = points_n(p->grant_limit),
                   .grant_day_limit = points_n(p->grant_day_limit)};
        if (!ENDED(p->name) || !ENDED(p->language))
            PB_RETURN_ERROR(stream, "a text is not terminated");
        TEXT_COPY(m.name, p->name);
        TEXT_COPY(m.language, p->language);
        FIXED_PUT(m.pin_salt, p->pin.salt);
        FIXED_PUT(m.pin_hash, p->pin.hash);
        UID_PUT(m.badge, &p->badge);
        if (!pb_encode_tag_for_field(stream, field) ||
            !pb_encode_submessage(stream, Staff_fields, &m))
            return false;
    }
    return true;
}

static bool get_staff(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    struct wire_synced *out = *arg;
    Staff m = Staff_init_zero;
    if (!is_ours(stream))
        return false;
    if (out->staff_count == WIRE_STAFF_MAX)
        PB_RETURN_ERROR(stream, "too many staff");
    if (!pb_decode(stream, Staff_fields, &m))
        return false;
    struct staff *p = &out->staff[out->staff_count++];
    if (!FIXED_GET(p->pin.salt, m.pin_salt) || !FIXED_GET(p->pin.hash, m.pin_hash) ||
        !FIXED_GET(p->badge.b, m.badge) || m.id == 0 || m.role > STAFF_SUPERVISOR)
        PB_RETURN_ERROR(stream, "staff: number, role, PIN or badge");
    p->id = m.id;
    p->role = (enum staff_role)m.role;
    TEXT_COPY(p->name, m.name);
    TEXT_COPY(p->language, m.language);
    p->grant_limit = points_of(m.grant_limit);
    p->grant_day_limit = points_of(m.grant_day_limit);
    return true;
}

static enum err put_synced(struct buf *out, const struct wire_answer *a, struct errmsg *why)
{
    const struct wire_synced *in = &a->synced;
    if (in->hot_count < 0 || in->hot_count > WIRE_HOT_MAX)
        return err_set(why, ERR_FORMAT, "%d cards on a hot list", (int)in->hot_count);
    if (in->staff_count < 0 || in->staff_count > WIRE_STAFF_MAX)
        return err_set(why, ERR_FORMAT, "%d staff in a frame", (int)in->staff_count);
    Synced m = {.acked_seq = in->acked_seq,
                .packs = {.funcs.encode = put_pack, .arg = (void *)(uintptr_t)in},
                .hot_version = in->hot_version,
                .hot = {.funcs.encode = put_hot, .arg = (void *)(uintptr_t)in},
                .clock_s = in->clock_s,
                .more = in->more,
                .staff_version = in->staff_version,
                .staff = {.funcs.encode = put_staff, .arg = (void *)(uintptr_t)in},
                .orders = in->orders};
    return put_envelope(out, a->number, SAY_SYNCED, Synced_fields, &m, why);
}

static enum err get_synced(struct wire_synced *out, struct bytes message, struct errmsg *why)
{
    Synced m = {.packs = {.funcs.decode = get_pack, .arg = out},
                .hot = {.funcs.decode = get_hot, .arg = out},
                .staff = {.funcs.decode = get_staff, .arg = out}};
    out->has_pack = false;
    out->hot_count = out->staff_count = 0;
    enum err e = get_message(Synced_fields, &m, message, why);
    out->acked_seq = m.acked_seq;
    out->hot_version = m.hot_version;
    out->clock_s = m.clock_s;
    out->more = m.more;
    out->staff_version = m.staff_version;
    out->orders = m.orders;
    return e;
}

static enum err put_tapped(struct buf *out, const struct wire_answer *a, struct errmsg *why)
{
    const struct wire_tapped *in = &a->tapped;
    Tapped m = {.member = in->member,
                .held = points_n(in->held),
                .purse = points_n(in->purse),
                .card_status = in->card_status,
                .load_due = in->load_due,
                .next_expiry_points = points_n(in->next_expiry),
                .next_expiry_day = in->next_expiry_day,
                .known = in->known,
                .missing = in->missing,
                .expiring = points_n(in->expiring),
                .flags = in->flags,
                .spendable = points_n(in->spendable),
                .pending = points_n(in->pending),
                .enrolled_day = in->enrolled_day,
                .moving = points_n(in->moving),
                .owed = points_n(in->owed)};
    if (!ENDED(in->tier) || !ENDED(in->name) || !ENDED(in->next_tier) || !ENDED(in->suggestion) ||
        !ENDED(in->language))
        return unended(why);
    TEXT_COPY(m.tier, in->tier);
    TEXT_COPY(m.name, in->name);
    TEXT_COPY(m.next_tier, in->next_tier);
    TEXT_COPY(m.suggestion, in->suggestion);
    TEXT_COPY(m.language, in->language);
    if (in->mark_count < 0 || in->mark_count > TXN_MARKS_MAX)
        return err_set(why, ERR_FORMAT, "%d marks", (int)in->mark_count);
    m.marks_count = (pb_size_t)in->mark_count;
    for (int32_t i = 0; i < in->mark_count; i++) {
        if (!ENDED(in->marks[i]))
            return unended(why);
        TEXT_COPY(m.marks[i], in->marks[i]);
    }
    if (in->stamp_count < 0 || in->stamp_count > TXN_STAMPS_MAX)
        return err_set(why, ERR_FORMAT, "%d stamp cards", (int)in->stamp_count);
    for (int32_t i = 0; i < in->stamp_count; i++)
        if (!ENDED(in->stamps[i].name))
            return unended(why);
    put_stamps(m.stamps, &m.stamps_count, in->stamps, in->stamp_count);
    return put_envelope(out, a->number, SAY_TAPPED, Tapped_fields, &m, why);
}

static enum err get_tapped(struct wire_tapped *out, struct bytes message, struct errmsg *why)
{
    Tapped m = Tapped_init_zero;
    enum err e = get_message(Tapped_fields, &m, message, why);
    if (!e && m.card_status > CARD_REPLACED)
        e = err_set(why, ERR_FORMAT, "card status %u is unknown", (unsigned)m.card_status);
    if (e)
        return e;
    out->member = m.member;
    TEXT_COPY(out->tier, m.tier);
    out->held = points_of(m.held);
    out->purse = points_of(m.purse);
    out->card_status = (enum card_status)m.card_status;
    out->load_due = m.load_due;
    out->next_expiry = points_of(m.next_expiry_points);
    out->next_expiry_day = m.next_expiry_day;
    out->known = m.known;
    TEXT_COPY(out->name, m.name);
    TEXT_COPY(out->next_tier, m.next_tier);
    out->missing = m.missing;
    out->expiring = points_of(m.expiring);
    out->flags = m.flags;
    TEXT_COPY(out->suggestion, m.suggestion);
    out->spendable = points_of(m.spendable);
    out->pending = points_of(m.pending);
    TEXT_COPY(out->language, m.language);
    out->mark_count = m.marks_count;
    for (int32_t i = 0; i < out->mark_count; i++)
        TEXT_COPY(out->marks[i], m.marks[i]);
    out->stamp_count = get_stamps(out->stamps, m.stamps, m.stamps_count);
    out->enrolled_day = m.enrolled_day;
    out->moving = points_of(m.moving);
    out->owed = points_of(m.owed);
    return OK;
}

static enum err put_loaded(struct buf *out, const struct wire_answer *a, struct errmsg *why)
{
    const struct wire_loaded *in = &a->loaded;
    Loaded m = {.change = points_n(in->change),
                .purse = points_n(in->purse),
                .commit = in->commit};
    if (!ENDED(in->tier) || !ENDED(in->sentence))
        return unended(why);
    TEXT_COPY(m.tier, in->tier);
    TEXT_COPY(m.sentence, in->sentence);
    return put_envelope(out, a->number, SAY_LOADED, Loaded_fields, &m, why);
}

static enum err get_loaded(struct wire_loaded *out, struct bytes message, struct errmsg *why)
{
    Loaded m = Loaded_init_zero;
    enum err e = get_message(Loaded_fields, &m, message, why);
    if (!e && m.commit > COMMIT_DOUBT)
        e = err_set(why, ERR_FORMAT, "commit state %u is unknown", (unsigned)m.commit);
    if (e)
        return e;
    out->change = points_of(m.change);
    out->purse = points_of(m.purse);
    out->commit = (enum txn_commit)m.commit;
    TEXT_COPY(out->tier, m.tier);
    TEXT_COPY(out->sentence, m.sentence);
    return OK;
}

enum err wire_encode_answer(struct buf *out, const struct wire_answer *a, struct errmsg *why)
{
    switch (a->say) {
    case SAY_REFUSED: {
        Refused m = {.code = a->refused.code};
        if (!ENDED(a->refused.sentence))
            return unended(why);
        TEXT_COPY(m.sentence, a->refused.sentence);
        return put_envelope(out, a->number, SAY_REFUSED, Refused_fields, &m, why);
    }
    case SAY_ENROLLED:
        return put_enrolled(out, a, why);
    case SAY_SYNCED:
        return put_synced(out, a, why);
    case SAY_TAPPED:
        return put_tapped(out, a, why);
    case SAY_CARD_COMMAND: {
        CardCommand m = {.frame = put_from(&a->card_command.frame),
                         .timeout_ms = a->card_command.timeout_ms};
        return put_envelope(out, a->number, SAY_CARD_COMMAND, CardCommand_fields, &m, why);
    }
    case SAY_LOADED:
        return put_loaded(out, a, why);
    case SAY_HELD: {
        Held m = {.seq = a->held.seq, .points = points_n(a->held.points), .until_s = a->held.until_s};
        return put_envelope(out, a->number, SAY_HELD, Held_fields, &m, why);
    }
    case SAY_DONE: {
        Done m = {.member = a->done.member};
        if (!ENDED(a->done.sentence))
            return unended(why);
        TEXT_COPY(m.sentence, a->done.sentence);
        return put_envelope(out, a->number, SAY_DONE, Done_fields, &m, why);
    }
    }
    return err_set(why, ERR_FORMAT, "answer %d is unknown", (int)a->say);
}

enum err wire_decode_answer(struct wire_answer *out, struct bytes frame, struct errmsg *why)
{
    uint32_t tag;
    struct bytes message;
    memset(out, 0, sizeof *out);
    enum err e = get_envelope(frame, SAY_DONE, &out->number, &tag, &message, why);
    if (e)
        return e;
    out->say = (enum wire_say)tag;
    switch (out->say) {
    case SAY_REFUSED: {
        Refused m = Refused_init_zero;
        e = get_message(Refused_fields, &m, message, why);
        out->refused.code =
            m.code > OK && m.code < ERR_COUNT ? (enum err)m.code : ERR_REFUSED;
        TEXT_COPY(out->refused.sentence, m.sentence);
        return e;
    }
    case SAY_ENROLLED:
        return get_enrolled(&out->enrolled, message, why);
    case SAY_SYNCED:
        return get_synced(&out->synced, message, why);
    case SAY_TAPPED:
        return get_tapped(&out->tapped, message, why);
    case SAY_CARD_COMMAND: {
        CardCommand m = {.frame = borrow_into(&out->card_command.frame)};
        e = get_message(CardCommand_fields, &m, message, why);
        out->card_command.timeout_ms = m.timeout_ms;
        return e;
    }
    case SAY_LOADED:
        return get_loaded(&out->loaded, message, why);
    case SAY_HELD: {
        Held m = Held_init_zero;
        e = get_message(Held_fields, &m, message, why);
        if (!e && (m.seq == 0 || m.points < 0)) /* 0: a piece of a reward */
            e = err_set(why, ERR_FORMAT, "a hold of nothing");
        out->held = (struct wire_held){m.seq, points_of(m.points), m.until_s};
        return e;
    }
    case SAY_DONE: {
        Done m = Done_init_zero;
        e = get_message(Done_fields, &m, message, why);
        out->done.member = m.member;
        TEXT_COPY(out->done.sentence, m.sentence);
        return e;
    }
    }
    return err_set(why, ERR_FORMAT, "answer %u is unknown", (unsigned)tag);
}
