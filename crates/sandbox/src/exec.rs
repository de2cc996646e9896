//! Commands and what came of them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use crate::{SandboxError, WorkspacePath};

/// Time a command gets when it asks for none.
pub const DEFAULT_COMMAND_MS: u64 = 120_000;
/// Most time a command gets.
pub const MAX_COMMAND_MS: u64 = 600_000;

/// A value of the environment that must not be shown. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value, for the one place that hands it to a command.
    pub fn expose_text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<&str> for SecretText {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

/// A command to run.
#[derive(Debug, Clone)]
pub struct ExecRequest {
    /// The program and its arguments. The program is looked for on the sandbox's `PATH`.
    pub argv: Vec<String>,
    /// Where it starts.
    pub cwd: WorkspacePath,
    /// Variables added to the sandbox's own; of a name given twice, the last counts.
    pub env: Vec<(String, SecretText)>,
    /// After this time the command is asked to end, three seconds later it is killed, with
    /// everything it started. At most [`MAX_COMMAND_MS`].
    pub timeout_ms: u64,
    /// Name of the file in `.sigmic/outputs/` for output that is too large to be shown: letters,
    /// digits, `-` and `_`. Absent: such output is cut only.
    pub output_id: Option<String>,
}

impl ExecRequest {
    /// `script` run by `bash`, or `sh` where there is no `bash`, with the usual time limit.
    pub fn shell(script: impl Into<String>) -> Self {
        let has_bash = std::path::Path::new("/usr/bin/bash").exists()
            || std::path::Path::new("/bin/bash").exists();
        let shell = if has_bash { "bash" } else { "sh" };
        Self {
            argv: vec![shell.to_owned(), "-c".to_owned(), script.into()],
            cwd: WorkspacePath::ROOT,
            env: Vec::new(),
            timeout_ms: DEFAULT_COMMAND_MS,
            output_id: None,
        }
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

/// Why a program was ended by the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It took longer than it was given.
    TimedOut,
    /// The sandbox used more memory than it may.
    OutOfMemory,
    /// It wrote more than 4 GiB.
    TooMuchOutput,
    /// The workspace grew over its limit.
    WorkspaceFull,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    /// How it ended.
    pub ending: Ending,
    /// Why it did not end by itself.
    pub stopped: Option<StopReason>,
    /// Standard output and error as they came, at most 128 KiB: head and tail around a line that
    /// says how much is left out. What is not UTF-8 is replaced.
    pub output: String,
    /// Bytes written in all.
    pub output_bytes: u64,
    /// Where the output is kept, up to 8 MiB, when it is too large for `output`.
    pub saved: Option<WorkspacePath>,
    /// How long it took.
    pub took: Duration,
}

/// A stream into a program.
pub type BoxedWrite = Box<dyn AsyncWrite + Send + Unpin>;
/// A stream out of a program.
pub type BoxedRead = Box<dyn AsyncRead + Send + Unpin>;

/// A program to start and talk to, such as a tool server on standard input and output.
#[derive(Debug, Clone)]
pub struct SpawnRequest {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where it starts.
    pub cwd: WorkspacePath,
    /// Variables added to the sandbox's own.
    pub env: Vec<(String, SecretText)>,
}

/// A program that was started. Its two outputs must be read, or it waits for ever when they are
/// full. When the handle is dropped, it is killed with everything it started.
pub struct SandboxProcess {
    /// Its standard input.
    pub stdin: BoxedWrite,
    /// Its standard output.
    pub stdout: BoxedRead,
    /// Its standard error.
    pub stderr: BoxedRead,
    /// Its end.
    pub handle: Box<dyn ProcessHandle>,
}

impl fmt::Debug for SandboxProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxProcess").finish_non_exhaustive()
    }
}

/// The life of a started program.
#[async_trait]
pub trait ProcessHandle: Send {
    /// Waits until it ends.
    ///
    /// # Errors
    /// [`SandboxError::CannotRun`] when it never started, [`SandboxError::WorkspaceFull`] when it
    /// was ended for that, [`SandboxError::Gone`].
    async fn wait(&mut self) -> Result<Ending, SandboxError>;

    /// Kills it with everything it started, and waits until nothing is left.
    ///
    /// # Errors
    /// [`SandboxError::NotEmpty`] when something cannot be ended.
    async fn kill(&mut self) -> Result<(), SandboxError>;
}
