//! What a task and its journal say about the session of a run. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use agent::{Mask, NoMask, Variables};
use model::{JournalEvent, JournalRow, MessageId, RunNumber, SessionId, Task, Timestamp};
use sandbox::SecretText;
use vault::Masker;

use crate::secret_mask::SecretMask;
use crate::{EndUserVariables, Secrets};

/// Which secrets a run works with.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    /// The run's own message.
    pub(crate) message: Option<&'a MessageId>,
    /// The run whose message last brought some.
    pub(crate) by: Option<RunNumber>,
    /// Whether the run cannot do without: it was given some, or began with some.
    pub(crate) needed: bool,
}

/// Which secrets a run works with.
pub(crate) fn secrets_given(run: RunNumber, rows: &[JournalRow]) -> Given<'_> {
    let mut given = Given {
        message: None,
        by: None,
        needed: false,
    };
    for row in rows.iter().filter(|row| row.run <= run) {
        let own = row.run == run;
        match &row.event {
            JournalEvent::UserMessage(message) => {
                let brings = !message.secret_names.is_empty();
                if brings {
                    given.by = Some(row.run);
                }
                if own {
                    given.message = Some(&message.message_id);
                    given.needed |= brings;
                }
            }
            JournalEvent::RunStarted(started) => {
                given.needed |= own && !started.secret_names.is_empty();
            }
            JournalEvent::RunResumed { .. }
            | JournalEvent::Notice { .. }
            | JournalEvent::ModelTurn(_)
            | JournalEvent::ToolWaiting { .. }
            | JournalEvent::ToolDecided(_)
            | JournalEvent::ToolStarted { .. }
            | JournalEvent::ToolFinished(_)
            | JournalEvent::Egress(_)
            | JournalEvent::RunFinished(_)
            | JournalEvent::Compacted(_) => {}
        }
    }
    given
}

/// Whether the session before a run had been idle for `idle_ms` when the run was accepted.
pub(crate) fn is_idle(run: RunNumber, rows: &[JournalRow], now: Timestamp, idle_ms: i64) -> bool {
    let accepted = rows
        .iter()
        .find(|row| row.run == run)
        .map_or(now, |row| row.at);
    let ended = rows
        .iter()
        .rev()
        .find(|row| row.run < run)
        .map_or(accepted, |row| row.at);
    accepted.millis_since(ended) >= idle_ms
}

/// The session that a run already worked in.
pub(crate) fn session_of(run: RunNumber, rows: &[JournalRow]) -> Option<SessionId> {
    rows.iter()
        .filter(|row| row.run == run)
        .find_map(|row| match &row.event {
            JournalEvent::RunStarted(started) => Some(started.session_id),
            JournalEvent::UserMessage(_)
            | JournalEvent::RunResumed { .. }
            | JournalEvent::Notice { .. }
            | JournalEvent::ModelTurn(_)
            | JournalEvent::ToolWaiting { .. }
            | JournalEvent::ToolDecided(_)
            | JournalEvent::ToolStarted { .. }
            | JournalEvent::ToolFinished(_)
            | JournalEvent::Egress(_)
            | JournalEvent::RunFinished(_)
            | JournalEvent::Compacted(_) => None,
        })
}

/// The variables of a task's commands: a secret wins over a variable of its name, what the end
/// user's backend gave over what the request brought.
pub(crate) fn variables(
    task: &Task,
    secrets: Option<&Secrets>,
    given: Option<&EndUserVariables>,
) -> Variables {
    let env = task.env.as_ref().and_then(serde_json::Value::as_object);
    let env = env
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    // The later wins.
    let all = env
        .chain(secrets.into_iter().flat_map(Secrets::expose))
        .chain(given.into_iter().flat_map(|given| given.env.iter()))
        .chain(given.into_iter().flat_map(|given| given.secrets.expose()));
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    last.extend(all);
    let variables = last.into_iter();
    Variables::new(variables.map(|(name, value)| (name.to_owned(), SecretText::new(value))))
}

/// A mask for the values of these secrets. Those that one side gave take nothing from the other's.
pub(crate) fn mask_of<'a>(secrets: impl IntoIterator<Item = &'a Secrets>) -> Arc<dyn Mask> {
    let groups: Vec<&Secrets> = secrets.into_iter().collect();
    if groups.iter().all(|group| group.values().next().is_none()) {
        return Arc::new(NoMask);
    }
    let groups = groups.into_iter().map(Secrets::values);
    Arc::new(SecretMask(Masker::of_groups(groups)))
}
