//! The list of attacks, what came of each, and the table of both.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use super::{
    a_files, b_processes, c_privileges, d_kernel, e_listed, e_network, f_resources, g_output,
    h_file_api, i_secrets, j_availability,
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
        e_listed::PROBES,
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
    /// What the attempt itself saw, where it was not refused or did not work as it should; the
    /// host shows nothing of it.
    Tried(String),
    /// What the host shows.
    Open(String),
    Skipped(String),
}

/// Ids of attacks, and what is seen inside instead of a refusal, or does not work.
pub(super) type Differences = &'static [(&'static str, &'static str)];

/// Attacks of which a difference shows in some runs only: it depends on when processes run.
const BY_CHANCE: [&str; 2] = ["F1", "F3"];

/// What came of the attacks in one tier with one user of the server.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    differences: Vec<(&'static str, &'static str)>,
    outcomes: BTreeMap<&'static str, Outcome>,
}

impl Column {
    pub(super) fn new(name: String, differences: &[Differences]) -> Self {
        Self {
            name,
            differences: differences.concat(),
            outcomes: BTreeMap::new(),
        }
    }

    /// Notes one observation. An attack holds when all observations of it do.
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "a condition and what was seen, as `assert!` takes them"
    )]
    pub(super) fn check(&mut self, id: &'static str, holds: bool, seen: impl Display) {
        if holds {
            self.holds(id);
        } else if !matches!(self.outcomes.get(id), Some(Outcome::Open(_))) {
            self.outcomes.insert(id, Outcome::Open(seen.to_string()));
        }
    }

    /// Notes what the attempt itself saw. Only this may differ from tier to tier: what
    /// [`Self::check`] is told of the host is the same everywhere.
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "a condition and what was seen, as `assert!` takes them"
    )]
    pub(super) fn tried(&mut self, id: &'static str, holds: bool, seen: impl Display) {
        match self.outcomes.get(id) {
            _ if holds => self.holds(id),
            Some(Outcome::Open(_) | Outcome::Tried(_)) => {}
            Some(Outcome::Held | Outcome::Skipped(_)) | None => {
                self.outcomes.insert(id, Outcome::Tried(seen.to_string()));
            }
        }
    }

    /// Notes an observation in favour; one against it stays.
    fn holds(&mut self, id: &'static str) {
        match self.outcomes.get(id) {
            Some(Outcome::Open(_) | Outcome::Tried(_)) => {}
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
            (How::Run, Some(Outcome::Tried(seen))) => match self.difference(probe.id) {
                Some((_, possible)) => format!("differs: {possible}"),
                None => open(seen),
            },
            (How::Run, Some(Outcome::Open(seen))) => open(seen),
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
            !matches!(outcome, Some(Outcome::Tried(_))) && !BY_CHANCE.contains(id)
        });
        faults.extend(outdated.map(|(id, _)| format!("{id} [{}]: differs no more", self.name)));
        let listed = |id: &&&str| all().any(|probe| probe.id == **id);
        let strange = self.outcomes.keys().filter(|id| !listed(id));
        faults.extend(strange.map(|id| format!("{id} [{}]: not listed", self.name)));
        faults
    }
}

/// The cell of an attack that succeeds.
fn open(seen: &str) -> String {
    let line: String = seen.chars().take(1_000).collect();
    format!("**open**: {}", line.replace(['\n', '|'], " "))
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
