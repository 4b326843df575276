/* clerk.c - see clerk.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/members/clerk.h"
#include "base/date.h"
#include "base/tr.h"
#include "office/members/advice.h"
#include "office/books/books_int.h"
#include "office/books/known.h"
#include "office/members/people.h"
#include "office/members/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum err shown(const struct clerk *c, const struct card_uid *card, enum txn_means means,
                      struct bytes value, bool again, struct known_who *out, struct errmsg *why)
{
    struct known_shown in = {.card = *card,
                             .means = means,
                             .value = value,
                             .terminal = c->terminal,
                             .now_s = c->now_s,
                             .again = again};
    enum err e = books_begin(c->books, why);
    if (e)
        return e;
    e = known_who(c->books, c->home, &in, out, why);
    if (!e)
        e = books_commit(c->books, why);
    if (e)
        books_rollback(c->books);
    return e;
}

/* ---- tap ---- */

static enum err sum_of(struct books *b, enum office_query name, member_id member, int64_t more,
                       int64_t out[3], struct errmsg *why)
{
    struct query q = query_of(b->store, name);
    query_int(&q, (int64_t)member);
    query_int(&q, more);
    memset(out, 0, 3 * sizeof *out);
    if (query_row(&q))
        for (int i = 0; i < query_column_count(&q) && i < 3; i++)
            out[i] = query_get_int(&q);
    return query_done(&q, why);
}

/* What rules may ask of the member now. */
static enum err mark(struct books *b, member_id member, bool first, bool birthday, struct wire_tapped *out,
                     struct errmsg *why)
{
    if (first)
        snprintf(out->marks[out->mark_count++], TXN_NAME_SIZE, "first");
    if (birthday)
        snprintf(out->marks[out->mark_count++], TXN_NAME_SIZE, "birthday");
    struct query q = query_text_of(b->store, "SELECT mark FROM member_mark WHERE member = ? ORDER BY mark");
    query_int(&q, (int64_t)member);
    while (out->mark_count < TXN_MARKS_MAX && query_row(&q))
        query_get_text(&q, out->marks[out->mark_count++], TXN_NAME_SIZE);
    return query_done(&q, why);
}

/* The stamp cards of the programme; one without stamps is empty. */
static enum err tell_stamps(struct books *b, member_id member, const struct pack *pack, struct wire_tapped *out,
                            struct errmsg *why)
{
    out->stamp_count = pack->stamp_count;
    for (int32_t i = 0; i < pack->stamp_count; i++)
        memcpy(out->stamps[i].name, pack->stamps[i].name, sizeof out->stamps[i].name);
    struct query q = query_of(b->store, Q_STAMPS);
    query_int(&q, (int64_t)member);
    while (query_row(&q)) {
        struct txn_stamp is;
        query_get_text(&q, is.name, sizeof is.name);
        is.collected = query_get_int(&q);
        is.given = query_get_int(&q);
        for (int32_t i = 0; i < pack->stamp_count; i++)
            if (strcmp(out->stamps[i].name, is.name) == 0)
                out->stamps[i] = is;
    }
    return query_done(&q, why);
}

/* Where a purchase moves the end of what is good still: how much one of today would move. */
static enum err tell_moving(struct books *b, const struct member_view *m, const struct pack *pack, int32_t today,
                            struct wire_tapped *out, struct errmsg *why)
{
    if (pack->expiry != EXPIRY_ACTIVITY)
        return OK;
    struct query q = query_text_of(b->store, "SELECT coalesce(sum(left), 0) FROM lot WHERE member = ? AND expires_day"
                                             " BETWEEN ? AND ?");
    query_int(&q, (int64_t)m->member);
    query_int(&q, today);
    query_int(&q, rules_expiry_day(pack, today, m->enrolled_day));
    if (query_row(&q))
        out->moving = points_of(query_get_int(&q));
    return query_done(&q, why);
}

static enum err advise(const struct clerk *c, const struct member_view *m, const struct person *p,
                       const struct pack *pack, struct wire_tapped *out, struct errmsg *why)
{
    int32_t today = day_of_time(c->now_s);
    int64_t ending[3], visits[3], metric, last_year;
    struct advice advice;
    enum err e = sum_of(c->books, Q_LOT_ENDING, m->member, today + ADVICE_EXPIRY_DAYS, ending, why);
    if (!e)
        e = sum_of(c->books, Q_SALE_DAYS, m->member, today, visits, why);
    if (!e)
        e = books_metric(c->books, m->member, pack, today, &metric, &last_year, why);
    if (e)
        return e;
    struct advice_facts facts = {.today = today,
                                 .tier = m->tier,
                                 .metric = metric,
                                 .birthday = p->birthday,
                                 .language = p->language,
                                 .expiring = points_of(ending[0]),
                                 .visits = visits[0],
                                 .first_day = (int32_t)visits[1],
                                 .last_day = (int32_t)visits[2]};
    advice_of(pack, &facts, &advice);
    out->expiring = facts.expiring;
    if ((e = mark(c->books, m->member, visits[0] == 0, advice.birthday && p->consent_s, out, why)))
        return e;
    if (advice.next)
        memcpy(out->next_tier, advice.next->code, sizeof out->next_tier);
    out->missing = advice.missing;
    out->flags |= (advice.birthday ? TAPPED_BIRTHDAY : 0u) | (advice.at_risk ? TAPPED_AT_RISK : 0u);
    snprintf(out->suggestion, sizeof out->suggestion, "%s", advice.suggestion);
    return OK;
}

static void tell_card(const struct card_view *card, const struct member_view *m, struct wire_tapped *out)
{
    int64_t held = points_n(m->held), purse = points_n(card->purse);
    /* A tier that changed is no reason: the till takes it from this answer. */
    out->load_due = entry_is(card->open_intent) || (held < 0 && purse > 0) ||
                    (held > 0 && card->status == CARD_ACTIVE) ||
                    (card->status == CARD_REPLACED && purse > 0);
}

static enum err tell_member(const struct clerk *c, const struct known_who *who, struct wire_tapped *out,
                            struct errmsg *why)
{
    struct member_view m;
    struct person p = {0};
    enum err e = books_member(c->books, who->member, &m, why);
    if (e)
        return e;
    e = books_person(c->books, who->member, &p, why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    out->known = true;
    out->member = who->member;
    memcpy(out->tier, m.tier, sizeof out->tier);
    out->held = m.held;
    out->pending = m.pending;
    if (who->means != MEANS_CARD) /* whoever asks without a card wants to know what there is in all */
        out->purse = m.on_cards;
    if ((e = books_spendable(c->books, who->member, c->now_s, &out->spendable, why)))
        return e;
    out->next_expiry = m.next_expiry;
    out->next_expiry_day = m.next_expiry_day;
    out->enrolled_day = m.enrolled_day;
    out->owed = m.owed;
    memcpy(out->language, p.language, sizeof out->language);
    if (p.consent_s)
        memcpy(out->name, p.name, sizeof out->name);
    if (who->means == MEANS_CARD)
        tell_card(&who->card, &m, out);
    const struct pack *pack = books_pack_on(c->books, day_of_time(c->now_s));
    if (!pack)
        return OK;
    if (rules_means_may(pack, who->means, true, points_of(1), false) == MEANS_WANTS_FACTOR)
        out->flags |= TAPPED_PIN;
    e = tell_stamps(c->books, m.member, pack, out, why);
    if (!e)
        e = tell_moving(c->books, &m, pack, day_of_time(c->now_s), out, why);
    return e ? e : advise(c, &m, &p, pack, out, why);
}

enum err clerk_tap(const struct clerk *c, const struct wire_tap *ask, struct wire_tapped *out,
                   struct errmsg *why)
{
    struct known_who who;
    memset(out, 0, sizeof *out);
    enum err e = shown(c, &ask->card, ask->means, ask->value, false, &who, why);
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    if (who.means == MEANS_CARD) {
        out->card_status = who.card.status;
        out->purse = who.card.purse;
    } else {
        out->card_status = CARD_ACTIVE;
    }
    e = who.member ? tell_member(c, &who, out, why) : OK;
    return e == ERR_NOT_FOUND ? OK : e; /* a member number that nobody has */
}

/* ---- hold ---- */

/* ERR_NOT_FOUND: the name is new.  What was shown the first time cannot be shown again. */
static enum err hold_named(const struct clerk *c, const struct wire_hold *ask, struct wire_held *out,
                           struct errmsg *why)
{
    struct hold_view h;
    enum err e = books_hold_named(c->books, c->terminal, ask->name, &h, why);
    if (e)
        return e;
    if (points_cmp(h.points, ask->points) != 0 || strcmp(h.reward, ask->reward) != 0 || (ask->member && ask->member != h.member))
        return err_set(why, ERR_CONFLICT, "this name was given to another hold");
    if (!h.open || c->now_s > h.until_s)
        return err_set(why, ERR_STATE, TR_LATER("the points were set aside too long ago and are let go: ask anew"));
    *out = (struct wire_held){h.entry.seq, h.points, h.until_s};
    return OK;
}

static enum err check_supervisor(const struct clerk *c, uint32_t id, struct errmsg *why)
{
    struct staff p;
    enum err e = people_staff(c->books, id, &p, why);
    if (e == ERR_NOT_FOUND || (!e && p.role != STAFF_SUPERVISOR))
        return err_set(why, ERR_AUTH, "number %" PRIu32 " is no supervisor", id);
    return e;
}

/* The second thing that was shown, if any: whether these points want one the rules say (books_hold). */
static enum err check_factor(const struct clerk *c, const struct wire_hold *ask, member_id member,
                             struct errmsg *why)
{
    enum err e = ask->approved_by ? check_supervisor(c, ask->approved_by, why) : OK;
    return !e && *ask->pin ? people_check_pin(c->books, member, ask->pin, c->now_s, why) : e;
}

enum err clerk_hold(const struct clerk *c, const struct wire_hold *ask, struct wire_held *out,
                    struct errmsg *why)
{
    struct known_who who;
    enum err e = hold_named(c, ask, out, why);
    if (e != ERR_NOT_FOUND)
        return e;
    e = shown(c, &ask->card, ask->means, ask->value, true, &who, why);
    if (e)
        return e;
    if (!who.member)
        return err_set(why, ERR_NOT_FOUND, TR_LATER("this card is nobody's"));
    if (ask->member && who.member != ask->member)
        return err_set(why, ERR_CONFLICT, TR_LATER("what was shown is another member's"));
    if (who.means == MEANS_CARD && who.card.status != CARD_ACTIVE)
        return err_set(why, ERR_REFUSED, "this card is %s", card_status_name(who.card.status));
    if ((e = check_factor(c, ask, who.member, why)))
        return e;
    struct hold_view held;
    struct hold_wanted wanted = {.member = who.member,
                                 .points = ask->points,
                                 .reward = ask->reward,
                                 .means = who.means,
                                 .factor = *ask->pin || ask->approved_by,
                                 .approved_by = ask->approved_by,
                                 .terminal = c->terminal,
                                 .name = ask->name};
    if ((e = books_hold(c->books, &wanted, c->now_s, &held, why)))
        return e;
    *out = (struct wire_held){held.entry.seq, held.points, held.until_s};
    return OK;
}

/* ---- person ---- */

/* UTF-8 without control characters: it is shown on screens. */
static bool is_plain(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        unsigned c = *p++;
        int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;
        if (more < 0 || c < ' ' || c == 0x7f)
            return false;
        if (more)
            c &= 0x3fu >> more;
        for (int i = 0; i < more; i++, p++) {
            if ((*p & 0xc0) != 0x80)
                return false;
            c = c << 6 | (*p & 0x3fu);
        }
        static const unsigned least[] = {0, 0xa0, 0x800, 0x10000}; /* 0x80 to 0x9f are control characters */
        if (c < least[more] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
            return false;
    }
    return true;
}

static enum err save_person(const struct clerk *c, const struct wire_person *ask, const char *phone,
                            struct errmsg *why)
{
    struct member_view m;
    struct person p = {.member = ask->member};
    enum err e = books_member(c->books, ask->member, &m, why);
    if (e)
        return e;
    e = books_person(c->books, ask->member, &p, why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    if (e == ERR_NOT_FOUND)
        p = (struct person){.member = ask->member};
    bool same = strcmp(p.name, ask->name) == 0 && strcmp(p.phone, phone) == 0;
    if (same && p.consent_s)
        return OK; /* asked again */
    if (*p.name || *p.phone)
        return err_set(why, ERR_EXISTS, TR_LATER("this member is somebody already: head office can change it"));
    memcpy(p.name, ask->name, sizeof p.name);
    snprintf(p.phone, sizeof p.phone, "%s", phone);
    p.consent_s = c->now_s;
    const struct profile_by by = {.channel = "till", .now_s = c->now_s};
    e = books_save_person(c->books, &p, why);
    if (!e)
        e = profile_consent(c->books, p.member, PURPOSE_NAME, true, "till", &by, why);
    if (!e)
        e = known_set_phone(c->books, &c->home->known_keys, p.member, p.phone, c->now_s, why);
    return e == ERR_EXISTS ? err_set(why, e, TR_LATER("this telephone number is another member's")) : e;
}

enum err clerk_person(const struct clerk *c, const struct wire_person *ask, struct wire_done *out,
                      struct errmsg *why)
{
    char phone[PHONE_TEXT_SIZE] = "";
    if (!ask->consent)
        return err_set(why, ERR_FORMAT, TR_LATER("without the member's consent nothing is kept"));
    if (!*ask->name && !*ask->phone)
        return err_set(why, ERR_FORMAT, TR_LATER("a name or a telephone number is wanted"));
    if (!is_plain(ask->name))
        return err_set(why, ERR_FORMAT, TR_LATER("this name cannot be shown: letters and signs only"));
    enum err e = *ask->phone ? known_phone(phone, ask->phone, why) : OK;
    if (e || (e = books_begin(c->books, why)))
        return e;
    e = save_person(c, ask, phone, why);
    if (!e)
        e = books_commit(c->books, why);
    if (e) {
        books_rollback(c->books);
        return e;
    }
    *out = (struct wire_done){.member = ask->member};
    snprintf(out->sentence, sizeof out->sentence, TR_LATER("The member is known by name now."));
    return OK;
}

/* ---- replace ---- */

const char *card_status_name(enum card_status status)
{
    switch (status) {
    case CARD_ACTIVE:
        return TR_LATER("active");
    case CARD_BLOCKED:
        return TR_LATER("blocked");
    case CARD_REPLACED:
        return TR_LATER("replaced");
    }
    return "?";
}

static enum err issued_card(struct books *b, const struct card_uid *uid, struct card_view *out,
                            struct errmsg *why)
{
    char text[UID_TEXT_SIZE];
    enum err e = books_card(b, uid, out, why);
    uid_text(text, uid);
    return e == ERR_NOT_FOUND ? err_set(why, e, "card %s was never issued here", text) : e;
}

enum err books_free_card(struct books *b, const struct card_uid *uid, struct card_view *out,
                         struct errmsg *why)
{
    char text[UID_TEXT_SIZE];
    enum err e = issued_card(b, uid, out, why);
    uid_text(text, uid);
    if (!e && out->member)
        return err_set(why, ERR_EXISTS, "card %s is the card of M%" PRIu64, text, out->member);
    if (!e && out->status != CARD_ACTIVE)
        return err_set(why, ERR_STATE, "card %s is %s", text, card_status_name(out->status));
    return e;
}

enum err books_replace_card(struct books *b, const struct card_uid *lost, const struct card_uid *fresh,
                            const char *reason, uint32_t user, int64_t now_s, struct errmsg *why)
{
    struct card_view old, new;
    struct txn t = {.kind = TXN_CARD, .card_status = CARD_ACTIVE};
    char text[UID_TEXT_SIZE];
    bool own = !store_office_is_open(b->store);
    enum err e = own ? books_begin(b, why) : OK;
    if (e)
        return e;
    uid_text(text, lost);
    e = issued_card(b, lost, &old, why);
    if (!e && old.member == 0)
        e = err_set(why, ERR_STATE, "card %s is nobody's", text);
    if (!e && old.status == CARD_REPLACED)
        e = err_set(why, ERR_STATE, "card %s is replaced already", text);
    if (!e)
        e = books_free_card(b, fresh, &new, why);
    if (!e) {
        t.card = *fresh;
        t.replaces = *lost;
        t.member = old.member;
        t.user = user;
        t.card_kind = new.kind;
        snprintf(t.reason, sizeof t.reason, "%s", reason);
        e = books_post_own(b, &t, now_s, why);
    }
    if (own && e)
        books_rollback(b);
    return own && !e ? books_commit(b, why) : e;
}

struct only_card {
    struct card_uid uid;
    int32_t active;
};

static bool count_active(const struct card_view *card, void *arg)
{
    struct only_card *only = arg;
    if (card->status == CARD_ACTIVE) {
        only->uid = card->uid;
        only->active++;
    }
    return true;
}

/* The answer to the first question was lost: the new card is in the place of this one already. */
static bool is_done(const struct clerk *c, const struct wire_replace *ask, member_id *member)
{
    const struct card_uid *lost = &ask->lost;
    struct errmsg why;
    struct card_view card;
    bool was = false;
    if (books_card(c->books, &ask->card, &card, &why) || !card.member ||
        (ask->member && card.member != ask->member))
        return false;
    struct query q = query_of(c->books->store, Q_CARD_REPLACED_BY);
    query_uid(&q, &ask->card);
    query_uid(&q, uid_is(lost) ? lost : NULL);
    was = query_row(&q);
    *member = card.member;
    return query_done(&q, &why) == OK && was;
}

enum err clerk_replace(const struct clerk *c, const struct wire_replace *ask, struct wire_done *out,
                       struct errmsg *why)
{
    struct only_card only = {.uid = ask->lost};
    struct card_view lost;
    char reason[TXN_REASON_SIZE];
    enum err e = OK;
    *out = (struct wire_done){.member = ask->member};
    snprintf(out->sentence, sizeof out->sentence,
             TR_LATER("The lost card is blocked; what it carried comes with the next load of the new one."));
    if (is_done(c, ask, &out->member))
        return OK;
    if (!uid_is(&ask->lost)) {
        e = ask->member ? books_cards(c->books, ask->member, count_active, &only, why)
                        : err_set(why, ERR_NOT_FOUND, TR_LATER("say whose card it is"));
        if (!e && only.active != 1)
            e = err_set(why, ERR_STATE,
                        only.active ? "this member has %d cards: say which one is lost"
                                    : "this member has no card that could be lost",
                        (int)only.active);
    }
    if (!e)
        e = issued_card(c->books, &only.uid, &lost, why);
    if (!e && ask->member && lost.member != ask->member)
        e = err_set(why, ERR_CONFLICT, TR_LATER("the lost card is another member's"));
    if (e)
        return e;
    snprintf(reason, sizeof reason, "lost; replaced at T%04u by %u, approved by %u", (unsigned)c->terminal,
             (unsigned)ask->cashier, (unsigned)ask->approved_by);
    out->member = lost.member;
    return books_replace_card(c->books, &only.uid, &ask->card, reason, 0, c->now_s, why);
}
