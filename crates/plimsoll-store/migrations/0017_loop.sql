-- What becomes of the candidate of a retraining; the story of both; what an owner puts up with.

CREATE TABLE retrain_trials (
  retrain     BLOB    PRIMARY KEY REFERENCES retrains (id) CHECK (length(retrain) = 16),
  deployment  BLOB    NOT NULL CHECK (length(deployment) = 16),
  version     INTEGER NOT NULL,
  state       TEXT    NOT NULL,                                 -- gate, held, rollout, promoted, gate_failed, rolled_back, refused, cancelled
  why         TEXT,
  gate        TEXT,                                             -- digest of the gate result that it was last judged by
  judged_at   INTEGER,
  rollout     BLOB    CHECK (rollout IS NULL OR length(rollout) = 16),
  since       INTEGER NOT NULL,                                 -- of this state
  ended_at    INTEGER
) STRICT, WITHOUT ROWID;
-- The database's own word that a deployment tries one candidate at a time.
CREATE UNIQUE INDEX retrain_trials_under_way ON retrain_trials (deployment) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX retrain_trials_by_rollout ON retrain_trials (rollout) WHERE rollout IS NOT NULL;

-- Every state of a retraining and of what became of it, in order.
CREATE TABLE retrain_steps (
  retrain     BLOB    NOT NULL REFERENCES retrains (id),
  place       INTEGER NOT NULL,
  state       TEXT    NOT NULL,
  why         TEXT,
  principal   BLOB    NOT NULL CHECK (length(principal) = 16),  -- zero: the server
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (retrain, place)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER retrain_steps_no_update BEFORE UPDATE ON retrain_steps
BEGIN SELECT RAISE(ABORT, 'immutable: the story of a retraining never changes'); END;

-- Who lets the candidates of a policy answer without being asked each time, at tier T1.
ALTER TABLE retrain_policies ADD COLUMN trusted_by BLOB;
ALTER TABLE retrain_policies ADD COLUMN trusted_at INTEGER;

-- What a deployment's owner puts up with, of performance and fairness.
CREATE TABLE watch_limits (
  deployment  BLOB    PRIMARY KEY CHECK (length(deployment) = 16),
  limits      TEXT    NOT NULL CHECK (json_valid(limits)),
  changed_by  BLOB    NOT NULL CHECK (length(changed_by) = 16),
  changed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
