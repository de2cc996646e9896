//! The pages people begin with are true.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Home;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of a page that are marked `sh`, joined.
fn script(page: &str) -> String {
    let mut script = String::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}

/// Runs the blocks of a page against a fresh server; answers what they said.
fn run(page: &str, home: &Home) -> String {
    let page = std::fs::read_to_string(root().join("docs/guide").join(page)).unwrap();
    let server = home.serve();
    let output = Command::new("sh")
        .args(["-eu", "-c", &script(&page)])
        .env("BASE_URL", &server.url)
        .env("SIGMIC_API_KEY", home.key())
        .envs(home.variables())
        .current_dir(home.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn the_quickstart_works_as_it_stands() {
    let said = run("quickstart.md", &Home::new());
    // Whether an answer is still streamed or is history already, it is there.
    for expected in [
        "17 * 23 = 391.",
        "391 + 9 = 400.",
        "\"approved\":true",
        "[DIR] downloads",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn the_page_about_files_works_as_it_stands() {
    let home = Home::new();
    let said = run("files.md", &home);
    for expected in [
        "42",
        r#"{"name":"total.txt","path":"downloads/total.txt","size":2,"mimeType":"text/plain","category":"text""#,
        r#""path":"uploads/sales.csv","size":31,"mimeType":"text/csv","category":"csv""#,
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(std::fs::read(home.path("total.txt")).unwrap(), b"42");
    let archive = std::fs::read(home.path("uploads.zip")).unwrap();
    assert!(archive.starts_with(b"PK\x03\x04"));
}

#[test]
fn the_page_about_tools_works_as_it_stands() {
    let said = run("tools.md", &Home::new());
    for expected in [
        "Started in the background as bg-1.",
        "bg-1 (running, started ",
        "listening",
        "bg-1 was stopped.",
        "Remembered: Amounts are in Swiss francs.",
        "169.254.169.254: it is at a link-local address",
        "Web search is not configured on this server.",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn the_page_about_widgets_works_as_it_stands() {
    let home = Home::new();
    let create = [
        "admin",
        "create-key",
        "--name",
        "setup",
        "--class",
        "management",
        "--json",
    ];
    home.json(&["admin", "bootstrap", "--json"]);
    let made = home.json(&create);
    let home = home.with("MANAGEMENT_KEY", made["key"].as_str().unwrap());
    let said = run("widgets.md", &home);
    for expected in [
        r#"data: {"finalResponse":"6 * 7 = 42."}"#,
        r#""code":"ORIGIN_NOT_ALLOWED""#,
        r#""endUserId":"user-42""#,
        r#""sessions":1,"streams":0,"runningTasks":0"#,
        r#""code":"INVALID_TOKEN""#,
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("kept-from-everybody"));
}

#[test]
fn links_lead_somewhere() {
    for name in [
        "README.md",
        "docs/guide/quickstart.md",
        "docs/guide/command-line.md",
        "docs/guide/files.md",
        "docs/guide/tools.md",
        "docs/guide/widgets.md",
    ] {
        let path = root().join(name);
        let page = std::fs::read_to_string(&path).unwrap();
        for link in page.split("](").skip(1) {
            let (target, _) = link.split_once(')').unwrap();
            let (file, _) = target.split_once('#').unwrap_or((target, ""));
            if file.is_empty() || file.starts_with("http") {
                continue;
            }
            let there = path.parent().unwrap().join(file);
            assert!(there.exists(), "{name} links to {target}");
        }
    }
}
