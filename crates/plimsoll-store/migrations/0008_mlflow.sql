-- What MLflow clients write and read: tracking, the catalogue of registered models, webhooks.
-- Times here are milliseconds since 1970, as on MLflow's wire. Things have numbers of their own
-- (`row`), so that a name or id may be any text and a rename touches one row.

CREATE TABLE ml_experiments (
  row         INTEGER PRIMARY KEY AUTOINCREMENT,                    -- its id; never used twice
  name        TEXT    NOT NULL UNIQUE,
  location    TEXT    NOT NULL,
  stage       TEXT    NOT NULL CHECK (stage IN ('active', 'deleted')),
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL
) STRICT;
INSERT INTO ml_experiments (row, name, location, stage, created_at, updated_at)
  SELECT 0, 'Default', 'mlflow-artifacts:/0', 'active', created_at / 1000, created_at / 1000 FROM meta;
CREATE TRIGGER meta_to_default_experiment AFTER INSERT ON meta
BEGIN
  INSERT INTO ml_experiments (row, name, location, stage, created_at, updated_at)
  VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active', new.created_at / 1000, new.created_at / 1000);
END;

CREATE TABLE ml_runs (
  row         INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  experiment  INTEGER NOT NULL REFERENCES ml_experiments (row),
  name        TEXT    NOT NULL,
  user        TEXT    NOT NULL,
  status      TEXT    NOT NULL,
  stage       TEXT    NOT NULL CHECK (stage IN ('active', 'deleted')),
  start_time  INTEGER,
  end_time    INTEGER,
  author      BLOB    NOT NULL,                                     -- the principal that made it
  sealed      BLOB                                                  -- the digest its end left in the ledger
) STRICT;
CREATE INDEX ml_runs_by_experiment ON ml_runs (experiment, start_time);

-- Keys and values of a thing; `kind` says of which: experiment, run, param, model, version,
-- logged, logged-param, input.
CREATE TABLE ml_pairs (
  kind   TEXT    NOT NULL,
  owner  INTEGER NOT NULL,
  key    TEXT    NOT NULL,
  value  TEXT    NOT NULL,
  PRIMARY KEY (kind, owner, key)
) STRICT, WITHOUT ROWID;

-- Every value that a metric had. A value that was told twice is there once.
CREATE TABLE ml_metrics (
  run      INTEGER NOT NULL,
  key      TEXT    NOT NULL,
  time     INTEGER NOT NULL,
  step     INTEGER NOT NULL,
  value    REAL    NOT NULL,
  is_nan   INTEGER NOT NULL CHECK (is_nan IN (0, 1)),
  logged   TEXT,
  dataset_name   TEXT,
  dataset_digest TEXT,
  PRIMARY KEY (run, key, time, step, value, is_nan)
) STRICT, WITHOUT ROWID;
CREATE INDEX ml_metrics_of_logged ON ml_metrics (logged) WHERE logged IS NOT NULL;

-- The newest of each: the highest step, then time, then value.
CREATE TABLE ml_latest (
  run      INTEGER NOT NULL,
  key      TEXT    NOT NULL,
  time     INTEGER NOT NULL,
  step     INTEGER NOT NULL,
  value    REAL    NOT NULL,
  is_nan   INTEGER NOT NULL,
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE ml_datasets (
  row         INTEGER PRIMARY KEY,
  experiment  INTEGER NOT NULL REFERENCES ml_experiments (row),
  name        TEXT    NOT NULL,
  digest      TEXT    NOT NULL,
  source_type TEXT    NOT NULL,
  source      TEXT    NOT NULL,
  schema      TEXT,
  profile     TEXT,
  UNIQUE (experiment, name, digest)
) STRICT;
CREATE TABLE ml_inputs (
  row      INTEGER PRIMARY KEY,
  run      INTEGER NOT NULL REFERENCES ml_runs (row),
  dataset  INTEGER NOT NULL REFERENCES ml_datasets (row),
  UNIQUE (run, dataset)
) STRICT;
-- Logged models that a run read (`in`) or made (`out`).
CREATE TABLE ml_run_models (
  run        INTEGER NOT NULL REFERENCES ml_runs (row),
  direction  TEXT    NOT NULL CHECK (direction IN ('in', 'out')),
  logged     TEXT    NOT NULL,
  step       INTEGER NOT NULL,
  PRIMARY KEY (run, direction, logged)
) STRICT, WITHOUT ROWID;

CREATE TABLE ml_logged (
  row         INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  experiment  INTEGER NOT NULL REFERENCES ml_experiments (row),
  name        TEXT    NOT NULL,
  kind        TEXT,
  run         TEXT,
  location    TEXT    NOT NULL,
  status      TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  deleted_at  INTEGER
) STRICT;
CREATE INDEX ml_logged_by_experiment ON ml_logged (experiment, created_at);

-- The catalogue: every registered model, those of the API under /api/v1 too (see the triggers).
CREATE TABLE ml_models (
  row          INTEGER PRIMARY KEY,
  name         TEXT    NOT NULL UNIQUE,
  owner        TEXT    NOT NULL,
  description  TEXT    NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;
CREATE TABLE ml_versions (
  row          INTEGER PRIMARY KEY,
  model        INTEGER NOT NULL REFERENCES ml_models (row) ON DELETE CASCADE,
  number       INTEGER NOT NULL CHECK (number >= 1),
  author       BLOB    NOT NULL,                                    -- the principal that made it
  user         TEXT    NOT NULL,
  description  TEXT    NOT NULL,
  source       TEXT    NOT NULL,
  location     TEXT    NOT NULL,                                    -- where the source's files are
  run          TEXT    NOT NULL,
  run_link     TEXT    NOT NULL,
  logged       TEXT,
  stage        TEXT    NOT NULL,
  status       TEXT    NOT NULL,
  status_text  TEXT    NOT NULL,
  hold         TEXT,                                                -- why it must be kept; NULL: no hold
  governed     INTEGER NOT NULL CHECK (governed IN (0, 1)),         -- stands in model_versions too
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  UNIQUE (model, number)
) STRICT;
CREATE INDEX ml_versions_of_logged ON ml_versions (logged) WHERE logged IS NOT NULL;
CREATE TABLE ml_aliases (
  model   INTEGER NOT NULL REFERENCES ml_models (row) ON DELETE CASCADE,
  alias   TEXT    NOT NULL,
  number  INTEGER NOT NULL,
  PRIMARY KEY (model, alias)
) STRICT, WITHOUT ROWID;

-- What a version is made of never changes; what is said about it may.
CREATE TRIGGER ml_versions_immutable BEFORE UPDATE ON ml_versions
WHEN new.number <> old.number OR new.author <> old.author OR new.source <> old.source
  OR new.location <> old.location OR new.run <> old.run OR new.logged IS NOT old.logged
  OR new.created_at <> old.created_at
BEGIN SELECT RAISE(ABORT, 'immutable: a model version never changes'); END;
CREATE TRIGGER ml_versions_held BEFORE DELETE ON ml_versions WHEN old.hold IS NOT NULL OR old.governed = 1
BEGIN SELECT RAISE(ABORT, 'a held or governed version is never deleted'); END;

-- One registry: a model or version of the API is in the catalogue, under the same number.
INSERT INTO ml_models (name, owner, description, created_at, updated_at)
  SELECT name, owner, coalesce(description, ''), created_at / 1000, created_at / 1000
  FROM registered_models;
INSERT INTO ml_versions (model, number, author, user, description, source, location, run, run_link,
                         stage, status, status_text, governed, created_at, updated_at)
  SELECT c.row, v.number, v.author, coalesce(p.name, ''), '',
         'plimsoll:/' || m.name || '/' || v.number, 'plimsoll:/' || m.name || '/' || v.number,
         '', '', 'None', 'READY', '', 1, v.created_at / 1000, v.created_at / 1000
  FROM model_versions v JOIN registered_models m ON m.id = v.model
  JOIN ml_models c ON c.name = m.name LEFT JOIN principals p ON p.id = v.author;
CREATE TRIGGER registered_models_to_catalogue AFTER INSERT ON registered_models
BEGIN
  INSERT OR IGNORE INTO ml_models (name, owner, description, created_at, updated_at)
  VALUES (new.name, new.owner, coalesce(new.description, ''), new.created_at / 1000,
          new.created_at / 1000);
END;
CREATE TRIGGER model_versions_to_catalogue AFTER INSERT ON model_versions
BEGIN
  INSERT INTO ml_versions (model, number, author, user, description, source, location, run,
                           run_link, stage, status, status_text, governed, created_at, updated_at)
  SELECT c.row, new.number, new.author,
         coalesce((SELECT name FROM principals WHERE id = new.author), ''), '',
         'plimsoll:/' || c.name || '/' || new.number, 'plimsoll:/' || c.name || '/' || new.number,
         '', '', 'None', 'READY', '', 1, new.created_at / 1000, new.created_at / 1000
  FROM ml_models c JOIN registered_models m ON m.name = c.name WHERE m.id = new.model;
END;

CREATE TABLE ml_webhooks (
  id           TEXT    PRIMARY KEY,
  name         TEXT    NOT NULL,
  description  TEXT,
  url          BLOB    NOT NULL,                                    -- sealed
  secret       BLOB,                                                -- sealed
  events       TEXT    NOT NULL CHECK (json_valid(events)),
  status       TEXT    NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What is to be sent. Written with the change that it tells of.
CREATE TABLE ml_deliveries (
  row       INTEGER PRIMARY KEY,
  webhook   TEXT    NOT NULL REFERENCES ml_webhooks (id) ON DELETE CASCADE,
  body      TEXT    NOT NULL,
  attempts  INTEGER NOT NULL,
  due_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX ml_deliveries_due ON ml_deliveries (due_at);
