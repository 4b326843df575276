-- daily.sql - what was done for a day after its run.  SQLite 3.40 or later, STRICT.
-- SPDX-License-Identifier: Apache-2.0
--
-- Each step is one database transaction with its row here: what failed, or was cut off, is done when it is tried again,
-- and what was done is not done twice.

CREATE TABLE daily (
    day    INTEGER NOT NULL,
    step   TEXT    NOT NULL,                            -- office/daily.c has the list
    done_s INTEGER NOT NULL,
    count  INTEGER NOT NULL CHECK (count >= 0),         -- entries, messages ... it made
    PRIMARY KEY (day, step)
) STRICT, WITHOUT ROWID;
