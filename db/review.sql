-- review.sql - what people found out about the entries they had to look at.  SQLite 3.40 or later, STRICT.
-- SPDX-License-Identifier: Apache-2.0
--
-- The rows of review (office.sql) follow from the log and stay; here is who looked and what was done.  An entry has the same
-- position for ever, so that this outlives a replay.

CREATE TABLE review_done (
    position INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    user     INTEGER NOT NULL CHECK (user >= 0),      -- 0 = patronctl
    time_s   INTEGER NOT NULL,
    remark   TEXT    NOT NULL CHECK (length(remark) BETWEEN 1 AND 200),
    PRIMARY KEY (position, n)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER review_done_not_changed BEFORE UPDATE ON review_done
    BEGIN SELECT raise(ABORT, 'what was found is not changed'); END;
CREATE TRIGGER review_done_not_deleted BEFORE DELETE ON review_done
    BEGIN SELECT raise(ABORT, 'what was found is not deleted'); END;
