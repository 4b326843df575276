/* fuzz_card.c - cards, tags and phones that answer anything: every operation of card.h and every kind of kind.h is
 * driven to its end by answers that the input decides, and may not claim what did not happen.
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
#include "cardproto/sun.h"
#include "hw/vcard.h"
#include "hw/vtag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EXCHANGES_MAX = 400, PURSE = 500, AMOUNT = 120 };

static const struct card_uid uid = {{0x04, 0x51, 0x12, 0x8a, 0x01, 0x02, 0x03}};
static const struct aes_key meta = {{0x11}}, file_class = {{0x22}};
static const struct entry_id debit_entry = {7, 41}, load_name = {0, 9};

static struct card_office_keys office;
static struct card_till_keys till;
static struct vcard issued[2], card; /* EV2, EV1, each with PURSE points; the one that is tried */
static struct vtag tags[2];
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

static void try_kind(struct input *in)
{
    static struct vas_memory memory;
    static const struct smart_tap_keys smart_tap = {{1, 2, 3, 4}, {0, 0, 0, 1}, {0x55}};
    static const struct vas_keys vas = {{1}, {0x42}, &memory};
    const struct kind_keys keys = {&till, &meta, true, true, false, &vas, &smart_tap};
    uint8_t which = next_byte(in), raw[VTARGET_ANSWER_MAX];
    struct buf answer = BUF_ON(raw);
    struct vtarget *const targets[] = {&card.target, &tags[0].target, &tags[1].target};
    struct vtarget *t = targets[which % 3];
    struct vtarget_facts f;
    struct kind_facts facts = {0};
    t->ops->facts(t, &f);
    memcpy(facts.uid, f.uid, facts.uid_size = f.uid_size);
    memcpy(facts.atqa, f.atqa, sizeof facts.atqa);
    facts.sak = f.sak;
    if (which & 0x80) { /* as a phone: the wallet kinds are asked */
        facts.uid_size = 4;
        facts.uid[0] = 0x08;
    }
    kind_start(&kind, &facts, &keys, &op, random_bytes, 1760000000);
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
    assert(kind.seen.means != MEANS_PASS); /* nobody here knows their keys */
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
    vtag_init(&tags[0], VTAG_NTAG424, uid.b, 7, 1);
    vtag_init(&tags[1], VTAG_NTAG213, uid.b, 7, 1);
    if (vtag_write_sun(&tags[0], &meta, &file, "patron.example/t") || vtag_write_text(&tags[1], "M12345"))
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
    switch (what % 6) {
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
    }
    card_finish(&op);
    kind_finish(&kind);
    for (int i = 0; i < 2; i++)
        tags[i].target.ops->field_off(&tags[i].target);
    return 0;
}
