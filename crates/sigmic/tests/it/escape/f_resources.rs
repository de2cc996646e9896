//! F: using the machine up.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::json;

use super::host;
use super::stand::{MAX_FILE_BYTES, MAX_PROCESSES, Stand, call, message, shell};
use super::table::{Column, Probe, run, shown_by};

pub(super) const PROBES: &[Probe] = &[
    run("F1", "a fork bomb"),
    run("F2", "threads"),
    run("F3", "two bombs at once: each has a limit of its own"),
    run("F4", "memory, by one process"),
    run("F5", "memory, by eight processes"),
    run("F6", "bytes of `/tmp` and `/dev/shm`"),
    run("F7", "files of `/tmp`"),
    run("F8", "one huge file"),
    run("F9", "many files"),
    run("F10", "descriptors"),
    run("F11", "the processor, while another task works"),
    run("F12", "core dumps"),
    run("F13", "the session lives on after memory ran out"),
    shown_by(
        "F14",
        "200 sandboxes leave nothing",
        "sandbox::ending::two_hundred_sandboxes_leave_nothing_behind",
    ),
];

const SCRIPTS: &[(&str, &str)] = &[
    ("F2", "./probe threads 96"),
    (
        "F6",
        "for each in $TMPDIR /dev/shm; do head -c 300000000 /dev/zero > $each/full 2>/dev/null; \
         size=$(stat -c %s $each/full || echo 0); rm -f $each/full; \
         [ $size -le 67108864 ] || { echo $each $size; exit 1; }; done; [ -w $TMPDIR ]",
    ),
    (
        "F7",
        "mkdir $TMPDIR/many; (cd $TMPDIR/many; for each in $(seq 70); do \
         touch $(seq -f \"$each-%g\" 1000) 2>/dev/null || break; done); \
         count=$(ls -U $TMPDIR/many | wc -l); rm -rf $TMPDIR/many; [ $count -lt 66000 ] || { echo $count; exit 1; }",
    ),
    (
        "F8",
        "head -c 100000000 /dev/zero > huge 2>/dev/null; size=$(stat -c %s huge); rm huge; \
         [ $size = 33554432 ] || { echo $size; exit 1; }",
    ),
    (
        "F10",
        "bash -c 'for each in $(seq 3 300); do eval \"exec $each</dev/null\" || exit 0; done; exit 1' 2>/dev/null; \
         [ $(ulimit -Hn) -le 256 ] && [ \"$(bash -c 'eval \"exec 300</dev/null\" && echo yes' 2>/dev/null)\" != yes ]",
    ),
    (
        "F12",
        "[ $(ulimit -Hc) = 0 ] || exit 1; mkdir dumps; cd dumps; ulimit -c unlimited 2>/dev/null; \
         bash -c 'kill -SEGV $$'; bash -c 'kill -ABRT $$'; [ -z \"$(ls)\" ]",
    ),
];

/// Processes of all sandboxes together, where these are not counted apart, and others of theirs.
const SHARED_ROOM: usize = 2_048 + 128;

const BOMB: &str = "bomb() { bomb | bomb & }; bomb; sleep 8";

pub(super) async fn attack(stand: &Stand, column: &mut Column) {
    stand.inside(column, SCRIPTS, &[]).await;
    dumps(stand, column);
    bombs(stand, column).await;
    memory(stand, column).await;
    disk(stand, column).await;
    processor(stand, column).await;
}

/// No dump lies where the server is, or where the kernel may have put it.
fn dumps(stand: &Stand, column: &mut Column) {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let work = std::env::current_dir().unwrap();
    let home = stand.home.path("");
    let absolute = Path::new(pattern.trim()).parent();
    let places = [Some(work.as_path()), Some(home.as_path()), absolute];
    for place in places.into_iter().flatten().filter(|place| place.is_dir()) {
        let entries = std::fs::read_dir(place).unwrap().flatten();
        let named = |entry: &std::fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name == "core" || name.starts_with("core.")
        };
        let found: Vec<_> = entries.filter(named).map(|entry| entry.path()).collect();
        column.check("F12", found.is_empty(), format!("{found:?}"));
    }
}

/// The host's processes of a task: those that work in its workspace.
fn processes_of(stand: &Stand, id: &str) -> usize {
    let Ok(wanted) = std::fs::metadata(stand.workspace(id)) else {
        return 0;
    };
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter(|entry| {
        std::fs::metadata(entry.path().join("cwd"))
            .is_ok_and(|cwd| (cwd.dev(), cwd.ino()) == (wanted.dev(), wanted.ino()))
    })
    .count()
}

async fn bombs(stand: &Stand, column: &mut Column) {
    let limited = |command: &str| {
        call(
            "run_shell_command",
            &json!({"command": command, "timeout_ms": 2_000}),
        )
    };
    let calls = [limited(BOMB), shell("echo next call")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(stand.api.create(&message(&calls)).await);
    }
    let mut most = [0, 0];
    // Another task and the server answer while both bombs go on.
    for _ in 0..5 {
        let other = stand.run(&[shell("echo fine")]).await;
        column.tried("F1", other.outputs[0].contains("fine"), &other.outputs[0]);
        for (most, id) in most.iter_mut().zip(&ids) {
            *most = processes_of(stand, id).max(*most);
        }
    }
    for (count, id) in most.into_iter().zip(&ids) {
        stand.api.finished(id).await;
        let ran = stand.ran(id.clone(), String::new()).await;
        let next = ran.outputs.last().cloned().unwrap_or_default();
        // The other bomb may still go on.
        column.tried("F1", next.contains("next call"), next);
        // The first process and the supervisors are in the count.
        let bounded = count <= MAX_PROCESSES + 8;
        column.tried("F1", bounded, format!("{count} processes"));
        column.tried("F3", bounded, format!("{count} processes"));
        // The most in any tier: two rooms of those that share one.
        let some = count > 0 && count < 2 * SHARED_ROOM;
        column.check("F3", some, format!("{count} processes"));
        let left = processes_of(stand, id);
        column.check("F1", left <= 4, format!("{left} processes are left"));
    }
    let other = stand.run(&[shell("echo fine")]).await;
    column.check("F1", other.outputs[0].contains("fine"), &other.outputs[0]);
    // The tasks are as usable as before.
    for id in ids {
        let again = message(&[shell("echo works again")]);
        stand.api.follow_up(&id, &again).await.data();
        stand.api.finished(&id).await;
        let output = stand.ran(id, String::new()).await.outputs.pop();
        let works = output.as_ref().is_some_and(|text| text.contains("again"));
        column.check("F1", works, format!("afterwards: {output:?}"));
    }
}

async fn memory(stand: &Stand, column: &mut Column) {
    let hog = "x=0123456789abcdef; while :; do x=$x$x; done";
    let many = format!("for each in 1 2 3 4 5 6 7; do ({hog}) & done; {hog}");
    let calls = [
        shell("sleep 60 >/dev/null 2>&1 & echo x > kept"),
        shell(hog),
        shell("cat kept && echo after one"),
        shell(many),
        shell("cat kept && echo after eight"),
    ];
    let ran = stand.run(&calls).await;
    for (id, at) in [("F4", 1), ("F5", 3)] {
        let (status, output) = (ran.statuses[at].as_str(), &ran.outputs[at]);
        column.check(id, status == "error", output);
        column.check(id, output.to_lowercase().contains("memory"), output);
    }
    for at in [2, 4] {
        column.check("F13", ran.statuses[at] == "success", &ran.outputs[at]);
    }
    let state = host::status(stand.server.pid(), "State");
    column.check("F4", !state.is_empty(), "the server is gone");
}

async fn disk(stand: &Stand, column: &mut Column) {
    let fill =
        "for each in $(seq 200); do head -c 1000000 /dev/zero > part-$each || exit; done; sleep 60";
    let ran = stand
        .run(&[shell(fill), shell("rm -f part-*; echo room again")])
        .await;
    let stopped = ran.statuses[0] == "error" && ran.outputs[0].contains("workspace");
    column.check("F9", stopped, &ran.outputs[0]);
    let next = &ran.outputs[1];
    column.check("F9", next.contains("room again"), next);
    let huge = "head -c 100000000 /dev/zero > huge; true";
    let ran = stand.run(&[shell(huge)]).await;
    let size = std::fs::metadata(stand.workspace(&ran.id).join("huge"))
        .unwrap()
        .len();
    column.check("F8", size <= MAX_FILE_BYTES, format!("{size} bytes"));
}

async fn processor(stand: &Stand, column: &mut Column) {
    let spin = "for each in $(seq 16); do (while :; do :; done) & done; wait";
    let id = stand.api.create(&message(&[shell(spin)])).await;
    stand.api.stream(&id).await.until("tool_call").await;
    for _ in 0..5 {
        let other = stand.run(&[shell("echo fine")]).await;
        column.check("F11", other.outputs[0].contains("fine"), &other.outputs[0]);
    }
    let running = stand.api.task(&id).await["status"] == "running";
    column.check("F11", running, "the spinning task ended by itself");
    stand
        .api
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    let left = processes_of(stand, &id);
    column.check("F11", left == 0, format!("{left} processes are left"));
}
