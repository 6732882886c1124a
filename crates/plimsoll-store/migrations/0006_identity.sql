-- Principals whom others vouch for: a row of `principals` without roles (a token brings its own
-- each time), and here who it is elsewhere.
CREATE TABLE identities (
  principal   BLOB    PRIMARY KEY REFERENCES principals (id),
  issuer      TEXT    NOT NULL,                                     -- what it is called here
  url         TEXT    NOT NULL,                                     -- `iss`, or `x509`
  subject     TEXT    NOT NULL,
  UNIQUE (url, subject)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER identities_no_update BEFORE UPDATE ON identities
BEGIN SELECT RAISE(ABORT, 'immutable: records of years name this principal'); END;
CREATE TRIGGER identities_no_delete BEFORE DELETE ON identities
BEGIN SELECT RAISE(ABORT, 'immutable: records of years name this principal'); END;

-- How much may be asked, and by whom. `id` is zero for `everyone`.
CREATE TABLE limits (
  of          TEXT    NOT NULL CHECK (of IN ('everyone', 'principal', 'deployment')),
  id          BLOB    NOT NULL CHECK (length(id) = 16),
  document    TEXT    NOT NULL CHECK (json_valid(document)),
  changed_by  BLOB    NOT NULL REFERENCES principals (id),
  changed_at  INTEGER NOT NULL,
  PRIMARY KEY (of, id)
) STRICT, WITHOUT ROWID;
