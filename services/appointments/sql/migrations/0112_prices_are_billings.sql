-- What a visit costs is billing's, which knows it by the type; nobody has ever read it here.
ALTER TABLE visit_type DROP COLUMN price_code;
