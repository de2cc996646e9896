//! Two servers on one PostgreSQL database: whatever one runs, the other shows and decides.

use std::sync::Arc;

use serde_json::json;
use testkit::{Api, Gate, Reply, Script, TestDatabase, TestServer, names_of, text_of};

use crate::support::{call_of, message, settled};

/// Two servers; the first one runs `first_runs` runs at once, the second `second_runs`.
struct Cluster {
    database: Arc<TestDatabase>,
    first: TestServer,
    second: TestServer,
    /// The first server's key at the second.
    there: Api,
}

async fn cluster(script: impl Into<Script>, first_runs: usize, second_runs: usize) -> Cluster {
    let database = Arc::new(TestDatabase::create().await);
    let server = || TestServer::builder().sharing(&database);
    let second = server();
    let first = server()
        .script(script)
        .concurrent_runs(first_runs)
        .start()
        .await;
    let model = first.model().base_url();
    let second = second
        .model_at(model)
        .concurrent_runs(second_runs)
        .start()
        .await;
    // The second start replaced the key named `bootstrap`: another is used.
    let (_, api) = second.another_key("shared").await;
    let there = api.clone();
    let mut first = first;
    first.api = api.at(format!("http://{}", first.address));
    Cluster {
        database,
        first,
        second,
        there,
    }
}

#[tokio::test]
async fn a_stream_on_either_server_shows_all_of_a_run_on_the_other() {
    let gate = Gate::new();
    let script = [
        Reply::new()
            .thought("**Plan** look")
            .text("Looking.")
            .tool_call("list_directory", json!({})),
        Reply::new().text("Found").hang(&gate).text(" nothing."),
    ];
    let cluster = cluster(script, 64, 0).await;
    let id = cluster.first.api.create(&message("hi")).await;
    let mut here = cluster.first.api.stream(&id).await;
    let mut there = cluster.there.stream(&id).await;
    let mut events = Vec::new();
    // The open turn is shown there too, before it is a fact.
    while text_of(&events) != "Looking.\n\nFound" {
        events.push(there.next().await.unwrap());
    }
    gate.open();
    events.extend(there.rest().await);
    assert_eq!(text_of(&events), "Looking.\n\nFound nothing.");
    assert_eq!(events.last().unwrap().name, "done");
    let local = here.rest().await;
    let without_deltas = |names: Vec<&str>| {
        names
            .into_iter()
            .filter(|name| *name != "content")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        without_deltas(names_of(&events)),
        without_deltas(names_of(&local))
    );
    assert_eq!(
        cluster.there.task(&id).await,
        cluster.first.api.task(&id).await
    );
}

#[tokio::test]
async fn a_run_waits_here_is_decided_there_and_goes_on() {
    let script = [
        Reply::call("write_file", json!({"file_path": "a", "content": "x"})),
        Reply::say("done"),
    ];
    let cluster = cluster(script, 64, 0).await;
    let id = cluster
        .first
        .api
        .create(&json!({"message": "hi", "autoExecute": false}))
        .await;
    let mut here = cluster.first.api.stream(&id).await;
    let mut there = cluster.there.stream(&id).await;
    let call = call_of(&there.until("tool_call").await);
    cluster
        .there
        .approve(&id, &call, &json!({"outcome": "proceed_once"}))
        .await
        .data();
    assert_eq!(here.rest().await.last().unwrap().name, "done");
    assert_eq!(there.rest().await.last().unwrap().name, "done");
}

#[tokio::test]
async fn a_run_here_is_cancelled_there() {
    let gate = Gate::new();
    let cluster = cluster([Reply::new().text("part").hang(&gate)], 64, 0).await;
    let id = cluster.first.api.create(&message("hi")).await;
    let mut here = cluster.first.api.stream(&id).await;
    here.until("content").await;
    cluster
        .there
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    assert_eq!(cluster.there.task(&id).await["status"], "cancelled");
    assert_eq!(
        here.rest().await.last().unwrap().data["code"],
        "TASK_CANCELLED"
    );
}

#[tokio::test]
async fn secrets_reach_the_server_that_runs_the_task_and_no_table_keeps_them() {
    let script = [
        Reply::call("run_shell_command", json!({"command": "echo $TOKEN | rev"})),
        Reply::say("done"),
    ];
    let cluster = cluster(script, 0, 64).await;
    let body = json!({"message": "hi", "secrets": {"TOKEN": "canary-1234"}});
    let id = cluster.first.api.create(&body).await;
    let task = cluster.there.finished(&id).await;
    assert_eq!(
        task["output"]["toolCalls"][0]["output"]
            .as_str()
            .unwrap()
            .trim(),
        "4321-yranac"
    );
    assert!(!task.to_string().contains("canary"));
    assert_eq!(cluster.database.rows_with("canary").await, 0);
    assert!(
        cluster.database.rows_with(&id).await > 0,
        "the tables were looked at"
    );
    settled(&cluster.second).await;
}

#[tokio::test]
async fn a_follow_up_sent_there_is_run_by_whoever_is_free() {
    let cluster = cluster([Reply::say("one"), Reply::say("two")], 64, 64).await;
    let id = cluster.first.api.create(&message("hi")).await;
    cluster.first.api.finished(&id).await;
    cluster.there.follow_up(&id, &message("more")).await.data();
    assert_eq!(
        cluster.first.api.finished(&id).await["output"]["content"],
        "two"
    );
}

#[tokio::test]
async fn a_server_that_stops_hands_its_run_to_the_other() {
    let gate = Gate::new();
    let script = [Reply::new().hang(&gate), Reply::say("by the other")];
    let Cluster {
        first,
        second,
        there,
        ..
    } = cluster(script, 64, 64).await;
    let id = first.api.create(&message("hi")).await;
    first.model().wait_for_requests(1).await;
    let model = first.model().requests();
    let mut here = first.api.stream(&id).await;
    here.until("status").await;
    let (first_model, first) = keep_model(first);
    let stopping = first.stop();
    let (rest, ()) = tokio::join!(here.rest(), stopping);
    // Closed without a terminal event: the client comes back, elsewhere.
    assert!(!names_of(&rest).contains(&"done") && !names_of(&rest).contains(&"error"));
    let task = there.finished(&id).await;
    assert_eq!(task["output"]["content"], "by the other");
    let requests = first_model.requests();
    assert_eq!(
        requests[1].body, model[0].body,
        "the same request, byte for byte"
    );
    drop(second);
}

/// Takes the scripted model out of a server, so that it outlives it.
fn keep_model(mut server: TestServer) -> (testkit::ModelServer, TestServer) {
    let model = server.model.take().expect("this server has one");
    (model, server)
}
