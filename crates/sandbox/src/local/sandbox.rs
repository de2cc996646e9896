//! A sandbox of the local engine.

use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::collect::{Collector, TOO_MUCH_BYTES, output_path};
use super::control_group::ControlGroup;
use super::disk::{DiskWatch, Waiting};
use super::environment::compose;
use super::inside::Inside;
use super::link::Link;
use super::run::{RunGuard, pipe};
use super::spawner::{Reaped, Spawner};
use super::watched::wait_readable;
use crate::control::{Order, Program};
use crate::{
    Ending, ExecRequest, ExecResult, MAX_COMMAND_MS, Sandbox, SandboxError, SandboxProcess,
    SecretText, SpawnRequest, StopReason, Workspace,
};

/// Time a command gets to clean up after it was asked to end.
const CLEAN_UP: Duration = Duration::from_secs(3);
/// Time in which output that is still in the pipe is read after a command has ended.
const GRACE: Duration = Duration::from_millis(100);
/// Time in which a killed sandbox must be gone.
const DESTROY_TIME: Duration = Duration::from_secs(10);
/// Outputs of background processes that are drained at once; beyond it, the writer of one more
/// sees a closed pipe.
const MAX_DRAINS: usize = 64;

/// A live sandbox.
#[derive(Debug)]
pub(super) struct LocalSandbox {
    pub(super) link: Arc<Link>,
    pub(super) workspace: Workspace,
    pub(super) disk: Arc<DiskWatch>,
    pub(super) proxy: Option<u16>,
    pub(super) inside: Inside,
    pub(super) shortfalls: Vec<String>,
    pub(super) control_group: Option<ControlGroup>,
    pub(super) spawner: Spawner,
    /// The reader of the channel, the watch, the ways out, the drains of background processes. Aborted with
    /// the sandbox.
    pub(super) tasks: Mutex<JoinSet<()>>,
    /// The process outside the namespace that reaps the init; taken when it was reaped.
    pub(super) monitor: Mutex<Option<Child>>,
    /// Held while the sandbox is being destroyed.
    pub(super) ending: tokio::sync::Mutex<()>,
    pub(super) null: OwnedFd,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When a command began and when it must have ended.
struct Time {
    started: Instant,
    deadline: Instant,
    /// Of the workspace, while it runs.
    disk: Waiting,
}

/// What a command may still do.
enum Phase {
    Running,
    AskedToEnd { kill_at: Instant },
}

impl LocalSandbox {
    /// Runs `program` and collects what it writes.
    pub(super) async fn run_to_end(
        &self,
        program: Program,
        request: &ExecRequest,
    ) -> Result<ExecResult, SandboxError> {
        if request.timeout_ms > MAX_COMMAND_MS {
            return Err(SandboxError::Invalid(
                "a command may take 600,000 ms at most",
            ));
        }
        let keep = match &request.output_id {
            Some(id) => Some((self.workspace.try_clone()?, output_path(id)?)),
            None => None,
        };
        let started = Instant::now();
        let (read, write) = pipe(self.workspace.owner())?;
        let env = compose(&request.env, &self.inside, self.proxy);
        let before = self.oom_kills();
        let descriptors = [&self.null, &write, &write];
        let disk = self.disk.wait();
        let mut run = RunGuard::start(&self.link, program, &request.cwd, env, descriptors).await?;
        self.disk.begin();
        drop(write);
        let mut output = receiver(read)?;
        let mut collector = Collector::new(keep);
        let time = Time {
            started,
            deadline: started + Duration::from_millis(request.timeout_ms),
            disk,
        };
        let mut stopped = self
            .pump(&mut run, &mut output, &mut collector, time)
            .await?;
        let ending = run.ended().await?;
        if stopped.is_some() {
            run.kill().await?;
        }
        if self.drain_briefly(&mut output, &mut collector).await {
            self.drain_later(output);
        }
        let killed_for_memory = run.over_memory() || self.oom_kills() > before;
        // A command that went well has not lost anything of its own.
        if killed_for_memory && ending != Ending::Exited(0) {
            stopped.get_or_insert(StopReason::OutOfMemory);
        }
        run.release();
        let output_bytes = collector.total;
        let (text, saved) = collector.finish().await;
        Ok(ExecResult {
            ending,
            stopped,
            output: text,
            output_bytes,
            saved,
            took: started.elapsed(),
        })
    }

    /// Reads output until the program has ended or was stopped.
    async fn pump(
        &self,
        run: &mut RunGuard,
        output: &mut Receiver,
        collector: &mut Collector,
        mut time: Time,
    ) -> Result<Option<StopReason>, SandboxError> {
        let mut chunk = vec![0; 64 << 10];
        let mut open = true;
        let mut stopped = None;
        let mut phase = Phase::Running;
        loop {
            let next = match phase {
                Phase::Running => time.deadline,
                Phase::AskedToEnd { kill_at } => kill_at,
            };
            tokio::select! {
                biased;
                // First, so that a flood from the background cannot keep a command that is over.
                // Its last output is in the pipe already and is read afterwards.
                ended = run.ended() => {
                    ended?;
                    return Ok(stopped);
                }
                read = output.read(&mut chunk), if open => match read {
                    Ok(0) | Err(_) => open = false,
                    Ok(count) => collector.push(&chunk[..count]).await,
                },
                () = time.disk.news() => {}
                () = sleep_until(next) => {}
            }
            let now = Instant::now();
            match phase {
                Phase::AskedToEnd { kill_at } if now >= kill_at => {
                    run.kill().await?;
                    return Ok(stopped);
                }
                Phase::AskedToEnd { .. } => {}
                Phase::Running => {
                    stopped = over_limit(collector, &time);
                    if stopped.is_some() {
                        run.ask_to_end();
                        phase = Phase::AskedToEnd {
                            kill_at: now + CLEAN_UP,
                        };
                    }
                }
            }
        }
    }

    /// Reads what is left. True: somebody in the background still has the other end.
    async fn drain_briefly(&self, output: &mut Receiver, collector: &mut Collector) -> bool {
        let mut chunk = vec![0; 64 << 10];
        let until = Instant::now() + GRACE;
        loop {
            match tokio::time::timeout_at(until, output.read(&mut chunk)).await {
                Ok(Ok(0) | Err(_)) => return false,
                Ok(Ok(count)) => collector.push(&chunk[..count]).await,
                Err(_) => return true,
            }
            // A background process that never stops writing must not keep the command.
            if Instant::now() >= until {
                return true;
            }
        }
    }

    /// Goes on reading for a background process, which would otherwise die of a closed pipe.
    fn drain_later(&self, mut output: Receiver) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        // The reader of the channel, the watch and the ways out are among them.
        if tasks.len() < MAX_DRAINS + 3 {
            tasks.spawn(async move {
                let mut chunk = vec![0; 16 << 10];
                while matches!(output.read(&mut chunk).await, Ok(count) if count > 0) {}
            });
        }
    }

    /// The four kernel users of the init; those of commands are the same.
    pub(super) fn kernel_users(&self) -> Vec<u32> {
        let Some(pid) = self.link.init_pid() else {
            return Vec::new();
        };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .map(|users| {
                users
                    .split_whitespace()
                    .filter_map(|user| user.parse().ok())
                    .collect()
            })
            .unwrap_or_default()
    }

    fn oom_kills(&self) -> u64 {
        self.control_group
            .as_ref()
            .map_or(0, ControlGroup::oom_kills)
    }
}

fn over_limit(collector: &Collector, time: &Time) -> Option<StopReason> {
    let now = Instant::now();
    if now >= time.deadline {
        return Some(StopReason::TimedOut);
    }
    if collector.total > TOO_MUCH_BYTES {
        return Some(StopReason::TooMuchOutput);
    }
    let running = now.duration_since(time.started);
    let full = time.disk.stops(running);
    full.then_some(StopReason::WorkspaceFull)
}

/// What the kernel could not take or would take for something else.
fn check_words(argv: &[String], env: &[(String, SecretText)]) -> Result<(), SandboxError> {
    if argv.first().is_none_or(String::is_empty) {
        return Err(SandboxError::Invalid("a command has at least one word"));
    }
    let has_nul = |text: &str| text.contains('\0');
    let bad_word = argv.iter().any(|word| has_nul(word));
    let bad_variable = env.iter().any(|(name, value)| {
        name.is_empty() || name.contains('=') || has_nul(name) || has_nul(value.expose_text())
    });
    if bad_word || bad_variable {
        return Err(SandboxError::Invalid(
            "words and variables hold no NUL, names of variables no `=`",
        ));
    }
    Ok(())
}

fn receiver(read: OwnedFd) -> Result<Receiver, SandboxError> {
    Receiver::from_owned_fd(read).map_err(SandboxError::io("reading a pipe"))
}

#[async_trait]
impl Sandbox for LocalSandbox {
    fn workspace_path(&self) -> &str {
        &self.inside.workspace
    }

    fn shortfalls(&self) -> &[String] {
        &self.shortfalls
    }

    async fn exec(&self, request: ExecRequest) -> Result<ExecResult, SandboxError> {
        check_words(&request.argv, &request.env)?;
        let program = Program::Command(request.argv.clone());
        self.run_to_end(program, &request).await
    }

    async fn spawn(&self, request: SpawnRequest) -> Result<SandboxProcess, SandboxError> {
        check_words(&request.argv, &request.env)?;
        let owner = self.workspace.owner();
        let (stdin, to_it) = pipe(owner)?;
        let (from_it, stdout) = pipe(owner)?;
        let (errors, stderr) = pipe(owner)?;
        let env = compose(&request.env, &self.inside, self.proxy);
        let program = Program::Command(request.argv);
        let descriptors = [&stdin, &stdout, &stderr];
        let run = RunGuard::start(&self.link, program, &request.cwd, env, descriptors).await?;
        self.disk.begin();
        let writer = Sender::from_owned_fd(to_it).map_err(SandboxError::io("writing a pipe"))?;
        Ok(SandboxProcess {
            stdin: Box::new(writer),
            stdout: Box::new(receiver(from_it)?),
            stderr: Box::new(receiver(errors)?),
            handle: Box::new(run),
        })
    }

    async fn processes(&self) -> Result<usize, SandboxError> {
        self.link.ask(|order| Order::Count { order }).await
    }

    async fn kill_all(&self) -> Result<(), SandboxError> {
        match self.link.ask(|order| Order::KillAll { order }).await? {
            0 => Ok(()),
            left => Err(SandboxError::NotEmpty { left }),
        }
    }

    async fn destroy(&self) -> Result<(), SandboxError> {
        let _one = self.ending.lock().await;
        if lock(&self.monitor).is_none() {
            return Ok(());
        }
        if let Some(group) = &self.control_group {
            group.end_commands();
        }
        self.link.kill_init();
        // Readable when the init has been reaped by the kernel's rules for a namespace: after
        // every other process in it.
        let gone = timeout(DESTROY_TIME, wait_readable(&self.link.init)).await;
        self.link.close();
        // Their descriptors hold the namespaces.
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
        if !matches!(gone, Ok(Ok(()))) {
            return Err(SandboxError::NotEmpty { left: 1 });
        }
        // The monitor ends after the init, at once or when it has ended what the init left; then
        // the control group is empty.
        let monitor = lock(&self.monitor).take();
        let Some(monitor) = monitor else {
            return Ok(());
        };
        match self.spawner.reap(monitor, self.control_group.clone()).await {
            Reaped::Clean => Ok(()),
            Reaped::Left => Err(SandboxError::NotEmpty { left: 1 }),
        }
    }
}

impl Drop for LocalSandbox {
    fn drop(&mut self) {
        // A program that was spawned may be waited for longer than the sandbox lives.
        self.link.close();
        if let Some(monitor) = lock(&self.monitor).take() {
            self.spawner
                .reap_unseen(monitor, self.control_group.clone());
        }
    }
}
