//! Fixtures: a store on the wanted backend, a tenant in it, and short forms of commands.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{
    CallId, Caller, JournalEvent, MessageId, OrganizationId, OsRandom, ProjectId, RunNumber, Seq,
    Task, TaskId, TaskScope, TaskStatus, Timestamp, UserMessage, WorkerId,
};
use store::{
    Append, ChangedBy, ClaimRequest, ClaimedRun, Fence, NewTask, OpenMode, Organization, Project,
    RunChange, Signal, Store, StoreConfig, TaskPatch, TenantStatus,
};
use tokio::sync::broadcast::Receiver;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// The operator, at this time.
pub(crate) fn by(millis: i64) -> ChangedBy {
    ChangedBy {
        caller: Caller::OPERATOR,
        at: at(millis),
    }
}

/// A migrated store of a test's own.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) config: StoreConfig,
    names: AtomicI64,
    /// The SQLite directory, removed when dropped.
    _keep: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = StoreConfig::Sqlite {
            directory: directory.path().to_owned(),
            mode: OpenMode::Serve,
        };
        Self::open(config, Some(directory)).await
    }

    pub(crate) async fn postgres() -> Self {
        let database = testkit::TestDatabase::create().await;
        let config = StoreConfig::Postgres {
            url: database.url().to_owned(),
        };
        Self::open(config, None).await
    }

    pub(crate) async fn open(config: StoreConfig, keep: Option<tempfile::TempDir>) -> Self {
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        Self {
            store,
            config,
            names: AtomicI64::new(0),
            _keep: keep,
        }
    }

    pub(crate) fn name(&self, what: &str) -> String {
        format!("{what} {}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// A new project in a new organization.
    pub(crate) async fn tenant(&self) -> TaskScope {
        let organization_id = OrganizationId::generate(&OsRandom);
        self.store
            .insert_organization(Organization {
                id: organization_id,
                name: self.name("organization"),
                owner_name: "ana".to_owned(),
                is_default: false,
                status: TenantStatus::Active,
                created_at: at(1),
            })
            .await
            .unwrap();
        self.project(organization_id).await
    }

    /// A new project in an organization.
    pub(crate) async fn project(&self, organization_id: OrganizationId) -> TaskScope {
        let project_id = ProjectId::generate(&OsRandom);
        self.store
            .insert_project(
                Project {
                    id: project_id,
                    organization_id,
                    name: self.name("project"),
                    is_default: false,
                    status: TenantStatus::Active,
                    created_at: at(1),
                },
                by(1),
            )
            .await
            .unwrap();
        TaskScope {
            organization_id,
            project_id,
            whose: model::Whose::Anybody,
        }
    }

    /// A new queued task.
    pub(crate) async fn task(&self, scope: &TaskScope, created_at: i64) -> TaskId {
        let new = new_task(scope, created_at);
        let id = new.task.id;
        self.store.insert_task(new).await.unwrap();
        id
    }

    pub(crate) async fn claim(&self, worker: WorkerId, now: i64) -> Option<ClaimedRun> {
        let request = ClaimRequest {
            worker,
            at: at(now),
            lease_until: at(now + 30_000),
        };
        self.store.claim_run(request).await.unwrap()
    }
}

pub(crate) fn worker() -> WorkerId {
    WorkerId::generate(&OsRandom)
}

/// A task as an API key's caller makes it.
pub(crate) fn new_task(scope: &TaskScope, created_at: i64) -> NewTask {
    let created_at = at(created_at);
    NewTask {
        task: Task {
            id: TaskId::generate(&OsRandom),
            organization_id: scope.organization_id,
            project_id: scope.project_id,
            api_key_id: None,
            end_user_id: None,
            username: "ana".to_owned(),
            session_id: None,
            conversation_id: None,
            status: TaskStatus::Pending,
            message: "hi".to_owned(),
            system_prompt: None,
            show_in_history: true,
            auto_execute: true,
            env: None,
            secret_names: vec![],
            model: None,
            max_turns: None,
            timeout_ms: None,
            metadata: None,
            error: None,
            created_at,
            started_at: None,
            completed_at: None,
            last_activity_at: created_at,
            message_count: 1,
            run: RunNumber::FIRST,
            run_first_seq: Seq(1),
            last_seq: Seq(1),
        },
        lineage: None,
        booked_model: "test/model".to_owned(),
        first_event: message("hi"),
        idempotency: None,
        handover: None,
        claim: None,
    }
}

pub(crate) fn message(content: &str) -> UserMessage {
    UserMessage {
        message_id: MessageId::generate(&OsRandom),
        content: content.to_owned(),
        attached_files: vec![],
        secret_names: vec![],
    }
}

/// An append that changes nothing yet.
pub(crate) fn append(task_id: TaskId, run: RunNumber, expected: i64) -> Append {
    Append {
        task_id,
        run,
        expected_seq: Seq(expected),
        fence: None,
        at: at(5_000),
        events: vec![],
        task: TaskPatch::default(),
        run_change: RunChange::Keep,
        running_ms: None,
        meter: None,
        idempotency: None,
        handover: None,
    }
}

/// An append of the attempt that holds the run.
pub(crate) fn append_as(worker: WorkerId, claimed: &ClaimedRun, expected: i64) -> Append {
    Append {
        fence: Some(Fence {
            worker,
            attempt: claimed.attempt,
        }),
        ..append(claimed.task.id, claimed.run, expected)
    }
}

/// A row that stands for any fact.
pub(crate) fn started(call: &str) -> JournalEvent {
    JournalEvent::ToolStarted {
        call_id: CallId::new(call),
    }
}

/// The next signal that is wanted. Ends the test when none comes.
pub(crate) async fn heard(signals: &mut Receiver<Signal>, wanted: Signal) {
    let listening = async { while signals.recv().await.unwrap() != wanted {} };
    tokio::time::timeout(Duration::from_secs(20), listening)
        .await
        .unwrap();
}
