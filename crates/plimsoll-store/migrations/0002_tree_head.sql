-- The head of the ledger's tree, and how far of it may have been signed: one row, which is what
-- keeps a log from being signed twice in different ways. It is changed only by compare-and-swap.
CREATE TABLE tree_head (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  log    TEXT    NOT NULL,                                -- the log's verifier key: name, id, key
  size   INTEGER NOT NULL CHECK (size >= 0),
  root   BLOB    NOT NULL CHECK (length(root) = 32),
  signed INTEGER NOT NULL CHECK (signed BETWEEN 0 AND size)
) STRICT;
