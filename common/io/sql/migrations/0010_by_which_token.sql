-- By which token and sign-in an act came (hashes of the identity provider's ids), and under which id the
-- gateway has its request.
ALTER TABLE audit_outbox ADD COLUMN request uuid, ADD COLUMN token uuid, ADD COLUMN sign_in uuid;
