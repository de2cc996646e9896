//! `GET /api/v1/tasks/{id}/stream`.

use serde_json::json;
use testkit::{Reply, TestServer, names_of};

#[tokio::test]
async fn a_command_runs_in_the_sandbox_and_its_result_is_streamed() {
    let server = TestServer::start([
        Reply::call(
            "run_shell_command",
            json!({"command": "echo out; id -u; pwd"}),
        ),
        Reply::say("done"),
    ])
    .await;
    let id = server.api.create(&json!({"message": "run"})).await;
    let events = server.api.events(&id).await;
    assert_eq!(
        names_of(&events),
        [
            "history_message",
            "history_done",
            "status",
            "tool_call",
            "tool_result",
            "content",
            "done"
        ]
    );
}
