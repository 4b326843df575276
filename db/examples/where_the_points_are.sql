-- where_the_points_are.sql - every account of the programme; the last line is always 0 (I1).
-- SPDX-License-Identifier: Apache-2.0
SELECT account, postings, points FROM trial_balance
UNION ALL SELECT 'sum', sum(postings), sum(points) FROM trial_balance;
