-- Governance records: what was said about a deployment's use, what checks found, what a gate
-- judged, who approved, what was excepted. Each is written once; what ends it is its end.

CREATE TABLE governance (
  place       INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
  deployment  BLOB    REFERENCES deployments (id),                  -- none: of a principal
  kind        TEXT    NOT NULL,
  artifact    BLOB    CHECK (artifact IS NULL OR length(artifact) = 32),
  document    TEXT    NOT NULL CHECK (json_valid(document)),
  made_by     BLOB    NOT NULL REFERENCES principals (id),
  made_at     INTEGER NOT NULL,
  ended_by    BLOB    REFERENCES principals (id),
  ended_at    INTEGER
) STRICT;
CREATE INDEX governance_by_deployment ON governance (deployment, kind, place);
CREATE INDEX governance_by_maker ON governance (made_by, kind, place);

CREATE TRIGGER governance_no_update BEFORE UPDATE ON governance
WHEN old.ended_at IS NOT NULL OR new.id IS NOT old.id OR new.deployment IS NOT old.deployment
  OR new.kind IS NOT old.kind OR new.artifact IS NOT old.artifact
  OR new.document IS NOT old.document OR new.made_by IS NOT old.made_by
  OR new.made_at IS NOT old.made_at
BEGIN SELECT RAISE(ABORT, 'immutable: a governance record only ends'); END;
CREATE TRIGGER governance_no_delete BEFORE DELETE ON governance
BEGIN SELECT RAISE(ABORT, 'immutable: releases rest on it'); END;
