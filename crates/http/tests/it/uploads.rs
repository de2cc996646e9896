//! Files that come with a task or a message.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use testkit::{Gate, Reply, TestServer, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    artifacts, eventually, form, message, nothing_staged, peak_kib, post_form, tell_growth,
};

const PATH: &str = "/api/v1/tasks";
const MB: usize = 1024 * 1024;

/// A server whose model says little, often enough.
async fn plain() -> TestServer {
    TestServer::start(vec![Reply::say("ok"); 8]).await
}

/// Creates a task with files; answers its id when its run has ended.
async fn created(server: &TestServer, form: reqwest::multipart::Form) -> String {
    let data = post_form(&server.api, PATH, form).await.data();
    assert_eq!(data["status"], "pending");
    let id = data["id"].as_str().unwrap().to_owned();
    server.api.finished(&id).await;
    id
}

/// A body written byte by byte, which no client library would make.
async fn raw(server: &TestServer, body: impl Into<Vec<u8>>) -> testkit::Answer {
    let request = server.api.request(Method::POST, PATH);
    let request = request.header("content-type", "multipart/form-data; boundary=B");
    send(request.body(body.into())).await
}

/// Nothing of a refused request is left anywhere.
async fn nothing_is_left(server: &TestServer) {
    eventually("the staging directory is empty", || nothing_staged(server)).await;
    let workspaces = server.directory.path().join("workspaces");
    assert_eq!(std::fs::read_dir(workspaces).unwrap().count(), 0);
    let list = server.api.get(PATH).await.json();
    assert_eq!(list["pagination"]["total"], 0);
}

async fn refused(server: &TestServer, form: reqwest::multipart::Form) {
    let answer = post_form(&server.api, PATH, form).await;
    assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
    nothing_is_left(server).await;
}

fn names(files: &[(String, u64)]) -> Vec<&str> {
    files.iter().map(|(path, _)| path.as_str()).collect()
}

#[tokio::test]
async fn contract_009_077_a_file_is_in_uploads_and_the_model_is_told() {
    let server = plain().await;
    let form = form("sum column b", &[("q.csv", b"a,b\n1,42\n")]);
    let id = created(&server, form).await;
    assert_eq!(
        artifacts(&server.api, &id).await,
        [("uploads/q.csv".to_owned(), 9)]
    );
    let asked = server.model().requests()[0].messages();
    let told = asked.last().unwrap()["content"].as_str().unwrap();
    assert!(told.contains("- uploads/q.csv\n"), "{told}");
    assert!(told.ends_with("\n\nsum column b"), "{told}");
    eventually("nothing is staged", || nothing_staged(&server)).await;
}

#[tokio::test]
async fn an_agent_reads_and_writes_what_came() {
    let command = "cat uploads/in.txt && echo more >> uploads/in.txt && stat -c %a uploads/in.txt";
    let server = TestServer::start([
        Reply::call("run_shell_command", json!({"command": command})),
        Reply::say("done"),
    ])
    .await;
    let id = created(&server, form("go", &[("in.txt", b"first\n")])).await;
    let task = server.api.task(&id).await;
    let output = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
    assert_eq!(output.trim(), "first\n644");
    assert_eq!(artifacts(&server.api, &id).await[0].1, 11);
}

#[tokio::test]
async fn contract_078_twenty_files_and_no_more() {
    let server = plain().await;
    let many: Vec<String> = (0..21).map(|n| format!("f{n:02}.txt")).collect();
    let files: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    refused(&server, form("hi", &files)).await;
    let id = created(&server, form("hi", &files[..20])).await;
    assert_eq!(artifacts(&server.api, &id).await.len(), 20);
}

#[tokio::test]
async fn contract_079_fifty_megabytes_and_not_a_byte_more() {
    let server = plain().await;
    let large = vec![7; 50 * MB + 1];
    refused(
        &server,
        form("hi", &[("small", b"x"), ("large.bin", &large)]),
    )
    .await;
    let id = created(&server, form("hi", &[("large.bin", &large[1..])])).await;
    assert_eq!(
        artifacts(&server.api, &id).await,
        [("uploads/large.bin".to_owned(), 52_428_800)]
    );
}

#[tokio::test]
async fn contract_084_names_and_types_of_every_client() {
    let server = plain().await;
    let mut body = Vec::new();
    for (disposition, content) in [
        (r#"name="files"; filename="blob""#, "1"),
        (r#"name="files"; filename="žluť 🦊.txt""#, "2"),
        (r#"name="files"; filename*=UTF-8''caf%C3%A9.txt"#, "3"),
        ("name=files; filename=plain.txt", "4"),
        (r#"name="files""#, "unnamed"),
        // A file field that nobody filled in.
        (r#"name="files"; filename="""#, ""),
        (r#"name="message""#, "after the files"),
    ] {
        let part =
            format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n");
        body.extend(part.as_bytes());
    }
    body.extend(b"--B--\r\n");
    let data = raw(&server, body).await.data();
    let id = data["id"].as_str().unwrap();
    let task = server.api.finished(id).await;
    assert_eq!(task["message"], "after the files");
    let listed = artifacts(&server.api, id).await;
    let mut found = names(&listed);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "uploads/blob",
            "uploads/café.txt",
            "uploads/file",
            "uploads/plain.txt",
            "uploads/žluť 🦊.txt"
        ]
    );
}

#[tokio::test]
async fn contract_085_086_directories_are_dropped_and_names_numbered() {
    let server = plain().await;
    let files: [(&str, &[u8]); 6] = [
        ("../../etc/x", b"1"),
        (r"C:\dir\x", b"2"),
        ("/abs/x", b"3"),
        ("report.csv", b"4"),
        ("report.csv", b"5"),
        ("..", b"6"),
    ];
    let id = created(&server, form("hi", &files)).await;
    let listed = artifacts(&server.api, &id).await;
    assert_eq!(
        names(&listed),
        [
            "uploads/file",
            "uploads/report (1).csv",
            "uploads/report.csv",
            "uploads/x",
            "uploads/x (1)",
            "uploads/x (2)",
        ]
    );
    let long = format!("{}.csv", "n".repeat(300));
    let id = created(&server, form("hi", &[(&long, b"1"), (&long, b"2")])).await;
    for (path, _) in artifacts(&server.api, &id).await {
        let name = path.strip_prefix("uploads/").unwrap();
        assert!(name.len() <= 255 && path.ends_with(".csv"));
    }
}

#[tokio::test]
async fn contract_088_files_count_in_repeated_requests() {
    let server = plain().await;
    let ask = |key: &'static str, content: &'static [u8]| {
        let request = server.api.request(Method::POST, PATH);
        let request = request.header("idempotency-key", key);
        send(request.multipart(form("hi", &[("a.txt", content)])))
    };
    // Each try has a boundary of its own.
    let first = ask("k", b"one").await.data();
    assert_eq!(ask("k", b"one").await.data(), first);
    assert_eq!(ask("k", b"two").await.error(), (409, "CONFLICT".to_owned()));
    let list = server.api.get(PATH).await.json();
    assert_eq!(list["pagination"]["total"], 1);
    let workspaces = server.directory.path().join("workspaces");
    assert_eq!(std::fs::read_dir(workspaces).unwrap().count(), 1);
}

#[tokio::test]
async fn contract_172_194_196_a_follow_up_brings_files() {
    let server = plain().await;
    let id = created(&server, form("first", &[("a.txt", b"1")])).await;
    let path = format!("{PATH}/{id}/messages");
    let more = form("second", &[("a.txt", b"22"), ("b.txt", b"3")]);
    let answer = post_form(&server.api, &path, more).await;
    assert_eq!(answer.data(), json!({"status": "running"}));
    server.api.finished(&id).await;
    assert_eq!(
        artifacts(&server.api, &id).await,
        [
            ("uploads/a (1).txt".to_owned(), 2),
            ("uploads/a.txt".to_owned(), 1),
            ("uploads/b.txt".to_owned(), 1)
        ]
    );
    let first = json!([{"name": "a.txt", "path": "uploads/a.txt"}]);
    let second = json!([
        {"name": "a (1).txt", "path": "uploads/a (1).txt"},
        {"name": "b.txt", "path": "uploads/b.txt"},
    ]);
    let history = server.api.get(&format!("{PATH}/{id}/history")).await.data();
    let events = server.api.replay(&id).await;
    let streamed: Vec<_> = events
        .iter()
        .filter(|event| event.name == "history_message")
        .map(|event| event.data.clone())
        .collect();
    for messages in [history["messages"].as_array().unwrap(), &streamed] {
        let files: Vec<_> = messages
            .iter()
            .map(|said| said.get("attachedFiles").cloned())
            .collect();
        assert_eq!(
            files,
            [Some(first.clone()), None, Some(second.clone()), None]
        );
        assert_eq!(
            (&messages[0]["content"], &messages[2]["content"]),
            (&json!("first"), &json!("second"))
        );
    }
    let asked = server.model().requests()[1].messages();
    let told = asked.last().unwrap()["content"].as_str().unwrap();
    assert!(told.contains("- uploads/a (1).txt\n- uploads/b.txt\n\nsecond"));
}

#[tokio::test]
async fn contract_181_a_refused_follow_up_changes_nothing() {
    let server = plain().await;
    let id = created(&server, form("first", &[("a.txt", b"1")])).await;
    let path = format!("{PATH}/{id}/messages");
    let large = vec![0; 50 * MB + 1];
    let many: Vec<(&str, &[u8])> = vec![("b.txt", b"x"); 21];
    for refused in [
        form("hi", &many),
        form("hi", &[("b.txt", b"x"), ("c.txt", &large)]),
        form(" ", &[("b.txt", b"x")]),
    ] {
        let answer = post_form(&server.api, &path, refused).await;
        assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
    }
    eventually("nothing is staged", || nothing_staged(&server)).await;
    assert_eq!(artifacts(&server.api, &id).await.len(), 1);
    assert_eq!(server.api.task(&id).await["status"], "completed");
}

#[tokio::test]
async fn of_two_follow_ups_at_once_only_the_accepted_one_leaves_its_files() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::say("one"), Reply::new().hang(&gate).text("two")]).await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    let path = format!("{PATH}/{id}/messages");
    let ask = |name| post_form(&server.api, &path, form("more", &[(name, b"x")]));
    let (a, b) = tokio::join!(ask("a.txt"), ask("b.txt"));
    let accepted = match (a.status, b.status) {
        (200, 409) => "uploads/a.txt",
        (409, 200) => "uploads/b.txt",
        other => panic!("{other:?}"),
    };
    assert_eq!(names(&artifacts(&server.api, &id).await), [accepted]);
    gate.open();
    server.api.finished(&id).await;
}

#[tokio::test]
async fn a_workspace_that_takes_no_files_refuses_them() {
    let command = "rm -r uploads && ln -s /etc uploads && ln -s /tmp downloads/out";
    let server = TestServer::start([
        Reply::call("run_shell_command", json!({"command": command})),
        Reply::say("done"),
        Reply::say("unasked"),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    let path = format!("{PATH}/{id}/messages");
    let answer = post_form(&server.api, &path, form("more", &[("passwd", b"x")])).await;
    assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
    assert_eq!(server.api.task(&id).await["status"], "completed");
    assert!(!std::path::Path::new("/etc/passwd (1)").exists());
}

#[tokio::test]
async fn refused_forms_leave_nothing() {
    let server = plain().await;
    let file: (&str, &[u8]) = ("a.txt", b"x");
    refused(&server, form("", &[file])).await;
    refused(&server, form("hi", &[file]).text("env", "{\"A\":\"b\"}")).await;
    refused(&server, form("hi", &[file]).text("autoExecute", "maybe")).await;
    refused(&server, form("hi", &[file]).text("model", "openai/other")).await;
    let elsewhere = reqwest::multipart::Part::bytes(b"x".to_vec()).file_name("b.txt");
    refused(&server, form("hi", &[file]).part("attachment", elsewhere)).await;
    let head = "--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n";
    for broken in [
        format!("{head}no end"),
        "no boundary at all".to_owned(),
        format!("--B\r\nno-colon\r\n\r\nx\r\n{head}x\r\n--B--\r\n"),
        String::new(),
    ] {
        let answer = raw(&server, broken).await;
        assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
        nothing_is_left(&server).await;
    }
}

#[tokio::test]
async fn what_is_no_file_is_bounded() {
    let server = plain().await;
    let endless = "x".repeat(11 * MB);
    for body in [
        format!("--B\r\nX-Endless: {endless}"),
        format!("{endless}--B\r\n"),
        format!("--B\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n{endless}\r\n--B--"),
    ] {
        assert_eq!(
            raw(&server, body).await.error(),
            (413, "PAYLOAD_TOO_LARGE".to_owned())
        );
    }
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn credential_and_task_are_checked_before_a_byte_is_read() {
    let server = plain().await;
    let head = |path: &str, key: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{key}Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000000000\r\n\r\n"
        )
    };
    let key = format!("X-API-Key: {}\r\n", server.key.key.expose_key());
    let unknown = format!("{PATH}/00000000-0000-4000-8000-000000000000/messages");
    for (head, status) in [
        (head(PATH, ""), "HTTP/1.1 401 "),
        (head(&unknown, &key), "HTTP/1.1 404 "),
    ] {
        let mut socket = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; status.len()];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, status.as_bytes());
    }
}

/// Sends a form up to the middle of a file; the connection stays open.
async fn half_sent(server: &TestServer, sent: usize) -> tokio::net::TcpStream {
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 50000000\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n",
        server.key.key.expose_key()
    );
    let mut socket = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&vec![1; sent]).await.unwrap();
    socket
}

fn staged_bytes(server: &TestServer) -> u64 {
    let mut sum = 0;
    for process in std::fs::read_dir(server.staging()).into_iter().flatten() {
        for request in std::fs::read_dir(process.unwrap().path())
            .unwrap()
            .flatten()
        {
            let files = std::fs::read_dir(request.path()).into_iter().flatten();
            sum += files
                .flatten()
                .filter_map(|file| file.metadata().ok())
                .map(|stat| stat.len())
                .sum::<u64>();
        }
    }
    sum
}

#[tokio::test]
async fn a_file_goes_to_disk_as_it_comes_and_goes_with_its_connection() {
    let server = plain().await;
    let socket = half_sent(&server, 16 * MB).await;
    // All but what is gathered for one write: nothing is held in memory.
    eventually("the file is on disk", || {
        staged_bytes(&server) >= 15 * 1024 * 1024
    })
    .await;
    drop(socket);
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_restart_leaves_no_half_request_and_no_workspace_without_a_task() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let builder = || {
        TestServer::builder()
            .in_directory(&directory)
            .script(vec![Reply::say("ok"); 2])
    };
    let server = builder().start().await;
    let id = created(&server, form("hi", &[("kept.txt", b"x")])).await;
    server.stop().await;
    // What a process leaves that was killed while it took a file, and before it wrote a task.
    let left = directory.path().join("staging/0123456789abcdef/request");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("0"), vec![0; MB]).unwrap();
    let orphan = directory
        .path()
        .join("workspaces/00000000-0000-4000-8000-000000000001");
    std::fs::create_dir_all(orphan.join("uploads")).unwrap();
    std::fs::write(orphan.join("uploads/x"), "x").unwrap();
    let foreign = directory.path().join("workspaces/not-a-task");
    std::fs::create_dir(&foreign).unwrap();
    let server = builder().start().await;
    assert_eq!(staged_bytes(&server), 0);
    assert!(!left.exists());
    eventually("the orphan is gone", || !orphan.exists()).await;
    assert!(foreign.exists());
    assert_eq!(
        names(&artifacts(&server.api, &id).await),
        ["uploads/kept.txt"]
    );
}

/// Run by hand, alone: `cargo test -p sigmic-http --test it -- --ignored --nocapture twenty_files`.
#[tokio::test]
#[ignore = "measures the memory of the whole process and writes a gigabyte"]
async fn twenty_files_of_fifty_megabytes_stay_under_64_mib_of_memory() {
    let server = plain().await;
    created(&server, form("warm", &[("a", b"x")])).await;
    let before = peak_kib();
    let chunk = bytes::Bytes::from(vec![3; 64 * 1024]);
    let mut form = reqwest::multipart::Form::new().text("message", "hi");
    for n in 0..20 {
        let chunks = std::iter::repeat_n(chunk.clone(), 800).map(Ok::<_, std::io::Error>);
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        let part = reqwest::multipart::Part::stream(body).file_name(format!("f{n}"));
        form = form.part("files", part);
    }
    let patience = std::time::Duration::from_secs(600);
    let request = server.api.request(Method::POST, PATH).timeout(patience);
    let data = send(request.multipart(form)).await.data();
    let id = data["id"].as_str().unwrap();
    assert_eq!(artifacts(&server.api, id).await.len(), 20);
    tell_growth(before, 20 * 50 * MB);
}
