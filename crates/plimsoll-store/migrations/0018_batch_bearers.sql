-- Who began a job with a token or a certificate: what these gave, as JSON. Null where a key, or
-- nobody under --dev, did.

ALTER TABLE batches ADD COLUMN bearer TEXT CHECK (bearer IS NULL OR json_valid(bearer));
