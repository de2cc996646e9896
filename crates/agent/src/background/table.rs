//! The background commands of a session.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sandbox::{
    Ending, ExecRequest, FileError, FileWriter, SandboxError, SpawnRequest, Workspace,
    WorkspacePath,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::command::{Command, Phase};
use super::output::Part;
use crate::ToolOutcome;
use crate::session::{ShellCommand, ToolSession, ending_note, failed};

/// Commands of a session that run at once.
const MAX_RUNNING: usize = 16;
/// Commands that have ended and can still be read; beyond it the oldest is forgotten, and ended with
/// what it left running.
const MAX_ENDED: usize = 16;
/// How long a start waits for the command to end or to say something.
const FIRST_MOMENTS: Duration = Duration::from_millis(250);
/// Names that are tried for one whose file is not there from an earlier session.
const MAX_NAMES_TRIED: u32 = 1_000;
/// Characters of a command that a list shows.
const SHOWN_CHARS: usize = 200;
/// Joins the two outputs and closes the input before the command itself takes over.
const JOIN_OUTPUTS: &str = "exec 2>&1 </dev/null; exec \"$@\"";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Background {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    commands: Vec<Arc<Command>>,
    /// The number of the last one.
    last: u32,
    /// Attends to each. Dropped, it ends them all.
    attending: JoinSet<()>,
}

/// A command's name and the file that it is kept in.
struct Named {
    number: u32,
    file: Option<(WorkspacePath, FileWriter)>,
}

impl Background {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table
            .lock()
            .expect("no code panics while it holds this lock")
    }

    fn find(&self, id: &str) -> Option<Arc<Command>> {
        let table = self.table();
        let found = table.commands.iter().find(|command| command.id == id);
        found.map(Arc::clone)
    }

    /// Whether the session knows of none, running or ended.
    pub(crate) fn is_empty(&self) -> bool {
        self.table().commands.is_empty()
    }

    /// Lets go of every process, after the sandbox has ended.
    pub(crate) async fn let_go(&self) {
        let mut attending = std::mem::take(&mut self.table().attending);
        attending.shutdown().await;
    }

    /// Says what each command is and how far it got.
    pub(crate) fn list(&self) -> String {
        let table = self.table();
        if table.commands.is_empty() {
            return "There are no background commands in this session.".to_owned();
        }
        let mut lines = String::new();
        for command in &table.commands {
            let shown: String = command.command.chars().take(SHOWN_CHARS).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(
                lines,
                "{} ({}, started {} s ago): {}",
                command.id,
                describe(&command.phase()),
                command.started.elapsed().as_secs(),
                shown.replace('\n', " ")
            );
        }
        lines
    }

    /// What a command printed since it was last read, or from `offset` on.
    pub(crate) fn read(&self, id: &str, offset: Option<u64>) -> ToolOutcome {
        match self.find(id) {
            Some(command) => ToolOutcome::Success(shown(&command, offset)),
            None => unknown(id),
        }
    }

    /// Ends a command with everything it started.
    pub(crate) async fn stop(&self, id: &str) -> ToolOutcome {
        let Some(command) = self.find(id) else {
            return unknown(id);
        };
        let before = command.phase();
        command.stop().await;
        ToolOutcome::Success(match before {
            Phase::Running => format!("{id} was stopped.\n{}", shown(&command, None)),
            Phase::Ended(_) | Phase::Stopped | Phase::Lost(_) => format!(
                "{id} was over already ({}); what it had left running was ended.",
                describe(&before)
            ),
        })
    }

    fn has_room(&self) -> bool {
        let table = self.table();
        let running = table.commands.iter().filter(|command| command.is_running());
        running.count() < MAX_RUNNING
    }

    fn add(
        &self,
        command: &Arc<Command>,
        number: u32,
        attend: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut table = self.table();
        while table.attending.try_join_next().is_some() {}
        let ended = table
            .commands
            .iter()
            .filter(|command| !command.is_running());
        if ended.count() >= MAX_ENDED
            && let Some(oldest) = table.commands.iter().position(|old| !old.is_running())
        {
            // Its attendant ends what it left running, and then itself.
            table.commands.remove(oldest).dismiss();
        }
        table.last = number;
        table.commands.push(Arc::clone(command));
        table.attending.spawn(attend);
    }

    fn forget(&self, id: &str) {
        self.table().commands.retain(|command| command.id != id);
    }
}

impl ToolSession {
    /// Starts a command that goes on between calls. Answers at once with its name, and with what it
    /// printed and how it ended if it was quick.
    pub(crate) async fn start_in_background(&self, shell: ShellCommand<'_>) -> ToolOutcome {
        if !self.background().has_room() {
            return ToolOutcome::error(format!(
                "{MAX_RUNNING} background commands are running; stop one first."
            ));
        }
        let command = match self.spawn_in_background(shell).await {
            Ok(command) => command,
            Err(error) => return failed(&error),
        };
        // One that goes on is told by its phase.
        let _ = timeout(FIRST_MOMENTS, command.over()).await;
        match command.phase() {
            Phase::Lost(why) => {
                self.background().forget(&command.id);
                ToolOutcome::error(format!("The command could not be run: {why}"))
            }
            Phase::Ended(ending) if ending != Ending::Exited(0) => ToolOutcome::Error {
                output: shown(&command, None),
                error: ending_note(ending),
            },
            Phase::Running | Phase::Stopped | Phase::Ended(_) => ToolOutcome::Success(format!(
                "Started in the background as {}.\n{}",
                command.id,
                shown(&command, None)
            )),
        }
    }

    async fn spawn_in_background(
        &self,
        shell: ShellCommand<'_>,
    ) -> Result<Arc<Command>, SandboxError> {
        let mut argv: Vec<String> = ["sh", "-c", JOIN_OUTPUTS, "sh"].map(str::to_owned).into();
        argv.extend(ExecRequest::shell(shell.command).argv);
        let request = SpawnRequest {
            argv,
            cwd: WorkspacePath::parse(shell.directory)?,
            env: self.variables(),
        };
        let sandbox = self.sandbox().await?;
        let last = self.background().table().last;
        let named = self
            .files(move |workspace| Ok(name(workspace, last)))
            .await?;
        // Until its own process has ended: what it connects to is its call's.
        let running = self.ledger().running(shell.call_id);
        let process = match sandbox.spawn(request).await {
            Ok(process) => process,
            Err(error) => {
                self.give_up(&sandbox, &error).await;
                return Err(error);
            }
        };
        let (path, writer) = named.file.unzip();
        let id = format!("bg-{}", named.number);
        let command = Arc::new(Command::new(id, shell.command, path, self.mask().stream()));
        let attend = command.attend(process, writer, running);
        self.background().add(&command, named.number, attend);
        Ok(command)
    }
}

/// The next name whose file is not there: a later session does not call its commands as an earlier
/// one did.
fn name(workspace: &Workspace, last: u32) -> Named {
    let mut number = last;
    for _ in 0..MAX_NAMES_TRIED {
        number = number.saturating_add(1);
        let Ok(path) = WorkspacePath::parse(&file_of(&format!("bg-{number}"))) else {
            break;
        };
        match workspace.stat(&path) {
            Ok(_) => {}
            Err(FileError::NotFound { .. }) => {
                let file = workspace.writer(&path).and_then(|mut writer| {
                    writer.publish()?;
                    Ok((path, writer))
                });
                return Named {
                    number,
                    file: file.ok(),
                };
            }
            Err(_) => break,
        }
    }
    Named { number, file: None }
}

fn file_of(id: &str) -> String {
    format!(".sigmic/outputs/{id}.txt")
}

fn unknown(id: &str) -> ToolOutcome {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let kept = if id.starts_with("bg-") && id.chars().all(plain) {
        format!(" What it printed may still be in {}.", file_of(id))
    } else {
        String::new()
    };
    ToolOutcome::error(format!(
        "There is no background command {id:?} in this session: background commands end with it \
         and with the server.{kept}"
    ))
}

fn describe(phase: &Phase) -> String {
    match phase {
        Phase::Running => "running".to_owned(),
        Phase::Ended(Ending::Exited(code)) => format!("ended, exit code {code}"),
        Phase::Ended(Ending::Signaled(signal)) => format!("ended by signal {signal}"),
        Phase::Stopped => "stopped".to_owned(),
        Phase::Lost(why) => format!("ended: {why}"),
    }
}

fn shown(command: &Command, offset: Option<u64>) -> String {
    let phase = match command.phase() {
        // A model that looks again and again sees that time goes on.
        Phase::Running => format!("running for {} s", command.started.elapsed().as_secs()),
        phase @ (Phase::Ended(_) | Phase::Stopped | Phase::Lost(_)) => describe(&phase),
    };
    let Part {
        from,
        text,
        total,
        left_out,
    } = command.read(offset);
    let mut head = format!(
        "[{}: {phase}; bytes {from} to {total} of its output",
        command.id
    );
    if left_out > 0 {
        let _ = write!(head, "; {left_out} before them are left out");
    }
    if let Some(file) = &command.file {
        let _ = write!(head, "; all of it is in {}", file.as_str());
    }
    format!("{head}]\n{text}")
}
