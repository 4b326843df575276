-- what_waits.sql - what members have and cannot spend yet, from which day on they can, and why.
-- SPDX-License-Identifier: Apache-2.0
SELECT 'M' || v.member AS member, date(v.day * 86400, 'unixepoch') AS from_day, v.left AS points,
       iif(v.n = 0, 'earned by ', 'of the card replaced by ')
       || iif(e.terminal = 0, 'HQ-' || e.seq, printf('T%04d-%d', e.terminal, e.seq)) AS why
  FROM vesting v JOIN entry e USING (position)
 WHERE v.left > 0 ORDER BY v.day, v.member, v.position, v.n;
