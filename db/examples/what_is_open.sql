-- what_is_open.sql - what a person may want to ask about: debits and loads nobody has proved, cards with
-- a transaction that no till has sent, refunds whose sale is missing, entries to be looked at.
-- SPDX-License-Identifier: Apache-2.0
SELECT printf('T%04d-%d', terminal, seq) AS intent, iif(load, 'load', 'debit') AS kind, lower(hex(uid)) AS card,
       amount FROM intent WHERE proof = 0 ORDER BY position;
SELECT lower(hex(uid)) AS card, missing FROM tmc_gap WHERE missing > 0 ORDER BY uid;
SELECT printf('T%04d-%d', terminal, seq) AS sale FROM waiting ORDER BY terminal, seq;
SELECT answer, count(*) AS entries FROM review GROUP BY answer ORDER BY answer;
