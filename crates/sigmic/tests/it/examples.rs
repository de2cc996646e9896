//! The programs in `examples/`, unchanged, against a server with the built-in model.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::{Place, Program};

/// Runs a program of the examples; answers what it printed.
async fn run(program: &Program, interpreter: &str, script: &str, arguments: &[&str]) -> String {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut command = Command::new(interpreter);
    command
        .arg(root.join(script))
        .args(arguments)
        .env("SIGMIC_API_KEY", &program.key)
        .env("SIGMIC_BASE_URL", program.api.url(""))
        .env_remove("http_proxy")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {printed}\n{complained}");
    printed
}

/// The events of a stream as curl prints it.
fn events(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect()
}

#[tokio::test]
async fn contract_247_the_three_steps_with_curl() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    let printed = run(&program, "sh", "curl/quickstart.sh", &[]).await;
    assert!(
        printed.starts_with(r#"{"success":true,"data":{"id":""#),
        "{printed}"
    );
    let steps: Vec<&str> = printed
        .split(r#"{"success":true,"data":{"status":"running"}}"#)
        .collect();
    let [first, second] = steps.as_slice() else {
        panic!("{printed}")
    };
    let expected = [
        "history_message",
        "history_done",
        "status",
        "content",
        "done",
    ];
    assert_eq!(events(first), expected);
    assert!(first.contains(r#"data: {"messageCount":1,"isStreaming":true}"#));
    assert!(first.contains(r#"data: {"text":"12 + 30 = 42.","isPartial":false}"#));
    assert!(first.contains(r#"data: {"finalResponse":"12 + 30 = 42."}"#));
    assert_eq!(events(second)[..3], ["history_message"; 3]);
    assert!(
        second.contains(r#"data: {"finalResponse":"42 * 10 = 420."}"#),
        "{second}"
    );
}

#[tokio::test]
async fn contract_248_the_minimal_node_program() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    let printed = run(
        &program,
        "node",
        "node/quickstart.mjs",
        &["What is 6 times 7?"],
    )
    .await;
    assert_eq!(printed, "6 * 7 = 42.\n");
}

#[tokio::test]
async fn contract_249_the_node_client() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    let printed = run(&program, "node", "node/client.mjs", &[]).await;
    let lines: Vec<&str> = printed.lines().collect();
    let expected = [
        "2 + 3 = 5.",
        "5 * 4 = 20.",
        "9 - 4 = 5.",
        "Sum of b in `uploads/table.csv` over 2 rows = 6.",
        "list_directory: approved",
        "This is in `.`:",
        "2 of 4 tasks",
        "completed: 5 * 4 = 20.",
        "Task cancelled",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn contract_063_250_the_python_client() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    let printed = run(&program, "python3", "python/client.py", &[]).await;
    let lines: Vec<&str> = printed.lines().collect();
    let expected = [
        "8 + 9 = 17.",
        "17 * 2 = 34.",
        "Sum of b in `uploads/table.csv` over 2 rows = 6.",
        "list_directory approved: True",
        "This is in `.`:",
        "2 of 3 tasks",
        "Task cancelled",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn contract_252_manual_approval_with_curl() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    let printed = run(&program, "sh", "curl/approve.sh", &[]).await;
    let (answer, stream) = printed.split_once('\n').unwrap();
    assert_eq!(answer, r#"{"success":true,"data":{"approved":true}}"#);
    let names = events(stream);
    assert!(
        names.contains(&"tool_result") && names.last() == Some(&"done"),
        "{names:?}"
    );
    assert!(stream.contains(r#""type":"tool_call","data":{"callId":"#));
}

#[tokio::test]
async fn contract_251_a_slow_task_is_cancelled_and_a_fast_one_is_not() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    let printed = run(&program, "node", "node/cancel.mjs", &[]).await;
    let mut lines: Vec<&str> = printed.lines().collect();
    // The stream may end a moment before the cancel is answered.
    lines.sort_unstable();
    assert_eq!(lines, ["cancelled", "fast task: done", "slow task: error"]);
}

#[tokio::test]
async fn contract_253_artifacts_are_listed_and_downloaded_with_curl() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    let printed = run(&program, "sh", "curl/artifacts.sh", &[]).await;
    assert!(
        printed.contains("\"path\": \"downloads/sorted.csv\""),
        "{printed}"
    );
    assert!(
        printed.contains("\"path\": \"uploads/prices.csv\""),
        "{printed}"
    );
    assert!(
        printed.ends_with("book,12\npen,2\nitem,price\n"),
        "{printed}"
    );
}
