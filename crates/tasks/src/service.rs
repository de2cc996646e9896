//! The handle that callers use, and what it shares with the workers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use agent::{Agent, StopHandle, StopReason};
use llm::Models;
use model::{
    Clock, JournalRow, OpenTurn, OrganizationId, Permit, ProjectId, Random, RunFold, RunNumber,
    Task, TaskId, TaskStatus, Timestamp, WorkerId,
};
use prometheus_client::registry::Registry;
use store::{LeaseRenewal, Preferred, Store, TaskFilter, TaskPage};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Instrument as _;
use vault::Vault;

use crate::files::Staging;
use crate::idempotency::InFlight;
use crate::journal::Running;
use crate::live::{Live, News};
use crate::metrics::Metrics;
use crate::sessions::{Sessions, SessionsConfig};
use crate::{Error, Secrets, Upload};

/// How long a run is kept for the worker that holds its session, milliseconds.
const PREFERRED_MS: i64 = 2_000;

/// How tasks are run.
#[derive(Debug, Clone)]
pub struct TasksConfig {
    /// Runs at once in this process.
    pub concurrent_runs: usize,
    /// Running time at most where the task names no limit of its own, milliseconds.
    pub task_timeout_ms: i64,
    /// Milliseconds after which a silent worker loses its runs.
    pub lease_ms: i64,
    /// Milliseconds that a cancel waits for the worker before it is fenced off.
    pub cancel_wait_ms: u64,
    /// Milliseconds that runs get to reach their next step when the server stops.
    pub hand_over_ms: u64,
    /// Where files wait until the request that brings them is accepted. On the file system of the
    /// workspaces they are moved, elsewhere they are copied.
    pub staging_dir: PathBuf,
    /// See [`SessionsConfig`].
    pub sessions: SessionsConfig,
}

/// What the handle is made of.
#[derive(Debug)]
pub struct TasksParts {
    /// Where everything is kept.
    pub store: Store,
    /// Seals secrets for another process.
    pub vault: Arc<Vault>,
    /// The models on offer.
    pub models: Arc<Models>,
    /// Tools and limits.
    pub agent: Agent,
    /// How tasks are run.
    pub config: TasksConfig,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// Tasks, for whoever may. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub(crate) inner: Arc<Inner>,
}

/// See [`Tasks`].
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) models: Arc<Models>,
    pub(crate) agent: Agent,
    pub(crate) config: TasksConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) worker: WorkerId,
    pub(crate) sessions: Sessions,
    pub(crate) live: Live,
    pub(crate) in_flight: InFlight,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) wake: Notify,
    pub(crate) runs: TaskTracker,
    pub(crate) staging: Arc<Staging>,
    pub(crate) metrics: Metrics,
    active: Mutex<HashMap<TaskId, ActiveRun>>,
}

/// A run that this process has in hand.
#[derive(Debug)]
pub(crate) struct ActiveRun {
    pub(crate) run: RunNumber,
    pub(crate) attempt: i64,
    pub(crate) running: Running,
    pub(crate) stop: Arc<StopHandle>,
    /// Cancelled when this process has let go of it.
    pub(crate) gone: CancellationToken,
}

/// Room for one run. A server that stops waits for whoever holds one, also before the run begins.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    _token: TaskTrackerToken,
}

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Filters.
    pub filter: TaskFilter,
    /// Items at most.
    pub limit: i64,
    /// Items before the first.
    pub offset: i64,
}

impl Tasks {
    /// Puts the parts together. Nothing runs before a [`Workers`](crate::Workers) does.
    pub fn new(parts: TasksParts) -> Self {
        let sessions = Sessions::new(parts.config.sessions.clone(), Arc::clone(&parts.random));
        let runs = TaskTracker::new();
        let staging = Staging::new(
            parts.config.staging_dir.clone(),
            Arc::clone(&parts.random),
            runs.clone(),
        );
        let inner = Inner {
            worker: WorkerId::generate(&*parts.random),
            sessions,
            live: Live::default(),
            in_flight: InFlight::default(),
            slots: Arc::new(Semaphore::new(parts.config.concurrent_runs)),
            wake: Notify::new(),
            runs,
            staging: Arc::new(staging),
            metrics: Metrics::default(),
            active: Mutex::new(HashMap::new()),
            store: parts.store,
            vault: parts.vault,
            models: parts.models,
            agent: parts.agent,
            config: parts.config,
            clock: parts.clock,
            random: parts.random,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Takes the files of a request. Nothing is made before the first of them.
    pub fn upload(&self) -> Upload {
        Upload::new(Arc::clone(&self.inner.staging))
    }

    /// A task with what its current run made so far, and the preview of an open turn.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller may not know of such a task.
    pub async fn get(
        &self,
        permit: &Permit,
        id: TaskId,
    ) -> Result<(Task, RunFold, Option<OpenTurn>), Error> {
        let found = self
            .inner
            .store
            .find_task_with_run(permit.scope(), id)
            .await?;
        let (task, rows) = found.ok_or(Error::NotFound("Task"))?;
        let fold = RunFold::of(task.run, &rows);
        let open = self.inner.open_turn(&task);
        Ok((task, fold, open))
    }

    /// A task and its whole journal.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn history(
        &self,
        permit: &Permit,
        id: TaskId,
    ) -> Result<(Task, Vec<JournalRow>), Error> {
        let found = self
            .inner
            .store
            .find_snapshot(permit.scope(), id, model::Seq(0))
            .await?;
        found.ok_or(Error::NotFound("Task"))
    }

    /// Whether the caller may know of such a task.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn check(&self, permit: &Permit, id: TaskId) -> Result<(), Error> {
        let found = self.inner.store.find_task(permit.scope(), id).await?;
        found.map(drop).ok_or(Error::NotFound("Task"))
    }

    /// The project of a task of an organization, for a caller who may see several.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn project_of(
        &self,
        organization: OrganizationId,
        id: TaskId,
    ) -> Result<Option<ProjectId>, Error> {
        Ok(self
            .inner
            .store
            .find_project_of_task(organization, id)
            .await?)
    }

    /// A page of the tasks that the caller may list, latest activity first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, permit: &Permit, request: ListRequest) -> Result<TaskPage, Error> {
        let ListRequest {
            filter,
            limit,
            offset,
        } = request;
        Ok(self
            .inner
            .store
            .list_tasks(permit.scope(), filter, limit, offset)
            .await?)
    }

    /// The models on offer.
    pub fn models(&self) -> &Models {
        &self.inner.models
    }

    /// Lets operators see what is counted here, in the agent and in the store.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.inner.metrics.register(registry);
        self.inner.agent.metrics.register(registry);
        self.inner.store.register_metrics(registry);
    }

    /// Brings what is counted in the database up to date, for somebody who looks now.
    pub async fn refresh_metrics(&self) {
        let counts = self.inner.store.count_runs_by_state().await;
        if let Err(error) = &counts {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "counting the runs failed"
            );
        }
        self.inner.metrics.set(counts.ok(), self.inner.now());
    }

    /// How many topics and runs this process holds in memory: both fall to zero when nothing is
    /// going on. Sessions that are kept between runs are not among them.
    pub fn in_memory(&self) -> usize {
        self.inner.live.len() + self.inner.active().len()
    }
}

impl Inner {
    /// Carries `work` through, whatever becomes of the request that wants it: a row is written and
    /// what must follow it (files moved, a claimed run begun, a marked run ended) is done together.
    pub(crate) async fn carry_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match self.runs.spawn(work.in_current_span()).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether new work is taken: a server that stops leaves it to the next one.
    pub(crate) fn accepting(&self) -> Result<(), Error> {
        if self.slots.is_closed() {
            Err(Error::Stopping)
        } else {
            Ok(())
        }
    }

    /// This worker, if it holds something of the task's session or gets secrets for it: it gets the
    /// next run first.
    pub(crate) fn preferred(
        &self,
        task_id: TaskId,
        secrets: Option<&Secrets>,
        now: Timestamp,
    ) -> Option<Preferred> {
        let holds = secrets.is_some() || self.sessions.holds(task_id);
        holds.then(|| Preferred {
            worker: self.worker,
            until: now.plus_millis(PREFERRED_MS),
        })
    }

    fn open_turn(&self, task: &Task) -> Option<OpenTurn> {
        let open = task.status == TaskStatus::Running;
        open.then(|| self.live.find(task.id)?.open_turn()).flatten()
    }

    /// Notes that this process runs a task. Answers the attempt of the same task that this process
    /// has not let go of yet, if there is one: it is waited for before this one does anything.
    pub(crate) fn activate(
        self: &Arc<Self>,
        task_id: TaskId,
        run: ActiveRun,
    ) -> (Active, Option<ActiveRun>) {
        let active = Active {
            inner: Arc::clone(self),
            task_id,
            run: run.run,
            attempt: run.attempt,
            gone: run.gone.clone(),
        };
        let predecessor = self.active().insert(task_id, run);
        (active, predecessor)
    }

    /// A slot, if one is free and the server is not stopping.
    pub(crate) fn free_slot(&self) -> Option<Slot> {
        // The token first: whoever closes the slots and then waits cannot miss it.
        let token = self.runs.token();
        let permit = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        Some(Slot {
            _permit: permit,
            _token: token,
        })
    }

    /// The next slot that is free; `None` when the server is stopping.
    pub(crate) async fn next_slot(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        Some(Slot {
            _permit: permit,
            _token: self.runs.token(),
        })
    }

    /// Tells the run of a task to stop, if this process runs it.
    pub(crate) fn stop(&self, task_id: TaskId, reason: StopReason) -> bool {
        let handle = self.active().get(&task_id).map(|run| Arc::clone(&run.stop));
        handle.inspect(|handle| handle.stop(reason)).is_some()
    }

    /// The leases of the runs that this process has in hand.
    pub(crate) fn leases(&self, now: Timestamp) -> Vec<LeaseRenewal> {
        let lease = |(task_id, active): (&TaskId, &ActiveRun)| LeaseRenewal {
            task_id: *task_id,
            run: active.run,
            attempt: active.attempt,
            running_ms: active.running.total_ms(now),
        };
        self.active().iter().map(lease).collect()
    }

    /// Tells every run to stop.
    pub(crate) fn stop_all(&self, reason: StopReason) {
        let handles: Vec<_> = self
            .active()
            .values()
            .map(|run| Arc::clone(&run.stop))
            .collect();
        for handle in handles {
            handle.stop(reason);
        }
    }

    /// Tells the watchers of a task that its journal grew by rows they were not told.
    pub(crate) fn poke(&self, task_id: TaskId) {
        self.live.tell(task_id, News::Poke);
    }

    pub(crate) fn active(&self) -> MutexGuard<'_, HashMap<TaskId, ActiveRun>> {
        self.active
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

/// A run in this process; dropped when it is let go of.
#[derive(Debug)]
pub(crate) struct Active {
    inner: Arc<Inner>,
    task_id: TaskId,
    run: RunNumber,
    attempt: i64,
    gone: CancellationToken,
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut active = self.inner.active();
        // A later attempt may have taken the place already: that one goes on.
        let own = active
            .get(&self.task_id)
            .is_some_and(|entry| (entry.run, entry.attempt) == (self.run, self.attempt));
        if own {
            active.remove(&self.task_id);
        }
        drop(active);
        self.gone.cancel();
    }
}
