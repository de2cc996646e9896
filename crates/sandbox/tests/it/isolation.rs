//! What one task can do to another and to the server.

use std::fs;

use sandbox::{ExecRequest, SecretText, WorkspacePath};

use crate::rig::{Rig, out, sh};

#[tokio::test]
async fn contract_230_a_task_cannot_read_files_of_another() {
    let rig = Rig::new().await;
    let mut theirs = rig.spec();
    let path = WorkspacePath::parse("secret.txt").unwrap();
    theirs.workspace.write(&path, b"of another task").unwrap();
    let host_path = theirs.workspace.host_path().join("secret.txt");
    theirs.label = "other".to_owned();
    let other = rig.engine.create(theirs).await.unwrap();
    assert_eq!(out(&*other, "cat secret.txt").await, "of another task");
    let own = rig.sandbox().await;
    let absolute = host_path.display();
    for attempt in [
        format!("cat {absolute}"),
        format!("cat /proc/1/root{absolute}"),
        format!("cat /proc/1/cwd/secret.txt /proc/$PPID/root{absolute}"),
        format!("cat /workspace/../..{absolute}"),
        format!("ln -s {absolute} link && cat link"),
        format!("ln {absolute} hard && cat hard"),
        "cat /workspace/../*/secret.txt /proc/*/root/workspace/secret.txt".to_owned(),
        "cat /proc/self/fd/*/../secret.txt; cat /dev/fd/*/secret.txt".to_owned(),
    ] {
        let result = sh(&*own, &attempt).await;
        assert!(
            !result.output.contains("of another task"),
            "{attempt}: {result:?}"
        );
    }
    // Nor through the server, with a link left in the workspace.
    let server =
        sandbox::Workspace::open(host_path.parent().unwrap(), rig.engine.workspace_owner(0));
    assert!(server.is_ok());
    for sandbox in [own, other] {
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn contract_231_a_task_cannot_see_or_signal_processes_of_another() {
    let rig = Rig::new().await;
    let (other, own) = (rig.sandbox().await, rig.sandbox().await);
    out(&*other, "sleep 300 >/dev/null 2>&1 & echo started").await;
    assert_eq!(other.processes().await.unwrap(), 1);
    let seen = out(&*own, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").await;
    assert!(!seen.contains("sleep"), "{seen}");
    // Every process it can name is signalled, even those it cannot see.
    sh(
        &*own,
        "kill -9 -1; for pid in $(seq 2 400); do kill -9 $pid; done 2>/dev/null",
    )
    .await;
    sh(
        &*own,
        "for pid in $(seq 2 400); do kill -9 $pid; done 2>/dev/null; true",
    )
    .await;
    assert_eq!(other.processes().await.unwrap(), 1);
    assert_eq!(out(&*own, "echo still here").await, "still here\n");
    for sandbox in [own, other] {
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn contract_232_a_command_cannot_read_environment_database_or_key_of_the_server() {
    let rig = Rig::new().await;
    let (key, database) = (
        rig.directory.path().join("master.key"),
        rig.directory.path().join("sigmic.db"),
    );
    fs::write(&key, "the master key").unwrap();
    fs::write(&database, "the database").unwrap();
    let sandbox = rig.sandbox().await;
    let script = format!(
        "cat {0} {1} /proc/1/root{0} /proc/1/environ /proc/1/fd/* /proc/*/environ; ls -l \
         /proc/1/fd; env; cat /proc/{2}/environ",
        key.display(),
        database.display(),
        std::process::id()
    );
    let result = sh(&*sandbox, &script).await;
    assert!(!result.output.contains("the master key"));
    assert!(!result.output.contains("the database"));
    // Cargo sets this one for the test, whose environment is the server's here.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    assert!(!result.output.contains("CARGO_"), "{}", result.output);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_secret_is_in_its_own_command_only() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    let value = "s3cret-value-of-this-test";
    let with_secret = |script: &str| ExecRequest {
        env: vec![("TOKEN".to_owned(), SecretText::new(value))],
        ..ExecRequest::shell(script)
    };
    let seen = sandbox.exec(with_secret("echo $TOKEN")).await.unwrap();
    assert_eq!(seen.output, format!("{value}\n"));
    assert!(!format!("{:?}", with_secret("x")).contains(value));
    let later = sh(&*sandbox, "env; cat /proc/*/environ /proc/*/cmdline").await;
    assert!(!later.output.contains(value));
    // Neither the command lines nor the readable environments of the host show it meanwhile.
    let running = with_secret("sleep 0.3");
    let (done, found) = tokio::join!(sandbox.exec(running), find_on_host(value));
    done.unwrap();
    assert_eq!(found, Vec::<String>::new());
    sandbox.destroy().await.unwrap();
}

/// Command lines of the host's processes, and the environment of this one, that hold `value`.
async fn find_on_host(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(value) {
            found.push(String::from_utf8_lossy(&command).into_owned());
        }
        tokio::task::yield_now().await;
    }
    found
}

#[tokio::test]
async fn the_system_is_read_only_and_new_places_are_private() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    for place in [
        "/",
        "/usr",
        "/usr/bin",
        "/etc",
        "/dev",
        "/var",
        "/proc/sys/kernel",
    ] {
        let result = sh(&*sandbox, &format!("echo x > {place}/sigmic-test")).await;
        assert_ne!(result.ending, sandbox::Ending::Exited(0), "{place}");
    }
    out(
        &*sandbox,
        "touch /tmp/sigmic-private /dev/shm/sigmic-private",
    )
    .await;
    assert!(!std::path::Path::new("/tmp/sigmic-private").exists());
    assert!(!std::path::Path::new("/dev/shm/sigmic-private").exists());
    let other = rig.sandbox().await;
    assert_eq!(
        out(&*other, "ls -A /tmp /dev/shm | grep -c sigmic || true").await,
        "0\n"
    );
    for sandbox in [sandbox, other] {
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn the_operator_can_share_and_hide_paths() {
    let shared = tempfile::TempDir::new_in("/var/tmp").unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(shared.path(), everybody).unwrap();
    fs::create_dir(shared.path().join("private")).unwrap();
    fs::write(shared.path().join("private/key"), "shown").unwrap();
    fs::write(shared.path().join("open"), "shown").unwrap();
    fs::write(shared.path().join("closed"), "shown").unwrap();
    let at = shared.path().to_owned();
    let rig = Rig::with(|config| {
        config.read_only = vec![at.clone()];
        config.hide = vec![at.join("private"), at.join("closed"), at.join("missing")];
    })
    .await;
    let sandbox = rig.sandbox().await;
    let script = |name: &str| format!("cat {}/{name}; true", at.display());
    assert_eq!(out(&*sandbox, &script("open")).await, "shown");
    assert_eq!(out(&*sandbox, &script("closed")).await, "");
    assert!(
        !out(&*sandbox, &script("private/key"))
            .await
            .contains("shown")
    );
    let write = sh(&*sandbox, &format!("echo x > {}/open", at.display())).await;
    assert_ne!(write.ending, sandbox::Ending::Exited(0));
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
#[expect(
    clippy::print_stderr,
    reason = "a skip must be visible with `--nocapture`"
)]
async fn what_developers_use_works_inside() {
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    for (program, script, wanted) in [
        (
            "/usr/bin/python3",
            "/usr/bin/python3 -c 'import multiprocessing as m; print(sum(m.Pool(2).map(abs, [-1, 2])))'",
            "3\n",
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
            "/usr/bin/bash",
            "bash -c 'cat <(echo from a pipe)'",
            "from a pipe\n",
        ),
        ("/usr/bin/bash", "echo by name > /dev/stdout", "by name\n"),
        (
            "/usr/bin/gcc",
            "printf 'int main(){return 7;}' > a.c && gcc a.c -o a && ./a; echo $?",
            "7\n",
        ),
        ("/usr/bin/bash", "cat; echo end of input", "end of input\n"),
    ] {
        if std::path::Path::new(program).exists() {
            assert_eq!(out(&*sandbox, script).await, wanted, "{program}");
        } else {
            eprintln!("skipped: {program} is not installed");
        }
    }
    sandbox.destroy().await.unwrap();
}
