//! Values on their way into a statement and out of a row: text, integer and bytes, nothing else,
//! so that both backends mean the same.

use std::borrow::Cow;

use model::{
    ApiKeyId, AppId, ConsoleSessionId, ConversationId, EndUserId, InviteId, KeyClass,
    OrganizationId, ProjectId, Role, RunNumber, RunState, Seq, SessionId, TaskId, TaskStatus,
    Timestamp, UserId, WidgetAppId, WidgetSessionId, WorkerId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// A parameter or a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Int(i64),
    Blob(Cow<'a, [u8]>),
}

/// A text of any characters or a structure, kept as JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json<T>(pub(crate) T);

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(bytes))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_millis())
    }
}

impl From<Seq> for Value<'_> {
    fn from(seq: Seq) -> Self {
        Self::Int(seq.0)
    }
}

impl From<RunNumber> for Value<'_> {
    fn from(run: RunNumber) -> Self {
        Self::Int(run.0)
    }
}

impl<T: Serialize> From<Json<T>> for Value<'_> {
    fn from(Json(value): Json<T>) -> Self {
        let text = serde_json::to_string(&value)
            .expect("only strings, lists of strings and JSON values are kept as JSON");
        Self::Text(Cow::Owned(text))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a cell can become.
pub(crate) trait FromCell: Sized {
    fn from_cell(cell: Value<'static>) -> Option<Self>;
}

impl FromCell for String {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        match cell {
            Value::Text(text) => Some(text.into_owned()),
            Value::Null | Value::Int(_) | Value::Blob(_) => None,
        }
    }
}

impl FromCell for i64 {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        match cell {
            Value::Int(number) => Some(number),
            Value::Null | Value::Text(_) | Value::Blob(_) => None,
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        match cell {
            Value::Blob(bytes) => Some(bytes.into_owned()),
            Value::Null | Value::Text(_) | Value::Int(_) => None,
        }
    }
}

impl FromCell for bool {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        match i64::from_cell(cell)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl FromCell for Timestamp {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        i64::from_cell(cell).map(Self::from_millis)
    }
}

impl FromCell for Seq {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        i64::from_cell(cell).map(Self)
    }
}

impl FromCell for RunNumber {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        i64::from_cell(cell).map(Self)
    }
}

impl<T: DeserializeOwned> FromCell for Json<T> {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        serde_json::from_str(&String::from_cell(cell)?)
            .ok()
            .map(Self)
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        if cell == Value::Null {
            Some(None)
        } else {
            T::from_cell(cell).map(Some)
        }
    }
}

/// Ids are kept as their text.
macro_rules! id_values {
    ($($name:ident),*) => {$(
        impl From<$name> for Value<'_> {
            fn from(id: $name) -> Self {
                Self::Text(Cow::Owned(id.to_string()))
            }
        }

        impl FromCell for $name {
            fn from_cell(cell: Value<'static>) -> Option<Self> {
                String::from_cell(cell)?.parse().ok()
            }
        }
    )*};
}

id_values!(
    OrganizationId,
    ProjectId,
    ApiKeyId,
    TaskId,
    SessionId,
    WorkerId,
    AppId,
    EndUserId,
    WidgetAppId,
    WidgetSessionId,
    UserId,
    ConsoleSessionId,
    InviteId
);

impl<'a> From<&'a ConversationId> for Value<'a> {
    fn from(id: &'a ConversationId) -> Self {
        Self::from(id.as_str())
    }
}

impl FromCell for ConversationId {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        String::from_cell(cell).map(Self::new)
    }
}

/// Enums are kept as their names.
macro_rules! name_values {
    ($($name:ident),*) => {$(
        impl From<$name> for Value<'_> {
            fn from(value: $name) -> Self {
                Self::from(value.as_str())
            }
        }

        impl FromCell for $name {
            fn from_cell(cell: Value<'static>) -> Option<Self> {
                Self::parse(&String::from_cell(cell)?)
            }
        }
    )*};
}

pub(crate) use name_values;
name_values!(TaskStatus, RunState, KeyClass, Role);

/// A row of a result, read from left to right.
#[derive(Debug)]
pub(crate) struct Row {
    cells: std::vec::IntoIter<Value<'static>>,
}

impl Row {
    pub(crate) fn new(cells: Vec<Value<'static>>) -> Self {
        Self {
            cells: cells.into_iter(),
        }
    }

    /// The next cell; `what` names it in the error.
    pub(crate) fn next<T: FromCell>(&mut self, what: &'static str) -> Result<T, Error> {
        self.cells
            .next()
            .and_then(T::from_cell)
            .ok_or_else(|| Error::corrupt(what))
    }
}

/// The parameters of a statement: `params![a, b]` are `$1` and `$2`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::value::Value::from($value)),*] };
}

pub(crate) use params;
