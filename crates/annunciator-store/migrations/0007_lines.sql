-- A line is that of a rule, what was put off is found again, and slots are those of events.

ALTER TABLE limit_keys ADD COLUMN line_count INTEGER NOT NULL DEFAULT 0;     -- the line's rule
ALTER TABLE limit_keys ADD COLUMN line_period_ms INTEGER NOT NULL DEFAULT 0;

-- 1 where the newest claim ended without an attempt and left the delivery queued.
ALTER TABLE deliveries ADD COLUMN put_off INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_put_off ON deliveries (put_off) WHERE put_off = 1;

-- Notifications that one plan made of one event are one: they share a slot.
ALTER TABLE limit_slots ADD COLUMN event BLOB NOT NULL DEFAULT x'';
ALTER TABLE limit_slots ADD COLUMN planned_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE limit_slots ADD COLUMN shares INTEGER;  -- number of the slot it shares, null if none
UPDATE limit_slots SET event = notification;
ALTER TABLE limit_slots DROP COLUMN notification;
CREATE INDEX limit_slots_event ON limit_slots (key, event);
