/* fuzz_card.c - cards, tags and phones that answer anything: every operation of card.h and every kind of kind.h is
 * driven to its end by answers that the input decides, and may not claim what did not happen.  And what only one who
 * knows a key can send, the input as the text under a good MAC: an evidence, a phone's bundle.
 *
 *   input:  what to do, which card, then for each exchange one byte and what follows it:
 *           00..7f the true answer; 80..bf the same with one byte changed (place, by what); c0..df the same, cut or
 *           lengthened (to); e0..fe that many bytes of the input (size, bytes); ff no answer
 *           behind its end every answer is true
 *
 * With clang: -fsanitize=fuzzer; tests/test_fuzz_card.c runs it on seeded input.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/apple_vas.h"
#include "cardproto/kind.h"
#include "cardproto/layout.h"
#include "cardproto/ndef.h"
#include "cardproto/smart_tap.h"
#include "cardproto/sun.h"
#include "cardproto/tlv.h"
#include "hw/vcard.h"
#include "hw/vtag.h"
#include "tests/android.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EXCHANGES_MAX = 400, PURSE = 500, AMOUNT = 120, UTC = 1760000000 };
enum { TAG_SUN, TAG_TEXT, TAG_APPLE, TAGS };
#define PASS_SAYS "M77"

static const struct card_uid uid = {{0x04, 0x51, 0x12, 0x8a, 0x01, 0x02, 0x03}};
static const struct aes_key meta = {{0x11}}, file_class = {{0x22}};
static const struct entry_id debit_entry = {7, 41}, load_name = {0, 9};

static struct card_office_keys office;
static struct card_till_keys till;
static struct vcard issued[2], card; /* EV2, EV1, each with PURSE points; the one that is tried */
static struct vtag tags[TAGS];
static const struct smart_tap_keys collector = {{1, 2, 3, 4}, {0, 0, 0, 1}, {0x55}};
static struct vas_keys vas = {.private_key = {0x42}};
static struct card_op op;
static struct kind_op kind;

struct input {
    const uint8_t *data;
    size_t size, at;
};

static uint8_t next_byte(struct input *in)
{
    return in->at < in->size ? in->data[in->at++] : 0;
}

/* False: no answer. */
static bool answer_of(struct input *in, struct vtarget *t, struct bytes frame, struct buf *out)
{
    assert(frame.size > 0);
    assert(frame.size <= KIND_FRAME_MAX);
    uint8_t how = next_byte(in);
    if (how >= 0xe0 && how < 0xff) {
        out->size = next_byte(in);
        for (size_t i = 0; i < out->size; i++)
            out->data[i] = next_byte(in);
        return true;
    }
    if (how == 0xff || !t->ops->exchange(t, frame, out))
        return false;
    if (how >= 0xc0) {
        size_t wanted = next_byte(in);
        if (wanted > out->size)
            memset(out->data + out->size, how, wanted - out->size);
        out->size = wanted;
    } else if (how >= 0x80 && out->size) {
        size_t at = next_byte(in) % out->size;
        out->data[at] ^= next_byte(in);
    }
    return true;
}

/* Steps op as far as it goes.  *lied: some answer was not the card's own. */
static enum card_next carry(struct input *in, bool *doubt)
{
    uint8_t raw[VTARGET_ANSWER_MAX];
    struct buf answer = BUF_ON(raw);
    enum card_next next = card_step(&op, bytes_of(NULL, 0));
    *doubt = false;
    for (int i = 0; next == CARD_SEND; i++) {
        assert(i < EXCHANGES_MAX);
        if (!answer_of(in, &card.target, card_frame(&op), &answer)) {
            *doubt = card_lost(&op);
            return CARD_FAILED;
        }
        next = card_step(&op, buf_bytes(&answer));
    }
    return next;
}

static int32_t purse(void)
{
    const struct vcard_file *f = vcard_find_file(&card, office.scheme.aid, 3);
    return f ? f->value : -1;
}

static const uint8_t random_bytes[KIND_RANDOM_SIZE] = {1, 2, 3};

/* What an operation that committed says must be what the card did. */
static void try_identify(struct input *in)
{
    bool doubt;
    card_identify_start(&op, &till, &uid, random_bytes);
    if (carry(in, &doubt) != CARD_DONE)
        return;
    assert(op.seen.purse == purse());
    assert(op.seen.profile.member == 42);
}

static void try_debit(struct input *in, struct txn_evidence *intent)
{
    bool doubt;
    enum card_next next;
    card_debit_start(&op, &till, &uid, random_bytes, AMOUNT, debit_entry, 1000);
    next = carry(in, &doubt);
    assert(!doubt); /* nothing was committed yet */
    assert(purse() == PURSE);
    if (next != CARD_READY)
        return;
    *intent = op.evidence;
    card_commit(&op);
    next = carry(in, &doubt);
    if (next == CARD_DONE && op.verdict == COMMIT_DONE)
        assert(purse() == PURSE - AMOUNT);
    else if (next == CARD_FAILED && !doubt)
        assert(purse() == PURSE);
}

static void try_settle(struct input *in, const struct txn_evidence *intent)
{
    bool doubt;
    card_settle_start(&op, &till, &uid, random_bytes, debit_entry, intent);
    if (carry(in, &doubt) != CARD_DONE)
        return;
    if (op.verdict == COMMIT_DONE)
        assert(purse() == PURSE - AMOUNT);
    if (op.verdict == COMMIT_NOT_DONE)
        assert(purse() == PURSE);
}

static void try_load(struct input *in)
{
    bool doubt;
    const struct card_profile profile = {.member = 42, .tier = "gold", .layout = CARD_LAYOUT};
    card_load_start(&op, &office, &uid, random_bytes);
    if (carry(in, &doubt) != CARD_READY)
        return;
    assert(op.seen.purse == PURSE);
    card_load_set(&op, 77, &profile, load_name, 1000);
    if (carry(in, &doubt) != CARD_READY)
        return;
    assert(!doubt);
    assert(purse() == PURSE);
    card_commit(&op);
    enum card_next next = carry(in, &doubt);
    if (next == CARD_DONE && op.verdict == COMMIT_DONE)
        assert(purse() == PURSE + 77);
    else if (next == CARD_FAILED && !doubt)
        assert(purse() == PURSE);
}

static void try_issue(struct input *in)
{
    bool doubt;
    const struct card_profile profile = {.member = 1, .tier = "base", .layout = CARD_LAYOUT};
    vcard_init(&card, card.m.kind, &uid, 5);
    card_issue_start(&op, &office, &uid, random_bytes, &profile, 1000);
    if (carry(in, &doubt) == CARD_DONE)
        assert(purse() == 0);
}

/* A phone of Google's as a target. */
static struct {
    struct vtarget target;
    struct android phone;
} google;

static void google_facts(const struct vtarget *t, struct vtarget_facts *out)
{
    (void)t;
    *out = (struct vtarget_facts){.uid = {0x08, 1, 2, 3}, .uid_size = 4, .atqa = {0x00, 0x04}, .sak = VTARGET_14443_4};
}

static bool google_exchange(struct vtarget *t, struct bytes frame, struct buf *out)
{
    (void)t;
    struct bytes answer = android_answer(&google.phone, frame);
    memcpy(out->data, answer.data, out->size = answer.size);
    return true;
}

static const struct vtarget_ops google_ops = {.facts = google_facts, .exchange = google_exchange};

/* Google's costs milliseconds: it comes seldom. */
static struct vtarget *target_of(uint8_t which)
{
    if (which == 0x55) {
        google.target.ops = &google_ops;
        google.phone = (struct android){.reader = &collector, .value = PASS_SAYS};
        android_start(&google.phone);
        return &google.target;
    }
    return which % 4 == 3 ? &card.target : &tags[which % 4].target;
}

static void try_kind(struct input *in)
{
    struct vas_memory memory = {0};
    uint8_t which = next_byte(in), raw[VTARGET_ANSWER_MAX];
    struct vtarget *t = target_of(which);
    const struct kind_keys keys = {.card = &till, .sun_meta = &meta, .tags = true, .uids = true,
                                   .vas = t == &google.target ? NULL : &vas,
                                   .smart_tap = t == &tags[TAG_APPLE].target ? NULL : &collector};
    struct buf answer = BUF_ON(raw);
    struct vtarget_facts f;
    struct kind_facts facts = {0};
    vas.memory = &memory;
    t->ops->facts(t, &f);
    memcpy(facts.uid, f.uid, facts.uid_size = f.uid_size);
    memcpy(facts.atqa, f.atqa, sizeof facts.atqa);
    facts.sak = f.sak;
    if (which & 0x80) { /* as a phone: the wallet kinds are asked */
        facts.uid_size = 4;
        facts.uid[0] = 0x08;
    }
    kind_start(&kind, &facts, &keys, &op, random_bytes, UTC);
    enum card_next next = kind_step(&kind, bytes_of(NULL, 0));
    for (int i = 0; next == CARD_SEND; i++) {
        assert(i < EXCHANGES_MAX);
        if (!answer_of(in, t, kind_frame(&kind), &answer))
            return;
        next = kind_step(&kind, buf_bytes(&answer));
    }
    assert(next == CARD_DONE || next == CARD_FAILED);
    if (next == CARD_FAILED) {
        assert(kind.status != CARD_OK);
        return;
    }
    assert(kind.seen.means != MEANS_NONE);
    if (kind.seen.means == MEANS_PASS) { /* nobody but the phone knows how to say another thing */
        assert(t == &tags[TAG_APPLE].target || t == &google.target);
        assert(kind.seen.value_size == strlen(PASS_SAYS));
        assert(memcmp(kind.seen.value, PASS_SAYS, kind.seen.value_size) == 0);
        assert(kind.seen.member == 77);
    }
    if (kind.seen.means == MEANS_CARD)
        assert(kind.seen.member == 42);
    if (kind.seen.means == MEANS_SUN) {
        struct sun sun;
        struct sun_tag tag;
        assert(sun_parse(&sun, bytes_of(kind.seen.value, kind.seen.value_size)) == OK);
        assert(sun_meta(&tag, sun.picc, &meta) == OK);
        assert(uid_equal(&tag.uid, &kind.seen.uid));
        if (sun_verify(&sun, &tag, &file_class, 0, NULL) == OK)
            assert(uid_equal(&tag.uid, &uid));
    }
}

/* ---- what has a good MAC ---- */

static struct bytes rest_of(struct input *in)
{
    struct bytes rest = bytes_of(in->data + in->at, in->size - in->at);
    in->at = in->size;
    return rest;
}

/* A till gone bad with a card of its own making: any TMI under a true Transaction MAC.  What is believed debits what
 * it says it does, and once. */
static void try_evidence(struct input *in)
{
    struct txn_evidence e = {.kind = CARD_EV2, .tmc = 5, .purse_before = PURSE};
    struct card_record r = {.entry = debit_entry, .type = 'D', .amount = -AMOUNT, .after = PURSE - AMOUNT, .number = 5};
    struct buf tmi = BUF_ON(e.tmi);
    static const uint8_t none[READER_ID_SIZE], nothing[2 * TXN_RECORD_SIZE];
    uint8_t reader[READER_ID_SIZE];
    struct entry_id previous;
    struct aes_key key;
    int64_t change = 0;
    int records = 0, readers = 0;
    card_record_encode(e.record, &r);
    layout_encode_reader(reader, debit_entry);
    while (in->at < in->size && tmi.size < 400) {
        uint8_t what = next_byte(in), amount = next_byte(in);
        switch (what % 6) {
        case 0:
            tmi_put_value(&tmi, 0x6c, FILE_PURSE, PURSE - (amount & 1));
            break;
        case 1:
            tmi_put_value(&tmi, what & 0x80 ? 0x0c : 0xdc, FILE_PURSE, what & 0x40 ? -amount : amount);
            change += what & 0x80 ? amount : -(int64_t)amount;
            break;
        case 2:
            tmi_put_data(&tmi, 0x3b, FILE_LOG, 0, bytes_of(e.record, amount & 1 ? amount % 32 : sizeof e.record));
            records++;
            break;
        case 3:
            tmi_put_reader(&tmi, amount & 1 ? none : reader, none);
            readers++;
            break;
        case 4:
            tmi_put_records(&tmi, 0xbb, FILE_LOG, 0, amount % 3, bytes_of(nothing, amount % 3 * TXN_RECORD_SIZE));
            break;
        case 5: { /* anything */
            struct bytes rest = rest_of(in);
            buf_put(&tmi, rest.data, rest.size < 100 ? rest.size : 100);
            records = -1;
            break;
        }
        }
    }
    e.tmi_size = (uint16_t)tmi.size;
    layout_diversify(&office.scheme, &uid, KEY_TMAC, &office.tmac, &key);
    tmac_value(&key, &uid, e.tmc, buf_bytes(&tmi), e.tmv);
    if (card_evidence_check(&office, &uid, debit_entry, -AMOUNT, &e, &previous, NULL) == OK && records >= 0) {
        assert(change == -AMOUNT);
        assert(records == 1);
        assert(readers == 1);
    }
}

/* A phone that says anything under a good HMAC; and what is read without any. */
static void try_parsers(struct input *in)
{
    static uint8_t room[SMART_TAP_INFLATED_MAX], reb_room[KIND_BUNDLE_MAX];
    static const struct smart_tap_secrets secrets = {{1}, {2}};
    struct buf out = BUF_ON(room), reb = BUF_ON(reb_room);
    struct bytes rest = rest_of(in), value;
    struct ndef_record record;
    struct card_profile profile;
    struct card_record logged;
    enum card_kind card_kind;
    struct sun sun;
    struct tlv tlv;
    member_id member;
    uint8_t mac[MBED_HASH_SIZE];
    buf_put(&reb, rest.data, rest.size < sizeof reb_room - sizeof mac ? rest.size : sizeof reb_room - sizeof mac);
    if (reb.size > 1) {
        mbed_hmac_sha256(mac, bytes_of(secrets.hmac, sizeof secrets.hmac), bytes_of(reb.data + 1, reb.size - 1),
                         bytes_of("", 0));
        buf_put(&reb, mac, sizeof mac);
        if (smart_tap_open(&out, buf_bytes(&reb), &secrets, NULL) == OK &&
            smart_tap_loyalty(&value, buf_bytes(&out)) == OK)
            assert(value.data >= room && value.data + value.size <= room + out.size);
    }
    if (smart_tap_loyalty(&value, rest) == OK)
        assert(value.data >= rest.data && value.data + value.size <= rest.data + rest.size);
    if (ndef_find(&record, rest, "U") == OK)
        assert(record.payload.data + record.payload.size <= rest.data + rest.size);
    if (ndef_member(&member, rest) == OK)
        assert(member > 0);
    for (struct bytes left = rest; tlv_next(&tlv, &left) == OK;)
        assert(tlv.value.data + tlv.value.size <= rest.data + rest.size);
    (void)!sun_parse(&sun, rest);
    if (rest.size >= PROFILE_SIZE && layout_decode_profile(&profile, &card_kind, rest.data) == OK)
        assert(memchr(profile.tier, 0, sizeof profile.tier));
    if (rest.size >= TXN_RECORD_SIZE && card_record_decode(&logged, rest.data) == OK) {
        uint8_t again[TXN_RECORD_SIZE];
        card_record_encode(again, &logged);
        assert(memcmp(again, rest.data, sizeof again) == 0);
    }
}

static void must(enum card_next got, enum card_next wanted)
{
    if (got != wanted)
        abort();
}

static void begin(void)
{
    struct input none = {NULL, 0, 0};
    bool doubt;
    struct aes_key *all[] = {&office.k0, &office.k1, &office.k2, &office.k3, &office.tmac};
    const struct card_profile profile = {.member = 42, .tier = "base", .layout = CARD_LAYOUT};
    struct aes_key file;
    office.scheme = (struct card_scheme){{0x56, 0x34, 0xf1}, 3};
    for (uint8_t i = 0; i < 5; i++)
        all[i]->b[0] = (uint8_t)(i + 1);
    till = (struct card_till_keys){office.scheme, office.k2};
    for (int k = 0; k < 2; k++) {
        vcard_init(&card, k ? VCARD_EV1 : VCARD_EV3, &uid, 1);
        card_issue_start(&op, &office, &uid, random_bytes, &profile, 1000000);
        must(carry(&none, &doubt), CARD_DONE);
        card_load_start(&op, &office, &uid, random_bytes);
        must(carry(&none, &doubt), CARD_READY);
        card_load_set(&op, PURSE, &profile, (struct entry_id){0, 8}, 900);
        must(carry(&none, &doubt), CARD_READY);
        card_commit(&op);
        must(carry(&none, &doubt), CARD_DONE);
        vcard_field_off(&card);
        issued[k] = card;
    }
    sun_file_key(&file, &file_class, &uid);
    uint8_t point[MBED_POINT_SIZE];
    vtag_init(&tags[TAG_SUN], VTAG_NTAG424, uid.b, 7, 1);
    vtag_init(&tags[TAG_TEXT], VTAG_NTAG213, uid.b, 7, 1);
    vtag_init(&tags[TAG_APPLE], VTAG_PHONE, uid.b, 7, 1);
    tags[TAG_APPLE].utc_s = UTC;
    mbed_sha256(vas.pass_hash, bytes_of("pass.example", 12));
    if (mbed_init(NULL) || mbed_p256_public(point, vas.private_key, NULL) ||
        vtag_write_sun(&tags[TAG_SUN], &meta, &file, "patron.example/t") ||
        vtag_write_text(&tags[TAG_TEXT], "M12345") ||
        vtag_write_pass(&tags[TAG_APPLE], "pass.example", point, PASS_SAYS))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    struct input in = {data, size, 0};
    struct txn_evidence intent = {0};
    if (!begun)
        begin();
    begun = true;
    uint8_t what = next_byte(&in);
    card = issued[what >> 7];
    switch (what % 8) {
    case 0:
        try_identify(&in);
        break;
    case 1:
        try_debit(&in, &intent);
        if (intent.kind != CARD_NONE) {
            card_finish(&op);
            vcard_field_off(&card);
            try_settle(&in, &intent);
        }
        break;
    case 2: /* an identification, whose session goes on */
        try_identify(&in);
        if (op.end == CARD_DONE && op.ended)
            try_debit(&in, &intent);
        break;
    case 3:
        try_load(&in);
        break;
    case 4:
        try_issue(&in);
        break;
    case 5:
        try_kind(&in);
        break;
    case 6:
        try_evidence(&in);
        break;
    case 7:
        try_parsers(&in);
        break;
    }
    card_finish(&op);
    kind_finish(&kind);
    for (int i = 0; i < TAGS; i++)
        tags[i].target.ops->field_off(&tags[i].target);
    return 0;
}
