//! PostgreSQL: a pool of connections with prepared statements, and one connection that listens.

mod execute;
mod listen;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

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
            pool,
            hub: hub.clone(),
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
        let listener =
            listen::Listener::connect(background.config, origin.clone(), self.hub.clone()).await?;
        tasks.spawn(listener.run());
        tasks.spawn(listen::announce(
            self.pool.clone(),
            origin,
            background.announcements,
        ));
        Ok(())
    }

    async fn connection(&self) -> Result<Tx, Error> {
        let client = self.pool.get().await;
        client
            .map(Tx::postgres)
            .map_err(|error| Error::unavailable("get a connection", error))
    }

    /// Runs a writing command in a transaction, again if it lost to another one's locks.
    pub(crate) async fn write<I, T>(&self, input: &I, command: Command<I, T>) -> Result<T, Error> {
        let mut tries = 1;
        loop {
            let mut tx = self.connection().await?;
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

    /// Runs a reading command.
    pub(crate) async fn read<I, T>(&self, input: &I, command: Command<I, T>) -> Result<T, Error> {
        let mut tx = self.connection().await?;
        let result = command(&mut tx, input).await;
        tx.abandon().await?;
        result
    }

    /// Brings the schema up to date, one process at a time.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        let attempted = "migrate";
        let client = self.pool.get().await;
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

    pub(crate) fn close(&self) {
        self.pool.close();
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
