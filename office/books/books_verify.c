/* books_verify.c - do the invariants hold (books_verify), and does the log give these books again
 * (books_replay, I7)?  Both only read.  A line for each claim, with its numbers; what is broken is named.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/books/books_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct check {
    struct books *b;
    FILE *out;
    int broken;
    struct errmsg *why;
};

static void say(struct check *c, bool holds, const char *claim, const char *detail)
{
    fprintf(c->out, "%-7s %s: %s\n", holds ? "ok" : "BROKEN", claim, detail);
    c->broken += !holds;
}

/* numbers: one row, its columns go into format ("%" text as people read it).  faults: rows of one text each,
 * none when the claim holds. */
struct claim {
    const char *text, *numbers, *numbers_are, *faults;
};

/* An entry as people name it, from columns terminal and seq of e. */
#define ENTRY_NAME "iif(e.terminal = 0, 'HQ-' || e.seq, printf('T%04d-%d', e.terminal, e.seq))"
/* The sums of each member, once for all. */
#define SUMS                                                                                       \
    "(SELECT member, sum(iif(account = 'held', amount, 0)) AS held,"                               \
    " sum(iif(account = 'transit', amount, 0)) AS transit,"                                        \
    " sum(iif(account = 'reserved', amount, 0)) AS reserved,"                                      \
    " sum(iif(account = 'pending', amount, 0)) AS pending,"                                        \
    " sum(iif(account IN ('held', 'card', 'transit', 'reserved', 'pending'), amount, 0)) AS total"           \
    " FROM posting GROUP BY member)"

static const struct claim claims[] = {
    {"I1 every entry adds up to zero, for each member",
     "SELECT count(DISTINCT position), count(*) FROM posting", "entries, postings",
     "SELECT " ENTRY_NAME " || ': its postings for M' || p.member || ' add up to ' || sum(p.amount)"
     " FROM posting p JOIN entry e USING (position) GROUP BY p.position, p.member"
     " HAVING sum(p.amount) <> 0 ORDER BY p.position"},
    {"everything posted is of an entry in the log", "SELECT count(*) FROM entry", "entries",
     "SELECT 'posting ' || position || '.' || n || ' of M' || member FROM posting"
     " WHERE position NOT IN (SELECT position FROM entry)"
     " UNION ALL SELECT 'lot move ' || position || '.' || n || ' of M' || member FROM lot_move"
     " WHERE position NOT IN (SELECT position FROM entry)"
     " UNION ALL SELECT 'sale ' || position FROM sale WHERE position NOT IN (SELECT position FROM entry)"},
    {"I1 lots less debt are a member's points in all places",
     "SELECT (SELECT count(*) FROM member), (SELECT count(*) FROM lot),"
     " (SELECT coalesce(sum(left), 0) FROM lot), (SELECT coalesce(sum(owed), 0) FROM member)",
     "members, lots, points left, owed",
     "SELECT 'M' || m.member || ': lots ' || coalesce(l.left, 0) || ', owed ' || m.owed ||"
     " ', in all places ' || coalesce(s.total, 0) FROM member m LEFT JOIN " SUMS " s USING (member)"
     " LEFT JOIN (SELECT member, sum(left) AS left FROM lot GROUP BY member) l USING (member)"
     " WHERE coalesce(l.left, 0) - m.owed <> coalesce(s.total, 0)"},
    {"I1 nothing is negative that may not be",
     "SELECT (SELECT count(*) FROM lot), (SELECT count(*) FROM card)", "lots, cards",
     "SELECT 'M' || member || ': a lot of ' || left || ' and ' || expired || ' expired' FROM lot"
     " WHERE left < 0 OR expired < 0"
     " UNION ALL SELECT 'card ' || lower(hex(uid)) || ': the purse is ' || purse FROM card WHERE purse < 0"
     " AND NOT EXISTS (SELECT 1 FROM intent i WHERE i.uid = card.uid AND i.load AND i.proof = 0)"
     " AND uid NOT IN (SELECT uid FROM tmc_gap WHERE missing > 0)"
     " UNION ALL SELECT account || ' is ' || points FROM trial_balance"
     " WHERE account IN ('redeemed', 'expired', 'clawed') AND points < 0"},
    {"I1 balances kept beside the postings are their sums",
     "SELECT (SELECT count(*) FROM member), (SELECT count(*) FROM card)", "members, cards",
     "SELECT 'M' || m.member || ': held is kept as ' || m.held || ', transit as ' || m.transit ||"
     " ', they add up to ' || coalesce(s.held, 0) || ' and ' || coalesce(s.transit, 0)"
     " FROM member m LEFT JOIN " SUMS " s USING (member)"
     " WHERE m.held <> coalesce(s.held, 0) OR m.transit <> coalesce(s.transit, 0)"
     " UNION ALL SELECT 'M' || m.member || ': reserved is kept as ' || m.reserved || ', its holds are '"
     " || coalesce(h.open, 0) || ', it adds up to ' || coalesce(s.reserved, 0)"
     " FROM member m LEFT JOIN " SUMS " s USING (member)"
     " LEFT JOIN (SELECT member, sum(amount) AS open FROM hold WHERE state = 0 GROUP BY member) h"
     " USING (member) WHERE m.reserved <> coalesce(s.reserved, 0)"
     " OR m.reserved <> coalesce(h.open, 0)"
     " UNION ALL SELECT 'M' || m.member || ': pending is kept as ' || m.pending || ', its vestings are '"
     " || coalesce(v.open, 0) || ', it adds up to ' || coalesce(s.pending, 0)"
     " FROM member m LEFT JOIN " SUMS " s USING (member)"
     " LEFT JOIN (SELECT member, sum(left) AS open FROM vesting GROUP BY member) v USING (member)"
     " WHERE m.pending <> coalesce(s.pending, 0) OR m.pending <> coalesce(v.open, 0)"
     " UNION ALL SELECT 'card ' || lower(hex(uid)) || ': the purse is kept as ' || purse FROM card c"
     " LEFT JOIN (SELECT card, sum(amount) AS points FROM posting WHERE account = 'card' GROUP BY card) s"
     " ON s.card = c.uid WHERE purse <> coalesce(s.points, 0)"
     " UNION ALL SELECT 'M' || m.member || ': owed is kept as ' || m.owed FROM member m LEFT JOIN"
     " (SELECT member, sum(owed) AS owed FROM lot_move GROUP BY member) v USING (member)"
     " WHERE m.owed <> coalesce(v.owed, 0)"},
    {"I1 lots are the sums of their moves", "SELECT count(*) FROM lot_move", "moves",
     "SELECT 'M' || l.member || ': the lot of day ' || l.expires_day || ' has ' || l.left || ' left'"
     " FROM lot l LEFT JOIN (SELECT member, expires_day, sum(left) AS left, sum(expired) AS expired"
     " FROM lot_move WHERE expires_day IS NOT NULL GROUP BY member, expires_day) v"
     " USING (member, expires_day) WHERE l.left IS NOT v.left OR l.expired IS NOT v.expired"
     " UNION ALL SELECT 'M' || m.member || ': of its lots ' || coalesce(l.expired, 0) || ' have ended, by the postings '"
     " || coalesce(p.points, 0) FROM member m LEFT JOIN (SELECT member, sum(expired) AS expired FROM lot"
     " GROUP BY member) l USING (member) LEFT JOIN (SELECT member, sum(amount) AS points FROM posting"
     " WHERE account = 'expired' GROUP BY member) p USING (member)"
     " WHERE coalesce(l.expired, 0) <> coalesce(p.points, 0)"},
    {"I2 every terminal's entries count from 1 without gap",
     "SELECT count(DISTINCT terminal), count(*) FROM entry", "terminals, entries",
     "SELECT printf('T%04d', terminal) || ': ' || count(*) || ' entries, the last is ' || max(seq)"
     " FROM entry GROUP BY terminal HAVING count(*) <> max(seq) OR min(seq) <> 1"},
    {"I4 what cards paid and head office set aside is what was redeemed",
     "SELECT (SELECT coalesce(sum(redeemed), 0) FROM sale),"
     " (SELECT coalesce(sum(points_back), 0) FROM refund)", "points redeemed, given back",
     "SELECT " ENTRY_NAME " || ': redeemed ' || s.redeemed || ' without a proved intent or a hold'"
     " FROM sale s JOIN entry e USING (position)"
     " WHERE s.redeemed > 0 AND s.redeemed <> (SELECT coalesce(sum(amount), 0) FROM intent i"
     " WHERE i.sale_position = s.position AND i.proof = 2 AND i.outcome = 1 AND NOT i.load)"
     " AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.closed_by = s.position AND h.state IN (1, 3)"
     " AND h.member = s.member AND h.terminal = s.terminal AND s.redeemed <= h.amount)"
     " UNION ALL SELECT " ENTRY_NAME " || ': a proved intent of it was not redeemed' FROM sale s"
     " JOIN entry e USING (position) WHERE s.redeemed = 0 AND EXISTS (SELECT 1 FROM intent i"
     " WHERE i.sale_position = s.position AND i.proof = 2 AND i.outcome = 1 AND NOT i.load AND i.amount > 0)"
     " UNION ALL SELECT 'redeemed is ' || t.points || ' by the postings' FROM"
     " (SELECT coalesce(sum(amount), 0) AS points FROM posting WHERE account = 'redeemed') t"
     " WHERE t.points <> (SELECT coalesce(sum(redeemed), 0) FROM sale)"
     " - (SELECT coalesce(sum(points_back), 0) FROM refund)"
     " + (SELECT coalesce(sum(points - back), 0) FROM desk)"
     " UNION ALL SELECT " ENTRY_NAME " || ': ' || d.points || ' points redeemed, ' || coalesce(p.amount, 0) || ' posted'"
     " FROM desk d JOIN entry e USING (position) LEFT JOIN posting p ON p.position = d.position"
     " AND p.account = 'redeemed' WHERE coalesce(p.amount, 0) <> d.points"},
    {"I4 points are set aside by head office alone", "SELECT count(*), coalesce(sum(amount), 0) FROM hold",
     "holds, points",
     "SELECT 'HQ-' || h.seq || ': no entry of head office says so' FROM hold h LEFT JOIN entry e"
     " ON e.position = h.position AND e.terminal = 0 AND e.seq = h.seq AND e.kind = 22 WHERE e.position IS NULL"
     " UNION ALL SELECT 'HQ-' || h.seq || ': it pays two sales' FROM hold h JOIN sale s"
     " ON s.position = h.closed_by GROUP BY h.closed_by HAVING count(*) > 1"
     " UNION ALL SELECT 'HQ-' || h.seq || ': taken by no sale' FROM hold h"
     " WHERE h.state IN (1, 3) AND h.closed_by NOT IN (SELECT position FROM sale WHERE redeemed > 0 OR h.amount = 0"
     " UNION ALL SELECT position FROM desk)"
     " UNION ALL SELECT 'HQ-' || h.seq || ': kept aside, and of a sale that was closed' FROM hold h"
     " WHERE (h.state = 0) <> (h.closed_by IS NULL)"},
    {"goodwill is what was given less what was taken back",
     "SELECT count(*), coalesce(sum(points), 0), coalesce(sum(taken_back), 0) FROM gift",
     "gifts, points, taken back",
     "SELECT " ENTRY_NAME " || ': ' || g.points || ' points given, ' || coalesce(-p.amount, 0) || ' posted'"
     " FROM gift g JOIN entry e USING (position) LEFT JOIN posting p ON p.position = g.position"
     " AND p.account = 'adjusted' WHERE coalesce(-p.amount, 0) <> g.points"
     " UNION ALL SELECT 'gifts: ' || s.back || ' points are taken back by the postings' FROM"
     " (SELECT coalesce(sum(amount), 0) AS back FROM posting p JOIN entry e USING (position)"
     " WHERE e.kind = 6 AND p.account = 'adjusted' AND amount > 0) s"
     " WHERE s.back <> (SELECT coalesce(sum(taken_back), 0) FROM gift)"},
    {"what is nobody's has moved no points", "SELECT count(*) FROM unclaimed", "entries unclaimed",
     "SELECT " ENTRY_NAME " || ': it is nobody''s, and posted' FROM unclaimed u JOIN entry e USING (position)"
     " WHERE EXISTS (SELECT 1 FROM posting p WHERE p.position = u.position)"
     " OR EXISTS (SELECT 1 FROM sale s WHERE s.position = u.position AND s.member <> 0)"},
    {"a rating is of a sale and of its member", "SELECT count(*) FROM rating", "ratings",
     "SELECT " ENTRY_NAME " || ': it is of no sale of that member' FROM rating r JOIN entry e USING (position)"
     " LEFT JOIN sale s ON s.position = r.sale WHERE s.position IS NULL OR s.member <> r.member"},
    {"I6 till and head office compute the same points",
     "SELECT count(*), coalesce(sum(till <> rated), 0) FROM comparison", "compared, differing",
     "SELECT " ENTRY_NAME " || ': the till says ' || r.till || ', head office ' || r.rated"
     " FROM comparison r JOIN entry e USING (position) WHERE r.till <> r.rated ORDER BY r.position"},
    {"a later end makes no points and loses none",
     "SELECT count(*) FROM lot_move WHERE cause IN ('extend', 'activity')", "moves",
     "SELECT " ENTRY_NAME " || ': of M' || v.member || ' by ' || sum(v.left + v.expired) FROM lot_move v"
     " JOIN entry e USING (position) WHERE v.cause IN ('extend', 'activity')"
     " GROUP BY v.position, v.member, v.cause HAVING sum(v.left + v.expired) <> 0"},
    {"a tier given by hand is in the history", "SELECT count(*) FROM member WHERE hand_tier <> ''", "members",
     "SELECT 'M' || member || ': ' || tier || ' is not ' || hand_tier FROM member"
     " WHERE hand_tier <> '' AND hand_tier NOT IN (SELECT tier FROM tier_history h WHERE h.member = member.member)"},
    {"what is pending is of a purchase or a replaced card, and not overdue",
     "SELECT count(*), coalesce(sum(left), 0) FROM vesting", "vestings, points",
     "SELECT " ENTRY_NAME " || ': ' || v.left || ' points are pending to day ' || v.day FROM vesting v"
     " JOIN entry e USING (position) LEFT JOIN sale s ON s.position = v.position AND v.n = 0"
     " LEFT JOIN card c ON c.uid = v.uid"
     " WHERE (v.left > 0 AND v.day <= (SELECT max(day) FROM run))"
     " OR (v.n = 0 AND (s.member IS NOT v.member OR v.left > s.earned))"
     " OR (v.n > 0 AND (c.member IS NOT v.member OR c.status <> 3))"},
    {"what counts for tiers is what the purchases say", "SELECT count(*) FROM metric_day", "days",
     "SELECT 'M' || m.member || ': by its days ' || coalesce(d.spend, 0) || ', by its purchases ' ||"
     " coalesce(s.counted, 0) FROM member m"
     " LEFT JOIN (SELECT member, sum(spend) AS spend FROM metric_day GROUP BY member) d USING (member)"
     " LEFT JOIN (SELECT member, sum(counted - counted_back) AS counted FROM sale GROUP BY member) s"
     " USING (member) WHERE coalesce(d.spend, 0) <> coalesce(s.counted, 0)"},
    {"I1 what goes from one member to another arrives", "SELECT count(*), coalesce(sum(iif(account = 'moved' AND amount > 0,"
     " amount, 0)), 0) FROM posting JOIN entry USING (position) WHERE kind IN (25, 26, 27)", "postings, points",
     "SELECT " ENTRY_NAME " || ': ' || sum(p.amount) || ' points came from nowhere' FROM posting p JOIN entry e"
     " USING (position) WHERE p.account = 'moved' GROUP BY p.position HAVING sum(p.amount) <> 0"
     " UNION ALL SELECT " ENTRY_NAME " || ': points moved by a ' || e.kind FROM posting p JOIN entry e USING (position)"
     " WHERE p.account = 'moved' AND e.kind NOT IN (25, 26, 27)"
     " UNION ALL SELECT " ENTRY_NAME " || ': its lots change by ' || l.points || ', its places by ' || p.points"
     " FROM entry e JOIN (SELECT position, sum(left) - sum(owed) AS points FROM lot_move GROUP BY position) l"
     " USING (position) LEFT JOIN (SELECT position, sum(amount) AS points FROM posting WHERE account IN"
     " ('held', 'card', 'transit', 'reserved', 'pending') GROUP BY position) p USING (position)"
     " WHERE e.kind IN (25, 26, 27) AND l.points <> coalesce(p.points, 0)"},
    {"a merged number has nothing of its own", "SELECT count(*), count(ended_by) FROM merger", "mergers, undone",
     "SELECT 'M' || m.member || ': ' || s.total || ' points' FROM member m JOIN " SUMS " s USING (member)"
     " WHERE m.merged_into <> 0 AND (s.total <> 0 OR m.owed <> 0)"
     " UNION ALL SELECT 'M' || m.member || ': a lot of ' || l.left FROM member m JOIN lot l USING (member)"
     " WHERE m.merged_into <> 0 AND l.left <> 0"
     " UNION ALL SELECT 'M' || m.member || ': ' || what FROM member m JOIN (SELECT member, 'a card' AS what FROM card"
     " UNION ALL SELECT member, 'a purchase' FROM sale UNION ALL SELECT member, 'a hold' FROM hold"
     " UNION ALL SELECT member, 'a gift' FROM gift UNION ALL SELECT member, 'what counts for a tier' FROM metric_day"
     " UNION ALL SELECT member, 'a stamp' FROM stamp_move)"
     " USING (member) WHERE m.merged_into <> 0"
     " UNION ALL SELECT 'M' || m.member || ': merged into M' || m.merged_into || ' by no entry' FROM member m"
     " LEFT JOIN merger r ON r.other = m.member AND r.ended_by IS NULL WHERE m.merged_into <> coalesce(r.member, 0)"},
    {"a member's tier is the newest of its history", "SELECT count(*) FROM tier_history", "changes",
     "SELECT 'M' || m.member || ': ' || m.tier FROM member m WHERE m.tier IS NOT (SELECT tier"
     " FROM tier_history h WHERE h.member = m.member ORDER BY position DESC LIMIT 1)"},
};

/* "12 entries, 40 postings" */
static enum err say_numbers(struct check *c, const struct claim *claim, char *text, size_t size)
{
    const char *names = claim->numbers_are;
    size_t used = 0;
    struct query q = query_text_of(c->b->store, claim->numbers);
    text[0] = 0;
    if (query_row(&q))
        while (*names && used < size) {
            size_t length = strcspn(names, ",");
            used += (size_t)snprintf(text + used, size - used, "%s%" PRId64 " %.*s", used ? ", " : "",
                                     query_get_int(&q), (int)length, names);
            names += length + strspn(names + length, ", ");
        }
    return query_done(&q, c->why);
}

static enum err check_claim(struct check *c, const struct claim *claim)
{
    char numbers[200], first[200] = "", text[520];
    int64_t count = 0;
    enum err e = say_numbers(c, claim, numbers, sizeof numbers);
    if (e)
        return e;
    struct query q = query_text_of(c->b->store, claim->faults);
    while (query_row(&q))
        if (count++ == 0)
            query_get_text(&q, first, sizeof first);
    if ((e = query_done(&q, c->why)))
        return e;
    if (count)
        snprintf(text, sizeof text, "%s, %" PRId64 " broken; first %s", numbers, count, first);
    else
        snprintf(text, sizeof text, "%s", numbers);
    say(c, count == 0, claim->text, text);
    return OK;
}

/* ---- the log itself ---- */

static enum err check_log(struct check *c)
{
    uint8_t hash[WIRE_HASH_SIZE] = {0};
    int64_t terminal = -1, entries = 0, chains = 0, broken = 0;
    char first[200] = "", text[400];
    struct txn *t = &c->b->waiting;
    struct query q = query_of(c->b->store, Q_ENTRIES_BY_TERMINAL);
    while (query_row(&q)) {
        struct entry_id id;
        char name[ENTRY_TEXT_SIZE];
        const char *fault = NULL;
        id.terminal = (uint32_t)query_get_int(&q);
        id.seq = (uint32_t)query_get_int(&q);
        entry_text(name, id);
        int64_t kind = query_get_int(&q), time_s = query_get_int(&q);
        struct bytes kept = query_get_blob(&q), bytes;
        uint8_t stored[WIRE_HASH_SIZE] = {0};
        if (kept.size == sizeof stored)
            memcpy(stored, kept.data, sizeof stored);
        bytes = query_get_blob(&q);
        if (id.terminal != terminal)
            memset(hash, 0, sizeof hash), chains++;
        terminal = id.terminal;
        wire_chain(hash, hash, bytes);
        entries++;
        if (memcmp(hash, stored, sizeof hash) != 0)
            fault = "the hash chain does not fit";
        else if (wire_decode_txn(t, bytes, NULL))
            fault = "the bytes are no entry";
        else if (!entry_equal(t->id, id) || t->kind != kind || t->time_s != time_s)
            fault = "the bytes are of another entry";
        if (fault && broken++ == 0)
            snprintf(first, sizeof first, "%s: %s", name, fault);
        memcpy(hash, stored, sizeof hash); /* one fault is one fault */
    }
    enum err e = query_done(&q, c->why);
    if (e)
        return e;
    if (broken)
        snprintf(text, sizeof text, "%" PRId64 " entries, %" PRId64 " broken; first %s", entries, broken,
                 first);
    else
        snprintf(text, sizeof text, "%" PRId64 " entries in %" PRId64 " chains", entries, chains);
    say(c, broken == 0, "the log is as it arrived, hash by hash", text);
    return OK;
}

/* ---- I4: the cards' own evidence, once more ---- */

static enum err check_evidence(struct check *c)
{
    int64_t how_count[6] = {0}, broken = 0, checked = 0;
    char first[240] = "", text[520];
    enum err e = OK;
    struct query q = query_text_of(c->b->store,
                                   "SELECT i.terminal, i.seq, i.number, i.how, e.bytes FROM intent i"
                                   " LEFT JOIN entry e ON e.position = i.proved_by WHERE i.proof = 2"
                                   " ORDER BY i.position");
    while (query_row(&q)) {
        struct entry_id id, named, before;
        struct ledger_intent intent;
        struct errmsg fault = {""};
        char name[ENTRY_TEXT_SIZE];
        struct txn *t = &c->b->waiting;
        id.terminal = named.terminal = (uint32_t)query_get_int(&q);
        id.seq = (uint32_t)query_get_int(&q);
        named.seq = (uint32_t)query_get_int(&q);
        entry_text(name, id);
        int64_t how = query_get_int(&q);
        struct bytes bytes = query_get_blob(&q);
        checked++;
        how_count[how >= 0 && how < 6 ? how : 0]++;
        enum err bad = bytes.size ? wire_decode_txn(t, bytes, &fault)
                                  : err_set(&fault, ERR_NOT_FOUND, "the entry that proves it is not here");
        if (!bad && how != HOW_NAMED && !entry_equal(t->original, id))
            bad = err_set(&fault, ERR_CORRUPT, "it is proved by an entry of something else");
        if (!bad && t->commit == COMMIT_DONE) {
            if ((e = books_load_intent(c->b, t->original, &intent, c->why)))
                break;
            bad = books_check_evidence(c->b, t, &intent, &before, &fault);
            if (bad == ERR_NOT_FOUND && how == HOW_READING)
                bad = OK; /* the counter moved on before: head office's own reading is the witness */
            if (!bad && how == HOW_NAMED && !entry_equal(before, named))
                bad = err_set(&fault, ERR_CORRUPT, "the card names another commit");
        }
        if (bad && broken++ == 0)
            snprintf(first, sizeof first, "; first %s: %.180s", name, fault.text);
    }
    enum err ended = query_done(&q, c->why);
    e = e ? e : ended;
    snprintf(text, sizeof text,
             "%" PRId64 " card commits: %" PRId64 " by Transaction MAC, %" PRId64 " by EV1 record, %" PRId64
             " read by head office, %" PRId64 " named by the next; %" PRId64 " broken%s",
             checked, how_count[HOW_TMAC], how_count[HOW_RECORD], how_count[HOW_READING],
             how_count[HOW_NAMED], broken, first);
    if (!e)
        say(c, broken == 0, "I4 every card commit has the card's evidence", text);
    return e;
}

enum err books_verify(struct books *b, FILE *out, int *broken, struct errmsg *why)
{
    struct check c = {b, out, 0, why};
    enum err e = OK;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0] && !e; i++)
        e = check_claim(&c, &claims[i]);
    if (!e)
        e = check_log(&c);
    if (!e)
        e = check_evidence(&c);
    *broken = c.broken;
    if (!e && (fflush(out) || ferror(out)))
        e = err_set(why, ERR_IO, "the report could not be written");
    return e;
}

/* ---- I7 ---- */

/* Every derived table, in the order of its key. */
const struct books_derived books_derived[] = {{"posting", "position, n"},
               {"lot_move", "position, n"},
               {"member", "member"},
               {"lot", "member, expires_day"},
               {"vesting", "position, n"},
               {"tier_history", "member, position"},
               {"metric_day", "member, day, owner"},
               {"stamp_move", "position, name"},
               {"merger", "position"},
               {"merged_move", "owner, at, position, n"},
               {"card", "uid"},
               {"card_tmc", "uid, tmc"},
               {"hot", "version"},
               {"intent", "terminal, seq"},
               {"hold", "seq"},
               {"sale", "position"},
               {"sale_return", "sale_position, line, position"},
               {"refund", "position"},
               {"gift", "position"},
               {"rating", "position"},
               {"desk", "position"},
               {"unclaimed", "position"},
               {"waiting", "terminal, seq, position"},
               {"review", "position, n"},
               {"run", "day"}};
const size_t books_derived_count = sizeof books_derived / sizeof books_derived[0];

/* A row as people read it: "7, 0, 12, held". */
static void say_row(struct query *q, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    q->column = 0;
    for (int i = 0; i < query_column_count(q) && used + 2 < size; i++) {
        char value[40];
        query_say(q, value, sizeof value);
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", value);
    }
}

static enum err compare(struct check *c, struct books *again, const char *table, const char *key)
{
    char sql[160], first[420] = "", text[520], claim[64];
    int64_t rows = 0, differing = 0;
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY %s", table, key);
    struct query x = query_text_of(c->b->store, sql), y = query_text_of(again->store, sql);
    for (;;) {
        bool in_x = query_row(&x), in_y = query_row(&y), same = in_x && in_y;
        if (!in_x && !in_y)
            break;
        rows++;
        for (int i = 0; same && i < query_column_count(&x); i++)
            same = query_same(&x, &y);
        if (same)
            continue;
        char is[190] = "nothing", should[190] = "nothing";
        if (in_x)
            say_row(&x, is, sizeof is);
        if (in_y)
            say_row(&y, should, sizeof should);
        if (differing++ == 0)
            snprintf(first, sizeof first, "first: here (%s), by the log (%s)", is, should);
        if (!in_x || !in_y || differing > 100)
            break; /* what follows is out of step */
    }
    enum err e = query_done(&x, c->why), e2 = query_done(&y, c->why);
    snprintf(claim, sizeof claim, "I7 %s", table);
    snprintf(text, sizeof text, "%" PRId64 " rows%s%s", rows, differing ? ", differing; " : ", the same",
             first);
    say(c, differing == 0, claim, text);
    return e ? e : e2;
}

/* The packs that had come in before an entry.  *next: position of the entry that will need another. */
static enum err copy_packs(struct store_office *from, struct books *to, int64_t position, int64_t *next,
                           struct errmsg *why)
{
    enum err e = OK;
    if (position < *next)
        return OK;
    *next = INT64_MAX;
    struct query q = query_text_of(from, "SELECT version, json, after_position FROM pack ORDER BY version");
    while (!e && query_row(&q)) {
        uint32_t version = (uint32_t)query_get_int(&q);
        struct bytes json = query_get_blob(&q);
        int64_t after = query_get_int(&q);
        if (books_find_pack(to, version))
            continue;
        if (after < position)
            e = books_load_pack(to, json, why);
        else if (after + 1 < *next)
            *next = after + 1;
    }
    enum err ended = query_done(&q, why);
    return e ? e : ended;
}

enum err books_post_log(struct store_office *from, struct books *to, int64_t *entries, struct errmsg *why)
{
    enum err e = OK, ended;
    int64_t next_pack = 0;
    struct txn *t = malloc(sizeof *t);
    struct query q = query_text_of(from, "SELECT position, bytes, received_s FROM entry ORDER BY position");
    if (!t)
        e = err_set(why, ERR_IO, "out of memory");
    while (!e && query_row(&q)) {
        enum post_result result;
        int64_t position = query_get_int(&q);
        struct bytes bytes = query_get_blob(&q);
        int64_t received_s = query_get_int(&q);
        e = copy_packs(from, to, position, &next_pack, why);
        if (!e)
            e = wire_decode_txn(t, bytes, why);
        if (!e)
            e = books_post(to, t, bytes, received_s, &result, why);
        if (!e && result != POST_NEW)
            e = err_set(why, ERR_CORRUPT, "entry at %" PRId64 " does not follow the one before", position);
        if (e)
            e = err_add(why, e, "replaying the entry at %" PRId64, position);
        ++*entries;
    }
    ended = query_done(&q, why);
    free(t);
    return e ? e : ended;
}

enum err books_replay(struct books *b, FILE *out, int *broken, struct errmsg *why)
{
    struct check c = {b, out, 0, why};
    struct books *again = NULL;
    int64_t entries = 0;
    char text[64];
    enum err e = books_open_store(&again, NULL, b->keys, why);
    if (!e)
        e = books_begin(again, why);
    if (!e && !(e = books_post_log(b->store, again, &entries, why)))
        e = books_commit(again, why);
    if (!e) {
        snprintf(text, sizeof text, "%" PRId64 " entries", entries);
        say(&c, true, "I7 the log was posted again from the first entry", text);
    }
    for (size_t i = 0; i < books_derived_count && !e; i++)
        e = compare(&c, again, books_derived[i].table, books_derived[i].key);
    books_close(again);
    *broken = c.broken;
    if (!e && (fflush(out) || ferror(out)))
        e = err_set(why, ERR_IO, "the report could not be written");
    return e;
}
