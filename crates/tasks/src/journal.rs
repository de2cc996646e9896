//! The journal of one leased run: what the agent decided, written under its lease together with
//! the projections that follow from it.

use std::collections::HashMap;
use std::sync::Arc;

use agent::{Budget, JournalError, Parking};
use async_trait::async_trait;
use model::{
    CallId, Clock, JournalEvent, JournalRow, OrganizationId, RunFold, RunNumber, Seq, TaskId,
    Timestamp, TurnDelta,
};
use store::{Append, Fence, Meter, RunChange, Store, TaskPatch};

use crate::lifecycle::{change_of, patch_of, rows_of};
use crate::live::Topic;
use crate::metrics::Metrics;

/// See the module.
#[derive(Debug)]
pub(crate) struct TaskJournal {
    store: Store,
    clock: Arc<dyn Clock>,
    topic: Arc<Topic>,
    metrics: Metrics,
    task_id: TaskId,
    fence: Fence,
    fold: RunFold,
    /// The last row of the run before.
    before: Seq,
    last: Seq,
    message_count: i64,
    running: Running,
    organization_id: OrganizationId,
    /// When the calls began that run.
    started: HashMap<CallId, Timestamp>,
}

/// How long a run has been running.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    /// Before this attempt, milliseconds.
    pub(crate) before_ms: i64,
    /// When this attempt began.
    pub(crate) since: Timestamp,
}

impl Running {
    /// All of it at `now`, milliseconds.
    pub(crate) fn total_ms(&self, now: Timestamp) -> i64 {
        self.before_ms + now.millis_since(self.since).max(0)
    }
}

/// What a journal begins with.
#[derive(Debug)]
pub(crate) struct JournalStart<'a> {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) topic: Arc<Topic>,
    pub(crate) metrics: Metrics,
    pub(crate) organization_id: OrganizationId,
    pub(crate) task_id: TaskId,
    pub(crate) run: RunNumber,
    pub(crate) rows: &'a [JournalRow],
    pub(crate) message_count: i64,
    pub(crate) fence: Fence,
    pub(crate) running: Running,
}

impl TaskJournal {
    pub(crate) fn new(start: JournalStart<'_>) -> Self {
        Self {
            store: start.store,
            clock: start.clock,
            topic: start.topic,
            metrics: start.metrics,
            task_id: start.task_id,
            fence: start.fence,
            fold: RunFold::of(start.run, start.rows),
            before: start
                .rows
                .iter()
                .rfind(|row| row.run < start.run)
                .map_or(Seq(0), |row| row.seq),
            last: start.rows.last().map_or(Seq(0), |row| row.seq),
            message_count: start.message_count,
            running: start.running,
            organization_id: start.organization_id,
            started: HashMap::new(),
        }
    }

    /// The run so far.
    pub(crate) fn fold(&self) -> &RunFold {
        &self.fold
    }

    /// Appends with a change of the task or the run that does not follow from the events. Returns
    /// every row since the last append: what others wrote meanwhile, then these events.
    pub(crate) async fn append_with(
        &mut self,
        events: Vec<JournalEvent>,
        patch: impl Fn(TaskPatch) -> TaskPatch + Send,
        change: Option<RunChange>,
    ) -> Result<Vec<JournalRow>, JournalError> {
        let mut rows = Vec::new();
        loop {
            match self.try_append(&events, &patch, change).await {
                Ok(own) => {
                    rows.extend(own);
                    return Ok(rows);
                }
                Err(store::Error::Conflict) => rows.extend(self.catch_up().await?),
                Err(error) => return Err(lost_or(error)),
            }
        }
    }

    /// Gives the run back to the queue, after these last facts.
    pub(crate) async fn hand_over(&mut self, last: Vec<JournalEvent>) -> Result<(), JournalError> {
        let change = Some(RunChange::Queue { preferred: None });
        self.append_with(last, |patch| patch, change)
            .await
            .map(drop)
    }

    async fn try_append(
        &mut self,
        events: &[JournalEvent],
        patch: &(impl Fn(TaskPatch) -> TaskPatch + Send),
        change: Option<RunChange>,
    ) -> Result<Vec<JournalRow>, store::Error> {
        let at = self.clock.now();
        let rows = rows_of(&self.fold, self.last, at, events);
        // Applied before they are written, because the projections need the state after them; a
        // failed append folds the journal anew (`catch_up`) or ends this attempt.
        for row in &rows {
            self.fold.apply(row);
        }
        self.last = self
            .store
            .append(Append {
                task_id: self.task_id,
                run: self.fold.run(),
                expected_seq: self.last,
                fence: Some(self.fence),
                at,
                events: events.to_vec(),
                task: patch(patch_of(self.message_count, &self.fold, at)),
                run_change: change.unwrap_or_else(|| change_of(&self.fold)),
                meter: self.meter(events, at),
                running_ms: Some(self.running.total_ms(at)),
                idempotency: None,
                handover: None,
            })
            .await?;
        self.note_calls(events, at);
        self.metrics.written(events);
        self.topic.publish(&rows);
        Ok(rows)
    }

    /// What these events use. A call that an attempt before this one began is not timed: nobody
    /// knows how long it ran.
    fn meter(&self, events: &[JournalEvent], at: Timestamp) -> Option<Meter> {
        let started = self.fold.started()?;
        let ended = events.iter().filter_map(|event| {
            if let JournalEvent::ToolFinished(finished) = event {
                self.started.get(&finished.call_id)
            } else {
                None
            }
        });
        Some(Meter {
            model: started.model.clone(),
            sandbox_ms: ended.map(|began| at.millis_since(*began).max(0)).sum(),
        })
    }

    /// Remembers which calls run from now on, and which do no more.
    fn note_calls(&mut self, events: &[JournalEvent], at: Timestamp) {
        for event in events {
            if let JournalEvent::ToolStarted { call_id } = event {
                self.started.insert(call_id.clone(), at);
            } else if let JournalEvent::ToolFinished(finished) = event {
                self.started.remove(&finished.call_id);
            }
        }
    }

    /// Takes in what others wrote; they tell the watchers themselves.
    async fn catch_up(&mut self) -> Result<Vec<JournalRow>, JournalError> {
        let rows = self
            .store
            .unscoped_list_rows(self.task_id, self.before)
            .await
            .map_err(lost_or)?;
        self.fold = RunFold::of(self.fold.run(), &rows);
        let foreign: Vec<_> = rows.into_iter().filter(|row| row.seq > self.last).collect();
        let Some(last) = foreign.last() else {
            // The run is in a state that this attempt did not put it in.
            return Err(JournalError::Lost);
        };
        self.last = last.seq;
        Ok(foreign)
    }
}

fn lost_or(error: store::Error) -> JournalError {
    if matches!(error, store::Error::Fenced | store::Error::NotFound) {
        JournalError::Lost
    } else {
        JournalError::Store(Box::new(error))
    }
}

#[async_trait]
impl agent::Journal for TaskJournal {
    async fn append(&mut self, events: Vec<JournalEvent>) -> Result<Vec<JournalRow>, JournalError> {
        let own = events.len();
        let mut rows = self.append_with(events, |patch| patch, None).await?;
        rows.truncate(rows.len() - own);
        Ok(rows)
    }

    async fn budget(&mut self) -> Result<Budget, JournalError> {
        let now = self.clock.now();
        let spent = self.store.is_quota_spent(self.organization_id, now).await;
        Ok(if spent.map_err(lost_or)? {
            Budget::Spent
        } else {
            Budget::Left
        })
    }

    async fn park(&mut self) -> Result<Parking, JournalError> {
        match self
            .try_append(&[], &|patch| patch, Some(RunChange::Park))
            .await
        {
            Ok(_) => Ok(Parking::Parked),
            Err(store::Error::Conflict) => Ok(Parking::Moved(self.catch_up().await?)),
            Err(error) => Err(lost_or(error)),
        }
    }

    fn preview(&mut self, delta: TurnDelta) {
        self.topic.preview(delta);
    }
}
