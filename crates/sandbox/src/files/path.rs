//! Paths as the model writes them.

use std::fmt;

use super::FileError;

/// Longest path in bytes.
const MAX_PATH_BYTES: usize = 4_000;
/// Longest name in bytes.
const MAX_NAME_BYTES: usize = 255;
/// Where the workspace is inside a sandbox.
const ROOT: &str = "/workspace";

/// A path inside a workspace: no `..`, no leading `/`; empty is the workspace itself.
///
/// It says nothing about links: those are resolved, and refused, by the kernel when it is opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspacePath(String);

impl WorkspacePath {
    /// The workspace itself.
    pub const ROOT: Self = Self(String::new());

    /// Reads a path that is relative or starts with `/workspace`.
    ///
    /// # Errors
    /// [`FileError::PathEscapes`] for another absolute path or one that climbs out;
    /// [`FileError::BadName`] for a NUL, a name over 255 bytes or a path over 4,000.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let escapes = || FileError::PathEscapes {
            path: text.chars().take(200).collect(),
        };
        let bad = |reason| FileError::BadName {
            path: text.chars().take(200).collect(),
            reason,
        };
        if text.contains('\0') {
            return Err(bad("it holds a NUL"));
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(bad("it is too long"));
        }
        let relative = match text.strip_prefix(ROOT) {
            Some("") => "",
            Some(rest) if rest.starts_with('/') => rest,
            _ if text.starts_with('/') => return Err(escapes()),
            _ => text,
        };
        let mut names: Vec<&str> = Vec::new();
        for name in relative.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop().ok_or_else(escapes)?;
                }
                name if name.len() > MAX_NAME_BYTES => {
                    return Err(bad("a name in it is too long"));
                }
                name => names.push(name),
            }
        }
        Ok(Self(names.join("/")))
    }

    /// The path without a leading `/`; empty for the workspace itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the workspace itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last name; empty for the workspace itself.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The directory it is in, unless it is the workspace itself.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let parent = self.0.rsplit_once('/').map_or("", |(parent, _)| parent);
        Some(Self(parent.to_owned()))
    }

    /// The path of `name` in this directory.
    pub(super) fn child(&self, name: &str) -> Self {
        if self.is_root() {
            Self(name.to_owned())
        } else {
            Self(format!("{}/{name}", self.0))
        }
    }

    /// What `openat2` is given: it refuses an empty path.
    pub(super) fn for_kernel(&self) -> &str {
        if self.is_root() { "." } else { &self.0 }
    }
}

impl fmt::Display for WorkspacePath {
    /// The path as a command inside sees it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            f.write_str(ROOT)
        } else {
            write!(f, "{ROOT}/{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_stay_inside() {
        for (text, wanted) in [
            ("", ""),
            (".", ""),
            ("/workspace", ""),
            ("/workspace/", ""),
            ("/workspace/a//b/./c", "a/b/c"),
            ("a/../b", "b"),
            ("workspace/x", "workspace/x"),
            ("a\nb/ü", "a\nb/ü"),
        ] {
            assert_eq!(WorkspacePath::parse(text).unwrap().as_str(), wanted);
        }
        for text in [
            "/",
            "/etc/passwd",
            "..",
            "a/../..",
            "/workspace/..",
            "/workspacex",
            "/proc/self/root",
        ] {
            assert!(
                matches!(
                    WorkspacePath::parse(text),
                    Err(FileError::PathEscapes { .. })
                ),
                "{text}"
            );
        }
        for text in ["a\0b".to_owned(), "n".repeat(256), "a/".repeat(2_001)] {
            assert!(matches!(
                WorkspacePath::parse(&text),
                Err(FileError::BadName { .. })
            ));
        }
    }
}
