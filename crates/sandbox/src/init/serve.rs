//! The init at work: orders in, notes out, children reaped.

use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, wait, waitpid};

use super::account::{
    Realm, descendants, end_tree, pause, processes, resident, signal_each, stop_tree,
};
use super::run::Place;
use super::sys::{exit_now, signal_everyone};
use super::{Step, StepError, run};
use crate::Tier;
use crate::control::{Counted, MAX_NOTE_BYTES, Note, Order, Start, Stop, receive, send};

/// How often memory is looked at where no control group holds it.
const WATCH: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};
/// Processes killed for their memory before orders are looked at again: others may take the places
/// of the killed for ever.
const MOST_VICTIMS: usize = 64;
/// Passes over a tree that is being killed, a fifth of a millisecond apart, before the whole
/// sandbox is killed instead.
const KILL_PASSES: usize = 500;
/// Rounds of killing everything: the first ones a tenth of a millisecond apart, the others one,
/// two seconds in all.
const EVERYONE_ROUNDS: usize = 2_000;
const QUICK_ROUNDS: usize = 100;

struct Init<'a> {
    control: &'a OwnedFd,
    place: Place,
    realm: Realm,
    watch_memory_bytes: Option<u64>,
    /// Processes above which the largest run is ended, where the kernel's limit counts others too.
    watch_processes: Option<usize>,
    /// Run and supervisor of each tree that has processes.
    runs: Vec<(u64, Pid)>,
}

/// Serves until the server closes its end.
pub(super) fn serve(
    control: &OwnedFd,
    signals: &OwnedFd,
    start: &Start,
    place: Place,
    buffer: &mut [u8],
) -> Result<Infallible, StepError> {
    let mut init = Init {
        control,
        place,
        realm: match start.tier {
            Tier::Native => Realm::Namespace,
            Tier::Landlock | Tier::None => Realm::Tree(getpid()),
        },
        watch_memory_bytes: start.watch_memory_bytes,
        watch_processes: match Counted::of(start.tier, start.become_uid) {
            Counted::Alone => None,
            Counted::WithOthers => usize::try_from(start.limits.processes).ok(),
        },
        runs: Vec::new(),
    };
    loop {
        let mut waiting = [
            PollFd::new(control, PollFlags::IN),
            PollFd::new(signals, PollFlags::IN),
        ];
        let watched = init.watch_memory_bytes.is_some() || init.watch_processes.is_some();
        let watching = watched && !init.runs.is_empty();
        match poll(&mut waiting, watching.then_some(&WATCH)) {
            Err(rustix::io::Errno::INTR) => continue,
            ready => ready.step("poll")?,
        };
        let (ordered, changed) = (
            !waiting[0].revents().is_empty(),
            !waiting[1].revents().is_empty(),
        );
        if changed {
            // What it says does not matter: everything that can be reaped is reaped.
            let _ = rustix::io::read(signals, &mut [0_u8; 128]);
            init.reap();
        }
        if ordered {
            init.obey(buffer);
        }
        init.watch_processes();
        init.watch_memory();
    }
}

impl Init<'_> {
    fn note(&self, note: &Note) {
        if send(self.control.as_fd(), note, &[], MAX_NOTE_BYTES).is_err() {
            // Nobody listens any more: the sandbox ends with its init.
            exit_now(0);
        }
    }

    fn obey(&mut self, buffer: &mut [u8]) {
        let Ok(packet) = receive(self.control.as_fd(), buffer) else {
            exit_now(1)
        };
        if packet.len == 0 {
            exit_now(0);
        }
        let Ok(order) = serde_json::from_slice::<Order>(&buffer[..packet.len]) else {
            exit_now(1)
        };
        // Orders hold secrets.
        buffer[..packet.len].fill(0);
        match order {
            Order::Start(_) => exit_now(1),
            Order::Run(run) => self.run(run, packet.descriptors),
            Order::Stop { run, how } => self.stop(run, how),
            Order::KillAll { order } => {
                let left = self.kill_everyone();
                self.note(&Note::Killed { order, left });
            }
            Order::Count { order } => {
                let processes = self.theirs().len();
                self.note(&Note::Counted { order, processes });
            }
        }
    }

    /// The processes that are not of ours.
    fn theirs(&self) -> Vec<Pid> {
        let ours = |pid: &Pid| self.runs.iter().any(|(_, supervisor)| supervisor == pid);
        let mut members = self.realm.members();
        members.retain(|pid| !ours(pid));
        members
    }

    fn run(&mut self, run: crate::control::Run, descriptors: Vec<OwnedFd>) {
        let number = run.run;
        match run::start(self.control, &self.place, run, descriptors) {
            Ok(supervisor) => self.runs.push((number, supervisor)),
            Err(error) => {
                self.note(&Note::CannotRun {
                    run: number,
                    step: "fork".to_owned(),
                    errno: error.raw_os_error().unwrap_or(0),
                });
                self.note(&Note::Empty { run: number });
            }
        }
    }

    fn stop(&mut self, run: u64, how: Stop) {
        let Some((_, supervisor)) = self.runs.iter().find(|(number, _)| *number == run) else {
            return;
        };
        match how {
            Stop::Ask => signal_each(&descendants(*supervisor), Signal::TERM),
            Stop::Kill => match kill_tree(*supervisor) {
                Some(status) => self.ended(*supervisor, status),
                None => {
                    self.kill_everyone();
                }
            },
        }
    }

    fn kill_everyone(&mut self) -> usize {
        let left = match self.realm {
            Realm::Namespace => kill_everyone(),
            Realm::Tree(top) => end_tree(top),
        };
        self.all_gone();
        left
    }

    /// The end of a child of ours: of a supervisor it ends the run.
    fn ended(&mut self, pid: Pid, status: WaitStatus) {
        let Some(at) = self
            .runs
            .iter()
            .position(|(_, supervisor)| *supervisor == pid)
        else {
            return;
        };
        if status.signaled() {
            // Somebody inside killed a process of ours, so its tree can no longer be told from
            // others: nothing in here can be trusted to be accounted for.
            self.kill_everyone();
            return;
        }
        let (run, _) = self.runs.swap_remove(at);
        self.note(&Note::Empty { run });
    }

    /// Collects dead children.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            self.ended(pid, status);
        }
    }

    /// Tells the end of every run after everything was killed.
    fn all_gone(&mut self) {
        for (run, _) in std::mem::take(&mut self.runs) {
            self.note(&Note::Exited {
                run,
                code: None,
                signal: Some(libc::SIGKILL),
            });
            self.note(&Note::Empty { run });
        }
    }

    fn watch_processes(&mut self) {
        let Some(most) = self.watch_processes else {
            return;
        };
        if self.runs.is_empty() || self.theirs().len() <= most {
            return;
        }
        let largest = self
            .runs
            .iter()
            .max_by_key(|(_, pid)| descendants(*pid).len());
        if let Some((run, _)) = largest {
            self.stop(*run, Stop::Kill);
        }
    }

    fn watch_memory(&mut self) {
        let Some(limit) = self.watch_memory_bytes else {
            return;
        };
        if self.runs.is_empty() {
            return;
        }
        let mut told = false;
        for _ in 0..MOST_VICTIMS {
            match resident(&self.theirs()) {
                (total, Some(largest)) if total > limit => {
                    if !told {
                        // Before the kill, so that it is known when the end is reported.
                        self.note(&Note::OverMemory);
                        told = true;
                    }
                    signal_each(&[largest], Signal::KILL);
                    pause(1_000_000);
                }
                _ => break,
            }
        }
    }
}

/// Kills the descendants of `supervisor` until it ends for want of them, which it does only after
/// it has started its program: a run that is killed while it starts is killed too. Absent: they
/// outran us.
fn kill_tree(supervisor: Pid) -> Option<WaitStatus> {
    for _ in 0..KILL_PASSES {
        signal_each(&stop_tree(supervisor), Signal::KILL);
        if let Ok(Some((_, status))) = waitpid(Some(supervisor), WaitOptions::NOHANG) {
            return Some(status);
        }
        pause(200_000);
    }
    None
}

/// Kills every process of the namespace and reaps until there is none. Returns how many could
/// not be ended in two seconds (processes that wait for a device).
fn kill_everyone() -> usize {
    for round in 0..EVERYONE_ROUNDS {
        let somebody = signal_everyone(libc::SIGKILL);
        let children = loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        if !somebody && !children {
            return 0;
        }
        if children {
            pause(if round < QUICK_ROUNDS {
                100_000
            } else {
                1_000_000
            });
        }
    }
    processes().len()
}
