//! The statements that the two backends spell differently, side by side.

/// One statement in both spellings.
#[derive(Debug)]
pub(crate) struct Differs {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// A task's head, held until the transaction ends. SQLite has one writer: nothing to lock.
pub(crate) const LOCK_TASK: Differs = Differs {
    sqlite: "SELECT run, run_first_seq, last_seq, status, session_id, conversation_id, error,
                created_at, started_at, completed_at, message_count,
                organization_id, project_id, api_key_id, end_user_id
         FROM tasks WHERE id = $1",
    postgres: "SELECT run, run_first_seq, last_seq, status, session_id, conversation_id, error,
                created_at, started_at, completed_at, message_count,
                organization_id, project_id, api_key_id, end_user_id
         FROM tasks WHERE id = $1 FOR NO KEY UPDATE",
};

/// A run, held until the transaction ends.
pub(crate) const LOCK_RUN: Differs = Differs {
    sqlite: "SELECT state, attempt, worker_id, lease_until, queued_at, cancel_requested_at,
                running_ms, preferred_worker, preferred_until
         FROM runs WHERE task_id = $1 AND run = $2",
    postgres: "SELECT state, attempt, worker_id, lease_until, queued_at, cancel_requested_at,
                running_ms, preferred_worker, preferred_until
         FROM runs WHERE task_id = $1 AND run = $2 FOR NO KEY UPDATE",
};

/// An API key, held until the transaction ends: what is read of it next is what is written over.
pub(crate) const LOCK_API_KEY: Differs = Differs {
    sqlite: "SELECT id FROM api_keys WHERE id = $1",
    postgres: "SELECT id FROM api_keys WHERE id = $1 FOR NO KEY UPDATE",
};

/// A widget app, held until the transaction ends: what is read of it next is what is written over.
pub(crate) const LOCK_WIDGET_APP: Differs = Differs {
    sqlite: "SELECT id FROM widget_apps WHERE id = $1",
    postgres: "SELECT id FROM widget_apps WHERE id = $1 FOR NO KEY UPDATE",
};

/// A project, held until the transaction ends: what is read of it next is what is written over.
pub(crate) const LOCK_PROJECT: Differs = Differs {
    sqlite: "SELECT id FROM projects WHERE id = $1",
    postgres: "SELECT id FROM projects WHERE id = $1 FOR NO KEY UPDATE",
};

/// Where a chain of the audit log goes to, held until the transaction ends: entries of one chain
/// follow each other.
pub(crate) const LOCK_AUDIT_HEAD: Differs = Differs {
    sqlite: "SELECT seq, hash FROM audit_heads WHERE chain = $1",
    postgres: "SELECT seq, hash FROM audit_heads WHERE chain = $1 FOR NO KEY UPDATE",
};

/// An organization, held until the transaction ends: who owns it changes one at a time.
pub(crate) const LOCK_ORGANIZATION: Differs = Differs {
    sqlite: "SELECT id FROM organizations WHERE id = $1",
    postgres: "SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE",
};

/// A bucket of a rate limit, held until the transaction ends.
pub(crate) const LOCK_RATE_BUCKET: Differs = Differs {
    sqlite: "SELECT full_at FROM rate_buckets WHERE bucket = $1",
    postgres: "SELECT full_at FROM rate_buckets WHERE bucket = $1 FOR NO KEY UPDATE",
};

/// The run of a project that waited longest and that this worker may take; on PostgreSQL not one
/// that another worker is just taking.
pub(crate) const CLAIM_CANDIDATE: Differs = Differs {
    sqlite: "SELECT task_id, run FROM runs
         WHERE state = 'queued' AND project_id = $1
           AND (preferred_worker IS NULL OR preferred_worker = $2 OR preferred_until <= $3)
         ORDER BY queued_at, task_id, run LIMIT 1",
    postgres: "SELECT task_id, run FROM runs
         WHERE state = 'queued' AND project_id = $1
           AND (preferred_worker IS NULL OR preferred_worker = $2 OR preferred_until <= $3)
         ORDER BY queued_at, task_id, run LIMIT 1
         FOR NO KEY UPDATE SKIP LOCKED",
};

/// Puts a project behind the others. On PostgreSQL not while another worker does the same: it
/// would make the claims of one project wait for each other's commits.
pub(crate) const TAKE_TURN: Differs = Differs {
    sqlite: "UPDATE project_turns
         SET turn = (SELECT COALESCE(MAX(turn), 0) + 1 FROM project_turns)
         WHERE project_id = $1",
    postgres: "UPDATE project_turns
         SET turn = (SELECT COALESCE(MAX(turn), 0) + 1 FROM project_turns)
         WHERE project_id IN
             (SELECT project_id FROM project_turns WHERE project_id = $1
              FOR NO KEY UPDATE SKIP LOCKED)",
};

/// One row if a migration ever ran.
pub(crate) const HISTORY_EXISTS: Differs = Differs {
    sqlite: "SELECT name FROM sqlite_schema WHERE name = 'refinery_schema_history'",
    postgres: "SELECT CAST(table_name AS TEXT) FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_name = 'refinery_schema_history'",
};
