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

-- A summary goes to each audience by the lane that would have carried what was limited.
CREATE TABLE limit_sources (
  key INTEGER NOT NULL,          -- limit_keys.number
  lane TEXT NOT NULL,
  source TEXT NOT NULL,          -- JSON, as limit_keys.owed
  PRIMARY KEY (key, lane)
) WITHOUT ROWID;
INSERT INTO limit_sources
  SELECT number, json_extract(owed, '$.lane'), owed FROM limit_keys WHERE owed IS NOT NULL;
ALTER TABLE limit_audience RENAME TO limit_audience_before;
CREATE TABLE limit_audience (
  key INTEGER NOT NULL,          -- limit_keys.number
  lane TEXT NOT NULL,
  address TEXT NOT NULL,
  role INTEGER NOT NULL,         -- 0 To, 1 Cc, 2 Bcc
  place INTEGER NOT NULL,        -- their order
  PRIMARY KEY (key, lane, address)
) WITHOUT ROWID;
INSERT INTO limit_audience
  SELECT a.key, s.lane, a.address, a.role, a.place
  FROM limit_audience_before a JOIN limit_sources s ON s.key = a.key;
DROP TABLE limit_audience_before;
