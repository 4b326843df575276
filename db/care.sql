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

-- ================================================================ complaints

-- What complaints are about, and how long handling one may take.
CREATE TABLE complaint_kind (
    kind    TEXT    PRIMARY KEY CHECK (length(kind) BETWEEN 1 AND 15),
    name    TEXT    NOT NULL,
    name_zh TEXT    NOT NULL,
    limit_h INTEGER NOT NULL CHECK (limit_h BETWEEN 1 AND 8760)
) STRICT, WITHOUT ROWID;
INSERT INTO complaint_kind VALUES
    ('service', 'How somebody was treated', '服务态度', 24), ('goods', 'Goods', '商品质量', 72),
    ('price', 'Price or bill', '价格与账单', 48), ('points', 'Points or card', '积分与会员卡', 48),
    ('delivery', 'Delivery or repair', '送货与维修', 72), ('privacy', 'Personal data', '个人信息', 24),
    ('other', 'Something else', '其他', 72);
INSERT INTO care_setting VALUES ('audit_percent', '10'), ('audit_seed', '1'),
    ('recovery_clerk', '200'), ('recovery_controller', '2000'); -- points for one complaint

-- office/complaint.h.  A complaint is "C12".
CREATE TABLE complaint (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: the audit's sample goes by it
    member        INTEGER NOT NULL,                -- 0 = anonymous
    channel       TEXT    NOT NULL CHECK (channel IN ('page', 'desk', 'till', 'phone', 'letter')),
    kind          TEXT    NOT NULL REFERENCES complaint_kind (kind),
    shop          TEXT    NOT NULL DEFAULT '',
    cashier       INTEGER NOT NULL DEFAULT 0,      -- whom it is about, of the tills' staff; 0 = nobody
    terminal      INTEGER NOT NULL DEFAULT 0,      -- the entry it is about; seq 0 = none
    seq           INTEGER NOT NULL DEFAULT 0,
    text          TEXT    NOT NULL,
    received_s    INTEGER NOT NULL,
    answered_s    INTEGER NOT NULL DEFAULT 0,      -- the first step head office took; 0 = none yet
    state         TEXT    NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'recorded', 'passed on', 'handled',
                                                  'asked', 'followed up', 'audited', 'withdrawn')),
    due_s         INTEGER NOT NULL,                -- to be handled until then
    limit_s       INTEGER NOT NULL CHECK (limit_s > 0), -- as its kind said when it was recorded
    owner         TEXT    NOT NULL DEFAULT '',     -- to whom it was passed on
    recorded_by   INTEGER NOT NULL DEFAULT 0,      -- users
    handled_by    INTEGER NOT NULL DEFAULT 0,
    handled_s     INTEGER NOT NULL DEFAULT 0,      -- the newest time; 0 = not
    late          INTEGER NOT NULL DEFAULT 0 CHECK (late IN (0, 1)), -- some handling came after its due_s
    passed_on     INTEGER NOT NULL DEFAULT 0 CHECK (passed_on IN (0, 1)),
    reopened      INTEGER NOT NULL DEFAULT 0 CHECK (reopened >= 0),
    first_contact INTEGER NOT NULL DEFAULT 0 CHECK (first_contact IN (0, 1)),
    opinion       TEXT    NOT NULL DEFAULT '' CHECK (opinion IN ('', 'satisfied', 'not satisfied', 'unreachable')),
    sampled       INTEGER NOT NULL CHECK (sampled IN (0, 1)),
    audit_good    INTEGER CHECK ((audit_good IS NOT NULL) = (state = 'audited')),
    closed_s      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX complaint_by_member ON complaint (member, id);
CREATE INDEX complaint_open ON complaint (due_s) WHERE state IN ('received', 'recorded', 'passed on');

-- Every step, for ever; what was typed is erased with the person.
CREATE TABLE complaint_step (
    complaint INTEGER NOT NULL REFERENCES complaint (id),
    n         INTEGER NOT NULL,
    step      TEXT    NOT NULL,                    -- 'receive', 'record', ... , 'points', 'note'
    state     TEXT    NOT NULL,                    -- after it
    time_s    INTEGER NOT NULL,
    user      INTEGER NOT NULL,                    -- 0 = the member
    text      TEXT    NOT NULL,
    shown     INTEGER NOT NULL CHECK (shown IN (0, 1)), -- the member may read the text
    opinion   TEXT    NOT NULL,                    -- 'ask', 'follow up': what the member said
    PRIMARY KEY (complaint, n)
) STRICT;
CREATE TRIGGER complaint_step_not_deleted BEFORE DELETE ON complaint_step
    BEGIN SELECT raise(ABORT, 'a step of a complaint is never deleted'); END;
CREATE TRIGGER complaint_step_not_changed BEFORE UPDATE OF complaint, n, step, state, time_s, user, opinion ON complaint_step
    BEGIN SELECT raise(ABORT, 'a step of a complaint is never changed'); END;

-- Points given to put things right: the entry moved them, here is for which complaint.
CREATE TABLE complaint_points (
    seq         INTEGER PRIMARY KEY,               -- head office's ADJUST
    complaint   INTEGER NOT NULL REFERENCES complaint (id),
    points      INTEGER NOT NULL CHECK (points > 0),
    user        INTEGER NOT NULL,
    approved_by INTEGER NOT NULL,
    time_s      INTEGER NOT NULL
) STRICT;
CREATE INDEX complaint_points_of ON complaint_points (complaint);

-- ================================================================ satisfaction

-- What a member said of a visit, on the member page, at the desk, in an answer to a survey.  docs/care.md has the score.
CREATE TABLE feedback (
    id          INTEGER PRIMARY KEY,
    member      INTEGER NOT NULL,                -- 0 = anonymous
    channel     TEXT    NOT NULL CHECK (channel IN ('page', 'desk', 'phone', 'survey')),
    time_s      INTEGER NOT NULL,
    shop        TEXT    NOT NULL,
    cashier     INTEGER NOT NULL,                -- 0 = nobody
    terminal    INTEGER NOT NULL,                -- the purchase; seq 0 = none
    seq         INTEGER NOT NULL,
    expected    INTEGER NOT NULL CHECK (expected BETWEEN 0 AND 5), -- 1 to 5; 0 = not said
    value       INTEGER NOT NULL CHECK (value BETWEEN 0 AND 5),
    interaction INTEGER NOT NULL CHECK (interaction BETWEEN 0 AND 5),
    result      INTEGER NOT NULL CHECK (result BETWEEN 0 AND 5),
    environment INTEGER NOT NULL CHECK (environment BETWEEN 0 AND 5),
    nps         INTEGER CHECK (nps BETWEEN 0 AND 10),
    reasons     TEXT    NOT NULL,                -- 'price,repair'
    text        TEXT    NOT NULL,
    score       INTEGER CHECK (score BETWEEN -400 AND 400), -- by the weights of that day; NULL = too little said
    user        INTEGER NOT NULL                 -- who wrote it down; 0 = the member
) STRICT;
CREATE INDEX feedback_by_member ON feedback (member, time_s);
CREATE INDEX feedback_by_time ON feedback (time_s);
INSERT INTO care_setting VALUES ('weights', '1,1,1,1,1'); -- interaction, result, environment; quality, value

-- What is being done so that it does not happen again: plan, do, check, act (PDCA).
CREATE TABLE improvement (
    id      INTEGER PRIMARY KEY,
    title   TEXT    NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    owner   TEXT    NOT NULL,
    due_day INTEGER NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('plan', 'do', 'check', 'act', 'done')),
    user    INTEGER NOT NULL
) STRICT;
CREATE TABLE improvement_step (
    improvement INTEGER NOT NULL REFERENCES improvement (id),
    n           INTEGER NOT NULL,
    state       TEXT    NOT NULL,                -- that this ended
    time_s      INTEGER NOT NULL,
    user        INTEGER NOT NULL,
    text        TEXT    NOT NULL,
    PRIMARY KEY (improvement, n)
) STRICT;
CREATE TABLE improvement_complaint (
    improvement INTEGER NOT NULL REFERENCES improvement (id),
    complaint   INTEGER NOT NULL REFERENCES complaint (id),
    PRIMARY KEY (improvement, complaint)
) STRICT, WITHOUT ROWID;
