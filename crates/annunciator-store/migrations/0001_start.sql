-- The tables of the first release.
-- Ids are UUIDv7 blobs of 16 octets. `key` columns are 63-bit integers that only this file knows.
-- The way of an event in the hot path touches few b-trees, each mostly at its right end:
--   accept: events, events_id (unless the id was made here), inbox
--   plan:   inbox (removed), plans, notifications, notifications_id, deliveries
--   settle: deliveries (in place), attempts
-- The partial indexes of deliveries hold only what waits or went wrong.

-- Small single values.
CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;

-- Every event, never changed after it was accepted.
CREATE TABLE events (
  key INTEGER PRIMARY KEY,
  uid BLOB NOT NULL,
  id TEXT,                       -- null when it is the uid as text
  application TEXT NOT NULL,
  version TEXT NOT NULL,
  event_type TEXT NOT NULL,
  type_name TEXT NOT NULL,
  severity INTEGER NOT NULL,     -- 1 to 4
  device TEXT NOT NULL,
  ip TEXT NOT NULL,
  connection_ip TEXT NOT NULL,
  domain TEXT NOT NULL,
  device_group TEXT NOT NULL,
  task TEXT NOT NULL,
  description TEXT NOT NULL,
  occurred_at INTEGER NOT NULL,
  registered_at INTEGER NOT NULL,
  parameters TEXT                -- JSON, null when there are none
);
CREATE UNIQUE INDEX events_uid ON events (uid);
CREATE UNIQUE INDEX events_id ON events (id, application) WHERE id IS NOT NULL;

-- Events that wait for planning. Who plans them is known in memory only.
CREATE TABLE inbox (event INTEGER PRIMARY KEY, tries INTEGER NOT NULL);

-- Events that could not be planned.
CREATE TABLE parked (
  event INTEGER PRIMARY KEY,
  tries INTEGER NOT NULL,
  reason TEXT NOT NULL,
  severity INTEGER NOT NULL,
  event_type INTEGER NOT NULL,
  registered_at INTEGER NOT NULL
);

-- Events that were planned, with what retention asks about them.
CREATE TABLE plans (
  event INTEGER PRIMARY KEY,
  severity INTEGER NOT NULL,
  event_type INTEGER NOT NULL,   -- event_types.number
  registered_at INTEGER NOT NULL,
  decisions,                     -- null: none; integer: decision_sets.number; text: JSON
  notifications BLOB NOT NULL    -- keys, 8 octets each, in the order they were planned
);

-- Decisions that came more than once: most events of a system are decided alike.
CREATE TABLE decision_sets (number INTEGER PRIMARY KEY, body TEXT NOT NULL);

CREATE TABLE notifications (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  event INTEGER NOT NULL,        -- events.key
  event_uid BLOB NOT NULL,
  channel TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  application TEXT NOT NULL,     -- the scope
  event_type TEXT NOT NULL,
  severity INTEGER NOT NULL,
  device TEXT NOT NULL,
  device_group TEXT NOT NULL,
  subject TEXT NOT NULL,         -- the content
  body TEXT NOT NULL,
  html TEXT,
  sender TEXT NOT NULL,
  recipients TEXT NOT NULL,      -- JSON
  message_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  deliveries BLOB NOT NULL       -- keys, 8 octets each
);
CREATE UNIQUE INDEX notifications_id ON notifications (id);

CREATE TABLE lanes (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- `key` is made from the id, so that no second b-tree is needed (src/sqlite/key.rs).
CREATE TABLE deliveries (
  key INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  notification INTEGER NOT NULL, -- notifications.key
  lane INTEGER NOT NULL,         -- lanes.number
  state INTEGER NOT NULL,        -- 0 queued, 1 in flight since planning, 2 delivered, 3 failed,
                                 -- 4 cancelled, 5 in flight, claimed from the queue
  claims INTEGER NOT NULL,       -- the fencing token
  due_at INTEGER NOT NULL,
  at INTEGER NOT NULL,           -- end of the lease, or of the delivery
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  retries INTEGER NOT NULL,
  possibly_duplicated INTEGER NOT NULL,
  role INTEGER NOT NULL,         -- 0 To, 1 Cc, 2 Bcc
  address TEXT NOT NULL,
  failure TEXT                   -- JSON
);
CREATE INDEX deliveries_due ON deliveries (lane, due_at) WHERE state = 0;
CREATE INDEX deliveries_expiry ON deliveries (expires_at) WHERE state = 0;
-- No IN here: SQLite would build a table of its list for every row that is written.
CREATE INDEX deliveries_rare ON deliveries (state) WHERE state <> 1 AND state <> 2;

CREATE TABLE attempts (
  delivery INTEGER NOT NULL,     -- deliveries.key
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome INTEGER NOT NULL,      -- 0 delivered, 1 transient, 2 permanent, 3 uncertain
  failure TEXT,                  -- JSON
  facts TEXT,                    -- JSON, null when nothing was seen
  PRIMARY KEY (delivery, number)
) WITHOUT ROWID;

CREATE TABLE event_types (
  number INTEGER PRIMARY KEY,
  application TEXT NOT NULL,
  event_type TEXT NOT NULL,
  type_name TEXT NOT NULL,
  severity INTEGER NOT NULL,
  first_seen_at INTEGER NOT NULL,
  storage_term_days INTEGER,
  UNIQUE (application, event_type)
);

CREATE TABLE idempotency (
  owner TEXT NOT NULL,
  key TEXT NOT NULL,
  body_sha256 BLOB NOT NULL,
  answer TEXT NOT NULL,          -- JSON
  at INTEGER NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE settings (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  layer TEXT NOT NULL,
  document TEXT NOT NULL,
  author TEXT NOT NULL,
  saved_at INTEGER NOT NULL,
  comment TEXT NOT NULL
);
CREATE INDEX settings_layer ON settings (layer, revision);

CREATE TABLE tokens (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  secret_sha256 BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER
) WITHOUT ROWID;

CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL
);
