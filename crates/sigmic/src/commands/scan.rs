//! `sigmic scan`: leaked keys in files, found offline. For a commit hook or continuous integration.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use auth::{Leak, LeakKind, find_leaks};
use serde_json::json;

use crate::args::ScanArguments;
use crate::failure::{Done, Failure};
use crate::output::Output;

/// Runs it: done when nothing was found, failed (and told) when something was.
pub(crate) fn run(arguments: &ScanArguments, output: &mut Output) -> Result<Done, Failure> {
    let mut leaked = false;
    for path in &arguments.paths {
        // What was named must be there; what lies below it is scanned as far as it can be read.
        fs::symlink_metadata(path).with_context(|| format!("look at {}", path.display()))?;
        for file in files_below(path) {
            let leaks = match scan(&file) {
                Ok(leaks) => leaks,
                Err(error) => {
                    output.note(format!("{}: not read: {error}", file.display()));
                    continue;
                }
            };
            for leak in &leaks {
                leaked = true;
                if arguments.json {
                    output.json(&as_json(&file, leak));
                } else {
                    output.line(line_of(&file, leak));
                }
            }
        }
    }
    if leaked { Err(Failure::Told) } else { Ok(Done) }
}

fn scan(file: &Path) -> std::io::Result<Vec<Leak>> {
    find_leaks(&mut File::open(file)?)
}

/// The regular files at and below a path, links left alone, in the order of their names.
fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(kind) = fs::symlink_metadata(&next).map(|metadata| metadata.file_type()) else {
            continue;
        };
        if kind.is_file() {
            files.push(next);
        } else if kind.is_dir() {
            let entries = fs::read_dir(&next).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()));
        }
    }
    files.sort();
    files
}

fn name_of(kind: LeakKind) -> &'static str {
    match kind {
        LeakKind::ApiKey => "API key",
        LeakKind::AppSecret => "app secret",
    }
}

fn line_of(file: &Path, leak: &Leak) -> String {
    let (line, column, prefix) = (leak.line, leak.column, &leak.prefix);
    let name = name_of(leak.kind);
    format!("{}:{line}:{column}: {name} {prefix}…", file.display())
}

fn as_json(file: &Path, leak: &Leak) -> serde_json::Value {
    json!({
        "path": file.to_string_lossy(),
        "line": leak.line,
        "column": leak.column,
        "kind": name_of(leak.kind),
        "prefix": leak.prefix,
    })
}
