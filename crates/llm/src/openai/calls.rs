//! Tool calls put together from their pieces.

use serde_json::Value;

use super::parser::CallDelta;
use crate::names::ToolNames;
use crate::{ModelError, ProposedCall, args};

/// More calls than any turn has; keeps the search below linear.
const MAX_CALLS: usize = 256;

/// The calls of a turn, as far as they arrived.
#[derive(Debug, Default)]
pub(super) struct CallAssembly {
    calls: Vec<Partial>,
}

#[derive(Debug, Default)]
struct Partial {
    index: Option<u64>,
    id: Option<String>,
    name: String,
    arguments: String,
}

impl CallAssembly {
    /// Adds a piece to the call it belongs to.
    ///
    /// # Errors
    /// More than [`MAX_CALLS`] calls.
    pub(super) fn add(&mut self, delta: CallDelta) -> Result<(), ModelError> {
        let id = delta.id.filter(|id| !id.is_empty());
        let (name, arguments) = delta
            .function
            .map_or((None, None), |function| (function.name, function.arguments));
        let name = name.unwrap_or_default();
        let call = match self.position(delta.index, id.as_deref(), &name) {
            Some(position) => &mut self.calls[position],
            None if self.calls.len() == MAX_CALLS => {
                return Err(ModelError::malformed("more tool calls than any turn has"));
            }
            None => self.calls.push_mut(Partial {
                index: delta.index,
                ..Partial::default()
            }),
        };
        if call.id.is_none() {
            call.id = id;
        }
        // Some servers repeat the whole name with each piece.
        if call.name != name {
            call.name.push_str(&name);
        }
        match arguments {
            None | Some(Value::Null) => {}
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            Some(whole) => call.arguments.push_str(&whole.to_string()),
        }
        Ok(())
    }

    /// Where the call lies that a piece belongs to; `None` for a new call.
    ///
    /// The index decides. Some servers send none, or the same for every call: then a piece that
    /// brings a name and another id begins a new call. An id alone does not, as some servers make
    /// up a fresh one for each piece.
    fn position(&self, index: Option<u64>, id: Option<&str>, name: &str) -> Option<usize> {
        let position = match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index)?,
            None => self.calls.len().checked_sub(1)?,
        };
        let known = self.calls[position].id.as_deref();
        let other = matches!((id, known), (Some(id), Some(known)) if id != known);
        (!other || name.is_empty()).then_some(position)
    }

    /// The calls, in the order in which they began.
    pub(super) fn into_calls(self, names: &ToolNames) -> Vec<ProposedCall> {
        self.calls
            .into_iter()
            .map(|call| ProposedCall {
                id: call.id,
                name: names.own_name(call.name),
                args: args::read(call.arguments),
            })
            .collect()
    }
}
