//! The API reference says what the code does: every code, route, row kind, tool and reserved name
//! of it is compared with the code's own list, both ways.

use std::collections::{BTreeMap, BTreeSet};

use agent::Toolbox;
use model::{JournalEvent, JournalRow, RunErrorCode, RunNumber, Seq, TaskStatus, Timestamp};
use serde_json::{Value, json};
use tasks::Env;
use testkit::{Reply, TestServer};
use wire::{ErrorCode, Projector, Step, StreamEvent};

use crate::support::message;

const REFERENCE: &str = include_str!("../../../../docs/reference/api.md");

/// A row of a table: its cells without the blanks around them.
type Row = Vec<&'static str>;

/// The rows of the first table at or after the line that begins with `start`, without its head.
fn table_at(start: &str) -> Vec<Row> {
    let lines: Vec<&str> = REFERENCE.lines().collect();
    let at = lines.iter().position(|line| line.starts_with(start));
    let at = at.unwrap_or_else(|| panic!("no line begins with {start:?}"));
    let table = lines[at..]
        .iter()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    table
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// What stands between backquotes in a cell.
fn quoted(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

/// The one name in a cell.
fn name(cell: &'static str) -> &'static str {
    let names: Vec<_> = quoted(cell).collect();
    let [name] = names[..] else {
        panic!("one name in {cell:?}")
    };
    name
}

#[test]
fn every_error_code_has_its_row_and_status() {
    let documented: BTreeMap<&str, &str> = table_at("# Errors")
        .iter()
        .map(|row| (name(row[0]), row[1]))
        .collect();
    let coded: BTreeMap<&str, String> = ErrorCode::ALL
        .iter()
        .map(|code| (code.as_str(), code.status().to_string()))
        .collect();
    let coded: BTreeMap<&str, &str> = coded
        .iter()
        .map(|(code, status)| (*code, status.as_str()))
        .collect();
    assert_eq!(documented, coded);
}

#[test]
fn every_code_of_a_failed_run_has_its_row() {
    let documented: BTreeSet<String> = table_at("| Code of an `error` event")
        .iter()
        .map(|row| name(row[0]).to_owned())
        .collect();
    let mut coded: BTreeSet<String> = RunErrorCode::ALL
        .iter()
        .map(|code| json!(code).as_str().unwrap().to_owned())
        .collect();
    coded.insert(wire::TASK_CANCELLED.to_owned());
    assert_eq!(documented, coded);
}

#[test]
fn every_action_of_the_audit_log_has_its_row() {
    let documented: BTreeSet<&str> = table_at("| Action | Target")
        .iter()
        .map(|row| name(row[0]))
        .collect();
    let coded = store::AuditAction::ALL.iter();
    assert_eq!(documented, coded.map(|action| action.as_str()).collect());
}

/// `METHOD /path` of every operation.
fn routes() -> BTreeSet<String> {
    let document = serde_json::to_value(sigmic_http::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_ascii_uppercase()))
    });
    operations.collect()
}

#[test]
fn every_route_has_its_section_and_every_section_its_route() {
    let sections: BTreeSet<String> = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    assert_eq!(sections, routes());
}

/// The first stored row of a kind, from the golden rows.
fn golden(kind: &str, which: usize) -> JournalEvent {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/golden");
    let file = std::fs::read(format!("{directory}/{kind}-v1.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    JournalEvent::decode(kind, 1, &file["payloads"][which].to_string()).unwrap()
}

/// What the projector makes of each row of a run that asked a person and was taken up again: event
/// names, and the status of a `tool_call`.
fn projected(last: JournalEvent) -> BTreeMap<&'static str, BTreeSet<String>> {
    let kinds = [
        "user_message",
        "run_started",
        "notice",
        "model_turn",
        "tool_waiting",
        "tool_decided",
        "run_resumed",
        "tool_started",
        "tool_finished",
        "compacted",
        "egress",
    ];
    let events = kinds.into_iter().map(|kind| golden(kind, 0)).chain([last]);
    let mut projector = Projector::after_cursor(&[], Seq(0));
    let mut projected: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (at, event) in (1..).zip(events) {
        let row = JournalRow {
            seq: Seq(at),
            run: RunNumber::FIRST,
            at: Timestamp::from_millis(at),
            event,
        };
        let Step::Send(frames) = projector.row(&row) else {
            panic!("nothing was previewed")
        };
        let names = projected.entry(row.event.kind()).or_default();
        for frame in frames {
            names.insert(frame.event.name().to_owned());
            if let StreamEvent::ToolCall { status, .. } = frame.event {
                names.insert(status.to_owned());
            }
        }
    }
    projected
}

#[test]
fn every_row_kind_is_mapped_to_the_events_that_it_becomes() {
    let mut coded = projected(golden("run_finished", 0));
    for (kind, names) in projected(golden("run_finished", 1)) {
        coded.entry(kind).or_default().extend(names);
    }
    let known: BTreeSet<String> = coded.values().flatten().cloned().collect();
    let rows = table_at("# From journal to stream");
    let kinds: Vec<&str> = rows.iter().map(|row| name(row[0])).collect();
    assert_eq!(kinds, JournalEvent::KINDS);
    for row in rows {
        let documented: BTreeSet<String> = quoted(row[2])
            .filter(|word| known.contains(*word))
            .map(str::to_owned)
            .collect();
        assert_eq!(documented, coded[name(row[0])], "{}", row[0]);
    }
}

#[test]
fn every_event_has_its_row() {
    let documented: BTreeSet<&str> = table_at("## Events")
        .iter()
        .map(|row| name(row[0]))
        .collect();
    let rows = table_at("# From journal to stream");
    let mut mapped: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row[2])).collect();
    for status in ["processing", "awaiting_approval", "executing"] {
        assert!(mapped.remove(status), "{status}");
    }
    // Of no row: it ends the history.
    assert!(mapped.insert("history_done"));
    assert_eq!(documented, mapped);
}

#[test]
fn every_status_has_its_row() {
    let documented: Vec<&str> = table_at("| Status |")
        .iter()
        .map(|row| name(row[0]))
        .collect();
    let coded: Vec<&str> = TaskStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    assert_eq!(documented, coded);
}

/// Tool → argument → whether it is required.
type Tools = BTreeMap<String, BTreeMap<String, bool>>;

fn coded_tools() -> Tools {
    let mut tools = Tools::new();
    for spec in Toolbox::built_in().specs() {
        let required = spec.parameters["required"].as_array().cloned();
        let required = required.unwrap_or_default();
        let arguments = spec.parameters["properties"].as_object().unwrap().keys();
        let arguments = arguments.map(|name| (name.clone(), required.contains(&json!(name))));
        tools.insert(spec.name, arguments.collect());
    }
    tools
}

#[test]
fn every_tool_is_listed_with_its_arguments() {
    let mut documented = Tools::new();
    let mut tool = "";
    for row in table_at("<!-- tools:begin -->") {
        if !row[0].is_empty() {
            tool = name(row[0]);
        }
        let arguments = documented.entry(tool.to_owned()).or_default();
        if row[1].is_empty() {
            // A tool without any.
            continue;
        }
        let required = match row[2] {
            "yes" => true,
            "" => false,
            other => panic!("{other:?} is neither yes nor empty"),
        };
        assert_eq!(arguments.insert(name(row[1]).to_owned(), required), None);
    }
    assert_eq!(documented, coded_tools());
}

/// Calls in other spellings, and what the output says when they were understood.
const SPELLED_OTHERWISE: &[(&str, &str, &str)] = &[
    (
        "write_file",
        r#"{"absolute_path": "a", "content": "1\n2\n2\n"}"#,
        "Wrote 6",
    ),
    (
        "write_file",
        r#"{"path": "d/b", "content": "x"}"#,
        "Wrote 1",
    ),
    ("list_directory", r#"{"path": "d"}"#, "b (1 bytes)"),
    ("list_directory", r#"{"directory": "d"}"#, "b (1 bytes)"),
    ("read_file", r#"{"absolute_path": "d/b"}"#, "x"),
    ("read_file", r#"{"path": "d/b"}"#, "x"),
    (
        "read_file",
        r#"{"path": "a", "start_line": 2, "end_line": 2}"#,
        "[lines 2–2 of 3",
    ),
    (
        "replace",
        r#"{"absolute_path": "a", "old_string": "2", "new_string": "3", "allow_multiple": true}"#,
        "Replaced 2",
    ),
    (
        "replace",
        r#"{"path": "a", "old_string": "1", "new_string": "0"}"#,
        "Replaced 1",
    ),
    (
        "run_shell_command",
        r#"{"command": "pwd", "directory": "d"}"#,
        "/workspace/d",
    ),
    (
        "run_shell_command",
        r#"{"command": "pwd", "path": "d"}"#,
        "/workspace/d",
    ),
    ("glob", r#"{"pattern": "*", "path": "d"}"#, "d/b"),
    (
        "search_file_content",
        r#"{"pattern": "x", "path": "d", "include_pattern": "b", "exclude": "no*"}"#,
        "d/b",
    ),
    ("read_many_files", r#"{"paths": ["d/b"]}"#, "d/b"),
];

/// Other spellings that are tried elsewhere: these calls need a web server.
const SPELLED_ELSEWHERE: &[(&str, &str)] = &[("web_fetch", "url"), ("web_fetch", "urls")];

#[tokio::test]
async fn every_other_spelling_is_understood() {
    let mut documented: BTreeSet<(String, String)> = BTreeSet::new();
    let mut tool = "";
    for row in table_at("<!-- tools:begin -->") {
        if !row[0].is_empty() {
            tool = name(row[0]);
        }
        documented.extend(quoted(row[4]).map(|other| (tool.to_owned(), other.to_owned())));
    }
    let told = coded_tools();
    let elsewhere = SPELLED_ELSEWHERE.iter();
    let elsewhere = elsewhere.map(|(tool, other)| ((*tool).to_owned(), (*other).to_owned()));
    let mut tried: BTreeSet<_> = elsewhere.collect();
    let mut proposed = Reply::new();
    for (tool, args, _) in SPELLED_OTHERWISE.iter().copied() {
        let args: Value = serde_json::from_str(args).unwrap();
        let names = args.as_object().unwrap().keys().cloned();
        let others = names.filter(|name| !told[tool].contains_key(name));
        tried.extend(others.map(|other| (tool.to_owned(), other)));
        proposed = proposed.tool_call(tool, args);
    }
    assert_eq!(tried, documented);
    let server = TestServer::start([proposed, Reply::say("ok")]).await;
    let id = server.api.create(&message("hi")).await;
    let task = server.api.finished(&id).await;
    let made = task["output"]["toolCalls"].as_array().unwrap();
    assert_eq!(made.len(), SPELLED_OTHERWISE.len());
    for (call, (tool, args, expected)) in made.iter().zip(SPELLED_OTHERWISE) {
        let output = call["output"].as_str().unwrap();
        assert_eq!(call["status"], "success", "{tool} {args}: {output}");
        assert!(output.contains(expected), "{tool} {args}: {output}");
    }
}

/// Names that programs give a meaning to.
const USUAL: [&str; 62] = [
    "PATH",
    "HOME",
    "SHELL",
    "USER",
    "PWD",
    "IFS",
    "ENV",
    "BASH_ENV",
    "NODE_USE_ENV_PROXY",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "LD_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "FTP_PROXY",
    "LOGNAME",
    "OLDPWD",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TERM",
    "TZ",
    "TMPDIR",
    "TMP",
    "TEMP",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MAIL",
    "HOSTNAME",
    "SHLVL",
    "PS1",
    "PS4",
    "CDPATH",
    "GLOBIGNORE",
    "PROMPT_COMMAND",
    "BASH",
    "BASHOPTS",
    "SHELLOPTS",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "DISPLAY",
    "SSH_AUTH_SOCK",
    "GIT_DIR",
    "GIT_SSH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "NODE_OPTIONS",
    "NODE_PATH",
    "RUST_LOG",
    "RUSTFLAGS",
    "CARGO_HOME",
    "JAVA_HOME",
    "JAVA_TOOL_OPTIONS",
    "PERL5OPT",
    "RUBYOPT",
    "SIGMIC_MODEL",
    "OPENAI_API_KEY",
];

/// Whether the table says that a name is reserved.
fn documented_as_reserved(rows: &[Row], wanted: &str) -> bool {
    rows.iter().any(|row| {
        let reserved = name(row[0]);
        match (reserved.strip_suffix('*'), row[1]) {
            (Some(prefix), "exact") => wanted.starts_with(prefix),
            (None, "exact") => wanted == reserved,
            (None, "any") => wanted.eq_ignore_ascii_case(reserved),
            (_, case) => panic!("{reserved}: {case:?} is no case"),
        }
    })
}

#[test]
fn reserved_names_are_those_that_are_refused() {
    let rows = table_at("<!-- reserved:begin -->");
    let listed = rows.iter().map(|row| name(row[0]).trim_end_matches('*'));
    for usual in USUAL.into_iter().chain(listed) {
        let mixed = usual[..1].to_owned() + &usual[1..].to_ascii_lowercase();
        for variable in [usual.to_owned(), usual.to_ascii_lowercase(), mixed] {
            let refused = Env::parse(&json!({variable.clone(): "x"})).is_err();
            assert_eq!(
                refused,
                documented_as_reserved(&rows, &variable),
                "{variable}"
            );
        }
    }
}

#[test]
fn limits_are_the_codes() {
    let documented: BTreeMap<&str, &str> = table_at("# Limits")
        .iter()
        .map(|row| (row[0], row[1]))
        .collect();
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    let stands = |what: &str, limit: &str| {
        assert!(documented[what].starts_with(limit), "{what}: {limit}");
    };
    stands(
        "output of a call that the model sees",
        &kib(model::MODEL_OUTPUT_BYTES),
    );
    stands(
        "output of a call that clients see, in events, `toolCalls` and history",
        &kib(model::WIRE_OUTPUT_BYTES),
    );
    let config = sigmic_http::HttpConfig::default();
    let body = config.max_body_bytes / 1024 / 1024;
    stands("request body", &format!("{body} MiB"));
    let heartbeat = format!("Every {} s the connection", config.heartbeat.as_secs());
    assert!(REFERENCE.contains(&heartbeat), "{heartbeat}");
}

/// The OpenAPI document, in full: what changes in it is a change of the API.
#[test]
fn openapi_document() {
    let document: Value = serde_json::to_value(sigmic_http::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let pretty = serde_json::to_string_pretty(&document).unwrap();
    insta::assert_snapshot!("openapi", pretty);
}
