//! C: more privileges than a task has.

use super::host;
use super::stand::Stand;
use super::table::{Column, Probe, run};

pub(super) const PROBES: &[Probe] = &[
    run(
        "C1",
        "capabilities; privileges by `execve`; calls past the filter",
    ),
    run("C2", "mount, bind, remount, unmount"),
    run("C3", "the new calls for mounting"),
    run("C4", "new namespaces by `unshare`, `clone`, `clone3`"),
    run("C5", "join namespaces of others"),
    run("C6", "`chroot`, `pivot_root`"),
    run("C7", "become user or group 0"),
    run(
        "C8",
        "kernel settings that belong to kernel user 0; being that user",
    ),
    run("C9", "dodge the out-of-memory killer"),
    run("C10", "higher priorities"),
    run("C11", "make devices"),
    run("C12", "user maps and namespace limits"),
];

/// Settings of the kernel that a task must not change.
const SETTINGS: [&str; 4] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/user/max_user_namespaces",
];

const SCRIPTS: &[(&str, &str)] = &[
    ("C1", "./probe privileges"),
    ("C2", "./probe mounting"),
    ("C3", "./probe mounting_anew"),
    ("C4", "./probe namespaces"),
    ("C5", "./probe joining"),
    ("C6", "./probe roots"),
    ("C7", "./probe users"),
    (
        "C8",
        "for each in kernel/core_pattern vm/drop_caches kernel/hostname kernel/modprobe \
         vm/overcommit_memory user/max_user_namespaces; do \
         never_do \"echo 1 > /proc/sys/$each\"; done; never_do 'echo h > /proc/sysrq-trigger'",
    ),
    (
        "C9",
        "never_do 'echo -1000 > /proc/self/oom_score_adj'; \
         never_do 'echo $(($(cat /proc/self/oom_score_adj) - 1)) > /proc/self/oom_score_adj'",
    ),
    ("C10", "./probe priorities"),
    ("C11", "./probe devices"),
    (
        "C12",
        "never_do 'echo 0 0 1 > /proc/self/uid_map'; never_do 'echo 0 0 1 > /proc/self/gid_map'; \
         never_do 'echo allow > /proc/self/setgroups'; \
         never_do 'echo 99999 > /proc/sys/user/max_user_namespaces'",
    ),
];

fn settings() -> Vec<String> {
    let read = |path: &&str| std::fs::read_to_string(path).unwrap_or_default();
    SETTINGS.iter().map(read).collect()
}

pub(super) async fn attack(stand: &Stand, column: &mut Column) {
    let before = settings();
    stand.inside(column, SCRIPTS, &[]).await;
    column.check("C8", before == settings(), "a setting changed");
    let pid = stand.victims_process().await;
    let users = host::status(pid, "Uid");
    let is_root = users.split_whitespace().any(|user| user == "0");
    column.check("C8", !users.is_empty() && !is_root, users);
    let score = |pid: u32| -> i32 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        text.trim().parse().unwrap()
    };
    let (theirs, servers) = (score(pid), score(stand.server.pid()));
    column.check("C9", theirs >= servers, format!("{theirs} < {servers}"));
    for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let held = host::status(pid, name);
        column.check("C1", held == "0000000000000000", format!("{name} {held}"));
    }
    // Void without new privileges, which are looked for next.
    let bounding = host::status(pid, "CapBnd");
    column.tried("C1", bounding == "0000000000000000", bounding);
    for (name, wanted) in [("NoNewPrivs", "1"), ("Seccomp", "2")] {
        let seen = host::status(pid, name);
        column.check("C1", seen == wanted, format!("{name} {seen}"));
    }
}
