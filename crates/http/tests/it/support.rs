//! What several modules of tests need.

use serde_json::{Value, json};
use testkit::Event;

/// A body with a message and nothing else.
pub(crate) fn message(text: &str) -> Value {
    json!({"message": text})
}

/// The call that an event is about.
pub(crate) fn call_of(event: &Event) -> String {
    event.data["callId"]
        .as_str()
        .expect("the event is about a call")
        .to_owned()
}

/// The calls that events are about, in the order of their first.
pub(crate) fn call_ids(events: &[Event]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for event in events
        .iter()
        .filter(|event| event.data["callId"].is_string())
    {
        let id = call_of(event);
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
