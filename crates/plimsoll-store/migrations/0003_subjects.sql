-- What was asked about people: erasures and legal holds. A person stands here as the keyed
-- digest that the key journal knows them by, never by name, and only for as long as needed.

CREATE TABLE erasures (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),          -- the control event's
  subject     BLOB    CHECK (subject IS NULL OR length(subject) = 32), -- NULL once final
  key         BLOB    NOT NULL CHECK (length(key) = 16),            -- the key that goes
  reason      TEXT    NOT NULL,
  principal   BLOB    NOT NULL CHECK (length(principal) = 16),
  asked_at    INTEGER NOT NULL,
  erased_at   INTEGER,                        -- the key is gone from the journal
  epoch       INTEGER,                        -- the epoch in force then
  rotated_at  INTEGER,                        -- that epoch was destroyed
  final_at    INTEGER                         -- and no backup of the keys folder is older
) STRICT, WITHOUT ROWID;
CREATE INDEX erasures_by_subject ON erasures (subject) WHERE subject IS NOT NULL;
CREATE INDEX erasures_open ON erasures (asked_at) WHERE final_at IS NULL;

CREATE TABLE holds (
  id          BLOB    PRIMARY KEY CHECK (length(id) = 16),          -- the control event's
  subject     BLOB    CHECK (subject IS NULL OR length(subject) = 32),
  deployment  BLOB    REFERENCES deployments (id),
  reason      TEXT    NOT NULL,
  principal   BLOB    NOT NULL CHECK (length(principal) = 16),
  placed_at   INTEGER NOT NULL,
  released_at INTEGER,                        -- and the subject is forgotten
  CHECK (released_at IS NOT NULL OR (subject IS NULL) <> (deployment IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_by_subject ON holds (subject) WHERE subject IS NOT NULL;
CREATE INDEX holds_by_deployment ON holds (deployment) WHERE deployment IS NOT NULL;
