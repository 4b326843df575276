/* journal_sql.c - every statement of the journal by name; the tables are in till.sql.  All are prepared
 * when it is opened, so that a slip shows at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "db/journal_inside.h"

#define STAFF_COLUMNS "id, name, role, language, pin_salt, pin_hash, badge, grant_limit, grant_day_limit"
#define RECEIPT_COLUMNS "seq, state, boot, balance, purse, expiring, expiring_day, why, language"
#define MEMO_COLUMNS "id, door, asker, key, what, digest, time_s, entry, amount, open, reply"

const char *const journal_sql[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [STATE] = "SELECT terminal, acked FROM state",
    [LAST] = "SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1",
    [APPEND] = "INSERT INTO entry (seq, kind, day, card, ref, points, redeemed, commit_state,"
               " original_terminal, original_seq, closes, hash, entry, member, cashier)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [OPEN_INTENT] = "INSERT INTO open_intent (seq, card) VALUES (?1, ?2)",
    [CLOSE_INTENT] = "DELETE FROM open_intent WHERE seq = ?1",
    [SET_ACKED] = "UPDATE state SET acked = ?1",
    [COUNT_OPENED] = "UPDATE state SET opened = opened + 1, acked = ?1",
    [GET] = "SELECT e.entry, e.hash, p.hash FROM entry e LEFT JOIN entry p ON p.seq = ?1 - 1"
            " WHERE e.seq = ?1",
    [WALK] = "SELECT seq, entry, hash FROM entry WHERE seq > ?1 ORDER BY seq",
    [HASH] = "SELECT hash FROM entry WHERE seq = ?1",
    [FIND_REF] = "SELECT seq FROM entry WHERE ref = ?1 AND kind IN (1, 5)",
    [FIND_ABOUT] = "SELECT seq FROM entry WHERE original_seq = ?1 AND original_terminal = ?2"
                   " AND kind = ?4 ORDER BY seq LIMIT 1 OFFSET ?3",
    [FIND_JOIN] = "SELECT seq FROM entry WHERE card = ?1 AND kind = 7 ORDER BY seq DESC LIMIT 1",
    [FIND_INTENT] = "SELECT seq FROM open_intent ORDER BY seq LIMIT 1",
    [FIND_INTENT_OF] = "SELECT seq FROM open_intent WHERE card = ?1 ORDER BY seq LIMIT 1",
    [FIND_DOUBTFUL] = "SELECT seq FROM entry i WHERE card = ?1 AND kind = 2"
                      " AND EXISTS (SELECT 1 FROM entry o WHERE o.original_seq = i.seq"
                      " AND o.original_terminal = ?2 AND o.kind IN (1, 3) AND o.commit_state = 3)"
                      " AND NOT EXISTS (SELECT 1 FROM entry o WHERE o.original_seq = i.seq"
                      " AND o.original_terminal = ?2 AND o.kind = 4) ORDER BY seq LIMIT 1",
    [OFFLINE_REDEEMED] = "SELECT sum(redeemed) FROM entry i WHERE card = ?1 AND day = ?2 AND kind = 2"
                         " AND seq > ?3 AND NOT EXISTS (SELECT 1 FROM entry o"
                         " WHERE o.original_seq = i.seq AND o.original_terminal = ?4"
                         " AND (o.kind = 2 OR o.commit_state = 2))",
    /* Each entry of a card or of its member once; the card alone is known in entries of a version 1 journal. */
    [EARNED] = "SELECT sum(points) FROM entry WHERE (card = ?1 OR member = ?4) AND day BETWEEN ?2 AND ?5 AND kind = 1"
               " AND seq < ?3",
    [PENDING] = "SELECT sum(CASE kind WHEN 5 THEN -points ELSE points END) FROM entry"
                " WHERE (card = ?1 OR member = ?3) AND seq > ?2 AND kind IN (1, 5, 6)",
    [GRANTED] = "SELECT sum(points) FROM entry WHERE cashier = ?1 AND day = ?2 AND kind = 6",
    [GIVEN] = "SELECT sum(points) FROM entry WHERE day = ?1 AND kind = 6 AND points > 0",
    [TELL] = "INSERT INTO told (shown, time_s, value) VALUES (?1, ?2, ?3)"
             " ON CONFLICT (shown) DO UPDATE SET time_s = excluded.time_s, value = excluded.value",
    [TOLD] = "SELECT time_s, value FROM told WHERE shown = ?1",
    [LOAD] = "SELECT value FROM setting WHERE name = ?1",
    [SAVE] = "INSERT INTO setting (name, value) VALUES (?1, ?2)"
             " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [STAFF] = "SELECT " STAFF_COLUMNS " FROM staff WHERE id = ?1",
    [STAFF_BADGE] = "SELECT " STAFF_COLUMNS " FROM staff WHERE badge = ?1 ORDER BY id LIMIT 1",
    [STAFF_COUNT] = "SELECT count(*) FROM staff",
    [STAFF_SET] = "INSERT OR REPLACE INTO staff (" STAFF_COLUMNS ")"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STAFF_REMOVE] = "DELETE FROM staff WHERE id = ?1",
    [STATUS] = "SELECT status FROM hot WHERE card = ?1",
    [SET_STATUS] = "INSERT INTO hot (card, status) VALUES (?1, ?2)"
                   " ON CONFLICT (card) DO UPDATE SET status = excluded.status",
    [CLEAR_STATUS] = "DELETE FROM hot WHERE card = ?1",
    [RECEIPT_PUT] = "INSERT OR REPLACE INTO receipt (" RECEIPT_COLUMNS ")"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [RECEIPT_SET] = "UPDATE receipt SET state = ?2 WHERE seq = ?1",
    [RECEIPT_FORGET] = "DELETE FROM receipt WHERE state = 5 AND seq <= ?1",
    [RECEIPT_GET] = "SELECT " RECEIPT_COLUMNS " FROM receipt WHERE seq = ?1",
    [RECEIPT_NEXT] = "SELECT " RECEIPT_COLUMNS " FROM receipt WHERE state < 5 ORDER BY state = 1, seq LIMIT 1",
    [RECEIPTS_WAITING_COUNT] = "SELECT count(*) FROM receipt WHERE state < 5",
    [RECEIPTS_START] = "UPDATE receipt SET state = 4"
                       " WHERE state < 5 AND (state = 3 OR (state = 2 AND (boot <> ?1 OR ?1 = '')))",
    [RECEIPTS_DROP] = "UPDATE receipt SET state = 5 WHERE state IN (1, 2, 4)",
    [RECEIPTS_END] = "UPDATE receipt SET state = 1 WHERE state = 2",
    [MEMO_INSERT] = "INSERT INTO memo (" MEMO_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                    " RETURNING id",
    [MEMO_COMPLETE] = "INSERT OR REPLACE INTO memo (" MEMO_COLUMNS ")"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
    /* Never all of them (the new one is not old), so that no id is given again. */
    [MEMO_PRUNE] = "DELETE FROM memo WHERE id < (SELECT min(id) + 8 FROM memo) AND time_s < ?1",
    [MEMO_TAKEN] = "SELECT id FROM memo WHERE door = ?1 AND asker = ?2 AND key = ?3 AND time_s > ?4 LIMIT 1",
    [MEMO_FIND] = "SELECT " MEMO_COLUMNS " FROM memo WHERE door = ?1 AND asker = ?2 AND key = ?3"
                  " ORDER BY id DESC LIMIT 1",
    [MEMO_LAST] = "SELECT " MEMO_COLUMNS " FROM memo WHERE door = ?1 AND asker = ?2 ORDER BY id DESC LIMIT 1",
    [MEMO_GET] = "SELECT " MEMO_COLUMNS " FROM memo WHERE id = ?1",
    [MEMO_NEXT] = "SELECT coalesce(max(id), 0) + 1 FROM memo",
    [MEMO_WHAT] = "SELECT id FROM memo WHERE door = ?1 AND what = ?2 LIMIT 1",
    [MEMO_TOTALS] = "SELECT substr(what, 1, instr(what || ' ', ' ') - 1) AS kind, asker, count(*), sum(amount) FROM memo"
                    " WHERE door = ?1 AND time_s >= ?2"
                    " AND open = 0 AND (?3 IS NULL OR asker = ?3) GROUP BY asker, kind ORDER BY asker, kind",
    [COUNTED_ADD] = "INSERT OR IGNORE INTO counted (digest, entry) VALUES (?1, ?2)",
    [COUNTED_FIND] = "SELECT entry FROM counted WHERE digest = ?1",
};
