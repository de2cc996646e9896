-- The key of each organization, wrapped under the master key.

CREATE TABLE data_keys (
    organization_id TEXT PRIMARY KEY NOT NULL REFERENCES organizations (id),
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
