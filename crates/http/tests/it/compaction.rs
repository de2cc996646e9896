//! Conversations that outgrow their model's window.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Gate, RecordedRequest, Reply, Script, TestServer, TestServerBuilder, names_of};

use crate::support::message;

/// The window of the model of these tests, in tokens.
const WINDOW: usize = 8_192;
const FACT: &str = "The code word is heron.";

fn builder(script: Script) -> TestServerBuilder {
    let windows = format!("openai/scripted={WINDOW}").parse().unwrap();
    TestServer::builder()
        .script(script)
        .context_windows(windows)
}

/// Whether a request asks for a summary.
fn wants_summary(request: &RecordedRequest) -> bool {
    request.tool_names().is_empty()
}

/// All that a request shows of the conversation, and the system prompt.
fn text_of(request: &RecordedRequest) -> String {
    let messages = request.messages();
    let texts = messages
        .iter()
        .map(|message| message["content"].as_str().unwrap_or_default());
    texts.collect::<Vec<_>>().join("\n")
}

/// A summary that keeps what the conversation says of a code word.
fn summary_of(request: &RecordedRequest) -> Reply {
    let text = text_of(request);
    if text.contains(FACT) {
        Reply::say(format!("Notes. {FACT}")).usage(1_000, 20, 0)
    } else {
        Reply::say("Notes without a word.")
    }
}

/// The requests for turns, each shown to be within the window.
fn turns(server: &TestServer) -> Vec<RecordedRequest> {
    let requests = server.model().requests().into_iter();
    let turns: Vec<_> = requests.filter(|request| !wants_summary(request)).collect();
    for (at, request) in turns.iter().enumerate() {
        let bytes = text_of(request).len() + request.json()["tools"].to_string().len();
        assert!(bytes < WINDOW * 4, "request {at} has {bytes} bytes");
    }
    turns
}

/// Every call of a request has its answer, and every answer its call before it.
fn calls_are_answered(request: &RecordedRequest) {
    let mut open: Vec<String> = Vec::new();
    for message in request.messages() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap();
            assert_eq!(open.first().map(String::as_str), Some(id));
            open.remove(0);
            continue;
        }
        assert!(open.is_empty(), "{open:?} have no answer");
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            open.push(call["id"].as_str().unwrap().to_owned());
        }
    }
}

#[tokio::test]
async fn a_fact_of_the_first_of_two_hundred_messages_is_known_at_the_last() {
    let server = builder(Script::respond(|request| {
        if wants_summary(request) {
            return summary_of(request);
        }
        Reply::say(format!("Understood. {}", "Yes. ".repeat(20)))
    }))
    .start()
    .await;
    let id = server.api.create(&message(FACT)).await;
    server.api.finished(&id).await;
    for number in 2..=200 {
        let text = format!("Message {number}. {}", "And this. ".repeat(20));
        server.api.follow_up(&id, &message(&text)).await.data();
        let task = server.api.finished(&id).await;
        assert_eq!(task["status"], "completed", "{task}");
    }
    let turns = turns(&server);
    assert_eq!(turns.len(), 200);
    for request in &turns {
        assert!(text_of(request).contains(FACT));
    }
    let last = turns.last().unwrap();
    assert!(last.last_user_text().contains("Message 200."));
    assert!(text_of(last).contains("summary of its older part:]\n\nNotes. The code word"));
    let summaries = server.model().requests().len() - turns.len();
    assert!((3..60).contains(&summaries), "{summaries} summaries");
    // What clients see is whole.
    let history = server.api.get(&format!("/api/v1/tasks/{id}/history")).await;
    assert_eq!(history.data()["messages"].as_array().unwrap().len(), 400);
}

/// A call whose output repeats a text.
fn todo(text: &str) -> Value {
    json!({"todos": [{"description": text, "status": "pending"}]})
}

#[tokio::test]
async fn a_run_of_two_hundred_turns_keeps_calls_and_answers_together() {
    let turn = AtomicUsize::new(0);
    let server = builder(Script::respond(move |request| {
        if wants_summary(request) {
            return summary_of(request);
        }
        let number = turn.fetch_add(1, Ordering::Relaxed) + 1;
        match number {
            1 => Reply::call("write_todos", todo(FACT)),
            200 => Reply::say("done"),
            _ => Reply::new()
                .text("Going on.")
                .tool_call(
                    "write_todos",
                    todo(&format!("{number} {}", "x".repeat(200))),
                )
                .tool_call("no_such_tool", json!({"number": number})),
        }
    }))
    .start()
    .await;
    let body = json!({"message": "Work on.", "maxTurns": 300});
    let id = server.api.create(&body).await;
    let task = server.api.finished(&id).await;
    assert_eq!(task["status"], "completed", "{task}");
    let turns = turns(&server);
    assert_eq!(turns.len(), 200);
    for request in &turns {
        calls_are_answered(request);
        assert!(text_of(request).contains("Work on."));
    }
    assert!(
        turns
            .iter()
            .skip(1)
            .all(|request| text_of(request).contains(FACT))
    );
    assert!(server.model().requests().len() > 203);
}

#[tokio::test]
async fn saved_facts_outlive_a_summary_that_forgets_them() {
    let turn = AtomicUsize::new(0);
    let server = builder(Script::respond(move |request| {
        if wants_summary(request) {
            return Reply::say("Nothing happened.");
        }
        match turn.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::call("save_memory", json!({"fact": FACT})),
            number @ 1..=20 => Reply::call(
                "write_todos",
                todo(&format!("{number} {}", "x".repeat(900))),
            ),
            _ => Reply::say("done"),
        }
    }))
    .start()
    .await;
    let id = server.api.create(&message("Remember.")).await;
    server.api.finished(&id).await;
    let last = turns(&server).pop().unwrap();
    assert!(
        !text_of(&last)
            .replacen(&last.system(), "", 1)
            .contains(FACT)
    );
    assert!(last.system().contains(FACT));
}

#[tokio::test]
async fn without_an_answer_a_stand_in_is_made_of_what_was_said() {
    let server = builder(Script::respond(|request| {
        if wants_summary(request) {
            Reply::new()
        } else {
            Reply::say("a".repeat(2_000))
        }
    }))
    .start()
    .await;
    let id = server.api.create(&message(FACT)).await;
    server.api.finished(&id).await;
    for number in 0..20 {
        let text = message(&format!("Message {number}."));
        server.api.follow_up(&id, &text).await.data();
        server.api.finished(&id).await;
    }
    let last = turns(&server).pop().unwrap();
    assert!(text_of(&last).contains(&format!("- The user said: {FACT}")));
    assert!(text_of(&last).contains("- The user said: Message 9."));
}

/// A model that refuses what is larger than so many bytes, as one whose window is not known.
fn small(bytes: usize) -> Script {
    Script::respond(move |request| {
        if text_of(request).len() > bytes {
            return Reply::error(400, "context_length_exceeded", "too long");
        }
        if wants_summary(request) {
            return summary_of(request);
        }
        Reply::say("a".repeat(3_000))
    })
}

#[tokio::test]
async fn a_provider_that_refuses_the_conversation_gets_a_shorter_one_once() {
    let server = TestServer::start(small(30_000)).await;
    let id = server.api.create(&message(FACT)).await;
    server.api.finished(&id).await;
    for _ in 0..25 {
        server.api.follow_up(&id, &message("go on")).await.data();
        assert_eq!(server.api.finished(&id).await["status"], "completed");
    }
    let last = server.model().requests().pop().unwrap();
    assert!(text_of(&last).contains(FACT));

    let server = TestServer::start(small(4_000)).await;
    let id = server
        .api
        .create(&message(&"far too long ".repeat(1_000)))
        .await;
    let events = server.api.events(&id).await;
    assert_eq!(events.last().unwrap().data["code"], "CONTEXT_OVERFLOW");
    assert_eq!(
        server.model().requests().len(),
        1,
        "there was nothing to cut off"
    );
}

#[tokio::test]
async fn one_huge_output_is_shown_in_part() {
    let turn = AtomicUsize::new(0);
    let server = builder(Script::respond(move |request| {
        assert!(!wants_summary(request), "there is nothing to summarize");
        match turn.fetch_add(1, Ordering::Relaxed) {
            0 => {
                let command = json!({"command": "yes long | head -4000"});
                Reply::call("run_shell_command", command)
            }
            _ => Reply::say("done"),
        }
    }))
    .start()
    .await;
    let id = server.api.create(&message("Print.")).await;
    let task = server.api.finished(&id).await;
    assert_eq!(task["status"], "completed");
    let told = &turns(&server)[1].tool_outputs()[0];
    assert!(told.len() > 1_000 && told.len() < 8_000, "{}", told.len());
    assert!(told.contains("bytes left out") && told.starts_with("long\n"));
    let kept = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
    assert_eq!(kept.len(), 20_000, "clients see it whole");
}

#[tokio::test]
async fn a_cancel_ends_a_summary_that_is_being_made() {
    let gate = Gate::new();
    let (first, held) = (AtomicUsize::new(0), gate.clone());
    let server = builder(Script::respond(move |request| {
        if !wants_summary(request) {
            return Reply::say("a".repeat(15_000));
        }
        let reply = summary_of(request);
        if first.fetch_add(1, Ordering::Relaxed) == 0 {
            return Reply::new().text("Not").hang(&held);
        }
        reply
    }))
    .start()
    .await;
    let id = server.api.create(&message(FACT)).await;
    server.api.finished(&id).await;
    server.api.follow_up(&id, &message("go on")).await.data();
    server.model().wait_for_requests(2).await;
    server
        .api
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    assert_eq!(server.api.task(&id).await["status"], "cancelled");
    server.api.follow_up(&id, &message("and on")).await.data();
    assert_eq!(server.api.finished(&id).await["status"], "completed");
    let requests = server.model().requests();
    assert!(wants_summary(&requests[1]) && wants_summary(&requests[2]));
    let last = text_of(&requests[3]);
    assert!(last.contains("Notes. The code word is heron."));
}

#[tokio::test]
async fn a_summary_is_told_to_watchers_and_counted() {
    let server = builder(Script::respond(|request| {
        if wants_summary(request) {
            return summary_of(request);
        }
        Reply::say("a".repeat(9_000))
    }))
    .start()
    .await;
    let id = server.api.create(&message(FACT)).await;
    server.api.finished(&id).await;
    let mut summarized = 0;
    for _ in 0..3 {
        server.api.follow_up(&id, &message("go on")).await.data();
        let mut events = server.api.stream(&id).await;
        let events = events.rest().await;
        let told = events.iter().filter(|event| {
            event.data["message"] == "The conversation was summarized to fit the model's window"
        });
        summarized += told.count();
        assert_eq!(names_of(&events).last(), Some(&"done"));
    }
    assert!(summarized > 0);
    assert_eq!(server.model().requests().len(), 4 + summarized);
}
