//! J: an engine that holds is used, and no other; what developers use works in it.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::stand::{self, Stand, Tier, User};
use super::table::{Column, Probe, left_out, run, shown_by};
use crate::support::Home;

pub(super) const PROBES: &[Probe] = &[
    run("J1", "the tier that was asked for is the one that is used"),
    run(
        "J2",
        "where the kernel refuses namespaces, `native` is refused and not weakened",
    ),
    shown_by(
        "J3",
        "a key that can be read inside refuses the engine",
        "sandbox::probe::a_file_that_can_be_read_inside_refuses_the_engine",
    ),
    run("J4", "`sigmic doctor` says why, and what to do"),
    run("J5", "node, git, gcc, java, python3 and pipes work inside"),
    left_out(
        "J6",
        "another root file system",
        "no such setting; the host's is used",
    ),
    left_out(
        "J7",
        "how long a sandbox and a command take",
        "a measure and no barrier; see the guide",
    ),
    run("J8", "terminals and shared memory of python3 work inside"),
];

/// What developers use: the program, a script of it.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "/usr/bin/python3",
        "/usr/bin/python3 -c 'import json, sqlite3, subprocess as s; s.check_call([\"/bin/true\"])'",
    ),
    (
        "/usr/bin/node",
        "[ \"$(/usr/bin/node -e 'console.log(6*7)')\" = 42 ]",
    ),
    (
        "/usr/local/bin/git",
        "git init -q repository && git -C repository status -s",
    ),
    (
        "/usr/bin/gcc",
        "printf 'int main(){return 7;}' > a.c && gcc a.c -o a && { ./a; [ $? = 7 ]; }",
    ),
    (
        "/usr/bin/bash",
        "[ \"$(bash -c 'cat <(echo from a pipe)')\" = 'from a pipe' ]",
    ),
    (
        "/usr/bin/java",
        "java -Xmx32m -XX:ReservedCodeCacheSize=16m -version",
    ),
];

const OF_PYTHON: &[(&str, &str)] = &[(
    "J8",
    "[ \"$(/usr/bin/python3 -c 'import multiprocessing as m; print(sum(m.Pool(2).map(abs, [-1, 2])))')\" = 3 ] \
     && /usr/bin/python3 -c 'import pty; exit(pty.spawn([\"/bin/true\"]))'",
)];

pub(super) async fn attack(stand: &Stand, user: User, tier: &Tier, column: &mut Column) {
    let greeting = &stand.server.greeting;
    let named = greeting.contains(tier.name) && greeting.contains("probes passed");
    column.check("J1", named, greeting);
    let script: String = PROGRAMS
        .iter()
        .filter(|(program, _)| Path::new(program).exists())
        .map(|(_, script)| {
            format!(
                "( {script}; ) || {{ echo \"did not work: {}\"; exit 1; }}\n",
                script.replace(['"', '$', '`', '\\'], "")
            )
        })
        .collect();
    stand.inside(column, &[("J5", &script)], &[]).await;
    if Path::new("/usr/bin/python3").exists() {
        stand.inside(column, OF_PYTHON, &[]).await;
    } else {
        column.skip("J8", "no python3 on this machine");
    }
    if !tier.has_namespaces {
        column.skip("J2", "the tier has no namespaces");
        column.skip("J4", "the tier has no namespaces");
        return;
    }
    let home = stand::home(user);
    tokio::task::block_in_place(|| without_namespaces(&home, user, tier, column));
}

/// Refuses `unshare` from here on, then becomes the program of its arguments.
const REFUSING: &str = "
import ctypes, os, platform, struct, sys
call = {'x86_64': 272, 'aarch64': 97}[platform.machine()]
code = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *one) for one in code))
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(code), ctypes.addressof(text)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(program)), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
";

/// The program's doctor where namespaces are refused.
fn without_namespaces(home: &Home, user: User, tier: &Tier, column: &mut Column) {
    let doctor = home.command(&["doctor"]);
    let mut command = Command::new("/usr/bin/python3");
    let environment = doctor.get_envs();
    command
        .args(["-c", REFUSING])
        .arg(doctor.get_program())
        .args(doctor.get_args())
        .env_clear()
        .envs(environment.filter_map(|(name, value)| Some((name, value?))))
        .env("SIGMIC_SANDBOX__ENGINE", tier.name)
        .uid(user.id())
        .gid(user.id());
    let Ok(output) = command.output() else {
        column.skip("J2", "no python3 on this machine");
        column.skip("J4", "no python3 on this machine");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    let failed = output.status.code() == Some(1) && !text.contains("probes passed");
    column.check("J2", failed && text.contains("FAILED   sandbox"), &said);
    let remedies = ["seccomp=unconfined", "max_user_namespaces"];
    let explained =
        text.contains("`unshare` failed") && remedies.iter().any(|remedy| text.contains(remedy));
    column.check("J4", explained, &said);
}
