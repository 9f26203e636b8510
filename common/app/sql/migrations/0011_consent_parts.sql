-- A consent may be to one recipient alone (an organisation, or a person of this one) and for one purpose
-- alone; null: to all that its scope says, for whatever it says.
ALTER TABLE consent ADD COLUMN recipient uuid, ADD COLUMN purpose text; -- a code of purposes.def
