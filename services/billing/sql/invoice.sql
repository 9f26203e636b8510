-- From a visit's end to the last cent.

-- row price (amount_minor int8, currency text)
-- row charge (id uuid)
-- row invoice (id uuid, version int8, number int8, state text, patient_id uuid, visit_id uuid,
--     visit_type text, amount_minor int8, balance_minor int8, currency text, issued_at timestamptz,
--     labels int8)
-- row payment (id uuid, amount_minor int8, currency text, method text, at timestamptz)
-- row invoice_owner (patient_id uuid, labels int8)
-- row moved (version int8)

-- tariff_at  :one price  else ERR_UNPROCESSABLE
SELECT amount_minor, currency FROM tariff
WHERE org IN (:org, '00000000-0000-0000-0000-000000000000') AND visit_type = :visit_type::text
  AND valid @> :at::timestamptz
ORDER BY org DESC LIMIT 1;

-- charge_insert  :maybe charge
-- No row: the visit was charged before.
INSERT INTO charge (org, id, visit_id, patient_id, visit_type, started_at, ended_at, amount_minor,
                    currency, act_id)
VALUES (:org, :id::uuid, :visit_id::uuid, :patient_id::uuid, :visit_type::text,
        :started_at::timestamptz, :ended_at::timestamptz, :amount_minor::int8, :currency::text, :act)
ON CONFLICT (org, visit_id) DO NOTHING
RETURNING id;

-- invoice_insert  :exec
INSERT INTO invoice (org, id, act_id, charge_id, visit_id, visit_type, patient_id, state,
                     amount_minor, currency, issued_at, labels)
SELECT :org, :id::uuid, :act, c.id, c.visit_id, c.visit_type, c.patient_id, :state::text, c.amount_minor,
       c.currency, :now, :labels::int8
FROM charge AS c WHERE c.org = :org AND c.id = :charge_id::uuid;

-- posting_insert  :exec
-- One transaction: from one account to another.
INSERT INTO posting (org, transaction_id, account, amount_minor, currency, invoice_id, act_id, at)
SELECT :org, :transaction_id::uuid, leg.account, leg.amount_minor, :currency::text, :invoice_id::uuid,
       :act, :now
FROM (VALUES (:debit::text, :amount_minor::int8), (:credit::text, -:amount_minor))
     AS leg (account, amount_minor);

-- invoice_get  :one invoice
SELECT id, version, number, state, patient_id, visit_id, visit_type, amount_minor, balance_minor,
       currency, issued_at, labels
FROM invoice_open WHERE org = :org AND id = :id::uuid;

-- invoice_lock  :one invoice_owner
-- Whoever pays or voids stands in line here; the statement behind it sees what those before did.
SELECT patient_id, labels FROM invoice WHERE org = :org AND id = :id::uuid FOR UPDATE;

-- invoices_visible  :many invoice
-- Those of patients that the actor may see, by issue and id.
SELECT id, version, number, state, patient_id, visit_id, visit_type, amount_minor, balance_minor,
       currency, issued_at, labels
FROM invoice_open JOIN visible USING (org, patient_id)
WHERE org = :org AND labels & hidden = 0 AND (issued_at, id) > (:after_at::timestamptz, :after_id::uuid)
  AND (:state?::text IS NULL OR state = :state)
  AND (:patient_id?::uuid IS NULL OR patient_id = :patient_id)
  AND (:visit_id?::uuid IS NULL OR visit_id = :visit_id)
ORDER BY issued_at, id LIMIT :limit::int8;

-- invoice_label  :exec
-- How sensitive the visit is was said anew.
UPDATE invoice SET labels = :labels::int8, act_id = :act
WHERE org = :org AND visit_id = :visit_id::uuid AND labels <> :labels;

-- invoice_move  :one moved  else ERR_BAD_STATE
UPDATE invoice SET state = :state::text, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
RETURNING version;

-- payment_insert  :exec
INSERT INTO payment (org, id, invoice_id, amount_minor, currency, method, taken_by, act_id, at)
VALUES (:org, :id::uuid, :invoice_id::uuid, :amount_minor::int8, :currency::text, :method::text,
        :actor, :act, :now);

-- payments_of  :many payment
SELECT id, amount_minor, currency, method, at FROM payment
WHERE org = :org AND invoice_id = :invoice_id::uuid ORDER BY at, id;
