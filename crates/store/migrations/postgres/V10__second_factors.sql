-- Second factors: the secret that a person's device computes codes with, sealed; codes for when the
-- device is gone; and sign-ins that still lack their second factor.

CREATE TABLE second_factors (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL,
    wrong_codes BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    hash BYTEA NOT NULL,
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE half_sign_ins (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    hash BYTEA NOT NULL,
    organization_id TEXT COLLATE "C" REFERENCES organizations (id),
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX half_sign_ins_hash ON half_sign_ins (hash);
