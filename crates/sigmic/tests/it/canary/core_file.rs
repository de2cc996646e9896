//! Memory holds secrets while they are in use: no crash may write it to a file.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{Home, Killed};

#[test]
fn a_crash_leaves_no_memory_behind() {
    let home = Home::new();
    let serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    // Whoever starts it allows core files; the kernel would put one here.
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "ulimit -c unlimited && ulimit -c >&2 && exec \"$0\" \"$@\"",
        ])
        .arg(serve.get_program())
        .args(serve.get_args())
        .env_clear()
        .envs(
            serve
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(home.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut server = Killed(shell.spawn().unwrap());
    let mut allowed = String::new();
    let mut said = BufReader::new(server.0.stderr.take().unwrap());
    said.read_line(&mut allowed).unwrap();
    assert_eq!(allowed, "unlimited\n");
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "Ready"));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.0.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().skip(4).collect();
    assert_eq!(core[..2], ["0", "0"]);
    server.signal(Signal::ABORT);
    server.0.wait().unwrap();
    for entry in std::fs::read_dir(home.path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with("core"), "{name}");
    }
}
