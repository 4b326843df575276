-- office.sql - the tables of head office.  SQLite 3.40 or later, STRICT.
-- SPDX-License-Identifier: Apache-2.0
--
-- Two kinds of tables.  THE TRUTH is what arrived and what was decided by people; its rows are never
-- changed.  Everything DERIVED follows from the truth by office/ledger/ledger.c and the packs: it may be
-- dropped and made again, row by row the same (I7; `patronctl ledger replay` does it beside this one).
--
-- Points and money are whole numbers (money in minor units).  A day is days since 1970-01-01, a time is
-- seconds since then, shop-local.  2147483647 as a day means never.  A card is its 7-byte UID.

PRAGMA application_id = 0x5054524e; -- "PTRN"
PRAGMA user_version = 3;

-- =================================================================== the truth

-- Every entry in the order head office took it.  bytes is what the till journalled (sync/link.proto,
-- message Entry); hash = SHA-256(hash of the terminal's entry before || bytes).
CREATE TABLE entry (
    position   INTEGER PRIMARY KEY CHECK (position BETWEEN 1 AND 4294967295),
    terminal   INTEGER NOT NULL CHECK (terminal BETWEEN 0 AND 9999), -- 0 = head office
    seq        INTEGER NOT NULL CHECK (seq BETWEEN 1 AND 4294967295),
    kind       INTEGER NOT NULL,                                     -- enum txn_kind
    time_s     INTEGER NOT NULL,                                     -- event time, as the entry says
    received_s INTEGER NOT NULL,
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    bytes      BLOB    NOT NULL,
    UNIQUE (terminal, seq)                                           -- I2
) STRICT;

-- Programme packs, exactly as signed.  after_position: the newest entry when the pack came in, so that a
-- replay knows which packs an entry could meet.
CREATE TABLE pack (
    version        INTEGER PRIMARY KEY CHECK (version > 0),
    effective_day  INTEGER NOT NULL,
    after_position INTEGER NOT NULL,
    json           BLOB    NOT NULL,
    signature      BLOB    NOT NULL
) STRICT;

-- An entry that came with a known number and other bytes.  It was refused; here is what it was.
CREATE TABLE conflict (
    id         INTEGER PRIMARY KEY,
    terminal   INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    received_s INTEGER NOT NULL,
    bytes      BLOB    NOT NULL,
    UNIQUE (terminal, seq, bytes)
) STRICT;

CREATE TRIGGER entry_not_changed BEFORE UPDATE ON entry
    BEGIN SELECT raise(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER entry_not_deleted BEFORE DELETE ON entry
    BEGIN SELECT raise(ABORT, 'an entry is never deleted'); END;
CREATE TRIGGER pack_not_changed BEFORE UPDATE ON pack
    BEGIN SELECT raise(ABORT, 'a pack is never changed'); END;
CREATE TRIGGER pack_not_deleted BEFORE DELETE ON pack
    BEGIN SELECT raise(ABORT, 'a pack is never deleted'); END;
CREATE TRIGGER conflict_not_changed BEFORE UPDATE ON conflict
    BEGIN SELECT raise(ABORT, 'a refused entry is never changed'); END;
CREATE TRIGGER conflict_not_deleted BEFORE DELETE ON conflict
    BEGIN SELECT raise(ABORT, 'a refused entry is never deleted'); END;

-- Terminals and what is known of them.  Not derived, may change.
CREATE TABLE terminal (
    terminal  INTEGER PRIMARY KEY CHECK (terminal BETWEEN 1 AND 9999),
    shop      TEXT    NOT NULL DEFAULT '',
    revoked   INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    code_hash BLOB    NOT NULL DEFAULT (zeroblob(32)) CHECK (length(code_hash) = 32),
    cert_hash BLOB    NOT NULL DEFAULT (zeroblob(32)) CHECK (length(cert_hash) = 32),
    contact_s INTEGER NOT NULL DEFAULT 0,
    waiting   INTEGER NOT NULL DEFAULT 0,
    program   TEXT    NOT NULL DEFAULT '',
    signature BLOB,                                 -- of its newest batch's chain hash
    orders    INTEGER NOT NULL DEFAULT 0 CHECK (orders BETWEEN 0 AND 7), -- 1 upload, 2 locked, 4 wipe
    -- how it was then: message Health of sync/link.proto
    reader           INTEGER NOT NULL DEFAULT 0,    -- 0 none, 1 there, 2 away
    printer          INTEGER NOT NULL DEFAULT 0,    -- ... or out of paper
    receipts_waiting INTEGER NOT NULL DEFAULT 0,
    journal          INTEGER NOT NULL DEFAULT 0,    -- 0 sound, 1 damaged, 2 disk full
    disk_free_mb     INTEGER NOT NULL DEFAULT 0,    -- 0 = not said
    locked           INTEGER NOT NULL DEFAULT 0,
    entries          INTEGER NOT NULL DEFAULT 0,
    -- what it has of head office's, and how far its clock was ahead
    pack_version     INTEGER NOT NULL DEFAULT 0,    -- 0 = none yet
    pack_since_s     INTEGER NOT NULL DEFAULT 0,    -- first contact with that one
    pack_behind_s    INTEGER NOT NULL DEFAULT 0,    -- first contact with it while there was a newer one; 0 = there is none
    hot_version      INTEGER NOT NULL DEFAULT 0,
    staff_version    INTEGER NOT NULL DEFAULT 0,
    skew_s           INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Who may work at the tills.  version: of its newest change, so that tills take changes in order, as the hot
-- list.  Who is gone has role 0 and no name; the number stays, for entries have it.
CREATE TABLE staff (
    id              INTEGER PRIMARY KEY CHECK (id > 0),
    version         INTEGER NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    role            INTEGER NOT NULL CHECK (role BETWEEN 0 AND 2), -- gone, cashier, supervisor
    language        TEXT    NOT NULL,
    salt            BLOB    NOT NULL CHECK (length(salt) = 16),
    hash            BLOB    NOT NULL CHECK (length(hash) = 32),    -- zeros = no PIN
    badge           BLOB    UNIQUE CHECK (length(badge) = 7),
    grant_limit     INTEGER NOT NULL CHECK (grant_limit >= 0),
    grant_day_limit INTEGER NOT NULL CHECK (grant_day_limit >= 0)
) STRICT;

-- The person behind a member number: outside the log, so that it can be erased while the points stay.
CREATE TABLE person (
    member    INTEGER PRIMARY KEY CHECK (member <> 0),
    name      TEXT    NOT NULL DEFAULT '',
    contact   TEXT    NOT NULL DEFAULT '',
    note      TEXT    NOT NULL DEFAULT '',
    phone     TEXT    NOT NULL DEFAULT '',  -- "+49301234567"
    birthday  TEXT    NOT NULL DEFAULT '',  -- "MM-DD"; the year is nobody's business
    language  TEXT    NOT NULL DEFAULT '',  -- "en", "zh"
    consent_s INTEGER NOT NULL DEFAULT 0    -- when the name was agreed to be shown at tills; 0 = not
) STRICT;

-- A member's PIN: PBKDF2-HMAC-SHA256, base/staff.h.  wrong: typed in a row; five lock it for a while.
CREATE TABLE pin (
    member       INTEGER PRIMARY KEY CHECK (member <> 0),
    salt         BLOB    NOT NULL CHECK (length(salt) = 16),
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    wrong        INTEGER NOT NULL DEFAULT 0,
    locked_until INTEGER NOT NULL DEFAULT 0
) STRICT;

-- By what a member is known besides a full card: office/books/known.h.  token is what a till sends in its place.
CREATE TABLE known (
    token  BLOB    PRIMARY KEY CHECK (length(token) = 16),
    means  INTEGER NOT NULL,                -- enum txn_means
    name   BLOB    NOT NULL,                -- of a telephone number nothing: that is the person's
    member INTEGER NOT NULL CHECK (member <> 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_by_member ON known (member);

-- The last message taken of each NTAG 424: a lower or equal counter is a copy.
CREATE TABLE sun_tag (
    uid      BLOB    PRIMARY KEY CHECK (length(uid) = 7),
    counter  INTEGER NOT NULL,
    terminal INTEGER NOT NULL,              -- that showed it, and when
    time_s   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Member codes that were taken, until they could not be shown any more.
CREATE TABLE code_used (
    name     BLOB    PRIMARY KEY CHECK (length(name) = 11),
    terminal INTEGER NOT NULL,
    time_s   INTEGER NOT NULL,
    until_s  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- =================================================================== derived: the ledger

-- One movement of points into (+) or out of (-) an account.  The rows of an entry add up to zero, for
-- each member (I1).  Accounts: held = at head office, spendable after a load; card = on that card's
-- purse; transit = between, while a load or a debit is not settled; reserved = set aside at head office
-- for a sale; pending = earned, or from a replaced card, and not to be spent yet (vesting); issued, redeemed,
-- expired, clawed, adjusted = where points come from and go to; moved = to and from other members: its rows of
-- an entry add up to zero.
CREATE TABLE posting (
    position INTEGER NOT NULL REFERENCES entry (position),
    n        INTEGER NOT NULL,
    member   INTEGER NOT NULL CHECK (member <> 0),
    account  TEXT    NOT NULL CHECK (account IN ('held', 'card', 'transit', 'reserved', 'pending', 'issued',
                                                 'redeemed', 'expired', 'clawed', 'adjusted', 'moved')),
    card     BLOB    CHECK (length(card) = 7),
    amount   INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (position, n),
    CHECK ((account = 'card') = (card IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX posting_by_member ON posting (member, position);

-- One change of a member's lots, and why.  A row speaks of a lot or of the debt.  extend (by hand) and activity
-- (by a purchase) move points of one entry from lots that end sooner into one that ends later.
CREATE TABLE lot_move (
    position    INTEGER NOT NULL REFERENCES entry (position),
    n           INTEGER NOT NULL,
    member      INTEGER NOT NULL CHECK (member <> 0),
    cause       TEXT    NOT NULL CHECK (cause IN ('earn', 'redeem', 'return', 'claw', 'expire',
                                                  'adjust', 'extend', 'activity', 'merge',
                                                  'transfer', 'opening', 'rerate')),
    expires_day INTEGER,                            -- the lot; NULL = what the member owes
    left        INTEGER NOT NULL DEFAULT 0,
    expired     INTEGER NOT NULL DEFAULT 0,
    owed        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (position, n),
    CHECK (CASE WHEN expires_day IS NULL THEN owed <> 0 AND left = 0 AND expired = 0
                ELSE owed = 0 AND (left <> 0 OR expired <> 0) END)
) STRICT, WITHOUT ROWID;

CREATE INDEX lot_moved ON lot_move (member, expires_day) WHERE cause IN ('extend', 'activity');
-- Lot moves that came for a number that is merged: owner is that number, at the entry they were posted by (a
-- claim or a refund that waited is posted at its own, older position).  What the number did since its MERGE.
CREATE TABLE merged_move (
    owner    INTEGER NOT NULL,
    at       INTEGER NOT NULL REFERENCES entry (position),
    position INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (owner, at, position, n)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER posting_not_changed BEFORE UPDATE ON posting
    BEGIN SELECT raise(ABORT, 'a posting is never changed'); END;
CREATE TRIGGER posting_not_deleted BEFORE DELETE ON posting
    BEGIN SELECT raise(ABORT, 'a posting is never deleted'); END;
CREATE TRIGGER lot_move_not_changed BEFORE UPDATE ON lot_move
    BEGIN SELECT raise(ABORT, 'a lot move is never changed'); END;
CREATE TRIGGER lot_move_not_deleted BEFORE DELETE ON lot_move
    BEGIN SELECT raise(ABORT, 'a lot move is never deleted'); END;

-- Members: tier, and balances kept beside the postings for speed (sums of them; verify compares).
CREATE TABLE member (
    member          INTEGER PRIMARY KEY CHECK (member <> 0),
    position        INTEGER NOT NULL REFERENCES entry (position), -- enrolled by
    enrolled_day    INTEGER NOT NULL,
    tier            TEXT    NOT NULL,
    short_since_day INTEGER NOT NULL,  -- first review that missed the keep threshold
    hand_tier       TEXT    NOT NULL DEFAULT '',          -- given by hand: not below it to this day
    hand_until_day  INTEGER NOT NULL DEFAULT -2147483648,
    last_day        INTEGER NOT NULL,  -- newest day with a purchase
    held            INTEGER NOT NULL DEFAULT 0,
    transit         INTEGER NOT NULL DEFAULT 0,
    reserved        INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    pending         INTEGER NOT NULL DEFAULT 0 CHECK (pending >= 0),
    owed            INTEGER NOT NULL DEFAULT 0 CHECK (owed >= 0),
    merged_into     INTEGER NOT NULL DEFAULT 0 CHECK (merged_into <> member) -- 0 = it stands for itself
) STRICT;
CREATE INDEX member_merged ON member (merged_into) WHERE merged_into <> 0;

-- Two numbers that were found to be one person.  What names other, or comes from its cards, is posted for member.
CREATE TABLE merger (
    position INTEGER PRIMARY KEY REFERENCES entry (position), -- the MERGE
    seq      INTEGER NOT NULL UNIQUE,
    member   INTEGER NOT NULL,
    other    INTEGER NOT NULL,
    ended_by INTEGER REFERENCES entry (position)              -- the UNMERGE
) STRICT;
CREATE UNIQUE INDEX merger_in_force ON merger (other) WHERE ended_by IS NULL;

-- The points of a member that end on the same day.  Sum of left - owed = held + transit + reserved + pending +
-- cards (I1).
CREATE TABLE lot (
    member      INTEGER NOT NULL,
    expires_day INTEGER NOT NULL,
    left        INTEGER NOT NULL CHECK (left >= 0),
    expired     INTEGER NOT NULL CHECK (expired >= 0),
    PRIMARY KEY (member, expires_day)
) STRICT, WITHOUT ROWID;
CREATE INDEX lot_to_expire ON lot (expires_day) WHERE left > 0;

-- Points that are pending: earned by a purchase, or of a replaced card (uid).  The run of day, or the next one
-- after it, makes held what is left.  Lots know nothing of it.
CREATE TABLE vesting (
    position INTEGER NOT NULL REFERENCES entry (position), -- the SALE or CARD that made them so
    n        INTEGER NOT NULL,
    member   INTEGER NOT NULL CHECK (member <> 0),
    uid      BLOB    CHECK (length(uid) = 7),
    day      INTEGER NOT NULL,
    left     INTEGER NOT NULL CHECK (left >= 0),
    PRIMARY KEY (position, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX vesting_due ON vesting (day) WHERE left > 0;
CREATE INDEX vesting_by_member ON vesting (member, day) WHERE left > 0;
CREATE INDEX vesting_of_card ON vesting (uid) WHERE uid IS NOT NULL;

CREATE TABLE tier_history (
    member   INTEGER NOT NULL,
    position INTEGER NOT NULL REFERENCES entry (position),
    day      INTEGER NOT NULL,
    tier     TEXT    NOT NULL,
    why      TEXT    NOT NULL,
    PRIMARY KEY (member, position)
) STRICT, WITHOUT ROWID;

-- In all tables below with an owner: the number the row came for.  It is another one than member while it is
-- merged, and then member changes with MERGE and UNMERGE.

-- What counts for a tier, by day of event; net of what came back.
CREATE TABLE metric_day (
    member INTEGER NOT NULL,
    owner  INTEGER NOT NULL,
    day    INTEGER NOT NULL,
    spend  INTEGER NOT NULL,
    points INTEGER NOT NULL,
    bills  INTEGER NOT NULL,
    PRIMARY KEY (member, day, owner)
) STRICT, WITHOUT ROWID;

-- Stamps of a purchase, less those of what came back, and how many full cards it rewarded; the two before it too,
-- for a refund is rated as the purchase was (I8).  A stamp card is the sum of its rows.
CREATE TABLE stamp_move (
    position         INTEGER NOT NULL REFERENCES entry (position),
    name             TEXT    NOT NULL,             -- of the pack's stamp
    member           INTEGER NOT NULL,
    owner            INTEGER NOT NULL,
    collected        INTEGER NOT NULL CHECK (collected <> 0),
    given            INTEGER NOT NULL,
    collected_before INTEGER NOT NULL,             -- of a purchase
    given_before     INTEGER NOT NULL,
    PRIMARY KEY (position, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX stamp_by_member ON stamp_move (member, name);

-- =================================================================== derived: cards

CREATE TABLE card (
    uid         BLOB    PRIMARY KEY CHECK (length(uid) = 7),
    position    INTEGER NOT NULL REFERENCES entry (position), -- its newest CARD entry
    member      INTEGER NOT NULL,                             -- 0 = not bound
    owner       INTEGER NOT NULL,
    kind        INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    status      INTEGER NOT NULL CHECK (status BETWEEN 1 AND 3), -- active, blocked, replaced
    purse       INTEGER NOT NULL DEFAULT 0,                   -- by the ledger
    replaced_by BLOB    CHECK (length(replaced_by) = 7),
    tmc_first   INTEGER,                                      -- lowest and highest Transaction MAC
    tmc_last    INTEGER                                       -- counter seen
) STRICT, WITHOUT ROWID;
CREATE INDEX card_by_member ON card (member);

-- Who made which transaction of a card, named as the card names it: intent has the same two columns.  A
-- counter that is missing between tmc_first and tmc_last is a transaction some till has not sent.
CREATE TABLE card_tmc (
    uid      BLOB    NOT NULL CHECK (length(uid) = 7),
    tmc      INTEGER NOT NULL,
    terminal INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    named    INTEGER NOT NULL CHECK (named IN (0, 1)), -- 1 = only named by the one after it (EncTMRI)
    position INTEGER NOT NULL REFERENCES entry (position),
    PRIMARY KEY (uid, tmc)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_tmc_by_name ON card_tmc (terminal, number);

-- Status changes that tills have to know, in order.
CREATE TABLE hot (
    version  INTEGER PRIMARY KEY,
    uid      BLOB    NOT NULL CHECK (length(uid) = 7),
    status   INTEGER NOT NULL,
    position INTEGER NOT NULL REFERENCES entry (position)
) STRICT;

-- A commit on a card that was announced.  Where its points are follows from proof and outcome:
-- office/ledger/ledger.h draws it.
CREATE TABLE intent (
    terminal      INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    position      INTEGER NOT NULL REFERENCES entry (position),
    load          INTEGER NOT NULL CHECK (load IN (0, 1)),
    number        INTEGER NOT NULL CHECK (number > 0), -- the card names it (terminal, number): a till's by
                                                       -- its seq, a load by the number of the load
    uid           BLOB    NOT NULL CHECK (length(uid) = 7),
    member        INTEGER NOT NULL,
    amount        INTEGER NOT NULL,                 -- debit: points off the card; load: change of it
    time_s        INTEGER NOT NULL,
    proof         INTEGER NOT NULL CHECK (proof BETWEEN 0 AND 2),   -- none, not done, done
    how           INTEGER NOT NULL CHECK (how BETWEEN 0 AND 5),     -- enum ledger_how
    outcome       INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 2), -- none, rewarded, dropped
    proved_by     INTEGER,                          -- position of the entry with the proof
    sale_position INTEGER,
    PRIMARY KEY (terminal, seq),
    UNIQUE (terminal, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX intent_open ON intent (uid, position) WHERE proof = 0;
CREATE INDEX intent_by_sale ON intent (sale_position) WHERE sale_position IS NOT NULL;

-- Points set aside for a sale without the card, and what became of them.
CREATE TABLE hold (
    seq           INTEGER PRIMARY KEY,               -- of head office's entry
    position      INTEGER NOT NULL REFERENCES entry (position),
    terminal      INTEGER NOT NULL,                  -- the till it is for,
    name          TEXT    NOT NULL,                  -- ... and the till's own name for it
    member        INTEGER NOT NULL CHECK (member <> 0),
    owner         INTEGER NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount > 0),
    means         INTEGER NOT NULL,
    until_s       INTEGER NOT NULL,
    state         INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3), -- open, taken, let go, taken
                                                     -- after it was let go
    closed_by     INTEGER                            -- position of the entry that changed it last
) STRICT;
CREATE INDEX hold_by_name ON hold (terminal, name);
CREATE INDEX hold_open ON hold (until_s) WHERE state = 0;
CREATE INDEX hold_closed ON hold (closed_by) WHERE closed_by IS NOT NULL;

-- =================================================================== derived: purchases

-- A purchase and what it earned.  till = the till's number; rated = head office's from the same facts
-- (I6: equal); earned = what was posted.
CREATE TABLE sale (
    position        INTEGER PRIMARY KEY REFERENCES entry (position),
    terminal        INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    member          INTEGER NOT NULL,               -- 0 = nobody
    owner           INTEGER NOT NULL,
    said            INTEGER NOT NULL,               -- the member the entry itself names; 0 = none
    card            BLOB,
    shop            TEXT    NOT NULL,
    day             INTEGER NOT NULL,
    pack_version    INTEGER NOT NULL,               -- that it was rated by; 0 = none
    tier            TEXT    NOT NULL,
    total           INTEGER NOT NULL,
    counted         INTEGER NOT NULL,
    counted_back    INTEGER NOT NULL DEFAULT 0,
    till            INTEGER NOT NULL,
    rated           INTEGER,                        -- NULL = could not be rated
    earned          INTEGER NOT NULL CHECK (earned >= 0),
    lot_day         INTEGER NOT NULL,               -- the lot it earned into
    redeemed        INTEGER NOT NULL DEFAULT 0,
    redeemed_value  INTEGER NOT NULL,
    redeemed_back   INTEGER NOT NULL DEFAULT 0,
    redeem_position INTEGER,                        -- entry with the lot moves of the redemption
    earned_here     INTEGER NOT NULL,               -- that day before it: by this terminal, the till's own
    earned_today    INTEGER NOT NULL,               -- ... and everywhere
    month_here      INTEGER NOT NULL,               -- ... in that month
    earned_month    INTEGER NOT NULL,
    means           INTEGER NOT NULL,               -- how the member was known: enum txn_means
    cashier         INTEGER NOT NULL,               -- 0 = nobody
    approved_by     INTEGER NOT NULL,
    why             TEXT    NOT NULL,
    rerated_by      INTEGER,                        -- the newest RERATE: pack_version, earned, counted are its;
    first_pack      INTEGER,                        -- ... and these were the sale's own
    first_earned    INTEGER,
    rerated_why     TEXT,
    rerated_back    INTEGER NOT NULL DEFAULT 0,     -- what refunds before took back by the new rating, beyond what they did
    UNIQUE (terminal, seq)
) STRICT;
CREATE INDEX sale_by_member ON sale (member, day);
CREATE INDEX sale_rerated ON sale (rerated_by) WHERE rerated_by IS NOT NULL;

CREATE TABLE sale_return (
    sale_position INTEGER NOT NULL REFERENCES sale (position),
    line          INTEGER NOT NULL,
    position      INTEGER NOT NULL REFERENCES entry (position),
    quantity      INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (sale_position, line, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE refund (
    position      INTEGER PRIMARY KEY REFERENCES entry (position),
    sale_position INTEGER NOT NULL REFERENCES sale (position),
    member        INTEGER NOT NULL,
    day           INTEGER NOT NULL,
    total         INTEGER NOT NULL,
    given         INTEGER NOT NULL CHECK (given >= 0), -- of it money without goods, as far as some was left
    till          INTEGER NOT NULL,                 -- clawed, the till's number
    rated         INTEGER,                          -- ... by the same facts; NULL = the till had not the sale
    clawed        INTEGER NOT NULL CHECK (clawed >= 0),
    let_go        INTEGER NOT NULL CHECK (let_go >= 0),
    points_back   INTEGER NOT NULL CHECK (points_back >= 0),
    cashier       INTEGER NOT NULL,
    approved_by   INTEGER NOT NULL,
    why           TEXT    NOT NULL
) STRICT;

-- Goodwill points that tills gave.
CREATE TABLE gift (
    position    INTEGER PRIMARY KEY REFERENCES entry (position),
    terminal    INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    member      INTEGER NOT NULL CHECK (member <> 0),
    owner       INTEGER NOT NULL,
    day         INTEGER NOT NULL,
    points      INTEGER NOT NULL CHECK (points > 0),
    taken_back  INTEGER NOT NULL DEFAULT 0 CHECK (taken_back BETWEEN 0 AND points),
    lot_day     INTEGER NOT NULL,
    cashier     INTEGER NOT NULL,
    approved_by INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    UNIQUE (terminal, seq)
) STRICT;
CREATE INDEX gift_by_day ON gift (terminal, day);

-- Rewards taken at head office's desk or on the member page.
CREATE TABLE desk (
    position INTEGER PRIMARY KEY REFERENCES entry (position),
    seq      INTEGER NOT NULL UNIQUE,
    member   INTEGER NOT NULL CHECK (member <> 0),
    owner    INTEGER NOT NULL,
    day      INTEGER NOT NULL,
    reward   TEXT    NOT NULL,                      -- "" = money off
    points   INTEGER NOT NULL CHECK (points > 0),
    back     INTEGER NOT NULL DEFAULT 0 CHECK (back BETWEEN 0 AND points)
) STRICT;
CREATE INDEX desk_by_member ON desk (member, day);

-- What members said of a sale: 1 satisfied, 2 satisfied and will return, 3 will recommend.
CREATE TABLE rating (
    position INTEGER PRIMARY KEY REFERENCES entry (position),
    sale     INTEGER NOT NULL REFERENCES sale (position),
    member   INTEGER NOT NULL,                      -- 0 = nobody
    rating   INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 3),
    cashier  INTEGER NOT NULL                       -- of the sale
) STRICT;
CREATE INDEX rating_by_sale ON rating (sale);

-- Sales and gifts of nobody, with a card or token that may become somebody's.
CREATE TABLE unclaimed (
    position INTEGER PRIMARY KEY REFERENCES entry (position),
    card     BLOB    CHECK (length(card) = 7),
    token    BLOB    CHECK (length(token) = 16),
    time_s   INTEGER NOT NULL
) STRICT;
CREATE INDEX unclaimed_card ON unclaimed (card) WHERE card IS NOT NULL;
CREATE INDEX unclaimed_token ON unclaimed (token) WHERE token IS NOT NULL;

-- Refunds, ratings and gifts taken back whose sale or gift has not arrived.
CREATE TABLE waiting (
    terminal INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    position INTEGER NOT NULL REFERENCES entry (position),
    PRIMARY KEY (terminal, seq, position)
) STRICT, WITHOUT ROWID;

-- What a person has to look at.
CREATE TABLE review (
    position INTEGER NOT NULL REFERENCES entry (position),
    n        INTEGER NOT NULL,
    member   INTEGER NOT NULL,
    answer   TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    PRIMARY KEY (position, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    day      INTEGER PRIMARY KEY,
    position INTEGER NOT NULL REFERENCES entry (position)
) STRICT;

-- =================================================================== views

-- All accounts of the programme: adds up to zero.
CREATE VIEW trial_balance AS
    SELECT account, count(*) AS postings, sum(amount) AS points FROM posting GROUP BY account;

-- What a member has, straight from the postings.
CREATE VIEW balance AS
    SELECT member,
           sum(iif(account = 'held', amount, 0)) AS held,
           sum(iif(account = 'card', amount, 0)) AS on_cards,
           sum(iif(account = 'transit', amount, 0)) AS in_transit,
           sum(iif(account = 'reserved', amount, 0)) AS reserved,
           sum(iif(account = 'pending', amount, 0)) AS pending,
           sum(iif(account IN ('held', 'card', 'transit', 'reserved', 'pending'), amount, 0)) AS total
      FROM posting GROUP BY member;

CREATE VIEW statement AS
    SELECT p.member, e.position, iif(e.terminal = 0, 'HQ-' || e.seq,
                                     printf('T%04d-%d', e.terminal, e.seq)) AS entry,
           datetime(e.time_s, 'unixepoch') AS time, p.account, hex(p.card) AS card, p.amount,
           CASE WHEN p.account = 'redeemed' THEN 'redeemed'
                WHEN p.account = 'expired' THEN 'their last day has passed'
                WHEN p.account = 'card' AND e.kind = 1 THEN 'redeemed'
                WHEN p.account = 'reserved' THEN 'set aside for a sale'
                WHEN p.account = 'pending' AND e.kind = 21 THEN 'may be spent from now on'
                WHEN e.kind IN (18, 19) THEN 'load of the card'
                ELSE coalesce(s.why, r.why, '') END AS why
      FROM posting p JOIN entry e USING (position)
      LEFT JOIN sale s ON s.position = e.position
      LEFT JOIN refund r ON r.position = e.position;

-- Both numbers of each entry a till rated (I6).
CREATE VIEW comparison AS
    SELECT position, till, rated FROM sale WHERE rated IS NOT NULL
    UNION ALL SELECT position, till, rated FROM refund WHERE rated IS NOT NULL;

-- Cards with a transaction that nobody has sent.
CREATE VIEW tmc_gap AS
    SELECT c.uid, c.tmc_first, c.tmc_last,
           c.tmc_last - c.tmc_first - (SELECT count(*) FROM card_tmc t WHERE t.uid = c.uid
               AND t.tmc > c.tmc_first AND t.tmc <= c.tmc_last) AS missing
      FROM card c WHERE c.tmc_last > c.tmc_first;

-- Who did what at the tills: 0 is nobody, a cash register.
CREATE VIEW by_cashier AS
    SELECT cashier, sum(sales) AS sales, sum(sold) AS sold, sum(refunds) AS refunds, sum(refunded) AS refunded,
           sum(gifts) AS gifts, sum(given) AS given, sum(ratings) AS ratings
      FROM (SELECT cashier, 1 AS sales, total AS sold, 0 AS refunds, 0 AS refunded, 0 AS gifts, 0 AS given,
                   0 AS ratings FROM sale
            UNION ALL SELECT cashier, 0, 0, 1, total, 0, 0, 0 FROM refund
            UNION ALL SELECT cashier, 0, 0, 0, 0, 1, points - taken_back, 0 FROM gift
            UNION ALL SELECT cashier, 0, 0, 0, 0, 0, 0, 1 FROM rating)
     GROUP BY cashier;
