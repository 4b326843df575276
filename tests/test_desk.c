/* test_desk.c - cards made on head office's desk, by somebody with unsteady hands.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/reader_sim.h"
#include "office/desk.h"
#include "tests/cards.h"
#include "tests/test.h"

#include <string.h>

/* A simulated reader at which whoever is asked to lay the card down again does so. */
struct clumsy {
    struct reader reader;
    struct reader_sim sim;
    struct vcard *hand; /* laid down when the reader looks for a card; NULL = nobody is there */
    int laid;
};

static struct clumsy *of(struct reader *r)
{
    return (struct clumsy *)(void *)r;
}

static int c_fd(struct reader *r)
{
    return of(r)->sim.reader.ops->fd(&of(r)->sim.reader);
}

static enum err c_arm(struct reader *r, bool fresh, struct errmsg *why)
{
    struct clumsy *c = of(r);
    enum err e = c->sim.reader.ops->arm(&c->sim.reader, fresh, why);
    if (!c->sim.card && c->hand) {
        reader_sim_present(&c->sim, &c->hand->target);
        c->laid++;
    }
    return e;
}

static enum err c_take(struct reader *r, struct reader_card *card, struct errmsg *why)
{
    return of(r)->sim.reader.ops->take(&of(r)->sim.reader, card, why);
}

static enum err c_exchange(struct reader *r, struct bytes tx, struct buf *rx, int timeout_ms,
                           struct errmsg *why)
{
    return of(r)->sim.reader.ops->exchange(&of(r)->sim.reader, tx, rx, timeout_ms, why);
}

static void c_release(struct reader *r)
{
    of(r)->sim.reader.ops->release(&of(r)->sim.reader);
}

static void c_close(struct reader *r)
{
    of(r)->sim.reader.ops->close(&of(r)->sim.reader);
}

static const struct reader_ops clumsy_ops = {.fd = c_fd,
                                             .arm = c_arm,
                                             .take = c_take,
                                             .exchange = c_exchange,
                                             .release = c_release,
                                             .close = c_close,
                                             .name = "clumsy"};

static struct card_office_keys keys;
static struct clumsy hands;
static struct vcard card;
static struct desk desk;

static void set_up(enum vcard_kind kind)
{
    struct card_uid uid = {{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6}};
    keys = cards_keys(1);
    memset(&hands, 0, sizeof hands);
    hands.reader.ops = &clumsy_ops;
    reader_sim_init(&hands.sim);
    vcard_init(&card, kind, &uid, 1);
    hands.hand = &card;
    desk = (struct desk){&hands.reader, &keys, 60};
}

static const struct card_profile profile = {
    .member = 12, .tier = "silver", .tier_valid_day = 15000, .layout = CARD_LAYOUT};

static enum err issue(enum card_kind *kind, struct errmsg *why)
{
    struct reader_card found;
    enum err e = desk_wait(&desk, false, &found, why);
    return e ? e : desk_issue(&desk, &found, &profile, 1000000, kind, why);
}

static enum err look(struct card_seen *seen, struct errmsg *why)
{
    struct reader_card found;
    enum err e = desk_wait(&desk, false, &found, why);
    return e ? e : desk_read(&desk, &found, seen, why);
}

TEST(desk, every_kind_of_card_reads_back_as_it_was_issued)
{
    static const enum card_kind expected[VCARD_KINDS] = {CARD_EV1, CARD_EV2, CARD_EV2};
    for (int k = 0; k < VCARD_KINDS; k++) {
        struct errmsg why = {""};
        enum card_kind kind = CARD_NONE;
        struct card_seen seen;
        set_up((enum vcard_kind)k);
        assert_int_equal(issue(&kind, &why), OK);
        assert_int_equal(kind, expected[k]);
        assert_int_equal(look(&seen, &why), OK);
        assert_int_equal(seen.kind, expected[k]);
        assert_int_equal(seen.profile.member, 12);
        assert_string_equal(seen.profile.tier, "silver");
        assert_int_equal(seen.profile.tier_valid_day, 15000);
        assert_int_equal(seen.purse, 0);
        assert_memory_equal(&seen.uid, &card.m.uid, sizeof seen.uid);
    }
}

TEST(desk, a_card_pulled_away_at_any_exchange_is_finished_when_it_comes_back)
{
    for (int k = 0; k < VCARD_KINDS; k++) {
        for (int after = 0; after <= 1; after++) {
            int torn = 0, finished = 0;
            for (int n = 1; n < 200; n++) {
                struct errmsg why = {""};
                enum card_kind kind;
                struct card_seen seen;
                set_up((enum vcard_kind)k);
                reader_sim_tear(&hands.sim, n, after, n % 2 ? ERR_GONE : ERR_TIMEOUT);
                enum err e = issue(&kind, &why);
                /* pulled after the very last act, it is a finished card that says so */
                if (e != OK)
                    assert_int_equal(e, ERR_EXISTS);
                finished += e == ERR_EXISTS;
                bool was_torn = hands.laid > 1;
                reader_sim_tear(&hands.sim, 100000, false, ERR_GONE);
                assert_int_equal(look(&seen, &why), OK);
                assert_int_equal(seen.profile.member, 12);
                assert_int_equal(seen.purse, 0);
                torn += was_torn;
                if (!was_torn)
                    break;
            }
            assert_int_equal(finished, after);
            assert_true(torn > 10); /* so many exchanges were torn, one after the other */
            assert_true(torn < 199);
        }
    }
}

TEST(desk, a_card_that_stays_away_is_given_up)
{
    struct errmsg why = {""};
    struct reader_card found;
    enum card_kind kind;
    set_up(VCARD_EV2);
    assert_int_equal(desk_wait(&desk, false, &found, &why), OK);
    hands.hand = NULL;
    reader_sim_tear(&hands.sim, 5, false, ERR_GONE);
    assert_int_equal(desk_issue(&desk, &found, &profile, 1000, &kind, &why), ERR_TIMEOUT);
}

TEST(desk, another_card_in_its_place_is_not_finished_instead)
{
    struct errmsg why = {""};
    struct reader_card found;
    enum card_kind kind;
    static struct vcard other;
    struct card_uid uid = {{0x04, 1, 2, 3, 4, 5, 6}};
    set_up(VCARD_EV2);
    vcard_init(&other, VCARD_EV2, &uid, 2);
    uint32_t changes = other.changes;
    assert_int_equal(desk_wait(&desk, false, &found, &why), OK);
    hands.hand = &other;
    reader_sim_tear(&hands.sim, 5, false, ERR_GONE);
    assert_int_equal(desk_issue(&desk, &found, &profile, 1000, &kind, &why), ERR_GONE);
    assert_int_equal(other.changes, changes);
}

TEST(desk, an_issued_card_is_not_issued_twice)
{
    struct errmsg why = {""};
    enum card_kind kind;
    set_up(VCARD_EV2);
    assert_int_equal(issue(&kind, &why), OK);
    uint32_t changes = card.changes;
    assert_int_equal(issue(&kind, &why), ERR_EXISTS);
    assert_int_equal(card.changes, changes);
}

TEST(desk, reading_changes_nothing_on_the_card)
{
    struct errmsg why = {""};
    enum card_kind kind;
    struct card_seen seen;
    set_up(VCARD_EV2);
    assert_int_equal(issue(&kind, &why), OK);
    struct vcard_memory before = card.m;
    assert_int_equal(look(&seen, &why), OK);
    assert_memory_equal(&before.files, &card.m.files, sizeof before.files);
    assert_memory_equal(&before.bytes, &card.m.bytes, sizeof before.bytes);
}

TEST(desk, a_card_of_another_programme_is_refused_and_left_alone)
{
    struct errmsg why = {""};
    enum card_kind kind;
    struct card_seen seen;
    set_up(VCARD_EV2);
    assert_int_equal(issue(&kind, &why), OK);
    memset(keys.k0.b, 0x77, sizeof keys.k0.b); /* another programme, the same application number */
    memset(keys.k2.b, 0x77, sizeof keys.k2.b);
    struct vcard_memory before = card.m;
    assert_int_not_equal(issue(&kind, &why), OK);
    assert_int_equal(look(&seen, &why), ERR_CARD);
    assert_memory_equal(&before.apps, &card.m.apps, sizeof before.apps);
    assert_memory_equal(&before.bytes, &card.m.bytes, sizeof before.bytes);
}

TEST(desk, a_blank_card_has_nothing_to_read)
{
    struct errmsg why = {""};
    struct card_seen seen;
    set_up(VCARD_EV2);
    assert_int_equal(look(&seen, &why), ERR_CARD);
    assert_true(*why.text != 0);
}

TEST(desk, what_cannot_be_a_card_of_ours_is_said)
{
    struct errmsg why = {""};
    struct reader_card found;
    static struct vcard second;
    struct card_uid uid = {{0x04, 1, 2, 3, 4, 5, 6}};
    set_up(VCARD_EV2);
    vcard_init(&second, VCARD_EV2, &uid, 2);
    reader_sim_present(&hands.sim, &card.target);
    reader_sim_add(&hands.sim, &second.target);
    assert_int_equal(desk_wait(&desk, false, &found, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "several"));

    set_up(VCARD_EV2);
    card.m.random_uid = true;
    vcard_field_off(&card);
    assert_int_equal(desk_wait(&desk, false, &found, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "random UID"));

    set_up(VCARD_EV2);
    hands.hand = NULL;
    assert_int_equal(desk_wait(&desk, false, &found, &why), ERR_TIMEOUT);
    set_up(VCARD_EV2);
    reader_sim_plug(&hands.sim, false);
    assert_int_equal(desk_wait(&desk, false, &found, &why), ERR_NO_DEVICE);

    /* the one that lies there is not the next one */
    set_up(VCARD_EV2);
    assert_int_equal(desk_wait(&desk, false, &found, &why), OK);
    assert_int_equal(desk_wait(&desk, true, &found, &why), ERR_TIMEOUT);
    assert_non_null(strstr(why.text, "new card"));
}
