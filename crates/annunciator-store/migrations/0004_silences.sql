-- Silences: an operator's time-bounded mutes.

CREATE TABLE silences (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,
  matchers TEXT NOT NULL,        -- JSON
  channels TEXT NOT NULL,        -- JSON, an empty list for all
  author TEXT NOT NULL,
  comment TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  ended_by TEXT                  -- null unless it was ended by hand
);
CREATE INDEX silences_ends_at ON silences (ends_at);
