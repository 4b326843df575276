-- who_gave_what.sql - who did what at the tills, and what members said of it.  Cashier 0 is nobody, a register.
-- SPDX-License-Identifier: Apache-2.0
SELECT cashier, sales, sold, refunds, refunded, gifts, given FROM by_cashier ORDER BY cashier;
SELECT cashier, day * 86400 AS time_s, points, taken_back, reason FROM gift ORDER BY position;
SELECT rating, count(*) FROM rating GROUP BY rating ORDER BY rating;
