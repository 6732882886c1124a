-- Experiments: versions that answer shares of the same traffic, and everything that happened to each.

CREATE TABLE experiments (
  id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
  deployment    BLOB    NOT NULL REFERENCES deployments (id),
  definition    TEXT    NOT NULL CHECK (json_valid(definition)),
  salt          BLOB    NOT NULL CHECK (length(salt) = 32),
  scoring       TEXT    NOT NULL CHECK (json_valid(scoring)),
  state         TEXT    NOT NULL CHECK (json_valid(state)),         -- arms, guardrails, their evidence
  phase         TEXT    NOT NULL,
  first_index   INTEGER NOT NULL,                                   -- nothing before it is of it
  started_by    BLOB    NOT NULL REFERENCES principals (id),
  started_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  ended_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX experiments_by_deployment ON experiments (deployment, id);
-- The database's own word that a deployment has one experiment at a time.
CREATE UNIQUE INDEX experiments_under_way ON experiments (deployment) WHERE ended_at IS NULL;

CREATE TABLE experiment_steps (
  experiment    BLOB    NOT NULL REFERENCES experiments (id),
  place         INTEGER NOT NULL,
  what          TEXT    NOT NULL,
  facts         TEXT    NOT NULL CHECK (json_valid(facts)),         -- the numbers that decided
  principal     BLOB    NOT NULL CHECK (length(principal) = 16),    -- zero: the server
  created_at    INTEGER NOT NULL,
  PRIMARY KEY (experiment, place)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER experiment_steps_no_update BEFORE UPDATE ON experiment_steps
BEGIN SELECT RAISE(ABORT, 'immutable: the history of an experiment never changes'); END;
