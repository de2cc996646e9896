//! Archives among the files that come with a task.

use std::io::{Cursor, Write};

use testkit::{Reply, TestServer};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::support::{artifacts, eventually, form, nothing_staged, post_form};

const PATH: &str = "/api/v1/tasks";
const MB: usize = 1024 * 1024;

pub(crate) fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(|writer, options| {
        for (name, bytes) in entries {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    })
}

fn zip_with(fill: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>, SimpleFileOptions)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    fill(&mut writer, options);
    writer.finish().unwrap().into_inner()
}

async fn plain() -> TestServer {
    TestServer::start(vec![Reply::say("ok"); 8]).await
}

/// The artifacts of a task that was created with these files.
async fn unpacked(server: &TestServer, files: &[(&str, &[u8])]) -> Vec<(String, u64)> {
    let data = post_form(&server.api, PATH, form("hi", files)).await.data();
    let id = data["id"].as_str().unwrap();
    server.api.finished(id).await;
    artifacts(&server.api, id).await
}

async fn refused(server: &TestServer, archive: &[u8]) {
    let answer = post_form(&server.api, PATH, form("hi", &[("x.zip", archive)])).await;
    assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
    eventually("nothing is staged", || nothing_staged(server)).await;
    let workspaces = server.directory.path().join("workspaces");
    assert_eq!(std::fs::read_dir(workspaces).unwrap().count(), 0);
}

async fn kept(server: &TestServer, archive: &[u8]) {
    let size = u64::try_from(archive.len()).unwrap();
    let files = unpacked(server, &[("x.zip", archive)]).await;
    assert_eq!(files, [("uploads/x.zip".to_owned(), size)]);
}

fn file(path: &str, size: u64) -> (String, u64) {
    (path.to_owned(), size)
}

#[tokio::test]
async fn contract_080_an_archive_is_unpacked_with_its_directories() {
    let server = plain().await;
    let inner = zip_of(&[("deep.txt", b"x")]);
    let archive = zip_with(|writer, options| {
        writer.add_directory("empty/", options).unwrap();
        for (name, bytes) in [
            ("a/b.txt", &b"bb"[..]),
            ("a/c/d.txt", b"ddd"),
            ("top.txt", b"t"),
            (r"win\path.txt", b"w"),
            ("inner.zip", &inner),
        ] {
            writer.start_file(name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    });
    let files = unpacked(&server, &[("x.zip", &archive), ("top.txt", b"again")]).await;
    let inner_size = u64::try_from(inner.len()).unwrap();
    assert_eq!(
        files,
        [
            file("uploads/a/b.txt", 2),
            file("uploads/a/c/d.txt", 3),
            file("uploads/inner.zip", inner_size),
            file("uploads/top (1).txt", 5),
            file("uploads/top.txt", 1),
            file("uploads/win/path.txt", 1),
        ]
    );
    let list = server.api.get(PATH).await.json();
    let workspace = server.workspace(list["data"][0]["id"].as_str().unwrap());
    assert!(workspace.join("uploads/empty").is_dir());
    assert_eq!(
        std::fs::read(workspace.join("uploads/a/c/d.txt")).unwrap(),
        b"ddd"
    );
}

#[tokio::test]
async fn names_that_clash_are_numbered() {
    let server = plain().await;
    let archive = zip_of(&[("a/b.txt", b"2"), ("a/b.TXT", b"3"), ("c", b"4")]);
    let again = zip_of(&[("a/b.txt", b"55"), ("c/d", b"6")]);
    let files = unpacked(
        &server,
        &[("a", b"1"), ("one.zip", &archive), ("two.zip", &again)],
    )
    .await;
    assert_eq!(
        files,
        [
            file("uploads/a", 1),
            file("uploads/a (1)/b (1).txt", 2),
            file("uploads/a (1)/b.TXT", 1),
            file("uploads/a (1)/b.txt", 1),
            file("uploads/c", 1),
            file("uploads/c (1)/d", 1),
        ]
    );
}

#[tokio::test]
async fn contract_081_archives_that_lead_out_are_refused() {
    let server = plain().await;
    for name in ["../x", "a/../../x", "/tmp/x", r"..\x", r"C:\x"] {
        refused(&server, &zip_of(&[("fine.txt", b"x"), (name, b"x")])).await;
    }
    let link = zip_with(|writer, options| {
        writer.add_symlink("link", "/etc/passwd", options).unwrap();
        writer.start_file("link/x", options).unwrap();
    });
    refused(&server, &link).await;
    assert!(!server.directory.path().join("x").exists());
}

#[tokio::test]
async fn contract_082_bombs_are_refused_and_small_regular_files_taken() {
    let server = plain().await;
    let zeros = vec![0; 8 * MB];
    refused(&server, &zip_of(&[("bomb", &zeros)])).await;
    // Small things may be as regular as they like.
    let small = unpacked(&server, &[("x.zip", &zip_of(&[("small", &zeros[..MB])]))]).await;
    assert_eq!(small, [file("uploads/small", 1_048_576)]);
}

#[tokio::test]
async fn contract_082_an_archive_of_many_small_bombs_is_one() {
    let server = plain().await;
    let zeros = vec![0; MB];
    let names: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let entries: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &zeros[..]))
        .collect();
    refused(&server, &zip_of(&entries)).await;
}

/// Changes the size that the directory of an archive of one entry declares.
fn declare(archive: &mut [u8], size: u32) {
    let directory = archive
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    archive[directory + 24..directory + 28].copy_from_slice(&size.to_le_bytes());
}

#[tokio::test]
async fn contract_082_sizes_that_lie_are_never_believed() {
    let server = plain().await;
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for size in [10, 399_999, 400_001, 4_000_000_000] {
        let mut archive = zip_of(&[("a", &content)]);
        declare(&mut archive, size);
        kept(&server, &archive).await;
    }
}

#[tokio::test]
async fn contract_083_damaged_and_encrypted_archives_are_kept() {
    let server = plain().await;
    let content: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
    let whole = zip_of(&[("a", b"first"), ("b", &content)]);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let mut encrypted = zip_of(&[("a", b"x")]);
    let directory = encrypted
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    encrypted[directory + 8] |= 1;
    for archive in [
        &whole[..whole.len() - 30],
        &flipped,
        &encrypted,
        b"PK\x03\x04 and nothing else",
        b"no archive at all",
    ] {
        kept(&server, archive).await;
    }
}

#[tokio::test]
async fn too_many_entries_are_refused() {
    let server = plain().await;
    let archive = zip_with(|writer, options| {
        for n in 0..10_001 {
            writer.add_directory(format!("{n}/"), options).unwrap();
        }
    });
    refused(&server, &archive).await;
}

#[tokio::test]
async fn contract_087_documents_are_not_unpacked() {
    let server = plain().await;
    let archive = zip_of(&[("word/document.xml", b"<x/>")]);
    let size = u64::try_from(archive.len()).unwrap();
    let files = unpacked(
        &server,
        &[("letter.docx", &archive), ("data.bin", &archive)],
    )
    .await;
    assert_eq!(
        files,
        [
            file("uploads/data.bin", size),
            file("uploads/letter.docx", size)
        ]
    );
    // The media type alone makes an archive of what has no name for it.
    let part = |name| {
        let part = reqwest::multipart::Part::bytes(archive.clone()).file_name(name);
        part.mime_str("application/zip").unwrap()
    };
    let form = reqwest::multipart::Form::new()
        .text("message", "hi")
        .part("files", part("blob"))
        .part("files", part("sheet.xlsx"));
    let data = post_form(&server.api, PATH, form).await.data();
    let id = data["id"].as_str().unwrap();
    server.api.finished(id).await;
    assert_eq!(
        artifacts(&server.api, id).await,
        [
            file("uploads/sheet.xlsx", size),
            file("uploads/word/document.xml", 4)
        ]
    );
}
