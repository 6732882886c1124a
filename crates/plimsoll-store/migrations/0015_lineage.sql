-- What came from what, as far as no other table says it; what people say about versions; files
-- that a scan found something in, and who let them pass.

-- Runs that OpenLineage's events tell of, and their data.
CREATE TABLE lineage_runs (
  id          TEXT    PRIMARY KEY,                                  -- the event's run id, a UUID
  namespace   TEXT    NOT NULL,
  job         TEXT    NOT NULL,
  state       TEXT    NOT NULL,
  producer    TEXT    NOT NULL,
  facets      TEXT    NOT NULL CHECK (json_valid(facets)),          -- {"run": {…}, "job": {…}}
  author      BLOB    NOT NULL CHECK (length(author) = 16),
  began_at    INTEGER NOT NULL,
  ended_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE lineage_data (
  run         TEXT    NOT NULL REFERENCES lineage_runs (id),
  direction   TEXT    NOT NULL CHECK (direction IN ('in', 'out')),
  kind        TEXT    NOT NULL,                                     -- source, dataset, model, artifact
  id          TEXT    NOT NULL,
  facets      TEXT    NOT NULL CHECK (json_valid(facets)),
  PRIMARY KEY (run, direction, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX lineage_data_by_id ON lineage_data (kind, id, direction);

-- The digests of a dataset's files, kept here or not.
CREATE TABLE dataset_digests (
  dataset     BLOB    NOT NULL,
  number      INTEGER NOT NULL,
  digest      TEXT    NOT NULL,
  PRIMARY KEY (dataset, number, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX dataset_digests_by_digest ON dataset_digests (digest);
INSERT OR IGNORE INTO dataset_digests (dataset, number, digest)
  SELECT v.dataset, v.number, json_extract(f.value, '$.digest')
  FROM dataset_versions v, json_each(v.manifest, '$.files') f;
CREATE TRIGGER dataset_versions_to_digests AFTER INSERT ON dataset_versions
BEGIN
  INSERT OR IGNORE INTO dataset_digests (dataset, number, digest)
    SELECT new.dataset, new.number, json_extract(f.value, '$.digest')
    FROM json_each(new.manifest, '$.files') f;
END;

-- What is said about a model version, each word of it said by somebody: another revision, never
-- another text.
CREATE TABLE version_cards (
  model          BLOB    NOT NULL,
  number         INTEGER NOT NULL,
  revision       INTEGER NOT NULL CHECK (revision >= 1),
  document       TEXT    NOT NULL CHECK (json_valid(document)),
  training_run   TEXT,
  parent         INTEGER,
  author         BLOB    NOT NULL CHECK (length(author) = 16),
  created_at     INTEGER NOT NULL,
  PRIMARY KEY (model, number, revision),
  FOREIGN KEY (model, number) REFERENCES model_versions (model, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX version_cards_by_run ON version_cards (training_run) WHERE training_run IS NOT NULL;
CREATE TRIGGER version_cards_no_update BEFORE UPDATE ON version_cards
BEGIN SELECT RAISE(ABORT, 'immutable: a card gets another revision'); END;
CREATE TRIGGER version_cards_no_delete BEFORE DELETE ON version_cards
BEGIN SELECT RAISE(ABORT, 'immutable: a card stays'); END;

-- Versions that are not to be released any more.
CREATE TABLE archived_versions (
  model       BLOB    NOT NULL,
  number      INTEGER NOT NULL,
  author      BLOB    NOT NULL CHECK (length(author) = 16),
  reason      TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (model, number),
  FOREIGN KEY (model, number) REFERENCES model_versions (model, number)
) STRICT, WITHOUT ROWID;

-- Files that a scan found something in, by whom they were to become part of what.
CREATE TABLE scan_blocks (
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  author      BLOB    NOT NULL CHECK (length(author) = 16),
  about       TEXT    NOT NULL,                                     -- model or model/number
  path        TEXT    NOT NULL,
  rules       TEXT    NOT NULL CHECK (json_valid(rules)),
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (digest, author, about, path)
) STRICT, WITHOUT ROWID;
-- Who let such a file pass, why and until when.
CREATE TABLE scan_overrides (
  row         INTEGER PRIMARY KEY,
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  rules       TEXT    NOT NULL CHECK (json_valid(rules)),
  reason      TEXT    NOT NULL,
  author      BLOB    NOT NULL CHECK (length(author) = 16),
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX scan_overrides_by_digest ON scan_overrides (digest);
CREATE TRIGGER scan_overrides_no_delete BEFORE DELETE ON scan_overrides
BEGIN SELECT RAISE(ABORT, 'immutable: what was let pass stays on record'); END;

-- A version of the catalogue that deployments may use from now on keeps its number.
DROP TRIGGER model_versions_to_catalogue;
CREATE TRIGGER model_versions_to_catalogue AFTER INSERT ON model_versions
BEGIN
  INSERT INTO ml_versions (model, number, author, user, description, source, location, run,
                           run_link, stage, status, status_text, governed, created_at, updated_at)
  SELECT c.row, new.number, new.author,
         coalesce((SELECT name FROM principals WHERE id = new.author), ''), '',
         'plimsoll:/' || c.name || '/' || new.number, 'plimsoll:/' || c.name || '/' || new.number,
         '', '', 'None', 'READY', '', 1, new.created_at / 1000, new.created_at / 1000
  FROM ml_models c JOIN registered_models m ON m.name = c.name WHERE m.id = new.model
  ON CONFLICT (model, number) DO UPDATE SET governed = 1, updated_at = excluded.updated_at;
END;
