/* store_office.c - see store_office.h.  The statements come first: they are all head office asks of SQL.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/store_office.h"

#include <assert.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OFFICE_SCHEMA = 4, OFFICE_APPLICATION = 0x5054524e };

extern const char db_office_sql[], db_members_sql[], db_care_sql[], db_plan_sql[], db_console_sql[], db_close_sql[],
    db_review_sql[], db_daily_sql[], db_pool_sql[];

/* The ledger's tables first, then those beside it. */
static const char *const schemas[] = {db_office_sql,  db_members_sql, db_care_sql,   db_plan_sql, db_console_sql,
                                      db_close_sql,   db_review_sql,  db_daily_sql,  db_pool_sql};

static const char *const statements[Q_COUNT] = {
    /* ---- the log ---- */
    [Q_ENTRY_APPEND] = "INSERT INTO entry (terminal, seq, kind, time_s, received_s, hash, bytes, position)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM entry))"
                       " RETURNING position",
    [Q_ENTRY_LAST] = "SELECT seq, hash, time_s FROM entry WHERE terminal = ? ORDER BY seq DESC LIMIT 1",
    [Q_ENTRY_FIND] = "SELECT bytes, position, kind FROM entry WHERE terminal = ? AND seq = ?",
    [Q_ENTRY_AT] = "SELECT bytes, received_s FROM entry WHERE position = ?",
    [Q_ENTRY_POSITION] = "SELECT coalesce(max(position), 0) FROM entry",
    [Q_ENTRIES] = "SELECT position, bytes, received_s FROM entry ORDER BY position",
    [Q_ENTRIES_BY_TERMINAL] =
        "SELECT terminal, seq, kind, time_s, hash, bytes FROM entry ORDER BY terminal, seq",
    /* ---- packs ---- */
    [Q_PACKS] = "SELECT version, json, after_position FROM pack ORDER BY version",
    [Q_PACK_ADD] = "INSERT INTO pack (version, effective_day, after_position, json, signature)"
                   " VALUES (?, ?, ?, ?, ?)",
    [Q_PACK_FIND] = "SELECT json, signature FROM pack WHERE version = ?",
    [Q_PACK_AFTER] =
        "SELECT version, json, signature FROM pack WHERE version > ? ORDER BY version LIMIT 1",
    /* ---- what is not derived ---- */
    [Q_CONFLICT_ADD] =
        "INSERT OR IGNORE INTO conflict (terminal, seq, received_s, bytes) VALUES (?, ?, ?, ?)",
    [Q_TERMINAL_GET] = "SELECT shop, revoked, code_hash, cert_hash FROM terminal WHERE terminal = ?",
    [Q_TERMINAL_SAVE] =
        "INSERT INTO terminal (terminal, shop, revoked, code_hash, cert_hash) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET shop = excluded.shop, revoked = excluded.revoked,"
        " code_hash = excluded.code_hash, cert_hash = excluded.cert_hash",
    [Q_TERMINAL_CONTACT] = "UPDATE terminal SET contact_s = ?1, waiting = ?2, program = ?3,"
                           " signature = coalesce(?4, signature), reader = ?5, printer = ?6,"
                           " receipts_waiting = ?7, journal = ?8, disk_free_mb = ?9, locked = ?10, entries = ?11,"
                           " pack_since_s = iif(pack_version = ?12, pack_since_s, ?1),"
                           " pack_behind_s = CASE WHEN ?12 >= (SELECT coalesce(max(version), 0) FROM pack) THEN 0"
                           " WHEN pack_version = ?12 AND pack_behind_s > 0 THEN pack_behind_s ELSE ?1 END,"
                           " pack_version = ?12, hot_version = ?13, staff_version = ?14, skew_s = ?15"
                           " WHERE terminal = ?16",
    [Q_TERMINALS] =
        "SELECT t.terminal, shop, revoked, code_hash, cert_hash, contact_s, waiting, program, orders,"
        " reader, printer, receipts_waiting, journal, disk_free_mb, locked, entries,"
        " pack_version, hot_version, staff_version, skew_s,"
        " (SELECT coalesce(max(seq), 0) FROM entry e WHERE e.terminal = t.terminal)"
        " FROM terminal t ORDER BY t.terminal",
    [Q_PERSON_GET] = "SELECT name, contact, note, phone, birthday, language, consent_s FROM person"
                     " WHERE member = ?",
    [Q_PERSON_SAVE] = "INSERT OR REPLACE INTO person (member, name, contact, note, phone, birthday,"
                      " language, consent_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    /* ---- by what members are known ---- */
    [Q_KNOWN_GET] = "SELECT member FROM known WHERE token = ?",
    [Q_KNOWN_ADD] = "INSERT INTO known (token, means, name, member) VALUES (?, ?, ?, ?)",
    [Q_KNOWN_DROP] = "DELETE FROM known WHERE token = ? RETURNING 1",
    [Q_KNOWN_NO_PHONE] = "DELETE FROM known WHERE member = ? AND means = 6",
    [Q_KNOWN_LIST] = "SELECT means, name, member FROM known WHERE means <> 6 AND (?1 = 0 OR member = ?1)"
                     " ORDER BY member, means, name",
    [Q_CODE_GET] = "SELECT terminal, time_s FROM code_used WHERE name = ?",
    [Q_CODE_ADD] = "INSERT INTO code_used (name, terminal, time_s, until_s) VALUES (?, ?, ?, ?)",
    [Q_CODE_TIDY] = "DELETE FROM code_used WHERE until_s < ?",
    [Q_SUN_GET] = "SELECT counter, terminal, time_s FROM sun_tag WHERE uid = ?",
    [Q_SUN_SET] = "INSERT INTO sun_tag (uid, counter, terminal, time_s) VALUES (?, ?, ?, ?)"
                  " ON CONFLICT DO UPDATE SET counter = excluded.counter, terminal = excluded.terminal,"
                  " time_s = excluded.time_s",
    [Q_PIN_GET] = "SELECT salt, hash, wrong, locked_until FROM pin WHERE member = ?",
    [Q_PIN_SET] = "INSERT OR REPLACE INTO pin (member, salt, hash) VALUES (?, ?, ?)",
    [Q_PIN_COUNT] = "UPDATE pin SET wrong = ?2, locked_until = ?3 WHERE member = ?1",
    [Q_PIN_DROP] = "DELETE FROM pin WHERE member = ?",
    [Q_STAFF_GET] = "SELECT id, name, role, language, salt, hash, badge, grant_limit, grant_day_limit,"
                    " version FROM staff WHERE id = ?",
    [Q_STAFF_SAVE] = "INSERT OR REPLACE INTO staff (id, name, role, language, salt, hash, badge,"
                     " grant_limit, grant_day_limit, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?,"
                     " (SELECT coalesce(max(version), 0) + 1 FROM staff))",
    [Q_STAFF_SINCE] = "SELECT id, name, role, language, salt, hash, badge, grant_limit, grant_day_limit,"
                      " version FROM staff WHERE version > ? ORDER BY version LIMIT ?",
    [Q_STAFF_LIST] = "SELECT id, name, role, language, salt, hash, badge, grant_limit, grant_day_limit,"
                     " version FROM staff WHERE role > 0 ORDER BY id",
    [Q_STAFF_NEXT] = "SELECT coalesce(max(id), 0) + 1, (SELECT id FROM staff WHERE badge = ?) FROM staff",
    [Q_ORDERS_GET] = "SELECT orders FROM terminal WHERE terminal = ?",
    [Q_ORDERS_SET] = "UPDATE terminal SET orders = ?2 WHERE terminal = ?1",
    [Q_LOT_ENDING] = "SELECT coalesce(sum(left), 0) FROM lot WHERE member = ? AND left > 0"
                     " AND expires_day <= ?",
    [Q_SALE_DAYS] = "SELECT count(DISTINCT day), coalesce(min(day), 0), coalesce(max(day), 0) FROM sale"
                    " WHERE member = ? AND day <= ?",
    [Q_CARD_REPLACED_BY] = "SELECT 1 FROM card WHERE replaced_by = ?1 AND uid = coalesce(?2, uid)",
    /* ---- postings and lots ---- */
    [Q_POSTING_ADD] =
        "INSERT INTO posting (position, n, member, account, card, amount) VALUES (?, ?, ?, ?, ?, ?)",
    [Q_LOT_MOVE_ADD] = "INSERT INTO lot_move (position, n, member, cause, expires_day, left, expired, owed)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_LOTS] = "SELECT expires_day, left, expired FROM lot WHERE member = ?1"
               " AND (left > 0 OR expires_day >= ?2) ORDER BY expires_day",
    [Q_LOT_CHANGE] = "UPDATE lot SET left = left + ?3, expired = expired + ?4"
                     " WHERE member = ?1 AND expires_day = ?2 RETURNING 1",
    [Q_LOT_ADD] = "INSERT INTO lot (member, expires_day, left, expired) VALUES (?, ?, ?, ?)",
    [Q_LOT_NEXT] = "SELECT expires_day, left FROM lot WHERE member = ? AND left > 0"
                   " AND expires_day < 2147483647 ORDER BY expires_day LIMIT 1",
    /* ---- members ---- */
    [Q_MEMBER_GET] = "SELECT tier, short_since_day, last_day, held, transit, owed, reserved, pending,"
                     " enrolled_day, hand_tier, hand_until_day, merged_into FROM member"
                     " WHERE member = ?",
    [Q_MEMBER_ADD] = "INSERT INTO member (member, position, enrolled_day, tier, short_since_day, last_day)"
                     " VALUES (?, ?, ?, ?, 2147483647, -2147483648)",
    [Q_MEMBER_BALANCE] = "UPDATE member SET held = held + ?2, transit = transit + ?3, owed = owed + ?4,"
                         " reserved = reserved + ?5, pending = pending + ?6 WHERE member = ?1",
    [Q_MEMBER_TIER] = "UPDATE member SET tier = ?2, short_since_day = ?3 WHERE member = ?1",
    [Q_MEMBER_HAND] = "UPDATE member SET hand_tier = ?2, hand_until_day = ?3 WHERE member = ?1",
    [Q_MEMBER_SEEN] = "UPDATE member SET last_day = max(last_day, ?2) WHERE member = ?1",
    [Q_MEMBER_MAX] = "SELECT max((SELECT coalesce(max(member), 0) FROM member),"
                     " (SELECT coalesce(max(member), 0) FROM person))",
    [Q_MEMBERS] = "SELECT member FROM member WHERE merged_into = 0 ORDER BY member",
    [Q_TIER_ADD] = "INSERT INTO tier_history (member, position, day, tier, why) VALUES (?, ?, ?, ?, ?)",
    [Q_TIER_EVER] = "SELECT 1 FROM tier_history WHERE member IN (?1, ?2) AND tier = ?3 LIMIT 1",
    [Q_METRIC_ADD] = "INSERT INTO metric_day (member, owner, day, spend, points, bills)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                     " ON CONFLICT DO UPDATE SET spend = spend + ?4, points = points + ?5,"
                     " bills = bills + ?6",
    [Q_STAMP_ADD] = "INSERT INTO stamp_move (position, name, member, owner, collected, given, collected_before,"
                    " given_before) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_STAMPS] = "SELECT name, sum(collected), sum(given) FROM stamp_move WHERE member = ? GROUP BY name",
    [Q_STAMPS_BEFORE] = "SELECT name, collected_before, given_before FROM stamp_move WHERE position = ?",
    [Q_METRIC_SUM] = "SELECT coalesce(sum(spend), 0), coalesce(sum(points), 0),"
                     " count(DISTINCT iif(bills > 0, day, NULL)) FROM metric_day"
                     " WHERE member = ? AND day BETWEEN ? AND ?",
    /* ---- cards ---- */
    [Q_CARD_GET] = "SELECT member, kind, status, purse, owner FROM card WHERE uid = ?",
    [Q_CARD_SAVE] =
        "INSERT INTO card (uid, position, member, owner, kind, status, replaced_by) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET position = excluded.position, member = excluded.member,"
        " owner = excluded.owner,"
        " kind = excluded.kind, status = excluded.status, replaced_by = excluded.replaced_by",
    [Q_CARD_PURSE] = "UPDATE card SET purse = purse + ?2 WHERE uid = ?1",
    [Q_CARD_TMC] = "UPDATE card SET tmc_first = min(coalesce(tmc_first, ?2), ?2),"
                   " tmc_last = max(coalesce(tmc_last, ?2), ?2) WHERE uid = ?1",
    [Q_CARDS] = "SELECT uid, member, kind, status, purse FROM card WHERE ?1 = 0 OR member = ?1"
                " ORDER BY position, uid",
    [Q_CARD_SUM] = "SELECT coalesce(sum(purse), 0) FROM card WHERE member = ?",
    [Q_TMC_GET] = "SELECT terminal, number FROM card_tmc WHERE uid = ? AND tmc = ?",
    [Q_TMC_ADD] = "INSERT INTO card_tmc (uid, tmc, terminal, number, named, position)"
                  " VALUES (?, ?, ?, ?, ?, ?)"
                  " ON CONFLICT DO UPDATE SET named = min(named, excluded.named)",
    [Q_TMC_NAMES] = "SELECT 1 FROM card_tmc WHERE terminal = ? AND number = ? AND uid = ?",
    [Q_HOT_ADD] = "INSERT INTO hot (version, uid, status, position)"
                  " VALUES ((SELECT coalesce(max(version), 0) + 1 FROM hot), ?, ?, ?)",
    [Q_HOT_SINCE] = "SELECT version, uid, status FROM hot WHERE version > ? ORDER BY version LIMIT ?",
    [Q_HOT_LAST] = "SELECT status FROM hot WHERE uid = ? ORDER BY version DESC LIMIT 1",
    /* ---- intents ---- */
    [Q_INTENT_GET] = "SELECT terminal, seq, number, load, uid, amount, time_s, proof, how, outcome,"
                     " sale_position FROM intent WHERE terminal = ? AND seq = ?",
    [Q_INTENT_NAMED] = "SELECT terminal, seq, number, load, uid, amount, time_s, proof, how, outcome,"
                       " sale_position FROM intent WHERE terminal = ? AND number = ?",
    [Q_LOAD_LAST] = "SELECT max(number) FROM intent WHERE terminal = 0",
    [Q_INTENT_ADD] = "INSERT INTO intent (terminal, seq, number, position, load, uid, member, amount,"
                     " time_s, proof, how, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)",
    [Q_INTENT_SET] = "UPDATE intent SET proof = ?3, how = ?4, outcome = ?5,"
                     " proved_by = iif(proof <> ?3, ?6, proved_by)"
                     " WHERE terminal = ?1 AND seq = ?2",
    [Q_INTENT_SALE] = "UPDATE intent SET sale_position = ?3 WHERE terminal = ?1 AND seq = ?2",
    [Q_INTENT_OLDEST] = "SELECT terminal, seq FROM intent WHERE uid = ? AND proof = 0"
                        " ORDER BY position LIMIT 1",
    [Q_INTENTS_OPEN] = "SELECT terminal, seq FROM intent WHERE uid = ? AND proof = 0 ORDER BY position",
    /* ---- points set aside ---- */
    [Q_HOLD_ADD] = "INSERT INTO hold (seq, position, terminal, name, member, owner, amount, reward, means, until_s)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_HOLD_GET] = "SELECT seq, terminal, member, owner, amount, reward, means, state, until_s FROM hold WHERE seq = ?",
    [Q_HOLD_NAMED] = "SELECT seq, terminal, member, owner, amount, reward, means, state, until_s FROM hold"
                     " WHERE terminal = ? AND name = ? ORDER BY seq DESC LIMIT 1",
    [Q_HOLD_SET] = "UPDATE hold SET state = ?2, closed_by = ?3 WHERE seq = ?1",
    [Q_HOLD_DUE] = "SELECT seq FROM hold WHERE state = 0 AND until_s < ? ORDER BY until_s, seq LIMIT 1",
    [Q_LOTS_GOOD] = "SELECT coalesce(sum(left), 0) FROM lot WHERE member = ? AND expires_day >= ?",
    /* ---- pending ---- */
    [Q_VESTING_ADD] = "INSERT INTO vesting (position, n, left, member, uid, day) VALUES (?, ?, ?, ?, ?, ?)",
    [Q_VESTING_SET] = "UPDATE vesting SET left = ?3 WHERE position = ?1 AND n = ?2",
    [Q_VESTING_GET] = "SELECT position, n, day, left FROM vesting WHERE position = ? AND n = 0",
    [Q_VESTING_OF_CARD] = "SELECT position, n, day, left FROM vesting WHERE uid = ?",
    [Q_VESTING_DUE] = "SELECT coalesce(sum(left), 0) FROM vesting WHERE member = ? AND day <= ? AND left > 0",
    [Q_VESTED] = "UPDATE vesting SET left = 0 WHERE member = ? AND day <= ? AND left > 0",
    /* ---- purchases ---- */
    [Q_SALE_ADD] = "INSERT INTO sale (position, terminal, seq, member, owner, said, card, shop, day, pack_version, tier,"
                   " total, counted, till, rated, earned, lot_day, redeemed_value, earned_here,"
                   " earned_today, month_here, earned_month, why, means, cashier, approved_by)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_SALE_GET] = "SELECT position, member, day, pack_version, tier, counted, earned, lot_day, redeemed,"
                   " redeemed_back, redeem_position, earned_here, earned_today, month_here, earned_month,"
                   " counted_back, owner"
                   " FROM sale WHERE terminal = ? AND seq = ?",
    [Q_SALE_DAYS_AFTER] = "SELECT DISTINCT day FROM sale WHERE member = ? AND day > ? ORDER BY day",
    /* Where the lot of a day is now: every point of it that was left moved with the others.  ?3: the number it was
     * of before a merge. */
    [Q_LOT_NOW] = "WITH RECURSIVE way (day) AS (SELECT ?2 UNION SELECT t.expires_day FROM way"
                  " JOIN lot_move o ON o.member IN (?1, ?3) AND o.expires_day = way.day"
                  " AND o.cause IN ('extend', 'activity') AND (o.left < 0 OR o.expired < 0)"
                  " JOIN lot_move t ON t.position = o.position AND t.member = o.member AND t.cause = o.cause"
                  " AND t.left > 0) SELECT max(day) FROM way",
    [Q_SALE_REDEEMED] = "UPDATE sale SET redeemed = ?2, redeem_position = ?3 WHERE position = ?1",
    [Q_SALE_RETURNED] = "UPDATE sale SET redeemed_back = redeemed_back + ?2,"
                        " counted_back = counted_back + ?3 WHERE position = ?1",
    [Q_SALE_EARNED_ON] = "SELECT coalesce(sum(earned), 0) FROM sale WHERE member = ? AND day BETWEEN ? AND ?",
    [Q_SALE_EARNED_HERE] = "SELECT coalesce(sum(till), 0) FROM sale WHERE member = ? AND day BETWEEN ? AND ?"
                           " AND terminal = ? AND seq < ? AND (card = ? OR (said <> 0 AND said = ?))",
    [Q_RETURN_ADD] =
        "INSERT INTO sale_return (sale_position, line, position, quantity) VALUES (?, ?, ?, ?)",
    [Q_RETURNS] = "SELECT r.line, sum(r.quantity), sum(iif(e.terminal = ?2, r.quantity, 0))"
                  " FROM sale_return r JOIN entry e USING (position)"
                  " WHERE r.sale_position = ?1 GROUP BY r.line",
    [Q_REDEEM_MOVES] = "SELECT expires_day, left, expired, owed FROM lot_move"
                       " WHERE position = ? AND cause = 'redeem' ORDER BY n",
    [Q_REFUND_ADD] = "INSERT INTO refund (position, sale_position, member, day, total, given, till, rated,"
                     " clawed, let_go, points_back, why, cashier, approved_by)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_REFUNDS_GIVEN] = "SELECT coalesce(sum(r.given), 0), coalesce(sum(iif(e.terminal = ?2, r.given, 0)), 0),"
                        " coalesce(sum(r.clawed + r.let_go), 0) + coalesce((SELECT rerated_back FROM sale"
                        " WHERE position = ?1), 0)"
                        " FROM refund r JOIN entry e USING (position) WHERE r.sale_position = ?1",
    [Q_GIFT_ADD] = "INSERT INTO gift (position, terminal, seq, member, owner, day, points, lot_day, cashier,"
                   " approved_by, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [Q_GIFT_GET] = "SELECT position, member, owner, points, taken_back, lot_day FROM gift WHERE terminal = ? AND seq = ?",
    [Q_GIFT_BACK] = "UPDATE gift SET taken_back = taken_back + ?2 WHERE position = ?1",
    [Q_GIFTS_ON] = "SELECT coalesce(sum(points), 0) FROM gift WHERE terminal = ? AND day = ?",
    [Q_RATING_ADD] = "INSERT INTO rating (position, sale, member, rating, cashier)"
                     " SELECT ?, position, member, ?, cashier FROM sale WHERE position = ?",
    [Q_RATING_CLAIM] = "UPDATE rating SET member = ?2 WHERE sale = ?1",
    /* ---- of nobody, until somebody is known by it ---- */
    [Q_UNCLAIMED_ADD] = "INSERT INTO unclaimed (position, card, token, time_s) VALUES (?, ?, ?, ?)",
    [Q_UNCLAIMED_GET] = "SELECT 1 FROM unclaimed u JOIN entry e USING (position)"
                        " WHERE e.terminal = ?1 AND e.seq = ?2"
                        " UNION ALL SELECT 1 FROM sale WHERE terminal = ?1 AND seq = ?2 AND member = 0 AND said = 0"
                        " AND card IS NULL AND redeemed_value = 0",
    [Q_UNCLAIMED_BY_CARD] = "SELECT position FROM unclaimed WHERE card = ? AND time_s >= ?"
                            " ORDER BY position LIMIT 1",
    [Q_UNCLAIMED_BY_TOKEN] = "SELECT e.terminal, e.seq FROM unclaimed u JOIN entry e USING (position)"
                             " WHERE u.token = ? AND u.time_s >= ? ORDER BY position LIMIT 1",
    [Q_UNCLAIMED_DONE] = "DELETE FROM unclaimed WHERE position = ?",
    [Q_POSITION_OF] = "SELECT position FROM entry WHERE terminal = ? AND seq = ?",
    [Q_REFUNDS_WAIT] = "INSERT INTO waiting (terminal, seq, position) SELECT s.terminal, s.seq, r.position"
                       " FROM refund r JOIN sale s ON s.position = r.sale_position WHERE s.position = ?",
    [Q_REFUNDS_FORGET] = "DELETE FROM refund WHERE sale_position = ?",
    [Q_RETURNS_FORGET] = "DELETE FROM sale_return WHERE sale_position = ?",
    [Q_REFUNDS_UNREVIEW] = "DELETE FROM review WHERE position IN"
                           " (SELECT position FROM refund WHERE sale_position = ?)",
    [Q_UNREVIEW] = "DELETE FROM review WHERE position = ?",
    [Q_SALE_FORGET] = "DELETE FROM sale WHERE position = ?",
    [Q_MEMBER_NEXT] = "SELECT coalesce(max(member), 0) FROM member",
    [Q_WAITING_ADD] = "INSERT INTO waiting (terminal, seq, position) VALUES (?, ?, ?)",
    [Q_WAITING_FOR] = "SELECT position FROM waiting WHERE terminal = ? AND seq = ? ORDER BY position LIMIT 1",
    [Q_WAITING_DONE] = "DELETE FROM waiting WHERE position = ?",
    /* ---- the rest ---- */
    [Q_REVIEW_ADD] = "INSERT INTO review (position, n, member, answer, detail) VALUES (?, ?, ?, ?, ?)",
    [Q_REVIEWS] = "SELECT e.terminal, e.seq, e.time_s, r.member, r.answer, r.detail"
                  " FROM review r JOIN entry e USING (position) ORDER BY r.position, r.n",
    [Q_RUN_ADD] = "INSERT INTO run (day, position) VALUES (?, ?)",
    [Q_RUN_LAST] = "SELECT max(day) FROM run",
    [Q_RUN_MEMBERS] = "SELECT member FROM member WHERE ?2 > 1 AND merged_into = 0"
                      " UNION SELECT member FROM lot WHERE left > 0 AND expires_day < ?1"
                      " UNION SELECT member FROM vesting WHERE left > 0 AND day <= ?1 ORDER BY 1",
    [Q_STATEMENT] =
        "SELECT e.terminal, e.seq, e.time_s, e.received_s, e.kind, p.account, p.card, p.amount,"
        " coalesce(s.first_pack, s.pack_version, o.pack_version, 0), coalesce(s.why, r.why, x.rerated_why, ''),"
        " p.position, e.bytes"
        " FROM posting p JOIN entry e USING (position)"
        " LEFT JOIN sale s ON s.position = p.position"
        " LEFT JOIN refund r ON r.position = p.position"
        " LEFT JOIN sale o ON o.position = r.sale_position"
        " LEFT JOIN sale x ON x.rerated_by = p.position"
        " WHERE p.member = ? ORDER BY p.position, p.n",
    [Q_EXPORT] = "SELECT e.terminal, e.seq, e.time_s, e.received_s, e.kind, p.member, p.account, p.card,"
                 " p.amount FROM posting p JOIN entry e USING (position) ORDER BY p.position, p.n",
    /* ---- head office's desk ---- */
    [Q_DESK_ADD] = "INSERT INTO desk (position, seq, member, owner, day, reward, points) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [Q_DESK_GET] = "SELECT position, member, owner, points, back FROM desk WHERE seq = ?",
    [Q_DESK_BACK] = "UPDATE desk SET back = back + ?2 WHERE position = ?1",
    [Q_SALE_RERATE] = "UPDATE sale SET rerated_by = ?2, first_pack = coalesce(first_pack, pack_version),"
                      " first_earned = coalesce(first_earned, earned), pack_version = ?3, earned = ?4, counted = ?5,"
                      " counted_back = ?6, rerated_back = rerated_back + ?7, rerated_why = ?8 WHERE position = ?1",
    /* ---- two numbers, one person ---- */
    [Q_MERGED_MOVE_ADD] = "INSERT INTO merged_move (owner, at, position, n) VALUES (?, ?, ?, ?)",
    [Q_MERGER_ADD] = "INSERT INTO merger (position, seq, member, other) VALUES (?, ?, ?, ?)",
    [Q_MERGER_GET] = "SELECT position, member, other, ended_by IS NULL FROM merger WHERE seq = ?",
    [Q_MERGER_END] = "UPDATE merger SET ended_by = ?2 WHERE position = ?1",
};

struct store_office {
    sqlite3 *db;
    bool open; /* a transaction is */
    bool refusing; /* changes */
    sqlite3_stmt *stmts[Q_COUNT];
};

static enum err broken(struct store_office *s, struct errmsg *why, int code)
{
    int kind = code & 0xff;
    if (kind == SQLITE_FULL || kind == SQLITE_READONLY)
        return err_set(why, ERR_FULL, "head office's disk is full: nothing is taken until there is room again");
    bool corrupt = kind == SQLITE_CORRUPT || kind == SQLITE_CONSTRAINT || kind == SQLITE_NOTADB ||
                   kind == SQLITE_MISMATCH;
    return err_set(why, corrupt ? ERR_CORRUPT : ERR_IO, "head office's database: %s",
                   sqlite3_errmsg(s->db));
}

static enum err execute(struct store_office *s, const char *sql, struct errmsg *why)
{
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? OK : broken(s, why, code);
}

static enum err prepare(struct store_office *s, struct errmsg *why)
{
    for (int i = 0; i < Q_COUNT; i++) {
        assert(statements[i]);
        int code = sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &s->stmts[i], NULL);
        if (code != SQLITE_OK)
            return broken(s, why, code);
    }
    return OK;
}

static int64_t pragma(struct store_office *s, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static enum err connect(struct store_office **out, const char *path, int flags, struct errmsg *why)
{
    struct store_office *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(why, ERR_IO, "out of memory");
    int code = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        enum err e = err_set(why, ERR_IO, "%s: %s", path, sqlite3_errstr(code));
        store_office_close(s);
        return e;
    }
    sqlite3_busy_timeout(s->db, 5000);
    *out = s;
    return OK;
}

static enum err make_tables(struct store_office *s, struct errmsg *why)
{
    enum err e = OK;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas && !e; i++)
        e = execute(s, schemas[i], why);
    return e;
}

static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA secure_delete = ON;"; /* an erased name leaves the file */

enum err store_office_create(const char *path, struct errmsg *why)
{
    struct store_office *s = NULL;
    if (access(path, F_OK) == 0)
        return err_set(why, ERR_EXISTS, "%s is there already", path);
    enum err e = connect(&s, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, why);
    if (e)
        return e;
    if (!(e = execute(s, settings, why)) && !(e = execute(s, "BEGIN IMMEDIATE", why)) &&
        !(e = make_tables(s, why)))
        e = execute(s, "COMMIT", why);
    store_office_close(s);
    return e;
}

enum err store_office_open(struct store_office **out, const char *path, struct errmsg *why)
{
    struct store_office *s = NULL;
    enum err e;
    if (!path) {
        if ((e = connect(&s, ":memory:", SQLITE_OPEN_READWRITE, why)))
            return e;
        e = make_tables(s, why);
    } else {
        if (access(path, F_OK) != 0)
            return err_set(why, ERR_NOT_FOUND, "%s is not there: patronctl init makes it", path);
        if ((e = connect(&s, path, SQLITE_OPEN_READWRITE, why)))
            return e;
        e = execute(s, settings, why);
    }
    int64_t version = pragma(s, "PRAGMA user_version");
    if (!e && pragma(s, "PRAGMA application_id") != OFFICE_APPLICATION)
        e = err_set(why, ERR_CORRUPT, "%s is no database of a programme", path ? path : "memory");
    if (!e && version != OFFICE_SCHEMA)
        e = err_set(why, ERR_CORRUPT, "%s has schema %" PRId64 ", this program knows %d%s",
                    path ? path : "memory", version, OFFICE_SCHEMA,
                    version > 0 && version < OFFICE_SCHEMA ? ": patronctl upgrade takes it over" : "");
    if (!e)
        e = prepare(s, why);
    if (e) {
        store_office_close(s);
        return e;
    }
    *out = s;
    return OK;
}

enum err store_office_open_old(struct store_office **out, const char *path, struct errmsg *why)
{
    struct store_office *s = NULL;
    if (access(path, F_OK) != 0)
        return err_set(why, ERR_NOT_FOUND, "%s is not there", path);
    enum err e = connect(&s, path, SQLITE_OPEN_READWRITE, why);
    if (e)
        return e;
    int64_t version = pragma(s, "PRAGMA user_version");
    if (pragma(s, "PRAGMA application_id") != OFFICE_APPLICATION)
        e = err_set(why, ERR_CORRUPT, "%s is no database of a programme", path);
    else if (version == OFFICE_SCHEMA)
        e = err_set(why, ERR_STATE, "%s is of schema %d already", path, OFFICE_SCHEMA);
    else if (version < 1 || version > OFFICE_SCHEMA)
        e = err_set(why, ERR_CORRUPT, "%s has schema %" PRId64 ", 1 to %d are taken over", path, version,
                    OFFICE_SCHEMA - 1);
    if (e) {
        store_office_close(s);
        return e;
    }
    *out = s;
    return OK;
}

enum err store_office_open_snapshot(struct store_office **out, const char *path, struct errmsg *why)
{
    struct store_office *s = NULL;
    if (access(path, F_OK) != 0)
        return err_set(why, ERR_NOT_FOUND, "%s is not there", path);
    enum err e = connect(&s, path, SQLITE_OPEN_READONLY, why);
    if (e)
        return e;
    /* BEGIN alone takes no snapshot: the first statement that reads does. */
    e = execute(s, "PRAGMA cache_size = -16384; PRAGMA mmap_size = 4294967296; PRAGMA temp_store = MEMORY; BEGIN;"
                   "SELECT count(*) FROM sqlite_schema", why);
    if (!e && pragma(s, "PRAGMA application_id") != OFFICE_APPLICATION)
        e = err_set(why, ERR_CORRUPT, "%s is no database of a programme", path);
    if (!e && pragma(s, "PRAGMA user_version") != OFFICE_SCHEMA)
        e = err_set(why, ERR_CORRUPT, "%s is of another schema than this program", path);
    if (e) {
        store_office_close(s);
        return e;
    }
    *out = s;
    return OK;
}

void store_office_close(struct store_office *s)
{
    if (!s)
        return;
    for (int i = 0; i < Q_COUNT; i++)
        sqlite3_finalize(s->stmts[i]);
    sqlite3_close(s->db);
    free(s);
}

enum err store_office_backup(struct store_office *s, const char *path, struct errmsg *why)
{
    sqlite3 *to = NULL;
    enum err e = OK;
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_backup *copy = code == SQLITE_OK ? sqlite3_backup_init(to, "main", s->db, "main") : NULL;
    if (copy) {
        code = sqlite3_backup_step(copy, -1); /* in one go: one moment, and nobody waits (WAL) */
        int end = sqlite3_backup_finish(copy);
        code = code == SQLITE_DONE ? end : code;
    } else if (code == SQLITE_OK) {
        code = sqlite3_errcode(to);
    }
    if (code != SQLITE_OK)
        e = err_set(why, (code & 0xff) == SQLITE_FULL ? ERR_FULL : ERR_IO, "%s: %s", path, sqlite3_errstr(code));
    sqlite3_close(to);
    return e;
}

enum err store_office_refuse(struct store_office *s, bool changes, struct errmsg *why)
{
    s->refusing = changes;
    return execute(s, changes ? "PRAGMA query_only = ON" : "PRAGMA query_only = OFF", why);
}

enum err store_office_begin(struct store_office *s, struct errmsg *why)
{
    assert(!s->open);
    /* what only reads inside goes on */
    enum err e = execute(s, s->refusing ? "BEGIN" : "BEGIN IMMEDIATE", why);
    s->open = e == OK;
    return e;
}

enum err store_office_commit(struct store_office *s, struct errmsg *why)
{
    assert(s->open);
    enum err e = execute(s, "COMMIT", why);
    if (e)
        store_office_rollback(s);
    s->open = false;
    return e;
}

void store_office_rollback(struct store_office *s)
{
    /* SQLite may have rolled back by itself after a failed write. */
    if (s->open && !sqlite3_get_autocommit(s->db))
        (void)execute(s, "ROLLBACK", NULL);
    s->open = false;
}

int64_t store_office_data_version(struct store_office *s)
{
    return pragma(s, "PRAGMA data_version");
}

bool store_office_is_open(const struct store_office *s)
{
    return s->open;
}

/* ---- one use of a statement ---- */

struct query query_of(struct store_office *s, enum office_query name)
{
    assert(!sqlite3_stmt_busy(s->stmts[name]));
    return (struct query){.store = s, .stmt = s->stmts[name]};
}

struct query query_text_of(struct store_office *s, const char *sql)
{
    struct query q = {.store = s, .own = true};
    sqlite3_stmt *stmt = NULL;
    q.code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    q.stmt = stmt;
    return q;
}

static void keep(struct query *q, int code)
{
    if (q->code == SQLITE_OK)
        q->code = code;
}

void query_int(struct query *q, int64_t value)
{
    keep(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
}

void query_text(struct query *q, const char *text)
{
    keep(q, sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC));
}

void query_blob(struct query *q, const void *data, size_t size)
{
    keep(q, size ? sqlite3_bind_blob64(q->stmt, ++q->bound, data, size, SQLITE_STATIC)
                 : sqlite3_bind_zeroblob(q->stmt, ++q->bound, 0));
}

void query_uid(struct query *q, const struct card_uid *uid)
{
    if (uid)
        query_blob(q, uid->b, sizeof uid->b);
    else
        query_null(q);
}

void query_null(struct query *q)
{
    keep(q, sqlite3_bind_null(q->stmt, ++q->bound));
}

bool query_row(struct query *q)
{
    if (q->code != SQLITE_OK)
        return false;
    int code = sqlite3_step(q->stmt);
    q->column = 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        keep(q, code);
    return code == SQLITE_ROW;
}

int64_t query_get_int(struct query *q)
{
    return sqlite3_column_int64(q->stmt, q->column++);
}

void query_skip(struct query *q, int columns)
{
    q->column += columns;
}

bool query_is_null(const struct query *q)
{
    return sqlite3_column_type(q->stmt, q->column) == SQLITE_NULL;
}

void query_get_text(struct query *q, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(q->stmt, q->column++);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

struct bytes query_get_blob(struct query *q)
{
    const void *data = sqlite3_column_blob(q->stmt, q->column);
    int size = sqlite3_column_bytes(q->stmt, q->column++);
    return bytes_of(data, (size_t)size);
}

void query_get_uid(struct query *q, struct card_uid *out)
{
    struct bytes b = query_get_blob(q);
    memset(out, 0, sizeof *out);
    if (b.size == sizeof out->b)
        memcpy(out->b, b.data, sizeof out->b);
}

int query_column_count(const struct query *q)
{
    return sqlite3_column_count(q->stmt);
}

bool query_same(struct query *a, struct query *b)
{
    int type = sqlite3_column_type(a->stmt, a->column);
    if (type != sqlite3_column_type(b->stmt, b->column)) {
        a->column++, b->column++;
        return false;
    }
    if (type == SQLITE_INTEGER)
        return query_get_int(a) == query_get_int(b);
    struct bytes x = query_get_blob(a), y = query_get_blob(b);
    return x.size == y.size && (x.size == 0 || memcmp(x.data, y.data, x.size) == 0);
}

void query_say(struct query *q, char *out, size_t size)
{
    int type = sqlite3_column_type(q->stmt, q->column);
    if (type == SQLITE_NULL) {
        snprintf(out, size, "nothing");
        q->column++;
    } else if (type == SQLITE_BLOB) {
        struct bytes b = query_get_blob(q);
        size_t shown = b.size < (size - 1) / 2 ? b.size : (size - 1) / 2;
        hex_encode(out, b.data, shown);
    } else {
        query_get_text(q, out, size);
    }
}

enum err query_done(struct query *q, struct errmsg *why)
{
    enum err e = q->code == SQLITE_OK ? OK : broken(q->store, why, q->code);
    if (q->own)
        sqlite3_finalize(q->stmt);
    else
        sqlite3_reset(q->stmt);
    q->stmt = NULL;
    return e;
}

enum err query_run(struct query *q, struct errmsg *why)
{
    (void)query_row(q);
    return query_done(q, why);
}
