//! The measured programs: started on their core, asked of the kernel what they used.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::SERVER_CORE;

/// A running program; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

/// What a program whose address is waited for prints before it.
const LISTENS: &str = "listens on http://";

impl Process {
    /// Starts a program on the measured core, and returns when it listens.
    pub(crate) fn start(program: &Command) -> Result<Self> {
        let mut command = Command::new("taskset");
        command
            .arg("-c")
            .arg(SERVER_CORE.to_string())
            .arg(program.get_program())
            .args(program.get_args())
            .envs(
                program
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let child = command.spawn().context("start a program with taskset")?;
        let mut process = Self {
            child,
            address: String::new(),
        };
        let stdout = process.child.stdout.take().context("its output")?;
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        while process.address.is_empty() {
            line.clear();
            ensure!(lines.read_line(&mut line)? > 0, "{program:?} ended");
            if let Some((_, address)) = line.split_once(LISTENS) {
                address.trim().clone_into(&mut process.address);
            }
        }
        // What it says later is nobody's business, but it must not block on it.
        process.child.stdout = Some(lines.into_inner());
        Ok(process)
    }

    /// Processor time used by it and by what it started and waited for.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").context("a line of /proc")?;
        let fields: Vec<u64> = fields
            .split(' ')
            .skip(11)
            .take(4)
            .map_while(|field| field.parse().ok())
            .collect();
        // The kernel counts in hundredths of a second for everybody.
        Ok(Duration::from_millis(fields.iter().sum::<u64>() * 10))
    }

    /// Memory of its own and its share of what it shares, KiB.
    pub(crate) fn pss_kib(&self) -> Result<u64> {
        let rollup = format!("/proc/{}/smaps_rollup", self.child.id());
        let rollup = std::fs::read_to_string(rollup)?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(number.context("a Pss line")?.trim().parse()?)
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says where this program listens, for [`Process::start`] of another.
pub(crate) fn say_address(address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{LISTENS}{address}")?;
    Ok(out.flush()?)
}
