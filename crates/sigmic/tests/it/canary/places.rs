//! What a server keeps, says and sends, as bytes to be searched.

use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use testkit::{Api, ModelServer};

use super::table::{Place, Seen};

/// Every column of every table of an embedded database.
pub(super) fn tables(data: &Path, seen: &mut Seen) {
    let database = rusqlite::Connection::open(data.join("sigmic.db")).unwrap();
    let mut names = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let names: Vec<String> = names.collect::<Result<_, _>>().unwrap();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let mut rows = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => seen.add(Place::Tables, bytes),
                    ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {}
                }
            }
        }
    }
}

/// The files of an embedded database.
pub(super) fn database_files(data: &Path, seen: &mut Seen) {
    for (path, bytes) in files(data) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("sigmic.db") {
            seen.add(Place::DatabaseFiles, bytes);
        }
    }
}

/// The files of all workspaces.
pub(super) fn workspaces(data: &Path, seen: &mut Seen) {
    for (_, bytes) in files(&data.join("workspaces")) {
        seen.add(Place::Files, bytes);
    }
}

/// What the model was sent.
pub(super) fn model(model: &ModelServer, seen: &mut Seen) {
    for request in model.requests() {
        seen.add(Place::Model, &request.body);
        for (name, value) in &request.headers {
            seen.add(Place::ModelHeads, format!("{name}: {value}"));
        }
    }
}

/// Everything that can be asked of a task.
pub(super) async fn task(api: &Api, id: &str, seen: &mut Seen) {
    let path = format!("/api/v1/tasks/{id}");
    for path in [
        path.clone(),
        format!("{path}/history"),
        format!("{path}/artifacts"),
        "/api/v1/tasks".to_owned(),
    ] {
        seen.add(Place::Answers, api.get(&path).await.text);
    }
    let file = format!("{path}/artifacts/download?path=kept.txt");
    let answer = api.get(&file).await;
    seen.add(Place::Files, answer.text);
    for cursor in [None, Some("0"), Some("1")] {
        let mut events = api.stream_from(id, cursor).await;
        events.rest().await;
        seen.add(Place::Streams, events.raw());
    }
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else {
        return found;
    };
    for entry in entries.flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push((entry.path(), std::fs::read(entry.path()).unwrap()));
        }
    }
    found
}
