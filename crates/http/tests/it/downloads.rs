//! The files of a task's workspace, downloaded.

use std::io::{Cursor, Read};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use testkit::{Api, FakeClock, Gate, Reply};

use crate::artifacts::{with_files, write};
use crate::support::{artifacts, message, peak_kib, tell_growth};

/// An answer whose body is bytes.
struct Download {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Download {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}"))
            .to_str()
            .unwrap()
    }

    fn code(&self) -> (u16, String) {
        let body: Value = serde_json::from_slice(&self.bytes).unwrap();
        assert_eq!(body["success"], false);
        (self.status, body["error"]["code"].as_str().unwrap().into())
    }
}

async fn ask(
    api: &Api,
    method: Method,
    id: &str,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Download {
    let path = format!("/api/v1/tasks/{id}/artifacts/download");
    let mut request = api.request(method, &path).query(query);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    Download {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        bytes: response.bytes().await.unwrap().to_vec(),
    }
}

async fn download(api: &Api, id: &str, path: &str) -> Download {
    ask(api, Method::GET, id, &[("path", path)], &[]).await
}

#[tokio::test]
async fn contract_203_210_a_download_is_the_file_itself() {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (server, id) = with_files(|workspace| {
        write(workspace, "downloads/out.csv", &bytes);
        write(workspace, "page.html", "<script>alert(1)</script>");
        write(workspace, "empty", "");
    })
    .await;
    let got = download(&server.api, &id, "downloads/out.csv").await;
    assert_eq!(got.status, 200);
    assert!(got.bytes == bytes);
    for (name, value) in [
        ("content-type", "text/csv"),
        ("content-length", "1000000"),
        ("content-disposition", "attachment; filename=\"out.csv\""),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(got.header(name), value);
    }
    let page = download(&server.api, &id, "page.html").await;
    assert_eq!(page.header("content-type"), "text/html");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(page.header("content-disposition").starts_with("attachment"));
    let empty = download(&server.api, &id, "empty").await;
    assert_eq!((empty.status, empty.bytes.len()), (200, 0));
    assert_eq!(empty.header("content-length"), "0");
    for alias in ["file", "content"] {
        let path = format!("/api/v1/tasks/{id}/artifacts/{alias}?path=page.html");
        let answer = server.api.get(&path).await;
        assert_eq!(answer.text, "<script>alert(1)</script>");
    }
}

/// A workspace with things that must not be reached, beside one file.
fn hostile(workspace: &Path) {
    write(workspace, "a/b.txt", "inside");
    write(workspace, ".sigmic/outputs/c1.out", "whole");
    let outside = workspace.parent().unwrap().join("outside.txt");
    std::fs::write(outside, "secret").unwrap();
    for (to, name) in [
        ("/etc/passwd", "passwd"),
        ("../outside.txt", "up"),
        ("/proc/self/root/etc/passwd", "magic"),
        ("/etc", "dir"),
        ("loop", "loop"),
        ("gone", "dangling"),
        ("a/b.txt", "fine"),
    ] {
        symlink(to, workspace.join(name)).unwrap();
    }
    UnixListener::bind(workspace.join("socket")).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(workspace.join("pipe"))
        .status();
    assert!(pipe.unwrap().success());
}

const NOT_THERE: [&str; 21] = [
    "missing",
    "a/b.txt/c",
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../outside.txt",
    "../outside.txt",
    "/workspace/a/b.txt",
    "a/b.txt\0",
    "\0",
    "%2e%2e/outside.txt",
    "passwd",
    "up",
    "magic",
    "dir",
    "dir/passwd",
    "loop",
    "dangling",
    "socket",
    "pipe",
    ".sigmic/outputs/c1.out",
    "./.sigmic/outputs/c1.out",
];

#[tokio::test]
async fn contract_204_a_path_is_needed() {
    let (server, id) = with_files(hostile).await;
    for query in ["", "?path=", "?format=zip", "?path=a&format=tar"] {
        let path = format!("/api/v1/tasks/{id}/artifacts/download{query}");
        let answer = server.api.get(&path).await;
        let error = answer.error();
        assert_eq!(error, (400, "VALIDATION_ERROR".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn contract_205_206_what_is_no_file_inside_is_not_there() {
    let (server, id) = with_files(hostile).await;
    let absolute = server.workspace(&id).join("a/b.txt");
    let long = "x/".repeat(3_000);
    let more = [absolute.to_str().unwrap(), &long];
    let mut bodies = Vec::new();
    for path in NOT_THERE.into_iter().chain(more) {
        for format in [None, Some(("format", "zip"))] {
            let query: Vec<_> = [("path", path)].into_iter().chain(format).collect();
            let got = ask(&server.api, Method::GET, &id, &query, &[]).await;
            assert_eq!(got.code(), (404, "NOT_FOUND".to_owned()), "{path:?}");
            bodies.push(got.bytes);
        }
    }
    for directory in ["a", "."] {
        bodies.push(download(&server.api, &id, directory).await.bytes);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "every answer is the same");
    for path in ["%2e%2e/outside.txt", "a/%2e%2e/%2e%2e/outside.txt"] {
        let path = format!("/api/v1/tasks/{id}/artifacts/download?path={path}");
        assert_eq!(server.api.get(&path).await.status, 404);
    }
    for path in ["a/b.txt", "./a//b.txt", "a/../a/b.txt", "fine"] {
        assert_eq!(download(&server.api, &id, path).await.bytes, b"inside");
    }
}

#[tokio::test]
async fn contract_207_names_never_break_the_header() {
    let names = [
        ("with space.txt", "attachment; filename=\"with space.txt\""),
        (
            "quote\".txt",
            "attachment; filename=\"quote_.txt\"; filename*=UTF-8''quote%22.txt",
        ),
        (
            "a\r\nSet-Cookie: x=y",
            "attachment; filename=\"a__Set-Cookie: x=y\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3Dy",
        ),
        (
            "é.txt",
            "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A9.txt",
        ),
        (
            "🦊",
            "attachment; filename=\"_\"; filename*=UTF-8''%F0%9F%A6%8A",
        ),
    ];
    let (server, id) = with_files(|workspace| {
        for (name, _) in names {
            write(workspace, name, name);
        }
    })
    .await;
    for (name, header) in names {
        let got = download(&server.api, &id, name).await;
        assert_eq!(got.bytes, name.as_bytes());
        assert_eq!(got.header("content-disposition"), header);
        assert!(got.headers.get("set-cookie").is_none());
    }
}

#[tokio::test]
async fn contract_208_files_are_there_in_every_state_of_a_session() {
    let clock = Arc::new(FakeClock::default());
    let gate = Gate::new();
    let server = testkit::TestServer::builder()
        .clock(clock.clone())
        .session_idle_ms(60_000)
        .script([
            Reply::call(
                "write_file",
                json!({"file_path": "downloads/x.txt", "content": "x"}),
            ),
            Reply::new().text("part").hang(&gate).text("rest"),
            Reply::say("again"),
        ])
        .start()
        .await;
    let id = server.api.create(&message("hi")).await;
    let there = async || {
        let listed = artifacts(&server.api, &id).await;
        assert_eq!(listed, [("downloads/x.txt".to_owned(), 1)]);
        assert_eq!(
            download(&server.api, &id, "downloads/x.txt").await.bytes,
            b"x"
        );
    };
    let mut events = server.api.stream(&id).await;
    events.until("content").await;
    assert_eq!(server.api.task(&id).await["status"], "running");
    there().await;
    gate.open();
    let first = server.api.finished(&id).await["sessionId"].clone();
    there().await;
    clock.advance_ms(60_000);
    there().await;
    server.api.follow_up(&id, &message("more")).await.data();
    assert_ne!(server.api.finished(&id).await["sessionId"], first);
    there().await;
}

#[tokio::test]
async fn contract_209_ranges_validators_and_heads() {
    let (server, id) = with_files(|workspace| {
        write(workspace, "f", "0123456789");
        // A gigabyte that takes no room.
        let large = std::fs::File::create(workspace.join("large")).unwrap();
        large.set_len(1 << 30).unwrap();
    })
    .await;
    let part = |headers: Vec<(&'static str, &'static str)>| {
        let (api, id) = (server.api.clone(), id.clone());
        async move { ask(&api, Method::GET, &id, &[("path", "f")], &headers).await }
    };
    for (range, bytes, content_range) in [
        ("bytes=0-3", &b"0123"[..], "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
    ] {
        let got = part(vec![("range", range)]).await;
        assert_eq!((got.status, &got.bytes[..]), (206, bytes), "{range}");
        assert_eq!(got.header("content-range"), content_range);
        assert_eq!(got.header("content-length"), bytes.len().to_string());
    }
    for range in ["bytes=0-1,4-5", "lines=1-2", "bytes=5-2", "bytes=x"] {
        let got = part(vec![("range", range)]).await;
        assert_eq!((got.status, got.bytes.len()), (200, 10), "{range}");
    }
    let beyond = part(vec![("range", "bytes=10-")]).await;
    assert_eq!(beyond.code(), (416, "VALIDATION_ERROR".to_owned()));
    assert_eq!(beyond.header("content-range"), "bytes */10");

    let tag = part(vec![]).await.header("etag").to_owned();
    let known = |value: String| {
        let (api, id) = (server.api.clone(), id.clone());
        async move {
            let headers = [("if-none-match", value.as_str())];
            ask(&api, Method::GET, &id, &[("path", "f")], &headers).await
        }
    };
    for value in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let got = known(value).await;
        assert_eq!((got.status, got.bytes.len()), (304, 0));
        assert_eq!(got.header("etag"), tag);
    }
    write(&server.workspace(&id), "f", "9876543210");
    let changed = known(tag.clone()).await;
    assert_eq!(
        (changed.status, &changed.bytes[..]),
        (200, &b"9876543210"[..])
    );
    assert_ne!(changed.header("etag"), tag);
    let stale = [("range", "bytes=0-1"), ("if-range", tag.as_str())];
    let stale = ask(&server.api, Method::GET, &id, &[("path", "f")], &stale).await;
    assert_eq!((stale.status, stale.bytes.len()), (200, 10));

    let head = ask(&server.api, Method::HEAD, &id, &[("path", "large")], &[]).await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    assert_eq!(head.header("content-length"), "1073741824");
    let end = [("range", "bytes=1073741820-")];
    let end = ask(&server.api, Method::GET, &id, &[("path", "large")], &end).await;
    assert_eq!((end.status, &end.bytes[..]), (206, &[0, 0, 0, 0][..]));
    let head = ask(&server.api, Method::HEAD, &id, &[("path", "gone")], &[]).await;
    assert_eq!((head.status, head.bytes.len()), (404, 0));
}

#[tokio::test]
async fn contract_211_another_projects_files_are_not_there() {
    let (server, id) = with_files(|workspace| write(workspace, "f", "mine")).await;
    let (_, foreign) = server.another_project("elsewhere").await;
    let (_, same) = server.another_key("same").await;
    let listed = foreign.get(&format!("/api/v1/tasks/{id}/artifacts")).await;
    assert_eq!(listed.error(), (404, "NOT_FOUND".to_owned()));
    for query in [
        vec![("path", "f")],
        vec![("path", "."), ("format", "zip")],
        vec![],
    ] {
        let got = ask(&foreign, Method::GET, &id, &query, &[]).await;
        assert_eq!(got.code(), (404, "NOT_FOUND".to_owned()));
    }
    assert_eq!(download(&same, &id, "f").await.bytes, b"mine");
}

#[tokio::test]
async fn a_folder_is_sent_as_an_archive() {
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let (server, id) = with_files(|workspace| {
        write(workspace, "site/index.html", "<p>");
        write(workspace, "site/deep/data.bin", &large);
        write(workspace, "site/.git/config", "x");
        write(workspace, "other", "x");
        symlink("/etc/passwd", workspace.join("site/passwd")).unwrap();
        symlink("/etc", workspace.join("site/etc")).unwrap();
    })
    .await;
    let zip = |path: &'static str| {
        let (api, id) = (server.api.clone(), id.clone());
        async move {
            let query = [("path", path), ("format", "zip")];
            ask(&api, Method::GET, &id, &query, &[]).await
        }
    };
    let got = zip("site").await;
    assert_eq!(got.header("content-type"), "application/zip");
    assert_eq!(
        got.header("content-disposition"),
        "attachment; filename=\"site.zip\""
    );
    let mut archive = zip::ZipArchive::new(Cursor::new(got.bytes)).unwrap();
    let mut names: Vec<String> = archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["deep/data.bin", "index.html"]);
    let mut data = Vec::new();
    let mut entry = archive.by_name("deep/data.bin").unwrap();
    entry.read_to_end(&mut data).unwrap();
    assert!(data == large);
    let whole = zip(".").await;
    assert_eq!(
        whole.header("content-disposition"),
        "attachment; filename=\"workspace.zip\""
    );
    let archive = zip::ZipArchive::new(Cursor::new(whole.bytes)).unwrap();
    assert_eq!(archive.len(), 3);
    assert_eq!(zip("other").await.code().0, 404);
    assert_eq!(zip("site/etc").await.code().0, 404);
}

/// A file, a directory, and a link for each to what lies outside.
fn prepare(workspace: &Path) {
    symlink("../outside", workspace.join("spare")).unwrap();
    symlink("../outside-dir", workspace.join("spare-dir")).unwrap();
    std::fs::write(workspace.join("swapped"), "inside").unwrap();
    std::fs::create_dir(workspace.join("dir")).unwrap();
    std::fs::write(workspace.join("dir/f"), "inside").unwrap();
}

/// Swaps the file and its link, and the directory and its link, for as long as `done` is not set.
fn swap(workspace: &Path, done: &AtomicBool) {
    let (file, dir) = (workspace.join("swapped"), workspace.join("dir"));
    let (spare, spare_dir) = (workspace.join("spare"), workspace.join("spare-dir"));
    let away = workspace.join("away");
    while !done.load(Ordering::Relaxed) {
        for (one, other) in [(&file, &spare), (&dir, &spare_dir)] {
            std::fs::rename(one, &away).unwrap();
            std::fs::rename(other, one).unwrap();
            std::fs::rename(&away, other).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_raced_downloads_leak_nothing() {
    const TRIES: usize = 20_000;
    let (server, id) = with_files(|workspace| {
        let parent = workspace.parent().unwrap();
        std::fs::write(parent.join("outside"), "secret").unwrap();
        std::fs::create_dir(parent.join("outside-dir")).unwrap();
        std::fs::write(parent.join("outside-dir/f"), "secret").unwrap();
    })
    .await;
    prepare(&server.workspace(&id));
    let done = Arc::new(AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let (workspace, done) = (server.workspace(&id), Arc::clone(&done));
        move || swap(&workspace, &done)
    });
    let read = async |path: &'static str| {
        let (mut inside, mut refused) = (0, 0);
        for _ in 0..TRIES / 4 {
            let got = download(&server.api, &id, path).await;
            match (got.status, &got.bytes[..]) {
                (200, b"inside") => inside += 1,
                (404, _) => refused += 1,
                (status, bytes) => panic!("{status} {}", String::from_utf8_lossy(bytes)),
            }
        }
        (inside, refused)
    };
    let counts = tokio::join!(
        read("swapped"),
        read("dir/f"),
        read("swapped"),
        read("dir/f")
    );
    done.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    for (inside, refused) in [counts.0, counts.1, counts.2, counts.3] {
        // Both sides of the race were seen.
        assert!(inside > 0 && refused > 0, "{counts:?}");
    }
}

/// Run by hand, alone: `cargo test -p sigmic-http --test it -- --ignored --nocapture gigabyte`.
#[tokio::test]
#[ignore = "measures the memory of the whole process"]
async fn contract_209_a_gigabyte_is_streamed_in_bounded_memory() {
    let (server, id) = with_files(|workspace| {
        let large = std::fs::File::create(workspace.join("large")).unwrap();
        large.set_len(1 << 30).unwrap();
    })
    .await;
    for query in [
        vec![("path", "large")],
        vec![("path", "."), ("format", "zip")],
    ] {
        let before = peak_kib();
        let path = format!("/api/v1/tasks/{id}/artifacts/download");
        let request = server.api.request(Method::GET, &path).query(&query);
        let request = request.timeout(std::time::Duration::from_secs(600));
        let mut response = request.send().await.unwrap();
        let mut received = 0;
        while let Some(chunk) = response.chunk().await.unwrap() {
            received += chunk.len();
        }
        tell_growth(before, received);
    }
}
