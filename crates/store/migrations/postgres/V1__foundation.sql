-- Texts that callers write freely are JSON strings, because PostgreSQL's TEXT takes no NUL.
-- Times are milliseconds since the Unix epoch, booleans 0 or 1.

CREATE TABLE organizations (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    owner_name TEXT COLLATE "C" NOT NULL,
    is_default BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX organizations_default ON organizations (is_default) WHERE is_default = 1;

CREATE TABLE projects (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    is_default BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX projects_name ON projects (organization_id, name);
CREATE UNIQUE INDEX projects_default ON projects (organization_id) WHERE is_default = 1;

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    project_id TEXT COLLATE "C" REFERENCES projects (id),
    hash BYTEA NOT NULL,
    hash_alg TEXT COLLATE "C" NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    class TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    cidrs TEXT COLLATE "C" NOT NULL,
    limits TEXT COLLATE "C",
    metadata TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    parent TEXT COLLATE "C",
    lineage TEXT COLLATE "C" NOT NULL,
    rotated_from TEXT COLLATE "C",
    overlap_until BIGINT,
    last_used_at BIGINT,
    last_used_ip TEXT COLLATE "C",
    revoked_at BIGINT,
    revoke_reason TEXT COLLATE "C"
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_organization ON api_keys (organization_id, created_at, id);

CREATE TABLE instance_secrets (
    name TEXT COLLATE "C" PRIMARY KEY,
    kid TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE tasks (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    project_id TEXT COLLATE "C" NOT NULL REFERENCES projects (id),
    api_key_id TEXT COLLATE "C",
    username TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C",
    conversation_id TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    system_prompt TEXT COLLATE "C",
    show_in_history BIGINT NOT NULL,
    auto_execute BIGINT NOT NULL,
    env TEXT COLLATE "C",
    secret_names TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C",
    max_turns BIGINT,
    timeout_ms BIGINT,
    metadata TEXT COLLATE "C",
    error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    completed_at BIGINT,
    last_activity_at BIGINT NOT NULL,
    message_count BIGINT NOT NULL,
    run BIGINT NOT NULL,
    run_first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    lineage TEXT COLLATE "C"
);
CREATE INDEX tasks_project_activity ON tasks (project_id, last_activity_at DESC, id DESC);
CREATE INDEX tasks_lineage_activity ON tasks (project_id, lineage, last_activity_at DESC, id DESC);

CREATE TABLE runs (
    task_id TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    run BIGINT NOT NULL,
    organization_id TEXT COLLATE "C" NOT NULL,
    project_id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    worker_id TEXT COLLATE "C",
    lease_until BIGINT,
    queued_at BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    cancel_requested_at BIGINT,
    running_ms BIGINT NOT NULL,
    preferred_worker TEXT COLLATE "C",
    preferred_until BIGINT,
    PRIMARY KEY (task_id, run)
);
CREATE INDEX runs_queued ON runs (project_id, queued_at, task_id, run) WHERE state = 'queued';
CREATE INDEX runs_leased ON runs (lease_until) WHERE state = 'leased';
CREATE INDEX runs_open ON runs (state) WHERE state <> 'ended';

CREATE TABLE events (
    task_id TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    seq BIGINT NOT NULL,
    run BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (task_id, seq)
);

CREATE TABLE idempotency (
    caller TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    response BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE handovers (
    task_id TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    run BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (task_id, run)
);

CREATE UNLOGGED TABLE previews (
    task_id TEXT COLLATE "C" PRIMARY KEY,
    run BIGINT NOT NULL,
    turn BIGINT NOT NULL,
    payload BYTEA NOT NULL
);

-- When a project was last served, as a rising number: what makes the queue fair between projects.
CREATE TABLE project_turns (
    project_id TEXT COLLATE "C" PRIMARY KEY REFERENCES projects (id),
    turn BIGINT NOT NULL
);
CREATE INDEX project_turns_turn ON project_turns (turn);
