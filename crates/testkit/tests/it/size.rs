//! Files stay small enough to be read at one sitting, and the files that name a module's parts are
//! tables of contents. The exceptions only shrink: an entry that is no longer needed, or larger
//! than it must be, fails the test.

use crate::repository::{File, files_ending};

/// Lines of a file at most.
const MAX_LINES: usize = 500;
/// Lines of code in a table of contents at most.
const MAX_CONTENTS: usize = 80;

/// Longer files and their lines.
const LONG: &[(&str, usize)] = &[];

/// Tables of contents that hold functions, and how many.
const WITH_FUNCTIONS: &[(&str, usize)] = &[
    ("crates/llm/src/demo/mod.rs", 8),
    ("crates/llm/src/openai/mod.rs", 4),
    ("crates/sandbox/src/init/mod.rs", 4),
    ("crates/sigmic/src/args/mod.rs", 1),
    ("crates/sigmic/src/commands/serve/mod.rs", 15),
    ("crates/sigmic/src/settings/mod.rs", 6),
    ("crates/store/src/postgres/mod.rs", 9),
    ("crates/store/src/sqlite/mod.rs", 5),
    ("crates/testkit/src/model_server/mod.rs", 13),
];

/// The number that a list of exceptions gives for a file.
fn exception(list: &[(&str, usize)], path: &str) -> usize {
    let entry = list.iter().find(|(excepted, _)| *excepted == path);
    entry.map_or(0, |(_, number)| *number)
}

/// Routers are tables of contents of the URL tree: one function each, which names the routes.
fn is_router(path: &str) -> bool {
    path.starts_with("crates/http/src/routes/") && path.ends_with("/mod.rs")
}

/// Fails for an entry whose file is gone.
fn all_exist(list: &[(&str, usize)], files: &[File]) {
    for (path, _) in list {
        let exists = files.iter().any(|file| file.path == *path);
        assert!(exists, "{path} is gone: take it off the list");
    }
}

#[test]
fn no_file_is_too_long() {
    let files = files_ending(".rs");
    all_exist(LONG, &files);
    for file in &files {
        let lines = file.text.lines().count();
        let excess = if lines > MAX_LINES { lines } else { 0 };
        assert_eq!(
            excess,
            exception(LONG, &file.path),
            "lines of {} (0: {MAX_LINES} or fewer)",
            file.path
        );
    }
}

#[test]
fn lib_and_mod_are_tables_of_contents() {
    let mut files = files_ending("/lib.rs");
    files.extend(files_ending("/mod.rs"));
    all_exist(WITH_FUNCTIONS, &files);
    for file in &files {
        let code: Vec<&str> = file
            .text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("//"))
            .collect();
        let functions = code.iter().filter(|line| declares_function(line)).count();
        let allowed = match is_router(&file.path) {
            true => 1,
            false => exception(WITH_FUNCTIONS, &file.path),
        };
        assert_eq!(functions, allowed, "functions in {}", file.path);
        assert!(
            allowed > 0 || code.len() <= MAX_CONTENTS,
            "{} has {} lines of code",
            file.path,
            code.len()
        );
    }
}

/// Whether a trimmed line of code begins or declares a function.
fn declares_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || matches!(*word, "async" | "const" | "unsafe" | "extern")
    });
    words.next() == Some("fn")
}

#[test]
fn functions_are_recognized() {
    for line in [
        "fn a() {",
        "pub fn a() {",
        "pub(crate) async fn a<T>(",
        "pub(super) fn routes() -> X {",
        "const fn a()",
    ] {
        assert!(declares_function(line), "{line}");
    }
    for line in [
        "pub use a::fn_b;",
        "mod fn_a;",
        "let f: fn() = g;",
        "F: Fn()",
    ] {
        assert!(!declares_function(line), "{line}");
    }
}
