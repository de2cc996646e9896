-- Widget apps, their end users, and the tokens that these get.

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY NOT NULL,
    state TEXT NOT NULL,
    public BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX signing_keys_current ON signing_keys (state) WHERE state = 'current';
CREATE UNIQUE INDEX signing_keys_standby ON signing_keys (state) WHERE state = 'standby';

CREATE TABLE widget_apps (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    app_id TEXT NOT NULL,
    name TEXT NOT NULL,
    allowed_origins TEXT NOT NULL,
    allow_null_origin INTEGER NOT NULL,
    require_origin INTEGER NOT NULL,
    status TEXT NOT NULL,
    theme TEXT,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX widget_apps_app_id ON widget_apps (app_id);
CREATE INDEX widget_apps_project ON widget_apps (project_id, created_at, id);

CREATE TABLE widget_app_secrets (
    widget_app_id TEXT NOT NULL REFERENCES widget_apps (id),
    hash BLOB NOT NULL,
    hash_alg TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (widget_app_id, hash)
) WITHOUT ROWID;

CREATE TABLE end_users (
    id TEXT PRIMARY KEY NOT NULL,
    widget_app_id TEXT NOT NULL REFERENCES widget_apps (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    variables BLOB,
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX end_users_name ON end_users (widget_app_id, name);

CREATE TABLE widget_sessions (
    id TEXT PRIMARY KEY NOT NULL,
    end_user_id TEXT NOT NULL REFERENCES end_users (id),
    widget_app_id TEXT NOT NULL REFERENCES widget_apps (id),
    kid TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) WITHOUT ROWID;
CREATE INDEX widget_sessions_end_user ON widget_sessions (end_user_id, expires_at);
CREATE INDEX widget_sessions_app ON widget_sessions (widget_app_id, expires_at);
CREATE INDEX widget_sessions_expiry ON widget_sessions (expires_at);

ALTER TABLE tasks ADD COLUMN end_user_id TEXT;
CREATE INDEX tasks_end_user_activity ON tasks (end_user_id, last_activity_at DESC, id DESC)
    WHERE end_user_id IS NOT NULL;
