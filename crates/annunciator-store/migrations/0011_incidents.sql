-- Incidents: what each of them is now, beside the event that registered it.

CREATE TABLE incidents (
  event INTEGER PRIMARY KEY,     -- events.key
  uid BLOB NOT NULL,             -- events.uid
  id TEXT NOT NULL,              -- events.id
  detector TEXT NOT NULL,        -- events.application
  kind TEXT NOT NULL,
  model TEXT NOT NULL,
  top_tag TEXT NOT NULL,
  device TEXT NOT NULL,
  severity INTEGER NOT NULL,     -- 1 to 4
  group_name TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  told INTEGER NOT NULL,         -- 1 once it was told
  changed_at INTEGER NOT NULL,
  sample_count INTEGER NOT NULL,
  samples BLOB                   -- 16 octets each: time and value, big-endian; null when none
);
CREATE UNIQUE INDEX incidents_uid ON incidents (uid);
CREATE INDEX incidents_id ON incidents (id);
CREATE INDEX incidents_alike ON incidents (model, top_tag, starts_at);
CREATE INDEX incidents_group ON incidents (group_name);

-- The statuses that an incident had, from the first to the present one.
CREATE TABLE incident_statuses (
  incident INTEGER NOT NULL,     -- events.key
  number INTEGER NOT NULL,       -- 0 is the registration
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  status TEXT NOT NULL,
  comment TEXT NOT NULL,
  event BLOB NOT NULL,           -- uid of the event that tells it
  PRIMARY KEY (incident, number)
) WITHOUT ROWID;
