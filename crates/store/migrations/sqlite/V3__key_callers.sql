-- Where a key is used from: what tells who still holds one that is to be replaced.

CREATE TABLE api_key_callers (
    key_id TEXT NOT NULL REFERENCES api_keys (id),
    ip TEXT NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, ip)
) WITHOUT ROWID;
