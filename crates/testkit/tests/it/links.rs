//! Links between documents lead somewhere: to a file that is there, to a heading that is there.

use std::path::{Component, Path, PathBuf};

use crate::repository::{File, files_ending, root};

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
