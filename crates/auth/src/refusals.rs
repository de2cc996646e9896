//! How often known people were refused. A stranger makes as many refusals as they like, so these are
//! no entries of the audit log, which only ever grows: they are counted here, and the entry of the
//! next good sign-in holds the number. Not in the database either: a write would take time that only
//! a known address takes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::UserId;

/// People who are counted at most; of others nothing is known.
const MAX_PEOPLE: usize = 65_536;

/// See the module. Of one process, since its start.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<UserId, u64>>);

impl Refusals {
    /// Counts one.
    pub(crate) fn note(&self, id: UserId) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() < MAX_PEOPLE || counts.contains_key(&id) {
            *counts.entry(id).or_default() += 1;
        }
    }

    /// How many there were; counts anew.
    pub(crate) fn take(&self, id: UserId) -> u64 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&id).unwrap_or_default()
    }
}
