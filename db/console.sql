-- console.sql - who works at head office's console, what they did, and what they were answered.
-- SPDX-License-Identifier: Apache-2.0
--
-- Beside the ledger, in the same database; nothing of the ledger is derived from it.  Times: utc_s are the machine's
-- (UTC), time_s is business time, as in entries.

-- People with a name and a password.  roles: ROLE_... of office/console/api.h.
CREATE TABLE user (
    id          INTEGER PRIMARY KEY CHECK (id > 0),
    name        TEXT    NOT NULL UNIQUE COLLATE NOCASE CHECK (length(name) BETWEEN 1 AND 31),
    roles       INTEGER NOT NULL CHECK (roles BETWEEN 0 AND 63),
    language    TEXT    NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'zh')),
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    password    TEXT    NOT NULL CHECK (password LIKE '$argon2id$%'),   -- salt and parameters are in it
    temporary   INTEGER NOT NULL DEFAULT 1 CHECK (temporary IN (0, 1)), -- somebody else knows it: to be changed
    temporary_until_s INTEGER NOT NULL DEFAULT 0,                       -- and it is good until then (utc)
    totp        BLOB    CHECK (length(totp) = 20),                      -- RFC 6238 secret; NULL = none
    totp_on     INTEGER NOT NULL DEFAULT 0 CHECK (totp_on IN (0, 1)),   -- its first code was shown
    totp_step   INTEGER NOT NULL DEFAULT 0,                             -- of the last code taken: none before it counts
    login_s     INTEGER NOT NULL DEFAULT 0,                             -- the last one, utc
    CHECK (totp_on = 0 OR totp IS NOT NULL)
) STRICT;

-- Wrong passwords and codes, by name ("name:ada", whether there is one or not) and by address ("from:192.0.2.1").
CREATE TABLE login_try (
    who     TEXT    PRIMARY KEY,
    wrong   INTEGER NOT NULL CHECK (wrong >= 0), -- since the last right one, or the last hour without any
    last_s  INTEGER NOT NULL,                    -- utc
    until_s INTEGER NOT NULL                     -- nothing is looked at until then
) STRICT;
CREATE INDEX login_try_by_time ON login_try (last_s);

-- Logged in.  The secret is with the browser; here is only its SHA-256.
CREATE TABLE session (
    digest   BLOB    PRIMARY KEY CHECK (length(digest) = 32),
    user     INTEGER NOT NULL CHECK (user >= 0),                -- 0 = a member
    member   INTEGER NOT NULL CHECK (member >= 0),
    next     INTEGER NOT NULL CHECK (next BETWEEN 0 AND 3),     -- what is still missing: enum login_next
    begun_s  INTEGER NOT NULL,                                  -- utc, as the others
    seen_s   INTEGER NOT NULL,
    until_s  INTEGER NOT NULL,
    address  TEXT    NOT NULL,
    CHECK ((user = 0) <> (member = 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_user ON session (user);

-- What was answered to a change, so that asked again it is not done again.  Kept for two days; request and answer can
-- be read by who has the Request-Id alone (office/console/api.c), since codes and names are in answers.
CREATE TABLE memo (
    actor     TEXT    NOT NULL,                                  -- "U3", "M12"
    request   TEXT    NOT NULL CHECK (length(request) = 64),     -- HMAC of it
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),      -- of operation, path and body
    utc_s     INTEGER NOT NULL,
    type      TEXT,
    file_name TEXT,
    answer    BLOB    NOT NULL,
    PRIMARY KEY (actor, request)
) STRICT;
CREATE INDEX memo_by_time ON memo (utc_s);

-- Who did what, looked at whom, was refused what.  hash = SHA-256(hash of the row before || this row's columns in
-- order, each as text with its length before it: office/console/audit.c); before the first row 32 zeros.
CREATE TABLE audit (
    id        INTEGER PRIMARY KEY CHECK (id > 0),
    time_s    INTEGER NOT NULL,
    user      INTEGER NOT NULL CHECK (user >= 0),               -- 0 = nobody, a member, or the command line
    name      TEXT    NOT NULL,                                 -- of the user, as it was then
    member    INTEGER NOT NULL CHECK (member >= 0),             -- who did it as a member; 0 = none
    operation TEXT    NOT NULL,                                 -- struct api_op.name
    target    TEXT    NOT NULL,                                 -- what stood in the path
    subject   INTEGER NOT NULL CHECK (subject >= 0),            -- whose data was shown; 0 = nobody's
    result    TEXT    NOT NULL,                                 -- "done", or the code of the error
    text      TEXT    NOT NULL,                                 -- what else is to be known; no personal data
    address   TEXT    NOT NULL,                                 -- of the user's browser; never of a member's
    hash      BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_by_time ON audit (time_s);
CREATE INDEX audit_by_user ON audit (user);
CREATE INDEX audit_by_subject ON audit (subject) WHERE subject > 0;

CREATE TRIGGER audit_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT raise(ABORT, 'the audit log is never changed'); END;
CREATE TRIGGER audit_not_deleted BEFORE DELETE ON audit
    BEGIN SELECT raise(ABORT, 'the audit log is never deleted'); END;
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit
    WHEN new.id <> (SELECT coalesce(max(id), 0) + 1 FROM audit)
    BEGIN SELECT raise(ABORT, 'the audit log has no gaps'); END;
