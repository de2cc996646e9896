//! What a task's commands can and cannot do, seen through the API: the model is scripted to run
//! them, and the host is looked at.

use serde_json::json;
use testkit::{Reply, Script, TestServer};

use crate::support::{message, settled};

/// A model that runs the command of its last message, then stops.
fn obedient() -> Script {
    Script::respond(|request| {
        let answered = request
            .messages()
            .last()
            .is_some_and(|last| last["role"] == "tool");
        if answered {
            Reply::say("done")
        } else {
            Reply::call(
                "run_shell_command",
                json!({"command": request.last_user_text()}),
            )
        }
    })
}

/// Runs a command as a task; answers the task's id and what the command printed.
async fn run(server: &TestServer, command: &str) -> (String, String) {
    let id = server.api.create(&message(command)).await;
    let task = server.api.finished(&id).await;
    let output = task["output"]["toolCalls"][0]["output"]
        .as_str()
        .unwrap()
        .to_owned();
    (id, output)
}

#[tokio::test]
async fn contract_230_a_task_cannot_read_anothers_files() {
    let server = TestServer::start(obedient()).await;
    let (other, _) = run(&server, "echo very-private > secret.txt; cat secret.txt").await;
    let host = server
        .directory
        .path()
        .join("workspaces")
        .join(&other)
        .join("secret.txt");
    assert!(host.exists());
    let path = host.display();
    let workspaces = server
        .directory
        .path()
        .join("workspaces")
        .display()
        .to_string();
    let attempts = format!(
        "cat {path}; ls {workspaces}; ls /workspace/..; cat /proc/1/root{path}; ln -s {path} link; cat link; \
         cat /workspace/../{other}/secret.txt; find / -name secret.txt 2>/dev/null; grep -r very-private / --include=secret.txt 2>/dev/null"
    );
    let (_, output) = run(&server, &attempts).await;
    assert!(!output.contains("very-private"), "{output}");
}

#[tokio::test]
async fn contract_230_file_tools_follow_no_link_to_the_outside() {
    let read = |path: &str| Reply::call("read_file", json!({"file_path": path}));
    let server = TestServer::start([
        Reply::call(
            "run_shell_command",
            json!({"command": "ln -s /etc/passwd file; ln -s /etc dir; ln -s / root"}),
        ),
        read("file"),
        read("dir/passwd"),
        read("root/etc/passwd"),
        read("../../etc/passwd"),
        read("/etc/passwd"),
        Reply::call(
            "write_file",
            json!({"file_path": "dir/evil", "content": "x"}),
        ),
        Reply::call("list_directory", json!({"dir_path": "root"})),
        Reply::say("ok"),
    ])
    .await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    let calls = task["output"]["toolCalls"].as_array().unwrap();
    assert_eq!(calls.len(), 8);
    for call in &calls[1..] {
        assert_eq!(call["status"], "error", "{call}");
        assert!(
            !call["output"].as_str().unwrap().contains("root:"),
            "{call}"
        );
    }
    assert!(!std::path::Path::new("/etc/evil").exists());
}

#[tokio::test]
async fn contract_231_a_task_sees_and_signals_its_own_processes_only() {
    let server = TestServer::start(obedient()).await;
    let pid = std::process::id();
    let (_, output) = run(
        &server,
        &format!("ls /proc | grep -c '^[0-9]'; kill -9 {pid} 2>&1; kill -9 -1; echo end"),
    )
    .await;
    let count: usize = output.lines().next().unwrap().parse().unwrap();
    assert!(count < 12, "{output}");
    // This process still answers.
    assert_eq!(server.api.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn contract_232_a_task_cannot_read_the_servers_environment_or_data() {
    let server = TestServer::start(obedient()).await;
    let data = server.directory.path().join("data").display().to_string();
    let (_, output) = run(
        &server,
        &format!("env; cat /proc/1/environ; ls {data}; cat {data}/*; cat /etc/shadow; ls -la /proc/1/fd /proc/1/cwd"),
    )
    .await;
    for foreign in ["CARGO", "SQLite format 3", "root:*", "root:$", "events"] {
        assert!(!output.contains(foreign), "{foreign}: {output}");
    }
    let names: Vec<&str> = output
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name))
        .collect();
    assert!(names.contains(&"PATH"), "{output}");
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("SIGMIC") || name.ends_with("_KEY")),
        "{names:?}"
    );
}

#[tokio::test]
async fn contract_234_without_a_network_nothing_goes_out() {
    let server = TestServer::start(obedient()).await;
    let port = server.address.port();
    let probe = format!(
        "(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>&1 && echo reached-server; \
         (exec 3<>/dev/tcp/169.254.169.254/80) 2>&1 && echo reached-metadata; \
         env | grep -i proxy; cat /proc/net/dev | grep -c ':'"
    );
    let (_, output) = run(&server, &probe).await;
    assert!(!output.contains("reached"), "{output}");
    assert_eq!(
        output.lines().last(),
        Some("1"),
        "only the loopback device: {output}"
    );
}

#[tokio::test]
async fn contract_236_a_task_that_takes_too_long_fails_and_leaves_no_process() {
    let server = TestServer::builder().script(obedient()).start().await;
    let body = json!({"message": "echo up > up; sleep 1000", "timeoutMs": 1_500});
    let id = server.api.create(&body).await;
    let events = server.api.events(&id).await;
    assert_eq!(events.last().unwrap().data["code"], "TIME_LIMIT");
    let task = server.api.task(&id).await;
    assert_eq!(task["status"], "failed");
    assert!(task["error"].as_str().unwrap().contains("1500 ms"));
    let workspace = server.directory.path().join("workspaces").join(&id);
    assert!(workspace.join("up").exists(), "the command ran");
    assert_eq!(crate::support::processes_at(&workspace), 0);
}

#[tokio::test]
async fn a_background_process_lives_on_between_calls_and_runs_until_a_cancel() {
    let shell = |command: &str| Reply::call("run_shell_command", json!({"command": command}));
    let server = TestServer::start([
        shell("(while :; do date +%s%N > beat; read -t 0.01 x < <(:); done) & echo started"),
        shell("a=$(cat beat); while [ \"$(cat beat)\" = \"$a\" ]; do :; done; echo alive"),
        Reply::say("one"),
        shell("a=$(cat beat); while [ \"$(cat beat)\" = \"$a\" ]; do :; done; echo alive"),
        shell("sleep 1000"),
    ])
    .await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    assert!(
        task["output"]["toolCalls"][1]["output"]
            .as_str()
            .unwrap()
            .contains("alive")
    );
    server.api.follow_up(&id, &message("more")).await.data();
    let mut events = server.api.stream(&id).await;
    assert!(
        events.until("tool_result").await.data["output"]
            .as_str()
            .unwrap()
            .contains("alive")
    );
    server
        .api
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    let workspace = server.directory.path().join("workspaces").join(&id);
    assert_eq!(crate::support::processes_at(&workspace), 0);
}

#[tokio::test]
async fn two_hundred_tasks_with_commands_leave_nothing() {
    let server = TestServer::start(obedient()).await;
    run(&server, "true").await;
    let before = traces();
    for _ in 0..10 {
        let tasks = (0..20).map(|_| run(&server, "echo hi; (setsid true &)"));
        futures_util::future::join_all(tasks).await;
    }
    settled(&server).await;
    let after = traces();
    // Other tests of this process come and go; two hundred leaks would show.
    for (what, before, after) in [
        ("processes", before.0, after.0),
        ("mounts", before.1, after.1),
        ("descriptors", before.2, after.2),
    ] {
        assert!(after < before + 100, "{what}: {before} → {after}");
    }
}

/// Children of this process, mounts, descriptors.
fn traces() -> (usize, usize, usize) {
    let own = std::process::id();
    let children = crate::support::pids()
        .filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
                stat.rsplit(')')
                    .next()
                    .unwrap_or_default()
                    .split(' ')
                    .nth(2)
                    == Some(&own.to_string())
            })
        })
        .count();
    let mounts = std::fs::read_to_string("/proc/self/mounts")
        .unwrap()
        .lines()
        .count();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (children, mounts, descriptors)
}

#[tokio::test]
async fn contract_153_a_large_output_is_cut_for_clients_and_more_for_the_model() {
    let server = TestServer::start(obedient()).await;
    let command = "printf first; head -c 5000000 /dev/zero | tr '\\0' x; printf last";
    let id = server.api.create(&message(command)).await;
    let events = server.api.events(&id).await;
    let result = events
        .iter()
        .find(|event| event.name == "tool_result")
        .unwrap();
    let shown = result.data["output"].as_str().unwrap();
    // What the line says that stands for the rest, and where the whole is.
    let note = 256;
    assert!(shown.starts_with("firstx") && shown.contains("xlast"));
    assert!(shown.contains("bytes left out"));
    assert!(
        (model::WIRE_OUTPUT_BYTES..model::WIRE_OUTPUT_BYTES + note).contains(&shown.len()),
        "{} bytes",
        shown.len()
    );
    let history = server.api.get(&format!("/api/v1/tasks/{id}/history")).await;
    assert_eq!(
        history.data()["messages"][1]["toolCalls"][0]["output"],
        shown
    );
    let told = &server.model().requests()[1].tool_outputs()[0];
    assert!(told.starts_with("firstx") && told.contains("xlast"));
    assert!(
        (model::MODEL_OUTPUT_BYTES..model::MODEL_OUTPUT_BYTES + note).contains(&told.len()),
        "{} bytes",
        told.len()
    );
}

#[tokio::test]
async fn a_network_that_cannot_be_given_is_told_once_a_session() {
    let shell = |command: &str| Reply::call("run_shell_command", json!({"command": command}));
    let server = TestServer::builder()
        .engine_choice(sandbox::EngineChoice::Landlock)
        .network(sandbox::NetworkMode::Full)
        .script([
            shell("ls /workspace; echo made > here; cat \"$WORKSPACE/here\""),
            shell("cat here"),
            Reply::say("one"),
            shell("(exec 3<>/dev/tcp/127.0.0.1/22) 2>&1; cat here"),
            Reply::say("two"),
        ])
        .start()
        .await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    let output = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
    assert!(output.contains("\nmade\n"), "{output}");
    // A model that uses the path it was told is told the other one.
    assert!(output.contains("$WORKSPACE"), "{output}");
    server.api.follow_up(&id, &message("more")).await.data();
    let task = server.api.finished(&id).await;
    let output = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
    assert!(
        output.contains("not permitted") && output.ends_with("made\n"),
        "{output}"
    );
    let rows = server
        .store
        .unscoped_list_rows(id.parse().unwrap(), model::Seq(0))
        .await;
    let told = rows.unwrap().into_iter().filter(|row| {
        matches!(&row.event, model::JournalEvent::Notice { message, .. } if message.contains("without network"))
    });
    assert_eq!(told.count(), 1);
}
