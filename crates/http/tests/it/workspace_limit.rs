//! Uploads and what a workspace may hold.

use reqwest::multipart::Form;
use serde_json::json;
use testkit::{Reply, TestServer};

use crate::support::{artifacts, eventually, form, nothing_staged, post_form};
use crate::zips::zip_of;

const PATH: &str = "/api/v1/tasks";
const MB: usize = 1024 * 1024;

/// A server whose workspaces hold 3 MiB.
async fn small(replies: Vec<Reply>) -> TestServer {
    let server = TestServer::builder().workspace_bytes(3 * 1024 * 1024);
    server.script(replies).start().await
}

async fn refused(server: &TestServer, path: &str, form: Form) {
    let answer = post_form(&server.api, path, form).await;
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("3145728 bytes"), "{message}");
    assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
    eventually("nothing is staged", || nothing_staged(server)).await;
}

/// An archive of two files of 2 MiB that packs to almost nothing.
fn archive() -> Vec<u8> {
    // Repeats too seldom to be taken for a bomb.
    let bytes: Vec<u8> = (0..2 * MB).map(|n| ((n * n) >> 7) as u8).collect();
    zip_of(&[("a.bin", &bytes), ("b.bin", &bytes)])
}

#[tokio::test]
async fn a_task_whose_files_do_not_fit_is_not_made() {
    let server = small(vec![]).await;
    let half = vec![1; 2 * MB];
    refused(&server, PATH, form("hi", &[("a", &half), ("b", &half)])).await;
    let archive = archive();
    assert!(archive.len() < 3 * MB, "only what comes out is too much");
    refused(&server, PATH, form("hi", &[("a.zip", &archive)])).await;
    let workspaces = server.directory.path().join("workspaces");
    assert_eq!(std::fs::read_dir(workspaces).unwrap().count(), 0);
    assert_eq!(server.api.get(PATH).await.json()["pagination"]["total"], 0);
}

#[tokio::test]
async fn a_follow_up_counts_what_is_there_already() {
    let command = json!({"command": "head -c 2000000 /dev/urandom > made.bin"});
    let replies = vec![
        Reply::call("run_shell_command", command),
        Reply::say("made"),
        Reply::say("ok"),
    ];
    let server = small(replies).await;
    let answer = post_form(&server.api, PATH, form("hi", &[("a", b"x")])).await;
    let id = answer.data()["id"].as_str().unwrap().to_owned();
    server.api.finished(&id).await;
    let before = artifacts(&server.api, &id).await;
    let path = format!("{PATH}/{id}/messages");
    let half = vec![1; 2 * MB];
    refused(&server, &path, form("more", &[("b", &half)])).await;
    assert_eq!(artifacts(&server.api, &id).await, before);
    assert_eq!(server.api.task(&id).await["status"], "completed");

    let answer = post_form(&server.api, &path, form("more", &[("b", b"fits")])).await;
    assert_eq!(answer.data(), json!({"status": "running"}));
    server.api.finished(&id).await;
    assert_eq!(artifacts(&server.api, &id).await.len(), before.len() + 1);
}

#[tokio::test]
async fn a_workspace_that_cannot_be_counted_says_so_and_takes_nothing() {
    let command = json!({"command": "for each in $(seq 80); do mkdir d && cd d || exit; done"});
    let replies = vec![
        Reply::call("run_shell_command", command),
        Reply::say("made"),
    ];
    let server = small(replies).await;
    let id = server.api.create(&json!({"message": "x"})).await;
    server.api.finished(&id).await;
    let path = format!("{PATH}/{id}/messages");
    let answer = post_form(&server.api, &path, form("more", &[("a", b"x")])).await;
    assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
    let message = answer.json()["error"]["message"].to_string();
    assert!(
        message.contains("deeper directories than can be counted"),
        "{message}"
    );
    assert!(!message.contains("bytes"), "{message}");
}
