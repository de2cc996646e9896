//! What several modules of tests need.

use serde_json::{Value, json};
use testkit::{Answer, Api, Event, TestServer, send};

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

/// Waits until a server holds nothing of any task in memory: the end of a run is told a moment
/// before its worker lets go of it.
pub(crate) async fn settled(server: &TestServer) {
    let empty = async {
        while server.tasks.in_memory() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, empty)
        .await
        .expect("finished tasks leave no memory");
}

/// A form with a message and files, as the documented clients send it.
pub(crate) fn form(text: &str, files: &[(&str, &[u8])]) -> reqwest::multipart::Form {
    let form = reqwest::multipart::Form::new().text("message", text.to_owned());
    files.iter().fold(form, |form, (name, bytes)| {
        let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name((*name).to_owned());
        form.part("files", part)
    })
}

/// Posts a form.
pub(crate) async fn post_form(api: &Api, path: &str, form: reqwest::multipart::Form) -> Answer {
    send(api.request(reqwest::Method::POST, path).multipart(form)).await
}

/// Paths and sizes of a task's artifacts, as listed.
pub(crate) async fn artifacts(api: &Api, id: &str) -> Vec<(String, u64)> {
    let data = api.get(&format!("/api/v1/tasks/{id}/artifacts")).await;
    let files = data.data()["files"].as_array().unwrap().clone();
    let listed = files.iter().map(|file| {
        let path = file["path"].as_str().unwrap().to_owned();
        (path, file["size"].as_u64().unwrap())
    });
    listed.collect()
}

/// Lets everything else go on until `done`.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    let waited = tokio::time::timeout(patience, waiting).await;
    waited.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Whether no file of a request is left.
pub(crate) fn nothing_staged(server: &TestServer) -> bool {
    let processes = std::fs::read_dir(server.staging()).into_iter().flatten();
    processes.flatten().all(|process| {
        std::fs::read_dir(process.path()).is_ok_and(|mut left| left.next().is_none())
    })
}

/// The most memory that this process has had, in KiB.
pub(crate) fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// Says by how much the peak has grown, and that it is within the limit for files in and out.
#[expect(clippy::print_stderr, reason = "a measurement run by hand is told")]
pub(crate) fn tell_growth(before: u64, bytes: usize) {
    let grown = peak_kib() - before;
    eprintln!("{bytes} bytes: peak memory grew by {grown} KiB, client included");
    assert!(grown < 64 * 1024);
}
