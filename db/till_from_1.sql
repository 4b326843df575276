-- till_from_1.sql - a journal of version 1 becomes one of today: put aside here, then till.sql makes the tables, then
-- till_from_1_copy.sql fills them.  One transaction.  The entries and their chain stay as they are, byte for byte.
-- SPDX-License-Identifier: Apache-2.0
DROP TRIGGER entry_is_gapless;
DROP TRIGGER entry_is_never_changed;
DROP TRIGGER entry_is_never_deleted;
DROP INDEX entry_ref;
DROP INDEX entry_card;
DROP INDEX entry_original;
ALTER TABLE entry RENAME TO entry_1;
ALTER TABLE open_intent RENAME TO open_intent_1;
ALTER TABLE state RENAME TO state_1;
ALTER TABLE setting RENAME TO setting_1;
ALTER TABLE hot RENAME TO hot_1;
