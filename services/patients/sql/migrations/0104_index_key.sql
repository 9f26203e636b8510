-- Under which key of the organisation the blind indexes are: a renewed one stays until no row names it.
-- All zeros: of before this column, the first key that there was; null: the patient was erased.
ALTER TABLE patient ADD COLUMN index_key uuid DEFAULT '00000000-0000-0000-0000-000000000000';
CREATE INDEX patient_index_key ON patient (org, index_key);
