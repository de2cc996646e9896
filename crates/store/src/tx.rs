//! The executor: one way to run a statement, whatever the backend. A [`Tx`] owns its connection
//! while a command runs and never leaves this crate.

use deadpool_postgres::Object;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::dialect::Differs;
use crate::value::{Row, Value};
use crate::{Error, Signal, postgres, sqlite};

/// What a command does: statements on a [`Tx`], with an input that it borrows.
pub(crate) type Command<I, T> = for<'t> fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, Error>>;

/// A connection in the hands of one command.
#[derive(Debug)]
pub(crate) struct Tx {
    conn: Conn,
    signals: Vec<Signal>,
}

#[derive(Debug)]
enum Conn {
    Sqlite(rusqlite::Connection),
    Postgres(PgConn),
}

/// Whether a transaction is open after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Open,
    Closed,
}

/// A pooled connection that is thrown away if it is dropped inside a transaction: a command whose
/// caller went away must not leave its transaction to the next one.
#[derive(Debug)]
struct PgConn {
    client: Option<Object>,
    in_transaction: bool,
}

impl Drop for PgConn {
    fn drop(&mut self) {
        if self.in_transaction
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}

impl PgConn {
    fn client(&self) -> &Object {
        self.client
            .as_ref()
            .expect("the connection is taken only by drop")
    }

    async fn control(&mut self, sql: &'static str, after: After) -> Result<(), Error> {
        // Inside until the server has said otherwise.
        self.in_transaction = true;
        self.client()
            .batch_execute(sql)
            .await
            .map_err(|error| postgres::map_error(sql, error))?;
        self.in_transaction = after == After::Open;
        Ok(())
    }
}

impl Tx {
    pub(crate) fn sqlite(connection: rusqlite::Connection) -> Self {
        Self {
            conn: Conn::Sqlite(connection),
            signals: Vec::new(),
        }
    }

    pub(crate) fn postgres(client: Object) -> Self {
        Self {
            conn: Conn::Postgres(PgConn {
                client: Some(client),
                in_transaction: false,
            }),
            signals: Vec::new(),
        }
    }

    /// The SQLite connection, for the writer and the readers.
    pub(crate) fn sqlite_connection(&self) -> Option<&rusqlite::Connection> {
        match &self.conn {
            Conn::Sqlite(connection) => Some(connection),
            Conn::Postgres(_) => None,
        }
    }

    pub(crate) fn into_sqlite(self) -> Option<rusqlite::Connection> {
        match self.conn {
            Conn::Sqlite(connection) => Some(connection),
            Conn::Postgres(_) => None,
        }
    }

    /// Remembers news for after the commit.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
    }

    pub(crate) fn take_signals(&mut self) -> Vec<Signal> {
        std::mem::take(&mut self.signals)
    }

    /// Begins a read whose statements all see the same state. Whoever runs the command ends it.
    pub(crate) async fn snapshot(&mut self) -> Result<(), Error> {
        self.control(
            "BEGIN",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            After::Open,
        )
        .await
    }

    /// Begins a write.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        self.control("BEGIN IMMEDIATE", "BEGIN", After::Open).await
    }

    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        self.control("COMMIT", "COMMIT", After::Closed).await
    }

    /// Ends whatever transaction is open, keeping nothing.
    pub(crate) async fn abandon(&mut self) -> Result<(), Error> {
        let open = match &self.conn {
            Conn::Sqlite(connection) => !connection.is_autocommit(),
            Conn::Postgres(pg) => pg.in_transaction,
        };
        if open {
            self.control("ROLLBACK", "ROLLBACK", After::Closed).await?;
        }
        Ok(())
    }

    async fn control(
        &mut self,
        on_sqlite: &'static str,
        on_postgres: &'static str,
        after: After,
    ) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(connection) => sqlite::control(connection, on_sqlite),
            Conn::Postgres(pg) => pg.control(on_postgres, after).await,
        }
    }

    /// Runs a statement and reads its rows.
    pub(crate) async fn query(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        reject_nul(params)?;
        match &mut self.conn {
            Conn::Sqlite(connection) => sqlite::query(connection, sql, params),
            Conn::Postgres(pg) => postgres::query(pg.client(), sql, params).await,
        }
    }

    /// Runs a statement of which there is at most one row.
    pub(crate) async fn query_opt(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, params).await?.pop())
    }

    /// Runs a statement without rows; answers how many it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<u64, Error> {
        reject_nul(params)?;
        match &mut self.conn {
            Conn::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Conn::Postgres(pg) => postgres::execute(pg.client(), sql, params).await,
        }
    }

    /// The text of a statement that the backends spell differently.
    pub(crate) fn pick(&self, statement: &Differs) -> &'static str {
        match self.conn {
            Conn::Sqlite(_) => statement.sqlite,
            Conn::Postgres(_) => statement.postgres,
        }
    }
}

/// PostgreSQL's TEXT takes no NUL; SQLite must not differ.
fn reject_nul(params: &[Value<'_>]) -> Result<(), Error> {
    let has_nul =
        |value: &Value<'_>| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
    if params.iter().any(has_nul) {
        return Err(Error::NulInText);
    }
    Ok(())
}

/// Runs a command on a backend that never waits.
pub(crate) fn run_now<I, T>(tx: &mut Tx, input: &I, command: Command<I, T>) -> Result<T, Error> {
    command(tx, input)
        .now_or_never()
        .expect("statements on SQLite answer at once")
}
