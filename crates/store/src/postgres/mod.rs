//! PostgreSQL: a pool of connections with prepared statements, and one connection that listens.

mod execute;
mod listen;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use tokio_util::task::TaskTracker;

pub(crate) use execute::{execute, map_error, query};

use crate::signal::Hub;
use crate::tx::{Command, Tx};
use crate::{Error, Signal};

/// Connections of one process.
const POOL: usize = 16;
/// How long a command waits for a connection.
const WAIT: Duration = Duration::from_secs(10);
/// Tries of a command that lost to another one's locks.
const TRIES: u32 = 4;
/// Held by the process that migrates. The number is arbitrary and never changes.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_lock(7236837412061)";
const MIGRATION_UNLOCK: &str = "SELECT pg_advisory_unlock(7236837412061)";
/// Signals that wait to be told to other processes.
const ANNOUNCEMENTS: usize = 4096;

/// The parts of an open PostgreSQL store.
#[derive(Debug)]
pub(crate) struct Postgres {
    connections: Connections,
    /// The commands that are being run: they go on when their callers go away, so that what they
    /// commit is also told.
    writes: TaskTracker,
    announcer: Mutex<JoinSet<()>>,
}

/// What a command needs. Cheap to clone.
#[derive(Debug, Clone)]
struct Connections {
    pool: Pool,
    hub: Hub,
}

/// What goes on in the background, not yet started.
pub(crate) struct Background {
    config: tokio_postgres::Config,
    announcements: mpsc::Receiver<Signal>,
}

impl Postgres {
    /// Reads the connection string and makes the pool; connects to nothing yet.
    pub(crate) fn open(url: &str) -> Result<(Self, Hub, Background), Error> {
        let mut config: tokio_postgres::Config = url
            .parse()
            .map_err(|error: tokio_postgres::Error| map_error("read the database URL", error))?;
        // What is acknowledged survives power loss, whatever the server's own default is.
        let options = config.get_options().unwrap_or_default();
        let options = format!("{options} -c synchronous_commit=on");
        config.options(options.trim());
        if config.get_application_name().is_none() {
            config.application_name("sigmic");
        }
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config.clone(), NoTls, recycling))
            .max_size(POOL)
            .timeouts(Timeouts {
                wait: Some(WAIT),
                create: Some(WAIT),
                recycle: Some(WAIT),
            })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::unavailable("make the connection pool", error))?;
        let (announce, announcements) = mpsc::channel(ANNOUNCEMENTS);
        let hub = Hub::new(Some(announce));
        let postgres = Self {
            connections: Connections {
                pool,
                hub: hub.clone(),
            },
            writes: TaskTracker::new(),
            announcer: Mutex::default(),
        };
        Ok((
            postgres,
            hub,
            Background {
                config,
                announcements,
            },
        ))
    }

    /// Starts telling other processes and listening to them; answers once it listens.
    pub(crate) async fn watch(
        &self,
        background: Background,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        let origin = listen::Origin::new();
        let hub = self.connections.hub.clone();
        let listener = listen::Listener::connect(background.config, origin.clone(), hub).await?;
        tasks.spawn(listener.run());
        self.announcer.lock().await.spawn(listen::announce(
            self.connections.pool.clone(),
            origin,
            background.announcements,
        ));
        Ok(())
    }

    /// Runs a writing command to its end, whether its caller waits for it or not.
    pub(crate) async fn write<I, T>(&self, input: I, command: Command<I, T>) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let connections = self.connections.clone();
        let run = self
            .writes
            .spawn(async move { connections.write(&input, command).await });
        run.await
            .map_err(|error| Error::unavailable("run a command", error))?
    }

    /// Runs a reading command.
    pub(crate) async fn read<I, T>(&self, input: &I, command: Command<I, T>) -> Result<T, Error> {
        let mut tx = self.connections.get().await?;
        let result = command(&mut tx, input).await;
        tx.abandon().await?;
        result
    }

    /// Finishes the commands that are being run, tells other processes of them, and closes the
    /// connections.
    pub(crate) async fn close(&self) {
        self.writes.close();
        self.writes.wait().await;
        self.connections.hub.close_remote();
        let mut announcer = self.announcer.lock().await;
        let told = async { while announcer.join_next().await.is_some() {} };
        if tokio::time::timeout(WAIT, told).await.is_err() {
            tracing::warn!("could not tell other servers the last changes");
        }
        announcer.shutdown().await;
        self.connections.pool.close();
    }

    /// Brings the schema up to date, one process at a time.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        let attempted = "migrate";
        let client = self.connections.pool.get().await;
        let client = client.map_err(|error| Error::unavailable(attempted, error))?;
        // Taken out of the pool: if this is cut short, the lock ends with the connection.
        let mut client = deadpool_postgres::Object::take(client);
        let failed = |error| map_error(attempted, error);
        client.batch_execute(MIGRATION_LOCK).await.map_err(failed)?;
        let plain: &mut tokio_postgres::Client = &mut client;
        crate::migrate::postgres_runner()?
            .run_async(plain)
            .await
            .map_err(|error| Error::unavailable(attempted, error))?;
        client.batch_execute(MIGRATION_UNLOCK).await.map_err(failed)
    }
}

impl Connections {
    async fn get(&self) -> Result<Tx, Error> {
        let client = self.pool.get().await;
        client
            .map(Tx::postgres)
            .map_err(|error| Error::unavailable("get a connection", error))
    }

    /// Runs a writing command in a transaction, again if it lost to another one's locks.
    async fn write<I, T>(&self, input: &I, command: Command<I, T>) -> Result<T, Error> {
        let mut tries = 1;
        loop {
            let mut tx = self.get().await?;
            tx.begin().await?;
            let result = match command(&mut tx, input).await {
                Ok(value) => tx.commit().await.map(|()| value),
                Err(error) => {
                    tx.abandon().await?;
                    Err(error)
                }
            };
            match result {
                Ok(value) => {
                    self.hub.publish(tx.take_signals());
                    return Ok(value);
                }
                Err(error) if tries < TRIES && lost_to_another(&error) => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// A deadlock or a serialization failure: the same command may succeed when tried again.
fn lost_to_another(error: &Error) -> bool {
    let Error::Unavailable { source, .. } = error else {
        return false;
    };
    source
        .downcast_ref::<tokio_postgres::Error>()
        .and_then(tokio_postgres::Error::code)
        .is_some_and(|code| {
            *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
        })
}

/// Shared by the two background parts.
type SharedOrigin = Arc<str>;
