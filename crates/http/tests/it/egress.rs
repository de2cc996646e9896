//! Receipts of connections out, in the journal of the task that made them.

use model::{Egress, EgressDecision, JournalEvent, JournalRow, RunNumber, Seq};
use serde_json::json;
use testkit::{Backend, Reply, TestServer, WebHost};

use crate::support::message;

/// Sends a request for `/x` through the proxy from inside, without any program that would help.
fn request(authority: &str) -> String {
    format!(
        "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'GET http://{authority}/x HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3"
    )
}

fn shell(command: &str) -> Reply {
    Reply::call("run_shell_command", json!({"command": command}))
}

async fn server(backend: Backend, host: &WebHost, replies: Vec<Reply>) -> TestServer {
    TestServer::builder()
        .backend(backend)
        .network(sandbox::NetworkMode::Full)
        .connector(host.connector())
        .script(replies)
        .start()
        .await
}

async fn rows(server: &TestServer, id: &str) -> Vec<JournalRow> {
    let id = id.parse().unwrap();
    server.store.unscoped_list_rows(id, Seq(0)).await.unwrap()
}

fn receipts(rows: &[JournalRow], run: i64) -> Vec<Egress> {
    let own = rows.iter().filter(|row| row.run == RunNumber(run));
    own.filter_map(|row| {
        if let JournalEvent::Egress(receipt) = &row.event {
            Some(receipt.clone())
        } else {
            None
        }
    })
    .collect()
}

async fn connections_are_rows_before_the_result_of_their_call(backend: Backend) {
    let host = WebHost::start().await;
    let commands = format!(
        "{}; {}; {}",
        request(&host.authority()),
        request("private.test"),
        request("'$TOKEN'.test")
    );
    let replies = vec![shell(&commands), Reply::say("done")];
    let server = server(backend, &host, replies).await;
    let body = json!({"message": "x", "secrets": {"TOKEN": "s3cret-token"}});
    let id = server.api.create(&body).await;
    let task = server.api.finished(&id).await;
    let call = &task["output"]["toolCalls"][0];
    assert!(
        call["output"].as_str().unwrap().contains("seen: GET /x"),
        "{call}"
    );
    let rows = rows(&server, &id).await;
    let kinds: Vec<&str> = rows.iter().map(|row| row.event.kind()).collect();
    let at = kinds
        .iter()
        .position(|kind| *kind == "tool_finished")
        .unwrap();
    assert_eq!(kinds[at - 3..at], ["egress"; 3]);
    let call_id = call["callId"].as_str().unwrap();
    let mut found = receipts(&rows, 1);
    // They are written as they end.
    found.sort_by_key(|receipt| receipt.decision as u8);
    check(&found, &host, call_id);
    // Clients see nothing of it, and resume across it.
    let events = server.api.events(&id).await;
    assert!(events.iter().all(|event| !event.name.contains("egress")));
}

fn check(found: &[Egress], host: &WebHost, call_id: &str) {
    let told: Vec<_> = found
        .iter()
        .map(|r| (r.host.as_str(), r.port, r.decision))
        .collect();
    assert_eq!(
        told,
        [
            ("open.test", host.port(), EgressDecision::Allowed),
            ("private.test", 80, EgressDecision::Refused),
            ("***.test", 80, EgressDecision::Failed),
        ]
    );
    for receipt in found {
        assert_eq!(receipt.call_id.as_ref().unwrap().to_string(), call_id);
    }
    let authority = host.authority();
    let sent = format!("GET /x HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    assert_eq!(found[0].sent_bytes, u64::try_from(sent.len()).unwrap());
    assert!(found[0].received_bytes > 40 && found[1].sent_bytes == 0);
    assert!(
        found[1]
            .reason
            .as_ref()
            .unwrap()
            .contains("private address")
    );
}

#[tokio::test]
async fn connections_are_rows_on_sqlite() {
    connections_are_rows_before_the_result_of_their_call(Backend::Sqlite).await;
}

#[tokio::test]
async fn connections_are_rows_on_postgres() {
    connections_are_rows_before_the_result_of_their_call(Backend::Postgres).await;
}

#[tokio::test]
async fn a_connection_that_a_cancel_cuts_off_is_written_with_the_end() {
    let host = WebHost::start().await;
    let holds = format!(
        "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {} HTTP/1.1\\r\\n\\r\\n' >&3; \
         read -r line <&3; touch connected; sleep 1000",
        host.authority()
    );
    let server = server(Backend::Sqlite, &host, vec![shell(&holds)]).await;
    let id = server.api.create(&message("x")).await;
    while !server.workspace(&id).join("connected").exists() {
        tokio::task::yield_now().await;
    }
    server
        .api
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    let rows = rows(&server, &id).await;
    let found = receipts(&rows, 1);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].host, "open.test");
    assert_eq!(found[0].decision, EgressDecision::Allowed);
    assert!(matches!(
        rows.last().unwrap().event,
        JournalEvent::RunFinished(_)
    ));
}

#[tokio::test]
async fn what_a_background_process_connects_to_is_written_by_the_next_row() {
    let host = WebHost::start().await;
    let background = format!(
        "(until [ -e go ]; do sleep 0.01; done; {}; echo > went) >/dev/null 2>&1 & sleep 1000 >/dev/null 2>&1 &",
        request(&host.authority())
    );
    let replies = vec![
        shell(&background),
        Reply::say("one"),
        Reply::call("write_file", json!({"file_path": "go", "content": ""})),
        shell("until [ -e went ]; do sleep 0.01; done"),
        Reply::say("two"),
    ];
    let server = server(Backend::Sqlite, &host, replies).await;
    let id = server.api.create(&message("x")).await;
    server.api.finished(&id).await;
    assert_eq!(receipts(&rows(&server, &id).await, 1), []);
    server.api.follow_up(&id, &message("more")).await.data();
    server.api.finished(&id).await;
    let found = receipts(&rows(&server, &id).await, 2);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].host.as_str(), found[0].connections),
        ("open.test", 1)
    );
}

#[tokio::test]
async fn a_background_command_that_has_ended_runs_no_more_for_the_receipts() {
    let host = WebHost::start().await;
    let replies = vec![
        Reply::call(
            "run_shell_command",
            json!({"command": "true", "is_background": true}),
        ),
        shell(&request(&host.authority())),
        Reply::say("done"),
    ];
    let server = server(Backend::Sqlite, &host, replies).await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    let calls = &task["output"]["toolCalls"];
    let output = calls[0]["output"].as_str().unwrap();
    assert!(output.contains("ended, exit code 0"), "{output}");
    let found = receipts(&rows(&server, &id).await, 1);
    assert_eq!(found.len(), 1, "{found:?}");
    let whose = found[0].call_id.as_ref().map(ToString::to_string);
    assert_eq!(whose.as_deref(), calls[1]["callId"].as_str());
}

#[tokio::test]
async fn a_session_that_has_passed_what_it_may_connects_no_more() {
    let host = WebHost::start().await;
    let again = format!("{}; echo", request(&host.authority()));
    let replies = vec![shell(&again), shell(&again), Reply::say("done")];
    let server = TestServer::builder()
        .network(sandbox::NetworkMode::Full)
        .connector(host.connector())
        // Enough for the request, not for the answer.
        .egress_bytes(80)
        .script(replies)
        .start()
        .await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    let output = |at: usize| task["output"]["toolCalls"][at]["output"].to_string();
    assert!(
        output(1).contains("403") && output(1).contains("limit"),
        "{task}"
    );
    let found = receipts(&rows(&server, &id).await, 1);
    let told: Vec<_> = found
        .iter()
        .map(|receipt| {
            let reason = receipt.reason.as_ref().unwrap();
            (receipt.decision, reason.starts_with("limit: "))
        })
        .collect();
    let wanted = [
        (EgressDecision::Allowed, true),
        (EgressDecision::Refused, true),
    ];
    assert_eq!(told, wanted, "{found:?}");
}
