//! One background command, and the task that attends to it: reads what it prints, notes its end,
//! ends it when it is told to.

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sandbox::{
    BoxedRead, Ending, FileWriter, ProcessHandle, RunningCall, SandboxError, SandboxProcess,
    WorkspacePath,
};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::output::{Output, Part};
use crate::StreamMask;

/// Bytes of text that are written to a command's file.
const KEPT_BYTES: usize = 8 << 20;
/// Bytes of text after which a command is ended.
const TOO_MUCH_BYTES: u64 = 4 << 30;
/// Time in which output that is still in the pipe is read after a command has ended.
const GRACE: Duration = Duration::from_millis(100);

/// How far a command got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its own process runs.
    Running,
    /// Its own process ended; what it started may go on.
    Ended(Ending),
    /// It was ended with everything it started.
    Stopped,
    /// It never ran, or was ended from outside; why.
    Lost(String),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Command {
    /// What it is called: `bg-1` and so on.
    pub(super) id: String,
    pub(super) command: String,
    pub(super) started: Instant,
    /// Where all it prints is kept; absent when the workspace could not take it.
    pub(super) file: Option<WorkspacePath>,
    output: Mutex<Output>,
    state: watch::Sender<State>,
    stop: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Whether its process is held, with everything it started.
    attended: bool,
}

impl Command {
    pub(super) fn new(
        id: String,
        command: &str,
        file: Option<WorkspacePath>,
        mask: Box<dyn StreamMask>,
    ) -> Self {
        Self {
            id,
            command: command.to_owned(),
            started: Instant::now(),
            file,
            output: Mutex::new(Output::new(mask)),
            state: watch::Sender::new(State {
                phase: Phase::Running,
                attended: true,
            }),
            stop: Notify::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.state.borrow().phase.clone()
    }

    pub(super) fn is_running(&self) -> bool {
        self.phase() == Phase::Running
    }

    /// Waits until it no longer runs.
    pub(super) async fn over(&self) {
        let mut state = self.state.subscribe();
        // An error would say that the sender is gone, and this command holds it.
        let _ = state.wait_for(|state| state.phase != Phase::Running).await;
    }

    /// Ends it with everything it started; returns when nothing is left.
    pub(super) async fn stop(&self) {
        let mut state = self.state.subscribe();
        self.stop.notify_one();
        let _ = state.wait_for(|state| !state.attended).await;
    }

    /// As [`Self::stop`], without waiting for it.
    pub(super) fn dismiss(&self) {
        self.stop.notify_one();
    }

    pub(super) fn read(&self, offset: Option<u64>) -> Part {
        self.output().read(offset)
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output
            .lock()
            .expect("no code panics while it holds this lock")
    }

    /// Notes how it ended, unless that is known.
    fn end(&self, phase: Phase) {
        self.state.send_modify(|state| {
            if state.phase == Phase::Running {
                state.phase = phase;
            }
        });
    }

    /// Attends to the command's process; `running` is held until that has ended. Dropped, whether
    /// it was begun or not, it ends the process with everything it started.
    pub(super) fn attend(
        self: &Arc<Self>,
        process: SandboxProcess,
        file: Option<FileWriter>,
        running: RunningCall,
    ) -> impl Future<Output = ()> + Send + use<> {
        let attending = Attending(Arc::clone(self));
        async move { attending.0.follow(process, file, running).await }
    }

    async fn follow(&self, process: SandboxProcess, file: Option<FileWriter>, call: RunningCall) {
        // Standard input and error were redirected inside; only their other ends are held here.
        let SandboxProcess {
            stdin: _stdin,
            stdout,
            stderr: _stderr,
            mut handle,
        } = process;
        let mut reader = Reader {
            command: self,
            stdout: Some(stdout),
            buffer: vec![0; 64 << 10],
            file: file.map(|writer| (writer, 0)),
        };
        let mut running = Some(call);
        loop {
            tokio::select! {
                biased;
                () = self.stop.notified() => return self.kill(&mut *handle, &mut reader, Phase::Stopped).await,
                ending = handle.wait(), if running.is_some() => {
                    running = None;
                    reader.drain().await;
                    self.end(ending.map_or_else(lost, Phase::Ended));
                }
                count = reader.next(), if reader.stdout.is_some() => reader.take(count).await,
            }
            if self.output().total() > TOO_MUCH_BYTES {
                let phase = Phase::Lost("it wrote more than it may".to_owned());
                return self.kill(&mut *handle, &mut reader, phase).await;
            }
        }
    }

    async fn kill(&self, handle: &mut dyn ProcessHandle, reader: &mut Reader<'_>, phase: Phase) {
        let killed = handle.kill().await;
        reader.drain().await;
        reader.close().await;
        self.end(match killed {
            // A sandbox that is gone has taken everything with it.
            Ok(()) | Err(SandboxError::Gone) => phase,
            Err(error) => lost(error),
        });
    }
}

/// Notes, however the attending ends, that nobody holds the command's process any more.
struct Attending(Arc<Command>);

impl Drop for Attending {
    fn drop(&mut self) {
        self.0.end(lost(SandboxError::Gone));
        self.0.state.send_modify(|state| state.attended = false);
    }
}

/// Reads a command's output.
struct Reader<'a> {
    command: &'a Command,
    /// Absent once it is closed.
    stdout: Option<BoxedRead>,
    buffer: Vec<u8>,
    /// The file, while it takes more, and the bytes that are in it.
    file: Option<(FileWriter, usize)>,
}

impl Reader<'_> {
    /// Waits for the next piece, whose length it answers; zero at the end. Dropped while it waits,
    /// nothing is lost.
    async fn next(&mut self) -> usize {
        match &mut self.stdout {
            Some(stdout) => stdout.read(&mut self.buffer).await.unwrap_or(0),
            None => 0,
        }
    }

    /// Takes a piece of that length in.
    async fn take(&mut self, count: usize) {
        if count == 0 {
            self.close().await;
        } else {
            let text = self.command.output().push(&self.buffer[..count]);
            self.write(text).await;
        }
    }

    /// Reads what is in the pipe, and no longer: somebody in the background may hold its other end
    /// for ever, or write for ever.
    async fn drain(&mut self) {
        let until = Instant::now() + GRACE;
        while self.stdout.is_some() && Instant::now() < until {
            let Ok(count) = timeout_at(until, self.next()).await else {
                return;
            };
            self.take(count).await;
        }
    }

    /// Nothing more is read.
    async fn close(&mut self) {
        if self.stdout.take().is_some() {
            let text = self.command.output().finish();
            self.write(text).await;
        }
        self.file = None;
    }

    /// A workspace that cannot take the output (full, hostile) costs the copy, not the command.
    async fn write(&mut self, text: String) {
        let Some((mut writer, written)) = self.file.take() else {
            return;
        };
        let room = (KEPT_BYTES - written).min(text.len());
        let wrote = tokio::task::spawn_blocking(move || {
            let bytes = &text.as_bytes()[..room];
            writer.write_all(bytes).map(|()| writer)
        });
        if let Ok(Ok(writer)) = wrote.await {
            self.file = Some((writer, written + room));
        }
    }
}

fn lost(error: SandboxError) -> Phase {
    Phase::Lost(if matches!(error, SandboxError::Gone) {
        "its sandbox has ended".to_owned()
    } else {
        error.to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMask;
    use async_trait::async_trait;
    use model::CallId;
    use sandbox::EgressLedger;

    /// A process that nobody sees end.
    struct Endless;

    #[async_trait]
    impl ProcessHandle for Endless {
        async fn wait(&mut self) -> Result<Ending, SandboxError> {
            std::future::pending().await
        }

        async fn kill(&mut self) -> Result<(), SandboxError> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_command_that_nobody_came_to_attend_to_is_stopped_at_once() {
        let command = Arc::new(Command::new(
            "bg-1".to_owned(),
            "true",
            None,
            Box::new(NoMask),
        ));
        let process = SandboxProcess {
            stdin: Box::new(tokio::io::sink()),
            stdout: Box::new(tokio::io::empty()),
            stderr: Box::new(tokio::io::empty()),
            handle: Box::new(Endless),
        };
        let running = EgressLedger::default().running(&CallId::new("call"));
        drop(command.attend(process, None, running));
        let stopped = tokio::time::timeout(Duration::from_secs(30), command.stop());
        stopped.await.expect("it is told that nobody holds it");
        assert_eq!(command.phase(), lost(SandboxError::Gone));
    }
}
