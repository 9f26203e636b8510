-- What every privacy officer is told, each by a mail of their own.
ALTER TABLE delivery DROP CONSTRAINT delivery_seat_check, DROP CONSTRAINT delivery_once;
ALTER TABLE delivery ADD CONSTRAINT delivery_seat_check CHECK (seat IN ('patient', 'provider', 'privacy'));
CREATE UNIQUE INDEX delivery_once ON delivery (org, cause, seat) WHERE seat <> 'privacy';
CREATE UNIQUE INDEX delivery_once_each ON delivery (org, cause, person) WHERE seat = 'privacy';
CREATE INDEX member_privacy ON member (org) WHERE role = 'privacy';
