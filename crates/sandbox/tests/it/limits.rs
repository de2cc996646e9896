//! Limits: what a command cannot use up.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sandbox::{
    ControlGroupUse, Ending, EngineChoice, ExecRequest, Limits, SandboxError, SpawnRequest,
    StopReason, WorkspacePath,
};

use crate::ending::daemons;
use crate::rig::{Rig, out, sh};

#[tokio::test(flavor = "multi_thread")]
async fn contract_233_a_fork_bomb_is_bounded_and_hurts_nobody_else() {
    let rig = Rig::new().await;
    let mut spec = rig.spec();
    spec.limits.processes = 64;
    let bombed = rig.engine.create(spec).await.unwrap();
    let other = rig.sandbox().await;
    let bomb = ExecRequest {
        timeout_ms: 1_500,
        ..ExecRequest::shell("bomb() { bomb | bomb & }; bomb; sleep 60")
    };
    let neighbour = async {
        let mut slowest = Duration::ZERO;
        let mut most = 0;
        for _ in 0..20 {
            let started = Instant::now();
            assert_eq!(out(&*other, "echo fine").await, "fine\n");
            slowest = slowest.max(started.elapsed());
            most = most.max(bombed.processes().await.unwrap());
        }
        (slowest, most)
    };
    let (result, (slowest, most)) = tokio::join!(bombed.exec(bomb), neighbour);
    assert_eq!(result.unwrap().stopped, Some(StopReason::TimedOut));
    assert!(most <= 64, "{most} processes");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert_eq!(bombed.processes().await.unwrap(), 0);
    assert_eq!(out(&*bombed, "echo works again").await, "works again\n");
    for sandbox in [bombed, other] {
        sandbox.destroy().await.unwrap();
    }
}

/// A directory of the machine's real tree of version 2, removed when dropped.
struct Tree(PathBuf);

impl Tree {
    /// Absent where there is no such tree, or we may not use it.
    fn of_this_machine() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let mount = mounts.lines().find_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[2] == "cgroup2").then(|| words[1].to_owned())
        })?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let name = format!("sigmic-test-{}", std::process::id());
        let path = PathBuf::from(mount).join(own).join(name);
        fs::create_dir(&path).ok().map(|()| Self(path))
    }

    /// The groups of sandboxes in it.
    fn groups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().flatten();
        let groups = entries.map(|entry| entry.path());
        groups.filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[expect(clippy::print_stderr, reason = "what is left out is said")]
#[tokio::test]
async fn commands_have_a_leaf_of_their_own_in_a_tree_of_version_two() {
    let Some(tree) = Tree::of_this_machine() else {
        eprintln!("left out: there is no tree of version 2 that may be used");
        return;
    };
    for choice in [EngineChoice::Native, EngineChoice::Landlock] {
        let below = ControlGroupUse::Below(tree.0.clone());
        let rig = Rig::of_with(choice, |config| config.control_groups = below).await;
        let mut spec = rig.spec();
        spec.limits.memory_bytes = 128 << 20;
        let sandbox = rig.engine.create(spec).await.unwrap();
        daemons(&*sandbox).await;
        let groups = tree.groups();
        assert_eq!(groups.len(), 1, "{groups:?}");
        let members = |leaf: &str| {
            let file = groups[0].join(leaf).join("cgroup.procs");
            fs::read_to_string(file).unwrap().lines().count()
        };
        assert!(members("commands") >= 4, "{choice:?}");
        assert!(members("own") >= 2, "{choice:?}");
        // Without the controller of memory, somebody else holds it.
        let hog = "x=0123456789abcdef; while :; do x=$x$x; done";
        assert_eq!(
            sh(&*sandbox, hog).await.stopped,
            Some(StopReason::OutOfMemory)
        );
        sandbox.destroy().await.unwrap();
        assert_eq!(tree.groups(), Vec::<PathBuf>::new(), "{choice:?}");
    }
}

async fn memory_bomb(groups: ControlGroupUse) {
    let rig = Rig::with(|config| config.control_groups = groups).await;
    let mut spec = rig.spec();
    spec.limits.memory_bytes = 128 << 20;
    let sandbox = rig.engine.create(spec).await.unwrap();
    // The shell doubles a string until it is ended.
    let result = sh(&*sandbox, "x=0123456789abcdef; while :; do x=$x$x; done").await;
    assert_eq!(result.stopped, Some(StopReason::OutOfMemory), "{result:?}");
    assert_eq!(result.ending, Ending::Signaled(9));
    assert_eq!(out(&*sandbox, "echo alive").await, "alive\n");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_memory_bomb_is_ended_by_the_control_group_where_there_is_one() {
    memory_bomb(ControlGroupUse::WhereAvailable).await;
}

#[tokio::test]
async fn a_memory_bomb_is_ended_by_the_watchdog() {
    memory_bomb(ControlGroupUse::Off).await;
}

#[tokio::test]
async fn a_time_limit_ends_the_whole_tree_and_nothing_else() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    out(&*sandbox, "sleep 300 >/dev/null 2>&1 & echo earlier").await;
    let stubborn = "trap '' TERM; (setsid sh -c \"trap '' TERM; sleep 300\" &); \
                    sh -c 'sleep 300 & sleep 300' & echo begun; while :; do sleep 300; done";
    let request = ExecRequest {
        timeout_ms: 200,
        ..ExecRequest::shell(stubborn)
    };
    let result = sandbox.exec(request).await.unwrap();
    assert_eq!(result.stopped, Some(StopReason::TimedOut));
    assert_eq!(result.output, "begun\n");
    // What an earlier command left in the background is none of this one's.
    assert_eq!(sandbox.processes().await.unwrap(), 1);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn contract_233_endless_output_is_cut_kept_and_counted() {
    let rig = Rig::new().await;
    let spec = rig.spec();
    let workspace = spec.workspace.try_clone().unwrap();
    let sandbox = rig.engine.create(spec).await.unwrap();
    let request = ExecRequest {
        output_id: Some("call-7".to_owned()),
        ..ExecRequest::shell("echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo last")
    };
    let result = sandbox.exec(request).await.unwrap();
    assert_eq!(result.output_bytes, 100_000_000 + 11);
    assert!(result.output.len() < 129 * 1024);
    assert!(result.output.starts_with("first\nxxx") && result.output.ends_with("xlast\n"));
    assert!(result.output.contains("bytes left out"));
    let saved = result.saved.unwrap();
    assert_eq!(saved.to_string(), "/workspace/.sigmic/outputs/call-7.txt");
    assert_eq!(workspace.stat(&saved).unwrap().size_bytes, 8 << 20);
    assert_eq!(
        out(&*sandbox, "head -c 8 .sigmic/outputs/call-7.txt").await,
        "first\nxx"
    );
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_small_output_is_not_kept_and_broken_text_is_replaced() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let request = ExecRequest {
        output_id: Some("small".to_owned()),
        ..ExecRequest::shell("printf 'a\\377b\\0c'; printf err >&2; printf out")
    };
    let result = sandbox.exec(request).await.unwrap();
    assert_eq!(result.output, "a\u{FFFD}b\0cerrout");
    assert_eq!(result.saved, None);
    assert_eq!(out(&*sandbox, "ls -A .sigmic/outputs").await, "");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn contract_233_a_full_disk_stops_the_command() {
    let rig = Rig::new().await;
    let mut spec = rig.spec();
    spec.limits = Limits {
        workspace_bytes: 20 << 20,
        file_bytes: 8 << 20,
        tmp_bytes: 4 << 20,
        ..spec.limits
    };
    let sandbox = rig.engine.create(spec).await.unwrap();
    let one = sh(&*sandbox, "head -c 30000000 /dev/zero > one; wc -c < one").await;
    assert!(one.output.ends_with("8388608\n"), "{one:?}");
    let tmp = sh(
        &*sandbox,
        "head -c 30000000 /dev/zero > /tmp/x; wc -c < /tmp/x",
    )
    .await;
    assert!(tmp.output.ends_with("4194304\n"), "{tmp:?}");
    let script = "i=0; while :; do i=$((i+1)); head -c 4000000 /dev/zero > f$i; sleep 0.05; done";
    let many = sh(&*sandbox, script).await;
    assert_eq!(many.stopped, Some(StopReason::WorkspaceFull));
    // Room can be made, and many short commands are no way around the limit.
    assert_eq!(
        out(&*sandbox, "sleep 2.1; rm f*; echo removed").await,
        "removed\n"
    );
    let mut short = 0;
    let stopped = loop {
        let result = sh(
            &*sandbox,
            &format!("head -c 4000000 /dev/zero > s{short}; sleep 0.2"),
        )
        .await;
        short += 1;
        if result.stopped.is_some() || short > 100 {
            break result.stopped;
        }
    };
    assert_eq!(stopped, Some(StopReason::WorkspaceFull));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn what_fills_the_workspace_in_the_background_is_ended_too() {
    let rig = Rig::new().await;
    let endless = "i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero > f$i; sleep 0.02; done";
    // As a command leaves it behind.
    let left = endless.replace("f$", "g$");
    let daemon = format!("(setsid sh -c '{left}' >/dev/null 2>&1 &); echo begun");
    // With nobody who waits for a command, and with commands that do not write.
    for busy in [false, true] {
        let mut spec = rig.spec();
        spec.limits.workspace_bytes = 20 << 20;
        let sandbox = rig.engine.create(spec).await.unwrap();
        let request = SpawnRequest {
            argv: ["sh", "-c", endless].map(str::to_owned).into(),
            cwd: WorkspacePath::ROOT,
            env: Vec::new(),
        };
        let mut process = sandbox.spawn(request).await.unwrap();
        assert_eq!(out(&*sandbox, &daemon).await, "begun\n");
        let innocent = async {
            if !busy {
                std::future::pending::<()>().await;
            }
            loop {
                sh(&*sandbox, "sleep 301").await;
            }
        };
        let ended = tokio::select! {
            ended = process.handle.wait() => ended,
            never = innocent => never,
        };
        let full = matches!(ended, Err(SandboxError::WorkspaceFull));
        assert!(full, "{ended:?}");
        assert_eq!(out(&*sandbox, "rm f* g*; echo room").await, "room\n");
        assert_eq!(sandbox.processes().await.unwrap(), 0);
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn requests_that_cannot_be_are_refused_in_words() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let missing = ExecRequest {
        argv: vec!["no-such-program".to_owned()],
        ..ExecRequest::shell("")
    };
    let error = sandbox.exec(missing).await.unwrap_err();
    assert!(
        matches!(&error, SandboxError::CannotRun { step, source }
            if step == "execute" && source.raw_os_error() == Some(2)),
        "{error:?}"
    );
    let nowhere = ExecRequest {
        cwd: WorkspacePath::parse("nowhere").unwrap(),
        ..ExecRequest::shell("pwd")
    };
    assert!(matches!(
        sandbox.exec(nowhere).await.unwrap_err(),
        SandboxError::CannotRun { step, .. } if step == "change the directory"
    ));
    let large = ExecRequest {
        env: vec![("X".to_owned(), "x".repeat(500_000).as_str().into())],
        ..ExecRequest::shell("true")
    };
    assert!(matches!(
        sandbox.exec(large).await.unwrap_err(),
        SandboxError::TooLarge { .. }
    ));
    let forever = ExecRequest {
        timeout_ms: 600_001,
        ..ExecRequest::shell("true")
    };
    assert!(matches!(
        sandbox.exec(forever).await.unwrap_err(),
        SandboxError::Invalid(_)
    ));
    for (argv, name) in [
        (vec![], "A"),
        (vec!["a\0b"], "A"),
        (vec!["true"], "A=B"),
        (vec!["true"], ""),
    ] {
        let request = ExecRequest {
            argv: argv.into_iter().map(str::to_owned).collect(),
            env: vec![(name.to_owned(), "x".into())],
            ..ExecRequest::shell("true")
        };
        let error = sandbox.exec(request).await.unwrap_err();
        assert!(matches!(error, SandboxError::Invalid(_)), "{error:?}");
    }
    assert_eq!(out(&*sandbox, "echo fine").await, "fine\n");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_large_environment_fits() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let just_fits = ExecRequest {
        env: ["A", "B", "C"]
            .map(|name| (name.to_owned(), "x".repeat(100_000).as_str().into()))
            .to_vec(),
        ..ExecRequest::shell("echo ${#A} ${#C}")
    };
    assert_eq!(
        sandbox.exec(just_fits).await.unwrap().output,
        "100000 100000\n"
    );
    sandbox.destroy().await.unwrap();
}
