-- Texts that callers write freely are JSON strings, because PostgreSQL's TEXT takes no NUL.
-- Times are milliseconds since the Unix epoch, booleans 0 or 1.

CREATE TABLE organizations (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX organizations_default ON organizations (is_default) WHERE is_default = 1;

CREATE TABLE projects (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX projects_name ON projects (organization_id, name);
CREATE UNIQUE INDEX projects_default ON projects (organization_id) WHERE is_default = 1;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    project_id TEXT REFERENCES projects (id),
    hash BLOB NOT NULL,
    hash_alg TEXT NOT NULL,
    prefix TEXT NOT NULL,
    class TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    cidrs TEXT NOT NULL,
    limits TEXT,
    metadata TEXT,
    status TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    parent TEXT,
    lineage TEXT NOT NULL,
    rotated_from TEXT,
    overlap_until INTEGER,
    last_used_at INTEGER,
    last_used_ip TEXT,
    revoked_at INTEGER,
    revoke_reason TEXT
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_organization ON api_keys (organization_id, created_at, id);

CREATE TABLE instance_secrets (
    name TEXT PRIMARY KEY NOT NULL,
    kid TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE tasks (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    api_key_id TEXT,
    username TEXT NOT NULL,
    session_id TEXT,
    conversation_id TEXT,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    system_prompt TEXT,
    show_in_history INTEGER NOT NULL,
    auto_execute INTEGER NOT NULL,
    env TEXT,
    secret_names TEXT NOT NULL,
    model TEXT,
    max_turns INTEGER,
    timeout_ms INTEGER,
    metadata TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    last_activity_at INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    run INTEGER NOT NULL,
    run_first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    lineage TEXT
);
CREATE INDEX tasks_project_activity ON tasks (project_id, last_activity_at DESC, id DESC);
CREATE INDEX tasks_lineage_activity ON tasks (project_id, lineage, last_activity_at DESC, id DESC);

CREATE TABLE runs (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    run INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    worker_id TEXT,
    lease_until INTEGER,
    queued_at INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    cancel_requested_at INTEGER,
    running_ms INTEGER NOT NULL,
    preferred_worker TEXT,
    preferred_until INTEGER,
    PRIMARY KEY (task_id, run)
);
CREATE INDEX runs_queued ON runs (project_id, queued_at, task_id, run) WHERE state = 'queued';
CREATE INDEX runs_leased ON runs (lease_until) WHERE state = 'leased';
CREATE INDEX runs_open ON runs (state) WHERE state <> 'ended';

CREATE TABLE events (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    seq INTEGER NOT NULL,
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (task_id, seq)
);

CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    response BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE handovers (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    run INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (task_id, run)
);

CREATE TABLE previews (
    task_id TEXT PRIMARY KEY NOT NULL,
    run INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    payload BLOB NOT NULL
);

-- When a project was last served, as a rising number: what makes the queue fair between projects.
CREATE TABLE project_turns (
    project_id TEXT PRIMARY KEY NOT NULL REFERENCES projects (id),
    turn INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX project_turns_turn ON project_turns (turn);
