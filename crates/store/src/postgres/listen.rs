//! Telling other processes what was committed, and hearing it from them. Both carry ids only, and
//! both are hints: whatever may have been lost becomes one [`Signal::Foreign`].

use std::fmt::Write as _;
use std::future::poll_fn;
use std::time::Duration;

use deadpool_postgres::Pool;
use model::{OsRandom, TaskId, WorkerId};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Socket, tls::NoTlsStream};

use super::{SharedOrigin, map_error};
use crate::signal::Hub;
use crate::{Error, Signal};

const CHANNEL: &str = "sigmic";
/// PostgreSQL refuses payloads of 8,000 bytes.
const PAYLOAD_BYTES: usize = 7_000;
/// Announcements put into one statement's payload at most.
const BATCH: usize = 150;
/// Waits between tries to connect again.
const RETRY: Duration = Duration::from_millis(500);

/// The name by which a process knows its own announcements.
#[derive(Debug, Clone)]
pub(super) struct Origin(SharedOrigin);

impl Origin {
    pub(super) fn new() -> Self {
        Self(WorkerId::generate(&OsRandom).to_string().into())
    }
}

/// Announces what this process committed until the store is dropped.
pub(super) async fn announce(
    pool: Pool,
    origin: Origin,
    mut announcements: mpsc::Receiver<Signal>,
) {
    let mut batch = Vec::new();
    while announcements.recv_many(&mut batch, BATCH).await > 0 {
        let payload = encode(&origin, &batch);
        batch.clear();
        if let Err(error) = notify(&pool, &payload).await {
            tracing::warn!(%error, "cannot tell other servers what changed");
        }
    }
}

async fn notify(pool: &Pool, payload: &str) -> Result<(), Error> {
    let client = pool.get().await;
    let client = client.map_err(|error| Error::unavailable("announce", error))?;
    let failed = |error| map_error("announce", error);
    let statement = client
        .prepare_cached("SELECT pg_notify($1, $2)")
        .await
        .map_err(failed)?;
    client
        .execute(&statement, &[&CHANNEL, &payload])
        .await
        .map_err(failed)?;
    Ok(())
}

/// `<origin> <signal> <signal> …`, where a signal is a letter and, if it has one, a task's id.
fn encode(origin: &Origin, signals: &[Signal]) -> String {
    let mut out = origin.0.to_string();
    let mut told: Vec<Signal> = Vec::with_capacity(signals.len());
    for signal in signals {
        if told.contains(signal) {
            continue;
        }
        told.push(*signal);
        let written = match signal {
            Signal::RunQueued => write!(out, " q"),
            Signal::TaskChanged(id) => write!(out, " t{id}"),
            Signal::CancelRequested(id) => write!(out, " c{id}"),
            Signal::CredentialsChanged => write!(out, " k"),
            Signal::Foreign => write!(out, " f"),
        };
        written.expect("a String takes every write");
    }
    debug_assert!(out.len() < PAYLOAD_BYTES);
    out
}

fn decode(own: &Origin, payload: &str) -> Vec<Signal> {
    let mut words = payload.split(' ');
    if words.next() == Some(&*own.0) {
        return Vec::new();
    }
    words.map(decode_one).collect()
}

/// What is not understood (a newer server's) means: look at everything.
fn decode_one(word: &str) -> Signal {
    let id = || word.get(1..).and_then(|id| id.parse::<TaskId>().ok());
    let signal = match word.as_bytes().first() {
        Some(b'q') => Some(Signal::RunQueued),
        Some(b't') => id().map(Signal::TaskChanged),
        Some(b'c') => id().map(Signal::CancelRequested),
        Some(b'k') => Some(Signal::CredentialsChanged),
        _ => None,
    };
    signal.unwrap_or(Signal::Foreign)
}

type Link = Connection<Socket, NoTlsStream>;

/// The connection that listens. It is made again whenever it breaks.
pub(super) struct Listener {
    config: tokio_postgres::Config,
    origin: Origin,
    hub: Hub,
    client: Client,
    link: Link,
}

impl Listener {
    pub(super) async fn connect(
        config: tokio_postgres::Config,
        origin: Origin,
        hub: Hub,
    ) -> Result<Self, Error> {
        let (client, link) = subscribe(&config, &origin, &hub).await?;
        Ok(Self {
            config,
            origin,
            hub,
            client,
            link,
        })
    }

    /// Passes on what it hears, until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            while let Some(Ok(message)) = poll_fn(|cx| self.link.poll_message(cx)).await {
                hear(&self.origin, &self.hub, &message);
            }
            tracing::warn!("the connection that listens to other servers broke");
            (self.client, self.link) = self.reconnect().await;
            self.hub.receive(Signal::Foreign);
        }
    }

    async fn reconnect(&mut self) -> (Client, Link) {
        loop {
            match subscribe(&self.config, &self.origin, &self.hub).await {
                Ok(connected) => return connected,
                Err(error) => {
                    tracing::debug!(%error, "still cannot listen to other servers");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

/// Connects and listens.
async fn subscribe(
    config: &tokio_postgres::Config,
    origin: &Origin,
    hub: &Hub,
) -> Result<(Client, Link), Error> {
    let failed = |error| map_error("listen to other servers", error);
    let (client, mut link) = config.connect(NoTls).await.map_err(failed)?;
    {
        let listen = client.batch_execute("LISTEN sigmic");
        tokio::pin!(listen);
        // The statement is answered only while somebody drives the connection.
        loop {
            tokio::select! {
                done = &mut listen => break done.map_err(failed)?,
                message = poll_fn(|cx| link.poll_message(cx)) => match message {
                    Some(Ok(message)) => hear(origin, hub, &message),
                    Some(Err(error)) => return Err(failed(error)),
                    None => return Err(Error::unavailable("listen to other servers", "closed")),
                },
            }
        }
    }
    Ok((client, link))
}

fn hear(origin: &Origin, hub: &Hub, message: &AsyncMessage) {
    if let AsyncMessage::Notification(notification) = message {
        for signal in decode(origin, notification.payload()) {
            hub.receive(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_read_by_others_and_ignored_by_oneself() {
        let (ours, theirs) = (Origin::new(), Origin::new());
        let id = TaskId::generate(&OsRandom);
        let signals = [
            Signal::RunQueued,
            Signal::TaskChanged(id),
            Signal::CancelRequested(id),
            Signal::CredentialsChanged,
        ];
        let payload = encode(&ours, &[signals, signals].concat());
        assert_eq!(decode(&theirs, &payload), signals);
        assert_eq!(decode(&ours, &payload), []);
        assert_eq!(decode(&ours, "other z tnonsense"), [Signal::Foreign; 2]);
    }

    #[test]
    fn a_full_batch_fits_into_a_payload() {
        let batch: Vec<_> = (0..BATCH)
            .map(|_| Signal::CancelRequested(TaskId::generate(&OsRandom)))
            .collect();
        assert!(encode(&Origin::new(), &batch).len() < PAYLOAD_BYTES);
    }
}
