-- Where a key is used from: what tells who still holds one that is to be replaced.

CREATE TABLE api_key_callers (
    key_id TEXT COLLATE "C" NOT NULL REFERENCES api_keys (id),
    ip TEXT COLLATE "C" NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, ip)
);
