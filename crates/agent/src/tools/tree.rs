//! The files of a workspace that the searching tools look at. The tree is walked by descriptors,
//! so that a hostile process that swaps directories and links meanwhile leads nowhere.

use std::collections::HashMap;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use sandbox::{EntryKind, FileError, WalkEntry, WalkLimits, Workspace, WorkspacePath};

/// Bytes of a `.gitignore` that are read.
const MAX_IGNORE_BYTES: u64 = 64 * 1024;
/// What nobody looks for: the server's own files and those of version control.
const NEVER: [&str; 2] = [".sigmic", ".git"];

/// Whether `.gitignore` files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    /// What they name is left out.
    LeftOut,
    /// They are files like others.
    Included,
}

/// Which names a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Only those of the same case.
    Sensitive,
    /// Those of any case.
    Insensitive,
}

/// The regular files below `start`, and whether a limit cut the search short.
pub(super) fn files_below(
    workspace: &Workspace,
    start: &WorkspacePath,
    ignored: Ignored,
) -> Result<(Vec<WalkEntry>, bool), FileError> {
    let mut rules = Rules::new(workspace, ignored);
    rules.learn(&WorkspacePath::ROOT);
    let walk = workspace.walk(start, WalkLimits::default(), |path, kind| {
        if NEVER.contains(&path.name()) || rules.leaves_out(path, kind) {
            return false;
        }
        if kind == EntryKind::Directory {
            rules.learn(path);
        }
        true
    })?;
    let mut files = walk.entries;
    files.retain(|entry| entry.stat.kind == EntryKind::File);
    Ok((files, walk.cut))
}

/// A set of patterns; none of them stops at a `/` that it does not name.
pub(super) fn globs(patterns: &[String], case: Case) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let mut forms = vec![pattern.clone()];
        // A bare name is meant wherever it stands, a directory with all that is in it.
        if !pattern.contains('/') {
            forms.push(format!("**/{pattern}"));
        }
        forms.push(format!("{}/**", pattern.trim_end_matches('/')));
        for form in forms {
            let glob = GlobBuilder::new(&form)
                .literal_separator(true)
                .case_insensitive(case == Case::Insensitive)
                .build()
                .map_err(|error| {
                    format!("The pattern {pattern:?} is not valid: {}", error.kind())
                })?;
            set.add(glob);
        }
    }
    set.build().map_err(|error| error.to_string())
}

/// `path` as seen from the directory `start`.
pub(super) fn relative<'a>(start: &WorkspacePath, path: &'a WorkspacePath) -> &'a str {
    let path = path.as_str();
    if start.is_root() {
        return path;
    }
    path.strip_prefix(start.as_str())
        .map_or(path, |rest| rest.trim_start_matches('/'))
}

/// The `.gitignore` files met on the way.
struct Rules<'a> {
    workspace: &'a Workspace,
    ignored: Ignored,
    of_directory: HashMap<String, Gitignore>,
}

impl<'a> Rules<'a> {
    fn new(workspace: &'a Workspace, ignored: Ignored) -> Self {
        Self {
            workspace,
            ignored,
            of_directory: HashMap::new(),
        }
    }

    /// Reads a directory's own rules, if it has any.
    fn learn(&mut self, directory: &WorkspacePath) {
        if self.ignored == Ignored::Included {
            return;
        }
        let name = if directory.is_root() {
            ".gitignore".to_owned()
        } else {
            format!("{}/.gitignore", directory.as_str())
        };
        let Ok(path) = WorkspacePath::parse(&name) else {
            return;
        };
        let Ok(bytes) = self.workspace.read(&path, MAX_IGNORE_BYTES) else {
            return;
        };
        let mut builder = GitignoreBuilder::new(Path::new("/").join(directory.as_str()));
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is no pattern ignores nothing.
            let _ = builder.add_line(None, line);
        }
        if let Ok(rules) = builder.build() {
            self.of_directory
                .insert(directory.as_str().to_owned(), rules);
        }
    }

    /// Whether the nearest rules that say something about a path leave it out.
    fn leaves_out(&self, path: &WorkspacePath, kind: EntryKind) -> bool {
        let absolute = Path::new("/").join(path.as_str());
        let mut directory = path.parent();
        while let Some(current) = directory {
            let rules = self.of_directory.get(current.as_str());
            match rules.map(|rules| rules.matched(&absolute, kind == EntryKind::Directory)) {
                Some(Match::Ignore(_)) => return true,
                Some(Match::Whitelist(_)) => return false,
                Some(Match::None) | None => {}
            }
            directory = current.parent();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::Owner;

    #[test]
    fn ignored_files_are_left_out_unless_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(&directory.path().join("w"), Owner::Server).unwrap();
        for (path, text) in [
            (".gitignore", "*.log\n/build\n"),
            ("a.log", ""),
            ("a.txt", ""),
            ("build/x.txt", ""),
            ("src/.gitignore", "!keep.log\n"),
            ("src/keep.log", ""),
            ("src/other.log", ""),
            (".git/config", ""),
        ] {
            workspace
                .write(&WorkspacePath::parse(path).unwrap(), text.as_bytes())
                .unwrap();
        }
        let names = |ignored| {
            let (files, cut) = files_below(&workspace, &WorkspacePath::ROOT, ignored).unwrap();
            assert!(!cut);
            let mut names: Vec<String> = files
                .iter()
                .map(|file| file.path.as_str().to_owned())
                .collect();
            names.sort();
            names
        };
        assert_eq!(
            names(Ignored::LeftOut),
            [".gitignore", "a.txt", "src/.gitignore", "src/keep.log"]
        );
        assert_eq!(names(Ignored::Included).len(), 7);
    }

    #[test]
    fn a_bare_pattern_matches_at_any_depth() {
        let matches = |pattern: &str, path: &str| {
            globs(&[pattern.to_owned()], Case::Sensitive)
                .unwrap()
                .is_match(path)
        };
        assert!(
            matches("*.rs", "a/b.rs")
                && matches("src/*.rs", "src/a.rs")
                && matches("src", "src/a/b.rs")
        );
        assert!(matches("src/**/*.rs", "src/a/b/c.rs") && matches("**/*.rs", "a.rs"));
        assert!(!matches("src/*.rs", "src/a/b.rs") && !matches("*.RS", "a.rs"));
        assert!(globs(&["[".to_owned()], Case::Sensitive).is_err());
    }
}
