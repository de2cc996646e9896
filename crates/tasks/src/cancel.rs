//! Cancelling a task: marked in the database, answered when no process of the task is left or its
//! worker can write nothing more.

use std::time::Duration;

use agent::{StopReason, closing_events};
use futures_util::{StreamExt as _, stream};
use model::{
    OrganizationId, Permit, RunFold, RunOutcome, RunState, Seq, Task, TaskId, TaskScope, TaskStatus,
};
use store::{Append, Fence, FenceOff, OpenTask, RunChange, TaskOwner};
use tokio::time::{Instant, timeout_at};

use crate::lifecycle::{patch_of, rows_of};
use crate::live::News;
use crate::sessions::Leaving;
use crate::{Error, Tasks};

/// How often a run of another process is looked at while its worker winds it up.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Tasks of one revocation that are cancelled at the same time: an unresponsive worker holds each
/// up for seconds.
const STOPS_AT_ONCE: usize = 16;

/// What is known of a run that is to be cancelled.
enum Found {
    /// Its task has ended.
    Ended(TaskStatus),
    /// Nobody holds it.
    Free(Box<Task>),
    /// A worker holds it.
    Held,
}

impl Tasks {
    /// Cancels the open run of a task. A task that was cancelled stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotCancellable`] when the task completed or failed;
    /// [`Error::Store`].
    pub async fn cancel(&self, permit: &Permit, id: TaskId) -> Result<(), Error> {
        self.cancel_scoped(permit.scope().clone(), id).await
    }

    /// The tasks of `owner` that have an open run.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_of(
        &self,
        organization_id: OrganizationId,
        owner: TaskOwner,
    ) -> Result<Vec<OpenTask>, Error> {
        let listed = self.inner.store.list_open_tasks(organization_id, owner);
        Ok(listed.await?)
    }

    /// Cancels the open runs of these tasks; those that end by themselves meanwhile are left alone.
    /// Carried through when the caller goes away.
    ///
    /// # Errors
    /// [`Error::Store`]: some may go on; every one was tried.
    pub async fn stop_all(&self, tasks: Vec<OpenTask>) -> Result<(), Error> {
        let this = self.clone();
        let stop = async move {
            let cancels = tasks.into_iter().map(|task| {
                let this = &this;
                async move { this.cancel_now(&task.scope, task.id).await }
            });
            let mut cancels = stream::iter(cancels).buffer_unordered(STOPS_AT_ONCE);
            let mut first = Ok(());
            while let Some(done) = cancels.next().await {
                match done {
                    Ok(()) | Err(Error::NotCancellable | Error::NotFound(_)) => {}
                    Err(error) => first = first.and(Err(error)),
                }
            }
            first
        };
        self.inner.carry_through(stop).await
    }

    async fn cancel_scoped(&self, scope: TaskScope, id: TaskId) -> Result<(), Error> {
        let tasks = self.clone();
        // Carried through when the caller goes away: nobody else ends a parked run that is marked.
        let cancel = async move { tasks.cancel_now(&scope, id).await };
        self.inner.carry_through(cancel).await
    }

    async fn cancel_now(&self, scope: &TaskScope, id: TaskId) -> Result<(), Error> {
        let inner = &self.inner;
        let deadline = Instant::now() + Duration::from_millis(inner.config.cancel_wait_ms);
        // Subscribed before the mark, so that no end is missed.
        let (mut subscription, _) = inner.live.topic(id).subscribe();
        loop {
            match self.mark(scope, id).await? {
                Found::Ended(TaskStatus::Cancelled) => return Ok(()),
                Found::Ended(_) => return Err(Error::NotCancellable),
                Found::Free(task) => match self.close(&task, None).await {
                    Err(Error::Store(store::Error::Conflict | store::Error::Fenced)) => continue,
                    done => return done,
                },
                Found::Held => {}
            }
            inner.stop(id, StopReason::Cancel);
            if Instant::now() >= deadline {
                return self.fence_off(scope, id).await;
            }
            let next_look = (Instant::now() + LOOK_EVERY).min(deadline);
            // Whatever wakes this: the state is read again.
            while let Ok(Ok(news)) = timeout_at(next_look, subscription.news.recv()).await {
                if ends_run(&news) {
                    break;
                }
            }
        }
    }

    async fn mark(&self, scope: &TaskScope, id: TaskId) -> Result<Found, Error> {
        let inner = &self.inner;
        let requested = inner.store.request_cancel(scope, id, inner.now()).await;
        let requested = match requested {
            Err(store::Error::NotFound) => return Err(Error::NotFound("Task")),
            requested => requested?,
        };
        Ok(match requested.run.state {
            RunState::Ended => Found::Ended(requested.task.status),
            RunState::Queued | RunState::Parked => Found::Free(Box::new(requested.task)),
            RunState::Leased => Found::Held,
        })
    }

    /// Takes the run away from a worker that does not answer, and ends it.
    async fn fence_off(&self, scope: &TaskScope, id: TaskId) -> Result<(), Error> {
        let inner = &self.inner;
        tracing::warn!(task = %id, "fencing off a worker that did not wind up a cancelled run");
        loop {
            let task = inner
                .store
                .find_task(scope, id)
                .await?
                .ok_or(Error::NotFound("Task"))?;
            if !task.status.is_open() {
                return self.ended(task.status);
            }
            let attempt = inner
                .store
                .fence_off(FenceOff {
                    task_id: id,
                    run: task.run,
                    worker: inner.worker,
                    lease_until: inner.now().plus_millis(inner.config.lease_ms),
                })
                .await;
            let fence = match attempt {
                Ok(attempt) => Fence {
                    worker: inner.worker,
                    attempt,
                },
                // It ended at the last moment.
                Err(store::Error::Conflict) => continue,
                Err(error) => return Err(error.into()),
            };
            inner.stop(id, StopReason::Lost);
            match self.close(&task, Some(fence)).await {
                Err(Error::Store(store::Error::Conflict | store::Error::Fenced)) => {}
                done => return done,
            }
        }
    }

    fn ended(&self, status: TaskStatus) -> Result<(), Error> {
        if status == TaskStatus::Cancelled {
            Ok(())
        } else {
            Err(Error::NotCancellable)
        }
    }

    /// Ends a run that no worker holds (any more).
    async fn close(&self, task: &Task, fence: Option<Fence>) -> Result<(), Error> {
        let inner = &self.inner;
        // A background process may live on between runs.
        inner.sessions.kill(task.id).await;
        let before = Seq(task.run_first_seq.0 - 1);
        let rows = inner.store.unscoped_list_rows(task.id, before).await?;
        let mut fold = RunFold::of(task.run, &rows);
        let events = closing_events(&fold, RunOutcome::Cancelled);
        let last = rows.last().map_or(Seq(0), |row| row.seq);
        let at = inner.now();
        for row in rows_of(&fold, last, at, &events) {
            fold.apply(&row);
        }
        let append = Append {
            task_id: task.id,
            run: task.run,
            expected_seq: last,
            fence,
            at,
            events,
            task: patch_of(task.message_count, &fold, at),
            run_change: RunChange::End,
            running_ms: None,
            meter: None,
            idempotency: None,
            handover: None,
        };
        inner.store.append(append).await?;
        inner.metrics.ended(&RunOutcome::Cancelled);
        inner
            .sessions
            .leave(task.id, task.run, Leaving::Idle(at))
            .await;
        inner.poke(task.id);
        Ok(())
    }
}

fn ends_run(news: &News) -> bool {
    match news {
        News::Row(row) => matches!(row.event, model::JournalEvent::RunFinished(_)),
        News::Poke | News::WorkerLost => true,
        News::Delta(_) => false,
    }
}
