//! The one writer: a thread that takes whatever commands wait, runs each in a savepoint of one
//! transaction, commits once, and only then answers. A command that fails undoes itself alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection::control;
use crate::signal::Hub;
use crate::tx::{Command, Tx, run_now};
use crate::{Error, Signal};

/// Commands that wait at most; more callers wait for room.
const QUEUE: usize = 1024;
/// Commands a commit at most: bounds how long the first of them waits.
const BATCH: usize = 256;

enum Message {
    Run(Box<dyn Job>),
    /// Has another process written?
    Poll,
}

/// The handle of the writer thread.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Asks the writer to look for other processes' writes, without keeping it alive.
#[derive(Debug)]
pub(super) struct Poller(Option<mpsc::WeakSender<Message>>);

impl Poller {
    /// `false` when the writer has ended.
    pub(super) async fn poll(&self) -> bool {
        match self.0.as_ref().and_then(mpsc::WeakSender::upgrade) {
            Some(queue) => queue.send(Message::Poll).await.is_ok(),
            None => false,
        }
    }
}

impl Writer {
    pub(super) fn start(connection: Connection, hub: Hub) -> Result<Self, Error> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || Thread::new(connection, hub).run(messages))
            .map_err(|error| Error::unavailable("start the writer", error))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    fn queue(&self) -> Option<mpsc::Sender<Message>> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clone()
    }

    pub(super) fn poller(&self) -> Poller {
        Poller(self.queue().map(|queue| queue.downgrade()))
    }

    /// Runs a command; the answer comes after its commit.
    pub(crate) async fn run<I, T>(&self, input: I, command: Command<I, T>) -> Result<T, Error>
    where
        I: Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(CommandJob {
            input,
            command,
            done: None,
            answer,
        });
        let queue = self.queue().ok_or(Error::Closed)?;
        let sent = queue.send(Message::Run(job)).await;
        drop(queue);
        sent.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Takes no more commands, finishes those that wait, and ends the thread.
    pub(crate) async fn close(&self) {
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The thread's panic was already reported by the panic hook.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// A command in the queue.
trait Job: Send {
    /// Runs the command; `false` when it failed and its savepoint is to be undone.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answers, after the commit or its failure.
    fn finish(self: Box<Self>, commit: Result<(), Arc<Error>>, hub: &Hub);
}

struct CommandJob<I, T> {
    input: I,
    command: Command<I, T>,
    done: Option<Result<(T, Vec<Signal>), Error>>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<I: Send, T: Send> Job for CommandJob<I, T> {
    fn run(&mut self, tx: &mut Tx) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| run_now(tx, &self.input, self.command)));
        let signals = tx.take_signals();
        let result =
            result.unwrap_or_else(|_| Err(Error::unavailable("run a command", "it panicked")));
        let done = self.done.insert(result.map(|value| (value, signals)));
        done.is_ok()
    }

    fn finish(self: Box<Self>, commit: Result<(), Arc<Error>>, hub: &Hub) {
        let answer = match (self.done, commit) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(Error::unavailable("commit", error)),
            (None, Ok(())) => Err(Error::Closed),
            (Some(Ok((value, signals))), Ok(())) => {
                hub.publish(signals);
                Ok(value)
            }
        };
        // The caller may have gone away; the command is done all the same.
        let _ = self.answer.send(answer);
    }
}

struct Thread {
    tx: Tx,
    hub: Hub,
    data_version: Option<i64>,
}

impl Thread {
    fn new(connection: Connection, hub: Hub) -> Self {
        let mut thread = Self {
            tx: Tx::sqlite(connection),
            hub,
            data_version: None,
        };
        thread.data_version = thread.read_data_version();
        thread
    }

    fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut received = Vec::new();
        while messages.blocking_recv_many(&mut received, BATCH) > 0 {
            let mut jobs = Vec::new();
            let mut poll = false;
            for message in received.drain(..) {
                match message {
                    Message::Run(job) => jobs.push(job),
                    Message::Poll => poll = true,
                }
            }
            if !jobs.is_empty() {
                self.commit(jobs);
            }
            if poll {
                self.poll();
            }
        }
    }

    fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let outcome = self.transaction(&mut jobs).map_err(Arc::new);
        if outcome.is_err() {
            let ended = run_now(&mut self.tx, &(), |tx, ()| Box::pin(tx.abandon()));
            if let Err(error) = ended {
                tracing::error!(%error, "cannot roll back");
            }
        }
        for job in jobs {
            job.finish(outcome.clone(), &self.hub);
        }
    }

    fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
        self.control("BEGIN IMMEDIATE")?;
        for job in jobs {
            self.control("SAVEPOINT command")?;
            if !job.run(&mut self.tx) {
                self.control("ROLLBACK TO command")?;
            }
            // Fails when a full disk made SQLite undo the whole transaction by itself.
            self.control("RELEASE command")?;
        }
        self.control("COMMIT")
    }

    fn control(&self, sql: &'static str) -> Result<(), Error> {
        let connection = self.tx.sqlite_connection().ok_or(Error::Closed)?;
        control(connection, sql)
    }

    /// The version changes only by other connections' commits, and all writes of this process
    /// go through this one.
    fn poll(&mut self) {
        let version = self.read_data_version();
        if version != self.data_version {
            self.data_version = version;
            self.hub.publish(vec![Signal::Foreign]);
        }
    }

    fn read_data_version(&mut self) -> Option<i64> {
        run_now(&mut self.tx, &(), |tx, ()| {
            Box::pin(async {
                let row = tx.query_opt("PRAGMA data_version", &[]).await?;
                row.map(|mut row| row.next("data_version")).transpose()
            })
        })
        .ok()
        .flatten()
    }
}
