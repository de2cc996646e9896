//! What every measure uses, and the order in which they are made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use super::{credentials, memory, reads, sandboxes, start, tasks};
use crate::model::Model;
use crate::report::{Measured, say, say_head, write};
use crate::target::Target;

/// Where the last results are kept.
const RESULTS: &str = "bench/results/latest.json";

/// What every measure uses.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) sigmic: PathBuf,
    model: Model,
    directory: TempDir,
}

impl Rig {
    /// A new directory.
    pub(super) fn place(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    pub(super) fn sigmic(&self, place: &Path) -> Result<Target> {
        let program = self.sigmic.to_string_lossy();
        Target::sigmic(&program, place, &self.model.address)
    }

    pub(super) fn relay(&self, name: &str) -> Result<Target> {
        Target::relay(&self.place(name)?, &self.model.address)
    }
}

/// Runs the measures that are named, or all.
pub(crate) async fn run(sigmic: &str, only: &[&str]) -> Result<()> {
    let rig = Rig {
        sigmic: std::path::absolute(sigmic)?,
        model: Model::start().await?,
        directory: tempfile::tempdir()?,
    };
    let wanted = |ids: &[&str]| only.is_empty() || ids.iter().any(|id| only.contains(id));
    say_head()?;
    let mut rows = Vec::new();
    if wanted(&["P1"]) {
        keep(&mut rows, reads::measure(&rig).await?)?;
    }
    if wanted(&["P2", "P3", "P4", "P5", "P6", "P14"]) {
        keep(&mut rows, tasks::measure(&rig).await?)?;
    }
    if wanted(&["P7"]) {
        keep(&mut rows, start::measure(&rig).await?)?;
    }
    if wanted(&["P8", "P9"]) {
        keep(&mut rows, memory::measure_tasks(&rig).await?)?;
    }
    if wanted(&["P10"]) {
        keep(&mut rows, memory::measure_streams(&rig).await?)?;
    }
    if wanted(&["P11"]) {
        keep(&mut rows, start::measure_size(&rig)?)?;
    }
    if wanted(&["P12"]) {
        keep(&mut rows, sandboxes::measure().await?)?;
    }
    if wanted(&["P13"]) {
        keep(&mut rows, credentials::measure(&rig).await?)?;
    }
    write(Path::new(RESULTS), &rows)
}

fn keep(rows: &mut Vec<Measured>, measured: Vec<Measured>) -> Result<()> {
    for row in &measured {
        say(row)?;
    }
    rows.extend(measured);
    Ok(())
}

/// The value below which so much of the values lies.
pub(super) fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or_default()
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(super) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
