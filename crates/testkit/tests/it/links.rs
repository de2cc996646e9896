//! Documents point at what is there: links at files and headings, names of tests at tests, paths at
//! files.

use std::path::{Component, Path, PathBuf};

use crate::repository::{File, files, files_ending, root};

/// The lines of a document outside of its code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The targets of a document's links.
fn links(text: &str) -> Vec<&str> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| rest.split(')').next()).collect()
}

/// The anchors of a document's headings.
fn anchors(text: &str) -> Vec<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(anchor)
        .collect()
}

/// The anchor of a heading: lower case, hyphens for blanks, no other punctuation.
fn anchor(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The path without `.` and `..`, from the root; `None` if it leads out.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::Normal(name) => normal.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// Whether a link of a document leads somewhere.
fn check(document: &File, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (path, wanted) = match link.split_once('#') {
        Some((path, wanted)) => (path, Some(wanted)),
        None => (link, None),
    };
    let text = if path.is_empty() {
        document.text.clone()
    } else {
        let directory = Path::new(&document.path).parent().unwrap();
        let target = normal(&directory.join(path)).ok_or("leads out of the repository")?;
        let target = root().join(target);
        if target.is_dir() {
            return Ok(());
        }
        std::fs::read_to_string(target).map_err(|error| error.to_string())?
    };
    match wanted {
        Some(wanted) if !anchors(&text).iter().any(|anchor| anchor == wanted) => {
            Err("there is no such heading".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

#[test]
fn links_between_documents_resolve() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for document in files_ending(".md") {
        for link in links(&document.text) {
            checked += 1;
            if let Err(why) = check(&document, link) {
                broken.push(format!("{}: {link}: {why}", document.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 20, "links were found: {checked}");
}

/// What stands between backquotes in a document's prose.
fn quoted(text: &str) -> Vec<&str> {
    prose(text)
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// `crate::module::function` that a document names, if it does; longer and shorter paths are types
/// and functions of the code.
fn function_named(word: &str) -> Option<(&str, &str, &str)> {
    let parts: Vec<&str> = word.split("::").collect();
    let snake = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    match parts[..] {
        [name, module, function] if parts.iter().all(snake) => Some((name, module, function)),
        _ => None,
    }
}

#[test]
fn functions_that_documents_name_exist() {
    let sources = files_ending(".rs");
    let exists = |name: &str, module: &str, function: &str| {
        let file = format!("/{module}.rs");
        let declared = format!("fn {function}(");
        sources.iter().any(|source| {
            source.path.starts_with(&format!("crates/{name}/"))
                && source.path.ends_with(&file)
                && source.text.contains(&declared)
        })
    };
    let mut checked = 0;
    for document in files_ending(".md") {
        for word in quoted(&document.text) {
            if let Some((name, module, function)) = function_named(word) {
                checked += 1;
                assert!(
                    exists(name, module, function),
                    "{}: there is no {word}",
                    document.path
                );
            }
        }
    }
    assert!(checked > 100, "names were found: {checked}");
}

#[test]
fn paths_that_documents_name_exist() {
    let files = files();
    for document in files.iter().filter(|file| file.path.ends_with(".md")) {
        let paths = quoted(&document.text);
        let paths = paths.iter().filter(|word| {
            ["crates/", "docs/"]
                .iter()
                .any(|start| word.starts_with(start))
                && !word.contains(['<', ' '])
        });
        for path in paths {
            assert!(root().join(path).exists(), "{}: {path}", document.path);
        }
    }
}

#[test]
fn anchors_are_those_of_the_headings() {
    assert_eq!(
        anchor("## From journal to stream"),
        "from-journal-to-stream"
    );
    assert_eq!(anchor("### `GET /api/v1/tasks/{id}`"), "get-apiv1tasksid");
    let text = "# A\n```\n# not one\n[no](link)\n```\n[b](c.md#d) and [e](f)";
    assert_eq!(anchors(text), ["a"]);
    assert_eq!(links(text), ["c.md#d", "f"]);
}
