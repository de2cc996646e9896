//! What the agent saves to be remembered.

use std::sync::Arc;

use serde_json::json;
use testkit::{Reply, TestServer};

use crate::support::message;

fn save(fact: &str) -> Reply {
    Reply::call("save_memory", json!({"fact": fact}))
}

#[tokio::test]
async fn a_saved_fact_is_in_every_later_prompt_of_its_task_and_in_no_others() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let start = async |replies: Vec<Reply>| {
        let builder = TestServer::builder().in_directory(&directory);
        builder.script(replies).start().await
    };
    let server = start(vec![
        save("The user's cat is called Mia."),
        save(""),
        Reply::say("noted"),
        Reply::say("still here"),
        Reply::say("another task"),
    ])
    .await;
    let id = server.api.create(&message("My cat is called Mia.")).await;
    let task = server.api.finished(&id).await;
    let calls = &task["output"]["toolCalls"];
    assert_eq!(
        calls[0]["output"],
        "Remembered: The user's cat is called Mia."
    );
    assert_eq!(calls[1]["status"], "error");
    server.api.follow_up(&id, &message("and now?")).await.data();
    server.api.finished(&id).await;
    let other = server.api.create(&message("hi")).await;
    server.api.finished(&other).await;
    let fact = "earlier in this task:\n- The user's cat is called Mia.";
    let knew = server.model().requests();
    let knew: Vec<bool> = knew
        .iter()
        .map(|asked| asked.system().ends_with(fact))
        .collect();
    assert_eq!(knew, [false, true, true, true, false]);
    server.stop().await;

    let server = start(vec![Reply::say("after the restart")]).await;
    server
        .api
        .follow_up(&id, &message("and then?"))
        .await
        .data();
    server.api.finished(&id).await;
    assert!(server.model().requests()[0].system().ends_with(fact));
}
