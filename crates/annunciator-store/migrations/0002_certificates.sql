-- Certificate objects, and small texts that must outlive a restart.

CREATE TABLE certificates (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  public BLOB NOT NULL,          -- DER, each with its length in four octets before it
  sealed_key TEXT,               -- null when the object has no key
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  replaced_at INTEGER
) WITHOUT ROWID;

-- Access tokens, policies of other servers, what was told already.
CREATE TABLE kept (
  place TEXT PRIMARY KEY NOT NULL,
  text TEXT NOT NULL,            -- sealed where it is a secret
  saved_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX kept_saved_at ON kept (saved_at);
