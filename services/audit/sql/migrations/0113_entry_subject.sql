-- Searches ask event_index.
ALTER TABLE entry DROP COLUMN subject;
