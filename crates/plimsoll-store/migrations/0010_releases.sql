-- Every release into a deployment, oldest first, so that the one before can be gone back to.

CREATE TABLE releases (
  place         INTEGER PRIMARY KEY,
  deployment    BLOB    NOT NULL REFERENCES deployments (id),
  number        INTEGER NOT NULL,
  released_by   BLOB    NOT NULL REFERENCES principals (id),
  released_at   INTEGER NOT NULL,
  withdrawn_at  INTEGER                                             -- it was rolled back
) STRICT;
CREATE INDEX releases_by_deployment ON releases (deployment, place);
INSERT INTO releases (deployment, number, released_by, released_at)
  SELECT id, released, released_by, released_at FROM deployments WHERE released IS NOT NULL;

-- The history is the database's own word, not only the code's.
CREATE TRIGGER deployments_to_releases AFTER UPDATE OF released, released_at ON deployments
WHEN new.released IS NOT NULL
  AND (old.released IS NOT new.released OR old.released_at IS NOT new.released_at)
BEGIN
  INSERT INTO releases (deployment, number, released_by, released_at)
    VALUES (new.id, new.released, new.released_by, new.released_at);
END;
