-- How it was shown, by whom and as what it was given; and no version of a consent is ever lost.

ALTER TABLE consent
    ADD COLUMN shown_at timestamptz,
    ADD COLUMN method   text,          -- screen, paper, spoken
    ADD COLUMN witness  uuid,          -- spoken: who else heard it
    ADD COLUMN given_as text;          -- the role of given_by then

-- One of a scope, to one recipient, for one purpose.
DROP INDEX consent_one;
CREATE UNIQUE INDEX consent_one ON consent
    (org, patient_id, scope, coalesce(recipient, '00000000-0000-0000-0000-000000000000'), coalesce(purpose, ''))
    WHERE state = 'active';

-- Every version, as it was. `consent` holds the last of each.
CREATE TABLE consent_version (LIKE consent, PRIMARY KEY (org, id, version));
INSERT INTO consent_version SELECT * FROM consent;

CREATE FUNCTION consent_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.state <> 'active' OR NEW.version <> OLD.version + 1) THEN
        RAISE EXCEPTION 'a consent only ends, once, as its next version';
    END IF;
    INSERT INTO consent_version SELECT NEW.*;
    RETURN NULL;
END $$;
CREATE TRIGGER consent_keep AFTER INSERT OR UPDATE ON consent FOR EACH ROW EXECUTE FUNCTION consent_keep();

-- What was agreed to is never written again, only that it has ended.
REVOKE UPDATE ON consent FROM "@service@";
GRANT UPDATE (state, version, act_id, revoked_by, revoked_at) ON consent TO "@service@";
GRANT SELECT, INSERT ON consent_version TO "@service@";
