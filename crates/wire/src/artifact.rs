//! The files of a task's workspace.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/v1/tasks/{id}/artifacts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactsResponse {
    /// `downloads/` first, `uploads/` last, by path inside.
    pub files: Vec<ArtifactResponse>,
    /// Whether there are more files than the 10,000 listed; absent if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A file of a task's workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactResponse {
    /// Base name.
    pub name: String,
    /// Relative to the workspace, with `/` separators.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// By the name's extension.
    pub mime_type: String,
    /// `csv`, `pdf`, `image`, `code`, `json`, `html`, `markdown`, `text`, `spreadsheet`,
    /// `document`, `presentation`, `archive`, `audio`, `video` or `other`, by the name's extension.
    pub category: String,
    /// When it was last written.
    pub modified_at: String,
}

impl ArtifactResponse {
    /// A file as it is listed.
    pub fn new(path: String, size: u64, modified_at: Timestamp, mime_type: String) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Self {
            category: category_of(&name).to_owned(),
            name,
            path,
            size,
            mime_type,
            modified_at: modified_at.to_string(),
        }
    }
}

/// What is in a file, byte by byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct FileBytes(pub Vec<u8>);

/// Categories and the extensions that belong to them.
const CATEGORIES: [(&str, &[&str]); 14] = [
    ("csv", &["csv", "tsv"]),
    ("pdf", &["pdf"]),
    (
        "image",
        &[
            "png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "ico", "tiff", "avif", "heic",
        ],
    ),
    (
        "code",
        &[
            "rs",
            "py",
            "js",
            "mjs",
            "ts",
            "tsx",
            "jsx",
            "java",
            "c",
            "h",
            "cpp",
            "go",
            "rb",
            "php",
            "sh",
            "sql",
            "css",
            "kt",
            "swift",
            "cs",
            "lua",
            "r",
            "ipynb",
            "toml",
            "yaml",
            "yml",
            "ini",
            "dockerfile",
        ],
    ),
    ("json", &["json", "jsonl", "ndjson", "geojson"]),
    ("html", &["html", "htm"]),
    ("markdown", &["md", "mdx"]),
    ("text", &["txt", "log", "rtf"]),
    ("spreadsheet", &["xlsx", "xls", "ods", "parquet"]),
    ("document", &["docx", "doc", "odt", "epub"]),
    ("presentation", &["pptx", "ppt", "odp"]),
    ("archive", &["zip", "tar", "gz", "tgz", "bz2", "xz", "7z"]),
    ("audio", &["mp3", "wav", "ogg", "flac", "m4a"]),
    ("video", &["mp4", "webm", "mov", "mkv"]),
];

fn category_of(name: &str) -> &'static str {
    let lower = name.to_ascii_lowercase();
    // A Dockerfile is all extension.
    let extension = match lower.rsplit_once('.') {
        Some((_, extension)) => extension,
        None if lower == "dockerfile" => "dockerfile",
        None => "",
    };
    let found = CATEGORIES
        .iter()
        .find(|(_, extensions)| extensions.contains(&extension));
    found.map_or("other", |(category, _)| category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_go_by_extension() {
        for (name, category) in [
            ("a.csv", "csv"),
            ("a.PDF", "pdf"),
            ("b.tar.gz", "archive"),
            ("Dockerfile", "code"),
            ("a.jsonl", "json"),
            ("README.md", "markdown"),
            ("csv", "other"),
            ("a.", "other"),
            (".py", "code"),
            ("x.unknown", "other"),
        ] {
            assert_eq!(category_of(name), category, "{name}");
        }
    }
}
