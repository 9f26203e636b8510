CREATE FUNCTION guard(code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF code <> '' THEN RAISE EXCEPTION 'no' USING ERRCODE = code; END IF;
END $$;
