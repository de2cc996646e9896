-- Widget apps, their end users, and the tokens that these get.

CREATE TABLE signing_keys (
    kid TEXT COLLATE "C" PRIMARY KEY,
    state TEXT COLLATE "C" NOT NULL,
    public BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX signing_keys_current ON signing_keys (state) WHERE state = 'current';
CREATE UNIQUE INDEX signing_keys_standby ON signing_keys (state) WHERE state = 'standby';

CREATE TABLE widget_apps (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    project_id TEXT COLLATE "C" NOT NULL REFERENCES projects (id),
    app_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    allowed_origins TEXT COLLATE "C" NOT NULL,
    allow_null_origin BIGINT NOT NULL,
    require_origin BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    theme TEXT COLLATE "C",
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX widget_apps_app_id ON widget_apps (app_id);
CREATE INDEX widget_apps_project ON widget_apps (project_id, created_at, id);

CREATE TABLE widget_app_secrets (
    widget_app_id TEXT COLLATE "C" NOT NULL REFERENCES widget_apps (id),
    hash BYTEA NOT NULL,
    hash_alg TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (widget_app_id, hash)
);

CREATE TABLE end_users (
    id TEXT COLLATE "C" PRIMARY KEY,
    widget_app_id TEXT COLLATE "C" NOT NULL REFERENCES widget_apps (id),
    name TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    variables BYTEA,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX end_users_name ON end_users (widget_app_id, name);

CREATE TABLE widget_sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    end_user_id TEXT COLLATE "C" NOT NULL REFERENCES end_users (id),
    widget_app_id TEXT COLLATE "C" NOT NULL REFERENCES widget_apps (id),
    kid TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX widget_sessions_end_user ON widget_sessions (end_user_id, expires_at);
CREATE INDEX widget_sessions_app ON widget_sessions (widget_app_id, expires_at);
CREATE INDEX widget_sessions_expiry ON widget_sessions (expires_at);

ALTER TABLE tasks ADD COLUMN end_user_id TEXT COLLATE "C";
CREATE INDEX tasks_end_user_activity ON tasks (end_user_id, last_activity_at DESC, id DESC)
    WHERE end_user_id IS NOT NULL;
