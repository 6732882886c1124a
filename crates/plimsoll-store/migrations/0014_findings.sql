-- Findings, who is told of them, and what was told.

CREATE TABLE findings (
  id              BLOB    PRIMARY KEY CHECK (length(id) = 16),
  deployment      BLOB    NOT NULL CHECK (length(deployment) = 16),
  kind            TEXT    NOT NULL,
  about           TEXT    NOT NULL,
  slice           TEXT    NOT NULL,                                 -- empty: everybody
  severity        TEXT    NOT NULL,
  state           TEXT    NOT NULL,                                 -- open, acknowledged, snoozed, resolved
  owner           TEXT    NOT NULL,                                 -- of the deployment, when it opened
  assignee        TEXT,
  version         INTEGER,                                          -- the last one it was seen with
  text            TEXT    NOT NULL,                                 -- what was seen last
  numbers         TEXT    NOT NULL CHECK (json_valid(numbers)),
  occurrences     INTEGER NOT NULL CHECK (occurrences > 0),
  openings        INTEGER NOT NULL CHECK (openings > 0),            -- 1, and one for each return
  since           INTEGER NOT NULL,                                 -- what it was seen in began
  until           INTEGER NOT NULL,                                 -- and ended
  opened_at       INTEGER NOT NULL,                                 -- this time
  seen_at         INTEGER NOT NULL,
  due_at          INTEGER NOT NULL,
  snoozed_until   INTEGER,
  changed_by      BLOB,                                             -- who acknowledged, snoozed or resolved it
  changed_at      INTEGER,
  reason          TEXT,                                             -- of the last such change
  is_held         INTEGER NOT NULL DEFAULT 0 CHECK (is_held IN (0, 1)), -- somebody is still to be told
  tenant          BLOB    NOT NULL CHECK (length(tenant) = 16)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX findings_by_what ON findings (deployment, kind, about, slice);
CREATE INDEX findings_by_state ON findings (state, id);
CREATE INDEX findings_held ON findings (deployment) WHERE is_held = 1;

-- When nobody is told: once, or again in each week.
CREATE TABLE silences (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
  deployment  BLOB    CHECK (deployment IS NULL OR length(deployment) = 16), -- none: every one
  kind        TEXT,                                                 -- none: every one
  severity    TEXT    NOT NULL,                                     -- the worst that is silenced
  starts_at   INTEGER NOT NULL,
  ends_at     INTEGER NOT NULL,
  every       INTEGER,                                              -- comes again after so many microseconds
  last_at     INTEGER,                                              -- and begins no more after this
  reason      TEXT    NOT NULL,
  created_by  BLOB    NOT NULL CHECK (length(created_by) = 16),
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Budget, due dates and runbooks of a deployment's findings.
CREATE TABLE alerting (
  deployment  BLOB    PRIMARY KEY CHECK (length(deployment) = 16),
  settings    TEXT    NOT NULL CHECK (json_valid(settings))
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_routes (
  id           BLOB    PRIMARY KEY CHECK (length(id) = 16),
  name         TEXT    NOT NULL UNIQUE,
  shape        TEXT    NOT NULL,                                    -- webhook, mail, slack, teams, pagerduty
  origin       TEXT    NOT NULL,                                    -- what may be shown of the address
  address      BLOB    NOT NULL,                                    -- all of it, sealed
  secret       BLOB    NOT NULL,                                    -- of signatures, or a key; sealed
  deployments  TEXT    CHECK (deployments IS NULL OR json_valid(deployments)),
  kinds        TEXT    CHECK (kinds IS NULL OR json_valid(kinds)),
  severity     TEXT    NOT NULL,                                    -- the mildest that is told
  created_by   BLOB    NOT NULL CHECK (length(created_by) = 16),
  created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is told, written in the transaction of what happened.
CREATE TABLE alerts (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),          -- of its CloudEvent
  finding     BLOB    NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
  deployment  BLOB    NOT NULL,
  what        TEXT    NOT NULL,
  is_counted  INTEGER NOT NULL CHECK (is_counted IN (0, 1)),        -- against the budget
  body        TEXT    NOT NULL CHECK (json_valid(body)),
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_deployment ON alerts (deployment, created_at);
CREATE INDEX alerts_by_finding ON alerts (finding, id);

CREATE TABLE alert_deliveries (
  alert     BLOB    NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  route     BLOB    NOT NULL REFERENCES alert_routes (id) ON DELETE CASCADE,
  state     TEXT    NOT NULL,                                       -- waiting, delivered, dead
  attempts  INTEGER NOT NULL,
  due_at    INTEGER NOT NULL,                                       -- of the next attempt
  why       TEXT,                                                   -- the last one failed
  ended_at  INTEGER,
  PRIMARY KEY (alert, route)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_deliveries_due ON alert_deliveries (state, due_at);

-- When a deployment's model is trained again, and how.
CREATE TABLE retrain_policies (
  deployment  BLOB    PRIMARY KEY CHECK (length(deployment) = 16),
  policy      TEXT    NOT NULL CHECK (json_valid(policy)),
  set_by      BLOB    NOT NULL CHECK (length(set_by) = 16),         -- with whose rights it is carried out
  set_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE retrains (
  id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
  deployment    BLOB    NOT NULL CHECK (length(deployment) = 16),
  cause         TEXT    NOT NULL,                                   -- one retrain for one cause, ever
  trigger       TEXT    NOT NULL,                                   -- finding, schedule, age, hand
  finding       BLOB,
  reason        TEXT    NOT NULL,
  state         TEXT    NOT NULL,                                   -- waiting, queued, training, registering, candidate, failed, cancelled
  policy        TEXT    NOT NULL CHECK (json_valid(policy)),        -- as it was then
  carried_by    BLOB    NOT NULL CHECK (length(carried_by) = 16),   -- with whose rights
  requested_by  BLOB    NOT NULL CHECK (length(requested_by) = 16),
  approved_by   BLOB,
  manifest      TEXT    CHECK (manifest IS NULL OR json_valid(manifest)), -- of the rows it is trained on
  files         TEXT    CHECK (files IS NULL OR json_valid(files)),       -- what training made
  version       INTEGER,                                            -- the candidate
  attempts      INTEGER NOT NULL,
  process       INTEGER,                                            -- the group of what trains, while it does
  why           TEXT,
  created_at    INTEGER NOT NULL,
  started_at    INTEGER,                                            -- of the last attempt
  ended_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX retrains_by_cause ON retrains (deployment, cause);
CREATE UNIQUE INDEX retrains_under_way ON retrains (deployment) WHERE ended_at IS NULL;
