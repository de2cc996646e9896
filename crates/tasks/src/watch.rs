//! Following a task: subscribe first, read the journal second, then drop live news that the
//! journal already told. A reader that falls behind reads the journal again from where it is: its
//! buffer is bounded and it never slows a run.

use std::sync::Arc;

use model::{JournalEvent, JournalRow, OpenTurn, Permit, Seq, Task, TaskId, TaskScope, TurnDelta};
use store::Store;
use tokio::sync::broadcast::error::RecvError;

use crate::live::{News, Subscription};
use crate::{Error, Tasks};

/// One reader of one task.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    scope: TaskScope,
    task_id: TaskId,
    subscription: Subscription,
    seen: Seq,
}

/// What a reader learns next.
#[derive(Debug, Clone)]
pub enum Update {
    /// A row, directly after the one before.
    Row(Arc<JournalRow>),
    /// A piece of the open turn.
    Delta(Arc<TurnDelta>),
    /// All of the open turn so far, after news were missed.
    OpenTurn(OpenTurn),
    /// The run lost its worker: the stream is closed, the client comes back.
    Closed,
}

/// Where a reader begins.
#[derive(Debug)]
pub struct Snapshot {
    /// The task.
    pub task: Task,
    /// Its whole journal.
    pub rows: Vec<JournalRow>,
    /// What was previewed of the open turn.
    pub open: Option<OpenTurn>,
}

impl Tasks {
    /// Begins to follow a task.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller may not know of such a task.
    pub async fn watch(&self, permit: &Permit, id: TaskId) -> Result<(Snapshot, Watch), Error> {
        let (subscription, open) = self.inner.live.topic(id).subscribe();
        let (task, rows) = self.history(permit, id).await?;
        let watch = Watch {
            store: self.inner.store.clone(),
            scope: permit.scope().clone(),
            task_id: id,
            subscription,
            seen: rows.last().map_or(Seq(0), |row| row.seq),
        };
        Ok((Snapshot { task, rows, open }, watch))
    }
}

impl Watch {
    /// The next pieces of news, in order; never an empty list.
    ///
    /// # Errors
    /// [`Error::Store`] when the journal had to be read again and could not be.
    pub async fn next(&mut self) -> Result<Vec<Update>, Error> {
        loop {
            let updates = match self.subscription.news.recv().await {
                Ok(News::Row(row)) if row.seq <= self.seen => Vec::new(),
                Ok(News::Row(row)) if row.seq == self.seen.next() => {
                    self.seen = row.seq;
                    vec![Update::Row(row)]
                }
                // A gap: rows of another writer were committed before and not yet told.
                Ok(News::Row(_) | News::Poke) => self.read_on().await?,
                Ok(News::Delta(delta)) => vec![Update::Delta(delta)],
                Ok(News::WorkerLost) | Err(RecvError::Closed) => vec![Update::Closed],
                Err(RecvError::Lagged(_)) => self.start_again().await?,
            };
            if !updates.is_empty() {
                return Ok(updates);
            }
        }
    }

    async fn read_on(&mut self) -> Result<Vec<Update>, Error> {
        let rows = self
            .store
            .list_rows(&self.scope, self.task_id, self.seen)
            .await?;
        let rows = rows.ok_or(Error::NotFound("Task"))?;
        self.seen = rows.last().map_or(self.seen, |row| row.seq);
        let resumed = |row: &JournalRow| matches!(row.event, JournalEvent::RunResumed { .. });
        if rows.iter().any(resumed) {
            // Whatever an earlier attempt previewed is void.
            self.subscription.topic.forget_open_turn();
        }
        Ok(rows
            .into_iter()
            .map(|row| Update::Row(Arc::new(row)))
            .collect())
    }

    async fn start_again(&mut self) -> Result<Vec<Update>, Error> {
        let (subscription, open) = self.subscription.topic.subscribe();
        self.subscription = subscription;
        let mut updates = self.read_on().await?;
        updates.extend(open.map(Update::OpenTurn));
        Ok(updates)
    }
}
