/* reader_sim.c - see reader_sim.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hw/reader_sim.h"

#include <assert.h>
#include <string.h>

static struct reader_sim *of(struct reader *r)
{
    return (struct reader_sim *)r; /* reader is its first member */
}

static int sim_fd(struct reader *r)
{
    (void)r;
    return -1;
}

static void field_off(struct reader_sim *s)
{
    if (s->card)
        s->card->ops->field_off(s->card);
    if (s->second)
        s->second->ops->field_off(s->second);
}

static enum err sim_arm(struct reader *r, bool fresh, struct errmsg *why)
{
    (void)why;
    struct reader_sim *s = of(r);
    field_off(s);
    s->armed = true;
    s->taken = false;
    s->lying = fresh ? s->card : NULL;
    return OK;
}

static enum err sim_take(struct reader *r, struct reader_card *card, struct errmsg *why)
{
    struct reader_sim *s = of(r);
    if (s->away)
        return err_set(why, ERR_NO_DEVICE, "card reader (simulated): unplugged");
    if (!s->taken && (!s->armed || !s->card || s->card == s->lying))
        return err_set(why, ERR_NO_CARD, "no card yet");
    if (!s->taken) {
        struct vtarget_facts f;
        s->card->ops->facts(s->card, &f);
        s->seen = (struct reader_card){.atqa = {f.atqa[0], f.atqa[1]},
                                       .sak = f.sak,
                                       .uid_size = f.uid_size,
                                       .several = s->second != NULL};
        memcpy(s->seen.uid.b, f.uid, f.uid_size);
        if (f.ats_size > 1) {
            s->seen.ats_size = (uint8_t)(f.ats_size - 1);
            memcpy(s->seen.ats, f.ats + 1, s->seen.ats_size);
        }
        s->taken = true;
        s->armed = s->lost = false;
    }
    *card = s->seen;
    return OK;
}

static enum err sim_exchange(struct reader *r, struct bytes tx, struct buf *rx, int timeout_ms,
                             struct errmsg *why)
{
    struct reader_sim *s = of(r);
    assert(timeout_ms > 0);
    rx->size = 0;
    rx->full = false;
    if (tx.size == 0 || tx.size > READER_FRAME_MAX)
        return err_set(why, ERR_RANGE, "a frame of %zu bytes is outside 1..%d", tx.size, READER_FRAME_MAX);
    if (s->away)
        return err_set(why, ERR_NO_DEVICE, "card reader (simulated): unplugged");
    if (!s->taken)
        return err_set(why, ERR_STATE, "no card was taken");
    s->exchanges++;
    bool torn = s->exchanges == s->tear_at;
    if (torn && !s->tear_after)
        reader_sim_present(s, NULL);
    if (s->lost || s->seen.several)
        return err_set(why, torn ? s->tear_error : ERR_GONE, "the card left the field");
    uint8_t raw[VTARGET_ANSWER_MAX];
    struct buf answer = BUF_ON(raw);
    bool answered = s->card->ops->exchange(s->card, tx, &answer);
    if (torn) {
        reader_sim_present(s, NULL);
        return err_set(why, s->tear_error, "the card left the field");
    }
    if (!answered)
        return err_set(why, ERR_GONE, "the card is silent");
    if (s->bend)
        s->bend(s, &answer);
    buf_put(rx, answer.data, answer.size);
    if (rx->full)
        return err_set(why, ERR_FULL, "the card's answer of %zu bytes is longer than expected",
                       answer.size);
    return OK;
}

static void sim_release(struct reader *r)
{
    of(r)->armed = of(r)->taken = false;
    field_off(of(r));
}

static void sim_close(struct reader *r)
{
    sim_release(r);
}

static const struct reader_ops sim_ops = {.fd = sim_fd,
                                          .arm = sim_arm,
                                          .take = sim_take,
                                          .exchange = sim_exchange,
                                          .release = sim_release,
                                          .close = sim_close,
                                          .name = "simulated"};

void reader_sim_init(struct reader_sim *s)
{
    *s = (struct reader_sim){.reader = {&sim_ops}};
}

void reader_sim_present(struct reader_sim *s, struct vtarget *card)
{
    field_off(s);
    s->card = card;
    s->lost = true;
    if (card != s->lying)
        s->lying = NULL;
    field_off(s);
}

void reader_sim_add(struct reader_sim *s, struct vtarget *card)
{
    s->second = card;
    if (card)
        card->ops->field_off(card);
}

void reader_sim_tear(struct reader_sim *s, int32_t n, bool after, enum err e)
{
    assert(n >= 1);
    s->tear_at = s->exchanges + n;
    s->tear_after = after;
    s->tear_error = e;
}

void reader_sim_plug(struct reader_sim *s, bool in)
{
    s->away = !in;
    s->taken = false;
    field_off(s);
}
