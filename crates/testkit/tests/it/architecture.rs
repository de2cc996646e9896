//! ARCHITECTURE.md says which crates there are and which way they may see each other.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::repository::{files_ending, read, root};

/// The reasons for which a crate may exist.
const REASONS: [&str; 3] = ["forbids a direction", "fences off", "is used alone"];

/// Crate → the crates of ours that it uses. `None`: everything.
type Uses = BTreeMap<String, Option<BTreeSet<String>>>;

fn documented() -> Uses {
    let text = read("ARCHITECTURE.md");
    let (_, table) = text.split_once("<!-- crates:begin -->").unwrap();
    let (table, _) = table.split_once("<!-- crates:end -->").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, uses] = cells[..] else {
            panic!("three cells in {line:?}")
        };
        let uses = match uses {
            "everything" => None,
            "–" => Some(BTreeSet::new()),
            list => Some(list.split(", ").map(str::to_owned).collect()),
        };
        (name.trim_matches('`').to_owned(), uses)
    };
    rows.map(row).collect()
}

/// Crate → the crates of ours among its normal dependencies.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut used = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let dependencies = package["dependencies"].as_array().unwrap();
        let normal = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        let ours = normal.filter_map(|dependency| short(&dependency["name"]));
        used.insert(short(&package["name"]).unwrap(), ours.collect());
    }
    used
}

/// The name of a crate of ours without its prefix; the binary has none.
fn short(name: &Value) -> Option<String> {
    match name.as_str().unwrap() {
        "sigmic" => Some("sigmic".to_owned()),
        name => name.strip_prefix("sigmic-").map(str::to_owned),
    }
}

#[test]
fn crates_use_what_the_table_says_and_nothing_else() {
    let mut documented = documented();
    for (name, uses) in used() {
        assert!(!uses.contains("testkit"), "{name} ships what tests use");
        let allowed = documented.remove(&name);
        let allowed = allowed.unwrap_or_else(|| panic!("{name} has no row in ARCHITECTURE.md"));
        if let Some(allowed) = allowed {
            assert_eq!(uses, allowed, "what {name} uses, and what its row says");
        }
    }
    assert!(
        documented.is_empty(),
        "rows without a crate: {documented:?}"
    );
}

#[test]
fn every_crate_says_why_it_exists() {
    for file in files_ending("src/lib.rs") {
        let docs: Vec<&str> = file
            .text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .take_while(|line| !line.is_empty())
            .map(str::trim)
            .collect();
        let docs = docs.join(" ");
        assert!(
            REASONS.iter().any(|reason| docs.contains(reason)),
            "{}: the first paragraph names none of {REASONS:?}",
            file.path
        );
    }
}

/// What is read here must be understandable alone: no path of the machine it was written on.
#[test]
fn nothing_points_outside_the_repository() {
    // In two pieces, so that this file does not point there itself.
    let outside = [
        concat!("/wo", "rk/"),
        concat!("../", "shared"),
        concat!("/root/", "wt"),
    ];
    for file in crate::repository::files() {
        for needle in outside {
            assert!(
                !file.text.contains(needle),
                "{} mentions {needle}",
                file.path
            );
        }
    }
}
