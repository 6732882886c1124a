-- What the traffic of a version is compared with. The document is the monitor's: frozen edges,
-- counts, habits; another takes its place, and the ledger's control events have the digests.

CREATE TABLE watch_references (
  deployment  BLOB    NOT NULL REFERENCES deployments (id),
  version     INTEGER NOT NULL,
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  document    TEXT    NOT NULL,
  changed_by  BLOB    NOT NULL REFERENCES principals (id),
  changed_at  INTEGER NOT NULL,
  PRIMARY KEY (deployment, version)
) STRICT, WITHOUT ROWID;
