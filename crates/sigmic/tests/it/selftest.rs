//! `sigmic selftest auth`: against this server, against two, and against one that is not sound.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use testkit::TestDatabase;

use crate::program::postgres_url;
use crate::support::{Home, Said, wait};

/// What is told for programs: the cases, and the sum at the end.
fn told(said: &Said) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sum = lines.pop().unwrap();
    (lines, sum)
}

fn failed(cases: &[Value]) -> Vec<&Value> {
    cases.iter().filter(|case| case["ok"] == false).collect()
}

#[test]
fn every_case_ends_as_it_must_and_nothing_stays() {
    let home = Home::new();
    let _server = home.serve();
    let before = home.json(&["keys", "list", "--json"]);
    let said = home.say(&["selftest", "auth", "--json", "--rounds", "1"]);
    let (cases, sum) = told(&said);
    assert_eq!(failed(&cases), [&Value::Null; 0], "{}", said.err);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(sum["passed"].as_u64().unwrap() > 380, "{sum}");
    assert_eq!(sum["skippedGroups"], 0);
    assert_eq!(home.json(&["keys", "list", "--json"]), before);
    assert_eq!(
        home.json(&["widgets", "list", "--json"]),
        Value::Array(vec![])
    );
}

#[test]
fn tokens_that_are_switched_off_are_said_to_be_left_out() {
    let home = Home::new().with("SIGMIC_SIGNING", "off");
    let _server = home.serve();
    let said = home.say(&["selftest", "auth", "--rounds", "1"]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains("skip  token"), "{}", said.out);
    assert!(
        said.out.ends_with("0 failed, 1 groups skipped\n"),
        "{}",
        said.out
    );
}

#[test]
fn nobody_who_was_cut_off_is_let_in_by_another_server() {
    let database = wait(TestDatabase::create());
    let url = postgres_url(database.url());
    let home = || {
        let master = "5d".repeat(32);
        let home = Home::new().with("SIGMIC_DATABASE_URL", &url);
        home.with("SIGMIC_MASTER_KEY", &master)
    };
    let (one, other) = (home(), home());
    let (first, second) = (one.serve(), other.serve());
    let servers = ["--url", first.url.as_str(), "--url", second.url.as_str()];
    let mut arguments = vec!["selftest", "auth", "--json"];
    arguments.extend(servers);
    let said = one.say(&arguments);
    let (cases, _) = told(&said);
    assert_eq!(said.code, Some(0), "{:?} {}", failed(&cases), said.err);
    let races: Vec<_> = cases
        .iter()
        .filter(|case| case["group"] == "race")
        .collect();
    // Five kinds of callers, each with what was counted.
    assert_eq!(races.len(), 10, "{races:?}");
    for note in races.iter().filter_map(|race| race["note"].as_str()) {
        assert!(
            note.contains("600 begun after the acknowledgement, 0 of these"),
            "{note}"
        );
    }
}

/// A server that remembers what was answered to whom, as a careless gateway does.
fn caching_proxy(behind: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let behind = behind.strip_prefix("http://").unwrap().to_owned();
    let cache = Arc::new(Mutex::new(HashMap::new()));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (behind, cache) = (behind.clone(), Arc::clone(&cache));
            std::thread::spawn(move || relay(stream.unwrap(), &behind, &cache));
        }
    });
    format!("http://{address}")
}

/// One request on a connection; the first success for the same head is the answer for ever.
fn relay(
    mut caller: TcpStream,
    behind: &str,
    cache: &Mutex<HashMap<Vec<u8>, Vec<u8>>>,
) -> Option<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 65_536];
    let body = loop {
        let read = caller.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let end = request.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if request.len() >= whole {
                break end;
            }
        }
    };
    let known = cache.lock().unwrap().get(&request).cloned();
    let answer = if let Some(answer) = known {
        answer
    } else {
        let mut server = TcpStream::connect(behind).ok()?;
        let mut asked = request[..body].to_vec();
        asked.extend_from_slice(b"\r\nconnection: close");
        asked.extend_from_slice(&request[body..]);
        server.write_all(&asked).ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).ok()?;
        if request.starts_with(b"GET /api/v1/tasks") && answer.starts_with(b"HTTP/1.1 200") {
            cache.lock().unwrap().insert(request, answer.clone());
        }
        answer
    };
    caller.write_all(&answer).ok()
}

#[test]
fn a_deployment_that_remembers_who_was_let_in_fails() {
    let home = Home::new();
    let server = home.serve();
    let proxy = caching_proxy(&server.url);
    let said = home.say(&[
        "selftest", "auth", "--json", "--rounds", "1", "--url", &proxy,
    ]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let (cases, sum) = told(&said);
    let names: Vec<_> = failed(&cases)
        .iter()
        .map(|case| case["case"].as_str().unwrap().to_owned())
        .collect();
    for name in [
        "a disabled key",
        "a revoked key",
        "a token cut off",
        "a token of a disabled app",
        "a key, revoked",
        "a token, cut off",
        "an end user, blocked",
        "an app, disabled",
    ] {
        assert!(
            names.iter().any(|failed| failed == name),
            "{name}: {names:?}"
        );
    }
    assert_eq!(sum["failed"].as_u64(), Some(names.len() as u64));
    assert_eq!(
        home.json(&["widgets", "list", "--json"]),
        Value::Array(vec![])
    );
}
