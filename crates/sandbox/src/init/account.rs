//! Who is there, read from `/proc`: processes of an own namespace, or of a tree.

use std::collections::HashSet;
use std::fs;

use rustix::event::Timespec;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

/// One process of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Its id inside.
    pub(super) pid: Pid,
    /// Its parent's id inside.
    pub(super) parent: i32,
    /// Dead, and waiting to be reaped.
    pub(super) zombie: bool,
}

/// Which processes are the sandbox's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Realm {
    /// All that can be seen.
    Namespace,
    /// Those below this one.
    Tree(Pid),
}

impl Realm {
    /// The living ones but the init.
    pub(super) fn members(self) -> Vec<Pid> {
        match self {
            Self::Namespace => {
                let all = processes().into_iter();
                all.filter(|process| !process.zombie)
                    .map(|process| process.pid)
                    .collect()
            }
            Self::Tree(top) => descendants(top),
        }
    }
}

/// Rounds of ending a tree, a millisecond apart at the end: two seconds in all.
const END_ROUNDS: usize = 2_000;
const QUICK_ROUNDS: usize = 100;
/// Looks for processes that are not stopped yet, in one round.
const STOP_LOOKS: usize = 50;

/// Ends every process below `top`, which must be this process, and returns how many are left.
pub(super) fn end_tree(top: Pid) -> usize {
    for round in 0..END_ROUNDS {
        signal_each(&stop_tree(top), Signal::KILL);
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        if descendants(top).is_empty() {
            return 0;
        }
        pause(if round < QUICK_ROUNDS {
            100_000
        } else {
            1_000_000
        });
    }
    descendants(top).len()
}

/// Stops every process below `top` and returns them: what is stopped starts nothing new, so that
/// a tree which grows faster than it is killed can be killed.
pub(super) fn stop_tree(top: Pid) -> Vec<Pid> {
    let mut stopped: HashSet<Pid> = HashSet::new();
    for _ in 0..STOP_LOOKS {
        let new: Vec<Pid> = descendants(top)
            .into_iter()
            .filter(|pid| stopped.insert(*pid))
            .collect();
        if new.is_empty() {
            break;
        }
        signal_each(&new, Signal::STOP);
    }
    stopped.into_iter().collect()
}

/// Waits so many nanoseconds for the kernel to carry out a kill.
pub(super) fn pause(nanoseconds: i64) {
    let time = Timespec {
        tv_sec: 0,
        tv_nsec: nanoseconds,
    };
    // There is no descriptor that tells when a process that is not our child has died. Waking
    // early does no harm.
    let _ = rustix::thread::nanosleep(&time);
}

/// All processes but the init.
pub(super) fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != 1)
        .filter_map(|pid: i32| {
            let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
            parse_stat(Pid::from_raw(pid)?, &stat)
        })
        .collect()
}

/// `pid (name) state ppid …`; the name may hold anything, so the last `)` counts.
fn parse_stat(pid: Pid, stat: &[u8]) -> Option<Process> {
    let after = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut words = stat.get(after..)?.split(|byte| *byte == b' ').skip(1);
    let state = words.next()?;
    let parent = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        zombie: matches!(state, b"Z" | b"X"),
    })
}

/// Living descendants of `ancestor`.
pub(super) fn descendants(ancestor: Pid) -> Vec<Pid> {
    let all = processes();
    let mut found: Vec<Pid> = Vec::new();
    let mut frontier = vec![ancestor.as_raw_nonzero().get()];
    while let Some(parent) = frontier.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            frontier.push(process.pid.as_raw_nonzero().get());
            if !process.zombie {
                found.push(process.pid);
            }
        }
    }
    found
}

/// Signals each of `pids`; those that are gone already do not matter.
pub(super) fn signal_each(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = kill_process(*pid, signal);
    }
}

/// Sum of resident memory of `pids` in bytes, and the largest of them.
pub(super) fn resident(pids: &[Pid]) -> (u64, Option<Pid>) {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut total = 0_u64;
    let mut largest = (0, None);
    for pid in pids {
        let path = format!("/proc/{}/statm", pid.as_raw_nonzero());
        let pages = fs::read_to_string(path)
            .ok()
            .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
            .unwrap_or(0);
        total = total.saturating_add(pages.saturating_mul(page));
        if pages > largest.0 {
            largest = (pages, Some(*pid));
        }
    }
    (total, largest.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_no_trap() {
        let pid = Pid::from_raw(7).unwrap();
        let read = parse_stat(pid, b"7 (a) Z 1 (b) S 42 7 7 0").unwrap();
        assert_eq!((read.parent, read.zombie), (42, false));
        assert!(parse_stat(pid, b"7 (a) Z 1 0").unwrap().zombie);
        assert_eq!(parse_stat(pid, b"nothing"), None);
    }
}
