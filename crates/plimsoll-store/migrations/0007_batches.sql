-- Batch jobs and how far each is.

CREATE TABLE batches (
  id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
  deployment     TEXT    NOT NULL,                                  -- its name, as it was asked for
  principal      BLOB    NOT NULL REFERENCES principals (id),
  key            BLOB    CHECK (key IS NULL OR length(key) = 16),
  state          TEXT    NOT NULL,                                  -- queued, running, done, failed, cancelled
  format         TEXT    NOT NULL,
  output         TEXT    NOT NULL,
  keep           TEXT    NOT NULL CHECK (json_valid(keep)),
  input_digest   BLOB    NOT NULL CHECK (length(input_digest) = 32),
  input_bytes    INTEGER NOT NULL,
  row_count      INTEGER,                                           -- if the file says it
  result_digest  BLOB    CHECK (result_digest IS NULL OR length(result_digest) = 32),
  result_bytes   INTEGER,
  why            TEXT,                                              -- it failed, or waits
  tenant         BLOB    NOT NULL CHECK (length(tenant) = 16),
  created_at     INTEGER NOT NULL,
  ended_at       INTEGER,
  removed_at     INTEGER                                            -- its files
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_state ON batches (state, id);

-- Apart from the job, because it moves without a control event. Every row before `rows` is in the
-- ledger and in a part; rows past it may be in the ledger from index `ledger_from` on.
CREATE TABLE batch_progress (
  batch        BLOB    PRIMARY KEY REFERENCES batches (id) ON DELETE CASCADE,
  parts        INTEGER NOT NULL DEFAULT 0,
  rows         INTEGER NOT NULL DEFAULT 0,
  refused      INTEGER NOT NULL DEFAULT 0,
  failed       INTEGER NOT NULL DEFAULT 0,
  ledger_from  INTEGER NOT NULL CHECK (ledger_from >= 0)
) STRICT, WITHOUT ROWID;
