//! Where the tools of a task act: its workspace, its variables and its sandbox, which is made at
//! the first command and kept between commands.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use model::{CallId, Egress};
use sandbox::{
    DEFAULT_COMMAND_MS, EgressLedger, Ending, ExecRequest, ExecResult, FileError, Limits,
    MAX_COMMAND_MS, NetworkMode, Owner, Sandbox, SandboxEngine, SandboxError, SandboxSpec,
    SecretText, StopReason as Stopped, Workspace, WorkspacePath,
};
use tokio::sync::Mutex;

use crate::background::Background;
use crate::web::Reach;
use crate::{Mask, ToolOutcome, Web};

/// What a session is made of.
#[derive(Debug)]
pub struct SessionConfig {
    /// Makes sandboxes.
    pub engine: Arc<dyn SandboxEngine>,
    /// The workspace's directory on the host; made when first needed.
    pub workspace_dir: PathBuf,
    /// Who owns it.
    pub owner: Owner,
    /// What commands reach.
    pub network: NetworkMode,
    /// What commands may use.
    pub limits: Limits,
    /// A label for logs and control groups; holds no secret.
    pub label: String,
    /// Variables of every command, secrets included.
    pub variables: Variables,
    /// Masks the secret values.
    pub mask: Arc<dyn Mask>,
    /// What the web tools work with.
    pub web: Arc<Web>,
}

/// Environment variables of commands; `Debug` shows their names only.
#[derive(Clone, Default)]
pub struct Variables(Vec<(String, SecretText)>);

impl Variables {
    /// These variables; of a name given twice, the last counts.
    pub fn new(variables: impl IntoIterator<Item = (String, SecretText)>) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// See the module.
#[derive(Debug)]
pub struct ToolSession {
    config: SessionConfig,
    workspace: std::sync::Mutex<Option<Arc<Workspace>>>,
    sandbox: Mutex<Option<Arc<dyn Sandbox>>>,
    background: Background,
    ledger: EgressLedger,
    shortfalls: std::sync::Mutex<Vec<String>>,
}

/// A command to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShellCommand<'a> {
    pub(crate) command: &'a str,
    pub(crate) directory: &'a str,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) call_id: &'a CallId,
}

impl ToolSession {
    /// Nothing is made before a tool needs it.
    pub fn new(config: SessionConfig) -> Self {
        let ledger = EgressLedger::with_limit(config.limits.egress_bytes);
        Self {
            config,
            workspace: std::sync::Mutex::new(None),
            sandbox: Mutex::new(None),
            background: Background::default(),
            ledger,
            shortfalls: std::sync::Mutex::default(),
        }
    }

    /// The commands that go on between calls.
    pub(crate) fn background(&self) -> &Background {
        &self.background
    }

    /// What the web tools work with.
    pub(crate) fn web(&self) -> &Web {
        &self.config.web
    }

    /// What a call may reach, and where that is noted.
    pub(crate) fn reach<'a>(&'a self, call_id: &'a CallId) -> Reach<'a> {
        Reach {
            network: &self.config.network,
            ledger: &self.ledger,
            call_id,
        }
    }

    /// The variables of every command.
    pub(crate) fn variables(&self) -> Vec<(String, SecretText)> {
        self.config.variables.0.clone()
    }

    /// The session's mask.
    pub fn mask(&self) -> &dyn Mask {
        &*self.config.mask
    }

    fn shortfalls(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.shortfalls
            .lock()
            .expect("no code panics while it holds this lock")
    }

    /// What new sandboxes could not give that was asked for, in words for watchers.
    pub(crate) fn take_shortfalls(&self) -> Vec<String> {
        std::mem::take(&mut *self.shortfalls())
    }

    /// The receipts of connections out, for tools that connect by themselves.
    pub fn ledger(&self) -> &EgressLedger {
        &self.ledger
    }

    /// The connections that have ended since the last time, masked, to be journalled.
    pub fn take_egress(&self) -> Vec<Egress> {
        let receipts = self.ledger.take().into_iter();
        let masked = receipts.map(|receipt| Egress {
            host: self.mask().mask(&receipt.host),
            ..receipt
        });
        masked.collect()
    }

    /// Runs `work` on the workspace, on a thread that may block.
    pub(crate) async fn files<T, F>(&self, work: F) -> Result<T, FileError>
    where
        T: Send + 'static,
        F: FnOnce(&Workspace) -> Result<T, FileError> + Send + 'static,
    {
        let workspace = self.workspace()?;
        match tokio::task::spawn_blocking(move || work(&workspace)).await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Runs a command in the sandbox.
    pub(crate) async fn shell(&self, command: ShellCommand<'_>) -> ToolOutcome {
        match self.exec(command).await {
            Ok(outcome) => outcome,
            Err(error) => failed(&error),
        }
    }

    /// After an error of `sandbox`: one that is over is ended with everything in it before anybody
    /// is told, and the next command gets a new one.
    pub(crate) async fn give_up(&self, sandbox: &Arc<dyn Sandbox>, error: &SandboxError) {
        if !matches!(error, SandboxError::Gone | SandboxError::NotEmpty { .. }) {
            return;
        }
        // Held until it is gone: the next one has the same workspace.
        let mut slot = self.sandbox.lock().await;
        if slot.take_if(|held| Arc::ptr_eq(held, sandbox)).is_some() {
            destroy(&**sandbox).await;
            self.background.let_go().await;
            self.ledger.settle_all().await;
        }
    }

    async fn exec(&self, command: ShellCommand<'_>) -> Result<ToolOutcome, SandboxError> {
        let timeout_ms = command
            .timeout_ms
            .unwrap_or(DEFAULT_COMMAND_MS)
            .clamp(1, MAX_COMMAND_MS);
        let request = ExecRequest {
            cwd: WorkspacePath::parse(command.directory)?,
            env: self.variables(),
            timeout_ms,
            output_id: Some(output_id(command.call_id)),
            ..ExecRequest::shell(command.command)
        };
        let sandbox = self.sandbox().await?;
        let running = self.ledger.running(command.call_id);
        let result = match sandbox.exec(request).await {
            Ok(result) => result,
            Err(error) => {
                self.give_up(&sandbox, &error).await;
                return Err(error);
            }
        };
        drop(running);
        self.ledger.settle(command.call_id).await;
        let here = misplaced(command.command, sandbox.workspace_path());
        Ok(outcome_of(&result, timeout_ms, here.as_deref()))
    }

    /// At the end of a run: ends the sandbox unless a background process of the agent's lives in
    /// it. Returns whether there is anything to keep: such a process, or the output of a background
    /// command.
    pub async fn end_of_run(&self) -> bool {
        let mut slot = self.sandbox.lock().await;
        if let Some(sandbox) = slot.clone() {
            if matches!(sandbox.processes().await, Ok(count) if count > 0) {
                return true;
            }
            slot.take();
            destroy(&*sandbox).await;
            self.background.let_go().await;
        }
        !self.background.is_empty()
    }

    /// Ends the sandbox and everything in it; returns when no process is left.
    pub async fn close(&self) {
        let sandbox = self.sandbox.lock().await.take();
        if let Some(sandbox) = sandbox {
            destroy(&*sandbox).await;
            self.background.let_go().await;
            self.ledger.settle_all().await;
        }
    }

    fn workspace(&self) -> Result<Arc<Workspace>, FileError> {
        let mut slot = self
            .workspace
            .lock()
            .expect("no code panics while it holds this lock");
        if let Some(workspace) = &*slot {
            return Ok(Arc::clone(workspace));
        }
        let workspace = Workspace::create(&self.config.workspace_dir, self.config.owner)?;
        Ok(Arc::clone(slot.insert(Arc::new(workspace))))
    }

    pub(crate) async fn sandbox(&self) -> Result<Arc<dyn Sandbox>, SandboxError> {
        let mut slot = self.sandbox.lock().await;
        if let Some(sandbox) = &*slot {
            return Ok(Arc::clone(sandbox));
        }
        let spec = SandboxSpec {
            workspace: self.workspace()?.try_clone()?,
            network: self.config.network.clone(),
            limits: self.config.limits,
            label: self.config.label.clone(),
            ledger: self.ledger.clone(),
        };
        let sandbox = self.config.engine.create(spec).await?;
        self.shortfalls()
            .extend(sandbox.shortfalls().iter().cloned());
        Ok(Arc::clone(slot.insert(sandbox)))
    }
}

/// What is told of a command that could not be run.
pub(crate) fn failed(error: &SandboxError) -> ToolOutcome {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a command could not be run"
    );
    ToolOutcome::error(error.to_string())
}

async fn destroy(sandbox: &dyn Sandbox) {
    if let Err(error) = sandbox.destroy().await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a sandbox could not be ended"
        );
    }
}

/// A file name made of a call's id.
pub(crate) fn output_id(call_id: &CallId) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '_'
        }
    };
    call_id.as_str().chars().map(plain).collect()
}

/// What to tell a model that used the usual path where the workspace has another one.
fn misplaced(command: &str, path: &str) -> Option<String> {
    let usual = "/workspace";
    (path != usual && command.contains(usual)).then(|| {
        format!("[There is no {usual} here: commands start in the workspace, whose path is in $WORKSPACE]")
    })
}

fn outcome_of(result: &ExecResult, timeout_ms: u64, here: Option<&str>) -> ToolOutcome {
    let mut output = result.output.clone();
    let mut note = |text: &str| {
        if !output.is_empty() && !output.ends_with('\n') {
            output.push('\n');
        }
        output.push_str(text);
    };
    if let Some(path) = &result.saved {
        note(&format!("[the whole output is in {}]", path.as_str()));
    }
    if let Some(here) = here {
        note(here);
    }
    let failure = match (result.stopped, result.ending) {
        (Some(Stopped::TimedOut), _) => format!("The command was stopped after {timeout_ms} ms."),
        (Some(Stopped::OutOfMemory), _) => "The command used more memory than it may.".to_owned(),
        (Some(Stopped::TooMuchOutput), _) => "The command wrote more than it may.".to_owned(),
        (Some(Stopped::WorkspaceFull), _) => "The workspace is full.".to_owned(),
        (None, Ending::Exited(0)) => return ToolOutcome::Success(output),
        (None, ending) => ending_note(ending),
    };
    note(&failure);
    ToolOutcome::Error {
        output,
        error: failure,
    }
}

/// How a command ended, for the model.
pub(crate) fn ending_note(ending: Ending) -> String {
    match ending {
        Ending::Signaled(signal) => format!("The command was ended by signal {signal}."),
        Ending::Exited(code) => format!("Exit code: {code}"),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
