-- one_member.sql - every movement of a member's points, and why.
-- SPDX-License-Identifier: Apache-2.0
SELECT entry, time, account, amount, why FROM statement WHERE member = 7 ORDER BY position, account;

-- What is left of it, and until when.
SELECT date(expires_day * 86400, 'unixepoch') AS good_until, left, expired FROM lot
 WHERE member = 7 AND left + expired > 0 ORDER BY expires_day;
