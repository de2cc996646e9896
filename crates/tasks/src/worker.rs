//! What runs tasks: claims runs while slots are free, keeps their leases, takes over what others
//! lost, ends idle sessions, hands everything over when the server stops.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use agent::StopReason;
use model::{RunState, Timestamp};
use store::{ClaimRequest, Signal};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::Tasks;
use crate::deletion;
use crate::files::{Orphans, blocking};
use crate::live::News;
use crate::previews::preview_loop;
use crate::service::Inner;

/// How often overdue things are looked for: leases of other processes, runs that were kept for one
/// worker. Nothing else waits for it.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often idle sessions are looked for.
const SESSIONS_EVERY: Duration = Duration::from_secs(15);

/// The running part of [`Tasks`].
#[derive(Debug)]
pub struct Workers {
    inner: Arc<Inner>,
    orphans: Mutex<Orphans>,
}

impl Workers {
    /// The workers of this handle's process.
    pub fn new(tasks: &Tasks) -> Self {
        Self {
            inner: Arc::clone(&tasks.inner),
            orphans: Mutex::default(),
        }
    }

    /// Takes up what an earlier process of an exclusively held store left behind. Called before the
    /// first request is taken.
    ///
    /// # Errors
    /// When the store or the disk fails.
    pub async fn recover(&self) -> Result<(), crate::Error> {
        let staging = Arc::clone(&self.inner.staging);
        blocking(move || staging.wipe()).await?;
        if self.inner.store.is_exclusive() {
            // Nobody else can be in the middle of making a workspace.
            let orphans = Orphans::list(&self.inner).await?;
            *self.orphans() = orphans;
            // Whoever held these leases is gone: the lock on the store proves it.
            let taken = self.inner.store.expire_all_leases(self.inner.now()).await?;
            if !taken.is_empty() {
                tracing::info!(runs = taken.len(), "taking up interrupted runs");
            }
        }
        self.inner.wake.notify_one();
        Ok(())
    }

    fn orphans(&self) -> MutexGuard<'_, Orphans> {
        self.orphans
            .lock()
            .expect("no code panics while it holds this lock")
    }

    /// Works until `stop`, then hands over: runs get until their next step or the configured time,
    /// streams are closed.
    pub async fn run(self, stop: CancellationToken) {
        let inner = &self.inner;
        let orphans = std::mem::take(&mut *self.orphans());
        let tidy_up = async {
            orphans.remove(inner).await;
            deletion::resume(inner).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = tidy_up => {}
            // Ends by itself at `stop`, never in the middle of a claim.
            () = claim_loop(inner, &stop) => {}
            () = preview_loop(inner) => {}
            () = signal_loop(inner) => {}
            () = lease_loop(inner) => {}
            () = session_loop(inner) => {}
        }
        inner.drain().await;
    }
}

impl Inner {
    async fn drain(self: &Arc<Self>) {
        self.slots.close();
        self.stop_all(StopReason::HandOver);
        self.runs.close();
        let deadline = Instant::now() + Duration::from_millis(self.config.hand_over_ms);
        if timeout_at(deadline, self.runs.wait()).await.is_err() {
            tracing::warn!("some runs did not reach their next step in time");
            // Their leases are given back unfinished; what they ran is ended first.
            self.stop_all(StopReason::Lost);
            self.sessions.close().await;
            self.runs.wait().await;
        }
        self.live.tell_all(&News::WorkerLost);
        self.sessions.close().await;
    }
}

impl Inner {
    /// Sessions of runs that ended in another process, or never began, become idle here too.
    async fn forget_ended(&self, now: Timestamp) {
        for (task_id, run) in self.sessions.open_runs(now) {
            if self.active().contains_key(&task_id) {
                continue;
            }
            match self.store.unscoped_find_run(task_id, run).await {
                Ok(found) => {
                    if found.is_none_or(|found| found.state == RunState::Ended) {
                        self.sessions.is_over((task_id, run), now);
                    }
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "looking for ended sessions failed"
                    );
                    return;
                }
            }
        }
    }
}

async fn claim_loop(inner: &Arc<Inner>, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = inner.wake.notified() => {}
        }
        loop {
            let slot = tokio::select! {
                () = stop.cancelled() => return,
                slot = inner.next_slot() => slot,
            };
            let Some(slot) = slot else { return };
            let now = inner.now();
            let claimed = inner
                .store
                .claim_run(ClaimRequest {
                    worker: inner.worker,
                    at: now,
                    lease_until: now.plus_millis(inner.config.lease_ms),
                })
                .await;
            match claimed {
                Ok(Some(claimed)) => inner.start(claimed, slot),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "claiming a run failed"
                    );
                    break;
                }
            }
        }
    }
}

async fn signal_loop(inner: &Arc<Inner>) {
    let mut signals: broadcast::Receiver<Signal> = inner.store.signals();
    loop {
        match signals.recv().await {
            Ok(Signal::RunQueued) => inner.wake.notify_one(),
            Ok(Signal::CancelRequested(task_id)) => {
                inner.stop(task_id, StopReason::Cancel);
            }
            Ok(Signal::TaskChanged(task_id)) => {
                // What this process's own worker writes it tells itself.
                if !inner.active().contains_key(&task_id) {
                    inner.poke(task_id);
                }
            }
            Ok(Signal::CredentialsChanged) => {}
            Ok(Signal::Foreign) | Err(RecvError::Lagged(_)) => {
                inner.wake.notify_one();
                inner.live.tell_all(&News::Poke);
            }
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Keeps this process's leases, then takes those that others lost. In this order: after a pause of
/// the whole machine its own leases have run out too, and its runs go on all the same.
async fn lease_loop(inner: &Arc<Inner>) {
    let third_ms = (inner.config.lease_ms / 3).max(1);
    let third = Duration::from_millis(u64::try_from(third_ms).unwrap_or(1));
    let mut ticks = every(SWEEP_EVERY.min(third));
    let mut kept_at = inner.now();
    loop {
        ticks.tick().await;
        let now = inner.now();
        if now.millis_since(kept_at) >= third_ms {
            if let Err(error) = inner.keep_leases(now).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "renewing leases failed"
                );
                continue;
            }
            kept_at = now;
        }
        if let Err(error) = inner.take_lost_runs(now).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "looking for lost runs failed"
            );
        }
        inner.wake.notify_one();
    }
}

impl Inner {
    async fn keep_leases(&self, now: Timestamp) -> Result<(), store::Error> {
        let leases = self.leases(now);
        if leases.is_empty() {
            return Ok(());
        }
        let until = now.plus_millis(self.config.lease_ms);
        let renewed = self.store.renew_leases(self.worker, until, leases).await?;
        for (task_id, _) in renewed.lost {
            self.stop(task_id, StopReason::Lost);
        }
        for (task_id, _) in renewed.cancel_requested {
            self.stop(task_id, StopReason::Cancel);
        }
        Ok(())
    }

    async fn take_lost_runs(&self, now: Timestamp) -> Result<(), store::Error> {
        for (task_id, _) in self.store.expire_leases(now).await? {
            self.live.tell(task_id, News::WorkerLost);
        }
        Ok(())
    }
}

async fn session_loop(inner: &Arc<Inner>) {
    let mut ticks = every(SESSIONS_EVERY);
    loop {
        ticks.tick().await;
        let now = inner.now();
        inner.forget_ended(now).await;
        inner.sessions.sweep(now).await;
        if let Err(error) = inner.store.delete_expired_idempotency(now).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "forgetting kept answers failed"
            );
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
