-- Limits: what was admitted, what is handed over now, what was limited and not told yet.
-- Times without a word are held times (they never go back); *_at of limit_limited are wall clock.

CREATE TABLE limit_keys (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  newest INTEGER NOT NULL DEFAULT 0,             -- number of the newest mark
  newest_is_summary INTEGER NOT NULL DEFAULT 0,
  line_at INTEGER NOT NULL DEFAULT 0,            -- where the line of the waiting ends
  line_used INTEGER NOT NULL DEFAULT 0,          -- how many wait for that time
  line_last BLOB NOT NULL DEFAULT x'',           -- the last notification in it
  owed TEXT                                      -- JSON, what a summary needs; null when none is
);

-- The newest marks of each limit, as many as its count, numbered without gaps.
CREATE TABLE limit_marks (
  key INTEGER NOT NULL,          -- limit_keys.number
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (key, number)
) WITHOUT ROWID;

-- A row for each hand-over, until a period after its end. Numbers are never used twice.
CREATE TABLE limit_slots (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  key INTEGER NOT NULL,          -- limit_keys.number
  notification BLOB NOT NULL,    -- id
  taken_at INTEGER NOT NULL,
  freed_at INTEGER               -- null while the attempt runs
);
CREATE INDEX limit_slots_key ON limit_slots (key, freed_at);

-- How many were limited since the last summary; exactly the decisions of the ledger.
CREATE TABLE limit_limited (
  key INTEGER NOT NULL,          -- limit_keys.number
  application TEXT NOT NULL,
  event_type TEXT NOT NULL,
  type_name TEXT NOT NULL,
  count INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (key, application, event_type)
) WITHOUT ROWID;

-- Who would have got them.
CREATE TABLE limit_audience (
  key INTEGER NOT NULL,          -- limit_keys.number
  address TEXT NOT NULL,
  role INTEGER NOT NULL,         -- 0 To, 1 Cc, 2 Bcc
  place INTEGER NOT NULL,        -- their order
  PRIMARY KEY (key, address)
) WITHOUT ROWID;

-- Where held time stands.
CREATE TABLE limit_clock (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  boot_id TEXT NOT NULL,
  offset_ms INTEGER NOT NULL,
  wall_ahead_ms INTEGER NOT NULL
);
