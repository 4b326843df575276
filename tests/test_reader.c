/* test_reader.c - one contract for every reader: what hw/reader.h promises, tried on the simulated one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/clock.h"
#include "hw/reader_sim.h"
#include "tests/test.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* A reader and the hands that move cards over it.  Card 0 and 1 are there; -1 is none. */
struct bench {
    struct reader *reader;
    void (*present)(struct bench *b, int card);
    void (*add)(struct bench *b, int card); /* beside the one that lies there */
    void (*tear)(struct bench *b, int n, bool after);
    void (*plug)(struct bench *b, bool in);
    void (*finish)(struct bench *b);
    struct reader_sim sim;
    struct vcard *cards;
};

static const struct card_uid uids[2] = {{{0x04, 0x51, 0x12, 0x8a, 0x01, 0x02, 0x03}},
                                        {{0x04, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22}}};

/* Waits at most ms for a card. */
static enum err wait_card(struct bench *b, struct reader_card *card, int ms)
{
    int64_t end = clock_tick_ms() + ms;
    struct errmsg why = {""};
    for (;;) {
        enum err e = b->reader->ops->take(b->reader, card, &why);
        int64_t left = end - clock_tick_ms();
        int fd = b->reader->ops->fd(b->reader);
        if (e == OK || left <= 0 || fd < 0)
            return e;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        poll(&p, 1, (int)left);
    }
}

static void arm(struct bench *b, bool fresh)
{
    struct errmsg why = {""};
    assert_int_equal(b->reader->ops->arm(b->reader, fresh, &why), OK);
}

static enum err exchange(struct bench *b, struct bytes tx, struct buf *rx)
{
    struct errmsg why = {""};
    enum err e = b->reader->ops->exchange(b->reader, tx, rx, READER_TIMEOUT_MS, &why);
    assert_int_equal(e == OK, why.text[0] == 0); /* every error has a sentence */
    return e;
}

static enum err apdu(struct bench *b, uint8_t command, struct buf *rx)
{
    uint8_t tx[] = {0x90, command, 0, 0, 0};
    return exchange(b, bytes_of(tx, sizeof tx), rx);
}

/* GetVersion, three frames; the last one begins with the UID. */
static void assert_talks_to(struct bench *b, int card)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    assert_int_equal(apdu(b, 0x60, &rx), OK);
    assert_int_equal(rx.size, 9);
    assert_memory_equal(room + 7, "\x91\xaf", 2);
    assert_int_equal(apdu(b, 0xaf, &rx), OK);
    assert_int_equal(apdu(b, 0xaf, &rx), OK);
    assert_int_equal(rx.size, 16);
    assert_memory_equal(room, uids[card].b, 7);
    assert_memory_equal(room + 14, "\x91\x00", 2);
}

static void assert_found(struct bench *b, int card)
{
    struct reader_card c;
    assert_int_equal(wait_card(b, &c, 2000), OK);
    assert_int_equal(c.uid_size, 7);
    assert_memory_equal(c.uid.b, uids[card].b, 7);
    assert_memory_equal(c.atqa, "\x03\x44", 2);
    assert_int_equal(c.sak, 0x20);
    assert_int_equal(c.ats_size, 5);
    assert_memory_equal(c.ats, "\x75\x77\x81\x02\x80", 5);
    assert_false(c.several);
}

static void assert_none(struct bench *b, int ms)
{
    struct reader_card c;
    assert_int_equal(wait_card(b, &c, ms), ERR_NO_CARD);
}

static void found_and_answers(struct bench *b)
{
    arm(b, false);
    assert_none(b, 50);
    b->present(b, 0);
    assert_found(b, 0);
    assert_talks_to(b, 0);
    b->present(b, -1);
    arm(b, false);
    assert_none(b, 50);
    b->present(b, 1);
    assert_found(b, 1);
    assert_talks_to(b, 1);
}

static void nobody_looks_unless_asked_and_a_card_let_go_is_gone(struct bench *b)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    b->present(b, 0);
    assert_none(b, 50);
    assert_int_equal(apdu(b, 0x60, &rx), ERR_STATE);
    arm(b, false);
    assert_found(b, 0);
    assert_found(b, 0); /* the same one, as often as asked */
    b->reader->ops->release(b->reader);
    assert_none(b, 50);
    assert_int_equal(apdu(b, 0x60, &rx), ERR_STATE);
    arm(b, false);
    assert_found(b, 0);
    assert_talks_to(b, 0);
}

static void fresh_waits_until_the_old_card_was_taken_away(struct bench *b)
{
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    b->reader->ops->release(b->reader);
    arm(b, true);
    assert_none(b, 300);
    b->present(b, -1);
    assert_none(b, 200);
    b->present(b, 0);
    assert_found(b, 0);
    assert_talks_to(b, 0);
    arm(b, true);
    assert_none(b, 100);
    arm(b, false); /* now it counts */
    assert_found(b, 0);
    b->present(b, -1);
    arm(b, true);
    assert_none(b, 50);
    b->present(b, 0); /* nothing lay there: no reason to wait */
    assert_found(b, 0);
}

static void fresh_takes_another_card_at_once(struct bench *b)
{
    b->present(b, 0);
    arm(b, true);
    assert_none(b, 100);
    b->present(b, 1);
    assert_found(b, 1);
    assert_talks_to(b, 1);
}

static void a_torn_card_stays_gone_until_it_is_looked_for_again(struct bench *b)
{
    for (int after = 0; after < 2; after++) {
        uint8_t room[64];
        struct buf rx = BUF_ON(room);
        b->present(b, 0);
        arm(b, false);
        assert_found(b, 0);
        b->tear(b, 2, after);
        assert_int_equal(apdu(b, 0x60, &rx), OK);
        enum err e = apdu(b, 0xaf, &rx);
        assert_true(e == ERR_GONE || e == ERR_TIMEOUT);
        assert_int_equal(rx.size, 0);
        e = apdu(b, 0x60, &rx);
        assert_true(e == ERR_GONE || e == ERR_TIMEOUT);
        b->present(b, 0);
        e = apdu(b, 0x60, &rx);
        assert_true(e == ERR_GONE || e == ERR_TIMEOUT);
        arm(b, false);
        assert_found(b, 0);
        assert_talks_to(b, 0);
        b->present(b, -1);
    }
}

static void frames_too_long_are_never_sent(struct bench *b)
{
    static uint8_t big[READER_FRAME_MAX + 1];
    uint8_t room[300];
    struct buf rx = BUF_ON(room), small = {.data = room, .cap = 5};
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    assert_int_equal(exchange(b, bytes_of(big, sizeof big), &rx), ERR_RANGE);
    assert_int_equal(exchange(b, bytes_of(big, 0), &rx), ERR_RANGE);
    assert_talks_to(b, 0);
    assert_int_equal(apdu(b, 0x60, &small), ERR_FULL);
    assert_int_equal(small.size, 0);
    (void)exchange(b, bytes_of(big, READER_FRAME_MAX), &rx); /* the card may be silent; nobody dies */
    arm(b, false);
    assert_found(b, 0);
    assert_talks_to(b, 0);
}

static void two_cards_are_one_too_many(struct bench *b)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    struct reader_card c;
    b->present(b, 0);
    b->add(b, 1);
    arm(b, false);
    assert_int_equal(wait_card(b, &c, 2000), OK);
    assert_true(c.several);
    assert_int_equal(apdu(b, 0x60, &rx), ERR_GONE);
    b->add(b, -1);
    arm(b, false);
    assert_found(b, 0);
}

static void looking_again_ends_the_cards_session(struct bench *b)
{
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    assert_int_equal(apdu(b, 0x60, &rx), OK);
    arm(b, false);
    assert_found(b, 0);
    assert_int_equal(apdu(b, 0xaf, &rx), OK);
    assert_int_equal(rx.size, 2); /* an error: nothing to go on with */
    assert_memory_not_equal(room, "\x91\x00", 2);
}

static void an_unplugged_reader_comes_back_and_still_looks(struct bench *b)
{
    struct reader_card c;
    b->present(b, 0);
    arm(b, false);
    assert_found(b, 0);
    b->plug(b, false);
    uint8_t room[64];
    struct buf rx = BUF_ON(room);
    enum err e = apdu(b, 0x60, &rx);
    assert_int_equal(e, ERR_NO_DEVICE);
    assert_int_equal(wait_card(b, &c, 300), ERR_NO_DEVICE);
    arm(b, false);
    b->plug(b, true);
    b->present(b, 0);
    assert_found(b, 0);
    assert_talks_to(b, 0);
}

#define CONTRACT(X)                                                                                \
    X(found_and_answers)                                                                           \
    X(nobody_looks_unless_asked_and_a_card_let_go_is_gone)                                         \
    X(fresh_waits_until_the_old_card_was_taken_away)                                               \
    X(fresh_takes_another_card_at_once)                                                            \
    X(a_torn_card_stays_gone_until_it_is_looked_for_again)                                         \
    X(frames_too_long_are_never_sent)                                                              \
    X(two_cards_are_one_too_many)                                                                  \
    X(looking_again_ends_the_cards_session)                                                        \
    X(an_unplugged_reader_comes_back_and_still_looks)

/* ---- the simulated one ---- */

static struct vcard *card_of(struct bench *b, int card)
{
    return card < 0 ? NULL : &b->cards[card];
}
static void sim_present(struct bench *b, int card)
{
    reader_sim_present(&b->sim, card_of(b, card));
}
static void sim_add(struct bench *b, int card)
{
    reader_sim_add(&b->sim, card_of(b, card));
}
static void sim_tear(struct bench *b, int n, bool after)
{
    reader_sim_tear(&b->sim, n, after, ERR_GONE);
}
static void sim_plug(struct bench *b, bool in)
{
    reader_sim_plug(&b->sim, in);
}
static void sim_finish(struct bench *b)
{
    b->reader->ops->close(b->reader);
    free(b->cards);
}
static void sim_bench(struct bench *b)
{
    *b = (struct bench){.present = sim_present, .add = sim_add, .tear = sim_tear, .plug = sim_plug,
                        .finish = sim_finish, .cards = calloc(2, sizeof(struct vcard))};
    assert_non_null(b->cards);
    for (uint64_t i = 0; i < 2; i++)
        vcard_init(&b->cards[i], VCARD_EV2, &uids[i], i);
    reader_sim_init(&b->sim);
    b->reader = &b->sim.reader;
}

#define SIM(claim)                                                                                 \
    TEST(reader_sim, claim)                                                                        \
    {                                                                                              \
        static struct bench b;                                                                     \
        sim_bench(&b);                                                                             \
        claim(&b);                                                                                 \
        b.finish(&b);                                                                              \
    }
CONTRACT(SIM)
