-- till_from_1_copy.sql - see till_from_1.sql.  Of old entries no member is known here, only the card.
-- SPDX-License-Identifier: Apache-2.0
INSERT INTO entry (seq, kind, day, card, ref, points, redeemed, commit_state, original_terminal, original_seq,
                   closes, hash, entry)
    SELECT seq, kind, day, card, ref, points, redeemed, commit_state, original_terminal, original_seq,
           closes, hash, entry FROM entry_1 ORDER BY seq;
INSERT INTO open_intent SELECT * FROM open_intent_1;
INSERT INTO state (only_one, terminal, acked, opened) SELECT only_one, terminal, acked, opened FROM state_1;
INSERT INTO setting SELECT * FROM setting_1;
INSERT INTO hot SELECT * FROM hot_1;
DROP TABLE entry_1;
DROP TABLE open_intent_1;
DROP TABLE state_1;
DROP TABLE setting_1;
DROP TABLE hot_1;
