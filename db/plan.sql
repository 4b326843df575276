-- plan.sql - what is meant to become of the rules and of points, and the long work on it.  SQLite 3.40 or later, STRICT.
-- SPDX-License-Identifier: Apache-2.0
--
-- Beside the ledger: nothing in it follows from these tables (I7).  A user is a number of the console's users.

-- Rules being written: a pack as text, good or not yet.  revision is one more with every change, so that two people
-- who write the same draft see each other.
CREATE TABLE draft (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    revision     INTEGER NOT NULL CHECK (revision >= 1),
    author       INTEGER NOT NULL CHECK (author > 0),     -- who began it
    changed_by   INTEGER NOT NULL CHECK (changed_by > 0), -- who saved this revision
    base_version INTEGER NOT NULL CHECK (base_version >= 0), -- the pack it began as; 0 = none
    text         TEXT    NOT NULL,
    created_s    INTEGER NOT NULL,
    changed_s    INTEGER NOT NULL CHECK (changed_s >= created_s)
) STRICT;

-- What needs a second person.  subject says all that will be done, in words of its kind; it is never changed, so
-- that what was approved is what was shown.
CREATE TABLE proposal (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT    NOT NULL,
    subject    TEXT    NOT NULL CHECK (json_valid(subject)),
    author     INTEGER NOT NULL CHECK (author > 0),
    reason     TEXT    NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    created_s  INTEGER NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'open'
                       CHECK (state IN ('open', 'approved', 'refused', 'withdrawn', 'done')),
    decided_by INTEGER,
    decided_s  INTEGER,
    remark     TEXT    NOT NULL DEFAULT '',               -- of who decided
    result     TEXT    NOT NULL DEFAULT '',               -- what came of it, for people
    CHECK ((state = 'open') = (decided_by IS NULL)),
    CHECK ((state = 'open') = (decided_s IS NULL)),
    -- the author may take it back, and nothing else
    CHECK (CASE state WHEN 'open' THEN 1 WHEN 'withdrawn' THEN decided_by = author
                      ELSE decided_by <> author AND decided_by > 0 END)
) STRICT;
CREATE INDEX proposal_open ON proposal (id) WHERE state = 'open';
-- Who wrote into what is proposed besides its author: none of them may approve it either.
CREATE TABLE proposal_writer (
    proposal INTEGER NOT NULL REFERENCES proposal (id),
    user     INTEGER NOT NULL CHECK (user > 0),
    PRIMARY KEY (proposal, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE draft_writer (
    draft INTEGER NOT NULL REFERENCES draft (id),
    user  INTEGER NOT NULL CHECK (user > 0),
    PRIMARY KEY (draft, user)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER proposal_not_decided_again BEFORE UPDATE ON proposal
    WHEN NOT (OLD.state = 'open' OR (OLD.state = 'approved' AND NEW.state = 'done'
                                     AND NEW.decided_by = OLD.decided_by AND NEW.decided_s = OLD.decided_s))
    BEGIN SELECT raise(ABORT, 'a proposal is decided once'); END;
CREATE TRIGGER proposal_not_rewritten BEFORE UPDATE OF id, kind, subject, author, reason, created_s ON proposal
    BEGIN SELECT raise(ABORT, 'a proposal is not changed: withdraw it and write another'); END;
CREATE TRIGGER proposal_not_deleted BEFORE DELETE ON proposal
    BEGIN SELECT raise(ABORT, 'a proposal is never deleted'); END;
CREATE TRIGGER proposal_not_by_a_writer BEFORE UPDATE OF state ON proposal
    WHEN NEW.state IN ('approved', 'refused', 'done')
     AND EXISTS (SELECT 1 FROM proposal_writer w WHERE w.proposal = NEW.id AND w.user = NEW.decided_by)
    BEGIN SELECT raise(ABORT, 'nobody decides on what they wrote'); END;

-- By which proposal a pack came into force; packs that patronctl published have none.
CREATE TABLE publication (
    version     INTEGER PRIMARY KEY REFERENCES pack (version),
    proposal    INTEGER NOT NULL REFERENCES proposal (id),
    published_s INTEGER NOT NULL
) STRICT;

-- Long work: a process each, run by office/plan/jobs.c.
CREATE TABLE job (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT    NOT NULL,
    arguments  TEXT    NOT NULL CHECK (json_valid(arguments)),
    user       INTEGER NOT NULL CHECK (user >= 0),        -- who asked for it; 0 = the program
    state      TEXT    NOT NULL DEFAULT 'waiting'
                       CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'ended')),
    pid        INTEGER NOT NULL DEFAULT 0,                -- while it runs
    progress   INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1000), -- thousandths
    sentence   TEXT    NOT NULL DEFAULT '',               -- where it is, or what became of it
    result     TEXT    NOT NULL DEFAULT '' CHECK (result = '' OR json_valid(result)),
    created_s  INTEGER NOT NULL,
    started_s  INTEGER,
    ended_s    INTEGER,
    CHECK ((state IN ('waiting', 'running')) = (ended_s IS NULL))
) STRICT;
CREATE INDEX job_to_do ON job (id) WHERE state IN ('waiting', 'running');
