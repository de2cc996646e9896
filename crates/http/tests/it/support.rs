//! What several modules of tests need.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Event, TestServer};

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

/// Waits until a server has put away what it held for its runs: a client hears of a run's end a
/// moment before.
pub(crate) async fn at_rest(server: &TestServer) {
    let empty = async {
        while server.tasks.in_memory() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), empty).await;
    assert!(waited.is_ok(), "{} left", server.tasks.in_memory());
}

/// Processes that stand in this directory, seen from the host.
pub(crate) fn processes_at(workspace: &std::path::Path) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let wanted = std::fs::metadata(workspace).unwrap();
    pids()
        .filter(|pid| {
            std::fs::metadata(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| (cwd.dev(), cwd.ino()) == (wanted.dev(), wanted.ino()))
        })
        .count()
}

/// Every process of the host.
pub(crate) fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
