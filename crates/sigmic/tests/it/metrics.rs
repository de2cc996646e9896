//! The page for Prometheus, on a server that has done some work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::{Home, Server, wait};

/// Name → type and labels.
type Shown = BTreeMap<String, (String, BTreeSet<String>)>;

/// Where a server shows its page.
pub(crate) fn url_of(server: &Server) -> &str {
    let (_, rest) = server.greeting.split_once("  metrics     ").unwrap();
    rest.lines().next().unwrap()
}

fn page_of(server: &Server) -> String {
    let url = url_of(server);
    wait(async { reqwest::get(url).await.unwrap().text().await.unwrap() })
}

fn shown(page: &str) -> Shown {
    let mut shown = Shown::new();
    for line in page.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').unwrap();
            shown.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        }
    }
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line.split_once(['{', ' ']).unwrap();
        let family = shown
            .iter_mut()
            .filter(|(family, _)| name.starts_with(family.as_str()))
            .max_by_key(|(family, _)| family.len());
        let (_, (_, known)) = family.unwrap_or_else(|| panic!("no type for {line}"));
        if let Some((labels, _)) = labels.split_once('}') {
            let names = labels
                .split("\",")
                .filter_map(|label| label.split_once('='));
            known.extend(
                names
                    .map(|(name, _)| name.to_owned())
                    .filter(|name| name != "le"),
            );
        }
    }
    shown
}

/// The table of the reference.
fn documented() -> Shown {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `sigmic_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let labels = cells[2].split(", ").filter(|label| *label != "–");
        let labels = labels.map(|label| label.trim_matches('`').to_owned());
        let name = cells[0].trim_matches('`').to_owned();
        (name, (cells[1].to_owned(), labels.collect()))
    };
    rows.map(row).collect()
}

fn served() -> (Home, Server) {
    // An error says that another test of this process did it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = Home::new();
    let variable = ("SIGMIC_METRICS_LISTEN", "127.0.0.1:0".to_owned());
    let server = home.serve_with(&[variable]);
    (home, server)
}

#[test]
fn the_reference_names_what_is_shown_and_nothing_else() {
    let (home, server) = served();
    let said = home.say(&["run", "Run the command `echo hidden-words`"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let page = page_of(&server);
    assert_eq!(shown(&page), documented(), "{page}");
    for line in [
        r#"sigmic_runs_ended_total{outcome="completed"} 1"#,
        r#"sigmic_runs{state="queued"} 0"#,
        r#"sigmic_tool_call_seconds_count{tool="run_shell_command",outcome="success"} 1"#,
        r#"sigmic_sandbox_start_seconds_count{tier="native"} 1"#,
        r#"sigmic_model_request_seconds_count{model="demo/demo",outcome="answered"} 2"#,
        r#"sigmic_model_first_piece_seconds_count{model="demo/demo"} 2"#,
        r#"sigmic_http_requests_total{method="POST",route="/api/v1/tasks",status="200"} 1"#,
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line} in {page}");
    }
}

#[test]
fn callers_choose_no_label_and_secrets_are_not_shown() {
    let (home, server) = served();
    home.say(&["run", "Run the command `echo hidden-words`"]);
    let listed = home.json(&["tasks", "list", "--json"]);
    let id = listed[0]["id"].as_str().unwrap();
    let key = home.key();
    wait(async {
        let client = reqwest::Client::new();
        let strange = reqwest::Method::from_bytes(b"STRANGE").unwrap();
        let path = format!("{}/strange-path", server.url);
        let call = client.request(strange, path).bearer_auth(&key);
        assert_eq!(call.send().await.unwrap().status(), 404);
        let path = format!("{}/metrics", server.url);
        assert_eq!(client.get(path).send().await.unwrap().status(), 404);
        client
            .get(format!("{}/a%2fb", server.url))
            .send()
            .await
            .unwrap();
    });
    let page = page_of(&server);
    for hidden in [
        id,
        key.as_str(),
        "hidden-words",
        "STRANGE",
        "strange-path",
        "%2f",
    ] {
        assert!(!page.contains(hidden), "{hidden} in {page}");
    }
    let refused = r#"sigmic_http_requests_total{method="none",route="none",status="404"} 1"#;
    assert!(page.contains(refused), "{page}");
}

#[test]
fn what_waits_and_who_reads_is_seen() {
    let (home, server) = served();
    let said = home.say(&["run", "--manual", "List the files here"]);
    assert!(said.err.contains("nobody answers"), "{said:?}");
    let listed = home.json(&["tasks", "list", "--json"]);
    let id = listed[0]["id"].as_str().unwrap();
    let client = server.client(&home.key());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stream = runtime.block_on(client.stream(id, None)).unwrap().unwrap();
    let page = page_of(&server);
    let held = |state: &str| page.contains(&format!("sigmic_runs{{state=\"{state}\"}} 1\n"));
    assert!(held("leased") != held("parked"), "{page}");
    assert!(page.contains("sigmic_stream_readers 1\n"), "{page}");
    drop(stream);
}

#[test]
fn the_page_is_off_and_never_open_unasked() {
    let home = Home::new();
    let server = home.serve();
    assert!(!server.greeting.contains("/metrics"), "{}", server.greeting);
    let open = Home::new().with("SIGMIC_METRICS_LISTEN", "0.0.0.0:0");
    let said = open.say(&["serve"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("--behind-proxy"), "{said:?}");
    let wrong = Home::new().with("SIGMIC_METRICS_LISTEN", "on");
    let said = wrong.say(&["serve"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("metrics_listen"), "{said:?}");
}
