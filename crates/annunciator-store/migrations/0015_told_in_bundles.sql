-- Which bundles told an incident, or said that it is not told any more, and to which addresses.

CREATE TABLE incident_told (
  incident BLOB NOT NULL,        -- uid of the event that registered it
  bundle BLOB NOT NULL,          -- uid of our own event about the bundle
  address TEXT NOT NULL,
  is_told INTEGER NOT NULL,      -- 0: the bundle's event says why not
  at INTEGER NOT NULL,
  PRIMARY KEY (incident, bundle, address)
) WITHOUT ROWID;
CREATE INDEX incident_told_bundle ON incident_told (bundle);
