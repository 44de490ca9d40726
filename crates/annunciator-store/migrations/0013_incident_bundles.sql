-- Who is told of an incident later, together with others; and whose subscriptions are paused.

CREATE TABLE incident_postponed (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  due_at INTEGER NOT NULL,
  subscription TEXT NOT NULL,
  address TEXT NOT NULL,
  language TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  event BLOB NOT NULL            -- uid of the event that tells it
);
CREATE INDEX incident_postponed_due ON incident_postponed (due_at);
CREATE INDEX incident_postponed_event ON incident_postponed (event);

CREATE TABLE subscription_pauses (
  subscription TEXT NOT NULL COLLATE NOCASE,
  user_name TEXT NOT NULL COLLATE NOCASE,
  since INTEGER NOT NULL,
  PRIMARY KEY (subscription, user_name)
) WITHOUT ROWID;
