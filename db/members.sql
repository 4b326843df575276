-- members.sql - what head office keeps of people and cards beside the ledger, and the rewards' stock.
-- SPDX-License-Identifier: Apache-2.0
--
-- Nothing in the ledger is derived from here (I7): a person can be erased, and the books stay whole.
-- Times, days, points and cards are written as in office.sql.  user: who did it, of the console's users; 0 = the
-- program, patronctl, a till or the member.

-- What a member agreed to, and took back again: a history.  The newest row of a purpose is how it is now.
CREATE TABLE consent (
    id      INTEGER PRIMARY KEY,
    member  INTEGER NOT NULL CHECK (member <> 0),
    purpose TEXT    NOT NULL CHECK (purpose IN ('name', 'messages', 'birthday', 'research')),
    given   INTEGER NOT NULL CHECK (given IN (0, 1)),
    time_s  INTEGER NOT NULL,
    channel TEXT    NOT NULL CHECK (channel IN ('till', 'desk', 'page', 'import')),
    version TEXT    NOT NULL,                        -- of the text that was shown
    user    INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_by_member ON consent (member, purpose, id);

-- Words head office puts to a member, and interests that the member named or was seen to have.
CREATE TABLE tag (
    member INTEGER NOT NULL CHECK (member <> 0),
    kind   TEXT    NOT NULL CHECK (kind IN ('tag', 'interest')),
    tag    TEXT    NOT NULL CHECK (length(tag) BETWEEN 1 AND 40),
    time_s INTEGER NOT NULL,
    user   INTEGER NOT NULL,
    PRIMARY KEY (member, kind, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_members ON tag (tag, kind, member);

-- What kind of customer; who is not here is a person who buys for themself.
CREATE TABLE member_type (
    member INTEGER PRIMARY KEY CHECK (member <> 0),
    type   TEXT    NOT NULL CHECK (type IN ('person', 'company', 'reseller', 'staff'))
) STRICT;

-- Notes of the desk about a member, each with its author.
CREATE TABLE note (
    id     INTEGER PRIMARY KEY,
    member INTEGER NOT NULL CHECK (member <> 0),
    time_s INTEGER NOT NULL,
    user   INTEGER NOT NULL,
    text   TEXT    NOT NULL CHECK (length(text) BETWEEN 1 AND 1000)
) STRICT;
CREATE INDEX note_by_member ON note (member, id);

-- How often the member page was used.
CREATE TABLE page_use (
    member INTEGER PRIMARY KEY CHECK (member <> 0),
    uses   INTEGER NOT NULL,
    last_s INTEGER NOT NULL
) STRICT;

-- Persons who were erased: that it was done, when and by whom; nothing of them.
CREATE TABLE erased (
    id     INTEGER PRIMARY KEY,
    member INTEGER NOT NULL CHECK (member <> 0),
    time_s INTEGER NOT NULL,
    user   INTEGER NOT NULL,
    cause  TEXT    NOT NULL CHECK (cause IN ('asked', 'retention'))
) STRICT;

-- Numbers head office chose for this part: "retention_months".
CREATE TABLE member_setting (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ================================================================ cards

-- Cards are ordered and made in batches.
CREATE TABLE batch (
    batch     INTEGER PRIMARY KEY CHECK (batch > 0),
    count     INTEGER NOT NULL CHECK (count BETWEEN 1 AND 1000000),
    kind      TEXT    NOT NULL CHECK (kind IN ('ev1', 'ev2', 'ntag', 'other')),
    shop      TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('ordered', 'made', 'sent', 'in shop', 'cancelled')),
    last_day  INTEGER NOT NULL DEFAULT 2147483647,   -- the last good day of its cards
    ordered_s INTEGER NOT NULL,
    changed_s INTEGER NOT NULL,
    user      INTEGER NOT NULL                       -- who ordered it
) STRICT;

-- Each card made for a batch.
CREATE TABLE batch_card (
    uid    BLOB    PRIMARY KEY CHECK (length(uid) = 7),
    batch  INTEGER NOT NULL REFERENCES batch (batch),
    time_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_card_by_batch ON batch_card (batch);

-- The last good day of one card, whatever its batch says.
CREATE TABLE card_end (
    uid      BLOB    PRIMARY KEY CHECK (length(uid) = 7),
    last_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ================================================================ rewards

-- How many there are of a reward of the pack, as counted at head office; no row: what the pack says.
CREATE TABLE reward_stock (
    reward TEXT    PRIMARY KEY,                      -- code in the pack
    stock  INTEGER NOT NULL CHECK (stock >= 0),      -- put in so far, what was taken included
    time_s INTEGER NOT NULL,
    user   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A reward set aside, taken, let go, given back at the desk or on the member page.  What is left of it the view piece of
-- office.sql says: tills give pieces too.
--
--   open --confirm--> taken --give back--> returned
--     +--release, or the time ran out--> released
CREATE TABLE redemption (
    id         INTEGER PRIMARY KEY,
    member     INTEGER NOT NULL CHECK (member <> 0),
    reward     TEXT    NOT NULL,
    points     INTEGER NOT NULL CHECK (points > 0),
    state      TEXT    NOT NULL CHECK (state IN ('open', 'taken', 'released', 'returned')),
    made_s     INTEGER NOT NULL,
    until_s    INTEGER NOT NULL,                     -- open: let go after this
    name       TEXT    NOT NULL CHECK (name <> ''),  -- the asker's own for it: asked again it is the same
    hold_seq   INTEGER NOT NULL,                     -- head office's HOLD
    redeem_seq INTEGER CHECK ((redeem_seq IS NOT NULL) = (state IN ('taken', 'returned'))),
    return_seq INTEGER CHECK ((return_seq IS NOT NULL) = (state = 'returned')),
    channel    TEXT    NOT NULL CHECK (channel IN ('desk', 'page')),
    user       INTEGER NOT NULL,
    UNIQUE (member, name)
) STRICT;
CREATE INDEX redemption_by_member ON redemption (member, id);
CREATE INDEX redemption_by_reward ON redemption (reward, state);
CREATE INDEX redemption_open ON redemption (until_s) WHERE state = 'open';

-- A one-time code for a reward that was taken.  The code is made from head office's key and kept nowhere; here is
-- its digest.
CREATE TABLE voucher (
    redemption INTEGER PRIMARY KEY REFERENCES redemption (id),
    digest     BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    last_day   INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('good', 'used', 'returned')),
    used_s     INTEGER CHECK ((used_s IS NOT NULL) = (state = 'used')),
    used_by    INTEGER NOT NULL DEFAULT 0,           -- user
    used_at    TEXT    NOT NULL DEFAULT ''           -- shop
) STRICT;

-- Who tried to claim a receipt they had missed, so that nobody tries numbers for long.
CREATE TABLE claim_try (
    id       INTEGER PRIMARY KEY,
    member   INTEGER NOT NULL CHECK (member <> 0),
    terminal INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    time_s   INTEGER NOT NULL,
    done     INTEGER NOT NULL CHECK (done IN (0, 1)),
    user     INTEGER NOT NULL
) STRICT;
CREATE INDEX claim_try_by_member ON claim_try (member, time_s);

-- ================================================================ the member page

-- The code that was sent to a member who wants to log in; one at a time.
CREATE TABLE login_code (
    member  INTEGER PRIMARY KEY CHECK (member <> 0),
    digest  BLOB    NOT NULL CHECK (length(digest) = 32),
    until_s INTEGER NOT NULL,
    wrong   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Codes asked for, by what was typed (a digest, for it need not be a member's): so many an hour.
CREATE TABLE login_ask (
    id     INTEGER PRIMARY KEY,
    name   BLOB    NOT NULL CHECK (length(name) = 16),
    time_s INTEGER NOT NULL
) STRICT;
CREATE INDEX login_ask_by_name ON login_ask (name, time_s);
