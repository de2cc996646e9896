//! The files of the repository.

use std::path::{Path, PathBuf};

/// Directories that hold nothing of ours.
const SKIPPED: [&str; 2] = [".git", "node_modules"];

/// A text file, by its path from the root with `/` between names.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// Every text file below the root, built things apart, in the order of their paths.
pub(crate) fn files() -> Vec<File> {
    let root = root();
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                let built = name.starts_with("target") && path.parent() == Some(&root);
                if !built && !SKIPPED.contains(&name.as_str()) {
                    directories.push(path);
                }
            } else if kind.is_file() && name != ".git" {
                let Ok(text) = std::fs::read_to_string(&path) else {
                    continue;
                };
                let path = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.len() > 100, "the repository was found");
    files
}

/// The files whose path ends so.
pub(crate) fn files_ending(ending: &str) -> Vec<File> {
    let mut files = files();
    files.retain(|file| file.path.ends_with(ending));
    files
}

/// A file by its path.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
