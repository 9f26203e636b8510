-- How sensitive the visit of a channel is: labels.def, a bit each.
ALTER TABLE stream ADD COLUMN labels bigint NOT NULL DEFAULT 0;
