//! Ends: of commands, of sandboxes, of the server.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use sandbox::{
    Ending, EngineChoice, ExecRequest, Sandbox, SandboxError, SpawnRequest, WorkspacePath,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::rig::{Rig, out, sh};

/// Everything an unwilling process tries, at once.
pub(crate) const DAEMONS: &str = "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM HUP; sleep 301 & sleep \
                       301' >/dev/null 2>&1 &); nohup sleep 301 >/dev/null 2>&1 & sh -c '(sleep \
                       301 >/dev/null 2>&1 &) &'; echo started";

/// Starts them and waits until all four are there.
pub(crate) async fn daemons(sandbox: &dyn Sandbox) {
    assert_eq!(out(sandbox, DAEMONS).await, "started\n");
    while sandbox.processes().await.unwrap() < 4 {}
}

#[tokio::test]
async fn a_background_process_lives_on_without_holding_its_command() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    // It keeps the output open and goes on writing to it.
    let script = "(while :; do echo tick; echo x >> ticks; sleep 0.02; done) & echo begun";
    let result = sh(&*sandbox, script).await;
    assert_eq!(result.ending, Ending::Exited(0));
    assert!(result.took < Duration::from_secs(2), "{:?}", result.took);
    let grows = "a=$(wc -l < ticks); while [ $(wc -l < ticks) -le $((a + 3)) ]; do sleep 0.01; \
                 done; echo grew";
    assert_eq!(out(&*sandbox, grows).await, "grew\n");
    sandbox.kill_all().await.unwrap();
    assert_eq!(sandbox.processes().await.unwrap(), 0);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn kill_all_and_destroy_leave_nothing() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    daemons(&*sandbox).await;
    sandbox.kill_all().await.unwrap();
    assert_eq!(sandbox.processes().await.unwrap(), 0);
    daemons(&*sandbox).await;
    sandbox.destroy().await.unwrap();
    assert!(matches!(sandbox.processes().await, Err(SandboxError::Gone)));
    assert!(matches!(
        sandbox.exec(ExecRequest::shell("true")).await,
        Err(SandboxError::Gone)
    ));
}

#[tokio::test]
async fn a_dropped_command_is_killed_with_its_tree() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let script = format!("{DAEMONS}; touch ready; sleep 301");
    let running = sandbox.exec(ExecRequest::shell(script));
    let ready = out(
        &*sandbox,
        "while [ ! -e ready ]; do sleep 0.01; done; echo ready",
    );
    tokio::select! {
        result = running => panic!("{result:?}"),
        ready = ready => assert_eq!(ready, "ready\n"),
    }
    let gone = "while cat /proc/[0-9]*/cmdline 2>/dev/null | grep -qa 301; do :; done; echo gone";
    let request = ExecRequest {
        timeout_ms: 5_000,
        ..ExecRequest::shell(gone.replace("301", "30[1]"))
    };
    assert_eq!(sandbox.exec(request).await.unwrap().output, "gone\n");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn killing_our_supervisor_ends_everything_inside_but_the_sandbox() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let result = sh(
        &*sandbox,
        "(setsid sleep 301 >/dev/null 2>&1 &); kill -9 $PPID; sleep 301",
    )
    .await;
    assert_eq!(result.ending, Ending::Signaled(9));
    assert_eq!(sandbox.processes().await.unwrap(), 0);
    assert_eq!(out(&*sandbox, "echo next").await, "next\n");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_program_can_be_talked_to() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let request = |argv: &[&str]| SpawnRequest {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        cwd: WorkspacePath::ROOT,
        env: vec![("GREETING".to_owned(), "hi".into())],
    };
    let echo = "echo $GREETING; while read line; do echo got $line; done";
    let mut process = sandbox.spawn(request(&["sh", "-c", echo])).await.unwrap();
    let mut lines = tokio::io::BufReader::new(process.stdout).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "hi");
    process.stdin.write_all(b"one\n").await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "got one");
    drop(process.stdin);
    assert_eq!(process.handle.wait().await.unwrap(), Ending::Exited(0));
    let mut endless = sandbox.spawn(request(&["sleep", "301"])).await.unwrap();
    endless.handle.kill().await.unwrap();
    assert_eq!(sandbox.processes().await.unwrap(), 0);
    let mut missing = sandbox.spawn(request(&["no-such-program"])).await.unwrap();
    assert!(matches!(
        missing.handle.wait().await,
        Err(SandboxError::CannotRun { .. })
    ));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn whoever_waits_is_told_when_the_sandbox_ends() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let running = sandbox.exec(ExecRequest::shell("touch begun; sleep 301"));
    let destroyed = async {
        out(&*sandbox, "while [ ! -e begun ]; do sleep 0.01; done").await;
        sandbox.destroy().await.unwrap();
    };
    let (result, ()) = tokio::join!(running, destroyed);
    assert!(matches!(result, Err(SandboxError::Gone)), "{result:?}");
    let sandbox = rig.sandbox().await;
    let mut process = sandbox
        .spawn(SpawnRequest {
            argv: vec!["sleep".to_owned(), "301".to_owned()],
            cwd: WorkspacePath::ROOT,
            env: Vec::new(),
        })
        .await
        .unwrap();
    drop(sandbox);
    assert!(matches!(
        process.handle.wait().await,
        Err(SandboxError::Gone)
    ));
}

/// What this process holds of the system.
fn holdings() -> BTreeMap<&'static str, usize> {
    let count = |path: &str| fs::read_dir(path).map_or(0, Iterator::count);
    let pid = std::process::id().to_string();
    let groups = ["memory", "pids", "cpu", "unified"]
        .iter()
        .flat_map(|name| own_group(name))
        .filter(|name| name.starts_with(&format!("sigmic-{pid}-")))
        .count();
    let children = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            stat.rsplit(") ")
                .next()
                .and_then(|rest| rest.split(' ').nth(1))
                == Some(&pid)
        })
        .count();
    BTreeMap::from([
        ("descriptors", count("/proc/self/fd")),
        ("threads", count("/proc/self/task")),
        ("children", children),
        ("groups", groups),
        (
            "mounts",
            fs::read_to_string("/proc/self/mounts")
                .unwrap()
                .lines()
                .count(),
        ),
    ])
}

fn own_group(controller: &str) -> Vec<String> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = own
        .lines()
        .find(|line| line.contains(&format!(":{controller}:")))
        .and_then(|line| line.rsplit(':').next())
        .unwrap_or("/")
        .to_owned();
    fs::read_dir(format!("/sys/fs/cgroup/{controller}{path}"))
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default()
}

/// In a process of its own, where nobody else opens and closes things.
#[test]
fn two_hundred_sandboxes_leave_nothing_behind() {
    for name in ["two_hundred_in_a_row", "two_hundred_trees_in_a_row"] {
        alone(name, |mut lines| {
            assert_eq!(lines.next().unwrap().unwrap(), "clean");
        });
    }
}

#[tokio::test]
#[ignore = "run by two_hundred_sandboxes_leave_nothing_behind in a process of its own"]
async fn two_hundred_in_a_row() {
    make_two_hundred(EngineChoice::Native).await;
}

#[tokio::test]
#[ignore = "run by two_hundred_sandboxes_leave_nothing_behind in a process of its own"]
async fn two_hundred_trees_in_a_row() {
    make_two_hundred(EngineChoice::Landlock).await;
}

async fn make_two_hundred(choice: EngineChoice) {
    let rig = Rig::of(choice).await;
    let one = async || {
        let mut spec = rig.spec();
        spec.network = sandbox::NetworkMode::Full;
        let sandbox = rig.engine.create(spec).await.unwrap();
        out(&*sandbox, "sleep 300 >/dev/null 2>&1 & true").await;
        sandbox.destroy().await.unwrap();
    };
    // Whatever is made once and kept is made now.
    one().await;
    let before = holdings();
    for _ in 0..200 {
        one().await;
    }
    assert_eq!(holdings(), before);
    report("clean");
}

/// The parent reads this on standard error: standard output belongs to the test harness.
#[expect(clippy::print_stderr, reason = "the channel to the parent")]
fn report(line: &str) {
    eprintln!("@{line}");
}

/// Runs the ignored test `name` in a process of its own and hands its reports to `read`.
#[expect(clippy::print_stderr, reason = "why the other process failed")]
fn alone(name: &str, read: impl FnOnce(Box<dyn Iterator<Item = std::io::Result<String>>>)) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .arg(format!("ending::{name}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    read(Box::new(lines.filter_map(|line| match line {
        Ok(line) => match line.strip_prefix('@') {
            Some(line) => Some(Ok(line.to_owned())),
            None => {
                eprintln!("{line}");
                None
            }
        },
        Err(error) => Some(Err(error)),
    })));
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn nothing_survives_a_server_that_is_killed() {
    for name in ["a_server_with_daemons", "a_server_with_daemons_in_a_tree"] {
        nothing_survives(name);
    }
}

fn nothing_survives(name: &str) {
    alone(name, |mut lines| {
        let line = lines.next().unwrap().unwrap();
        let (server, sandboxed) = line.split_once(' ').unwrap();
        let pids: Vec<i32> = sandboxed
            .split(' ')
            .map(|pid| pid.parse().unwrap())
            .collect();
        assert!(pids.len() >= 6, "{pids:?}");
        let open =
            |pid: &i32| pidfd_open(Pid::from_raw(*pid).unwrap(), PidfdFlags::empty()).unwrap();
        let watched: Vec<_> = pids.iter().map(open).collect();
        let server = Pid::from_raw(server.parse().unwrap()).unwrap();
        rustix::process::kill_process(server, rustix::process::Signal::KILL).unwrap();
        for descriptor in &watched {
            let mut poll_one = [PollFd::from_borrowed_fd(descriptor.as_fd(), PollFlags::IN)];
            let limit = Timespec {
                tv_sec: 2,
                tv_nsec: 0,
            };
            assert_eq!(
                poll(&mut poll_one, Some(&limit)).unwrap(),
                1,
                "a process survived"
            );
        }
    });
}

#[tokio::test]
#[ignore = "run by nothing_survives_a_server_that_is_killed in a process of its own"]
async fn a_server_with_daemons() {
    serve_daemons(EngineChoice::Native).await;
}

#[tokio::test]
#[ignore = "run by nothing_survives_a_server_that_is_killed in a process of its own"]
async fn a_server_with_daemons_in_a_tree() {
    serve_daemons(EngineChoice::Landlock).await;
}

async fn serve_daemons(choice: EngineChoice) {
    let rig = Rig::of(choice).await;
    let sandbox = rig.sandbox().await;
    daemons(&*sandbox).await;
    let descendants = descendants_of(std::process::id());
    let list: Vec<_> = descendants.iter().map(u32::to_string).collect();
    report(&format!("{} {}", std::process::id(), list.join(" ")));
    // Until the other side kills this process.
    std::future::pending::<()>().await;
}

pub(crate) fn descendants_of(ancestor: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    found.split_off(1)
}
