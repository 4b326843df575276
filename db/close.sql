-- close.sql - closed periods: what the books said when they were closed.  SQLite 3.40 or later, STRICT.
-- SPDX-License-Identifier: Apache-2.0
--
-- A period ends with an entry of the log (through_position), not with a clock: what arrives later is of the next one,
-- whatever day it happened on, so that a closed period stays as it was printed.  A day here is the day head office
-- took an entry in.  Nothing in the ledger follows from these tables (I7).

CREATE TABLE period (
    n                INTEGER PRIMARY KEY CHECK (n > 0),
    from_day         INTEGER NOT NULL,
    to_day           INTEGER NOT NULL UNIQUE CHECK (to_day >= from_day),
    after_position   INTEGER NOT NULL,                 -- of the period before; 0 = none
    through_position INTEGER NOT NULL CHECK (through_position >= after_position),
    pack_version     INTEGER NOT NULL,                 -- in force on to_day: worth and currency
    worth_num        INTEGER NOT NULL CHECK (worth_num >= 0),
    worth_den        INTEGER NOT NULL CHECK (worth_den > 0),
    expected_ppm     INTEGER NOT NULL CHECK (expected_ppm BETWEEN 0 AND 1000000), -- points that will be redeemed
    sales            INTEGER NOT NULL,                 -- money, of members, less refunds
    opening          INTEGER NOT NULL,
    earned           INTEGER NOT NULL,
    clawed           INTEGER NOT NULL,
    redeemed         INTEGER NOT NULL,
    returned         INTEGER NOT NULL,
    expired          INTEGER NOT NULL,
    adjusted         INTEGER NOT NULL,
    closing          INTEGER NOT NULL,
    worth_of_closing INTEGER NOT NULL,                 -- money, if all of it were redeemed
    liability_before INTEGER NOT NULL,                 -- contract liability, money
    allocated        INTEGER NOT NULL,
    recognised       INTEGER NOT NULL,
    liability        INTEGER NOT NULL,
    closed_s         INTEGER NOT NULL,
    user             INTEGER NOT NULL CHECK (user >= 0), -- 0 = patronctl
    remark           TEXT    NOT NULL,
    CHECK (closing = opening + earned - clawed - redeemed + returned - expired + adjusted),
    CHECK (liability = liability_before + allocated - recognised)
) STRICT;

-- Points by day and shop; '' is head office itself.
CREATE TABLE period_day (
    period   INTEGER NOT NULL REFERENCES period (n),
    day      INTEGER NOT NULL,
    shop     TEXT    NOT NULL,
    opening  INTEGER NOT NULL,
    earned   INTEGER NOT NULL,
    clawed   INTEGER NOT NULL,
    redeemed INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    expired  INTEGER NOT NULL,
    adjusted INTEGER NOT NULL,
    closing  INTEGER NOT NULL,
    late     INTEGER NOT NULL,                         -- postings of it that happened on an earlier day
    PRIMARY KEY (period, day, shop),
    CHECK (closing = opening + earned - clawed - redeemed + returned - expired + adjusted)
) STRICT, WITHOUT ROWID;
CREATE INDEX period_day_by_shop ON period_day (shop, period, day);

-- Points that end in the same year, since they began.
CREATE TABLE period_cohort (
    period     INTEGER NOT NULL REFERENCES period (n),
    year       INTEGER NOT NULL,                       -- 0 = without an end
    issued     INTEGER NOT NULL,                       -- bought with purchases, less clawed back
    redeemed   INTEGER NOT NULL,
    expired    INTEGER NOT NULL,
    left       INTEGER NOT NULL,
    allocated  INTEGER NOT NULL,                       -- money
    recognised INTEGER NOT NULL,
    PRIMARY KEY (period, year)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER period_not_changed BEFORE UPDATE ON period
    BEGIN SELECT raise(ABORT, 'a closed period is never changed'); END;
CREATE TRIGGER period_not_deleted BEFORE DELETE ON period
    BEGIN SELECT raise(ABORT, 'a closed period is never deleted'); END;
CREATE TRIGGER period_day_not_changed BEFORE UPDATE ON period_day
    BEGIN SELECT raise(ABORT, 'a closed period is never changed'); END;
CREATE TRIGGER period_day_not_deleted BEFORE DELETE ON period_day
    BEGIN SELECT raise(ABORT, 'a closed period is never deleted'); END;
CREATE TRIGGER period_cohort_not_changed BEFORE UPDATE ON period_cohort
    BEGIN SELECT raise(ABORT, 'a closed period is never changed'); END;
CREATE TRIGGER period_cohort_not_deleted BEFORE DELETE ON period_cohort
    BEGIN SELECT raise(ABORT, 'a closed period is never deleted'); END;

-- Account numbers of the general ledger.
CREATE TABLE gl_account (
    name TEXT PRIMARY KEY CHECK (name IN ('sales', 'points liability', 'points revenue')),
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 20)
) STRICT, WITHOUT ROWID;
INSERT INTO gl_account VALUES ('sales', '4000'), ('points liability', '2450'), ('points revenue', '4010');
