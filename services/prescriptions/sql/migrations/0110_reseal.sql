-- What is signed stays as it was signed; which key it is sealed under may change, by prescription_reseal
-- alone. The signature is over the text inside, so whoever reads it notices another text.
DROP TRIGGER prescription_immutable ON prescription;
CREATE TRIGGER prescription_immutable BEFORE UPDATE ON prescription FOR EACH ROW
WHEN (old.signature IS NOT NULL AND
      ((old.patient_id, old.visit_id, old.fills_authorised, old.signed_by, old.signed_at,
        old.signing_key, old.signature, old.sealed_version)
       IS DISTINCT FROM
       (new.patient_id, new.visit_id, new.fills_authorised, new.signed_by, new.signed_at,
        new.signing_key, new.signature, new.sealed_version)
       OR (old.sealed IS DISTINCT FROM new.sealed
           AND current_setting('telecura.reseal', true) IS DISTINCT FROM 'on')))
EXECUTE FUNCTION prescription_keep();
