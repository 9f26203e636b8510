-- How sensitive a part of the chart is: labels.def, a bit each.
ALTER TABLE record ADD COLUMN labels bigint NOT NULL DEFAULT 0;
