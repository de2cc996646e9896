//! D: parts of the kernel that tasks have no use for.

use super::stand::Stand;
use super::table::{Column, Probe, run};

pub(super) const PROBES: &[Probe] = &[
    run("D1", "`bpf`"),
    run("D2", "`userfaultfd`"),
    run("D3", "`io_uring`"),
    run("D4", "`perf_event_open`"),
    run("D5", "`keyctl`, `request_key`"),
    run("D6", "`add_key`"),
    run("D7", "`kexec_load`"),
    run("D8", "load and remove modules"),
    run("D9", "`open_by_handle_at`"),
    run("D10", "the kernel's log by `syslog`"),
    run("D11", "`fanotify`"),
    run(
        "D12",
        "quotas, swap, reboot, clocks, accounting, host name, ports",
    ),
    run("D13", "calls of the tables of x32 and i386"),
    run("D14", "`/proc/kcore`, `kmsg`, `kallsyms`, `keys`"),
    run("D15", "devices"),
    run("D16", "`/sys`, `release_agent` of control groups"),
];

pub(super) const SCRIPTS: &[(&str, &str)] = &[
    ("D1", "./probe bpf"),
    ("D2", "./probe faults"),
    ("D3", "./probe rings"),
    ("D4", "./probe performance"),
    ("D5", "./probe keyrings"),
    ("D6", "./probe keys"),
    ("D7", "./probe kexec"),
    ("D8", "./probe modules"),
    ("D9", "./probe handles"),
    ("D10", "./probe kernel_log"),
    ("D11", "./probe watching"),
    ("D12", "./probe administration"),
    ("D13", "./probe foreign_tables"),
    (
        "D14",
        "for each in kcore kmsg kallsyms keys key-users timer_list sched_debug config.gz; do \
         [ -z \"$(timeout 1 head -c 16 /proc/$each 2>/dev/null | tr -d '\\0')\" ] \
         || { echo $each; exit 1; }; done",
    ),
    ("D15", "./probe nodes"),
    (
        "D16",
        "never ls /sys/kernel; never ls /sys/fs/cgroup/memory; \
         never_do \"find / -name release_agent -not -path '/proc/*' 2>/dev/null | grep .\"; \
         never_do 'grep \" cgroup\" /proc/self/mounts'",
    ),
];

pub(super) async fn attack(stand: &Stand, column: &mut Column) {
    stand.inside(column, SCRIPTS, &[]).await;
}
