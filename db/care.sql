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

-- The outbox: office/care/message.h.  No number, no address, no name stands here.
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
INSERT INTO care_setting VALUES ('audit_percent', '10'), ('audit_seed', '1');

-- office/care/complaint.h.  A complaint is "C12".
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

-- ================================================================ segments

-- Which members something is for: a rule (office/care/segment_core.h) by name.
CREATE TABLE segment (
    segment TEXT    PRIMARY KEY CHECK (length(segment) BETWEEN 1 AND 15),
    name    TEXT    NOT NULL,
    rule    TEXT    NOT NULL CHECK (json_valid(rule)),
    marks   INTEGER NOT NULL CHECK (marks IN (0, 1)), -- its members are marked at the tills (pack: scope "mark")
    user    INTEGER NOT NULL,
    ran_s   INTEGER NOT NULL DEFAULT 0,
    size    INTEGER NOT NULL DEFAULT 0              -- then
) STRICT, WITHOUT ROWID;

-- What tills are told of a member at the tap, besides what they see themselves: as the newest run of the segment found it.
CREATE TABLE member_mark (
    member INTEGER NOT NULL CHECK (member <> 0),
    mark   TEXT    NOT NULL CHECK (length(mark) BETWEEN 1 AND 15),
    PRIMARY KEY (member, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_mark_members ON member_mark (mark, member);

-- ================================================================ campaigns

-- offer: {"kind":"points","points":100} at the first purchase of the period; {"kind":"mark"}: its members are marked at
-- the tills with the campaign's code, and the pack has a rule for that mark; {"kind":"coupon","days":14} an e-coupon
-- each, and the pack has a rule for it; {"kind":"reward","reward":"MUG","days":14} likewise, for a thing.
CREATE TABLE campaign (
    campaign  TEXT    PRIMARY KEY CHECK (length(campaign) BETWEEN 1 AND 8),
    name      TEXT    NOT NULL,
    segment   TEXT    NOT NULL REFERENCES segment (segment),
    offer     TEXT    NOT NULL CHECK (json_valid(offer)),
    template  TEXT    NOT NULL,                  -- of the message; '' = none is sent
    from_day  INTEGER NOT NULL,
    to_day    INTEGER NOT NULL CHECK (to_day >= from_day),
    budget    INTEGER NOT NULL CHECK (budget >= 0),          -- minor units; 0 = no limit
    cost_each INTEGER NOT NULL CHECK (cost_each >= 0),       -- of one used coupon, minor units
    holdout   INTEGER NOT NULL CHECK (holdout BETWEEN 0 AND 90), -- percent who are left alone
    state     TEXT    NOT NULL CHECK (state IN ('draft', 'running', 'spent', 'stopped', 'ended')),
    user      INTEGER NOT NULL,
    started_s INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Whom it was for when it started; who is held out gets nothing and is only looked at.
CREATE TABLE campaign_member (
    campaign TEXT    NOT NULL REFERENCES campaign (campaign),
    member   INTEGER NOT NULL CHECK (member <> 0),
    held_out INTEGER NOT NULL CHECK (held_out IN (0, 1)),
    contact  TEXT    NOT NULL,                   -- 'queued', 'no consent', ...; '' = nobody tried
    seq      INTEGER,                            -- head office's ADJUST of the bonus; NULL = none yet
    points   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, member),
    CHECK (NOT held_out OR (contact = '' AND seq IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_member_of ON campaign_member (member);

-- An e-coupon: "SPRING-K7Q2MA", its last letter a check.
CREATE TABLE coupon (
    coupon   TEXT    PRIMARY KEY,
    campaign TEXT    NOT NULL REFERENCES campaign (campaign),
    member   INTEGER NOT NULL CHECK (member <> 0),
    last_day INTEGER NOT NULL,
    made_s   INTEGER NOT NULL,
    position INTEGER                             -- the SALE it was used on; NULL = not used
) STRICT, WITHOUT ROWID;
CREATE INDEX coupon_by_member ON coupon (member);
CREATE INDEX coupon_of ON coupon (campaign);

-- A coupon that was shown and was not right.
CREATE TABLE coupon_review (
    position INTEGER NOT NULL REFERENCES entry (position),
    coupon   TEXT    NOT NULL,
    answer   TEXT    NOT NULL,
    PRIMARY KEY (position, coupon)
) STRICT, WITHOUT ROWID;
INSERT INTO care_setting VALUES ('coupon_position', '0'); -- sales to here were looked at

-- Results of games on other platforms; key: the platform's own, so that a file may come twice.
CREATE TABLE game_result (
    key      TEXT    PRIMARY KEY,
    campaign TEXT    NOT NULL REFERENCES campaign (campaign),
    member   INTEGER NOT NULL CHECK (member <> 0),
    result   TEXT    NOT NULL,
    points   INTEGER NOT NULL CHECK (points >= 0),
    seq      INTEGER,                            -- the ADJUST; NULL = no points
    time_s   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A member's code to bring somebody, and whom it brought.
CREATE TABLE referral_code (
    code   TEXT    PRIMARY KEY,
    member INTEGER NOT NULL UNIQUE CHECK (member <> 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE referral (
    member       INTEGER PRIMARY KEY CHECK (member <> 0),     -- who was brought
    referrer     INTEGER NOT NULL CHECK (referrer <> 0 AND referrer <> member),
    time_s       INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'rewarded', 'over the limit')),
    referrer_seq INTEGER,                        -- ADJUSTs
    member_seq   INTEGER,
    rewarded_s   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX referral_by_referrer ON referral (referrer, rewarded_s);
INSERT INTO care_setting VALUES ('referral_referrer', '100'), ('referral_member', '50'), ('referral_most', '10'),
    ('referral_days', '30'); -- points for both; rewarded a year for each; after joining

-- Who stopped coming, and what is done about it: 极力挽回, 见机行事, 基本放弃, 放弃.
CREATE TABLE winback (
    member      INTEGER PRIMARY KEY CHECK (member <> 0),
    disposition TEXT    NOT NULL CHECK (disposition IN ('strive', 'as it comes', 'mostly let go', 'let go')),
    value       INTEGER NOT NULL,                -- spent in the year to the last purchase, minor units
    last_day    INTEGER NOT NULL,                -- of that purchase
    state       TEXT    NOT NULL CHECK (state IN ('open', 'contacted', 'won back', 'lost')),
    reason      TEXT    NOT NULL DEFAULT '',     -- why they left, as they said
    added_s     INTEGER NOT NULL,
    contacted_s INTEGER NOT NULL DEFAULT 0,
    won_day     INTEGER NOT NULL DEFAULT 2147483647
) STRICT;
CREATE INDEX winback_open ON winback (disposition, value) WHERE state IN ('open', 'contacted');
INSERT INTO care_setting VALUES ('winback_days', '90'), ('winback_important', '50000'), ('winback_small', '5000');
