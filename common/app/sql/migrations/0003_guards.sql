-- The guards became plain statements (act.sql), which are planned once; a function that looks
-- something up plans and runs it apart, at a multiple of the cost. What is left of them here is
-- the refusal: TC001 no relation, TC002 no consent.
CREATE FUNCTION refuse(code text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'refused';
END $$;

DROP FUNCTION patient_allow, consent_require;
