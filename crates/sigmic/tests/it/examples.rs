//! The programs in `examples/`, unchanged, against a server with the built-in model.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::{Place, Program};
use crate::support::Killed;

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

/// Runs a token backend of the examples against a server with a widget app; answers the token that
/// a signed-in user gets, and what others get.
async fn token_of_backend(program: &Program, place: &Place, interpreter: &str, script: &str) {
    let project = place.say_json(&["admin", "create-project", "--name", "Shop", "--json"]);
    let project = project["id"].as_str().unwrap();
    let create = [
        "admin",
        "create-widget-app",
        "--project",
        project,
        "--name",
        "s",
        "--json",
    ];
    let app = place.say_json(&create);
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut command = Command::new(interpreter);
    command
        .arg(root.join(script))
        .env("SIGMIC_BASE_URL", program.api.url(""))
        .env("SIGMIC_APP_ID", app["appId"].as_str().unwrap())
        .env("SIGMIC_APP_SECRET", app["appSecret"].as_str().unwrap())
        .env("PORT", "0")
        .stdout(Stdio::piped());
    let mut backend = Killed(command.spawn().unwrap());
    let mut url = String::new();
    let mut lines = BufReader::new(backend.0.stdout.take().unwrap());
    lines.read_line(&mut url).unwrap();
    let backend_api = program.api.at(url.trim());
    let ask = |path: &'static str, cookie: &'static str| {
        let request = backend_api.bare(reqwest::Method::POST, path);
        testkit::send(request.header("cookie", cookie))
    };
    let answer = ask("/my/chat-token", "a=b; user=ana").await;
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let user = program.api.with_key(&token);
    let id = user
        .create(&serde_json::json!({"message": "What is 2 + 2?"}))
        .await;
    assert_eq!(user.finished(&id).await["output"]["content"], "2 + 2 = 4.");
    assert_eq!(user.task(&id).await["username"], "ana");
    assert_eq!(ask("/my/chat-token", "a=b").await.status, 401);
    assert_eq!(ask("/other", "user=ana").await.status, 404);
}

#[tokio::test]
async fn the_token_backend_in_node() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    token_of_backend(&program, &place, "node", "node/token-backend.mjs").await;
}

#[tokio::test]
async fn the_token_backend_in_python() {
    let place = Place::sqlite();
    let program = Program::start_demo(&place);
    token_of_backend(&program, &place, "python3", "python/token_backend.py").await;
}
