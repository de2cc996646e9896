//! The files of a task's workspace, listed.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{Reply, TestServer};

use crate::support::{artifacts, form, message, post_form};

/// A server with a task that has ended, whose workspace is filled by `fill`.
pub(crate) async fn with_files(fill: impl FnOnce(&Path)) -> (TestServer, String) {
    let server = TestServer::start([
        Reply::call("list_directory", json!({"dir_path": "."})),
        Reply::say("ok"),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    fill(&server.workspace(&id));
    (server, id)
}

pub(crate) fn write(workspace: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = workspace.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn contract_199_200_201_what_the_agent_wrote_is_listed() {
    let write =
        |path: &str| Reply::call("write_file", json!({"file_path": path, "content": "a,b\n"}));
    let server =
        TestServer::start([write("downloads/x.csv"), write("x.py"), Reply::say("ok")]).await;
    let before = model::Clock::now(&model::SystemClock);
    let png: (&str, &[u8]) = ("x.png", b"not really");
    let form = form("hi", &[("x.pdf", b"%PDF"), png]);
    let data = post_form(&server.api, "/api/v1/tasks", form).await.data();
    let id = data["id"].as_str().unwrap();
    server.api.finished(id).await;
    let data = server
        .api
        .get(&format!("/api/v1/tasks/{id}/artifacts"))
        .await
        .data();
    assert_eq!(data.as_object().unwrap().len(), 1, "{data}");
    let mut files = data["files"].as_array().unwrap().clone();
    for file in &mut files {
        let file = file.as_object_mut().unwrap();
        let at = file.remove("modifiedAt").unwrap();
        let at = at.as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
        let modified = model::Timestamp::parse_iso(at).unwrap();
        let since = modified.millis_since(before);
        assert!((-2_000..60_000).contains(&since), "{since}");
    }
    let file = |path: &str, size: u64, mime: &str, category: &str| {
        let name = path.rsplit('/').next().unwrap();
        json!({"name": name, "path": path, "size": size, "mimeType": mime, "category": category})
    };
    assert_eq!(
        Value::Array(files),
        json!([
            file("downloads/x.csv", 4, "text/csv", "csv"),
            file("x.py", 4, "text/plain", "code"),
            file("uploads/x.pdf", 4, "application/pdf", "pdf"),
            file("uploads/x.png", 10, "image/png", "image"),
        ])
    );
}

#[tokio::test]
async fn contract_202_a_task_without_files() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    let data = server
        .api
        .get(&format!("/api/v1/tasks/{id}/artifacts"))
        .await;
    assert_eq!(data.data(), json!({"files": []}));
    let absent = format!("/api/v1/tasks/{id}/artifacts/download?path=x");
    let absent = server.api.get(&absent).await.error();
    assert_eq!(absent, (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn what_is_no_file_of_the_agents_is_left_out() {
    let (server, id) = with_files(|workspace| {
        for path in [
            "b/2.txt",
            "b/1.txt",
            "a.txt",
            ".hidden",
            ".git/config",
            "b/.cache/x",
            "node_modules/p/x.js",
            "b/node_modules/x.js",
            "downloads/z/1",
            "downloads/out",
            "uploads/in",
            "downloads2/x",
            ".sigmic-0123456789abcdef",
        ] {
            write(workspace, path, "x");
        }
        symlink("/etc/passwd", workspace.join("downloads/passwd")).unwrap();
        symlink("a.txt", workspace.join("inside")).unwrap();
        symlink("/etc", workspace.join("etc")).unwrap();
        UnixListener::bind(workspace.join("socket")).unwrap();
        let pipe = std::process::Command::new("mkfifo")
            .arg(workspace.join("pipe"))
            .status();
        assert!(pipe.unwrap().success());
    })
    .await;
    let listed = artifacts(&server.api, &id).await;
    let paths: Vec<&str> = listed.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "downloads/out",
            "downloads/z/1",
            ".hidden",
            "a.txt",
            "b/1.txt",
            "b/2.txt",
            "downloads2/x",
            "uploads/in"
        ]
    );
}

#[tokio::test]
async fn more_than_ten_thousand_files_are_cut() {
    let (server, id) = with_files(|workspace| {
        for n in 0..9_999 {
            write(workspace, &format!("downloads/{n:05}"), "");
        }
        write(workspace, "uploads/a", "");
    })
    .await;
    let path = format!("/api/v1/tasks/{id}/artifacts");
    let data = server.api.get(&path).await.data();
    assert_eq!(data["files"].as_array().unwrap().len(), 10_000);
    assert_eq!(data.get("truncated"), None);
    write(&server.workspace(&id), "one-more", "");
    let data = server.api.get(&path).await.data();
    let files = data["files"].as_array().unwrap();
    assert_eq!((files.len(), &data["truncated"]), (10_000, &json!(true)));
    assert_eq!(files[9_999]["path"], "one-more");
}
