//! The tiers without namespaces, and which tier is chosen where.

use std::fs;
use std::process::Command;

use sandbox::{
    Ending, EngineChoice, ExecRequest, NetworkMode, ProbeReport, SandboxError, StopReason, Tier,
    WorkspacePath,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use tempfile::TempDir;

use crate::ending::{DAEMONS, daemons, descendants_of};
use crate::rig::{Rig, config, out, sh};

async fn report_of(choice: EngineChoice) -> ProbeReport {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path());
    sandbox::select(choice, config).await.unwrap().report
}

#[tokio::test]
async fn the_landlock_tier_passes_its_self_test() {
    let report = report_of(EngineChoice::Landlock).await;
    assert_eq!(report.tier, Some(Tier::Landlock), "{report:#?}");
    assert!(report.probes.len() >= 60, "{}", report.probes.len());
    let mut names: Vec<_> = report.probes.iter().map(|probe| &probe.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), report.probes.len());
}

#[tokio::test]
async fn a_file_that_can_be_read_in_the_landlock_tier_refuses_it() {
    let directory = TempDir::new().unwrap();
    let mut config = config(directory.path());
    config.hidden_paths.push("/usr/bin/env".into());
    let selected = sandbox::select(EngineChoice::Landlock, config).await;
    let report = selected.unwrap().report;
    assert_eq!(report.tier, None);
    let failed: Vec<_> = report.failures().map(|probe| &probe.name).collect();
    assert_eq!(failed, ["hidden_files", "linked_file"]);
}

#[tokio::test]
async fn what_the_landlock_tier_cannot_hide_it_does_not_promise() {
    let directory = TempDir::new().unwrap();
    let mut config = config(directory.path());
    config.hide.push("/usr/bin/env".into());
    let selected = sandbox::select(EngineChoice::Landlock, config).await;
    let report = selected.unwrap().report;
    assert_eq!(report.tier, None);
    assert!(
        report
            .reason
            .unwrap()
            .contains("hidden by the tier `native`")
    );
}

/// In a process of its own, as if in a container whose engine refuses namespaces.
#[test]
fn where_namespaces_are_refused_the_landlock_tier_is_chosen() {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .arg("tiers::without_namespaces")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && text.contains("1 passed"),
        "{done:?}"
    );
}

/// Refuses `unshare` to this thread and all it starts.
fn refuse_namespaces() {
    let rules = [(libc::SYS_unshare, Vec::new())].into_iter().collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch).unwrap();
    let program = BpfProgram::try_from(filter).unwrap();
    apply_filter(&program).unwrap();
}

#[tokio::test]
#[ignore = "run by where_namespaces_are_refused_the_landlock_tier_is_chosen in a process of its own"]
async fn without_namespaces() {
    refuse_namespaces();
    let report = report_of(EngineChoice::Auto).await;
    assert_eq!(report.tier, Some(Tier::Landlock), "{report:#?}");
    let told = report.warnings.join("\n");
    assert!(told.contains("`unshare` failed"), "{told}");
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    assert_eq!(out(&*sandbox, "echo works").await, "works\n");
    sandbox.destroy().await.unwrap();
    // Who asks for the stronger tier does not get the weaker one.
    let directory = TempDir::new().unwrap();
    let config = config(directory.path());
    let selected = sandbox::select(EngineChoice::Native, config).await.unwrap();
    assert_eq!(selected.report.tier, None);
    let Err(SandboxError::Unavailable { reason, remedy }) = selected.engine else {
        panic!("the engine was not refused");
    };
    assert!(reason.contains("`unshare` failed"), "{reason}");
    assert!(!remedy.is_empty());
    assert!(rig.engine.create(rig.spec()).await.is_ok());
}

#[tokio::test]
async fn commands_run_in_the_workspace_by_its_path_on_the_host() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let sandbox = rig.sandbox().await;
    let path = sandbox.workspace_path().to_owned();
    assert_eq!(
        out(&*sandbox, "pwd; echo $WORKSPACE; echo $HOME").await,
        format!("{path}\n{path}\n{path}/.sigmic/home\n")
    );
    let script = "echo x > \"$TMPDIR/f\"; cat \"$WORKSPACE/.sigmic/tmp/f\"; cat <(echo piped); \
                  echo named > /dev/stdout; chmod +x .sigmic/tmp/f; mkdir -p a/b; touch a/b/c";
    assert_eq!(out(&*sandbox, script).await, "x\npiped\nnamed\n");
    let request = ExecRequest {
        cwd: WorkspacePath::parse("a/b").unwrap(),
        ..ExecRequest::shell("pwd; ls")
    };
    let result = sandbox.exec(request).await.unwrap();
    assert_eq!(result.output, format!("{path}/a/b\nc\n"));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn contract_230_a_landlock_task_cannot_read_files_of_another() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let theirs = rig.spec();
    let path = WorkspacePath::parse("secret.txt").unwrap();
    theirs.workspace.write(&path, b"of another task").unwrap();
    let host_path = theirs.workspace.host_path().join("secret.txt");
    let other = rig.engine.create(theirs).await.unwrap();
    assert_eq!(out(&*other, "cat secret.txt").await, "of another task");
    let own = rig.sandbox().await;
    let absolute = host_path.display();
    for attempt in [
        format!("cat {absolute}"),
        format!("cat /proc/self/root{absolute} /proc/1/root{absolute}"),
        format!("ln -s {absolute} link && cat link"),
        format!("ln {absolute} hard && cat hard"),
        "cat ../*/secret.txt; ls ..".to_owned(),
        format!("mv {absolute} here; cp {absolute} here; cat here"),
        format!("chmod 777 {absolute}; echo of me >> {absolute}; rm -f {absolute}"),
    ] {
        let result = sh(&*own, &attempt).await;
        assert!(
            !result.output.contains("of another task"),
            "{attempt}: {result:?}"
        );
        assert!(
            !result.output.contains("secret.txt\n"),
            "{attempt}: {result:?}"
        );
    }
    assert_eq!(fs::read_to_string(&host_path).unwrap(), "of another task");
    for sandbox in [own, other] {
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn contract_231_232_a_landlock_task_sees_and_signals_no_process_but_its_own() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let (other, own) = (rig.sandbox().await, rig.sandbox().await);
    out(&*other, "sleep 300 >/dev/null 2>&1 & echo started").await;
    let theirs = descendants_of(std::process::id());
    let pids: Vec<_> = theirs.iter().map(u32::to_string).collect();
    let script = format!(
        "ls /proc; for pid in {} {}; do cat /proc/$pid/cmdline /proc/$pid/environ /proc/$pid/status; done",
        std::process::id(),
        pids.join(" ")
    );
    let seen = sh(&*own, &script).await.output;
    for foreign in ["sleep", "CARGO", "Name:", "cpuinfo\n"] {
        assert!(!seen.contains(foreign), "{foreign}: {seen}");
    }
    out(&*own, "sleep 301 >/dev/null 2>&1 & echo $! > pid").await;
    assert_eq!(own.processes().await.unwrap(), 1);
    // Another command of the task may end what an earlier one left.
    out(&*own, "kill $(cat pid)").await;
    while own.processes().await.unwrap() > 0 {}
    // It signals everybody it may: itself, and at most its own sandbox.
    let result = own.exec(ExecRequest::shell("kill -9 -1")).await;
    assert!(matches!(result, Err(SandboxError::Gone)), "{result:?}");
    assert_eq!(other.processes().await.unwrap(), 1);
    for sandbox in [own, other] {
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn a_sandbox_whose_init_is_killed_from_inside_is_gone_with_all_it_had() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let sandbox = rig.sandbox().await;
    let path = sandbox.workspace_path().to_owned();
    let script = format!("{DAEMONS}; sleep 301 & kill -9 -1");
    let result = sandbox.exec(ExecRequest::shell(script)).await;
    assert!(matches!(result, Err(SandboxError::Gone)), "{result:?}");
    sandbox.destroy().await.unwrap();
    assert_eq!(living_at(&path), 0);
}

/// Processes that stand in a directory or below it.
fn living_at(path: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let places = entries.filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok());
    places.filter(|place| place.starts_with(path)).count()
}

#[tokio::test]
async fn the_landlock_tier_has_no_network_and_says_so() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let mut spec = rig.spec();
    spec.network = NetworkMode::Full;
    let sandbox = rig.engine.create(spec).await.unwrap();
    assert!(sandbox.shortfalls()[0].contains("without network"));
    let script = "env | grep -ci proxy; (exec 3<>/dev/tcp/127.0.0.1/22) 2>&1; \
                  (exec 3<>/dev/udp/8.8.8.8/53) 2>&1; true";
    let answer = out(&*sandbox, script).await;
    assert!(answer.starts_with("0\n"), "{answer}");
    assert_eq!(
        answer.matches("socket: Operation not permitted").count(),
        2,
        "{answer}"
    );
    let quiet = rig.sandbox().await;
    assert!(quiet.shortfalls().is_empty());
    for sandbox in [sandbox, quiet] {
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn contract_233_limits_hold_in_the_landlock_tier() {
    let rig = Rig::of_with(EngineChoice::Landlock, |config| {
        config.control_groups = sandbox::ControlGroupUse::Off;
    })
    .await;
    let mut spec = rig.spec();
    spec.limits.processes = 64;
    spec.limits.memory_bytes = 128 << 20;
    let sandbox = rig.engine.create(spec).await.unwrap();
    let bomb = ExecRequest {
        timeout_ms: 1_000,
        ..ExecRequest::shell("bomb() { bomb | bomb & }; bomb; sleep 60")
    };
    let mut most = 0;
    let counted = async {
        for _ in 0..20 {
            most = most.max(sandbox.processes().await.unwrap());
        }
    };
    let (result, ()) = tokio::join!(sandbox.exec(bomb), counted);
    let result = result.unwrap();
    let root = rustix::process::geteuid().is_root();
    // Where processes are counted with all others of the user, one that runs wild is ended.
    let killed = !root && (result.stopped, result.ending) == (None, Ending::Signaled(9));
    assert!(
        killed || result.stopped == Some(StopReason::TimedOut),
        "{result:?}"
    );
    let allowed = if root { 64 } else { 4_096 };
    assert!(most <= allowed, "{most} processes");
    assert_eq!(sandbox.processes().await.unwrap(), 0);
    let result = sh(&*sandbox, "x=0123456789abcdef; while :; do x=$x$x; done").await;
    assert_eq!(result.stopped, Some(StopReason::OutOfMemory), "{result:?}");
    assert_eq!(out(&*sandbox, "echo alive").await, "alive\n");
    daemons(&*sandbox).await;
    sandbox.kill_all().await.unwrap();
    assert_eq!(sandbox.processes().await.unwrap(), 0);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn without_isolation_commands_still_run_as_nobody_special_and_end() {
    let rig = Rig::of(EngineChoice::None).await;
    let mut spec = rig.spec();
    spec.network = NetworkMode::Full;
    let root = rustix::process::geteuid().is_root();
    let sandbox = rig.engine.create(spec).await.unwrap();
    let answer = out(&*sandbox, "id -u; env; ls /proc | grep -c '^[0-9]'; pwd").await;
    assert!(!answer.contains("CARGO_"), "{answer}");
    assert!(!answer.starts_with("0\n"), "{answer}");
    assert_eq!(answer.starts_with("19"), root, "{answer}");
    assert!(
        answer.ends_with(&format!("{}\n", sandbox.workspace_path())),
        "{answer}"
    );
    daemons(&*sandbox).await;
    sandbox.destroy().await.unwrap();
    assert_eq!(living_at(sandbox.workspace_path()), 0);
    // What it cannot hold, it refuses.
    let refused = rig.engine.create(rig.spec()).await;
    assert!(
        matches!(refused, Err(SandboxError::Unavailable { .. })),
        "{refused:?}"
    );
    let report = report_of(EngineChoice::None).await;
    assert_eq!(report.tier, Some(Tier::None));
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.contains("NO ISOLATION"))
    );
}

#[tokio::test]
async fn a_time_limit_ends_the_whole_tree_of_a_landlock_command() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let sandbox = rig.sandbox().await;
    out(&*sandbox, "sleep 300 >/dev/null 2>&1 & echo earlier").await;
    let request = ExecRequest {
        timeout_ms: 200,
        ..ExecRequest::shell(format!("{DAEMONS}; sleep 302"))
    };
    let result = sandbox.exec(request).await.unwrap();
    assert_eq!(result.stopped, Some(StopReason::TimedOut));
    assert_ne!(result.ending, Ending::Exited(0));
    assert_eq!(sandbox.processes().await.unwrap(), 1);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
#[expect(
    clippy::print_stderr,
    reason = "a skip must be visible with `--nocapture`"
)]
async fn what_developers_use_works_in_the_landlock_tier() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let sandbox = rig.sandbox().await;
    for (program, script, wanted) in [
        (
            "/usr/bin/python3",
            "/usr/bin/python3 -c 'import subprocess as s, tempfile as t, os; f = t.NamedTemporaryFile(); os.utime(f.name, (1, 2)); \
             print(s.check_output([\"echo\", \"3\"]).decode(), os.stat(f.name).st_mtime)'",
            "3\n 2.0\n",
        ),
        (
            "/usr/bin/node",
            "/usr/bin/node -e 'new (require(\"worker_threads\").Worker)(\"console.log(6*7)\", {eval: true})'",
            "42\n",
        ),
        (
            "/usr/bin/git",
            "/usr/bin/git init -q r && cd r && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --format=%s",
            "x\n",
        ),
        (
            "/usr/bin/gcc",
            "printf 'int main(){return 7;}' > a.c && gcc a.c -o a && ./a; echo $?",
            "7\n",
        ),
        (
            "/usr/bin/tar",
            "echo x > f; chmod 640 f; touch -d @1000000000 f; tar cf t.tar f; mkdir d; tar xf t.tar -C d; cp -p f d/g; ln -s f l; \
             touch -h -d @5 l; install -m 755 f d/h; stat -c '%a %Y' f d/f d/g; stat -c %a d/h; stat -c %Y l",
            "640 1000000000\n640 1000000000\n640 1000000000\n755\n5\n",
        ),
    ] {
        if std::path::Path::new(program).exists() {
            assert_eq!(out(&*sandbox, script).await, wanted, "{program}");
        } else {
            eprintln!("skipped: {program} is not installed");
        }
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn files_outside_keep_their_modes_and_times_however_they_are_named() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let sandbox = rig.sandbox().await;
    let file = rig.directory.path().join("of-the-server");
    fs::write(&file, "x").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&file, private).unwrap();
    let before = fs::metadata(&file).unwrap();
    let at = file.display();
    let script = format!(
        "ln -s {at} link; ln -s {} up; chmod 666 {at} link up/of-the-server ../of-the-server; touch -c {at} link; \
         cd ..; chmod 666 of-the-server; exec 5<.; chmod 666 /proc/self/fd/5/of-the-server; echo tried",
        rig.directory.path().display()
    );
    assert!(sh(&*sandbox, &script).await.output.ends_with("tried\n"));
    if std::path::Path::new("/usr/bin/python3").exists() {
        let script = format!(
            "/usr/bin/python3 -c 'import os, ctypes\n\
             c = ctypes.CDLL(None, use_errno=True)\n\
             fd = os.open(\"{at}\", os.O_PATH)\n\
             for path, flags in ((b\"\", 0x1000), (b\"/proc/self/fd/%d\" % fd, 0), (b\"/proc/thread-self/fd/%d\" % fd, 0)):\n\
             \x20 print(c.syscall(452, fd, path, 0o666, flags), c.fchmodat(fd, path, 0o666, 0), c.utimensat(fd, None, None, 0))\n'"
        );
        let answer = sh(&*sandbox, &script).await.output;
        assert!(!answer.contains('0') && answer.contains("-1"), "{answer}");
    }
    let after = fs::metadata(&file).unwrap();
    assert_eq!(after.permissions(), before.permissions());
    assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    sandbox.destroy().await.unwrap();
}

/// What Landlock does not know, and a common user does not keep apart.
#[tokio::test]
async fn commands_change_and_watch_nobody_else_of_their_user() {
    let rig = Rig::of(EngineChoice::Landlock).await;
    let sandbox = rig.sandbox().await;
    let script = format!(
        "/usr/bin/python3 -c 'import os, resource, ctypes\n\
         c = ctypes.CDLL(None)\n\
         pid = {}\n\
         def tried(what):\n\
         \x20 try: print(what())\n\
         \x20 except PermissionError: print(-1)\n\
         tried(lambda: resource.prlimit(pid, resource.RLIMIT_CORE))\n\
         tried(lambda: os.sched_setaffinity(pid, os.sched_getaffinity(0)))\n\
         tried(lambda: os.setpriority(os.PRIO_PROCESS, pid, 0))\n\
         os.sched_setaffinity(0, os.sched_getaffinity(0))\n\
         os.setpriority(os.PRIO_PROCESS, 0, 19)\n\
         resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n\
         print(\"own\")\n\
         if os.getuid() == {}:\n\
         \x20 tried(lambda: os.setpriority(os.PRIO_USER, 0, 19))\n\
         \x20 tried(lambda: c.inotify_init1(0))\n\
         \x20 tried(lambda: os.fchmod(os.memfd_create(\"x\"), 0))\n\
         \x20 os.fchmod(os.open(\"f\", os.O_CREAT | os.O_RDWR), 0o640)\n\
         \x20 print(oct(os.stat(\"f\").st_mode))\n'",
        std::process::id(),
        rustix::process::getuid().as_raw(),
    );
    let mut wanted = "-1\n-1\n-1\nown\n".to_owned();
    if !rustix::process::getuid().is_root() {
        wanted.push_str("-1\n-1\n-1\n0o100640\n");
    }
    assert_eq!(sh(&*sandbox, &script).await.output, wanted);
    sandbox.destroy().await.unwrap();
}
