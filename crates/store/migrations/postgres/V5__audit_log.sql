-- Who changed what. Each entry is a line of JSON that holds the SHA-256 of the line before in its
-- chain: that of an organization, or 'instance'. The head says how far a chain goes.

CREATE TABLE audit_heads (
    chain TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);

CREATE TABLE audit_log (
    chain TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    entry TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (chain, seq)
);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
