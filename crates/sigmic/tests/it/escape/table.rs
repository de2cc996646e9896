//! The list of attacks, what came of each, and the table of both.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use super::{
    a_files, b_processes, c_privileges, d_kernel, e_network, f_resources, g_output, h_file_api,
    i_secrets, j_availability,
};

/// One attack.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) id: &'static str,
    /// What is tried.
    pub(super) what: &'static str,
    how: How,
}

#[derive(Debug, Clone, Copy)]
enum How {
    /// By this suite.
    Run,
    /// By this test of another crate, at its full size or where the suite cannot reach.
    Elsewhere(&'static str),
    /// Not at all, for this reason.
    LeftOut(&'static str),
}

/// An attack that this suite makes.
pub(super) const fn run(id: &'static str, what: &'static str) -> Probe {
    let how = How::Run;
    Probe { id, what, how }
}

/// An attack that another test makes: `crate::module::function`.
pub(super) const fn shown_by(id: &'static str, what: &'static str, test: &'static str) -> Probe {
    let how = How::Elsewhere(test);
    Probe { id, what, how }
}

/// An attack that nobody makes.
pub(super) const fn left_out(id: &'static str, what: &'static str, why: &'static str) -> Probe {
    let how = How::LeftOut(why);
    Probe { id, what, how }
}

/// Every attack, in the order of the table.
pub(super) fn all() -> impl Iterator<Item = &'static Probe> {
    [
        a_files::PROBES,
        b_processes::PROBES,
        c_privileges::PROBES,
        d_kernel::PROBES,
        e_network::PROBES,
        f_resources::PROBES,
        g_output::PROBES,
        h_file_api::PROBES,
        i_secrets::PROBES,
        j_availability::PROBES,
    ]
    .into_iter()
    .flatten()
}

#[derive(Debug)]
enum Outcome {
    Held,
    /// What was possible.
    Open(String),
    Skipped(String),
}

/// Ids of attacks, and what is possible of each.
type Differences = &'static [(&'static str, &'static str)];

/// What came of the attacks in one tier with one user of the server.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    differences: Differences,
    outcomes: BTreeMap<&'static str, Outcome>,
}

impl Column {
    pub(super) fn new(name: String, differences: Differences) -> Self {
        Self {
            name,
            differences,
            outcomes: BTreeMap::new(),
        }
    }

    /// Notes one observation. An attack holds when all observations of it do.
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "a condition and what was seen, as `assert!` takes them"
    )]
    pub(super) fn check(&mut self, id: &'static str, holds: bool, seen: impl Display) {
        match self.outcomes.get(id) {
            Some(Outcome::Open(_)) => {}
            Some(Outcome::Held | Outcome::Skipped(_)) | None if !holds => {
                let seen = seen.to_string();
                self.outcomes.insert(id, Outcome::Open(seen));
            }
            Some(Outcome::Held | Outcome::Skipped(_)) | None => {
                self.outcomes.insert(id, Outcome::Held);
            }
        }
    }

    /// Notes that an attack cannot be made on this machine.
    pub(super) fn skip(&mut self, id: &'static str, why: impl Into<String>) {
        self.outcomes
            .entry(id)
            .or_insert(Outcome::Skipped(why.into()));
    }

    fn difference(&self, id: &str) -> Option<&(&'static str, &'static str)> {
        self.differences.iter().find(|(known, _)| *known == id)
    }

    fn cell(&self, probe: &Probe) -> String {
        match (probe.how, self.outcomes.get(probe.id)) {
            (How::Elsewhere(test), None) => format!("shown by `{test}`"),
            (How::LeftOut(why), None) => format!("skipped: {why}"),
            (How::Elsewhere(_) | How::LeftOut(_), Some(_)) => "**listed wrongly**".to_owned(),
            (How::Run, None) => "**missing**".to_owned(),
            (How::Run, Some(Outcome::Held)) => "held".to_owned(),
            (How::Run, Some(Outcome::Skipped(why))) => format!("skipped: {why}"),
            (How::Run, Some(Outcome::Open(seen))) => {
                if let Some((_, possible)) = self.difference(probe.id) {
                    return format!("differs: {possible}");
                }
                let line: String = seen.chars().take(1_000).collect();
                format!("**open**: {}", line.replace(['\n', '|'], " "))
            }
        }
    }

    /// What must not be, a line each: ways that are open, attacks that nobody made or that are not
    /// in the list, skips without a reason, differences that there are no more.
    pub(super) fn faults(&self) -> Vec<String> {
        let cells = all().map(|probe| (probe.id, self.cell(probe)));
        let wrong = cells.filter(|(_, cell)| cell.contains("**") || cell.ends_with(": "));
        let mut faults: Vec<String> = wrong
            .map(|(id, cell)| format!("{id} [{}]: {cell}", self.name))
            .collect();
        let outdated = self.differences.iter().filter(|(id, _)| {
            let outcome = self.outcomes.get(id);
            !matches!(outcome, Some(Outcome::Open(_)))
        });
        faults.extend(outdated.map(|(id, _)| format!("{id} [{}]: differs no more", self.name)));
        let listed = |id: &&&str| all().any(|probe| probe.id == **id);
        let strange = self.outcomes.keys().filter(|id| !listed(id));
        faults.extend(strange.map(|id| format!("{id} [{}]: not listed", self.name)));
        faults
    }
}

/// The table of all attacks, in Markdown.
pub(super) fn markdown(columns: &[Column]) -> String {
    let mut text = String::from("| id | attack |");
    for column in columns {
        let _ = write!(text, " {} |", column.name);
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(columns.len()));
    for probe in all() {
        let _ = write!(text, "\n| {} | {} |", probe.id, probe.what);
        for column in columns {
            let _ = write!(text, " {} |", column.cell(probe));
        }
    }
    text.push('\n');
    text
}
