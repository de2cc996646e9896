//! Statements on a PostgreSQL connection.

use std::borrow::Cow;
use std::error::Error as StdError;

use bytes::BytesMut;
use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::Error;
use crate::value::{Row, Value};

pub(crate) async fn query(
    client: &Object,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<Vec<Row>, Error> {
    let failed = |error| map_error(sql, error);
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    let rows = client
        .query(&statement, &borrow(params))
        .await
        .map_err(failed)?;
    rows.iter().map(own).collect()
}

pub(crate) async fn execute(
    client: &Object,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<u64, Error> {
    let failed = |error| map_error(sql, error);
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    client
        .execute(&statement, &borrow(params))
        .await
        .map_err(failed)
}

fn borrow<'a>(params: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Text(text) if *ty == Type::TEXT => text.as_ref().to_sql(ty, out),
            Value::Int(number) if *ty == Type::INT8 => number.to_sql(ty, out),
            Value::Blob(bytes) if *ty == Type::BYTEA => bytes.as_ref().to_sql(ty, out),
            Value::Text(_) | Value::Int(_) | Value::Blob(_) => {
                Err(format!("the statement takes {ty} here").into())
            }
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::TEXT, Type::INT8, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

fn own(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let cell = |(at, column): (usize, &tokio_postgres::Column)| {
        let ty = column.type_();
        let cell = if *ty == Type::INT8 {
            row.try_get::<_, Option<i64>>(at)?.map(Value::Int)
        } else if *ty == Type::BYTEA {
            row.try_get::<_, Option<Vec<u8>>>(at)?
                .map(|bytes| Value::Blob(Cow::Owned(bytes)))
        } else {
            row.try_get::<_, Option<String>>(at)?
                .map(|text| Value::Text(Cow::Owned(text)))
        };
        Ok(cell.unwrap_or(Value::Null))
    };
    let cells: Result<Vec<_>, tokio_postgres::Error> =
        row.columns().iter().enumerate().map(cell).collect();
    cells
        .map(Row::new)
        .map_err(|error| map_error("read a row", error))
}

/// Our errors from PostgreSQL's.
pub(crate) fn map_error(attempted: &'static str, error: tokio_postgres::Error) -> Error {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION)
        && let Some(constraint) = error.as_db_error().and_then(|db| db.constraint())
    {
        return Error::Duplicate {
            constraint: constraint.to_owned(),
        };
    }
    Error::unavailable(attempted, error)
}
