//! `sigmic doctor`: what works here, what does not, and how to mend it.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use llm::Models;
use model::{Clock, SystemClock};
use serde::Serialize;
use store::OpenMode;

use super::runtime;
use super::serve::local_config;
use crate::args::{Common, DoctorArguments};
use crate::failure::{Done, Failure, chain};
use crate::instance::open_store;
use crate::output::Output;
use crate::settings::{Database, Settings};

/// Free bytes below which the server would soon stop working.
const LEAST_FREE_BYTES: u64 = 256 << 20;
/// Free bytes below which there is little room for workspaces.
const LITTLE_FREE_BYTES: u64 = 4 << 30;

/// Programs that agents use, and the Debian package of each.
const PROGRAMS: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("git", "git"),
    ("python3", "python3"),
    ("curl", "curl"),
];

/// What came of one check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    /// What to do about it, a line each.
    remedies: Vec<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Nothing to do.
    Ok,
    /// It works, but less well than it could.
    Warning,
    /// It does not work.
    Failed,
}

impl Check {
    fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self {
            name,
            status,
            detail: detail.into(),
            remedies: Vec::new(),
        }
    }

    fn remedy(mut self, text: impl Into<String>) -> Self {
        self.remedies.push(text.into());
        self
    }
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

/// Runs it.
pub(crate) fn run(
    common: Common,
    arguments: DoctorArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let loaded = common.sources(Vec::new()).load()?;
    let settings = loaded.settings;
    let runtime = runtime::whole()?;
    let mut checks = Vec::new();
    for warning in loaded.warnings {
        checks.push(Check::new("settings", Status::Warning, warning));
    }
    checks.push(disk(&settings.data_dir));
    checks.push(runtime.block_on(database(&settings)));
    checks.push(models(&settings));
    checks.extend(runtime.block_on(sandbox(&settings)));
    checks.push(programs());
    let ok = checks.iter().all(|check| check.status != Status::Failed);
    let report = Report { ok, checks };
    if arguments.json {
        output.json(&report);
    } else {
        tell(&report, output);
    }
    if ok { Ok(Done) } else { Err(Failure::Told) }
}

fn tell(report: &Report, output: &mut Output) {
    for check in &report.checks {
        let mark = match check.status {
            Status::Ok => "\x1b[32mok\x1b[0m     ",
            Status::Warning => "\x1b[33mwarning\x1b[0m",
            Status::Failed => "\x1b[31mFAILED\x1b[0m ",
        };
        output.line(format!("{mark}  {:<9} {}", check.name, check.detail));
        for remedy in &check.remedies {
            output.line(format!("           → {remedy}"));
        }
    }
}

fn disk(data_dir: &Path) -> Check {
    let name = "disk";
    let Some(existing) = data_dir.ancestors().find(|path| path.exists()) else {
        return Check::new(name, Status::Failed, "the data directory is nowhere");
    };
    let free = match rustix::fs::statvfs(existing) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Check::new(name, Status::Failed, error.to_string()),
    };
    let detail = format!("{} MiB free for {}", free >> 20, data_dir.display());
    if rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).is_err() {
        let detail = format!("{} cannot be written to", existing.display());
        return Check::new(name, Status::Failed, detail)
            .remedy("give the directory to this user, or choose another (SIGMIC_DATA_DIR)");
    }
    let room = "free some, or put the data directory elsewhere (SIGMIC_DATA_DIR)";
    if free < LEAST_FREE_BYTES {
        Check::new(name, Status::Failed, detail).remedy(room)
    } else if free < LITTLE_FREE_BYTES {
        Check::new(name, Status::Warning, detail).remedy(room)
    } else {
        Check::new(name, Status::Ok, detail)
    }
}

async fn database(settings: &Settings) -> Check {
    let name = "database";
    let kind = match &settings.database {
        // Nothing is made by looking.
        Database::Sqlite(directory) if !directory.join("sigmic.db").exists() => {
            let detail = format!("SQLite, made at the first start in {}", directory.display());
            return Check::new(name, Status::Ok, detail);
        }
        Database::Sqlite(directory) => format!("SQLite in {}", directory.display()),
        Database::Postgres(_) => "PostgreSQL".to_owned(),
    };
    let look = async {
        let store = open_store(settings, OpenMode::Beside).await?;
        store.ping().await?;
        let migrated = store.is_migrated().await?;
        store.close().await;
        anyhow::Ok(migrated)
    };
    match look.await {
        Ok(true) => Check::new(name, Status::Ok, format!("{kind}, schema up to date")),
        Ok(false) => Check::new(
            name,
            Status::Warning,
            format!("{kind}, schema of another version"),
        )
        .remedy("`sigmic admin migrate`, or start the server, which does it too"),
        Err(error) => Check::new(
            name,
            Status::Failed,
            format!("{kind}: {}", chain(error.as_ref())),
        )
        .remedy("see that it runs and that SIGMIC_DATABASE_URL is right"),
    }
}

fn models(settings: &Settings) -> Check {
    let name = "model";
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match Models::new(&settings.models, &clock) {
        Ok(models) if models.default_model().starts_with("demo/") => Check::new(
            name,
            Status::Warning,
            format!("{}, a small built-in stand-in", models.default_model()),
        )
        .remedy("for a real model set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY, or OPENAI_BASE_URL and SIGMIC_MODEL"),
        Ok(models) => {
            let offered = models.offered().join(", ");
            let detail = format!("{} (offered: {offered})", models.default_model());
            Check::new(name, Status::Ok, detail)
        }
        Err(error) => Check::new(name, Status::Failed, chain(&error))
            .remedy("see SIGMIC_MODEL, SIGMIC_MODELS, and the keys and base URLs of the providers (docs/guide/models.md)"),
    }
}

async fn sandbox(settings: &Settings) -> Vec<Check> {
    let name = "sandbox";
    // Of its own, so that nothing is made in the data directory by looking.
    let scratch = std::env::temp_dir().join(format!("sigmic-doctor-{}", std::process::id()));
    if let Err(error) = std::fs::DirBuilder::new().mode(0o700).create(&scratch) {
        let detail = format!("{} cannot be made: {error}", scratch.display());
        return vec![Check::new(name, Status::Failed, detail)];
    }
    let config = local_config(settings, scratch.clone());
    let selected = sandbox::select(settings.sandbox.engine, config).await;
    // It may be gone already; what stays is an empty directory in a temporary place.
    let _ = std::fs::remove_dir_all(&scratch);
    let report = match selected {
        Ok(selected) => selected.report,
        Err(error) => return vec![Check::new(name, Status::Failed, chain(&error))],
    };
    let mut checks = Vec::new();
    let count = report.probes.len();
    match report.tier {
        // What is said about it follows with the warnings.
        Some(tier @ sandbox::Tier::None) => {
            let detail = format!("{tier}: commands run WITHOUT ISOLATION");
            let check = Check::new(name, Status::Warning, detail);
            checks.push(check.remedy("set SIGMIC_SANDBOX__ENGINE to `auto`"));
        }
        Some(tier @ (sandbox::Tier::Native | sandbox::Tier::Landlock)) => {
            let detail = format!("{tier}, {count} probes passed");
            checks.push(Check::new(name, Status::Ok, detail));
            let limits = report.limits.clone();
            checks.extend(limits.map(|limits| Check::new(name, Status::Ok, limits)));
        }
        None => {
            let mut check = Check::new(
                name,
                Status::Failed,
                report.reason.clone().unwrap_or_default(),
            );
            check.remedies.clone_from(&report.remedies);
            checks.push(check);
        }
    }
    for probe in report.failures() {
        let detail = format!(
            "{}: {}",
            probe.name,
            probe.detail.clone().unwrap_or_default()
        );
        checks.push(Check::new(name, Status::Failed, detail));
    }
    for warning in &report.warnings {
        checks.push(Check::new(name, Status::Warning, warning.clone()));
    }
    checks
}

/// Sandboxes see the machine's `/usr`: what is missing here is missing for agents.
fn programs() -> Check {
    let name = "programs";
    let is_there = |program: &str| {
        ["/usr/local/bin", "/usr/bin", "/bin"]
            .iter()
            .any(|directory| Path::new(directory).join(program).exists())
    };
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_there(program))
        .collect();
    if missing.is_empty() {
        let found: Vec<_> = PROGRAMS.iter().map(|(program, _)| *program).collect();
        return Check::new(
            name,
            Status::Ok,
            format!("agents find {}", found.join(", ")),
        );
    }
    let lacking: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    let detail = format!("agents do not find {}", lacking.join(", "));
    Check::new(name, Status::Warning, detail).remedy(format!(
        "apt-get install --no-install-recommends {}",
        packages.join(" ")
    ))
}
