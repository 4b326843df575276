-- care.sql - messages, complaints, satisfaction, segments and campaigns.  Beside the ledger: nothing in it is derived
-- from here (I7), and what is said here of points names the entry that moved them.
-- SPDX-License-Identifier: Apache-2.0
--
-- Days, times, money and points as in office.sql.

-- What head office decided about contacting members, and where messages go.
CREATE TABLE care_setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO care_setting VALUES ('contact_days', '7'), ('contact_most', '2'), ('message_url', '');

-- The outbox: office/message.h.  No number, no address, no name stands here.
CREATE TABLE message (
    id        INTEGER PRIMARY KEY,
    key       TEXT    NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 47), -- out_request_no
    member    INTEGER NOT NULL,                                             -- 0 = nobody's: a webhook event
    channel   TEXT    NOT NULL CHECK (channel IN ('sms', 'email', 'wechat', 'webhook')),
    purpose   TEXT    NOT NULL CHECK (purpose IN ('service', 'code', 'marketing', 'survey')),
    template  TEXT    NOT NULL,
    language  TEXT    NOT NULL,
    vals      TEXT    NOT NULL CHECK (json_valid(vals)), -- '{}' once a code was sent
    digest    BLOB    NOT NULL CHECK (length(digest) = 32), -- of all that was wanted: the same key again is the same
    queued_s  INTEGER NOT NULL,
    state     TEXT    NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed', 'given up')),
    tries     INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    next_s    INTEGER NOT NULL, -- not before
    changed_s INTEGER NOT NULL,
    error     TEXT    NOT NULL DEFAULT '',
    CHECK (member <> 0 OR channel = 'webhook'),
    CHECK (purpose <> 'code' OR state NOT IN ('sent', 'given up') OR vals = '{}')
) STRICT;
CREATE INDEX message_due ON message (next_s) WHERE state IN ('queued', 'failed');
CREATE INDEX message_by_member ON message (member, queued_s);
