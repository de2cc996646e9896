//! Holding something back until a test says so.

use std::sync::Arc;

use tokio::sync::watch;

/// A door that starts closed and is opened once. Clones are the same door.
#[derive(Debug, Clone)]
pub struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    open: watch::Sender<bool>,
    arrivals: watch::Sender<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(State {
            open: watch::Sender::new(false),
            arrivals: watch::Sender::new(0),
        }))
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits until the gate is open.
    pub async fn pass(&self) {
        self.0.arrivals.send_modify(|count| *count += 1);
        wait(&self.0.open, |open| *open).await;
    }

    /// Waits until somebody stands at the gate, or did.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Waits until `count` callers have come to the gate in all.
    pub async fn reached_by(&self, count: usize) {
        wait(&self.0.arrivals, |arrivals| *arrivals >= count).await;
    }
}

async fn wait<T>(sender: &watch::Sender<T>, until: impl FnMut(&T) -> bool) {
    sender
        .subscribe()
        .wait_for(until)
        .await
        .expect("the sender lives as long as the borrow of it");
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_gate_holds_until_it_is_opened() {
        let gate = Gate::new();
        assert!(gate.reached().now_or_never().is_none());
        let held = tokio::join!(
            async {
                gate.reached().await;
                gate.clone().open();
            },
            gate.pass()
        );
        assert_eq!(held, ((), ()));
        assert!(gate.pass().now_or_never().is_some());
        assert!(gate.reached_by(2).now_or_never().is_some());
    }
}
