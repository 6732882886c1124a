-- Sinks with their cursors, an index of changes, and the queue of reviews.

CREATE TABLE sinks (
  id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
  name          TEXT    NOT NULL UNIQUE,
  origin        TEXT    NOT NULL,                                   -- what may be shown of the address
  address       BLOB    NOT NULL,                                   -- all of it, sealed
  secret        BLOB    NOT NULL,                                   -- of signatures, sealed
  owner         BLOB    NOT NULL REFERENCES principals (id),
  format        TEXT    NOT NULL,
  profile       TEXT    NOT NULL,
  include_body  INTEGER NOT NULL CHECK (include_body IN (0, 1)),
  kinds         TEXT    CHECK (kinds IS NULL OR json_valid(kinds)),
  deployments   TEXT    CHECK (deployments IS NULL OR json_valid(deployments)),
  state         TEXT    NOT NULL,
  revision      INTEGER NOT NULL,                                   -- counts changes of the row
  tenant        BLOB    NOT NULL CHECK (length(tenant) = 16),
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Apart from the sink, because it moves without a control event.
CREATE TABLE sink_cursors (
  sink          BLOB    PRIMARY KEY REFERENCES sinks (id) ON DELETE CASCADE,
  next          INTEGER NOT NULL CHECK (next >= 0),                 -- ledger index
  delivered     INTEGER NOT NULL DEFAULT 0,
  moves         INTEGER NOT NULL DEFAULT 0                          -- how often somebody moved it
) STRICT, WITHOUT ROWID;

-- Which control event put what in force, for as long as the installation lives. The outbox
-- forgets after 10,000 changes; a trace of an old decision must not.
CREATE TABLE changes (
  event       BLOB    PRIMARY KEY CHECK (length(event) = 16),       -- the intent in the ledger
  action      TEXT    NOT NULL,
  resource    TEXT    NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_by_resource ON changes (resource, action, created_at);
INSERT INTO changes SELECT event, action, resource, created_at FROM outbox;
CREATE TRIGGER outbox_to_changes AFTER INSERT ON outbox
BEGIN
  INSERT INTO changes VALUES (new.event, new.action, new.resource, new.created_at);
END;

-- What waits for a person, and what became of it: derived from the ledger up to `cursor`.
CREATE TABLE reviews (
  decision      BLOB    PRIMARY KEY CHECK (length(decision) = 16),
  ledger_index  INTEGER NOT NULL,                                   -- of the decision
  deployment    BLOB    NOT NULL,
  decided_at    INTEGER NOT NULL,
  why           TEXT    NOT NULL,                                   -- held, sampled, contested, chosen
  state         TEXT    NOT NULL,                                   -- waiting, accepted, overridden
  contested_at  INTEGER,
  reviewed_at   INTEGER,
  reviewer      BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX reviews_by_state ON reviews (state, decision);
CREATE INDEX reviews_by_deployment ON reviews (deployment, decided_at);

-- What was said about each, by its place in the ledger.
CREATE TABLE review_records (
  decision      BLOB    NOT NULL,
  ledger_index  INTEGER NOT NULL,
  PRIMARY KEY (decision, ledger_index)
) STRICT, WITHOUT ROWID;

-- Answered decisions by hour, counted while any deployment asks for reviews.
CREATE TABLE review_counts (
  deployment  BLOB    NOT NULL,
  hour        INTEGER NOT NULL,                                     -- since 1970
  decisions   INTEGER NOT NULL,
  PRIMARY KEY (deployment, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE review_cursor (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  cursor  INTEGER NOT NULL CHECK (cursor >= 0)
) STRICT;
INSERT INTO review_cursor SELECT 1, 0;
