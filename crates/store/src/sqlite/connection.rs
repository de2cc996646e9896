//! A connection and what runs on it.

use std::borrow::Cow;
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql, ffi};

use crate::Error;
use crate::value::{Row, Value};

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than the number of different statements in this crate.
const STATEMENT_CACHE: usize = 128;

pub(super) fn make_directory(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::unavailable("make the data directory", error))
}

/// Makes the file with the mode that SQLite then gives its companions too.
pub(super) fn make_file(path: &Path) -> Result<(), Error> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| Error::unavailable("make the database file", error))
}

pub(super) fn make_new_file(path: &Path) -> Result<(), Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| Error::unavailable("make the copy's file", error))
}

pub(super) fn open_writer(path: &Path) -> Result<Connection, Error> {
    // The limit: a log that grew while a long read went on is cut down again.
    open(
        path,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = 67108864;",
    )
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    // A cache of 1 MiB: there are several of these, and the system caches the file too.
    open(path, "PRAGMA query_only = ON; PRAGMA cache_size = -1024;")
}

fn open(path: &Path, pragmas: &str) -> Result<Connection, Error> {
    let attempt = || {
        // No URI names: the path is taken as it is.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch("PRAGMA foreign_keys = ON;")?;
        keep_plans(&connection)?;
        connection.execute_batch(pragmas)?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        Ok(connection)
    };
    attempt().map_err(|error| map_error("open the database", error))
}

/// Makes plans independent of the values bound. Without it SQLite prepares many statements anew
/// whenever a value is bound: 18 µs instead of 2 for the look-up of a key.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

/// BEGIN, COMMIT and their like.
pub(crate) fn control(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    let attempt = || connection.prepare_cached(sql)?.execute([]).map(drop);
    attempt().map_err(|error| map_error(sql, error))
}

pub(crate) fn query(
    connection: &Connection,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<Vec<Row>, Error> {
    let attempt = || {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let cells = (0..columns).map(|at| row.get_ref(at).map(own));
            out.push(Row::new(cells.collect::<Result<_, _>>()?));
        }
        Ok(out)
    };
    attempt().map_err(|error| map_error(sql, error))
}

pub(crate) fn execute(
    connection: &Connection,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<u64, Error> {
    let attempt = || {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        Ok(statement.raw_execute()? as u64)
    };
    attempt().map_err(|error| map_error(sql, error))
}

/// Binds by name: SQLite numbers `$2` by where it first appears, not by its digits.
fn bind(statement: &mut CachedStatement<'_>, params: &[Value<'_>]) -> rusqlite::Result<()> {
    for index in 1..=statement.parameter_count() {
        let number: Option<usize> = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|digits| digits.parse().ok());
        let value = number.and_then(|number| params.get(number - 1));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(index, params.len()))?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn own(cell: ValueRef<'_>) -> Value<'static> {
    match cell {
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(Cow::Owned(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Blob(bytes) => Value::Blob(Cow::Owned(bytes.to_vec())),
        // No column holds a REAL; one that does is unreadable like a NULL where there is none.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

/// Our errors from SQLite's.
pub(super) fn map_error(attempted: &'static str, error: rusqlite::Error) -> Error {
    if let rusqlite::Error::SqliteFailure(failure, Some(message)) = &error
        && (failure.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE
            || failure.extended_code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
    {
        return Error::Duplicate {
            constraint: constraint_name(message),
        };
    }
    Error::unavailable(attempted, error)
}

/// SQLite names the columns of a violated index, PostgreSQL the index; ours is the index's name.
fn constraint_name(message: &str) -> String {
    let columns = message.rsplit(": ").next().unwrap_or(message);
    let known = match columns {
        "api_keys.hash" => "api_keys_hash",
        "projects.organization_id, projects.name" => "projects_name",
        "projects.organization_id" => "projects_default",
        "organizations.is_default" => "organizations_default",
        _ => {
            let table = columns.split('.').next().unwrap_or(columns);
            return format!("{table}_pkey");
        }
    };
    known.to_owned()
}
