//! I: secrets of the server and of tasks.

use serde_json::json;

use super::host;
use super::stand::{Stand, message, shell};
use super::table::{Column, Probe, run};

pub(super) const PROBES: &[Probe] = &[
    run("I1", "the server's environment"),
    run("I2", "a task's secret: in the environment of its commands"),
    run(
        "I3",
        "the same in the host's process list, logs, database, stream, history",
    ),
    run("I4", "the same in the first process"),
    run("I5", "the same from another task"),
    run("I6", "the same in output, plain and in base64"),
    run("I7", "the same after a run that brings other secrets"),
];

/// The halves of a stand's secret: no message of a task holds it whole.
fn halves_of(stand: &Stand) -> [String; 2] {
    let second = format!("-battery-staple-{}", stand.tag);
    ["correct-horse".to_owned(), second]
}

/// How every such secret begins in base64.
const ENCODED: &str = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBs";

const COMMAND: &str = "[ \"$TOKEN\" = \"$A$B\" ] && echo is there; \
    echo \"plain $TOKEN\"; echo \"coded $(printf %s \"$TOKEN\" | base64 -w0)\"; \
    first=$(cat /proc/1/cmdline /proc/1/environ 2>/dev/null | tr '\\0' ' '); \
    [[ $first = *\"$TOKEN\"* ]] && echo in the first; \
    env | grep -e SIGMIC -e OPENAI -e canary -e CARGO && echo of the server; echo end";

pub(super) async fn attack(stand: &Stand, column: &mut Column) {
    let both = halves_of(stand);
    let secret = both.concat();
    let halves = format!("export A={} B={}; ", both[0], both[1]);
    let marker = format!("sleep 2{}", stand.tag);
    let calls = [
        shell(format!("{halves}{COMMAND}")),
        shell(format!("{marker} & wait")),
    ];
    let mut body = message(&calls);
    body["secrets"] = json!({"TOKEN": secret});
    let id = stand.api.create(&body).await;
    let sleeper = host::started(&marker, 1).await;
    while_it_runs(stand, column, &secret, &sleeper).await;
    let path = format!("/api/v1/tasks/{id}");
    stand.api.delete(&path).await.data();
    let mut events = stand.api.stream_from(&id, Some("0")).await;
    events.rest().await;
    let stream = String::from_utf8_lossy(events.raw()).into_owned();
    let history = stand.api.get(&format!("{path}/history")).await.text;
    let ran = stand.ran(id.clone(), String::new()).await;
    let output = &ran.outputs[0];
    column.check("I2", output.contains("is there"), output);
    column.check(
        "I4",
        output.contains("end") && !output.contains("in the first"),
        output,
    );
    column.check(
        "I1",
        output.contains("end") && !output.contains("of the server"),
        output,
    );
    let shown = output.contains("plain ") && output.contains("coded ");
    for form in [secret.as_str(), ENCODED] {
        column.check("I6", shown && !output.contains(form), output);
        let told = stream.contains(form) || history.contains(form);
        column.check("I3", !told, "in the stream or the history");
        let files = host::files_with(&stand.home.path(""), form);
        column.check("I3", files.is_empty(), format!("{files:?}"));
    }
    // The next run brings others; no process has the old one.
    let again = format!("{halves}[ \"$TOKEN\" = \"$A$B\" ] && echo is there; echo end");
    let mut next = message(&[shell(again)]);
    next["secrets"] = json!({"OTHER": "another-secret-of-the-task"});
    stand.api.follow_up(&id, &next).await.data();
    stand.api.finished(&id).await;
    let output = stand
        .ran(id, String::new())
        .await
        .outputs
        .pop()
        .unwrap_or_default();
    let gone = output.contains("end") && !output.contains("is there");
    column.check("I7", gone, output);
    let holders = holders(&secret);
    column.check("I7", holders.is_empty(), format!("{holders:?}"));
}

/// The host, and another task, while a command has the secret.
async fn while_it_runs(stand: &Stand, column: &mut Column, secret: &str, sleeper: &[i32]) {
    let lines = host::processes_with(secret);
    column.check("I3", lines.is_empty(), format!("{lines:?}"));
    let holders = holders(secret);
    let can_look = rustix::process::geteuid().is_root();
    if can_look {
        // The look finds what there is to find: the command, and nobody else.
        let command = sleeper.iter().any(|pid| holders.contains(pid));
        column.check("I2", command, "the command does not have it");
        let server = stand.server.pid().cast_signed();
        column.check("I3", !holders.contains(&server), "the server's environment");
        column.check(
            "I4",
            holders.len() <= 2 * sleeper.len() + 1,
            format!("{holders:?}"),
        );
    }
    let both = halves_of(stand);
    let script = format!(
        "A={} B={}; all=$(cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '); \
         [[ ( -z $all || $all = *A=* ) && $all != *\"$A$B\"* ]]",
        both[0], both[1]
    );
    stand.inside(column, &[("I5", &script)], &[]).await;
}

/// The host's processes whose environment holds a text, as far as this one may look.
fn holders(text: &str) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(text)
        })
        .collect()
}
