-- Explain profiles: which answers are adverse, and what persons are told of each feature.

CREATE TABLE explain_profiles (
  digest      BLOB    PRIMARY KEY CHECK (length(digest) = 32),      -- of `document`
  document    TEXT    NOT NULL CHECK (json_valid(document)),        -- canonical JSON
  author      BLOB    NOT NULL REFERENCES principals (id),
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER explain_profiles_no_update BEFORE UPDATE ON explain_profiles
BEGIN SELECT RAISE(ABORT, 'immutable: an explain profile never changes'); END;
CREATE TRIGGER explain_profiles_no_delete BEFORE DELETE ON explain_profiles
BEGIN SELECT RAISE(ABORT, 'immutable: an explain profile is never deleted'); END;

-- Up to which ledger index deferred explanations were made. It may lag behind the ledger,
-- never run ahead of it: after a crash the explanations found past it are not made again.
CREATE TABLE explain_cursor (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  done_to     INTEGER NOT NULL CHECK (done_to >= 0)
) STRICT;
INSERT INTO explain_cursor (one, done_to) VALUES (1, 0);
