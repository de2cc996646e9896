//! The table of crates in ARCHITECTURE.md is true.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// The crates that each crate of the workspace may use, by the table; `None`: any.
fn table() -> BTreeMap<String, Option<Vec<String>>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once("<!-- crates:begin -->").unwrap();
    let (table, _) = rest.split_once("<!-- crates:end -->").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let may = match cells[2] {
            "everything" => None,
            "–" => Some(Vec::new()),
            names => Some(names.split(", ").map(str::to_owned).collect()),
        };
        (cells[0].trim_matches('`').to_owned(), may)
    })
    .collect()
}

/// What each crate of the workspace uses of the others, tests apart.
fn uses() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |name: &Value| {
        name.as_str()
            .unwrap()
            .trim_start_matches("sigmic-")
            .to_owned()
    };
    packages
        .iter()
        .map(|package| {
            let own = package["dependencies"].as_array().unwrap().iter();
            let own = own.filter(|dependency| {
                dependency["path"].is_string() && dependency["kind"].as_str() != Some("dev")
            });
            (
                name(&package["name"]),
                own.map(|one| name(&one["name"])).collect(),
            )
        })
        .collect()
}

#[test]
fn every_crate_uses_only_what_its_row_names() {
    let (table, uses) = (table(), uses());
    let listed: Vec<_> = table.keys().collect();
    let there: Vec<_> = uses.keys().collect();
    assert_eq!(listed, there);
    for (name, used) in &uses {
        if let Some(may) = &table[name] {
            for one in used {
                assert!(may.contains(one), "{name} must not use {one}");
            }
        }
        if name != "testkit" {
            assert!(
                !used.contains(&"testkit".to_owned()),
                "{name} ships testkit"
            );
        }
    }
}
