//! The host, as the checker sees it.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// How long a process may take to be gone, or to be there, before a test is given up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Every process of the host whose command line holds `text`, but for this one.
pub(super) fn processes_with(text: &str) -> Vec<i32> {
    let own = std::process::id().cast_signed();
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line)
                .replace('\0', " ")
                .contains(text)
        })
        .collect()
}

/// Waits until the host has `count` processes with `text` in their command lines.
pub(super) async fn started(text: &str, count: usize) -> Vec<i32> {
    let all_are_there = async {
        loop {
            let found = processes_with(text);
            if found.len() >= count {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, all_are_there).await;
    found.unwrap_or_else(|_| panic!("{count} times {text}"))
}

/// Waits for the ends of processes; answers those that live on.
pub(super) fn survivors(pids: &[i32], seconds: i64) -> Vec<i32> {
    let watched: Vec<(i32, OwnedFd)> = pids
        .iter()
        .filter_map(|pid| {
            let opened = pidfd_open(Pid::from_raw(*pid)?, PidfdFlags::empty());
            Some((*pid, opened.ok()?))
        })
        .collect();
    let limit = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let lives = watched.iter().filter(|(_, descriptor)| {
        let mut one = [PollFd::from_borrowed_fd(descriptor.as_fd(), PollFlags::IN)];
        poll(&mut one, Some(&limit)).unwrap() == 0
    });
    lives.map(|(pid, _)| *pid).collect()
}

/// A line of a process's status; empty when there is none.
pub(super) fn status(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// The files below a directory that hold `wanted`.
pub(super) fn files_with(directory: &Path, wanted: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files_with(&path, wanted));
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = bytes
                .windows(wanted.len())
                .any(|window| window == wanted.as_bytes());
            found.extend(holds.then(|| path.display().to_string()));
        }
    }
    found
}
