//! H: the tools and routes that handle files from the server's side.

use std::path::Path;

use serde_json::{Value, json};

use super::stand::{Ran, Stand, call, shell};
use super::table::{Column, Probe, run, shown_by};

pub(super) const PROBES: &[Probe] = &[
    run("H1", "`..` that leads out"),
    run("H2", "absolute paths"),
    run("H3", "links to files and directories outside"),
    run("H4", "chains of links, links through `/proc/self/root`"),
    run("H5", "make a file through a link to nothing"),
    shown_by(
        "H6",
        "100,000 races between opening and swapping",
        "sandbox::files::a_hundred_thousand_races_leak_nothing",
    ),
    run("H7", "a pipe does not hold a tool up"),
    run("H8", "make and read a device node; a link to one"),
    run("H9", "a socket"),
    run("H10", "hard links to files outside"),
    run("H11", "a file larger than a tool may read"),
    run("H12", "names with line ends, NUL, 300 bytes, no text"),
    shown_by(
        "H13",
        "trees that are renamed and locked while they are removed",
        "sandbox::files::trees_that_resist_are_removed",
    ),
    shown_by(
        "H14",
        "archives that lead out",
        "http::zips::contract_081_archives_that_lead_out_are_refused",
    ),
    run("H15", "download an artifact that is a link"),
];

/// Makes what the tools are sent at. `$OUT` is a directory of the host that everybody may write to.
fn prepare(outside: &Path) -> Value {
    shell(format!(
        "OUT={0}; ln -s $OUT/secret file; ln -s $OUT dir; ln -s / root; ln -s file one; ln -s one two; \
         ln -s /proc/self/root$OUT/secret magic; ln -s /proc/1/cwd cwd; ln -s $OUT/made dangling; \
         ln -s $OUT/secret written; \
         mkfifo pipe; mknod node b 254 0; ln -s /dev/zero zero; ln $OUT/secret hard; \
         ln /etc/shadow hard2; ln /usr/bin/env hard3; \
         yes | head -c 25000000 > larger; \
         printf x > $'two\\nlines'; printf x > $'no\\377text'; \
         /usr/bin/python3 -c 'import socket as s; s.socket(s.AF_UNIX).bind(\"socket\")'; \
         mkdir downloads 2>/dev/null; ln -s $OUT/secret downloads/link.txt; ls",
        outside.display()
    ))
}

fn read(path: &str) -> Value {
    call("read_file", &json!({"file_path": path}))
}

fn write(path: &str) -> Value {
    call(
        "write_file",
        &json!({"file_path": path, "content": "escaped"}),
    )
}

fn list(path: &str) -> Value {
    call("list_directory", &json!({"dir_path": path}))
}

/// Links in whose place a file is written: the link goes, and what it led to stays as it is.
fn replaced() -> Vec<(&'static str, Value)> {
    let names = [("H3", "written"), ("H5", "dangling")];
    names.map(|(id, name)| (id, write(name))).to_vec()
}

/// What the tools must refuse.
fn attempts(outside: &Path) -> Vec<(&'static str, Value)> {
    let secret = outside.join("secret").display().to_string();
    let made = outside.join("made").display().to_string();
    let up = format!("../../../../../../..{secret}");
    let long = "n".repeat(300);
    vec![
        ("H1", read(&up)),
        ("H1", write(&format!("../../../../../../..{made}"))),
        ("H1", list("../..")),
        ("H1", read("downloads/../../../master.key")),
        ("H2", read(&secret)),
        ("H2", write(&made)),
        ("H2", list("/etc")),
        ("H3", read("file")),
        ("H3", read("dir/secret")),
        ("H3", write("dir/made")),
        ("H3", list("dir")),
        ("H4", read("two")),
        ("H4", read("magic")),
        ("H4", read(&format!("root{secret}"))),
        ("H4", list("cwd")),
        ("H5", read("dangling")),
        ("H7", read("pipe")),
        ("H8", read("node")),
        ("H8", read("zero")),
        ("H9", read("socket")),
        ("H10", read("hard")),
        ("H10", read("hard2")),
        ("H12", read("nul\0name")),
        ("H12", write(&long)),
    ]
}

pub(super) async fn attack(stand: &Stand, column: &mut Column) {
    let outside = stand.home.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "canary-outside").unwrap();
    for (path, mode) in [(outside.clone(), 0o777), (outside.join("secret"), 0o666)] {
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, everybody).unwrap();
    }
    let attempts = attempts(&outside);
    let mut calls = vec![prepare(&outside)];
    calls.extend(attempts.iter().map(|(_, call)| call.clone()));
    calls.extend(replaced().into_iter().map(|(_, call)| call));
    calls.push(read("larger"));
    calls.push(read("two\nlines"));
    calls.push(list("."));
    let ran = stand.run(&calls).await;
    for (at, (id, call)) in attempts.iter().enumerate() {
        let output = &ran.outputs[at + 1];
        let refused = ran.statuses[at + 1] == "error" && !output.contains("canary-outside");
        column.check(id, refused, format!("{call}: {output}"));
    }
    let after = attempts.len() + 1 + replaced().len();
    let (larger, two, listed) = (after, after + 1, after + 2);
    for name in ["written", "dangling"] {
        let made = std::fs::symlink_metadata(stand.workspace(&ran.id).join(name)).unwrap();
        let id = if name == "written" { "H3" } else { "H5" };
        column.check(id, made.is_file(), format!("{name} is {made:?}"));
    }
    let output = &ran.outputs[larger];
    let refused = ran.statuses[larger] == "error" && output.contains("is larger than");
    let seen: String = output.chars().take(200).collect();
    column.check("H11", refused, seen);
    prepared(&stand.workspace(&ran.id), column);
    for at in [two, listed] {
        column.check("H12", ran.statuses[at] == "success", &ran.outputs[at]);
    }
    untouched(&outside, column);
    downloads(stand, &ran, column).await;
}

/// What the tools were sent at was there.
fn prepared(workspace: &Path, column: &mut Column) {
    use std::os::unix::fs::FileTypeExt as _;
    let kind =
        |name: &str| std::fs::symlink_metadata(workspace.join(name)).map(|of| of.file_type());
    let links = [
        "file",
        "dir",
        "root",
        "two",
        "magic",
        "cwd",
        "downloads/link.txt",
    ];
    for name in links {
        let id = if ["file", "dir"].contains(&name) {
            "H3"
        } else {
            "H4"
        };
        let there = kind(name).is_ok_and(|kind| kind.is_symlink());
        column.check(id, there, format!("{name} was not made"));
    }
    let pipe = kind("pipe").is_ok_and(|kind| kind.is_fifo());
    column.check("H7", pipe, "no pipe was made");
    let socket = kind("socket").is_ok_and(|kind| kind.is_socket());
    column.tried("H9", socket, "no socket was made");
    let size = std::fs::metadata(workspace.join("larger")).map_or(0, |of| of.len());
    column.check("H11", size == 25_000_000, format!("{size} bytes were made"));
}

/// The place outside is as it was.
fn untouched(outside: &Path, column: &mut Column) {
    let secret = std::fs::read_to_string(outside.join("secret")).unwrap();
    let count = std::fs::read_dir(outside).unwrap().count();
    let links = std::fs::metadata(outside.join("secret")).unwrap();
    let links = std::os::unix::fs::MetadataExt::nlink(&links);
    for id in ["H1", "H2", "H3", "H4", "H5"] {
        let same = secret == "canary-outside" && count == 1;
        column.check(id, same, format!("{secret:?}, {count} files"));
    }
    column.check("H10", links == 1, format!("{links} links"));
}

async fn downloads(stand: &Stand, ran: &Ran, column: &mut Column) {
    for path in [
        "downloads/link.txt",
        "file",
        "dir/secret",
        "two",
        "..%2F..%2Fmaster.key",
    ] {
        let artifacts = format!("/api/v1/tasks/{}/artifacts", ran.id);
        let answer = stand
            .api
            .get(&format!("{artifacts}/download?path={path}"))
            .await;
        let held = answer.status == 404 && !answer.text.contains("canary");
        column.check(
            "H15",
            held,
            format!("{path}: {} {}", answer.status, answer.text),
        );
        let listed = stand.api.get(&artifacts).await.data();
        let listed = listed["files"].to_string();
        column.check("H15", !listed.contains("link.txt"), listed);
    }
}
