-- Files under MLflow's paths, and datasets with who may use them.

-- A path and the artifact that is there. Changes until a version is registered from it.
CREATE TABLE files (
  path        TEXT    PRIMARY KEY CHECK (length(path) BETWEEN 1 AND 1024),
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  size        INTEGER NOT NULL CHECK (size >= 0),
  author      BLOB    NOT NULL CHECK (length(author) = 16),
  updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_digest ON files (digest);

-- Folders and files of registered versions: neither written nor removed any more.
CREATE TABLE protected_paths (
  path        TEXT    NOT NULL CHECK (length(path) BETWEEN 1 AND 1024),
  reason      TEXT    NOT NULL,                                     -- the version: name/number
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (path, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX protected_paths_by_reason ON protected_paths (reason);
CREATE TRIGGER protected_paths_no_delete BEFORE DELETE ON protected_paths
BEGIN SELECT RAISE(ABORT, 'immutable: the files of a registered version stay'); END;

CREATE TABLE datasets (
  id              BLOB    PRIMARY KEY CHECK (length(id) = 16),
  name            TEXT    NOT NULL UNIQUE,
  owner           TEXT    NOT NULL,
  latest_version  INTEGER NOT NULL CHECK (latest_version >= 0),
  tenant          BLOB    NOT NULL CHECK (length(tenant) = 16),
  created_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset_versions (
  dataset     BLOB    NOT NULL REFERENCES datasets (id),
  number      INTEGER NOT NULL CHECK (number > 0),
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),         -- of `manifest`
  manifest    TEXT    NOT NULL CHECK (json_valid(manifest)),
  author      BLOB    NOT NULL CHECK (length(author) = 16),
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (dataset, number),
  UNIQUE (dataset, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX dataset_versions_by_digest ON dataset_versions (digest);
CREATE TRIGGER dataset_versions_no_update BEFORE UPDATE ON dataset_versions
BEGIN SELECT RAISE(ABORT, 'immutable: a dataset version never changes'); END;

-- Files of a dataset that are kept here; others are known by their digests only.
CREATE TABLE dataset_files (
  dataset     BLOB    NOT NULL,
  number      INTEGER NOT NULL,
  path        TEXT    NOT NULL,
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  size        INTEGER NOT NULL CHECK (size >= 0),
  PRIMARY KEY (dataset, number, path),
  FOREIGN KEY (dataset, number) REFERENCES dataset_versions (dataset, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX dataset_files_by_digest ON dataset_files (digest);

-- The access matrix: who may use which dataset how, for which purpose, until when.
CREATE TABLE dataset_grants (
  dataset     BLOB    NOT NULL REFERENCES datasets (id),
  principal   BLOB    NOT NULL REFERENCES principals (id),
  use         TEXT    NOT NULL CHECK (use IN ('read', 'train', 'export')),
  purpose     TEXT    NOT NULL,
  granted_by  BLOB    NOT NULL CHECK (length(granted_by) = 16),
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER,
  PRIMARY KEY (dataset, principal, use, purpose)
) STRICT, WITHOUT ROWID;
