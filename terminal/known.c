/* known.c - who it is, when it may be something else than a full card: the table of kinds (cardproto/kind.h)
 * over the reader, and what is typed or scanned: a member code, a telephone number, a member number.
 *
 * Whatever was shown is kept as struct shown until the sale is over: head office is asked by it, now and when
 * points are to be held; without the line the entry carries its token.
 * SPDX-License-Identifier: Apache-2.0 */
#include "terminal/till.h"

#include "base/lookup.h"
#include "base/tr.h"
#include "hw/clock.h"
#include "sync/member_code.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static_assert((int)KIND_VALUE_MAX <= (int)WIRE_VALUE_MAX, "what a kind reads goes up in one Tap");

/* ---- on the reader ---- */

void known_begin(struct till *t)
{
    struct tap *p = &t->tap;
    struct kind_facts facts = {.uid_size = p->card.uid_size, .sak = p->card.sak};
    uint8_t random[KIND_RANDOM_SIZE];
    memcpy(facts.uid, p->card.uid.b, sizeof p->card.uid.b);
    memcpy(facts.atqa, p->card.atqa, sizeof facts.atqa);
    facts.ats_size = p->card.ats_size;
    memcpy(facts.ats, p->card.ats, facts.ats_size);
    clock_random(random, sizeof random);
    p->at = AT_IDENTIFY;
    memset(&p->shown, 0, sizeof p->shown);
    p->shown.means = MEANS_CARD;
    kind_start(&p->kind, &facts, &t->kinds, &p->op, random, (int64_t)time(NULL));
    bytes_wipe(random, sizeof random);
    p->next = kind_step(&p->kind, bytes_of(NULL, 0));
}

static void make_token(struct till *t, struct bytes name)
{
    struct shown *s = &t->tap.shown;
    lookup_token(s->token, t->parts.identity->lookup_key, s->means, name);
}

void known_otherwise(struct till *t)
{
    struct tap *p = &t->tap;
    const struct kind_seen *seen = &p->kind.seen;
    p->told_all = true;
    p->shown = (struct shown){.means = seen->means, .member = seen->member, .card = seen->uid};
    p->shown.value_size = seen->value_size;
    memcpy(p->shown.value, seen->value, seen->value_size);
    make_token(t, bytes_of(seen->name, seen->name_size));
    tap_ask_office(t);
}

/* ---- typed or scanned ---- */

static void set_value(struct shown *s, const char *text)
{
    s->value_size = strlen(text);
    memcpy(s->value, text, s->value_size);
}

enum err till_phone(char out[PHONE_TEXT_SIZE], const struct till *t, const char *text, struct errmsg *why)
{
    const char *country = t->parts.country ? t->parts.country : "";
    if (*country == '+') /* "49" is what lookup.h wants */
        country++;
    if (!*country && *text != '+' && strncmp(text, "00", 2) != 0)
        return err_set(why, ERR_FORMAT, "%s", tr("give the number with its country, such as +49 30 1234567"));
    return phone_normalise(out, text, *country ? country : "1", why);
}

static enum err read_phone(struct till *t, struct shown *s, const char *text, struct errmsg *why)
{
    char phone[PHONE_TEXT_SIZE];
    enum err e = till_phone(phone, t, text, why);
    if (e)
        return e;
    set_value(s, phone);
    make_token(t, bytes_of(phone, strlen(phone)));
    return OK;
}

static enum err read_code(struct till *t, struct shown *s, const char *text, struct errmsg *why)
{
    struct member_code code;
    const struct pack *pack = t->packs.in_effect;
    int64_t office_s = clock_now_s() - t->up.ahead_s; /* a code's minute is of head office's clock */
    enum err e = member_code_read(&code, text, office_s, pack ? pack->clock_skew_s : 0,
                                  &t->parts.identity->code_key, why);
    if (e)
        return e;
    s->member = code.member;
    set_value(s, text);
    return OK;
}

static enum err read_number(struct shown *s, const char *text, struct errmsg *why)
{
    if (member_parse(&s->member, text) || s->member == 0)
        return err_set(why, ERR_FORMAT, "%s", tr("a member number looks like M12"));
    set_value(s, text);
    return OK;
}

enum err known_typed(struct till *t, enum txn_means means, const char *text, struct errmsg *why)
{
    struct shown *s = &t->tap.shown;
    if (!text || !*text || strlen(text) > sizeof s->value)
        return err_set(why, ERR_FORMAT, "%s", tr("nothing was typed"));
    memset(s, 0, sizeof *s);
    s->means = means;
    switch (means) {
    case MEANS_PHONE:
        return read_phone(t, s, text, why);
    case MEANS_CODE:
        return read_code(t, s, text, why);
    case MEANS_REGISTER:
        return read_number(s, text, why);
    case MEANS_NONE:
    case MEANS_CARD:
    case MEANS_SUN:
    case MEANS_TAG:
    case MEANS_UID:
    case MEANS_PASS:
        break;
    }
    return err_set(why, ERR_FORMAT, "%s", tr("this is shown to the reader, not typed"));
}

/* ---- what head office told, kept for the days without a line ---- */

enum { KNOWN_TOLD_MAX = 768 }; /* an answer without names, with all its stamp cards */

static struct bytes key_of(const struct till *t, const struct card_uid *card)
{
    const struct shown *s = &t->tap.shown;
    static const uint8_t none[TXN_TOKEN_SIZE];
    if (card && uid_is(card))
        return bytes_of(card->b, sizeof card->b);
    if (memcmp(s->token, none, sizeof none) != 0)
        return bytes_of(s->token, sizeof s->token);
    return bytes_of((const uint8_t *)&s->member, sizeof s->member);
}

void known_told(struct till *t, const struct card_uid *card)
{
    struct tap *p = &t->tap;
    struct wire_answer a = {.number = 1, .say = SAY_TAPPED, .tapped = p->told};
    uint8_t raw[KNOWN_TOLD_MAX];
    struct buf b = BUF_ON(raw);
    struct errmsg why = {""};
    memset(a.tapped.name, 0, sizeof a.tapped.name); /* names stay no longer than the sale */
    memset(a.tapped.suggestion, 0, sizeof a.tapped.suggestion);
    enum err e = wire_encode_answer(&b, &a, &why);
    if (!e)
        e = journal_tell(t->journal, key_of(t, card), clock_now_s(), buf_bytes(&b), &why);
    if (e)
        till_tell(t, tr("The journal: %s."), why.text);
}

bool known_remembered(struct till *t, const struct card_uid *card)
{
    struct tap *p = &t->tap;
    struct wire_answer a;
    uint8_t raw[KNOWN_TOLD_MAX];
    struct buf b = BUF_ON(raw);
    struct errmsg why = {""};
    p->told_s = 0;
    memset(&p->told, 0, sizeof p->told);
    if (journal_told(t->journal, key_of(t, card), &p->told_s, &b, &why) ||
        wire_decode_answer(&a, buf_bytes(&b), &why) || a.say != SAY_TAPPED) {
        p->told_s = 0;
        return false;
    }
    p->told = a.tapped;
    return true;
}

/* ---- identified ---- */

void known_identified(struct till *t)
{
    struct tap *p = &t->tap;
    struct shown *s = &p->shown;
    static const struct card_uid no_card;
    struct sale_known k = {.means = s->means, .member = s->member};
    bool online = p->known;
    if (online && !p->told.known) {
        ask_wait_over(t, "NOT_FOUND", tr("Head office knows nobody by this. Sell without, or enrol a new card."));
        return;
    }
    if (online)
        known_told(t, NULL);
    bool remembered = !online && known_remembered(t, NULL);
    if (online || remembered)
        k.tier = p->told.tier;
    if (online) {
        k.member = p->told.member;
        k.spendable = p->told.spendable;
    }
    memcpy(k.token, s->token, sizeof k.token);
    till_card_facts(t, &no_card, k.member);
    t->facts.online = online;
    t->facts.held = online ? p->told.held : points_of(0);
    till_told_facts(t, online);
    till_feed(t, (struct sale_event){.kind = SALE_KNOWN, .known_as = &k});
    if (t->sale.means == s->means)
        t->by = *s;
}
