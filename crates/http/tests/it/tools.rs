//! The built-in tools, called by a scripted model.

use serde_json::{Value, json};
use testkit::{Reply, TestServer};

use crate::support::message;

/// Calls tools one after the other in one task; answers status and output of each.
async fn call(calls: &[(&str, Value)]) -> Vec<(String, String)> {
    let mut script: Vec<Reply> = calls
        .iter()
        .map(|(name, args)| Reply::call(name, args.clone()))
        .collect();
    script.push(Reply::say("done"));
    let server = TestServer::start(script).await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let calls = task["output"]["toolCalls"].as_array().unwrap().iter();
    calls
        .map(|call| (text(&call["status"]), text(&call["output"])))
        .collect()
}

fn file(path: &str, content: &str) -> (&'static str, Value) {
    ("write_file", json!({"file_path": path, "content": content}))
}

#[tokio::test]
async fn files_are_found_by_name_and_by_content() {
    let answers = call(&[
        file("src/main.py", "import os\nprint('Needle')\n"),
        file("src/deep/util.py", "def needle():\n    pass\n"),
        file("notes.md", "no such thing\n"),
        file(".gitignore", "build/\n"),
        file("build/out.py", "needle\n"),
        ("glob", json!({"pattern": "**/*.py"})),
        ("glob", json!({"pattern": "*.py", "path": "src"})),
        ("search_file_content", json!({"pattern": "needle"})),
        ("grep_search", json!({"pattern": "needle", "case_sensitive": true, "include_pattern": "*.py", "no_ignore": true})),
        ("search_file_content", json!({"pattern": "needle", "names_only": true})),
        ("search_file_content", json!({"pattern": "print", "before": 1, "fixed_strings": true})),
        ("search_file_content", json!({"pattern": "("})),
        ("read_many_files", json!({"include": ["src/**/*.py", "notes.md"], "exclude": ["**/deep/**"]})),
    ])
    .await;
    let output = |at: usize| {
        assert_eq!(answers[at].0, "success", "{:?}", answers[at]);
        let mut lines: Vec<&str> = answers[at].1.lines().collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(output(5), ["src/deep/util.py", "src/main.py"]);
    assert_eq!(output(6), ["src/deep/util.py", "src/main.py"]);
    assert_eq!(
        output(7),
        [
            "src/deep/util.py:1:def needle():",
            "src/main.py:2:print('Needle')"
        ]
    );
    assert_eq!(
        output(8),
        ["build/out.py:1:needle", "src/deep/util.py:1:def needle():"]
    );
    assert_eq!(output(9), ["src/deep/util.py", "src/main.py"]);
    assert_eq!(
        output(10),
        ["src/main.py-1-import os", "src/main.py:2:print('Needle')"]
    );
    assert_eq!(answers[11].0, "error");
    let many = &answers[12].1;
    assert!(
        many.contains("--- src/main.py ---")
            && many.contains("--- notes.md ---")
            && !many.contains("util")
    );
}

#[tokio::test]
async fn files_are_edited_and_read_in_every_spelling() {
    let answers = call(&[
        file("a.txt", "one\ntwo\nthree\n"),
        (
            "replace",
            json!({"file_path": "a.txt", "old_string": "two", "new_string": "2"}),
        ),
        ("read_file", json!({"absolute_path": "/workspace/a.txt"})),
        (
            "read_file",
            json!({"path": "a.txt", "offset": 1, "limit": 1}),
        ),
        (
            "replace",
            json!({"file_path": "a.txt", "old_string": "four", "new_string": "4"}),
        ),
        (
            "replace",
            json!({"file_path": "new.txt", "old_string": "", "new_string": "made"}),
        ),
        (
            "list_directory",
            json!({"path": "/workspace", "ignore": ["*loads"]}),
        ),
        (
            "write_todos",
            json!({"todos": [{"description": "look", "status": "completed"}]}),
        ),
        (
            "write_file",
            json!({"file_path": "/etc/passwd", "content": "x"}),
        ),
        ("read_file", json!({})),
    ])
    .await;
    let answer = |at: usize| (answers[at].0.as_str(), answers[at].1.as_str());
    assert_eq!(answer(2), ("success", "one\n2\nthree\n"));
    assert_eq!(
        answer(3),
        ("success", "[lines 2–2 of 3; read on with offset 2]\n2")
    );
    assert_eq!(answer(4).0, "error");
    assert_eq!(answer(5).0, "success");
    assert_eq!(
        answer(6),
        ("success", "a.txt (12 bytes)\nnew.txt (4 bytes)")
    );
    assert_eq!(answer(7), ("success", "1. [completed] look"));
    assert_eq!(answer(8).0, "error");
    assert!(answer(9).1.contains("`file_path` is missing"));
}
