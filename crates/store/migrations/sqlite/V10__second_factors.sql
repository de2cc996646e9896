-- Second factors: the secret that a person's device computes codes with, sealed; codes for when the
-- device is gone; and sign-ins that still lack their second factor.

CREATE TABLE second_factors (
    user_id TEXT PRIMARY KEY NOT NULL REFERENCES users (id),
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_step INTEGER NOT NULL,
    wrong_codes INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id),
    hash BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
) WITHOUT ROWID;

CREATE TABLE half_sign_ins (
    user_id TEXT PRIMARY KEY NOT NULL REFERENCES users (id),
    hash BLOB NOT NULL,
    organization_id TEXT REFERENCES organizations (id),
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX half_sign_ins_hash ON half_sign_ins (hash);
