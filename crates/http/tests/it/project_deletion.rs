//! Deleting a project: what it had is refused at once, and then gone.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testkit::{Backend, Gate, Reply, TestServer, send};

use crate::support::message;

/// Waits until nothing of a deleted project is left.
async fn gone(server: &TestServer) {
    let wait = async {
        while !server
            .store
            .unscoped_list_closed_projects()
            .await
            .unwrap()
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("the project goes");
}

async fn delete(owner: &testkit::Console, project: &str) -> testkit::Answer {
    owner.delete(&format!("/api/v1/projects/{project}")).await
}

fn writes(path: &str) -> Reply {
    let args = json!({"file_path": path, "content": "a file"});
    Reply::call("write_file", args)
}

async fn everything_goes(backend: Backend) {
    let gate = Gate::new();
    let replies = vec![
        writes("downloads/a.txt"),
        Reply::say("done"),
        Reply::new().text("part").hang(&gate).text(" rest"),
    ];
    let server = TestServer::builder().backend(backend).script(replies);
    let server = server.start().await;
    let owner = server.owner().await;
    let (minted, api) = server.another_project("red").await;
    let project = minted.record.project_id.unwrap().to_string();
    let ended = api.create(&message("write it")).await;
    assert_eq!(api.finished(&ended).await["status"], "completed");
    let running = api.create(&message("go on")).await;
    let mut stream = api.stream(&running).await;
    stream.until("content").await;
    let workspace = server.workspace(&ended);
    assert!(workspace.exists());
    let receipt = delete(&owner, &project).await.data();
    assert_eq!(receipt["keys"], 1, "{receipt}");
    assert_eq!(receipt["streams"], 1, "{receipt}");
    assert_eq!(receipt["runningTasks"], 1, "{receipt}");
    // At once: the key, the project, its name.
    let refused = send(api.bare(Method::GET, "/api/v1/tasks")).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        api.get("/api/v1/tasks").await.error(),
        (401, "INVALID_API_KEY".to_owned())
    );
    assert_eq!(delete(&owner, &project).await.status, 404);
    let again = owner
        .post("/api/v1/projects", &json!({"name": "red"}))
        .await;
    assert_eq!(again.status, 200, "{}", again.text);
    stream.rest().await;

    gone(&server).await;
    assert!(!workspace.exists() && !server.workspace(&running).exists());
    for id in [&ended, &running] {
        let task = server.store.unscoped_find_task(id.parse().unwrap()).await;
        assert!(task.unwrap().is_none(), "{id}");
        let rows = server
            .store
            .unscoped_list_rows(id.parse().unwrap(), model::Seq(0))
            .await;
        assert!(rows.unwrap().is_empty());
    }
    // The other project's key works as before.
    assert_eq!(server.api.get("/api/v1/tasks").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_project_leaves_nothing_on_sqlite() {
    everything_goes(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_deleted_project_leaves_nothing_on_postgres() {
    everything_goes(Backend::Postgres).await;
}

#[tokio::test]
async fn contract_226_the_default_project_stays() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let owner = server.owner().await;
    let project = server.key.record.project_id.unwrap().to_string();
    let refused = delete(&owner, &project).await;
    assert_eq!(refused.error(), (409, "CONFLICT".to_owned()));
    assert_eq!(server.api.get("/api/v1/tasks").await.status, 200);
}

#[tokio::test]
async fn what_a_crash_left_goes_at_the_next_start() {
    let directory = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let start = || {
        let replies = vec![Reply::say("ok"); 2];
        let builder = TestServer::builder().script(replies);
        builder.in_directory(&directory).start()
    };
    let server = start().await;
    let (minted, api) = server.another_project("red").await;
    let id = api.create(&message("hi")).await;
    api.finished(&id).await;
    // Closed, and not begun to be deleted.
    let project = minted.record.project_id.unwrap();
    let organization = minted.record.organization_id;
    let closed = server.admin.close_project(organization, project).await;
    assert_eq!(closed.unwrap().keys, 1);
    server.stop().await;
    let server = start().await;
    gone(&server).await;
    let task = server.store.unscoped_find_task(id.parse().unwrap()).await;
    assert!(task.unwrap().is_none());
}
