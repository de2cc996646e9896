//! B: processes of the host, of the server and of other tasks, and the ends of the task's own.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::host;
use super::stand::{Stand, call, message, shell};
use super::table::{Column, Probe, run};

pub(super) const PROBES: &[Probe] = &[
    run("B1", "see processes of the host"),
    run("B2", "signal the server"),
    run("B3", "`kill -9 -1` from one task, seen from another"),
    run("B4", "trace the first process and the supervisor"),
    run("B5", "read and write their memory"),
    run("B6", "take their descriptors"),
    run(
        "B7",
        "environment, descriptors and program of the first process",
    ),
    run("B8", "use descriptors that the server left open"),
    run("B9", "kill the first process"),
    run("B10", "outlive a server that is killed"),
    run("B11", "outlive a cancel"),
    run("B12", "outlive the time limit of a command"),
    run(
        "B13",
        "a background process lives between calls and ends with its session",
    ),
];

const SCRIPTS: &[(&str, &str)] = &[
    (
        "B1",
        "count=$(ls /proc | grep -c '^[0-9]'); [ $count -lt 16 ] || { echo $count; exit 1; }; \
         for each in /proc/[0-9]*; do line=$(tr '\\0' ' ' < $each/cmdline | head -c 80); \
         case $line in \"sleep 7\"*|*\"sigmic serve\"*) echo \"$line\"; exit 1;; esac; done",
    ),
    (
        "B2",
        "kill -9 $SERVER_PID; kill -STOP $SERVER_PID; kill -TERM -$SERVER_PID; true",
    ),
    ("B4", "./probe tracing"),
    ("B5", "./probe memory_of_others"),
    ("B6", "./probe descriptors_of_others"),
    (
        "B7",
        "for each in 1 $SUPERVISOR; do never cat /proc/$each/environ; never ls /proc/$each/fd; \
         never_do \"echo x > /proc/$each/exe\"; never cat /proc/$each/exe; never cat /proc/$each/maps; done",
    ),
    (
        "B8",
        "never_do 'ls -l /proc/self/fd | grep -e socket -e anon_inode -e sigmic'; \
         [ $(ls /proc/self/fd | wc -l) -le 4 ] || exit 1; exec 2>/dev/null; \
         for each in $(seq 3 9) $(seq 20 99); do : <&$each && { echo $each; exit 1; }; done; true",
    ),
    (
        "B9",
        "kill -9 1; kill -TERM 1; kill -SEGV 1; [ -d /proc/1 ] && must true",
    ),
];

/// Everything an unwilling process tries, at once: four that sleep for `number` seconds.
fn daemons(number: &str) -> String {
    format!(
        "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM HUP; sleep {number} & exec sleep {number}' \
         >/dev/null 2>&1 &); nohup sleep {number} >/dev/null 2>&1 & \
         sh -c '(sleep {number} >/dev/null 2>&1 &) &'"
    )
}

pub(super) async fn attack(stand: &Stand, column: &mut Column) {
    stand.inside(column, SCRIPTS, &[]).await;
    let victim = stand.victims_process().await;
    let everything = "kill -9 -1; for each in $(seq 2 400); do kill -9 $each; done";
    let next = shell("echo next call");
    let ran = stand.run(&[shell(everything), next]).await;
    let goes_on = ran
        .outputs
        .last()
        .is_some_and(|output| output.contains("next call"));
    column.check("B3", goes_on, format!("{:?}", ran.outputs));
    let lives = stand.victims_process().await == victim;
    column.check("B3", lives, "the other task's process is gone");
    let state = host::status(stand.server.pid(), "State");
    column.check("B2", !state.is_empty() && !state.starts_with('T'), state);
    let answers = stand.api.get("/healthz").await.status;
    column.check("B2", answers == 200, answers);
    let answers = stand.run(&[shell("echo answers")]).await;
    column.check(
        "B9",
        answers.outputs[0].contains("answers"),
        "no sandbox any more",
    );
    time_limit(stand, column).await;
    cancel(stand, column).await;
}

async fn time_limit(stand: &Stand, column: &mut Column) {
    let number = format!("6{}", stand.tag);
    let command = format!("{}; echo begun; sleep {number}", daemons(&number));
    let limited = json!({"command": command, "timeout_ms": 1_000});
    let calls = [call("run_shell_command", &limited), shell("echo next call")];
    let body = message(&calls);
    let id = stand.api.create(&body).await;
    let began = host::started(&format!("sleep {number}"), 4).await;
    stand.api.finished(&id).await;
    let left = host::survivors(&began, 0);
    column.check("B12", left.is_empty(), format!("{left:?}"));
    let ran = stand.ran(id, String::new()).await;
    let goes_on = ran
        .outputs
        .last()
        .is_some_and(|output| output.contains("next call"));
    column.check("B12", goes_on, format!("{:?}", ran.outputs));
}

async fn cancel(stand: &Stand, column: &mut Column) {
    let (early, late) = (format!("5{}", stand.tag), format!("4{}", stand.tag));
    let calls = [
        shell(format!(
            "sleep {early} >/dev/null 2>&1 & echo $! > background"
        )),
        shell("kill -0 $(cat background) && echo lives"),
        shell(format!("{}; sleep {late}", daemons(&late))),
    ];
    let id = stand.api.create(&message(&calls)).await;
    let mut all = host::started(&format!("sleep {late}"), 5).await;
    let background = host::started(&format!("sleep {early}"), 1).await;
    all.extend(&background);
    let path = format!("/api/v1/tasks/{id}");
    stand.api.delete(&path).await.data();
    let left = host::survivors(&all, 1);
    column.check("B11", left.is_empty(), format!("{left:?}"));
    let ran = stand.ran(id.clone(), String::new()).await;
    let lived = ran
        .outputs
        .get(1)
        .is_some_and(|output| output.contains("lives"));
    column.check("B13", lived, format!("{:?}", ran.outputs));
    let ended = !left.contains(&background[0]);
    column.check("B13", ended, "it lives after the end of the session");
    // The task is as usable as before.
    let again = message(&[shell("echo in a new session")]);
    stand.api.follow_up(&id, &again).await.data();
    stand.api.finished(&id).await;
    let ran = stand.ran(id, String::new()).await;
    let output = ran.outputs.last().cloned().unwrap_or_default();
    column.check("B11", output.contains("in a new session"), output);
}

/// The end of the server, while an unwilling task runs.
pub(super) async fn power_cut(stand: Stand, column: &mut Column) {
    let number = format!("3{}", stand.tag);
    let command = format!("{}; sleep {number}", daemons(&number));
    stand.api.create(&message(&[shell(command)])).await;
    let mut all = host::started(&format!("sleep {number}"), 5).await;
    all.push(stand.victims_process().await.cast_signed());
    let server = Pid::from_raw(stand.server.pid().cast_signed()).unwrap();
    kill_process(server, Signal::KILL).unwrap();
    let left = host::survivors(&all, 2);
    column.check("B10", left.is_empty(), format!("{left:?}"));
}
