//! A conversation that was summarized, and a server that is killed after that.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Gate, ModelServer, RecordedRequest, Reply, Script};

use crate::crash::follow;
use crate::program::{Place, Program};

/// The turn in which the server is killed: long after the first summaries.
const KILLED_AT: usize = 60;
const TURNS: usize = 80;
const FACT: &str = "The code word is heron.";

fn wants_summary(request: &RecordedRequest) -> bool {
    request.tool_names().is_empty()
}

fn script(gate: &Gate) -> Script {
    let (turn, gate) = (AtomicUsize::new(0), gate.clone());
    Script::respond(move |request| {
        if wants_summary(request) {
            let known = request.last_user_text().contains(FACT);
            return Reply::say(if known { FACT } else { "nothing" });
        }
        let number = turn.fetch_add(1, Ordering::Relaxed) + 1;
        if number == KILLED_AT {
            return Reply::new().hang(&gate);
        }
        if number > TURNS {
            return Reply::say("done");
        }
        let text = if number == 1 {
            FACT.to_owned()
        } else {
            format!("{number} {}", "x".repeat(500))
        };
        let todo = json!({"description": text, "status": "pending"});
        Reply::call("write_todos", json!({"todos": [todo]}))
    })
}

async fn killed_after_a_summary_the_very_same_is_asked(place: Place) {
    let place = place.with("SIGMIC_CONTEXT_TOKENS", "8192");
    let gate = Gate::new();
    let model = ModelServer::start(script(&gate)).await;
    let program = Program::start(&place, &model).await;
    let id = program.api.create(&json!({"message": "Work on."})).await;
    let asked = |count: usize| {
        let requests = model.requests().into_iter();
        let mut turns = requests.filter(|request| !wants_summary(request));
        turns.nth(count - 1)
    };
    let mut arrived = 0;
    while asked(KILLED_AT).is_none() {
        arrived = model.wait_for_requests(arrived + 1).await.len();
    }
    program.kill();

    let program = Program::start(&place, &model).await;
    follow(&program.api, &id, None).await;
    assert_eq!(program.api.task(&id).await["status"], "completed");
    let (before, after) = (asked(KILLED_AT).unwrap(), asked(KILLED_AT + 1).unwrap());
    assert_eq!(before.body, after.body, "asked again, byte for byte");
    let shown: Vec<Value> = after.messages();
    let first = shown[1]["content"].as_str().unwrap();
    assert!(
        first.contains(FACT) && first.ends_with("Work on."),
        "{first}"
    );
    let last = asked(TURNS + 1).unwrap();
    assert!(
        last.messages()[1]["content"]
            .as_str()
            .unwrap()
            .contains(FACT)
    );
}

#[tokio::test]
async fn on_sqlite() {
    killed_after_a_summary_the_very_same_is_asked(Place::sqlite()).await;
}

#[tokio::test]
async fn on_postgres() {
    killed_after_a_summary_the_very_same_is_asked(Place::postgres().await).await;
}
