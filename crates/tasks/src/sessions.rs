//! What lives in memory between the runs of a task: secrets, a sandbox in which a background process
//! goes on, and what background commands have printed. A session that holds none of it needs no
//! memory at all: its id and its idle time are facts of the journal.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use agent::{Mask, SessionConfig, ToolSession, Web};
use model::{JournalRow, MessageId, Random, RunNumber, SessionId, Task, TaskId, Timestamp};
use sandbox::{Limits, NetworkMode, SandboxEngine};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::end_user::OpenedVariables;
use crate::files::WorkspacePlace;
use crate::session_facts::{is_idle, mask_of, secrets_given, session_of, variables};
use crate::{EndUserVariables, Secrets};

/// What every session of a server shares.
#[derive(Debug, Clone)]
pub struct SessionsConfig {
    /// Makes sandboxes.
    pub engine: Arc<dyn SandboxEngine>,
    /// Holds one directory a task.
    pub workspaces_dir: PathBuf,
    /// What commands and web tools reach.
    pub network: NetworkMode,
    /// What web tools work with.
    pub web: Arc<Web>,
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

/// Milliseconds after which secrets whose run began elsewhere, or never, are looked for.
const STAGED_MS: i64 = 60_000;

/// The sessions that hold something.
pub(crate) struct Sessions {
    config: SessionsConfig,
    random: Arc<dyn Random>,
    held: Mutex<HashMap<TaskId, Held>>,
    staged: Mutex<HashMap<MessageId, Staged>>,
}

/// Secrets that came with a message. They count when that message's run begins: whether it is in
/// the journal at all is not known when they come.
struct Staged {
    secrets: Secrets,
    run: (TaskId, RunNumber),
    at: Timestamp,
}

struct Held {
    /// With the run whose message brought them.
    secrets: Option<(RunNumber, Secrets)>,
    tools: Option<Tools>,
    /// The last run that entered it.
    run: RunNumber,
    /// `None` while a run of the task is open.
    idle_since: Option<Timestamp>,
}

/// Tools, and what their variables were made of.
#[derive(Clone)]
struct Tools {
    session: Arc<ToolSession>,
    env: Option<Value>,
    secrets: Option<RunNumber>,
    /// Of the end user's variables.
    given: Option<[u8; 32]>,
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
    /// Tools with other variables, to be closed before these are used.
    pub(crate) replaced: Option<Arc<ToolSession>>,
    /// Names of the secrets it holds.
    pub(crate) secret_names: Vec<String>,
    /// Whether secrets that this run was given are gone.
    pub(crate) lost_secrets: bool,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("held", &self.held().len())
            .finish_non_exhaustive()
    }
}

impl Sessions {
    pub(crate) fn new(config: SessionsConfig, random: Arc<dyn Random>) -> Self {
        Self {
            config,
            random,
            held: Mutex::new(HashMap::new()),
            staged: Mutex::new(HashMap::new()),
        }
    }

    /// Keeps secrets until the run of the message that they came with begins.
    pub(crate) fn stage(
        &self,
        run: (TaskId, RunNumber),
        message: &MessageId,
        secrets: Secrets,
        at: Timestamp,
    ) {
        let staged = Staged { secrets, run, at };
        self.staged().insert(message.clone(), staged);
    }

    /// Forgets the secrets of a message that was not written.
    pub(crate) fn unstage(&self, message: &MessageId) {
        self.staged().remove(message);
    }

    /// Keeps the secrets that were handed over with a claimed run.
    pub(crate) fn keep_secrets(&self, task_id: TaskId, run: RunNumber, secrets: Secrets) {
        let mut held = self.held();
        let entry = held.entry(task_id).or_insert(Held::new(run));
        entry.secrets = Some((run, secrets));
        entry.idle_since = None;
    }

    /// A mask for the secrets that a task's session holds, and for `more`.
    pub(crate) fn mask<'a>(
        &self,
        task_id: TaskId,
        more: impl IntoIterator<Item = &'a Secrets>,
    ) -> Arc<dyn Mask> {
        let held = self.held();
        let own = held.get(&task_id).and_then(|held| held.secrets.as_ref());
        let mut all: Vec<&Secrets> = more.into_iter().collect();
        all.extend(own.map(|(_, secrets)| secrets));
        mask_of(all)
    }

    /// Whether this process holds something of a task's session.
    pub(crate) fn holds(&self, task_id: TaskId) -> bool {
        self.held().contains_key(&task_id)
    }

    /// Enters the session of a task's run: the one it worked in before, the one of the run before
    /// if that has not ended, or a new one.
    pub(crate) fn enter(
        &self,
        task: &Task,
        run: RunNumber,
        rows: &[JournalRow],
        end_user: Option<&OpenedVariables>,
        now: Timestamp,
    ) -> Entered {
        let given = secrets_given(run, rows);
        let staged = given.message.and_then(|id| self.staged().remove(id));
        let mut held = self.held();
        let entry = held.entry(task.id).or_insert(Held::new(run));
        entry.run = run;
        entry.idle_since = None;
        if let Some(staged) = staged {
            entry.secrets = Some((run, staged.secrets));
        }
        let idle = is_idle(run, rows, now, self.config.idle_ms);
        // Of another run than the one that last brought some, or of a session that has ended.
        let current = |of: RunNumber| {
            Some(of) == given.by && !task.secret_names.is_empty() && (of == run || !idle)
        };
        entry.secrets.take_if(|(of, _)| !current(*of));
        let secrets = entry.secrets.as_ref();
        let secret_names = secrets.map_or_else(Vec::new, |(_, secrets)| secrets.names());
        let lost_secrets = secret_names.is_empty() && given.needed;
        let earlier_lost = secret_names.is_empty() && !task.secret_names.is_empty();
        let session_id = session_of(run, rows)
            .or_else(|| task.session_id.filter(|_| !earlier_lost && !idle))
            .unwrap_or_else(|| SessionId::generate(&*self.random));
        let of = secrets.map(|(of, _)| *of);
        let digest = end_user.map(|opened| opened.digest);
        let fits =
            |tools: &Tools| tools.env == task.env && tools.secrets == of && tools.given == digest;
        let replaced = entry.tools.take_if(|tools| !fits(tools));
        let tools = entry.tools.get_or_insert_with(|| Tools {
            session: Arc::new(self.tools(
                task,
                secrets.map(|(_, secrets)| secrets),
                end_user.map(|opened| &opened.variables),
            )),
            env: task.env.clone(),
            secrets: of,
            given: digest,
        });
        Entered {
            session_id,
            tools: Arc::clone(&tools.session),
            replaced: replaced.map(|tools| tools.session),
            secret_names,
            lost_secrets,
        }
    }

    /// Leaves a session at the end of a run (or when it waits): its sandbox ends unless a
    /// background process lives in it. A session that holds nothing, not even the output of a
    /// background command, is forgotten.
    pub(crate) async fn leave(&self, task_id: TaskId, run: RunNumber, leaving: Leaving) {
        let tools = {
            let mut held = self.held();
            // A later run may have entered already: the session is its own now.
            let entry = held.get_mut(&task_id).filter(|entry| entry.run == run);
            entry.and_then(|entry| entry.tools.take())
        };
        let lives = match &tools {
            Some(tools) => tools.session.end_of_run().await,
            None => false,
        };
        let orphan = {
            let mut held = self.held();
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
            orphan.session.close().await;
        }
    }

    /// Ends everything that runs for a task; returns when no process is left.
    pub(crate) async fn kill(&self, task_id: TaskId) {
        let tools = {
            let mut held = self.held();
            let entry = held.get_mut(&task_id);
            let tools = entry.and_then(|entry| entry.tools.take());
            if held.get(&task_id).is_some_and(|e| e.secrets.is_none()) {
                held.remove(&task_id);
            }
            tools
        };
        if let Some(tools) = tools {
            tools.session.close().await;
        }
    }

    /// Ends the sessions that have been idle too long, and the longest idle ones beyond the cap.
    pub(crate) async fn sweep(&self, now: Timestamp) {
        for overdue in self.overdue(now) {
            if let Some(tools) = self.take_overdue(&overdue) {
                tools.session.close().await;
            }
        }
    }

    /// The runs for which something is held, and which may have ended elsewhere.
    pub(crate) fn open_runs(&self, now: Timestamp) -> Vec<(TaskId, RunNumber)> {
        let held = self.held();
        let open = held.iter().filter(|(_, held)| held.idle_since.is_none());
        let mut runs: Vec<_> = open.map(|(task_id, held)| (*task_id, held.run)).collect();
        drop(held);
        let old = |staged: &&Staged| now.millis_since(staged.at) >= STAGED_MS;
        runs.extend(self.staged().values().filter(old).map(|staged| staged.run));
        runs
    }

    /// Notes that a run is over, wherever it ran.
    pub(crate) fn is_over(&self, (task_id, run): (TaskId, RunNumber), now: Timestamp) {
        self.staged()
            .retain(|_, staged| staged.run != (task_id, run));
        if let Some(entry) = self.held().get_mut(&task_id)
            && entry.run == run
        {
            entry.idle_since = entry.idle_since.or(Some(now));
        }
    }

    /// Ends every sandbox of this process.
    pub(crate) async fn close(&self) {
        let tasks: Vec<TaskId> = self.held().keys().copied().collect();
        for task_id in tasks {
            self.kill(task_id).await;
        }
    }

    fn overdue(&self, now: Timestamp) -> Vec<Overdue> {
        let held = self.held();
        let mut idle: Vec<(Timestamp, TaskId, bool)> = held
            .iter()
            .filter_map(|(task_id, held)| Some((held.idle_since?, *task_id, held.tools.is_some())))
            .collect();
        idle.sort_by_key(|(since, ..)| std::cmp::Reverse(*since));
        let mut kept = 0;
        let mut overdue = Vec::new();
        for (idle_since, task_id, has_tools) in idle {
            let expired = now.millis_since(idle_since) >= self.config.idle_ms;
            kept += usize::from(has_tools && !expired);
            if expired || (has_tools && kept > self.config.max_kept) {
                overdue.push(Overdue {
                    task_id,
                    idle_since,
                    expired,
                });
            }
        }
        overdue
    }

    /// Takes out what is overdue, unless a run has entered it meanwhile.
    fn take_overdue(&self, overdue: &Overdue) -> Option<Tools> {
        let mut held = self.held();
        let entry = held.get_mut(&overdue.task_id)?;
        if entry.idle_since != Some(overdue.idle_since) {
            return None;
        }
        let tools = entry.tools.take();
        if overdue.expired || entry.secrets.is_none() {
            held.remove(&overdue.task_id);
        }
        tools
    }

    fn tools(
        &self,
        task: &Task,
        secrets: Option<&Secrets>,
        given: Option<&EndUserVariables>,
    ) -> ToolSession {
        let place = self.workspace_place(task.id);
        ToolSession::new(SessionConfig {
            engine: Arc::clone(&self.config.engine),
            workspace_dir: place.path,
            owner: place.owner,
            network: self.config.network.clone(),
            web: Arc::clone(&self.config.web),
            limits: self.config.limits,
            label: task.id.to_string(),
            variables: variables(task, secrets, given),
            mask: mask_of(secrets.into_iter().chain(given.map(|given| &given.secrets))),
        })
    }

    /// Where a task's files are.
    pub(crate) fn workspace_place(&self, task_id: TaskId) -> WorkspacePlace {
        WorkspacePlace {
            path: self.config.workspaces_dir.join(task_id.to_string()),
            owner: self.config.engine.workspace_owner(owner_number(task_id)),
            limit_bytes: self.config.limits.workspace_bytes,
        }
    }

    /// Holds one directory a task.
    pub(crate) fn workspaces_dir(&self) -> &Path {
        &self.config.workspaces_dir
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TaskId, Held>> {
        self.held
            .lock()
            .expect("no code panics while it holds this lock")
    }

    fn staged(&self) -> MutexGuard<'_, HashMap<MessageId, Staged>> {
        self.staged
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

/// A session that has been idle too long, or is one too many.
struct Overdue {
    task_id: TaskId,
    idle_since: Timestamp,
    expired: bool,
}
