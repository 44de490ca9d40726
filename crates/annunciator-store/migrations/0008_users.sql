-- Users with their sessions and saved views, and the roles that administrators make.
-- Names are ASCII; they are compared without case.

CREATE TABLE users (
  name TEXT PRIMARY KEY COLLATE NOCASE,
  full_name TEXT NOT NULL,
  email TEXT NOT NULL,
  role TEXT NOT NULL,
  password TEXT,                 -- Argon2id in the PHC form; null until one is set
  is_blocked INTEGER NOT NULL,
  language TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  theme TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  last_sign_in_at INTEGER,
  key_sha256 BLOB,               -- of the key with which the user sets a password once
  key_expires_at INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_key ON users (key_sha256) WHERE key_sha256 IS NOT NULL;

CREATE TABLE sessions (
  sha256 BLOB PRIMARY KEY,       -- of what the cookie holds
  id TEXT NOT NULL,              -- for lists; of no use as a cookie
  user_name TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_name);

CREATE TABLE roles (
  name TEXT PRIMARY KEY,
  rights TEXT NOT NULL           -- JSON, a list of words
) WITHOUT ROWID;

CREATE TABLE saved_views (
  owner TEXT NOT NULL COLLATE NOCASE,
  page TEXT NOT NULL,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  is_shared INTEGER NOT NULL,
  PRIMARY KEY (owner, page, name)
) WITHOUT ROWID;
