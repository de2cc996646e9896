//! Being told to stop.

use tokio::sync::watch;

/// Why a run must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Its caller cancelled it.
    Cancel,
    /// It used up its running time.
    TimeLimit,
    /// The server is stopping: another worker will go on.
    HandOver,
    /// The lease is gone: another worker goes on already.
    Lost,
}

/// The end that a run watches.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<StopReason>>);

/// The end that stops a run. The first reason stays, but for [`StopReason::HandOver`], which a
/// stronger one replaces.
#[derive(Debug)]
pub struct StopHandle(watch::Sender<Option<StopReason>>);

/// A connected pair.
pub fn stop_pair() -> (StopHandle, Stop) {
    let (sender, receiver) = watch::channel(None);
    (StopHandle(sender), Stop(receiver))
}

impl StopHandle {
    /// Tells the run to stop.
    pub fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|current| {
            let replace = matches!(current, None | Some(StopReason::HandOver));
            if replace {
                *current = Some(reason);
            }
            replace
        });
    }
}

impl Stop {
    /// Whether and why the run must stop.
    pub fn reason(&self) -> Option<StopReason> {
        *self.0.borrow()
    }

    /// Waits until the run must stop.
    pub async fn stopped(&mut self) -> StopReason {
        let found = self
            .0
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|reason| *reason);
        match found {
            Some(reason) => reason,
            // The handle is gone without a word: nobody will ever stop this run.
            None => std::future::pending().await,
        }
    }

    /// Waits until the run must stop even in the middle of a tool call: a hand-over lets the call
    /// finish.
    pub async fn stopped_hard(&mut self) -> StopReason {
        let hard = |reason: &Option<StopReason>| match reason {
            None | Some(StopReason::HandOver) => false,
            Some(StopReason::Cancel | StopReason::TimeLimit | StopReason::Lost) => true,
        };
        let found = self.0.wait_for(hard).await.ok().and_then(|reason| *reason);
        match found {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}
