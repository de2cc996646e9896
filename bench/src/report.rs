//! What was measured, as a table and as a file.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

/// What a ratio should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::AtMost(most) => format!("<= {most}"),
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) id: &'static str,
    pub(crate) measure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    /// What the limit program did, if one is compared with.
    pub(crate) limit: Option<f64>,
    /// For the ratio, or for the value itself where there is no limit.
    pub(crate) goal: Goal,
}

impl Measured {
    fn compared(&self) -> f64 {
        self.limit.map_or(self.ours, |limit| self.ours / limit)
    }

    fn is_met(&self) -> bool {
        self.goal.is_met(self.compared())
    }
}

/// Prints a row as soon as it is known.
pub(crate) fn say(row: &Measured) -> Result<()> {
    let limit = row
        .limit
        .map_or_else(|| "–".to_owned(), |limit| format!("{limit:.3}"));
    let ratio = row
        .limit
        .map_or_else(|| "–".to_owned(), |_| format!("{:.2}", row.compared()));
    let met = if row.is_met() { "yes" } else { "NO" };
    line(&format!(
        "{:<5} {:<46} {:>11.3} {limit:>11} {ratio:>7}  {:<9} {met:<4} {}",
        row.id,
        row.measure,
        row.ours,
        row.goal.text(),
        row.unit
    ))
}

pub(crate) fn say_head() -> Result<()> {
    line(&format!(
        "{:<5} {:<46} {:>11} {:>11} {:>7}  {:<9} {:<4} unit",
        "id", "measure", "ours", "limit", "ratio", "goal", "met"
    ))
}

fn line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Writes all rows to a file, in the place of the last ones.
pub(crate) fn write(path: &Path, rows: &[Measured]) -> Result<()> {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "measure": row.measure, "unit": row.unit, "ours": row.ours,
                "limit": row.limit, "ratio": row.limit.map(|_| row.compared()),
                "goal": row.goal.text(), "met": row.is_met(),
            })
        })
        .collect();
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    Ok(std::fs::write(path, serde_json::to_string_pretty(&rows)?)?)
}
