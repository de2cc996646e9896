//! Previews between processes that share a PostgreSQL: the worker's process writes the open turn of
//! each task to one row, at most four times a second; the others read it for whoever watches there.
//! A preview that is lost or late costs nothing but liveliness: the turn's row brings it all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::{OpenTurn, TaskId};
use store::PreviewRow;
use tokio::time::interval;

use crate::live::Topic;
use crate::service::Inner;

/// How often open turns are written and read.
const EVERY: Duration = Duration::from_millis(250);

/// What was last written of a task's open turn.
type Written = HashMap<TaskId, (i64, i64, usize, usize)>;

/// Carries previews between processes; does nothing where there can be no other.
pub(crate) async fn preview_loop(inner: &Arc<Inner>) {
    if inner.store.is_exclusive() {
        return std::future::pending().await;
    }
    let mut ticks = interval(EVERY);
    let mut written = Written::new();
    loop {
        ticks.tick().await;
        let topics = inner.live.topics();
        for topic in &topics {
            let carried = if inner.active().contains_key(&topic.task_id()) {
                write(inner, topic, &mut written).await
            } else if topic.is_watched() {
                read(inner, topic).await
            } else {
                Ok(())
            };
            if let Err(error) = carried {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a preview was not carried"
                );
            }
        }
        for ended in ended(inner, &mut written) {
            inner.forget_preview(ended).await;
        }
    }
}

impl Inner {
    /// Forgets what an earlier attempt of another process previewed.
    pub(crate) async fn forget_preview(&self, task_id: TaskId) {
        if self.store.is_exclusive() {
            return;
        }
        if let Err(error) = self.store.delete_preview(task_id).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a preview was not deleted"
            );
        }
    }
}

async fn write(inner: &Inner, topic: &Topic, written: &mut Written) -> Result<(), store::Error> {
    let Some(open) = topic.open_turn() else {
        return Ok(());
    };
    let state = (open.run.0, open.turn, open.text.len(), open.thoughts.len());
    if written.insert(topic.task_id(), state) == Some(state) {
        return Ok(());
    }
    let payload = serde_json::to_string(&open).expect("an open turn holds only texts and numbers");
    inner
        .store
        .put_preview(PreviewRow {
            task_id: topic.task_id(),
            run: open.run,
            turn: open.turn,
            payload,
        })
        .await
}

async fn read(inner: &Inner, topic: &Topic) -> Result<(), store::Error> {
    let Some(row) = inner.store.unscoped_find_preview(topic.task_id()).await? else {
        return Ok(());
    };
    match serde_json::from_str::<OpenTurn>(&row.payload) {
        Ok(open) => topic.preview_remote(&open),
        // A newer server's form: its rows will tell.
        Err(_) => tracing::debug!(task = %topic.task_id(), "a preview cannot be read"),
    }
    Ok(())
}

/// The tasks whose preview was written and whose run this process no longer has in hand.
fn ended(inner: &Inner, written: &mut Written) -> Vec<TaskId> {
    let active = inner.active();
    let ended: Vec<TaskId> = written
        .keys()
        .filter(|id| !active.contains_key(id))
        .copied()
        .collect();
    for id in &ended {
        written.remove(id);
    }
    ended
}
