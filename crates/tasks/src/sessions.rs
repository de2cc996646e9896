//! What lives in memory between the runs of a task: secrets, and a sandbox in which a background
//! process goes on. A session that holds neither needs no memory at all: its id and its idle time
//! are facts of the journal.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use agent::{Mask, NoMask, SessionConfig, ToolSession, Variables};
use model::{JournalEvent, JournalRow, Random, RunNumber, SessionId, Task, TaskId, Timestamp};
use sandbox::{Limits, NetworkMode, SandboxEngine, SecretText};
use sha2::{Digest, Sha256};
use vault::Masker;

use crate::Secrets;
use crate::files::WorkspacePlace;
use crate::secret_mask::SecretMask;

/// What every session of a server shares.
#[derive(Debug, Clone)]
pub struct SessionsConfig {
    /// Makes sandboxes.
    pub engine: Arc<dyn SandboxEngine>,
    /// Holds one directory a task.
    pub workspaces_dir: PathBuf,
    /// What commands reach.
    pub network: NetworkMode,
    /// What commands may use.
    pub limits: Limits,
    /// Milliseconds without an open run after which a session ends.
    pub idle_ms: i64,
    /// Sandboxes kept between runs at most; the least recently used go first.
    pub max_kept: usize,
}

/// A number of the task's own, from which the engine makes the owner of its workspace. It comes from
/// the task's id, so that a workspace keeps its owner without a table of them. Two of 10,000
/// workspaces share one with a chance of 3 %; then the mount namespace alone keeps them apart, as
/// it does for a server that is not root.
fn owner_number(task_id: TaskId) -> u32 {
    const RANGE: u64 = 2_000_000_000;
    let digest = Sha256::digest(task_id.to_string());
    let (head, _) = digest.split_at(8);
    let number = head
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    u32::try_from(number % RANGE).unwrap_or(0)
}

/// The sessions that hold something.
pub(crate) struct Sessions {
    config: SessionsConfig,
    random: Arc<dyn Random>,
    held: Mutex<HashMap<TaskId, Held>>,
}

struct Held {
    secrets: Option<Secrets>,
    tools: Option<Arc<ToolSession>>,
    /// The last run that entered it.
    run: RunNumber,
    /// `None` while a run of the task is open.
    idle_since: Option<Timestamp>,
}

/// How a run leaves its session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaving {
    /// It is over; the session's idle time begins.
    Idle(Timestamp),
    /// It waits for a person: the session does not expire.
    Open,
}

impl Held {
    fn new(run: RunNumber) -> Self {
        Self {
            secrets: None,
            tools: None,
            run,
            idle_since: None,
        }
    }
}

/// A session that a run works in.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) session_id: SessionId,
    pub(crate) tools: Arc<ToolSession>,
    /// Names of the secrets it holds.
    pub(crate) secret_names: Vec<String>,
    /// Whether secrets that this run was given are gone.
    pub(crate) lost_secrets: bool,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("held", &self.lock().len())
            .finish_non_exhaustive()
    }
}

impl Sessions {
    pub(crate) fn new(config: SessionsConfig, random: Arc<dyn Random>) -> Self {
        Self {
            config,
            random,
            held: Mutex::new(HashMap::new()),
        }
    }

    /// Keeps the secrets of a run that is about to be queued.
    pub(crate) fn keep_secrets(&self, task_id: TaskId, secrets: Secrets) {
        let mut held = self.lock();
        let entry = held.entry(task_id).or_insert(Held::new(RunNumber::FIRST));
        entry.secrets = Some(secrets);
        entry.idle_since = None;
    }

    /// A mask for the secrets that a task's session holds.
    pub(crate) fn mask(&self, task_id: TaskId) -> Arc<dyn Mask> {
        let held = self.lock();
        mask_of(held.get(&task_id).and_then(|held| held.secrets.as_ref()))
    }

    /// Whether this process holds something of a task's session.
    pub(crate) fn holds(&self, task_id: TaskId) -> bool {
        self.lock().contains_key(&task_id)
    }

    /// Enters the session of a task's run: the one it worked in before, the one of the run before
    /// if that has not ended, or a new one.
    pub(crate) fn enter(
        &self,
        task: &Task,
        run: RunNumber,
        rows: &[JournalRow],
        now: Timestamp,
    ) -> Entered {
        let mut held = self.lock();
        let secret_names = held
            .get(&task.id)
            .and_then(|held| held.secrets.as_ref())
            .map_or_else(Vec::new, Secrets::names);
        let lost_secrets = secret_names.is_empty() && needs_secrets(run, rows);
        let earlier_lost = secret_names.is_empty() && !task.secret_names.is_empty();
        let session_id = session_of(run, rows)
            .or_else(|| {
                let alive = !earlier_lost && !self.is_idle(run, rows, now);
                task.session_id.filter(|_| alive)
            })
            .unwrap_or_else(|| SessionId::generate(&*self.random));
        let tools = held.get(&task.id).and_then(|held| held.tools.clone());
        let tools = tools.unwrap_or_else(|| {
            Arc::new(self.tools(
                task,
                held.get(&task.id).and_then(|held| held.secrets.as_ref()),
            ))
        });
        let entry = held.entry(task.id).or_insert(Held::new(run));
        entry.run = run;
        entry.tools = Some(Arc::clone(&tools));
        entry.idle_since = None;
        Entered {
            session_id,
            tools,
            secret_names,
            lost_secrets,
        }
    }

    /// Replaces what commands see from the next run on; what runs in the old sandbox ends.
    pub(crate) async fn replace_variables(&self, task_id: TaskId, secrets: Option<Secrets>) {
        let tools = {
            let mut held = self.lock();
            let tools = held.get_mut(&task_id).and_then(|held| held.tools.take());
            if let Some(secrets) = secrets {
                let entry = held.entry(task_id).or_insert(Held::new(RunNumber::FIRST));
                entry.secrets = Some(secrets);
                entry.idle_since = None;
            }
            tools
        };
        if let Some(tools) = tools {
            tools.close().await;
        }
    }

    /// Leaves a session at the end of a run (or when it waits): its sandbox ends unless a
    /// background process lives in it. A session that holds nothing is forgotten.
    pub(crate) async fn leave(&self, task_id: TaskId, run: RunNumber, leaving: Leaving) {
        let tools = {
            let mut held = self.lock();
            // A later run may have entered already: the session is its own now.
            let entry = held.get_mut(&task_id).filter(|entry| entry.run == run);
            entry.and_then(|entry| entry.tools.take())
        };
        let lives = match &tools {
            Some(tools) => tools.end_of_run().await,
            None => false,
        };
        let orphan = {
            let mut held = self.lock();
            match held.get_mut(&task_id).filter(|entry| entry.run == run) {
                Some(entry) => {
                    entry.tools = tools.filter(|_| lives);
                    entry.idle_since = match leaving {
                        Leaving::Idle(since) => Some(since),
                        Leaving::Open => None,
                    };
                    if entry.tools.is_none() && entry.secrets.is_none() {
                        held.remove(&task_id);
                    }
                    None
                }
                None => tools.filter(|_| lives),
            }
        };
        if let Some(orphan) = orphan {
            orphan.close().await;
        }
    }

    /// Ends everything that runs for a task; returns when no process is left.
    pub(crate) async fn kill(&self, task_id: TaskId) {
        let tools = self
            .lock()
            .get_mut(&task_id)
            .and_then(|held| held.tools.take());
        if let Some(tools) = tools {
            tools.close().await;
        }
    }

    /// Forgets a session.
    pub(crate) fn forget(&self, task_id: TaskId) {
        self.lock().remove(&task_id);
    }

    /// Ends the sessions that have been idle too long, and the longest idle ones beyond the cap.
    pub(crate) async fn sweep(&self, now: Timestamp) {
        for (task_id, forget) in self.overdue(now) {
            self.kill(task_id).await;
            if forget {
                self.forget(task_id);
            }
        }
    }

    /// Ends every sandbox of this process.
    pub(crate) async fn close(&self) {
        let tasks: Vec<TaskId> = self.lock().keys().copied().collect();
        for task_id in tasks {
            self.kill(task_id).await;
        }
    }

    fn overdue(&self, now: Timestamp) -> Vec<(TaskId, bool)> {
        let held = self.lock();
        let mut idle: Vec<(Timestamp, TaskId, bool)> = held
            .iter()
            .filter_map(|(task_id, held)| Some((held.idle_since?, *task_id, held.tools.is_some())))
            .collect();
        idle.sort_by_key(|(since, ..)| std::cmp::Reverse(*since));
        let mut kept = 0;
        let mut overdue = Vec::new();
        for (since, task_id, has_tools) in idle {
            let expired = now.millis_since(since) >= self.config.idle_ms;
            kept += usize::from(has_tools && !expired);
            if expired || (has_tools && kept > self.config.max_kept) {
                overdue.push((task_id, expired));
            }
        }
        overdue
    }

    fn is_idle(&self, run: RunNumber, rows: &[JournalRow], now: Timestamp) -> bool {
        let accepted = rows
            .iter()
            .find(|row| row.run == run)
            .map_or(now, |row| row.at);
        let ended = rows
            .iter()
            .rev()
            .find(|row| row.run < run)
            .map_or(accepted, |row| row.at);
        accepted.millis_since(ended) >= self.config.idle_ms
    }

    fn tools(&self, task: &Task, secrets: Option<&Secrets>) -> ToolSession {
        let place = self.workspace_place(task.id);
        ToolSession::new(SessionConfig {
            engine: Arc::clone(&self.config.engine),
            workspace_dir: place.path,
            owner: place.owner,
            network: self.config.network.clone(),
            limits: self.config.limits,
            label: task.id.to_string(),
            variables: variables(task, secrets),
            mask: mask_of(secrets),
        })
    }

    /// Where a task's files are.
    pub(crate) fn workspace_place(&self, task_id: TaskId) -> WorkspacePlace {
        WorkspacePlace {
            path: self.config.workspaces_dir.join(task_id.to_string()),
            owner: self.config.engine.workspace_owner(owner_number(task_id)),
        }
    }

    /// Holds one directory a task.
    pub(crate) fn workspaces_dir(&self) -> &Path {
        &self.config.workspaces_dir
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Held>> {
        self.held
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

/// The session that a run already worked in.
fn session_of(run: RunNumber, rows: &[JournalRow]) -> Option<SessionId> {
    rows.iter()
        .filter(|row| row.run == run)
        .find_map(|row| match &row.event {
            JournalEvent::RunStarted(started) => Some(started.session_id),
            JournalEvent::UserMessage(_)
            | JournalEvent::RunResumed { .. }
            | JournalEvent::Notice { .. }
            | JournalEvent::ModelTurn(_)
            | JournalEvent::ToolWaiting { .. }
            | JournalEvent::ToolDecided(_)
            | JournalEvent::ToolStarted { .. }
            | JournalEvent::ToolFinished(_)
            | JournalEvent::RunFinished(_) => None,
        })
}

/// Whether a run was given secrets, or started in a session that held some.
fn needs_secrets(run: RunNumber, rows: &[JournalRow]) -> bool {
    rows.iter()
        .filter(|row| row.run == run)
        .any(|row| match &row.event {
            JournalEvent::UserMessage(message) => !message.secret_names.is_empty(),
            JournalEvent::RunStarted(started) => !started.secret_names.is_empty(),
            JournalEvent::RunResumed { .. }
            | JournalEvent::Notice { .. }
            | JournalEvent::ModelTurn(_)
            | JournalEvent::ToolWaiting { .. }
            | JournalEvent::ToolDecided(_)
            | JournalEvent::ToolStarted { .. }
            | JournalEvent::ToolFinished(_)
            | JournalEvent::RunFinished(_) => false,
        })
}

/// The variables of a task's commands: a secret wins over a variable of its name.
fn variables(task: &Task, secrets: Option<&Secrets>) -> Variables {
    let secrets: Vec<(&str, &str)> = secrets.into_iter().flat_map(Secrets::expose).collect();
    let env = task.env.as_ref().and_then(serde_json::Value::as_object);
    let plain = env.into_iter().flatten().filter_map(|(name, value)| {
        let shadowed = secrets.iter().any(|(secret, _)| secret == name);
        let value = value.as_str().filter(|_| !shadowed)?;
        Some((name.clone(), SecretText::new(value)))
    });
    let plain: Vec<(String, SecretText)> = plain.collect();
    let secrets = secrets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), SecretText::new(*value)));
    Variables::new(plain.into_iter().chain(secrets))
}

fn mask_of(secrets: Option<&Secrets>) -> Arc<dyn Mask> {
    match secrets {
        Some(secrets) if !secrets.is_empty() => Arc::new(SecretMask(Masker::new(secrets.values()))),
        Some(_) | None => Arc::new(NoMask),
    }
}
