/* desk.c - see desk.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/desk.h"

#include "hw/clock.h"

#include <assert.h>
#include <poll.h>
#include <string.h>

enum { TRIES = 5, NAP_MS = 20 };

static const char *one_card(const struct reader_card *card)
{
    if (card->several)
        return "there are several cards on the reader: lay down one alone";
    if (card->uid_size != 7)
        return "the card shows no 7-byte UID: a phone, a bank card, or one with random UID";
    return NULL;
}

enum err desk_wait(const struct desk *desk, bool fresh, struct reader_card *card,
                   struct errmsg *why)
{
    struct reader *r = desk->reader;
    int64_t end = clock_tick_ms() + desk->wait_ms;
    struct errmsg away = {""};
    enum err e = r->ops->arm(r, fresh, why);
    while (!e) {
        e = r->ops->take(r, card, &away);
        if (e == OK) {
            const char *fault = one_card(card);
            return fault ? err_set(why, ERR_REFUSED, "%s", fault) : OK;
        }
        if (e != ERR_NO_CARD && e != ERR_NO_DEVICE) {
            if (why)
                *why = away;
            return e;
        }
        if (clock_tick_ms() >= end)
            return e == ERR_NO_DEVICE
                       ? err_set(why, e, "%s", away.text)
                       : err_set(why, ERR_TIMEOUT, "no %scard was laid on the reader in %d seconds",
                                 fresh ? "new " : "", (desk->wait_ms + 999) / 1000);
        /* a reader without a descriptor is asked again after a nap */
        struct pollfd p = {.fd = r->ops->fd(r), .events = POLLIN};
        if (poll(&p, 1, NAP_MS) > 0)
            poll(NULL, 0, 1);
        e = OK;
    }
    return e;
}

/* Steps op until it stops.  An exchange that failed is the card gone: *next is then CARD_FAILED. */
static enum err run(const struct desk *desk, struct card_op *op, enum card_next *next,
                    struct errmsg *why)
{
    uint8_t room[READER_FRAME_MAX];
    struct buf answer = BUF_ON(room);
    struct reader *r = desk->reader;
    while ((*next = card_step(op, buf_bytes(&answer))) == CARD_SEND) {
        enum err e = r->ops->exchange(r, card_frame(op), &answer, READER_TIMEOUT_MS, why);
        if (e) {
            (void)!card_lost(op); /* nothing here commits points */
            *next = CARD_FAILED;
            return e;
        }
    }
    if (*next != CARD_FAILED)
        return OK;
    switch (op->status) {
    case CARD_LEFT:
        return err_set(why, ERR_GONE, "%s", op->why.text);
    case CARD_ISSUED_ALREADY:
        return err_set(why, ERR_EXISTS, "%s", op->why.text);
    case CARD_OK:
    case CARD_NOT_OURS:
    case CARD_BAD_KEY:
    case CARD_BAD_ANSWER:
    case CARD_TOO_LITTLE:
    case CARD_LIMIT:
    case CARD_NO_ROOM:
    case CARD_PHONE:
    case CARD_PHONE_LOCKED:
        break;
    }
    return err_set(why, ERR_CARD, "%s",
                   *op->why.text ? op->why.text : card_status_text(op->status));
}

static bool left_the_field(enum err e)
{
    return e == ERR_GONE || e == ERR_TIMEOUT || e == ERR_NO_DEVICE || e == ERR_FULL;
}

/* The same card, back on the reader. */
static enum err back_again(const struct desk *desk, const struct card_uid *uid, struct errmsg *why)
{
    struct reader_card card;
    enum err e = desk_wait(desk, false, &card, why);
    if (!e && !uid_equal(&card.uid, uid))
        e = err_set(why, ERR_GONE, "another card was laid down before the first one was finished");
    return e;
}

/* Issues the card, or with no profile only reads it; begins again when it left and came back.  seen: what
 * the last try saw. */
static enum err try_again(const struct desk *desk, const struct reader_card *card,
                          const struct card_profile *profile, int32_t purse_limit,
                          struct card_seen *seen, struct errmsg *why)
{
    struct card_op op;
    uint8_t random[CARD_RANDOM_SIZE];
    enum card_next next;
    enum err e = OK;
    memset(&op, 0, sizeof op);
    for (int i = 0; i < TRIES; i++) {
        if (i && (e = back_again(desk, &card->uid, why)))
            break;
        clock_random(random, sizeof random);
        if (profile)
            card_issue_start(&op, desk->keys, &card->uid, random, profile, purse_limit);
        else /* a load that is given up once all is read: the card drops it when it leaves the field */
            card_load_start(&op, desk->keys, &card->uid, random);
        e = run(desk, &op, &next, why);
        assert(e || profile || next == CARD_READY);
        *seen = op.seen;
        card_finish(&op);
        if (!left_the_field(e))
            break;
    }
    bytes_wipe(random, sizeof random);
    return e;
}

enum err desk_issue(const struct desk *desk, const struct reader_card *card,
                    const struct card_profile *profile, int32_t purse_limit, enum card_kind *kind,
                    struct errmsg *why)
{
    struct card_seen seen;
    enum err e = try_again(desk, card, profile, purse_limit, &seen, why);
    *kind = seen.kind;
    return e;
}

enum err desk_read(const struct desk *desk, const struct reader_card *card, struct card_seen *seen,
                   struct errmsg *why)
{
    enum err e = try_again(desk, card, NULL, 0, seen, why);
    desk->reader->ops->release(desk->reader);
    return e;
}
