-- pool.sql - households that collect together, what each role may give, files of opening balances.  SQLite 3.40 or
-- later, STRICT.
-- SPDX-License-Identifier: Apache-2.0
--
-- Beside the ledger: points move by entries only (TRANSFER, ADJUST, OPENING), and nothing in the ledger follows from
-- these tables (I7).  user: of the console's users; 0 = the program, or patronctl.

-- A household.  Its members' points go to the head, day by day; each one's tier is their own.
CREATE TABLE pool (
    pool      INTEGER PRIMARY KEY AUTOINCREMENT,
    name      TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
    head      INTEGER NOT NULL CHECK (head <> 0),
    most      INTEGER NOT NULL CHECK (most BETWEEN 2 AND 50),        -- members, the head included
    who       TEXT    NOT NULL CHECK (who IN ('anyone', 'persons')), -- persons: no company, reseller or staff
    stay_days INTEGER NOT NULL CHECK (stay_days BETWEEN 0 AND 3650), -- before one may leave or go to another pool
    made_s    INTEGER NOT NULL,
    user      INTEGER NOT NULL,
    ended_s   INTEGER
) STRICT;

CREATE TABLE pool_member (
    pool     INTEGER NOT NULL REFERENCES pool (pool),
    member   INTEGER NOT NULL CHECK (member <> 0),
    from_day INTEGER NOT NULL,
    to_day   INTEGER CHECK (to_day >= from_day),                     -- NULL = still in it
    user     INTEGER NOT NULL,
    swept    INTEGER NOT NULL DEFAULT 0,                             -- points that went to the head
    PRIMARY KEY (pool, member, from_day)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pool_of_member ON pool_member (member) WHERE to_day IS NULL;

-- The most that a user with this role may give or take by hand, in one adjustment and on one day (without signs).
-- Above it a second person decides.  No row: adjust.h says what.
CREATE TABLE role_limit (
    role    TEXT    PRIMARY KEY CHECK (role IN ('clerk', 'marketer', 'controller', 'approver')),
    at_once INTEGER NOT NULL CHECK (at_once >= 0),
    a_day   INTEGER NOT NULL CHECK (a_day >= at_once),
    user    INTEGER NOT NULL,
    time_s  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Adjustments made in the console.
CREATE TABLE adjustment (
    seq         INTEGER PRIMARY KEY,                                 -- head office's ADJUST
    member      INTEGER NOT NULL CHECK (member <> 0),
    points      INTEGER NOT NULL CHECK (points <> 0),
    user        INTEGER NOT NULL,
    approved_by INTEGER NOT NULL CHECK (approved_by = 0 OR approved_by <> user),
    complaint   INTEGER NOT NULL,                                    -- 0 = none
    day         INTEGER NOT NULL
) STRICT;
CREATE INDEX adjustment_by_user ON adjustment (user, day);

-- Files of opening balances that were taken: none twice.
CREATE TABLE opening_file (
    digest BLOB    PRIMARY KEY CHECK (length(digest) = 32),          -- SHA-256
    name   TEXT    NOT NULL,
    lines  INTEGER NOT NULL,
    points INTEGER NOT NULL,
    time_s INTEGER NOT NULL,
    user   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
