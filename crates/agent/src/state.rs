//! The state of a run: the fold of its journal, the talk before it, and facts decided but not yet
//! written.

use model::{CallFold, JournalEvent, JournalRow, RunFold, RunNumber, Seq, SessionId, Timestamp};

use crate::ApprovalMemory;

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    earlier: Vec<RunFold>,
    run: RunFold,
    staged: Vec<JournalEvent>,
    session_id: SessionId,
    memory: ApprovalMemory,
    seen: Seq,
}

impl State {
    /// From a task's whole journal.
    pub(crate) fn new(run: RunNumber, session_id: SessionId, rows: &[JournalRow]) -> Self {
        let mut earlier: Vec<RunFold> = Vec::new();
        for row in rows.iter().filter(|row| row.run != run) {
            match earlier.last_mut() {
                Some(fold) if fold.run() == row.run => fold.apply(row),
                Some(_) | None => earlier.push(RunFold::of(row.run, [row])),
            }
        }
        let mut memory = ApprovalMemory::default();
        for fold in &earlier {
            memory.learn(fold, session_id, rows);
        }
        let mut state = Self {
            earlier,
            run: RunFold::new(run),
            staged: Vec::new(),
            session_id,
            memory,
            seen: Seq(0),
        };
        state.apply_rows(rows);
        state
    }

    pub(crate) fn run(&self) -> &RunFold {
        &self.run
    }

    /// The runs of the task, oldest first; this one is the last.
    pub(crate) fn runs(&self) -> Vec<&RunFold> {
        self.earlier.iter().chain([&self.run]).collect()
    }

    pub(crate) fn memory(&self) -> &ApprovalMemory {
        &self.memory
    }

    /// Takes rows that are in the journal.
    pub(crate) fn apply_rows(&mut self, rows: &[JournalRow]) {
        for row in rows {
            self.seen = self.seen.max(row.seq);
            self.run.apply(row);
        }
        self.memory.learn(&self.run, self.session_id, rows);
    }

    /// Decides a fact: it counts at once, and is written by the next flush.
    pub(crate) fn stage(&mut self, event: JournalEvent, at: Timestamp) {
        self.seen = self.seen.next();
        let row = JournalRow {
            seq: self.seen,
            run: self.run.run(),
            at,
            event,
        };
        self.run.apply(&row);
        self.staged.push(row.event);
    }

    /// Whether events wait to be written.
    pub(crate) fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// What is to be written.
    pub(crate) fn take_staged(&mut self) -> Vec<JournalEvent> {
        std::mem::take(&mut self.staged)
    }

    /// Whether the task has used that call id before.
    pub(crate) fn knows_call(&self, id: &model::CallId) -> bool {
        let calls = self
            .earlier
            .iter()
            .chain([&self.run])
            .flat_map(RunFold::calls);
        calls
            .map(|call: &CallFold| &call.call_id)
            .any(|known| known == id)
    }
}
