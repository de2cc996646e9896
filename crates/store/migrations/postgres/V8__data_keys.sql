-- The key of each organization, wrapped under the master key.

CREATE TABLE data_keys (
    organization_id TEXT COLLATE "C" PRIMARY KEY REFERENCES organizations (id),
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
