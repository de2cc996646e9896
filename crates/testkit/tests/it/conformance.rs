//! `docs/reference/conformance.md` lists numbered checks of what clients see and the tests that
//! show them. A test shows a check by carrying its number: `contract_061_…`, or several:
//! `contract_061_062_…`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::repository::{files_ending, read};

/// Number → what is checked, and the tests that the document names for it.
fn documented() -> BTreeMap<u32, (String, BTreeSet<String>)> {
    let text = read("docs/reference/conformance.md");
    let mut documented = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(number) = cells[0].parse::<u32>() else {
            continue;
        };
        let [_, check, tests] = cells[..] else {
            panic!("three cells in {line:?}")
        };
        assert!(!check.is_empty(), "{number} says what is checked");
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        let before = documented.insert(number, (check.to_owned(), tests.collect()));
        assert_eq!(before, None, "{number} is listed once");
    }
    documented
}

/// `crate::module::test_name` of every test that carries numbers.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for file in files_ending(".rs") {
        let Some(module) = module_of(&file.path) else {
            continue;
        };
        let names = file.text.lines().filter_map(test_name);
        tests.extend(names.map(|name| format!("{module}::{name}")));
    }
    tests
}

/// `crate::module` of a source file: the crate's directory and the file's own name.
fn module_of(path: &str) -> Option<String> {
    let (name, rest) = path.strip_prefix("crates/")?.split_once('/')?;
    let inside = rest.starts_with("src/") || rest.starts_with("tests/");
    let stem = Path::new(path).file_stem()?.to_str()?;
    inside.then(|| format!("{name}::{stem}"))
}

/// The name of the test that a line declares, if it carries numbers.
fn test_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line
        .strip_prefix("async ")
        .unwrap_or(line)
        .strip_prefix("fn ")?;
    let name = rest.split('(').next()?;
    name.starts_with("contract_").then_some(name)
}

/// The numbers that a test's name carries.
fn numbers(test: &str) -> Vec<u32> {
    let (_, name) = test.rsplit_once("::").unwrap_or(("", test));
    let words = name.strip_prefix("contract_").unwrap_or(name).split('_');
    words
        .take_while(|word| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|word| word.parse().unwrap())
        .collect()
}

#[test]
fn every_check_has_its_tests_and_every_test_its_check() {
    let mut shown: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for test in tests() {
        let numbers = numbers(&test);
        assert!(!numbers.is_empty(), "{test} carries no number");
        for number in numbers {
            shown.entry(number).or_default().insert(test.clone());
        }
    }
    let documented = documented();
    let mut wrong = Vec::new();
    for (number, tests) in &shown {
        match documented.get(number) {
            None => wrong.push(format!("{number:03} is not listed, and {tests:?} carry it")),
            Some((check, listed)) if listed != tests => wrong.push(row(*number, check, tests)),
            Some(_) => {}
        }
    }
    let unshown = documented
        .keys()
        .filter(|number| !shown.contains_key(number));
    wrong.extend(unshown.map(|number| format!("no test carries {number:03}")));
    assert!(
        wrong.is_empty(),
        "docs/reference/conformance.md should say:\n{}",
        wrong.join("\n")
    );
}

/// The row that the document should have.
fn row(number: u32, check: &str, tests: &BTreeSet<String>) -> String {
    let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
    format!("| {number:03} | {check} | {} |", tests.join(", "))
}

#[test]
fn names_are_read() {
    assert_eq!(
        test_name("    async fn contract_061_062_a() {"),
        Some("contract_061_062_a")
    );
    assert_eq!(test_name("// fn contract_061_a"), None);
    assert_eq!(test_name("fn other() {"), None);
    assert_eq!(numbers("http::create::contract_061_062_a_200"), [61, 62]);
    assert_eq!(numbers("http::create::contract_a"), [0_u32; 0]);
    assert_eq!(
        module_of("crates/http/tests/it/create.rs").as_deref(),
        Some("http::create")
    );
    assert_eq!(module_of("bench/src/main.rs"), None);
}
