-- Control state. Ids are UUIDv7 (16 bytes), digests SHA-256 (32 bytes), times microseconds
-- since 1970 in UTC, lists JSON text. Names are checked before they come here.

CREATE TABLE meta (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  tenant      BLOB    NOT NULL CHECK (length(tenant) = 16),
  generation  INTEGER NOT NULL,               -- counts every change of state
  settled_to  INTEGER NOT NULL,               -- ledger index before which every intent has its end
  created_at  INTEGER NOT NULL
) STRICT;

-- What changed, by which control event. Written with the change itself, so that after a
-- crash an intent in the ledger can be told to have been carried out or not.
CREATE TABLE outbox (
  generation  INTEGER PRIMARY KEY,
  event       BLOB    NOT NULL UNIQUE CHECK (length(event) = 16),
  action      TEXT    NOT NULL,
  resource    TEXT    NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE principals (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
  name        TEXT    NOT NULL UNIQUE,
  kind        TEXT    NOT NULL CHECK (kind IN ('user', 'service')),
  roles       TEXT    NOT NULL CHECK (json_valid(roles)),
  tenant      BLOB    NOT NULL CHECK (length(tenant) = 16),
  is_dev      INTEGER NOT NULL CHECK (is_dev IN (0, 1)),
  created_at  INTEGER NOT NULL,
  disabled_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
  principal   BLOB    NOT NULL REFERENCES principals (id),
  name        TEXT    NOT NULL,
  prefix      TEXT    NOT NULL,
  digest      BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),  -- keyed; the pepper is elsewhere
  environment TEXT,
  scopes      TEXT    CHECK (scopes IS NULL OR json_valid(scopes)),
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER,
  revoked_at  INTEGER,
  replaced_by BLOB    REFERENCES api_keys (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_principal ON api_keys (principal);

CREATE TABLE registered_models (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
  name        TEXT    NOT NULL UNIQUE,
  owner       TEXT    NOT NULL,
  description TEXT,
  tenant      BLOB    NOT NULL CHECK (length(tenant) = 16),
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE model_versions (
  model       BLOB    NOT NULL REFERENCES registered_models (id),
  number      INTEGER NOT NULL CHECK (number >= 1),
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),         -- of the manifest
  manifest    TEXT    NOT NULL CHECK (json_valid(manifest)),        -- its canonical bytes
  facts       TEXT    NOT NULL CHECK (json_valid(facts)),
  author      BLOB    NOT NULL REFERENCES principals (id),
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (model, number),
  UNIQUE (model, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_versions_by_digest ON model_versions (digest);

CREATE TABLE manifest_files (
  model       BLOB    NOT NULL,
  number      INTEGER NOT NULL,
  path        TEXT    NOT NULL,
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  size        INTEGER NOT NULL CHECK (size >= 0),
  role        TEXT    NOT NULL,
  PRIMARY KEY (model, number, path),
  FOREIGN KEY (model, number) REFERENCES model_versions (model, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_files_by_digest ON manifest_files (digest);

CREATE TABLE contracts (
  digest      BLOB    PRIMARY KEY CHECK (length(digest) = 32),      -- of `document`
  document    TEXT    NOT NULL CHECK (json_valid(document)),        -- canonical JSON
  author      BLOB    NOT NULL REFERENCES principals (id),
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deployments (
  id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
  name          TEXT    NOT NULL,
  model         BLOB    NOT NULL REFERENCES registered_models (id),
  contract      BLOB    NOT NULL REFERENCES contracts (digest),
  environment   TEXT    NOT NULL,
  owner         TEXT    NOT NULL,
  tier          TEXT    NOT NULL,
  mode          TEXT    NOT NULL,
  explain       TEXT    NOT NULL,
  settings      TEXT    NOT NULL CHECK (json_valid(settings)),      -- the rest, see plimsoll-control
  released      INTEGER,
  released_by   BLOB    REFERENCES principals (id),
  released_at   INTEGER,
  tenant        BLOB    NOT NULL CHECK (length(tenant) = 16),
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  archived_at   INTEGER,
  FOREIGN KEY (model, released) REFERENCES model_versions (model, number),
  CHECK ((released IS NULL) = (released_by IS NULL)),
  CHECK ((released IS NULL) = (released_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX deployments_live_name ON deployments (name) WHERE archived_at IS NULL;

-- Immutability is the database's own word, not only the code's.
CREATE TRIGGER model_versions_no_update BEFORE UPDATE ON model_versions
BEGIN SELECT RAISE(ABORT, 'immutable: a model version never changes'); END;
CREATE TRIGGER model_versions_no_delete BEFORE DELETE ON model_versions
BEGIN SELECT RAISE(ABORT, 'immutable: a model version is never deleted'); END;
CREATE TRIGGER manifest_files_no_update BEFORE UPDATE ON manifest_files
BEGIN SELECT RAISE(ABORT, 'immutable: a manifest never changes'); END;
CREATE TRIGGER manifest_files_no_delete BEFORE DELETE ON manifest_files
BEGIN SELECT RAISE(ABORT, 'immutable: a manifest is never deleted'); END;
CREATE TRIGGER contracts_no_update BEFORE UPDATE ON contracts
BEGIN SELECT RAISE(ABORT, 'immutable: a contract never changes'); END;
CREATE TRIGGER contracts_no_delete BEFORE DELETE ON contracts
BEGIN SELECT RAISE(ABORT, 'immutable: a contract is never deleted'); END;
