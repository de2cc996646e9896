//! Files on their way to a server and back, piece by piece.

use std::path::PathBuf;

use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde::Serialize;
use serde_json::Value;

use crate::Error;

/// Files of this machine to send with a message: read while they are sent, never held in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Vec<PathBuf>);

impl Files {
    /// These, in this order. The server sees the last part of each path as the file's name.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self(paths)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A request with files as a form: texts as they are, everything else as JSON.
pub(crate) async fn form(request: &impl Serialize, files: &Files) -> Result<Form, Error> {
    let unwritable = Error::Invalid("the request cannot be written as a form");
    let Ok(Value::Object(fields)) = serde_json::to_value(request) else {
        return Err(unwritable);
    };
    let mut form = Form::new();
    for (name, value) in fields {
        let text = match value {
            Value::String(text) => text,
            Value::Null => continue,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        form = form.text(name, text);
    }
    for path in &files.0 {
        let unreadable = |source| Error::File {
            path: path.display().to_string(),
            source,
        };
        let is_file = std::fs::metadata(path).map_err(unreadable)?.is_file();
        if !is_file {
            // A pipe has no size, and a directory nothing to read.
            return Err(unreadable(std::io::Error::other("not a regular file")));
        }
        form = form.part("files", Part::file(path).await.map_err(unreadable)?);
    }
    Ok(form)
}

/// A file on its way here.
#[derive(Debug)]
pub struct Download(Response);

impl Download {
    pub(crate) fn new(response: Response) -> Self {
        Self(response)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Transport`] when the connection broke before the file was whole.
    pub async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Error> {
        let chunk = self.0.chunk().await;
        chunk.map_err(Error::transport("download the file"))
    }
}
