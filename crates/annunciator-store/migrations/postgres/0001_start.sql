-- The tables of several nodes on PostgreSQL.
-- Ids are UUIDv7: their first 48 bits are milliseconds, so that a range of ids is a range of time
-- and the tables of the ledger are partitioned by weeks (src/postgres/partitions.rs).
-- What is unfinished stands in `inbox` and `queue`; rows of the ledger are only ever inserted:
--   accept: event_ids, events, inbox
--   plan:   inbox (removed), plans, notifications, queue
--   settle: queue (removed, or changed in place), deliveries, attempts
-- Times are milliseconds since 1970; JSON is kept as text, octet for octet.

CREATE TABLE events (
  uid uuid NOT NULL,
  id text COLLATE "C",                -- null when it is the uid as text
  application text COLLATE "C" NOT NULL,
  version text NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  type_name text NOT NULL,
  severity smallint NOT NULL,         -- 1 to 4
  device text COLLATE "C" NOT NULL,
  ip text NOT NULL,
  connection_ip text NOT NULL,
  domain text NOT NULL,
  device_group text COLLATE "C" NOT NULL,
  task text NOT NULL,
  description text NOT NULL,
  occurred_at bigint NOT NULL,
  registered_at bigint NOT NULL,
  parameters text,                    -- JSON, null when there are none
  PRIMARY KEY (uid)
) PARTITION BY RANGE (uid);

-- A source's id is one event per application, in all partitions.
CREATE TABLE event_ids (
  id text COLLATE "C" NOT NULL,
  application text COLLATE "C" NOT NULL,
  uid uuid NOT NULL,
  PRIMARY KEY (id, application)
);

-- Events that wait for planning; a claim is that of a node, and lapses with the node or its time.
CREATE TABLE inbox (
  event uuid PRIMARY KEY,
  registered_at bigint NOT NULL,
  tries integer NOT NULL,
  node uuid,
  lease_until bigint                  -- by the clock of the database
);

-- Events that could not be planned.
CREATE TABLE parked (event uuid PRIMARY KEY, tries integer NOT NULL, reason text NOT NULL);

-- Events that were planned.
CREATE TABLE plans (
  event uuid NOT NULL,
  decisions text,                     -- JSON, null when there are none
  notifications uuid[] NOT NULL,      -- in the order they were planned
  term_days integer,                  -- where a layer of the settings said so
  PRIMARY KEY (event)
) PARTITION BY RANGE (event);

CREATE TABLE notifications (
  id uuid NOT NULL,
  event uuid NOT NULL,
  channel text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  application text COLLATE "C" NOT NULL, -- the scope
  event_type text COLLATE "C" NOT NULL,
  severity smallint NOT NULL,
  device text COLLATE "C" NOT NULL,
  device_group text NOT NULL,
  conditions text,                    -- JSON, null when there are none
  subject text NOT NULL,              -- the content
  body text NOT NULL,
  html text,
  sender text NOT NULL,
  recipients text NOT NULL,           -- JSON
  message_id text NOT NULL,
  thread_id text NOT NULL,
  event_id text NOT NULL,
  command text,                       -- JSON, null for messages
  picture_id text,                    -- a line for each picture, null when there is none
  picture bytea,                      -- PNG, one behind the other (src/pictures.rs)
  deliveries uuid[] NOT NULL,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);

-- Deliveries that are not finished. A row with a lease is in flight.
CREATE TABLE queue (
  id uuid PRIMARY KEY,
  event uuid NOT NULL,
  notification uuid NOT NULL,
  channel text COLLATE "C" NOT NULL,
  lane text COLLATE "C" NOT NULL,
  due_at bigint NOT NULL,
  lease_until bigint,                 -- null while it waits
  node uuid,                          -- who has it in flight
  claims bigint NOT NULL,             -- the fencing token
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  attempts integer NOT NULL,
  retries integer NOT NULL,
  possibly_duplicated boolean NOT NULL,
  put_off boolean NOT NULL,           -- the newest claim ended without an attempt
  role smallint NOT NULL,             -- 0 To, 1 Cc, 2 Bcc
  address text COLLATE "C" NOT NULL,
  failure text                        -- JSON
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
CREATE INDEX queue_due ON queue (lane, due_at, id) WHERE lease_until IS NULL;
CREATE INDEX queue_lease ON queue (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX queue_expiry ON queue (expires_at) WHERE lease_until IS NULL;
CREATE INDEX queue_put_off ON queue (id) WHERE put_off;
CREATE INDEX queue_event ON queue (event);
ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- Deliveries that are finished.
CREATE TABLE deliveries (
  id uuid NOT NULL,
  event uuid NOT NULL,
  notification uuid NOT NULL,
  channel text COLLATE "C" NOT NULL,
  lane text COLLATE "C" NOT NULL,
  state smallint NOT NULL,            -- 2 delivered, 3 failed, 4 cancelled
  claims bigint NOT NULL,
  due_at bigint NOT NULL,
  at bigint NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  attempts integer NOT NULL,
  retries integer NOT NULL,
  possibly_duplicated boolean NOT NULL,
  role smallint NOT NULL,
  address text COLLATE "C" NOT NULL,
  failure text,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_rare ON deliveries (state, id) WHERE state > 2;

-- Finished or not: what lists read. States as above, and 0 queued, 1 in flight.
CREATE VIEW all_deliveries AS
  SELECT id, event, notification, channel, lane, state, claims, due_at, at, created_at, expires_at,
         attempts, retries, possibly_duplicated, role, address, failure
    FROM deliveries
  UNION ALL
  SELECT id, event, notification, channel, lane,
         CASE WHEN lease_until IS NULL THEN 0::smallint ELSE 1::smallint END, claims, due_at,
         coalesce(lease_until, due_at), created_at, expires_at, attempts, retries,
         possibly_duplicated, role, address, failure
    FROM queue;

CREATE TABLE attempts (
  delivery uuid NOT NULL,
  number bigint NOT NULL,
  started_at bigint NOT NULL,
  ended_at bigint NOT NULL,
  outcome smallint NOT NULL,          -- 0 delivered, 1 transient, 2 permanent, 3 uncertain
  failure text,                       -- JSON
  server text,                        -- that of the facts
  facts text,                         -- JSON, null when nothing was seen
  PRIMARY KEY (delivery, number)
) PARTITION BY RANGE (delivery);

-- Rows of no week that was made ahead: a safety net, empty in normal times.
CREATE TABLE events_other PARTITION OF events DEFAULT;
CREATE TABLE plans_other PARTITION OF plans DEFAULT;
CREATE TABLE notifications_other PARTITION OF notifications DEFAULT;
CREATE TABLE deliveries_other PARTITION OF deliveries DEFAULT;
CREATE TABLE attempts_other PARTITION OF attempts DEFAULT;

CREATE TABLE event_types (
  application text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  type_name text NOT NULL,
  severity smallint NOT NULL,
  first_seen_at bigint NOT NULL,
  storage_term_days integer,
  PRIMARY KEY (application, event_type)
);

CREATE TABLE idempotency (
  owner text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  body_sha256 bytea NOT NULL,
  answer text NOT NULL,               -- JSON
  at bigint NOT NULL,
  PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

-- What happened, in buckets of five minutes. Each writer adds to rows of its own, so that none
-- waits for another's commit; they are summed up when their time is over.
CREATE TABLE figures (
  bucket bigint NOT NULL,
  name smallint NOT NULL,             -- place in Figure::ALL
  word text COLLATE "C" NOT NULL,     -- the severity of what was accepted, the channel of the rest
  writer integer NOT NULL,            -- 0: the sum of all
  count bigint NOT NULL,
  PRIMARY KEY (bucket, name, word, writer)
);

CREATE TABLE incidents (
  event uuid PRIMARY KEY,
  id text COLLATE "C" NOT NULL,
  detector text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  top_tag text COLLATE "C" NOT NULL,
  device text COLLATE "C" NOT NULL,
  severity smallint NOT NULL,
  group_name text COLLATE "C" NOT NULL,
  starts_at bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  told boolean NOT NULL,
  changed_at bigint NOT NULL,
  sample_count integer NOT NULL,
  samples bytea,                      -- 16 octets each: time and value, big-endian
  told_by uuid                        -- the event that told it first, null when none did
);
CREATE INDEX incidents_told_by ON incidents (told_by) WHERE told_by IS NOT NULL;
CREATE INDEX incidents_id ON incidents (id);
CREATE INDEX incidents_alike ON incidents (model, top_tag, starts_at);
CREATE INDEX incidents_group ON incidents (group_name);

CREATE TABLE incident_statuses (
  incident uuid NOT NULL,
  number integer NOT NULL,            -- 0 is the registration
  at bigint NOT NULL,
  author text NOT NULL,
  status text NOT NULL,
  comment text NOT NULL,
  event uuid NOT NULL,
  PRIMARY KEY (incident, number)
);

CREATE TABLE incident_postponed (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  due_at bigint NOT NULL,
  subscription text COLLATE "C" NOT NULL,
  address text COLLATE "C" NOT NULL,
  language text NOT NULL,
  time_zone text NOT NULL,
  event uuid NOT NULL
);
CREATE INDEX incident_postponed_due ON incident_postponed (due_at);
CREATE INDEX incident_postponed_event ON incident_postponed (event);

-- Which bundles told an incident, or said that it is not told any more, and to which addresses.
CREATE TABLE incident_told (
  incident uuid NOT NULL,             -- the event that registered it
  bundle uuid NOT NULL,               -- our own event about the bundle
  address text COLLATE "C" NOT NULL,
  is_told boolean NOT NULL,           -- false: the bundle's event says why not
  at bigint NOT NULL,
  PRIMARY KEY (incident, bundle, address)
);
CREATE INDEX incident_told_bundle ON incident_told (bundle);

-- Names here and below are ASCII; they are compared without case.
CREATE TABLE subscription_pauses (
  subscription text COLLATE "C" NOT NULL,
  user_name text COLLATE "C" NOT NULL,
  since bigint NOT NULL
);
CREATE UNIQUE INDEX subscription_pauses_key
  ON subscription_pauses (lower(subscription), lower(user_name));

-- Limits. Whoever decides about a limit holds its row in limit_keys until the commit.
CREATE TABLE limit_keys (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  newest bigint NOT NULL DEFAULT 0,
  newest_is_summary boolean NOT NULL DEFAULT false,
  line_at bigint NOT NULL DEFAULT 0,
  line_used bigint NOT NULL DEFAULT 0,
  line_last uuid,
  line_count bigint NOT NULL DEFAULT 0,
  line_period_ms bigint NOT NULL DEFAULT 0,
  owed text
);

CREATE TABLE limit_marks (
  key bigint NOT NULL,
  number bigint NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (key, number)
);

CREATE TABLE limit_slots (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key bigint NOT NULL,
  node uuid NOT NULL,                 -- whose attempt it is
  event uuid NOT NULL,
  planned_at bigint NOT NULL,
  shares bigint,
  taken_at bigint NOT NULL,
  freed_at bigint
);
CREATE INDEX limit_slots_key ON limit_slots (key, freed_at);
CREATE INDEX limit_slots_event ON limit_slots (key, event);

CREATE TABLE limit_limited (
  key bigint NOT NULL,
  application text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  type_name text NOT NULL,
  count bigint NOT NULL,
  first_at bigint NOT NULL,
  last_at bigint NOT NULL,
  PRIMARY KEY (key, application, event_type)
);

CREATE TABLE limit_sources (
  key bigint NOT NULL,
  lane text COLLATE "C" NOT NULL,
  source text NOT NULL,
  PRIMARY KEY (key, lane)
);

CREATE TABLE limit_audience (
  key bigint NOT NULL,
  lane text COLLATE "C" NOT NULL,
  address text COLLATE "C" NOT NULL,
  role smallint NOT NULL,
  place bigint NOT NULL,
  PRIMARY KEY (key, lane, address)
);

-- Where held time stands, node by node.
CREATE TABLE limit_clock (
  node uuid PRIMARY KEY,
  boot_id text NOT NULL,
  offset_ms bigint NOT NULL,
  wall_ahead_ms bigint NOT NULL
);

CREATE TABLE settings (
  revision bigint PRIMARY KEY,
  layer text COLLATE "C" NOT NULL,
  document text NOT NULL,
  author text NOT NULL,
  saved_at bigint NOT NULL,
  comment text NOT NULL
);
CREATE INDEX settings_layer ON settings (layer, revision);

CREATE TABLE tokens (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  role text COLLATE "C" NOT NULL,
  secret_sha256 bytea NOT NULL,
  created_at bigint NOT NULL,
  created_by text NOT NULL,
  expires_at bigint,
  last_used_at bigint
);

CREATE TABLE audit (
  number bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  at bigint NOT NULL,
  author text NOT NULL,
  action text COLLATE "C" NOT NULL,
  target text NOT NULL,
  detail text NOT NULL
);

CREATE TABLE certificates (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  kind text NOT NULL,
  public bytea[] NOT NULL,
  sealed_key text,
  created_at bigint NOT NULL,
  created_by text NOT NULL,
  replaced_at bigint
);

CREATE TABLE kept (
  place text COLLATE "C" PRIMARY KEY,
  text text NOT NULL,
  saved_at bigint NOT NULL
);
CREATE INDEX kept_saved_at ON kept (saved_at);

CREATE TABLE silences (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  matchers text NOT NULL,
  channels text NOT NULL,
  author text NOT NULL,
  comment text NOT NULL,
  created_at bigint NOT NULL,
  starts_at bigint NOT NULL,
  ends_at bigint NOT NULL,
  ended_by text
);
CREATE INDEX silences_ends_at ON silences (ends_at);

CREATE TABLE users (
  name text COLLATE "C" NOT NULL,
  full_name text NOT NULL,
  email text NOT NULL,
  role text COLLATE "C" NOT NULL,
  password text,
  password_giver text,
  is_blocked boolean NOT NULL,
  language text NOT NULL,
  time_zone text NOT NULL,
  theme text NOT NULL,
  created_at bigint NOT NULL,
  created_by text NOT NULL,
  last_sign_in_at bigint,
  key_sha256 bytea UNIQUE,
  key_expires_at bigint
);
CREATE UNIQUE INDEX users_name ON users (lower(name));

CREATE TABLE sessions (
  sha256 bytea PRIMARY KEY,
  id text NOT NULL,
  user_name text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  last_used_at bigint NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL
);
CREATE INDEX sessions_user ON sessions (lower(user_name));

CREATE TABLE roles (name text COLLATE "C" PRIMARY KEY, rights text NOT NULL);

CREATE TABLE saved_views (
  owner text COLLATE "C" NOT NULL,
  page text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  query text NOT NULL,
  is_shared boolean NOT NULL
);
CREATE UNIQUE INDEX saved_views_key ON saved_views (lower(owner), page, name);

-- The nodes; times by the clock of the database, but for when a node started.
CREATE TABLE nodes (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  version text NOT NULL,
  address text NOT NULL,
  started_at bigint NOT NULL,
  state text NOT NULL,
  drain_asked boolean NOT NULL DEFAULT false,
  skew_ms bigint NOT NULL,
  beat_at bigint NOT NULL
);

-- How often something was changed that every node keeps in memory.
CREATE TABLE changes (topic text COLLATE "C" PRIMARY KEY, number bigint NOT NULL);
INSERT INTO changes (topic, number) VALUES
  ('settings', 0), ('tokens', 0), ('roles', 0), ('users', 0), ('silences', 0), ('certificates', 0);
