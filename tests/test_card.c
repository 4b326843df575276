/* test_card.c - whole operations of cardproto/card.h on the virtual card of hw/vcard.h, which was
 * written apart from it: what works, what a torn card shows afterwards, and what a hostile card
 * cannot do.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cardproto/card.h"
#include "cardproto/layout.h"
#include "hw/vcard.h"
#include "tests/cards.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

/* ---- a card, the keys of two programmes, a line to the card that counts and can be cut ---- */

static const struct card_uid uid = {{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6}};
static const struct card_profile profile = {
    .member = 4711, .tier = "GOLD", .tier_valid_day = 20000, .layout = CARD_LAYOUT};
enum { NOW = 1764000000 };

struct line {
    struct vcard *card;
    int exchanges;
    size_t out, in; /* bytes */
    int cut_at;     /* the exchange that fails, from 1; 0 = none */
    bool acted;     /* the card got that frame and did it; only its answer is lost */
    /* May change an answer: the attacker between card and reader, or a bad card. */
    void (*meddle)(struct line *l, struct buf *answer);
    int blocked;     /* hide_log: the exchange that is answered with an error */
    uint8_t cmd;     /* of this exchange */
    uint8_t refused, status; /* refuse: this command is answered with this status */
    char log[600];   /* "cmd out/in" of each exchange */
};

/* One exchange.  False: no answer came. */
static bool exchange(struct line *l, struct bytes frame, struct buf *answer)
{
    l->exchanges++;
    l->cmd = frame.data[1];
    l->out += frame.size;
    assert_true(frame.size <= 60);
    bool cut = l->exchanges == l->cut_at;
    if (cut && !l->acted)
        return false;
    if (!vcard_exchange(l->card, frame, answer))
        return false;
    size_t end = strlen(l->log);
    if (end + 12 < sizeof l->log)
        sprintf(l->log + end, "%s%02X %zu/%zu", end ? ", " : "", frame.data[1], frame.size,
                answer->size);
    if (l->meddle)
        l->meddle(l, answer);
    l->in += answer->size;
    return !cut;
}

/* A card that does not do one command, whatever it did before. */
static void refuse(struct line *l, struct buf *answer)
{
    if (l->cmd == l->refused) {
        answer->size = 0;
        buf_put_u8(answer, 0x91);
        buf_put_u8(answer, l->status);
    }
}

enum outcome { WENT, LOST, LOST_IN_COMMIT };

/* Carries frames until the operation wants something else.  A lost card has no field. */
static enum outcome carry(struct card_op *op, struct line *l, enum card_next *next)
{
    uint8_t raw[300];
    struct buf answer = BUF_ON(raw);
    *next = card_step(op, bytes_of(NULL, 0));
    while (*next == CARD_SEND) {
        if (!exchange(l, card_frame(op), &answer)) {
            bool doubt = card_lost(op);
            vcard_field_off(l->card);
            return doubt ? LOST_IN_COMMIT : LOST;
        }
        *next = card_step(op, buf_bytes(&answer));
    }
    return WENT;
}

static void must(struct card_op *op, struct line *l, enum card_next want)
{
    enum card_next next;
    assert_int_equal(carry(op, l, &next), WENT);
    if (next != want)
        printf("  %s: %s\n", card_status_text(op->status), op->why.text);
    assert_int_equal(next, want);
}

static void must_fail(struct card_op *op, struct line *l, enum card_status_word status)
{
    must(op, l, CARD_FAILED);
    assert_int_equal(op->status, status);
    assert_true(strlen(op->why.text) > 10);
    assert_int_equal(card_step(op, bytes_of("\x91\x00", 2)), CARD_FAILED); /* and stays so */
}

static struct vcard *new_card(enum vcard_kind kind)
{
    static struct vcard v;
    vcard_init(&v, kind, &uid, test_random());
    return &v;
}

static const enum vcard_kind kinds[] = {VCARD_EV1, VCARD_EV2, VCARD_EV3};
#define EACH_KIND(k) for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)

static struct vcard *issued_card(enum vcard_kind kind)
{
    static struct vcard v;
    struct card_office_keys keys = cards_keys(1);
    cards_issue(&v, kind, &uid, &keys, &profile);
    return &v;
}

static enum card_next load_to_ready(struct card_op *op, struct line *l, int32_t delta,
                                    struct entry_id entry)
{
    struct card_office_keys keys = cards_keys(1);
    enum card_next next;
    card_load_start(op, &keys, &uid, cards_random());
    if (carry(op, l, &next) != WENT || next != CARD_READY)
        return next;
    struct card_profile p = op->seen.profile;
    p.tier_valid_day++;
    card_load_set(op, delta, &p, entry, NOW);
    carry(op, l, &next);
    return next;
}

static void load(struct vcard *v, int32_t delta, struct entry_id entry)
{
    struct line l = {.card = v};
    struct card_op op = {0};
    assert_int_equal(load_to_ready(&op, &l, delta, entry), CARD_READY);
    card_commit(&op);
    must(&op, &l, CARD_DONE);
    assert_int_equal(op.verdict, COMMIT_DONE);
    card_finish(&op);
    vcard_field_off(v);
}

static struct vcard *loaded_card(enum vcard_kind kind, int32_t points)
{
    struct vcard *v = issued_card(kind);
    load(v, points, (struct entry_id){0, 1});
    return v;
}

static void debit_start(struct card_op *op, int32_t amount, struct entry_id entry)
{
    struct card_till_keys keys = cards_till_keys(1);
    card_debit_start(op, &keys, &uid, cards_random(), amount, entry, NOW);
}

/* A whole debit; gives its evidence. */
static struct txn_evidence debit(struct vcard *v, int32_t amount, struct entry_id entry)
{
    struct line l = {.card = v};
    struct card_op op = {0};
    debit_start(&op, amount, entry);
    must(&op, &l, CARD_READY);
    card_commit(&op);
    must(&op, &l, CARD_DONE);
    assert_int_equal(op.verdict, COMMIT_DONE);
    card_finish(&op);
    vcard_field_off(v);
    return op.evidence;
}

/* The evidence of an INTENT whose commit never left. */
static struct txn_evidence intent_only(struct vcard *v, int32_t amount, struct entry_id entry)
{
    struct line l = {.card = v};
    struct card_op op = {0};
    debit_start(&op, amount, entry);
    must(&op, &l, CARD_READY);
    card_finish(&op);
    vcard_field_off(v);
    return op.evidence;
}

static struct card_op settle(struct vcard *v, struct entry_id intent, const struct txn_evidence *e)
{
    struct card_till_keys keys = cards_till_keys(1);
    struct line l = {.card = v};
    struct card_op op = {0};
    card_settle_start(&op, &keys, &uid, cards_random(), intent, e);
    must(&op, &l, CARD_DONE);
    return op;
}

static enum err check(struct entry_id entry, int32_t change, const struct txn_evidence *e,
                      struct entry_id *previous)
{
    struct card_office_keys keys = cards_keys(1);
    struct errmsg why = {""};
    enum err r = card_evidence_check(&keys, &uid, entry, change, e, previous, &why);
    if (r)
        assert_true(strlen(why.text) > 10);
    return r;
}

static struct entry_id id(uint32_t terminal, uint32_t seq)
{
    return (struct entry_id){terminal, seq};
}

/* ---- what works ---- */

TEST(card, issuing_makes_files_rights_and_keys_as_the_spec_says)
{
    EACH_KIND(k)
    {
        struct vcard *v = issued_card(kinds[k]);
        struct card_office_keys keys = cards_keys(1);
        static const struct {
            uint8_t file, type, option, access[2];
        } rows[] = {
            {FILE_MEMBER, VFILE_STD, 1, {0x00, 0x1f}},
            {FILE_PROFILE, VFILE_BACKUP, 1, {0x30, 0x2f}},
            {FILE_PURSE, VFILE_VALUE, 3, {0x30, 0x2f}},
            {FILE_LOG, VFILE_CYCLIC, 1, {0x30, 0x22}},
            {FILE_TMAC, VFILE_TMAC, 1, {0x20, 0x2f}},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            const struct vcard_file *f = vcard_find_file(v, keys.scheme.aid, rows[i].file);
            if (rows[i].file == FILE_TMAC && kinds[k] == VCARD_EV1) {
                assert_null(f);
                continue;
            }
            assert_non_null(f);
            assert_int_equal(f->type, rows[i].type);
            assert_int_equal(f->option, rows[i].option);
            assert_memory_equal(f->access, rows[i].access, 2);
        }
        const struct vcard_file *p = vcard_find_file(v, keys.scheme.aid, FILE_PURSE);
        assert_int_equal(p->lower, 0);
        assert_int_equal(p->upper, CARDS_PURSE_LIMIT);
        assert_int_equal(p->value, 0);
        assert_int_equal(p->value_option, 0);
        const struct vcard_app *a = &v->m.apps[p->app];
        assert_int_equal(a->ks1, 0x09);
        assert_int_equal(a->ks2, 0x84);
        const struct aes_key *masters[] = {&keys.k0, &keys.k1, &keys.k2, &keys.k3};
        for (int i = 0; i < 4; i++) {
            struct aes_key own;
            layout_diversify(&keys.scheme, &uid, i, masters[i], &own);
            assert_memory_equal(a->keys[i].b, own.b, AES_KEY_SIZE);
            assert_int_equal(a->keys[i].version, 3);
        }
    }
}

TEST(card, a_card_is_issued_once)
{
    EACH_KIND(k)
    {
        struct vcard *v = issued_card(kinds[k]);
        struct card_office_keys keys = cards_keys(2);
        struct line l = {.card = v};
        struct card_op op = {0};
        card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
        must_fail(&op, &l, CARD_ISSUED_ALREADY);
        vcard_field_off(v);
        assert_int_equal(debit(loaded_card(kinds[k], 5), 5, id(1, 1)).purse_before, 5);
    }
}

TEST(card, identify_takes_five_exchanges_and_shows_member_and_purse)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 321);
        struct card_till_keys keys = cards_till_keys(1);
        struct line l = {.card = v};
        struct card_op op;
        memset(&op, 0xee, sizeof op); /* identify asks nothing of what was there before */
        card_identify_start(&op, &keys, &uid, cards_random());
        must(&op, &l, CARD_DONE);
        assert_int_equal(l.exchanges, kinds[k] == VCARD_EV1 ? 6 : 5);
        assert_int_equal(op.seen.kind, kinds[k] == VCARD_EV1 ? CARD_EV1 : CARD_EV2);
        assert_true(uid_equal(&op.seen.uid, &uid));
        assert_int_equal(op.seen.purse, 321);
        assert_int_equal(op.seen.profile.member, 4711);
        assert_string_equal(op.seen.profile.tier, "GOLD");
        assert_int_equal(op.seen.profile.tier_valid_day, 20001); /* the load has renewed it */
        card_finish(&op);
        card_finish(&op);
    }
}

TEST(card, a_redemption_takes_ten_exchanges_whether_identified_before_or_not)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 500);
        struct card_till_keys keys = cards_till_keys(1);
        struct line l = {.card = v};
        struct card_op op = {0};
        card_identify_start(&op, &keys, &uid, cards_random());
        must(&op, &l, CARD_DONE);
        debit_start(&op, 120, id(7, 9));
        must(&op, &l, CARD_READY);
        assert_int_equal(op.evidence.purse_before, 500);
        assert_int_equal(cards_purse(v), 500);
        card_commit(&op);
        must(&op, &l, CARD_DONE);
        assert_int_equal(op.verdict, COMMIT_DONE);
        assert_int_equal(op.seen.purse, 380);
        assert_int_equal(cards_purse(v), 380);
        assert_int_equal(l.exchanges, 10);
        assert_int_equal(op.evidence.tmi_size, kinds[k] == VCARD_EV1 ? 0 : 176);
        printf("  %s: %d exchanges, %zu bytes out, %zu in, TMI %u\n", vcard_kind_text(kinds[k]),
               l.exchanges, l.out, l.in, op.evidence.tmi_size);
        vcard_field_off(v);

        struct line again = {.card = v};
        memset(&op, 0, sizeof op);
        debit_start(&op, 380, id(7, 10));
        must(&op, &again, CARD_READY);
        card_commit(&op);
        must(&op, &again, CARD_DONE);
        assert_int_equal(again.exchanges, 10);
        assert_int_equal(cards_purse(v), 0);
    }
}

TEST(card, evidence_holds_for_its_own_debit_and_for_nothing_else)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 500);
        bool ev2 = kinds[k] != VCARD_EV1;
        struct entry_id previous;
        debit(v, 10, id(3, 1));
        struct txn_evidence e = debit(v, 120, id(7, 9));
        assert_int_equal(check(id(7, 9), -120, &e, &previous), OK);
        assert_true(entry_equal(previous, ev2 ? id(3, 1) : id(0, 0)));
        assert_int_equal(check(id(7, 8), -120, &e, &previous), ERR_FORMAT);
        assert_int_equal(check(id(7, 9), -121, &e, &previous), ERR_FORMAT);
        assert_int_equal(check(id(7, 9), 120, &e, &previous), ERR_FORMAT);
        struct txn_evidence wrong = e;
        wrong.purse_before++;
        assert_int_equal(check(id(7, 9), -120, &wrong, &previous), ERR_FORMAT);
        wrong = e;
        wrong.record[12]++; /* its time */
        assert_int_equal(check(id(7, 9), -120, &wrong, &previous), ev2 ? ERR_FORMAT : OK);
        wrong = e;
        wrong.kind = CARD_NONE;
        assert_int_equal(check(id(7, 9), -120, &wrong, &previous), ERR_FORMAT);
        if (!ev2)
            continue;
        for (uint32_t bit = 0; bit < 8u * e.tmi_size; bit += 3) {
            wrong = e;
            wrong.tmi[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(check(id(7, 9), -120, &wrong, &previous), ERR_MAC);
        }
        wrong = e;
        wrong.tmc++;
        assert_int_equal(check(id(7, 9), -120, &wrong, &previous), ERR_MAC);
        wrong = e;
        wrong.tmi_size = (uint16_t)(wrong.tmi_size - 16);
        assert_int_equal(check(id(7, 9), -120, &wrong, &previous), ERR_MAC);
        wrong = e;
        memset(wrong.tmv, 0, sizeof wrong.tmv); /* only a till's word */
        assert_int_equal(check(id(7, 9), -120, &wrong, &previous), ERR_NOT_FOUND);
        struct card_office_keys keys = cards_keys(1);
        struct card_uid other = uid;
        other.b[6]++;
        assert_int_equal(card_evidence_check(&keys, &other, id(7, 9), -120, &e, &previous, NULL),
                         ERR_MAC);
    }
}

TEST(card, a_load_shows_the_log_changes_purse_and_profile_and_proves_it)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct card_office_keys keys = cards_keys(1);
        bool ev2 = kinds[k] != VCARD_EV1;
        for (uint32_t i = 1; i <= 12; i++)
            debit(v, 2, id(5, i));
        struct line l = {.card = v};
        struct card_op op = {0};
        card_load_start(&op, &keys, &uid, cards_random());
        must(&op, &l, CARD_READY);
        printf("  %s: reads %d exchanges, %zu out, %zu in\n", vcard_kind_text(kinds[k]),
               l.exchanges, l.out, l.in);
        assert_int_equal(op.seen.purse, 76);
        assert_int_equal(op.seen.record_count, CARD_LOG_MAX);
        assert_int_equal(op.seen.tmc, 14); /* issue, load, 12 debits */
        for (uint32_t i = 0; i < CARD_LOG_MAX; i++) {
            assert_true(entry_equal(op.seen.records[i].entry, id(5, 12 - i)));
            assert_int_equal(op.seen.records[i].number, 14 - i);
            assert_int_equal(op.seen.records[i].after, 76 + 2 * (int32_t)i);
            assert_int_equal(op.seen.records[i].amount, -2);
            assert_int_equal(op.seen.records[i].time_s, NOW);
        }
        struct card_profile p = profile;
        strcpy(p.tier, "LONGEST-TIER-15");
        p.flags = CARD_FLAG_BLOCKED;
        card_load_set(&op, -6, &p, id(0, 77), NOW);
        must(&op, &l, CARD_READY);
        assert_int_equal(cards_purse(v), 76);
        card_commit(&op);
        must(&op, &l, CARD_DONE);
        printf("  %s: in all %d exchanges, %zu out, %zu in, TMI %u\n", vcard_kind_text(kinds[k]),
               l.exchanges, l.out, l.in, op.evidence.tmi_size);
        assert_int_equal(op.verdict, COMMIT_DONE);
        assert_int_equal(op.evidence.tmi_size, ev2 ? 496 : 0); /* the longest there is */
        assert_int_equal(cards_purse(v), 70);
        struct entry_id previous;
        assert_int_equal(check(id(0, 77), -6, &op.evidence, &previous), OK);
        assert_true(entry_equal(previous, ev2 ? id(5, 12) : id(0, 0)));
        vcard_field_off(v);

        struct card_till_keys till = cards_till_keys(1);
        struct line again = {.card = v};
        card_identify_start(&op, &till, &uid, cards_random());
        must(&op, &again, CARD_DONE);
        assert_string_equal(op.seen.profile.tier, "LONGEST-TIER-15");
        assert_int_equal(op.seen.profile.flags, CARD_FLAG_BLOCKED);
        assert_int_equal(op.seen.purse, 70);
    }
}

TEST(card, a_load_of_nothing_leaves_the_purse_and_counts)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct entry_id previous;
        struct line l = {.card = v};
        struct card_op op = {0};
        assert_int_equal(load_to_ready(&op, &l, 0, id(0, 9)), CARD_READY);
        card_commit(&op);
        must(&op, &l, CARD_DONE);
        assert_int_equal(cards_purse(v), 100);
        assert_int_equal(op.seen.tmc, 3);
        assert_int_equal(check(id(0, 9), 0, &op.evidence, &previous), OK);
    }
}

/* SPEC.md section 11 lists these. */
TEST(card, every_exchange_has_the_size_the_spec_says)
{
    static const struct {
        enum vcard_kind kind;
        char what;
        const char *log;
    } rows[] = {
        {VCARD_EV2, 'D',
         "5A 9/2, 71 8/18, AF 38/34, BD 21/42, 6C 15/26, BD 21/22, DC 31/10, 3B 53/10, C8 "
         "30/26, C7 15/22"},
        {VCARD_EV1, 'D',
         "5A 9/2, 71 8/2, AA 7/18, AF 38/18, BD 13/42, 6C 7/18, BB 13/42, DC 23/10, 3B "
         "53/10, C7 5/10"},
        {VCARD_EV2, 'L',
         "5A 9/2, 71 8/18, AF 38/34, BD 21/42, 6C 15/26, BD 21/22, BB 21/61, AF 5/61, AF "
         "5/61, AF 5/61, AF 5/30, 3B 53/10, C8 30/26, 77 7/18, AF 38/18, 3D 53/10, 0C "
         "31/10, C7 15/22"},
        {VCARD_EV1, 'L',
         "5A 9/2, 71 8/2, AA 7/18, AF 38/18, BD 13/42, 6C 7/18, BB 13/61, AF 5/61, AF "
         "5/61, AF 5/61, AF 5/30, 3B 53/10, 3D 53/10, 0C 23/10, C7 5/10"},
        {VCARD_EV2, 'I',
         "5A 9/2, 60 5/9, AF 5/9, AF 5/16, CA 11/2, 5A 9/2, 71 8/18, AF 38/34, CD 21/10, "
         "3D 53/10, CB 21/10, CC 31/10, C0 24/10, CE 51/10, C4 47/10, C4 47/10, C4 47/10, "
         "71 8/18, AF 38/34, 6C 15/26, 3B 53/10, C8 30/26, 77 7/18, AF 38/18, 3D 53/10, C7 "
         "15/22, 71 8/18, AF 38/34, C4 47/2"},
        {VCARD_EV1, 'I',
         "5A 9/2, 60 5/9, AF 5/9, AF 5/16, CA 11/2, 5A 9/2, AA 7/18, AF 38/18, CD 13/10, "
         "3D 53/10, CB 13/10, CC 23/10, C0 16/10, C4 39/10, C4 39/10, C4 39/10, AA 7/18, "
         "AF 38/18, 6C 7/18, 3B 53/10, 3D 53/10, C7 5/10, AA 7/18, AF 38/18, C4 39/2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct card_office_keys keys = cards_keys(1);
        struct vcard *v = new_card(rows[i].kind);
        struct line l = {.card = v};
        struct card_op op = {0};
        if (rows[i].what == 'I') {
            card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
        } else {
            v = l.card = loaded_card(rows[i].kind, 100);
            if (rows[i].what == 'D') {
                debit_start(&op, 5, id(1, 1));
                must(&op, &l, CARD_READY);
            } else {
                for (uint32_t n = 1; n <= 8; n++)
                    debit(v, 1, id(2, n));
                assert_int_equal(load_to_ready(&op, &l, 5, id(0, 2)), CARD_READY);
            }
            card_commit(&op);
        }
        must(&op, &l, CARD_DONE);
        printf("  %s %c: %d exchanges, %zu/%zu bytes\n", vcard_kind_text(rows[i].kind),
               rows[i].what, l.exchanges, l.out, l.in);
        assert_string_equal(l.log, rows[i].log);
    }
}

/* ---- refusals ---- */

TEST(card, too_few_points_and_too_many_are_refused_before_anything_happens)
{
    EACH_KIND(k)
    {
        static const struct {
            int32_t delta;
            enum card_status_word status;
        } rows[] = {{-101, CARD_TOO_LITTLE},
                    {INT32_MIN, CARD_TOO_LITTLE},
                    {INT32_MAX, CARD_LIMIT},
                    {INT32_MAX - 100, CARD_LIMIT},
                    {CARDS_PURSE_LIMIT - 99, CARD_LIMIT}};
        struct vcard *v = loaded_card(kinds[k], 100);
        struct card_op op = {0};
        struct line l = {.card = v};
        debit_start(&op, 101, id(1, 1));
        must_fail(&op, &l, CARD_TOO_LITTLE);
        memset(&op, 0, sizeof op);
        debit_start(&op, INT32_MAX, id(1, 1));
        must_fail(&op, &l, CARD_TOO_LITTLE);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            assert_int_equal(load_to_ready(&op, &l, rows[i].delta, id(0, 2)), CARD_FAILED);
            assert_int_equal(op.status, rows[i].status);
        }
        vcard_field_off(v);
        assert_int_equal(cards_purse(v), 100);
        load(v, CARDS_PURSE_LIMIT - 100, id(0, 3));
        assert_int_equal(cards_purse(v), CARDS_PURSE_LIMIT);
    }
}

TEST(card, cards_of_others_are_told_apart)
{
    EACH_KIND(k)
    {
        struct card_till_keys ours = cards_till_keys(1), theirs = cards_till_keys(2), versioned = cards_till_keys(1);
        struct card_op op = {0};
        struct line l = {.card = new_card(kinds[k])};
        card_identify_start(&op, &ours, &uid, cards_random());
        must_fail(&op, &l, CARD_NOT_OURS);
        l.card = loaded_card(kinds[k], 10);
        card_identify_start(&op, &theirs, &uid, cards_random());
        must_fail(&op, &l, CARD_BAD_KEY);
        versioned.scheme.key_version++;
        card_identify_start(&op, &versioned, &uid, cards_random());
        must_fail(&op, &l, CARD_BAD_KEY);
        struct card_uid other = uid; /* a copy of the card under another UID */
        other.b[3]++;
        card_identify_start(&op, &ours, &other, cards_random());
        must_fail(&op, &l, CARD_BAD_KEY);
    }
    static const char *const strangers[] = {"\x6a\x82", "\x6d\x00", "\x91\xa0", "\x90\x00",
                                            "\x00\x00"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        struct card_till_keys ours = cards_till_keys(1);
        struct card_op op = {0};
        card_identify_start(&op, &ours, &uid, cards_random());
        assert_int_equal(card_step(&op, bytes_of(NULL, 0)), CARD_SEND);
        assert_int_equal(card_step(&op, bytes_of(strangers[i], 2)), CARD_FAILED);
        assert_int_equal(op.status, CARD_NOT_OURS);
    }
}

TEST(card, a_card_that_came_back_has_no_session_to_go_on_with)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct card_till_keys keys = cards_till_keys(1);
        struct line l = {.card = v};
        struct card_op op = {0};
        card_identify_start(&op, &keys, &uid, cards_random());
        must(&op, &l, CARD_DONE);
        vcard_field_off(v);
        debit_start(&op, 10, id(1, 1));
        must_fail(&op, &l, CARD_LEFT);
        debit_start(&op, 10, id(1, 1)); /* it failed, so this starts over */
        must(&op, &l, CARD_READY);
        card_commit(&op);
        must(&op, &l, CARD_DONE);
        assert_int_equal(cards_purse(v), 90);
    }
}

static void hide_71(struct line *l, struct buf *answer)
{
    if (l->exchanges == 2) { /* the answer to 71: as an EV1 would give it */
        answer->size = 0;
        buf_put(answer, "\x91\x1c", 2);
        vcard_field_off(l->card); /* and the card is made to forget that it was asked */
        uint8_t raw[64];
        struct buf again = BUF_ON(raw);
        assert_true(vcard_exchange(l->card, bytes_of("\x90\x5a\0\0\3\x56\x34\xf1\0", 9), &again));
    }
}

TEST(card, an_ev2_card_cannot_be_made_to_look_like_an_ev1)
{
    struct vcard *v = loaded_card(VCARD_EV2, 100);
    struct card_till_keys keys = cards_till_keys(1);
    struct line l = {.card = v, .meddle = hide_71};
    struct card_op op = {0};
    card_identify_start(&op, &keys, &uid, cards_random());
    must_fail(&op, &l, CARD_BAD_ANSWER);
    assert_non_null(strstr(op.why.text, "EV"));
    /* and the card itself refuses a commit that names no reader */
    struct card_op raw = {0};
    debit_start(&raw, 5, id(1, 1));
    l = (struct line){.card = v, .meddle = hide_71};
    must_fail(&raw, &l, CARD_BAD_ANSWER);
    assert_int_equal(cards_purse(v), 100);
}

TEST(card, an_operation_may_be_moved_in_memory_between_exchanges)
{
    struct vcard *v = loaded_card(VCARD_EV3, 100);
    struct card_office_keys keys = cards_keys(1);
    static struct card_op ops[2];
    uint8_t raw[300];
    struct buf answer = BUF_ON(raw);
    int at = 0;
    card_load_start(&ops[0], &keys, &uid, cards_random());
    enum card_next next = card_step(&ops[0], bytes_of(NULL, 0));
    for (; next == CARD_SEND; at = !at) {
        assert_true(vcard_exchange(v, card_frame(&ops[at]), &answer));
        memcpy(&ops[!at], &ops[at], sizeof ops[at]);
        memset(&ops[at], 0xee, sizeof ops[at]);
        next = card_step(&ops[!at], buf_bytes(&answer));
    }
    assert_int_equal(next, CARD_READY);
    assert_int_equal(ops[at].seen.purse, 100);
}

TEST(card, finishing_leaves_no_key_behind)
{
    struct vcard *v = loaded_card(VCARD_EV2, 100);
    struct card_office_keys keys = cards_keys(1);
    static struct card_op op;
    struct line l = {.card = v};
    uint8_t secrets[7][AES_KEY_SIZE];
    memset(&op, 0, sizeof op);
    card_load_start(&op, &keys, &uid, cards_random());
    must(&op, &l, CARD_READY);
    for (int i = 0; i < CARD_KEY_COUNT; i++)
        memcpy(secrets[i], op.keys[i].b, AES_KEY_SIZE);
    memcpy(secrets[5], op.session.ev2.enc.b, AES_KEY_SIZE);
    memcpy(secrets[6], op.session.ev2.mac.b, AES_KEY_SIZE);
    card_finish(&op);
    for (int i = 0; i < 7; i++)
        assert_null(memmem(&op, sizeof op, secrets[i], AES_KEY_SIZE));
    assert_int_equal(op.seen.purse, 100); /* results stay */
    assert_int_equal(card_step(&op, bytes_of(NULL, 0)), CARD_FAILED);
}

/* ---- codecs ---- */

TEST(card, profile_and_record_come_back_as_they_were_written)
{
    for (int run = 0; run < 2000; run++) {
        uint8_t raw[32], again[32];
        struct card_profile p = {.member = test_random() >> 1,
                                 .tier_valid_day = (int32_t)test_random(),
                                 .flags = (uint8_t)test_random(),
                                 .layout = CARD_LAYOUT},
                            q;
        enum card_kind kind;
        for (uint32_t i = 0, n = test_below(TXN_NAME_SIZE); i < n; i++)
            p.tier[i] = (char)(0x20 + test_below(95));
        layout_encode_profile(raw, &p, CARD_EV2);
        assert_int_equal(layout_decode_profile(&q, &kind, raw), OK);
        layout_encode_profile(again, &q, kind);
        assert_memory_equal(raw, again, sizeof raw);
        assert_int_equal(p.member, q.member);
        assert_string_equal(p.tier, q.tier);

        struct card_record r = {.entry = id(test_below(10000), 1 + test_below(UINT32_MAX)),
                                .time_s = (int64_t)test_random(),
                                .type = 'D',
                                .amount = -1 - (int32_t)test_below(1000),
                                .after = (int32_t)test_below(INT32_MAX - 2000),
                                .number = 1 + test_below(1000)},
                           s;
        card_record_encode(raw, &r);
        assert_int_equal(card_record_decode(&s, raw), OK);
        card_record_encode(again, &s);
        assert_memory_equal(raw, again, sizeof raw);
        assert_int_equal(s.amount, r.amount);
        assert_true(s.time_s == r.time_s);
    }
}

TEST(card, records_that_say_nonsense_are_refused)
{
    static const struct {
        int at;
        uint8_t value;
    } rows[] = {{0, 0}, {0, 2}, {1, 'X'}, {1, 'I'}, {2, 1}, {3, 1}, {23, 0x7f}, {27, 0x80}};
    struct card_record r = {.entry = id(1, 2), .type = 'D', .amount = -5, .after = 7, .number = 3},
                       s;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t raw[TXN_RECORD_SIZE];
        card_record_encode(raw, &r);
        assert_int_equal(card_record_decode(&s, raw), OK);
        raw[rows[i].at] = rows[i].value;
        assert_int_equal(card_record_decode(&s, raw), ERR_FORMAT);
    }
    uint8_t zeros[TXN_RECORD_SIZE] = {0};
    assert_int_equal(card_record_decode(&s, zeros), ERR_FORMAT);
}

TEST(card, profiles_that_say_nonsense_are_refused)
{
    static const struct {
        int at;
        uint8_t value;
    } rows[] = {{0, 0}, {0, 2}, {1, 0}, {1, 3}, {3, 1}, {11, 0x80}, {12, 0x1f}, {12, 0x7f}, {12, 0xc3},
                {17, 'x'}, {26, 1}, {27, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t raw[PROFILE_SIZE];
        struct card_profile p = {.member = 1}, before;
        enum card_kind kind = CARD_NONE;
        layout_encode_profile(raw, &profile, CARD_EV2); /* its tier is GOLD: zeros from 16 on */
        assert_int_equal(layout_decode_profile(&p, &kind, raw), OK);
        assert_int_equal(kind, CARD_EV2);
        before = p;
        raw[rows[i].at] = rows[i].value;
        if (layout_decode_profile(&p, &kind, raw) != ERR_FORMAT)
            fail_msg("byte %d as %02x was taken", rows[i].at, rows[i].value);
        assert_memory_equal(&p, &before, sizeof p);
    }
    uint8_t raw[PROFILE_SIZE]; /* what a tier may be made of */
    struct card_profile p;
    enum card_kind kind;
    layout_encode_profile(raw, &(struct card_profile){.tier = " ~"}, CARD_EV1);
    assert_int_equal(layout_decode_profile(&p, &kind, raw), OK);
    assert_string_equal(p.tier, " ~");
}

/* ---- what became of an intent ---- */

TEST(card, a_debit_that_was_not_done_is_shown_not_done)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct txn_evidence e = intent_only(v, 30, id(4, 1));
        struct card_op op = settle(v, id(4, 1), &e);
        assert_int_equal(op.verdict, COMMIT_NOT_DONE);
        assert_int_equal(op.seen.purse, 100);
        /* and the same session debits again at once */
        struct line l = {.card = v};
        debit_start(&op, 30, id(4, 2));
        assert_int_equal(op.verdict, COMMIT_NONE); /* of this one nothing is known yet */
        must(&op, &l, CARD_READY);
        assert_true(l.exchanges <= 4);
        card_commit(&op);
        must(&op, &l, CARD_DONE);
        struct entry_id previous;
        assert_int_equal(check(id(4, 2), -30, &op.evidence, &previous), OK);
        assert_int_equal(cards_purse(v), 70);
    }
}

/* The counter alone would say "done": before + 1.  The record says whose it was. */
TEST(card, a_commit_of_another_till_is_not_taken_for_ours)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct txn_evidence e = intent_only(v, 30, id(4, 1));
        debit(v, 30, id(5, 1));
        assert_int_equal(settle(v, id(4, 1), &e).verdict, COMMIT_NOT_DONE);
        for (uint32_t i = 2; i <= 8; i++)
            debit(v, 1, id(5, i));
        assert_int_equal(settle(v, id(4, 1), &e).verdict, COMMIT_NOT_DONE);
        debit(v, 1, id(5, 9)); /* now the record that told it is gone */
        assert_int_equal(settle(v, id(4, 1), &e).verdict, COMMIT_DOUBT);
    }
}

TEST(card, a_debit_that_was_done_is_found_as_long_as_the_log_holds_it)
{
    EACH_KIND(k)
    {
        bool ev2 = kinds[k] != VCARD_EV1;
        struct vcard *v = loaded_card(kinds[k], 100);
        struct txn_evidence e = intent_only(v, 30, id(4, 1));
        struct txn_evidence whole = debit(v, 30, id(4, 1));
        struct entry_id previous;
        struct card_op op = settle(v, id(4, 1), &e);
        assert_int_equal(op.verdict, COMMIT_DONE);
        assert_int_equal(op.evidence.tmc, whole.tmc);
        assert_memory_equal(op.evidence.tmv, whole.tmv, sizeof whole.tmv);
        assert_int_equal(check(id(4, 1), -30, &op.evidence, &previous), OK);
        for (uint32_t i = 1; i <= 7; i++) {
            debit(v, 1, id(5, i));
            op = settle(v, id(4, 1), &e);
            assert_int_equal(op.verdict, COMMIT_DONE);
            assert_int_equal(check(id(4, 1), -30, &op.evidence, &previous),
                             ev2 ? ERR_NOT_FOUND : OK);
        }
        debit(v, 1, id(5, 8));
        assert_int_equal(settle(v, id(4, 1), &e).verdict, COMMIT_DOUBT);
    }
}

TEST(card, head_office_judges_a_reading_as_a_till_does)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct txn_evidence e = intent_only(v, 30, id(4, 1)), complete;
        debit(v, 30, id(4, 1));
        struct card_office_keys keys = cards_keys(1);
        struct line l = {.card = v};
        struct card_op op = {0};
        card_load_start(&op, &keys, &uid, cards_random());
        must(&op, &l, CARD_READY);
        assert_int_equal(card_judge(&op.seen, id(4, 1), &e, &complete), COMMIT_DONE);
        struct entry_id previous;
        assert_int_equal(check(id(4, 1), -30, &complete, &previous), OK);
        assert_int_equal(card_judge(&op.seen, id(4, 2), &e, &complete), COMMIT_NOT_DONE);
    }
}

/* Sends one command to the card in a session of op's. */
static void command(struct vcard *v, struct card_op *op, uint8_t cmd, struct bytes header,
                    struct bytes data, enum comm comm)
{
    uint8_t body_raw[64], frame_raw[80], answer_raw[300], plain_raw[64];
    struct buf body = BUF_ON(body_raw), frame = BUF_ON(frame_raw), answer = BUF_ON(answer_raw),
               plain = BUF_ON(plain_raw);
    assert_int_equal(session_command(&op->session, cmd, header, data, comm, &body), OK);
    frame_wrap(&frame, cmd, buf_bytes(&body));
    assert_true(vcard_exchange(v, buf_bytes(&frame), &answer));
    assert_int_equal(answer.data[answer.size - 1], 0);
    assert_int_equal(session_answer(&op->session, 0, bytes_of(answer.data, answer.size - 2),
                                    COMM_MAC, 0, &plain),
                     OK);
}

TEST(card, a_till_gone_bad_that_cleared_the_log_stops_neither_debit_nor_load)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct txn_evidence e = intent_only(v, 30, id(4, 1));
        struct card_till_keys keys = cards_till_keys(1);
        struct line l = {.card = v};
        struct card_op op = {0};
        card_identify_start(&op, &keys, &uid, cards_random());
        must(&op, &l, CARD_DONE);
        const uint8_t log = FILE_LOG, reader[16] = "someone else";
        command(v, &op, 0xeb, bytes_of(&log, 1), bytes_of(NULL, 0), COMM_MAC);
        if (kinds[k] != VCARD_EV1)
            command(v, &op, 0xc8, bytes_of(NULL, 0), bytes_of(reader, 16), COMM_MAC);
        command(v, &op, 0xc7, bytes_of(NULL, 0), bytes_of(NULL, 0), COMM_MAC);
        vcard_field_off(v);
        assert_int_equal(vcard_find_file(v, keys.scheme.aid, FILE_LOG)->count, 0);

        assert_int_equal(settle(v, id(4, 1), &e).verdict, COMMIT_DOUBT);
        vcard_field_off(v);
        struct vcard copy = *v;
        load(v, 50, id(0, 5));
        assert_int_equal(cards_purse(v), 150);
        struct txn_evidence d = debit(&copy, 30, id(4, 2));
        struct entry_id previous;
        assert_int_equal(check(id(4, 2), -30, &d, &previous), OK);
        assert_true(entry_equal(previous, id(0, 0))); /* a foreign reader */
    }
}

static void hide_log(struct line *l, struct buf *answer)
{
    if (l->blocked && l->exchanges == l->blocked) {
        vcard_field_off(l->card); /* the card's session is gone as well */
        answer->size = 0;
        buf_put(answer, "\x91\xbe", 2);
    }
}

/* On EV1 the numbers come from the log, and "the log is empty" carries no MAC. */
TEST(card, hiding_the_log_of_an_ev1_never_gives_a_wrong_verdict)
{
    for (int was_done = 0; was_done < 2; was_done++)
        for (int commits = 0; commits < 10; commits++) {
            struct vcard *v = loaded_card(VCARD_EV1, 100);
            struct txn_evidence e = intent_only(v, 30, id(4, 1));
            if (was_done)
                debit(v, 30, id(4, 1));
            struct line l = {.card = v, .meddle = hide_log, .blocked = 7};
            struct card_op op = {0};
            debit_start(&op, 1, id(5, 1));
            must(&op, &l, CARD_READY);
            struct txn_evidence hidden = op.evidence;
            card_finish(&op);
            vcard_field_off(v);
            assert_int_equal(settle(v, id(5, 1), &hidden).verdict, COMMIT_DOUBT);
            for (int i = 0; i < commits; i++) {
                l = (struct line){.card = v, .meddle = hide_log, .blocked = i ? 0 : 7};
                op = (struct card_op){0};
                debit_start(&op, 1, id(5, 2 + (uint32_t)i));
                must(&op, &l, CARD_READY);
                card_commit(&op);
                must(&op, &l, CARD_DONE);
                vcard_field_off(v);
            }
            enum txn_commit verdict = settle(v, id(4, 1), &e).verdict;
            if (verdict != COMMIT_DOUBT)
                assert_int_equal(verdict, was_done ? COMMIT_DONE : COMMIT_NOT_DONE);
            if (commits == 0)
                assert_int_not_equal(verdict, COMMIT_DOUBT);
        }
}

/* ---- evidence that lies ---- */

/* Evidence of a debit of 20 from 50 by T0003-7, made with the card's own keys: whatever it tells,
 * its Transaction MAC is true.  story: which part lies, 0 = none. */
static struct txn_evidence true_mac(int story)
{
    struct card_office_keys keys = cards_keys(1);
    struct txn_evidence e = {.kind = CARD_EV2, .tmc = 5, .purse_before = 50};
    struct card_record r = {
        .entry = id(3, 7), .type = 'D', .amount = -20, .after = 30, .number = 5, .time_s = NOW};
    struct buf tmi = BUF_ON(e.tmi);
    struct aes_key key;
    uint8_t reader[READER_ID_SIZE], before[READER_ID_SIZE] = {0}, raw[PROFILE_SIZE];
    layout_encode_reader(reader, id(3, story == 1 ? 8 : 7));
    layout_encode_profile(raw, &profile, CARD_EV2);
    if (story == 2)
        r.number = 4;
    if (story == 3) {
        r.amount = -19;
        r.after = 31;
    }
    if (story == 4)
        r.after = 31, e.purse_before = 51;
    card_record_encode(e.record, &r);
    tmi_put_data(&tmi, 0xbd, FILE_PROFILE, 0, bytes_of(raw, sizeof raw));
    if (story != 5)
        tmi_put_value(&tmi, 0x6c, FILE_PURSE, 50);
    tmi_put_value(&tmi, story == 6 ? 0x0c : 0xdc, FILE_PURSE, story == 7 ? 10 : 20);
    if (story == 8)
        tmi_put_value(&tmi, 0xdc, FILE_PURSE, 20);
    if (story == 9)
        tmi_put_value(&tmi, 0x0c, FILE_PURSE, 20);
    if (story == 10)
        tmi_put_value(&tmi, 0x1c, FILE_PURSE, 20);
    if (story == 11)
        buf_put(&tmi, "\xeb\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* ClearRecordFile */
    if (story == 12)
        tmi_put_value(&tmi, 0xdc, 7, 20); /* another file */
    if (story == 21) /* the last byte is 0 in both, but it was not written */
        tmi_put_data(&tmi, 0x3b, FILE_LOG, 0, bytes_of(e.record, sizeof e.record - 1));
    else if (story == 22)
        tmi_put_data(&tmi, 0x3b, FILE_LOG, 1, bytes_of(e.record, sizeof e.record));
    else if (story != 13)
        tmi_put_data(&tmi, 0x3b, FILE_LOG, 0, bytes_of(e.record, sizeof e.record));
    if (story == 14)
        tmi_put_data(&tmi, 0x3b, FILE_LOG, 4, bytes_of(reader, 4)); /* changes the record after */
    if (story == 15)
        tmi_put_data(&tmi, 0x3b, FILE_LOG, 0, bytes_of(e.record, sizeof e.record));
    if (story != 16)
        tmi_put_reader(&tmi, reader, before);
    if (story == 17)
        tmi_put_reader(&tmi, reader, before);
    if (story == 18)
        buf_put_u8(&tmi, 0);
    if (story == 19)
        e.record[14]++;
    if (story == 20) {
        tmi_put_value(&tmi, 0xdc, FILE_PURSE, -5); /* no card does that */
        tmi_put_value(&tmi, 0xdc, FILE_PURSE, 5);
    }
    assert_false(tmi.full);
    e.tmi_size = (uint16_t)tmi.size;
    layout_diversify(&keys.scheme, &uid, KEY_TMAC, &keys.tmac, &key);
    tmac_value(&key, &uid, e.tmc, buf_bytes(&tmi), e.tmv);
    return e;
}

TEST(card, evidence_with_a_true_mac_that_tells_another_story_is_refused)
{
    struct entry_id previous;
    struct txn_evidence e = true_mac(0);
    assert_int_equal(check(id(3, 7), -20, &e, &previous), OK);
    for (int story = 1; story <= 22; story++) {
        e = true_mac(story);
        if (check(id(3, 7), -20, &e, &previous) != ERR_FORMAT)
            fail_msg("story %d was believed", story);
    }
}

TEST(card, evidence_of_an_ev1_card_is_its_record)
{
    static const struct {
        int32_t amount, after, before;
        uint32_t number;
        enum err want;
    } rows[] = {{-20, 30, 50, 5, OK},
                {-19, 30, 50, 5, ERR_FORMAT},
                {-20, 30, 51, 5, ERR_FORMAT},
                {-20, 30, 50, 6, ERR_FORMAT},
                {20, 70, 50, 5, ERR_FORMAT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entry_id previous;
        struct txn_evidence e = {.kind = CARD_EV1, .tmc = 5, .purse_before = rows[i].before};
        struct card_record r = {.entry = id(3, 7),
                                .type = rows[i].amount < 0 ? 'D' : 'L',
                                .amount = rows[i].amount,
                                .after = rows[i].after,
                                .number = rows[i].number};
        card_record_encode(e.record, &r);
        assert_int_equal(check(id(3, 7), -20, &e, &previous), rows[i].want);
    }
}

/* ---- a card that has our keys and is out of its mind ---- */

/* What the card would send for plain, MAC and all. */
static size_t forge(const struct card_op *op, struct bytes plain, uint8_t *out)
{
    uint8_t m[512], iv[AES_BLOCK];
    struct buf b = BUF_ON(m);
    size_t size = plain.size;
    memcpy(out, plain.data, size);
    if (op->session.kind == CARD_EV1) {
        const struct ev1_session *s = &op->session.ev1;
        memcpy(iv, s->iv, sizeof iv);
        out[size] = 0;
        if (op->comm == COMM_FULL && op->expected) {
            uint32_t crc = crc32_desfire(0xffffffff, bytes_of(out, size + 1));
            put_le(out + size, crc, 4);
            for (size += 4; size % AES_BLOCK; size++)
                out[size] = 0;
            aes_cbc_encrypt(&s->key, iv, out, out, size);
            return size;
        }
        aes_cmac(&s->key, iv, bytes_of(out, size + 1), iv);
        memcpy(out + size, iv, 8);
        return size + 8;
    }
    const struct ev2_session *s = &op->session.ev2;
    if (op->comm == COMM_FULL && size) {
        out[size++] = 0x80;
        while (size % AES_BLOCK)
            out[size++] = 0;
        ev2_iv(s, true, (uint16_t)(s->ctr + 1), iv);
        aes_cbc_encrypt(&s->enc, iv, out, out, size);
    }
    buf_put_u8(&b, 0);
    buf_put_le(&b, (uint64_t)s->ctr + 1, 2);
    buf_put(&b, s->ti, TI_SIZE);
    buf_put(&b, out, size);
    aes_mact(&s->mac, buf_bytes(&b), out + size);
    return size + MACT_SIZE;
}

/* Drives op; the answer of exchange at is forged from plain, whole in one frame.  Gives the
 * outcome, and in *expected how many plain bytes belonged there (SIZE_MAX: any), 0 exchanges left:
 * *hit false. */
static enum card_next drive_forged(struct card_op *op, struct line *l, int at, struct bytes plain,
                                   bool *hit, size_t *expected)
{
    uint8_t raw[700];
    struct buf answer = BUF_ON(raw);
    enum card_next next = card_step(op, bytes_of(NULL, 0));
    *hit = false;
    while (next == CARD_SEND) {
        assert_true(exchange(l, card_frame(op), &answer));
        if (l->exchanges == at && op->secure) {
            *hit = true;
            *expected = op->expected;
            answer.size = forge(op, plain, raw);
            buf_put(&answer, "\x91\x00", 2);
        }
        next = card_step(op, buf_bytes(&answer));
        if (next == CARD_READY && op->plan == PLAN_LOAD && !op->is_set) {
            card_load_set(op, 20, &profile, id(0, 60), NOW);
            next = card_step(op, bytes_of(NULL, 0));
        } else if (next == CARD_READY) {
            card_commit(op);
            next = card_step(op, bytes_of(NULL, 0));
        }
    }
    return next;
}

TEST(card, a_card_with_our_keys_that_answers_wrong_lengths_is_refused)
{
    static struct vcard start, v;
    int refused = 0;
    EACH_KIND(k)
    {
        start = *loaded_card(kinds[k], 100);
        for (int run = 0; run < 6000; run++) {
            uint8_t plain[400];
            struct card_office_keys keys = cards_keys(1);
            struct card_op op = {0};
            size_t size = test_below(4) ? test_below(50) : test_below(300), expected = 0;
            bool hit, is_load = test_below(2);
            v = start;
            struct line l = {.card = &v};
            for (size_t i = 0; i < size; i++)
                plain[i] = test_below(3) ? 0 : (uint8_t)test_random();
            if (is_load)
                card_load_start(&op, &keys, &uid, cards_random());
            else
                debit_start(&op, 10, id(1, 1));
            int at = 1 + (int)test_below(18);
            enum card_next next = drive_forged(&op, &l, at, bytes_of(plain, size), &hit, &expected);
            assert_true(op.seen.purse >= 0);
            if (!hit || (expected == size && size + 10 <= CARD_ANSWER_MAX))
                continue;
            bool log = expected == SIZE_MAX && size % 32 == 0 && size >= 32 && size <= 256;
            if (log && size + 10 <= CARD_ANSWER_MAX)
                continue;
            refused++;
            assert_true(next == CARD_FAILED || op.verdict == COMMIT_DOUBT);
        }
    }
    printf("  %d refused\n", refused);
    assert_true(refused > 3000);
}

/* The log in as many pieces as it takes. */
TEST(card, a_log_of_one_to_eight_records_is_read_and_no_other)
{
    for (size_t records = 1; records <= 9; records++) {
        for (int whole = 0; whole < 2; whole++) {
            struct vcard *v = loaded_card(VCARD_EV2, 100);
            struct card_office_keys keys = cards_keys(1);
            struct card_op op = {0};
            uint8_t plain[9 * TXN_RECORD_SIZE] = {0}, forged[400], raw[500];
            struct buf answer = BUF_ON(raw);
            size_t size = 0, sent = 0;
            for (size_t i = 0; i < records; i++) {
                struct card_record r = {.entry = id(1, 1 + (uint32_t)i),
                                        .type = 'D',
                                        .amount = -1,
                                        .number = 1 + (uint32_t)i};
                card_record_encode(plain + i * TXN_RECORD_SIZE, &r);
            }
            card_load_start(&op, &keys, &uid, cards_random());
            enum card_next next = card_step(&op, bytes_of(NULL, 0));
            while (next == CARD_SEND) {
                if (op.chain.cmd == 0xbb) {
                    if (!size)
                        size = forge(&op, bytes_of(plain, records * TXN_RECORD_SIZE), forged);
                    size_t n = whole || size - sent < 59 ? size - sent : 59;
                    answer.size = 0;
                    buf_put(&answer, forged + sent, n);
                    sent += n;
                    buf_put_u8(&answer, 0x91);
                    buf_put_u8(&answer, sent < size ? 0xaf : 0x00);
                } else {
                    assert_true(vcard_exchange(v, card_frame(&op), &answer));
                }
                next = card_step(&op, buf_bytes(&answer));
            }
            bool good = records <= CARD_LOG_MAX && (!whole || records == 1);
            assert_int_equal(next, good ? CARD_READY : CARD_FAILED);
            if (good) {
                assert_int_equal(op.seen.record_count, records);
                assert_int_equal(op.seen.records[0].entry.seq, records); /* newest first */
            }
        }
    }
}

TEST(card, a_reading_that_contradicts_itself_decides_nothing)
{
    struct txn_evidence e = {.kind = CARD_EV2, .tmc = 5}, complete;
    struct card_seen seen = {.kind = CARD_EV2, .has_tmc = true, .tmc = 3, .record_count = 1};
    seen.records[0] = (struct card_record){.entry = id(9, 9), .number = 6};
    assert_int_equal(card_judge(&seen, id(1, 1), &e, &complete), COMMIT_DOUBT);
    seen.tmc = 6;
    assert_int_equal(card_judge(&seen, id(1, 1), &e, &complete), COMMIT_NOT_DONE);
    seen.records[0].entry = id(1, 1);
    seen.raw_records[0][31] = 1; /* our number and name, another content */
    assert_int_equal(card_judge(&seen, id(1, 1), &e, &complete), COMMIT_DOUBT);
    seen.kind = CARD_EV1;
    assert_int_equal(card_judge(&seen, id(1, 1), &e, &complete), COMMIT_DOUBT);
    seen.kind = CARD_EV2;
    seen.has_tmc = false;
    assert_int_equal(card_judge(&seen, id(1, 1), &e, &complete), COMMIT_DOUBT);
}

static uint8_t version_at, version_byte;

static void other_version(struct line *l, struct buf *answer)
{
    if (l->exchanges == 2) /* the first third of GetVersion */
        answer->data[version_at] = version_byte;
}

TEST(card, only_a_desfire_that_is_the_one_found_is_issued)
{
    static const struct {
        uint8_t at, byte;
    } rows[] = {{1, 0x08}, {1, 0x04}, {3, 0x00}}; /* Light, NTAG 424, EV0 */
    struct card_office_keys keys = cards_keys(1);
    struct card_uid other = uid;
    other.b[0] = 0x05;
    for (size_t i = 0; i <= sizeof rows / sizeof *rows; i++) {
        bool last = i == sizeof rows / sizeof *rows;
        struct line l = {.card = new_card(VCARD_EV3), .meddle = last ? NULL : other_version};
        struct card_op op = {0};
        if (!last) {
            version_at = rows[i].at;
            version_byte = rows[i].byte;
        }
        card_issue_start(&op, &keys, last ? &other : &uid, cards_random(), &profile,
                         CARDS_PURSE_LIMIT);
        must_fail(&op, &l, last ? CARD_BAD_ANSWER : CARD_NOT_OURS);
        assert_int_equal(l.exchanges, 4);
    }
}

TEST(card, a_card_that_cannot_be_issued_says_why)
{
    static const struct {
        uint8_t cmd, status;
        enum card_status_word word;
    } rows[] = {{0xca, 0x9d, CARD_BAD_KEY}, {0xca, 0xae, CARD_BAD_KEY}, {0xca, 0x0e, CARD_NO_ROOM},
                {0xca, 0x7e, CARD_BAD_ANSWER}, {0x71, 0xae, CARD_BAD_KEY}, {0xaf, 0xae, CARD_BAD_KEY},
                {0xcb, 0x0e, CARD_NO_ROOM}, {0xc4, 0x1e, CARD_BAD_ANSWER}, {0xc7, 0x1e, CARD_BAD_ANSWER}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct card_office_keys keys = cards_keys(1);
        struct line l = {.card = new_card(VCARD_EV2), .meddle = refuse, .refused = rows[i].cmd,
                         .status = rows[i].status};
        struct card_op op = {0};
        card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
        enum card_next next;
        assert_int_equal(carry(&op, &l, &next), WENT);
        if (next != CARD_FAILED || op.status != rows[i].word)
            fail_msg("%02x refused with %02x: %s", rows[i].cmd, rows[i].status, op.why.text);
    }
}

static size_t delete_answer;

static void other_delete(struct line *l, struct buf *answer)
{
    if (l->cmd != 0xda)
        return;
    memset(answer->data, 0x5a, answer->size = delete_answer);
    buf_put(answer, "\x91\x00", 2);
}

TEST(card, an_unfinished_application_is_deleted_whether_the_card_signs_that_or_not)
{
    for (delete_answer = 0; delete_answer <= 9; delete_answer++) {
        struct card_office_keys keys = cards_keys(1);
        struct line l = {.card = new_card(VCARD_EV2), .cut_at = 12};
        struct card_op op = {0};
        enum card_next next;
        card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
        assert_int_equal(carry(&op, &l, &next), LOST);
        l.cut_at = 0;
        l.meddle = other_delete;
        card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
        if (delete_answer == 0 || delete_answer == MACT_SIZE)
            must(&op, &l, CARD_DONE);
        else
            must_fail(&op, &l, CARD_BAD_ANSWER);
    }
}

static int32_t found_in_purse;

static void with_points(struct line *l, struct buf *answer)
{
    static const uint8_t aid[] = {0x56, 0x34, 0xf1};
    (void)answer;
    if (l->cmd == 0xcc) /* the purse was made a moment ago */
        ((struct vcard_file *)vcard_find_file(l->card, aid, FILE_PURSE))->value = found_in_purse;
}

TEST(card, a_purse_that_is_made_with_points_in_it_is_no_card_of_ours)
{
    EACH_KIND(k)
        for (found_in_purse = 0; found_in_purse < 2; found_in_purse++) {
            struct card_office_keys keys = cards_keys(1);
            struct line l = {.card = new_card(kinds[k]), .meddle = with_points};
            struct card_op op = {0};
            assert_memory_equal(keys.scheme.aid, "\x56\x34\xf1", 3);
            card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
            if (found_in_purse)
                must_fail(&op, &l, CARD_BAD_ANSWER);
            else
                must(&op, &l, CARD_DONE);
        }
}

TEST(card, a_purse_that_is_no_number_of_points_is_refused)
{
    EACH_KIND(k)
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct card_till_keys keys = cards_till_keys(1);
        struct line l = {.card = v};
        struct card_op op = {0};
        struct vcard_file *p = (struct vcard_file *)vcard_find_file(v, keys.scheme.aid, FILE_PURSE);
        p->value = -1;
        card_identify_start(&op, &keys, &uid, cards_random());
        must_fail(&op, &l, CARD_BAD_ANSWER);
        /* a purse at the very end: no sum may wrap around, and the card is not even asked */
        p->value = INT32_MAX;
        p->upper = INT32_MAX;
        l = (struct line){.card = v};
        assert_int_equal(load_to_ready(&op, &l, 1, id(0, 2)), CARD_FAILED);
        assert_int_equal(op.status, CARD_LIMIT);
        assert_int_equal(l.exchanges, 8); /* only the reads */
        vcard_field_off(v);
        p->value--;
        load(v, 1, id(0, 3)); /* the very last point fits */
        assert_int_equal(debit(v, INT32_MAX, id(1, 1)).purse_before, INT32_MAX);
        assert_int_equal(cards_purse(v), 0);
    }
}

/* What is left of a counter of commits: the last number is never given. */
TEST(card, a_counter_at_its_end_commits_no_more)
{
    EACH_KIND(k)
        for (uint32_t left = 0; left < 2; left++) {
            struct vcard *v = loaded_card(kinds[k], 100);
            struct card_till_keys keys = cards_till_keys(1);
            struct line l = {.card = v};
            struct card_op op = {0};
            struct vcard_file *f = (struct vcard_file *)vcard_find_file(
                v, keys.scheme.aid, kinds[k] == VCARD_EV1 ? FILE_LOG : FILE_TMAC);
            f->tmc = UINT32_MAX - left;
            if (kinds[k] == VCARD_EV1) { /* in its newest record */
                size_t newest = (f->oldest + f->count - 1) % f->max;
                put_le(v->m.bytes + f->at + newest * TXN_RECORD_SIZE + 28, UINT32_MAX - left, 4);
            }
            debit_start(&op, 10, id(1, 1));
            if (left) {
                must(&op, &l, CARD_READY);
                assert_int_equal(op.evidence.tmc, UINT32_MAX - 1);
                card_commit(&op);
                must(&op, &l, CARD_DONE);
                assert_int_equal(op.verdict, COMMIT_DONE);
                assert_int_equal(op.evidence.tmc, UINT32_MAX);
            } else {
                must_fail(&op, &l, CARD_BAD_ANSWER);
                vcard_field_off(v);
                assert_int_equal(cards_purse(v), 100);
            }
        }
}

TEST(card, a_refusal_by_the_card_says_what_kind_it_is_and_nothing_goes_on_behind_it)
{
    static const struct {
        uint8_t cmd, status;
        enum card_status_word word;
    } rows[] = {
        {0xdc, 0xbe, CARD_TOO_LITTLE}, /* although the purse said there is enough */
        {0xdc, 0x9d, CARD_BAD_ANSWER}, {0x3b, 0xbe, CARD_BAD_ANSWER}, {0xc8, 0xae, CARD_BAD_KEY},
        {0xbd, 0x9d, CARD_BAD_ANSWER}, {0xbd, 0xae, CARD_BAD_KEY},    {0x6c, 0xf0, CARD_BAD_ANSWER},
        {0xaf, 0xae, CARD_BAD_KEY},    {0x71, 0x40, CARD_BAD_KEY},    {0x71, 0xae, CARD_BAD_KEY},
        {0x5a, 0xa0, CARD_NOT_OURS},   {0x5a, 0x1c, CARD_BAD_ANSWER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vcard *v = loaded_card(VCARD_EV2, 100);
        struct line l = {.card = v, .meddle = refuse, .refused = rows[i].cmd, .status = rows[i].status};
        struct card_op op = {0};
        debit_start(&op, 10, id(1, 1));
        must_fail(&op, &l, rows[i].word);
        vcard_field_off(v);
        assert_int_equal(cards_purse(v), 100);
    }
    EACH_KIND(k) /* only "it is empty" makes a log empty; a session that ended for another reason is an error */
    {
        struct vcard *v = loaded_card(kinds[k], 100);
        struct line l = {.card = v, .meddle = refuse, .refused = 0xbb, .status = 0xae};
        struct card_op op = {0};
        assert_int_equal(load_to_ready(&op, &l, 1, id(0, 2)), CARD_FAILED);
        assert_int_equal(op.status, CARD_BAD_KEY);
        assert_int_equal(l.exchanges, 7);
    }
}

TEST(card, a_newest_record_that_is_nobodys_on_an_ev1_is_no_number_to_go_on_from)
{
    for (int is_load = 0; is_load < 2; is_load++) {
        struct vcard *v = loaded_card(VCARD_EV1, 100);
        struct card_till_keys keys = cards_till_keys(1);
        struct line l = {.card = v};
        struct card_op op = {0};
        const struct vcard_file *f = vcard_find_file(v, keys.scheme.aid, FILE_LOG);
        size_t newest = (f->oldest + f->count - 1) % f->max;
        v->m.bytes[f->at + newest * TXN_RECORD_SIZE] = 9; /* a layout of the future */
        if (is_load) {
            assert_int_equal(load_to_ready(&op, &l, 1, id(0, 2)), CARD_FAILED);
            assert_int_equal(op.status, CARD_BAD_ANSWER);
        } else {
            debit_start(&op, 10, id(1, 1));
            must_fail(&op, &l, CARD_BAD_ANSWER);
        }
        vcard_field_off(v);
        assert_int_equal(cards_purse(v), 100);
    }
}

TEST(card, a_commit_with_another_number_than_the_next_is_in_doubt)
{
    struct vcard *v = loaded_card(VCARD_EV3, 100);
    struct card_till_keys keys = cards_till_keys(1);
    struct line l = {.card = v};
    struct card_op op = {0};
    debit_start(&op, 10, id(1, 1));
    must(&op, &l, CARD_READY);
    ((struct vcard_file *)vcard_find_file(v, keys.scheme.aid, FILE_TMAC))->tmc += 4;
    card_commit(&op);
    must(&op, &l, CARD_DONE);
    assert_int_equal(op.verdict, COMMIT_DOUBT);
    assert_true(card_lost(&op)); /* the caller may treat it the same */
}

TEST(card, a_counter_that_went_back_is_refused)
{
    struct vcard *v = loaded_card(VCARD_EV2, 100);
    struct card_till_keys keys = cards_till_keys(1);
    struct txn_evidence e = intent_only(v, 10, id(4, 1));
    struct line l = {.card = v};
    struct card_op op = {0};
    e.tmc += 3;
    card_settle_start(&op, &keys, &uid, cards_random(), id(4, 1), &e);
    must_fail(&op, &l, CARD_BAD_ANSWER);
}

/* ---- random numbers and keys ---- */

TEST(card, no_two_authentications_share_their_random_number)
{
    struct vcard *v = loaded_card(VCARD_EV2, 100);
    struct card_office_keys keys = cards_keys(1);
    uint8_t seen[8][AUTH_RND_SIZE];
    int count = 0;
    for (int run = 0; run < 3; run++) {
        static const uint8_t same[CARD_RANDOM_SIZE] = {1, 2, 3};
        uint8_t raw[300];
        struct buf answer = BUF_ON(raw);
        struct card_op op = {0};
        card_load_start(&op, &keys, &uid, run == 1 ? same : cards_random());
        enum card_next next = card_step(&op, bytes_of(NULL, 0));
        while (next == CARD_SEND) {
            if (card_frame(&op).size == 38) /* ours of a handshake: AF and 32 bytes */
                memcpy(seen[count++], op.auth.ev2.rnd_a, AUTH_RND_SIZE);
            assert_true(vcard_exchange(v, card_frame(&op), &answer));
            next = card_step(&op, buf_bytes(&answer));
            if (next == CARD_READY && !op.is_set) {
                card_load_set(&op, 1, &profile, id(0, 5), NOW);
                next = card_step(&op, bytes_of(NULL, 0));
            }
        }
        assert_int_equal(next, CARD_READY);
        vcard_field_off(v);
    }
    assert_int_equal(count, 6);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(seen[i], seen[j], AUTH_RND_SIZE);
}

TEST(card, each_key_of_each_card_is_made_from_uid_application_name_and_version)
{
    static const char names[5][3] = {"K0", "K1", "K2", "K3", "TM"};
    struct card_office_keys keys = cards_keys(1);
    struct aes_key made[5], want;
    for (int i = 0; i < 5; i++) {
        uint8_t m[17];
        memcpy(m, uid.b, 7);
        memcpy(m + 7, "\x56\x34\xf1PTRN", 7);
        memcpy(m + 14, names[i], 2);
        m[16] = 3;
        aes_diversify(&keys.k0, bytes_of(m, sizeof m), &want);
        layout_diversify(&keys.scheme, &uid, i, &keys.k0, &made[i]); /* even of one master */
        assert_memory_equal(made[i].b, want.b, AES_KEY_SIZE);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(made[i].b, made[j].b, AES_KEY_SIZE);
    }
}

/* ---- tears ---- */

/* A debit or load with the card lost at exchange n, before or after it acted; then the same card is
 * settled.  Gives false when the operation had fewer exchanges than n. */
static bool tear(enum vcard_kind kind, bool is_load, int n, bool acted)
{
    struct vcard *v = loaded_card(kind, 100);
    struct card_op op = {0};
    struct line l = {.card = v, .cut_at = n, .acted = acted};
    enum card_next next;
    struct entry_id entry = is_load ? id(0, 50) : id(6, 50);
    int32_t change = is_load ? 25 : -25;
    if (is_load)
        next = load_to_ready(&op, &l, change, entry);
    else {
        debit_start(&op, 25, entry);
        carry(&op, &l, &next);
    }
    enum outcome out = LOST;
    struct txn_evidence intent = op.evidence;
    if (next == CARD_READY) {
        card_commit(&op);
        out = carry(&op, &l, &next);
    }
    if (out == WENT) {
        assert_int_equal(next, CARD_DONE);
        assert_int_equal(op.verdict, COMMIT_DONE);
        return false;
    }
    assert_int_equal(op.verdict, out == LOST_IN_COMMIT ? COMMIT_DOUBT : COMMIT_NONE);
    if (out == LOST) {
        assert_int_equal(op.status, CARD_LEFT);
        assert_int_equal(cards_purse(v), 100);
        return true;
    }
    struct card_op s = settle(v, entry, &intent);
    assert_int_equal(s.verdict, acted ? COMMIT_DONE : COMMIT_NOT_DONE);
    assert_int_equal(cards_purse(v), acted ? 100 + change : 100);
    assert_int_equal(s.seen.purse, cards_purse(v));
    struct entry_id previous;
    if (acted)
        assert_int_equal(check(entry, change, &s.evidence, &previous), OK);
    return true;
}

TEST(card, a_card_lost_anywhere_is_settled_rightly_afterwards)
{
    EACH_KIND(k)
    for (int is_load = 0; is_load < 2; is_load++)
        for (int acted = 0; acted < 2; acted++) {
            int n = 1;
            while (tear(kinds[k], is_load, n, acted))
                n++;
            assert_true(n - 1 >= 10);
        }
}

TEST(card, an_issue_torn_anywhere_can_be_done_again)
{
    EACH_KIND(k)
    for (int acted = 0; acted < 2; acted++) {
        bool went = false;
        int again = 0, finished = 0;
        for (int n = 1; !went; n++) {
            struct card_office_keys keys = cards_keys(1);
            struct vcard *v = new_card(kinds[k]);
            struct line l = {.card = v, .cut_at = n, .acted = acted};
            struct card_op op = {0};
            enum card_next next;
            card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
            enum outcome out = carry(&op, &l, &next);
            assert_int_not_equal(out, LOST_IN_COMMIT);
            went = out == WENT;
            if (!went) {
                struct line second = {.card = v};
                card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
                assert_int_equal(carry(&op, &second, &next), WENT);
                again += next == CARD_DONE;
                if (next == CARD_FAILED) {
                    assert_int_equal(op.status, CARD_ISSUED_ALREADY);
                    finished++;
                }
                vcard_field_off(v);
            }
            vcard_field_off(v);
            load(v, 9, id(0, 2));
            debit(v, 9, id(1, 1));
        }
        assert_true(again > 20);
        assert_int_equal(finished, acted); /* only the last answer lost leaves a finished card */
    }
}

/* ---- a hostile card ---- */

static int spoil_at, spoiled;

/* One answer is changed, cut, made longer or replaced. */
static void spoil(struct line *l, struct buf *answer)
{
    if (l->exchanges != spoil_at)
        return;
    spoiled++;
    uint8_t before[300];
    size_t size = answer->size;
    memcpy(before, answer->data, size);
    switch (test_below(7)) {
    case 0: /* bits */
        for (uint32_t n = 1 + test_below(3); n > 0; n--)
            answer->data[test_below((uint32_t)answer->size)] ^= (uint8_t)(1 << test_below(8));
        break;
    case 1: /* shorter */
        answer->size = test_below((uint32_t)answer->size);
        break;
    case 2: /* shorter, but the status still there */
        if (answer->size > 2) {
            size_t n = test_below((uint32_t)answer->size - 2);
            memmove(answer->data + n, answer->data + answer->size - 2, 2);
            answer->size = n + 2;
        }
        break;
    case 3: /* longer */
        answer->size -= 2;
        for (uint32_t n = 1 + test_below(200); n > 0; n--)
            buf_put_u8(answer, (uint8_t)test_random());
        buf_put(answer, "\x91\x00", 2);
        break;
    case 4: /* another status */
        answer->data[answer->size - 1] = (uint8_t)test_random();
        break;
    case 5: /* more is said to come */
        answer->data[answer->size - 1] = 0xaf;
        break;
    default: /* noise of the same size */
        for (size_t i = 0; i + 2 < answer->size; i++)
            answer->data[i] = (uint8_t)test_random();
        break;
    }
    if (answer->size == size && memcmp(answer->data, before, size) == 0)
        spoiled--; /* it came out the same */
}

/* Every number an operation may end with, whatever the card does. */
static void numbers_are_right(const struct card_op *op, const struct vcard *v, bool is_debit)
{
    assert_int_equal(op->seen.profile.member, 4711);
    if (!is_debit) {
        assert_int_equal(op->seen.purse, 100);
        return;
    }
    if (op->verdict == COMMIT_DONE) {
        assert_int_equal(op->seen.purse, 75);
        assert_int_equal(cards_purse(v), 75);
        struct entry_id previous;
        assert_int_equal(check(id(8, 1), -25, &op->evidence, &previous), OK);
    } else {
        assert_int_equal(op->verdict, COMMIT_DOUBT);
        assert_true(cards_purse(v) == 75 || cards_purse(v) == 100);
    }
}

TEST(card, no_answer_of_a_hostile_card_gives_a_wrong_number)
{
    static struct vcard start, v;
    int failed = 0, doubt = 0, done = 0;
    spoiled = 0;
    EACH_KIND(k)
    {
        start = *loaded_card(kinds[k], 100);
        for (int run = 0; run < 12000; run++) {
            v = start;
            struct line l = {.card = &v, .meddle = spoil};
            struct card_op op = {0};
            enum card_next next;
            spoil_at = 1 + (int)test_below(11);
            bool is_debit = test_below(2);
            if (is_debit) {
                debit_start(&op, 25, id(8, 1));
            } else {
                struct card_till_keys keys = cards_till_keys(1);
                card_identify_start(&op, &keys, &uid, cards_random());
            }
            assert_int_equal(carry(&op, &l, &next), WENT);
            assert_true(l.exchanges < 30);
            if (next == CARD_READY) {
                assert_int_equal(op.evidence.purse_before, 100);
                card_commit(&op);
                assert_int_equal(carry(&op, &l, &next), WENT);
            }
            if (next == CARD_DONE) {
                numbers_are_right(&op, &v, is_debit);
                doubt += is_debit && op.verdict == COMMIT_DOUBT;
                done += is_debit && op.verdict == COMMIT_DONE;
            } else {
                failed++;
                assert_int_equal(next, CARD_FAILED);
                assert_int_not_equal(op.status, CARD_OK);
                assert_true(strlen(op.why.text) > 10);
                assert_int_equal(cards_purse(&v), 100);
            }
        }
    }
    printf("  %d answers spoiled: %d failed, %d in doubt, %d unharmed debits\n", spoiled, failed,
           doubt, done);
    assert_true(spoiled > 20000);
    assert_true(failed > 15000);
    assert_true(doubt > 500);
}

TEST(card, loads_settles_and_issues_survive_a_hostile_card)
{
    static struct vcard start, v;
    spoiled = 0;
    EACH_KIND(k)
    {
        start = *loaded_card(kinds[k], 100);
        struct txn_evidence e = intent_only(&start, 30, id(4, 1));
        bool was_done = test_below(2);
        if (was_done)
            debit(&start, 30, id(4, 1));
        int32_t before = cards_purse(&start);
        for (int run = 0; run < 6000; run++) {
            v = start;
            struct line l = {.card = &v, .meddle = spoil};
            struct card_op op = {0};
            struct card_office_keys keys = cards_keys(1);
            struct card_till_keys till = cards_till_keys(1);
            enum card_next next;
            spoil_at = 1 + (int)test_below(34);
            switch (test_below(3)) {
            case 0:
                if (load_to_ready(&op, &l, 20, id(0, 60)) == CARD_READY && !op.ended) {
                    assert_int_equal(op.seen.purse, before);
                    card_commit(&op);
                    assert_int_equal(carry(&op, &l, &next), WENT);
                }
                if (op.end == CARD_DONE && op.verdict == COMMIT_DONE)
                    assert_int_equal(op.seen.purse, before + 20);
                assert_true(cards_purse(&v) == before || cards_purse(&v) == before + 20);
                if (op.end == CARD_FAILED)
                    assert_int_equal(cards_purse(&v), before);
                break;
            case 1:
                spoil_at = 1 + (int)test_below(13);
                card_settle_start(&op, &till, &uid, cards_random(), id(4, 1), &e);
                assert_int_equal(carry(&op, &l, &next), WENT);
                if (next == CARD_DONE && op.verdict != COMMIT_DOUBT) /* the log can be hidden */
                    assert_int_equal(op.verdict, was_done ? COMMIT_DONE : COMMIT_NOT_DONE);
                break;
            default:
                vcard_init(&v, kinds[k], &uid, test_random());
                card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
                assert_int_equal(carry(&op, &l, &next), WENT);
                assert_int_not_equal(next, CARD_READY);
                break;
            }
            assert_true(l.exchanges < 60);
        }
    }
    printf("  %d answers spoiled\n", spoiled);
    assert_true(spoiled > 8000);
}

/* A card that is nothing but noise: only that nothing breaks and nothing is believed. */
TEST(card, noise_is_never_a_card)
{
    for (int run = 0; run < 5000; run++) {
        struct card_op op = {0};
        struct card_office_keys keys = cards_keys(1);
        uint8_t raw[300];
        enum card_next next;
        if (run % 3 == 0)
            debit_start(&op, 5, id(1, 1));
        else if (run % 3 == 1)
            card_issue_start(&op, &keys, &uid, cards_random(), &profile, CARDS_PURSE_LIMIT);
        else
            card_load_start(&op, &keys, &uid, cards_random());
        next = card_step(&op, bytes_of(NULL, 0));
        for (int n = 0; next == CARD_SEND; n++) {
            static const uint8_t sizes[] = {0, 1, 2, 18, 34, 10, 14, 30, 42, 64, 200};
            static const uint8_t ends[] = {0x00, 0xaf, 0x1c, 0xbe, 0xde, 0xae, 0x9d};
            size_t size = sizes[test_below(sizeof sizes)];
            for (size_t i = 0; i < size; i++)
                raw[i] = (uint8_t)test_random();
            if (size >= 2 && test_below(8)) {
                raw[size - 2] = 0x91;
                raw[size - 1] = ends[test_below(sizeof ends)];
            }
            assert_true(n < 100);
            next = card_step(&op, bytes_of(raw, size));
        }
        assert_int_equal(next, CARD_FAILED);
    }
}
