//! `kill -9` of the server, at the moments that matter, on both databases; what was accepted is
//! never lost, and the model is asked as if nothing had happened.

use serde_json::{Value, json};
use testkit::{Api, Event, Gate, ModelServer, Reply, Script, text_of};
use tokio::io::AsyncWriteExt as _;

use crate::program::{Place, Program};

/// How long anything may take before a test is given up. Never waited for when all goes well.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs each story on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($story:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(crate::program::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(crate::program::Place::postgres().await).await;
            })*
        }
    };
}

on_both_databases! {
    contract_111_killed_in_a_model_stream_the_run_goes_on
    killed_in_a_shell_command_its_outcome_is_unknown
    contract_167_killed_while_an_approval_waits_it_can_still_be_given
    killed_right_after_the_answer_the_task_still_runs
    killed_in_a_cancel_the_task_is_cancelled
    killed_with_secrets_in_memory_the_run_says_so
    killed_between_runs_a_follow_up_remembers
    killed_in_an_upload_nothing_of_it_is_left
}

fn message(text: &str) -> Value {
    json!({"message": text})
}

/// Follows a task to the end of its run as clients do: a stream that is closed without a terminal
/// event (the lease of the killed server ran out) is opened again after the last id.
pub(crate) async fn follow(api: &Api, id: &str, mut cursor: Option<String>) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let path = format!("/api/v1/tasks/{id}/stream");
        let request = api.request(reqwest::Method::GET, &path);
        let last = cursor.clone().unwrap_or_else(|| "0".to_owned());
        let mut stream = match testkit::Events::open(request.header("last-event-id", last)).await {
            Some(stream) => stream,
            None => return events,
        };
        let received = stream.rest().await;
        // What came after the last id is dropped, and comes again.
        let whole = received
            .iter()
            .rposition(|event| event.id.is_some())
            .map_or(0, |at| at + 1);
        cursor = received[..whole]
            .last()
            .and_then(|event| event.id.clone())
            .or(cursor);
        events.extend(received.into_iter().take(whole));
        let ended = events
            .last()
            .is_some_and(|event| ["done", "error"].contains(&event.name.as_str()));
        if ended {
            return events;
        }
    }
}

/// The tail of a stream that was cut: no terminal event.
fn cut_off(events: &[Event]) {
    assert!(
        !events
            .iter()
            .any(|event| ["done", "error"].contains(&event.name.as_str())),
        "{events:?}"
    );
}

async fn contract_111_killed_in_a_model_stream_the_run_goes_on(place: Place) {
    let gate = Gate::new();
    let model = ModelServer::start([
        Reply::new().tool_call_with_id("call_a", "list_directory", json!({})),
        Reply::new().text("half of an ans").hang(&gate),
        Reply::say("the whole answer"),
    ])
    .await;
    let program = Program::start(&place, &model).await;
    let id = program.api.create(&message("hi")).await;
    let mut events = program.api.stream(&id).await;
    let mut seen = Vec::new();
    while text_of(&seen).is_empty() {
        seen.push(events.next().await.unwrap());
    }
    let cursor = seen
        .iter()
        .rev()
        .find_map(|event| event.id.clone())
        .unwrap();
    program.kill();
    cut_off(&events.rest().await);

    let program = Program::start(&place, &model).await;
    let rest = follow(&program.api, &id, Some(cursor)).await;
    assert_eq!(text_of(&rest), "the whole answer");
    assert_eq!(
        rest.last().unwrap().data["finalResponse"],
        "the whole answer"
    );
    assert_eq!(program.api.task(&id).await["status"], "completed");
    let requests = model.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        requests[2].body, requests[1].body,
        "asked again, byte for byte"
    );
}

async fn killed_in_a_shell_command_its_outcome_is_unknown(place: Place) {
    let model = ModelServer::start([
        Reply::call(
            "run_shell_command",
            json!({"command": "echo x >> effect; sleep 1000"}),
        ),
        Reply::say("I see"),
    ])
    .await;
    let program = Program::start(&place, &model).await;
    let id = program.api.create(&message("hi")).await;
    program.api.stream(&id).await.until("tool_call").await;
    let effect = place.data().join("workspaces").join(&id).join("effect");
    let effect_is_there = async {
        while std::fs::read_to_string(&effect).unwrap_or_default()
            != "x
"
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, effect_is_there)
        .await
        .unwrap();
    // After the effect, before its row.
    program.kill();

    let program = Program::start(&place, &model).await;
    follow(&program.api, &id, None).await;
    let task = program.api.task(&id).await;
    assert_eq!(task["status"], "completed");
    let call = &task["output"]["toolCalls"][0];
    assert_eq!(call["status"], "error");
    assert!(
        call["output"].as_str().unwrap().contains("unknown"),
        "{call}"
    );
    assert!(model.requests()[1].tool_outputs()[0].contains("unknown"));
    assert_eq!(std::fs::read_to_string(effect).unwrap(), "x\n", "run once");
}

async fn contract_167_killed_while_an_approval_waits_it_can_still_be_given(place: Place) {
    let script = || {
        [
            Reply::new().text("May I?").tool_call_with_id(
                "call_w",
                "write_file",
                json!({"file_path": "a", "content": "x"}),
            ),
            Reply::say("done"),
        ]
    };
    let manual = json!({"message": "hi", "autoExecute": false});
    let once = json!({"outcome": "proceed_once"});
    let mut second_requests = Vec::new();
    for killed in [false, true] {
        let model = ModelServer::start(script()).await;
        let place = if killed { &place } else { &Place::sqlite() };
        let mut program = Program::start(place, &model).await;
        let id = program.api.create(&manual).await;
        program.api.stream(&id).await.until("tool_call").await;
        if killed {
            program.kill();
            program = Program::start(place, &model).await;
        }
        let task = program.api.task(&id).await;
        assert_eq!(task["status"], "awaiting_approval");
        assert_eq!(task["pendingApprovals"][0]["callId"], "call_w");
        program.api.approve(&id, "call_w", &once).await.data();
        let events = follow(&program.api, &id, None).await;
        assert_eq!(
            events.last().unwrap().data["finalResponse"],
            "May I?\n\ndone"
        );
        second_requests.push(model.requests()[1].body.clone());
    }
    assert_eq!(
        second_requests[0], second_requests[1],
        "as if nothing had happened"
    );
}

async fn killed_right_after_the_answer_the_task_still_runs(place: Place) {
    let model = ModelServer::start(Script::respond(|_| Reply::say("done"))).await;
    let program = Program::start(&place, &model).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(program.api.create(&message("hi")).await);
    }
    program.kill();

    let program = Program::start(&place, &model).await;
    for id in ids {
        follow(&program.api, &id, None).await;
        let task = program.api.task(&id).await;
        assert_eq!(
            (&task["status"], &task["output"]["content"]),
            (&json!("completed"), &json!("done"))
        );
        let history = program
            .api
            .get(&format!("/api/v1/tasks/{id}/history"))
            .await
            .data();
        assert_eq!(history["messages"].as_array().unwrap().len(), 2);
    }
}

async fn killed_in_a_cancel_the_task_is_cancelled(place: Place) {
    let gate = Gate::new();
    let model = ModelServer::start(Script::respond(move |_| Reply::new().hang(&gate))).await;
    let program = Program::start(&place, &model).await;
    let id = program.api.create(&message("hi")).await;
    model.wait_for_requests(1).await;
    mark_cancel(&place, &program, &id).await;
    program.kill();

    let program = Program::start(&place, &model).await;
    follow(&program.api, &id, None).await;
    assert_eq!(program.api.task(&id).await["status"], "cancelled");
    let again = program.api.delete(&format!("/api/v1/tasks/{id}")).await;
    assert_eq!(again.data(), json!({"message": "Task cancelled"}));
    assert_eq!(model.requests().len(), 1, "the model is not asked again");
}

/// Marks the cancel as the server does, while the server itself stands still and can do no more.
async fn mark_cancel(place: &Place, program: &Program, id: &str) {
    use store::{OpenMode, Store, StoreConfig};
    program.server.freeze();
    let config = match &place.database {
        Some(database) => StoreConfig::Postgres {
            url: database.url().to_owned(),
        },
        None => StoreConfig::Sqlite {
            directory: place.data(),
            mode: OpenMode::Beside,
        },
    };
    let store = Store::open(&config).await.unwrap();
    let id = id.parse().unwrap();
    let task = store.unscoped_find_task(id).await.unwrap().unwrap();
    let scope = model::TaskScope {
        organization_id: task.organization_id,
        project_id: task.project_id,
        whose: model::Whose::Anybody,
    };
    store
        .request_cancel(&scope, id, task.created_at)
        .await
        .unwrap();
    store.close().await;
}

async fn killed_with_secrets_in_memory_the_run_says_so(place: Place) {
    let gate = Gate::new();
    let model = ModelServer::start(vec![
        Reply::new().hang(&gate),
        Reply::say("with the new one"),
    ])
    .await;
    let program = Program::start(&place, &model).await;
    let body = json!({"message": "hi", "secrets": {"TOKEN": "hunter2-hunter2"}});
    let id = program.api.create(&body).await;
    model.wait_for_requests(1).await;
    program.kill();

    let program = Program::start(&place, &model).await;
    let events = follow(&program.api, &id, None).await;
    assert_eq!(events.last().unwrap().data["code"], "INTERRUPTED");
    let task = program.api.task(&id).await;
    assert_eq!(task["status"], "failed");
    assert!(
        task["error"]
            .as_str()
            .unwrap()
            .starts_with("Interrupted by server restart: ")
    );
    program.api.follow_up(&id, &body).await.data();
    assert_eq!(
        program.api.finished(&id).await["output"]["content"],
        "with the new one"
    );
}

async fn killed_between_runs_a_follow_up_remembers(place: Place) {
    let model = ModelServer::start([Reply::say("four"), Reply::say("forty")]).await;
    let program = Program::start(&place, &model).await;
    let id = program.api.create(&message("2+2")).await;
    program.api.finished(&id).await;
    program.kill();

    let program = Program::start(&place, &model).await;
    program
        .api
        .follow_up(&id, &message("times ten"))
        .await
        .data();
    assert_eq!(
        program.api.finished(&id).await["output"]["content"],
        "forty"
    );
    let said: Vec<Value> = model.requests()[1]
        .messages()
        .iter()
        .skip(1)
        .map(|m| m["content"].clone())
        .collect();
    assert_eq!(said, [json!("2+2"), json!("four"), json!("times ten")]);
}

/// How many bytes wait in the staging directory.
fn staged_bytes(directory: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(stat) if stat.is_dir() => staged_bytes(&entry.path()),
        Ok(stat) => stat.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

async fn killed_in_an_upload_nothing_of_it_is_left(place: Place) {
    let model = ModelServer::start([Reply::say("ok")]).await;
    let program = Program::start(&place, &model).await;
    let address = program.server.url.strip_prefix("http://").unwrap();
    let head = format!(
        "POST /api/v1/tasks HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 9000000\r\n\r\n\
         --B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n",
        program.key
    );
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&vec![1; 4_000_000]).await.unwrap();
    let staging = place.data().join("staging");
    let arrived = async {
        while staged_bytes(&staging) < 2_000_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, arrived).await.unwrap();
    program.kill();
    assert!(staged_bytes(&staging) >= 2_000_000);

    let program = Program::start(&place, &model).await;
    assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 0);
    let list = program.api.get("/api/v1/tasks").await.json();
    assert_eq!(list["pagination"]["total"], 0);
    let workspaces = std::fs::read_dir(place.data().join("workspaces")).unwrap();
    assert_eq!(workspaces.count(), 0);
}
