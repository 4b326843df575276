-- till_1.sql - the journal of version 1, as tills in shops may still have it: db/till_from_1.sql is tried on it.
-- Try it: sqlite3 till.db 'SELECT seq, kind, ref, points FROM entry'.  A running till does not mind.
-- SPDX-License-Identifier: Apache-2.0
PRAGMA application_id = 0x5054524E; -- "PTRN"
PRAGMA user_version = 1;

-- entry is the txn as it goes over the line; hash = SHA-256(hash before || entry), zeros before the first.
-- The other columns repeat what the till must find quickly; the numbers are those of base/txn.h.
CREATE TABLE entry (
    seq               INTEGER PRIMARY KEY CHECK (seq BETWEEN 1 AND 4294967295),
    kind              INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    day               INTEGER NOT NULL,
    card              BLOB CHECK (length(card) = 7),
    ref               TEXT CHECK (ref <> ''),
    points            INTEGER NOT NULL CHECK (points >= 0),
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
