-- till.sql - what a till remembers: an append-only journal, and a few things it could ask for again.
-- Try it: sqlite3 till.db 'SELECT seq, kind, ref, points FROM entry'.  A running till does not mind.
-- SPDX-License-Identifier: Apache-2.0
PRAGMA application_id = 0x5054524E; -- "PTRN"
PRAGMA user_version = 2;

-- entry is the txn as it goes over the line; hash = SHA-256(hash before || entry), zeros before the first.
-- The other columns repeat what the till must find quickly; the numbers are those of base/txn.h.
CREATE TABLE entry (
    seq               INTEGER PRIMARY KEY CHECK (seq BETWEEN 1 AND 4294967295),
    kind              INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 8),
    day               INTEGER NOT NULL,
    member            INTEGER CHECK (member > 0),
    cashier           INTEGER CHECK (cashier > 0),
    card              BLOB CHECK (length(card) = 7),
    ref               TEXT CHECK (ref <> ''),
    points            INTEGER NOT NULL CHECK (points >= 0 OR kind = 6),
    redeemed          INTEGER NOT NULL CHECK (redeemed >= 0),
    commit_state      INTEGER NOT NULL CHECK (commit_state BETWEEN 0 AND 3),
    original_terminal INTEGER,
    original_seq      INTEGER CHECK (original_seq > 0),
    closes            INTEGER CHECK (closes BETWEEN 1 AND seq - 1),
    hash              BLOB NOT NULL CHECK (length(hash) = 32),
    entry             BLOB NOT NULL CHECK (length(entry) > 0)
) STRICT;

-- I2: a reference of the cash register ends in one SALE or one REFUND, however often it is sent.
CREATE UNIQUE INDEX entry_ref ON entry (ref) WHERE kind IN (1, 5) AND ref IS NOT NULL;
CREATE INDEX entry_card ON entry (card, day) WHERE card IS NOT NULL;
CREATE INDEX entry_member ON entry (member, day) WHERE member IS NOT NULL;
CREATE INDEX entry_grant ON entry (cashier, day) WHERE kind = 6;
CREATE INDEX entry_original ON entry (original_seq, original_terminal) WHERE original_seq IS NOT NULL;

CREATE TRIGGER entry_is_gapless BEFORE INSERT ON entry
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entry)
BEGIN SELECT RAISE(ABORT, 'the journal has no gaps'); END;
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- Derived from entry: INTENTs that nothing closed.  journal_verify compares.
CREATE TABLE open_intent (
    seq  INTEGER PRIMARY KEY,
    card BLOB NOT NULL CHECK (length(card) = 7)
) STRICT;

-- One row.  opened counts openings and checkpoints: see journal.c for why it is written.
CREATE TABLE state (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    terminal INTEGER NOT NULL CHECK (terminal BETWEEN 1 AND 9999),
    acked    INTEGER NOT NULL DEFAULT 0,
    opened   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The hot list; a card that is not in it is active.
CREATE TABLE hot (
    card   BLOB PRIMARY KEY CHECK (length(card) = 7),
    status INTEGER NOT NULL CHECK (status IN (2, 3))
) STRICT, WITHOUT ROWID;

-- Who may work here; no row: nobody has to log in.  Its version is the setting "staff".
CREATE TABLE staff (
    id              INTEGER PRIMARY KEY CHECK (id > 0),
    name            TEXT NOT NULL,
    role            INTEGER NOT NULL CHECK (role IN (1, 2)), -- cashier, supervisor
    language        TEXT NOT NULL,
    pin_salt        BLOB NOT NULL CHECK (length(pin_salt) = 16),
    pin_hash        BLOB NOT NULL CHECK (length(pin_hash) = 32), -- zeros = no PIN
    badge           BLOB CHECK (length(badge) = 7),
    grant_limit     INTEGER NOT NULL,
    grant_day_limit INTEGER NOT NULL
) STRICT;
CREATE INDEX staff_badge ON staff (badge) WHERE badge IS NOT NULL;

-- What head office told of whoever showed this (a card's UID, or the digest of another thing), without names.
CREATE TABLE told (
    shown  BLOB PRIMARY KEY CHECK (length(shown) BETWEEN 1 AND 16),
    time_s INTEGER NOT NULL,
    value  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of the paper of each SALE and REFUND, and what the receipt says beyond its entry; written in the
-- entry's own transaction.  state: 1 waiting, certainly not begun; 2 promised: the printer was ready and boot (the
-- machine's) still runs, else it may have been printed; 3 begun; 4 to be printed, marked COPY; 5 printed.
CREATE TABLE receipt (
    seq          INTEGER PRIMARY KEY CHECK (seq > 0),
    state        INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
    boot         TEXT NOT NULL,
    balance      INTEGER NOT NULL, -- points; -1 = not told
    purse        INTEGER NOT NULL, -- likewise
    expiring     INTEGER NOT NULL CHECK (expiring >= 0),
    expiring_day INTEGER NOT NULL,
    why          TEXT NOT NULL,
    language     TEXT NOT NULL
) STRICT;
CREATE INDEX receipt_waiting ON receipt (seq) WHERE state < 5;

-- What was answered at a door, so that the same request gets the same answer: written in its entry's own
-- transaction.  Each new one takes a few away that are older than four days, so there is no end of day.
CREATE TABLE memo (
    id     INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295), -- the doors' own transaction number
    door   TEXT NOT NULL,
    asker  TEXT NOT NULL,
    key    TEXT NOT NULL,
    what   TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    time_s INTEGER NOT NULL,
    entry  INTEGER CHECK (entry > 0), -- of this journal; none: it moved no points
    amount INTEGER NOT NULL,
    open   INTEGER NOT NULL CHECK (open IN (0, 1)), -- 1: still under way
    reply  BLOB NOT NULL -- open: what is needed to make it, in the door's own words
) STRICT;
CREATE INDEX memo_key ON memo (door, asker, key);

-- Messages that moved points, for ever, by the first half of the digest of all they said: a memo goes after days,
-- and the very same message, played again, must still not count.
CREATE TABLE counted (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 16),
    entry  INTEGER NOT NULL CHECK (entry > 0)
) STRICT, WITHOUT ROWID;
