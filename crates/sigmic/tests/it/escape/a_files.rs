//! A: files of the host, of the server and of other tasks.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::stand::{Stand, User, shell};
use super::table::{Column, Probe, left_out, run};

pub(super) const PROBES: &[Probe] = &[
    run("A1", "read `/etc/shadow`"),
    run("A2", "read the server's keys"),
    run("A3", "read its database"),
    run("A4", "read its settings, which everybody else may read"),
    run("A5", "read its logs, which everybody else may read"),
    run("A6", "read another task's workspace by its path"),
    run("A7", "the same below `/proc/1/root`"),
    run("A8", "the same below the roots of all other processes"),
    run("A9", "the same by `$WORKSPACE/..`"),
    run("A10", "the same by `/proc/self/fd/N/..`"),
    run("A11", "write to `/`, `/usr`, `/etc`"),
    run("A12", "leave files in `/tmp` and `/dev/shm` for others"),
    run("A13", "link a setuid program into the workspace"),
    run(
        "A14",
        "become root by setuid programs of `/usr` and the workspace",
    ),
    left_out(
        "A15",
        "write to `uploads/` where that is read-only",
        "no such setting; uploads are the task's own",
    ),
];

pub(super) const SCRIPTS: &[(&str, &str)] = &[
    ("A1", "must cat secret-of-own; never cat /etc/shadow"),
    (
        "A2",
        "never cat $DATA/master.key; never cat $DATA/cli.key; never cat $DATA/cli-management.key; never ls $DATA",
    ),
    (
        "A3",
        "never head -c 15 $DATA/sigmic.db; never ls $DATA/sigmic.db",
    ),
    ("A4", "never cat $HOST_HOME/sigmic.toml"),
    ("A5", "never cat $HOST_HOME/server.log"),
    ("A6", "never cat $VICTIM/secret.txt; never ls $VICTIM"),
    (
        "A7",
        "never cat /proc/1/root$VICTIM/secret.txt; never ls /proc/1/root/; never ls /proc/1/cwd/",
    ),
    (
        "A8",
        "for each in /proc/[0-9]* /proc/$SERVER_PID /proc/$SUPERVISOR; do never cat $each/root$VICTIM/secret.txt; done; \
         never ls /proc/$SUPERVISOR/root/; never ls /proc/$SUPERVISOR/cwd/",
    ),
    (
        "A9",
        "never cat $WORKSPACE/../..$VICTIM/secret.txt; never cat $WORKSPACE/../$VICTIM_ID/secret.txt; \
         never cat ../$VICTIM_ID/secret.txt; ln -s ../$VICTIM_ID dir; never cat dir/secret.txt",
    ),
    (
        "A10",
        "exec 7<.; for each in /proc/self/fd/* /dev/fd/*; do \
         never cat $each/../secret.txt; never cat $each/../$VICTIM_ID/secret.txt; \
         never cat $each/..$VICTIM/secret.txt; done",
    ),
    (
        "A11",
        "for each in / /usr /usr/bin /usr/local/bin /etc /var /root /home; do \
         never touch $each/sigmic-escape; done; never_do 'echo x >> /etc/passwd'",
    ),
    (
        "A12",
        "touch /tmp/sigmic-escape-$PORT /dev/shm/sigmic-escape-$PORT; \
         must touch $TMPDIR/sigmic-escape-$PORT",
    ),
    (
        "A13",
        "for each in $(find /usr -xdev -perm -4000 2>/dev/null); do never ln $each linked; done; \
         [ ! -e linked ]",
    ),
    (
        "A14",
        "[ \"$(id -u)\" != 0 ] || exit 1; cp /usr/bin/id own; chmod 4755 own; \
         [ \"$(./own -u)\" = \"$(id -u)\" ] || { echo own; exit 1; }; \
         [ ! -e planted ] || [ \"$(./planted -u)\" = \"$(id -u)\" ] || { echo planted; exit 1; }; \
         never su -c true",
    ),
];

/// What no attacker's stream may hold, and the attack that would have found it.
async fn canaries(stand: &Stand) -> Vec<(&'static str, String)> {
    let file = |path: &Path| std::fs::read_to_string(path).unwrap().trim().to_owned();
    let data = stand.home.data_dir();
    vec![
        ("A2", file(&data.join("master.key"))),
        ("A2", stand.home.key()),
        ("A3", "SQLite format 3".to_owned()),
        ("A4", "canary-config".to_owned()),
        ("A6", "canary-victim".to_owned()),
    ]
}

pub(super) async fn attack(stand: &Stand, user: User, column: &mut Column) {
    let prepared = stand
        .run(&[shell("echo canary-of-own > secret-of-own")])
        .await;
    let workspace = stand.workspace(&prepared.id);
    if User::Own.id() == 0 {
        plant(&workspace.join("planted"));
    }
    // A follow-up works in the same workspace.
    let message = stand.message_inside(SCRIPTS, &[]);
    stand.api.follow_up(&prepared.id, &message).await.data();
    let mut events = stand.api.stream_from(&prepared.id, Some("0")).await;
    events.rest().await;
    let stream = String::from_utf8_lossy(events.raw()).into_owned();
    let ran = stand.ran(prepared.id, stream).await;
    stand.judge(
        column,
        SCRIPTS,
        ran.outputs.last().map_or("", String::as_str),
    );
    for (id, canary) in canaries(stand).await {
        column.check(id, !ran.stream.contains(&canary), "it is in the stream");
    }
    for place in ["/", "/usr", "/usr/bin", "/usr/local/bin", "/etc"] {
        let left = Path::new(place).join("sigmic-escape");
        column.check("A11", !left.exists(), left.display());
    }
    let name = format!("sigmic-escape-{}", stand.tag);
    for place in ["/tmp", "/dev/shm"] {
        let left = Path::new(place).join(&name);
        column.check("A12", !left.exists(), left.display());
    }
    let other = [(
        "A12",
        "never ls /tmp/sigmic-escape-$PORT /dev/shm/sigmic-escape-$PORT",
    )];
    stand.inside(column, &other, &[]).await;
    // The owner of what the task made is no user that the host knows for more.
    let made = std::fs::metadata(workspace.join("own"));
    let owner = made.as_ref().map(std::os::unix::fs::MetadataExt::uid);
    let ordinary = owner.as_ref().is_ok_and(|owner| *owner != 0);
    column.check(
        "A14",
        ordinary,
        format!("made by {owner:?}, of {user:?}: {:?}", ran.outputs),
    );
}

/// Puts a program of root's with the setuid bit where the task can run it.
fn plant(path: &Path) {
    std::fs::copy("/usr/bin/id", path).unwrap();
    let bits = std::fs::Permissions::from_mode(0o4755);
    std::fs::set_permissions(path, bits).unwrap();
}
