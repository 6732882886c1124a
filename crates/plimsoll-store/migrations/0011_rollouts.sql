-- Versions that are tried under traffic, and every step of theirs.

CREATE TABLE rollouts (
  id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
  deployment    BLOB    NOT NULL REFERENCES deployments (id),
  incumbent     INTEGER NOT NULL,
  candidate     INTEGER NOT NULL,
  salt          BLOB    NOT NULL CHECK (length(salt) = 32),
  scoring       TEXT    NOT NULL CHECK (json_valid(scoring)),
  state         TEXT    NOT NULL CHECK (json_valid(state)),         -- guardrails and their evidence
  phase         TEXT    NOT NULL,
  is_drill      INTEGER NOT NULL CHECK (is_drill IN (0, 1)),
  started_by    BLOB    NOT NULL REFERENCES principals (id),
  started_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  ended_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX rollouts_by_deployment ON rollouts (deployment, id);
-- The database's own word that a deployment tries one version at a time.
CREATE UNIQUE INDEX rollouts_under_way ON rollouts (deployment) WHERE ended_at IS NULL;

CREATE TABLE rollout_steps (
  rollout       BLOB    NOT NULL REFERENCES rollouts (id),
  place         INTEGER NOT NULL,
  what          TEXT    NOT NULL,
  facts         TEXT    NOT NULL CHECK (json_valid(facts)),         -- the numbers that decided
  principal     BLOB    NOT NULL CHECK (length(principal) = 16),    -- zero: the server
  created_at    INTEGER NOT NULL,
  PRIMARY KEY (rollout, place)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER rollout_steps_no_update BEFORE UPDATE ON rollout_steps
BEGIN SELECT RAISE(ABORT, 'immutable: the history of a rollout never changes'); END;
