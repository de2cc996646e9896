//! Opening, closing, and the two ways in which a command runs.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::registry::Registry;
use tokio::sync::{Mutex, broadcast, watch};
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::postgres::Postgres;
use crate::signal::Hub;
use crate::sqlite::Sqlite;
use crate::tx::{Command, Tx};
use crate::{Error, Signal, migrate};

/// Where the data lies.
#[derive(Clone)]
pub enum StoreConfig {
    /// A directory with one SQLite database.
    Sqlite {
        /// Made if missing, readable by this user only.
        directory: PathBuf,
        /// Whether this process serves.
        mode: OpenMode,
    },
    /// A PostgreSQL database.
    Postgres {
        /// `postgres://user:password@host/database` or a list of `key=value`.
        url: String,
    },
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { directory, mode } => f
                .debug_struct("Sqlite")
                .field("directory", directory)
                .field("mode", mode)
                .finish(),
            // The URL holds a password.
            Self::Postgres { .. } => f.debug_struct("Postgres").finish_non_exhaustive(),
        }
    }
}

/// What a process wants with a SQLite directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Serve from it: no second server may.
    Serve,
    /// Run one command beside the server, if there is one.
    Beside,
}

/// Everything that is kept. Cheap to clone; all clones are one store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backend: Backend,
    exclusive: bool,
    hub: Hub,
    background: Mutex<JoinSet<()>>,
    metrics: Metrics,
}

#[derive(Debug)]
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Store {
    /// Opens the database and starts what goes on in the background. Changes no schema: see
    /// [`migrate`](Self::migrate).
    ///
    /// # Errors
    /// [`Error::InUse`] when another server holds the directory; [`Error::Unavailable`].
    pub async fn open(config: &StoreConfig) -> Result<Self, Error> {
        let mut background = JoinSet::new();
        let (backend, hub) = match config {
            StoreConfig::Sqlite { directory, mode } => {
                let hub = Hub::new(None);
                let sqlite = Sqlite::open(directory, *mode, hub.clone())?;
                sqlite.watch(&mut background);
                (Backend::Sqlite(sqlite), hub)
            }
            StoreConfig::Postgres { url } => {
                let (postgres, hub, parts) = Postgres::open(url)?;
                postgres.watch(parts, &mut background).await?;
                (Backend::Postgres(postgres), hub)
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                backend,
                exclusive: matches!(
                    config,
                    StoreConfig::Sqlite {
                        mode: OpenMode::Serve,
                        ..
                    }
                ),
                hub,
                background: Mutex::new(background),
                metrics: Metrics::default(),
            }),
        })
    }

    /// Finishes the commands that wait, then ends everything that goes on in the background.
    /// Later commands get [`Error::Closed`] or [`Error::Unavailable`].
    pub async fn close(&self) {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close().await,
        }
        self.inner.background.lock().await.shutdown().await;
    }

    /// Whether no other process can hold a lease in this store: a SQLite directory opened to serve.
    pub fn is_exclusive(&self) -> bool {
        self.inner.exclusive
    }

    /// News from now on. A receiver that falls behind gets `Lagged` and must look at everything
    /// again, as after [`Signal::Foreign`].
    pub fn signals(&self) -> broadcast::Receiver<Signal> {
        self.inner.hub.subscribe()
    }

    /// Changes whenever a credential, or what it depends on, may have changed.
    pub fn credential_changes(&self) -> watch::Receiver<()> {
        self.inner.hub.subscribe_credentials()
    }

    /// Brings the schema up to this version's. Safe to repeat and to run from several processes.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also when the schema is newer than this program.
    pub async fn migrate(&self) -> Result<(), Error> {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => {
                let run = |connection: &mut rusqlite::Connection| {
                    let done = migrate::sqlite_runner()?.run(connection);
                    done.map(drop)
                        .map_err(|error| Error::unavailable("migrate", error))
                };
                sqlite.blocking(run).await
            }
            Backend::Postgres(postgres) => postgres.migrate().await,
        }
    }

    /// Whether the schema is this version's.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        self.read("is_migrated", Read::Point, (), |tx, ()| {
            Box::pin(is_migrated(tx))
        })
        .await
    }

    /// Asks the database for nothing, to see whether it answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.read("ping", Read::Point, (), |tx, ()| {
            Box::pin(async { tx.query("SELECT CAST(1 AS BIGINT)", &[]).await.map(drop) })
        })
        .await
    }

    /// Writes a consistent copy of the database to the new file `to`, while the server runs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on PostgreSQL; [`Error::Unavailable`], also when the file exists.
    pub async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.backup(to).await,
            Backend::Postgres(_) => Err(Error::Unsupported(
                "a PostgreSQL database is backed up with pg_dump",
            )),
        }
    }

    /// Lets operators see what is counted here.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.inner.metrics.register(registry);
    }

    /// Runs a writing command: all of it or nothing. It is counted under `name`.
    pub(crate) async fn write<I, T>(
        &self,
        name: &'static str,
        input: I,
        command: Command<I, T>,
    ) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let started = Instant::now();
        let result = match &self.inner.backend {
            Backend::Sqlite(sqlite) => sqlite.writer.run(input, command).await,
            Backend::Postgres(postgres) => postgres.write(input, command).await,
        };
        self.inner.metrics.note(name, started.elapsed(), &result);
        result
    }

    /// Runs a reading command. It is counted under `name`.
    pub(crate) async fn read<I, T>(
        &self,
        name: &'static str,
        read: Read,
        input: I,
        command: Command<I, T>,
    ) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let started = Instant::now();
        let result = self.read_uncounted(read, input, command).await;
        self.inner.metrics.note(name, started.elapsed(), &result);
        result
    }

    async fn read_uncounted<I, T>(
        &self,
        read: Read,
        input: I,
        command: Command<I, T>,
    ) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        match (&self.inner.backend, read) {
            (Backend::Sqlite(sqlite), Read::Point) => sqlite.readers.run(&input, command),
            (Backend::Sqlite(sqlite), Read::Bulk) => {
                let readers = Arc::clone(&sqlite.readers);
                let permit = Arc::clone(&readers.bulk).acquire_owned().await;
                let permit = permit.map_err(|_| Error::Closed)?;
                let run = move || {
                    let result = readers.run(&input, command);
                    drop(permit);
                    result
                };
                tokio::task::spawn_blocking(run)
                    .await
                    .map_err(|error| Error::unavailable("read", error))?
            }
            (Backend::Postgres(postgres), Read::Point | Read::Bulk) => {
                postgres.read(&input, command).await
            }
        }
    }
}

/// How much a reading command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// A few rows by key: microseconds on SQLite, cheaper than a change of threads.
    Point,
    /// A list or a journal: off the async threads on SQLite.
    Bulk,
}

async fn is_migrated(tx: &mut Tx) -> Result<bool, Error> {
    let exists = tx.pick(&crate::dialect::HISTORY_EXISTS);
    if tx.query_opt(exists, &[]).await?.is_none() {
        return Ok(false);
    }
    let row = tx
        .query_opt(
            "SELECT CAST(MAX(version) AS BIGINT) FROM refinery_schema_history",
            &[],
        )
        .await?;
    let latest: Option<i64> = row.map_or(Ok(None), |mut row| row.next("version"))?;
    Ok(latest == Some(migrate::LATEST))
}
