//! A terminal, and the program at it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Home, Killed};

/// What leads the program's session: were that the program itself, its end would hang the terminal
/// up, and the kernel drops what has not been read then. It outlives an interrupt, tells the
/// program's exit code, and ends with a line.
const LEADER: &str = r#"trap : INT; "$@"; printf '\036%s\036' $?; read -r end"#;
/// Around the exit code.
const MARK: char = '\u{1e}';

/// The program with a terminal of its own.
pub(crate) struct Terminal {
    child: Killed,
    screen: File,
    /// All that was shown so far.
    pub(crate) shown: String,
}

impl Terminal {
    /// Starts the program in a session of its own, so that Ctrl-C is a key.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let inside = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
        let end = |fd: &OwnedFd| fd.as_fd().try_clone_to_owned().unwrap();
        let program = home.command(arguments);
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "sh", "-c", LEADER, "sh"])
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear()
            .envs(
                program
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("TERM", "xterm-256color")
            .stdin(end(&inside))
            .stdout(end(&inside))
            .stderr(end(&inside));
        Self {
            child: Killed(command.spawn().unwrap()),
            screen: screen.into(),
            shown: String::new(),
        }
    }

    /// Reads until this was shown.
    pub(crate) fn until(&mut self, text: &str) -> &mut Self {
        let from = self.shown.len();
        while !self.shown[from..].contains(text) {
            assert!(self.read(), "no {text:?} in {:?}", self.shown);
        }
        self
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        self.screen.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Reads to the end of the program; its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        while self.shown.matches(MARK).count() < 2 {
            assert!(self.read(), "no end of {:?}", self.shown);
        }
        let (shown, rest) = self.shown.split_once(MARK).unwrap();
        let code = rest.split(MARK).next().unwrap().parse().unwrap();
        self.shown = shown.to_owned();
        self.press("\n");
        self.child.0.wait().unwrap();
        Some(code)
    }

    /// Whether something was read; a terminal without programs gives an error.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let read = self.screen.read(&mut bytes).unwrap_or(0);
        self.shown
            .push_str(&String::from_utf8_lossy(&bytes[..read]));
        read > 0
    }
}
