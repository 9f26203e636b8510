-- By which token and which sign-in an event came, as pseudonyms like the others; all zero: it was not said.
ALTER TABLE event_index ADD COLUMN token uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    ADD COLUMN sign_in uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE event_index ALTER COLUMN token DROP DEFAULT, ALTER COLUMN sign_in DROP DEFAULT;
CREATE INDEX event_index_token ON event_index (org, token, at);
CREATE INDEX event_index_sign_in ON event_index (org, sign_in, at);
