//! Starting a program. Each run has a supervisor of ours as its ancestor: the supervisor adopts
//! whatever the program leaves behind, so that the tree of a run can be found and ended however
//! often its processes fork twice or start sessions of their own.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::process::{Pid, WaitOptions, set_child_subreaper, wait};

use super::boot::die_with_parent;
use super::rules::CommandLayer;
use super::sys::{Forked, close_from, execve, exit_now, fork, place, reset_signals};
use super::{Step, StepError, probes};
use crate::control::{MAX_NOTE_BYTES, Note, Program, Run, send};

/// How much sooner a command is killed than our own processes when memory is short.
const OOM_SCORE: &str = "500";
/// Commands are a little less urgent than the server.
const NICE: i32 = 5;

/// Where programs start, and what each of them puts on.
#[derive(Debug)]
pub(super) struct Place {
    /// The workspace.
    pub(super) workspace: PathBuf,
    /// The second layer of a sandbox without an own root.
    pub(super) layer: Option<CommandLayer>,
    /// What a program writes itself into to leave our control group for that of commands.
    pub(super) group: Option<OwnedFd>,
}

/// Starts `run` below a supervisor and returns the supervisor's id.
pub(super) fn start(
    control: &OwnedFd,
    place: &Place,
    run: Run,
    descriptors: Vec<OwnedFd>,
) -> io::Result<Pid> {
    match fork()? {
        Forked::Parent(supervisor) => Ok(supervisor),
        Forked::Child => supervise(control, place, run, descriptors),
    }
}

fn supervise(control: &OwnedFd, place: &Place, run: Run, descriptors: Vec<OwnedFd>) -> ! {
    let number = run.run;
    // Where the init is not the first of a namespace, nothing else would end with it.
    let _ = die_with_parent();
    let adopt = set_child_subreaper(Pid::from_raw(1)).map_err(io::Error::from);
    let program = match adopt.and_then(|()| fork()) {
        Ok(Forked::Parent(program)) => program,
        Ok(Forked::Child) => {
            let error = become_program(place, run, &descriptors);
            cannot_run(control, number, &error);
            exit_now(127)
        }
        Err(source) => {
            let step = "fork".to_owned();
            cannot_run(control, number, &StepError { step, source });
            exit_now(1)
        }
    };
    drop(run);
    drop(descriptors);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                let note = Note::Exited {
                    run: number,
                    code: status.exit_status(),
                    signal: status.terminating_signal(),
                };
                if send(control.as_fd(), &note, &[], MAX_NOTE_BYTES).is_err() {
                    exit_now(1);
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // No child is left, not even an adopted one.
            Err(_) => exit_now(0),
        }
    }
}

fn cannot_run(control: &OwnedFd, run: u64, error: &StepError) {
    let note = Note::CannotRun {
        run,
        step: error.step.clone(),
        errno: error.source.raw_os_error().unwrap_or(0),
    };
    // The exit that follows is reported too, so a lost note delays nobody.
    let _ = send(control.as_fd(), &note, &[], MAX_NOTE_BYTES);
}

/// Turns this process into the program. Returns only on failure.
fn become_program(place: &Place, run: Run, descriptors: &[OwnedFd]) -> StepError {
    match prepare(place, &run, descriptors) {
        Err(error) => error,
        Ok(()) => match run.program {
            Program::Command(argv) => execute(&argv, &run.env),
            Program::Probes(input) => probes::run_all(&input),
        },
    }
}

fn prepare(at: &Place, run: &Run, descriptors: &[OwnedFd]) -> Result<(), StepError> {
    rustix::process::setsid().step("setsid")?;
    if let Some(group) = &at.group {
        rustix::io::write(group, b"0").step("join the control group")?;
    }
    let [input, output, error] = descriptors else {
        return Err(io::Error::from(io::ErrorKind::InvalidData)).step("descriptors");
    };
    for (number, descriptor) in [(0, input), (1, output), (2, error)] {
        place(descriptor.as_fd(), number).step("descriptors")?;
    }
    // Raising it needs no right. A kernel that refuses only chooses its victim less well.
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let _ = rustix::process::nice(NICE);
    let cwd = at.workspace.join(run.cwd.trim_start_matches('/'));
    rustix::process::chdir(cwd).step("change the directory")?;
    let _ = die_with_parent();
    if let Some(layer) = &at.layer {
        layer.restrict().step("landlock")?;
    }
    reset_signals();
    Ok(())
}

fn execute(argv: &[String], env: &[(String, String)]) -> StepError {
    match search_and_execute(argv, env) {
        Err(source) => StepError {
            step: "execute".to_owned(),
            source,
        },
        Ok(never) => match never {},
    }
}

fn search_and_execute(
    argv: &[String],
    env: &[(String, String)],
) -> io::Result<std::convert::Infallible> {
    let name = argv.first().ok_or(io::ErrorKind::InvalidInput)?;
    let path = env.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or("/usr/bin:/bin", |(_, value)| value.as_str());
    let arguments = argv.iter().map(|word| CString::new(word.as_str()));
    let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
    let variables = env
        .iter()
        .map(|(name, value)| CString::new(format!("{name}={value}")));
    let variables = variables.collect::<Result<Vec<_>, _>>()?;
    let candidates: Vec<CString> = if name.contains('/') {
        vec![CString::new(name.as_str())?]
    } else {
        path.split(':')
            .map(|directory| CString::new(format!("{directory}/{name}")))
            .collect::<Result<_, _>>()?
    };
    let mut failure = io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in &candidates {
        let error = execve(candidate, &arguments, &variables);
        // As a shell does: a match that may not be executed is told, a missing one is not.
        if error.raw_os_error() != Some(libc::ENOENT) {
            failure = error;
        }
    }
    Err(failure)
}

/// Closes what a program must not inherit. Everything of ours is close-on-exec already; this is
/// for the probes, which do not execute anything.
pub(super) fn close_inherited() -> io::Result<()> {
    close_from(3)
}
