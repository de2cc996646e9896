//! The self-test: a real sandbox, attacked from inside and looked at from outside.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::control_group::ControlGroups;
use super::engine::LocalEngine;
use super::remedy::advise;
use super::sandbox::LocalSandbox;
use crate::control::{Counted, ProbeInput, ProbeOutcome, Program};
use crate::{
    EgressLedger, ExecRequest, Limits, NetworkMode, Probe, ProbeReport, Sandbox, SandboxEngine,
    SandboxError, SandboxSpec, StopReason, Tier, Workspace,
};

/// Time for all probes together.
const TEST_TIME: Duration = Duration::from_secs(60);
/// Processes that the tested sandbox may have: few, so that reaching the limit is quick.
const PROCESSES: u64 = 48;
/// Probes there must be: a self-test that tests nothing is no self-test.
const LEAST_PROBES: usize = 20;
/// Numbers of the workspaces of self-tests, of which each takes two by chance: processes are
/// counted by user, and other servers make their tests too.
const NUMBERS: std::ops::Range<u32> = 99_000_000..101_000_000;

/// What is said wherever the tier `none` is used.
const UNISOLATED: &str = "there is NO ISOLATION: commands of every task can read and change what their user can, reach \
                          every network of this machine, and see and disturb one another";

/// Things of the host that must be out of reach, removed when dropped.
struct Bait {
    directory: PathBuf,
    temporary: PathBuf,
    port: TcpListener,
    _named: UnixListener,
    name: String,
    number: u32,
}

impl Drop for Bait {
    fn drop(&mut self) {
        // What stays behind holds nothing.
        let _ = fs::remove_dir_all(&self.directory);
        let _ = fs::remove_file(&self.temporary);
    }
}

fn bait(scratch: &Path) -> std::io::Result<Bait> {
    let mut random = [0_u8; 8];
    // The bytes only keep two tests apart.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    let tag = format!("sigmic-self-test-{:016x}", u64::from_ne_bytes(random));
    let [a, b, c, ..] = random;
    let number = NUMBERS.start + u32::from_ne_bytes([a, b, c, 0]) % (NUMBERS.end - NUMBERS.start);
    let directory = scratch.join(&tag);
    fs::create_dir_all(&directory)?;
    let temporary = std::env::temp_dir().join(&tag);
    fs::write(directory.join("key"), "a key")?;
    fs::write(&temporary, "of the host")?;
    Ok(Bait {
        port: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        _named: UnixListener::bind_addr(&SocketAddr::from_abstract_name(&tag)?)?,
        number,
        name: tag,
        directory,
        temporary,
    })
}

/// Makes the self-test.
pub(super) async fn run(engine: &LocalEngine) -> ProbeReport {
    let groups = engine.launcher.groups.as_ref();
    let mut report = ProbeReport {
        limits: groups.map(ToString::to_string),
        ..ProbeReport::default()
    };
    report
        .warnings
        .extend(groups.and_then(ControlGroups::shortfall));
    if let Some(reason) = &engine.ungrouped {
        report.warnings.push(format!(
            "no control groups ({reason}): memory is held by a watchdog, processor time is shared"
        ));
    }
    match timeout(TEST_TIME, attempt(engine, &mut report)).await {
        Ok(Ok(())) => judge(engine.tier, &mut report),
        Ok(Err(SandboxError::Start { step, source })) => {
            let advice = advise(engine.tier, &step, &source.to_string());
            report.reason = Some(advice.reason);
            report.remedies = advice.remedies;
        }
        Ok(Err(error)) => fail(
            &mut report,
            format!("the self-test could not be made: {}", with_sources(&error)),
        ),
        Err(_) => fail(
            &mut report,
            "the self-test took longer than 60 s".to_owned(),
        ),
    }
    report
}

/// An error with what caused it, for the operator.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn fail(report: &mut ProbeReport, reason: String) {
    report.reason = Some(reason);
    report
        .remedies
        .push("See docs/guide/sandbox.md; `sigmic doctor` makes the test again.".to_owned());
}

fn judge(tier: Tier, report: &mut ProbeReport) {
    let open: Vec<String> = report
        .failures()
        .map(|probe| {
            format!(
                "{} ({})",
                probe.name,
                probe.detail.as_deref().unwrap_or("open")
            )
        })
        .collect();
    let least = match tier {
        Tier::Native | Tier::Landlock => LEAST_PROBES,
        Tier::None => 1,
    };
    if report.probes.len() < least {
        fail(report, "the self-test made too few probes".to_owned());
    } else if open.is_empty() {
        report.tier = Some(tier);
    } else {
        fail(
            report,
            format!("the sandbox `{tier}` does not hold: {}", open.join(", ")),
        );
    }
}

async fn attempt(engine: &LocalEngine, report: &mut ProbeReport) -> Result<(), SandboxError> {
    let bait = bait(&engine.config.scratch).map_err(SandboxError::io("preparing the self-test"))?;
    let own = Workspace::create(
        &bait.directory.join("own"),
        engine.workspace_owner(bait.number),
    )?;
    let other_path = bait.directory.join("other");
    let other = Workspace::create(&other_path, engine.workspace_owner(bait.number + 1))?;
    let spec = SandboxSpec {
        workspace: own,
        network: match engine.tier {
            Tier::Native | Tier::Landlock => NetworkMode::None,
            Tier::None => NetworkMode::Full,
        },
        limits: Limits {
            processes: PROCESSES,
            ..Limits::default()
        },
        label: "self-test".to_owned(),
        ledger: EgressLedger::default(),
    };
    let counted = Counted::of(engine.tier, spec.workspace.owner().id());
    let launched = engine.launcher.launch(spec).await?;
    report.warnings.extend(launched.warnings);
    let sandbox = launched.sandbox;
    let own_files = vec![bait.directory.join("key"), bait.temporary.clone()];
    let mut hidden = own_files.clone();
    hidden.push(other.host_path().to_owned());
    hidden.extend(engine.config.hidden_paths.iter().cloned());
    let input = ProbeInput {
        tier: engine.tier,
        hidden_paths: hidden,
        own_files,
        host_ports: vec![bait.port.local_addr().map_or(0, |address| address.port())],
        host_abstract: Some(bait.name.clone()),
        host_pid: i32::try_from(std::process::id()).unwrap_or(0),
        processes: PROCESSES,
        counted,
    };
    match engine.tier {
        Tier::Native | Tier::Landlock => {
            report.probes.extend(from_inside(&sandbox, input).await?);
        }
        Tier::None => report.warnings.push(UNISOLATED.to_owned()),
    }
    report.probes.push(environment(&sandbox).await?);
    report.probes.push(kernel_user(&sandbox));
    report.probes.push(time_limit(&sandbox).await?);
    report.probes.push(kill_everything(&sandbox).await?);
    sandbox.destroy().await?;
    report.probes.push(probe("destroyed", None));
    Ok(())
}

fn probe(name: &str, open: Option<String>) -> Probe {
    Probe {
        name: name.to_owned(),
        passed: open.is_none(),
        detail: open,
    }
}

async fn from_inside(
    sandbox: &LocalSandbox,
    input: ProbeInput,
) -> Result<Vec<Probe>, SandboxError> {
    let request = ExecRequest {
        argv: Vec::new(),
        timeout_ms: 30_000,
        ..ExecRequest::shell("")
    };
    let result = sandbox.run_to_end(Program::Probes(input), &request).await?;
    let found: Vec<ProbeOutcome> = serde_json::from_str(&result.output)
        .map_err(|_| SandboxError::Invalid("the probes did not report"))?;
    let found = found
        .into_iter()
        .map(|outcome| probe(&outcome.name, outcome.open));
    Ok(found.collect())
}

/// Runs a shell command for its output. `sh` is on every system that has a `/usr`.
async fn shell(sandbox: &LocalSandbox, script: &str) -> Result<String, SandboxError> {
    let argv = vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let request = ExecRequest {
        argv,
        ..ExecRequest::shell("")
    };
    Ok(sandbox.exec(request).await?.output)
}

/// Whether a listing of variables, ended by NUL or line ends, has exactly `variable`. One whose
/// value goes on is another: `HOME` inside may lie below the server's.
fn holds_whole(listing: &str, variable: &str) -> bool {
    let edge = |next: Option<char>| next.is_none_or(|next| matches!(next, '\n' | '\0'));
    listing.match_indices(variable).any(|(at, _)| {
        let (before, after) = (&listing[..at], &listing[at + variable.len()..]);
        edge(before.chars().next_back()) && edge(after.chars().next())
    })
}

/// No variable of the server's may be seen inside, not even a harmless one.
async fn environment(sandbox: &LocalSandbox) -> Result<Probe, SandboxError> {
    let inside = shell(sandbox, "env; cat /proc/1/environ /proc/self/environ").await?;
    let open = std::env::vars()
        // Short values are found by accident.
        .filter(|(_, value)| value.len() >= 8)
        .find(|(name, value)| holds_whole(&inside, &format!("{name}={value}")))
        .filter(|(name, _)| {
            // Names that the sandbox sets itself, to values that may be the same.
            !["PATH", "LANG", "DEBIAN_FRONTEND"].contains(&name.as_str())
        })
        .map(|(name, _)| format!("{name} of the server is visible"));
    Ok(probe("server_environment", open))
}

/// Seen from outside: the kernel user of the sandbox is neither root nor, under root, the server.
fn kernel_user(sandbox: &LocalSandbox) -> Probe {
    let users = sandbox.kernel_users();
    let server = rustix::process::geteuid().as_raw();
    let open = match users.as_slice() {
        [] => Some("the sandbox's user cannot be read".to_owned()),
        users if users.contains(&0) => Some("the sandbox runs as kernel user 0".to_owned()),
        users if server == 0 && users.contains(&server) => {
            Some("the sandbox runs as the server's user".to_owned())
        }
        _ => None,
    };
    probe("kernel_user", open)
}

/// A command that takes too long ends, however it resists.
async fn time_limit(sandbox: &LocalSandbox) -> Result<Probe, SandboxError> {
    let request = ExecRequest {
        timeout_ms: 100,
        ..ExecRequest::shell("sleep 60")
    };
    let result = sandbox.exec(request).await?;
    let open = (result.stopped != Some(StopReason::TimedOut))
        .then(|| "a command outlived its time".to_owned());
    Ok(probe("time_limit", open))
}

/// Daemons, sessions of their own and ignored signals do not help.
async fn kill_everything(sandbox: &LocalSandbox) -> Result<Probe, SandboxError> {
    let script = "trap '' TERM HUP; (setsid sh -c 'trap \"\" TERM; sleep 60 & sleep 60' &) \
                  </dev/null >/dev/null 2>&1; sleep 60 >/dev/null 2>&1 & nohup sleep 60 \
                  >/dev/null 2>&1 & echo started";
    let started = shell(sandbox, script).await?;
    let before = at_least(sandbox, 3).await?;
    sandbox.kill_all().await?;
    let after = sandbox.processes().await?;
    let works = shell(sandbox, "echo again").await?;
    let open = if started.trim() != "started" || before < 3 {
        Some(format!("the test's own processes did not start: {before}"))
    } else if after != 0 {
        Some(format!("{after} processes survived"))
    } else if works.trim() != "again" {
        Some("no command works afterwards".to_owned())
    } else {
        None
    };
    Ok(probe("kill_everything", open))
}

/// Waits until there are `count` processes, for two seconds at most: a daemon is there a moment
/// after the command that started it has ended.
async fn at_least(sandbox: &LocalSandbox, count: usize) -> Result<usize, SandboxError> {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        let found = sandbox.processes().await?;
        if found >= count || Instant::now() >= until {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_seen_whole_only() {
        let listing = "HOME=/srv/sigmic/data/w/.sigmic/home\nA_TOKEN=12345678\0LAST=87654321";
        for seen in ["A_TOKEN=12345678", "LAST=87654321"] {
            assert!(holds_whole(listing, seen), "{seen}");
        }
        for other in ["HOME=/srv/sigmic", "TOKEN=12345678", "LAST=8765432"] {
            assert!(!holds_whole(listing, other), "{other}");
        }
    }
}
