//! One turn of a conversation with a model: what is asked, what comes back.
//!
//! A provider sends one request and reports what arrives; it does not retry, does not run tools
//! and keeps nothing between turns. All of that is the caller's.

use std::fmt;

use futures_util::stream::BoxStream;
use model::{CallId, FinishReason, Thought, ToolCall, ToolStatus, Usage};
use serde_json::Value;

use crate::ModelError;

/// A turn as it arrives. It ends after [`TurnEvent::Finished`] or after the first error. Read it
/// to its end (`None`), which lets the next turn use the same connection; dropping it before
/// closes the connection.
pub type TurnStream = BoxStream<'static, Result<TurnEvent, ModelError>>;

/// Something that answers turns.
pub trait Provider: Send + Sync + fmt::Debug {
    /// The part before the slash in `provider/model`.
    fn name(&self) -> &str;

    /// Asks for one turn. Nothing is sent before the stream is polled.
    fn stream(&self, request: TurnRequest) -> TurnStream;
}

/// What a model is asked.
///
/// The same request, down to the order of keys inside JSON values, gives the same bytes on the
/// wire: providers cache by prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRequest {
    /// The model's name at its provider, without the provider.
    pub model: String,
    /// The system prompt; empty for none.
    pub system: String,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// The tools that may be called.
    pub tools: Vec<ToolSpec>,
    /// The longest answer, in tokens; the provider's own limit if absent.
    pub max_output_tokens: Option<u32>,
    /// The sampling temperature; the provider's own if absent.
    pub temperature: Option<f64>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The user said something.
    User {
        /// What.
        text: String,
    },
    /// The model's own earlier turn.
    Assistant {
        /// What it said; may be empty.
        text: String,
        /// What it thought.
        thoughts: Vec<Thought>,
        /// The calls it proposed, each answered by a later [`Message::Tool`].
        tool_calls: Vec<ToolCall>,
        /// [`TurnEvent::Finished::provider_state`] of that turn, unchanged.
        provider_state: Value,
    },
    /// What came of a call.
    Tool {
        /// Which call.
        call_id: CallId,
        /// The tool's name.
        name: String,
        /// What it printed or answered, or what went wrong.
        output: String,
        /// How it ended.
        status: ToolStatus,
    },
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name. A name that the wire does not allow is translated there and back.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// A JSON schema of its arguments, of type `object`.
    pub parameters: Value,
}

/// What arrives during a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEvent {
    /// A piece of the answer; never empty.
    Text(String),
    /// A piece of a thought; never empty. The pieces of a turn together are raw text for
    /// [`parse_thought`](crate::parse_thought).
    Thought(String),
    /// A whole call; all calls of a turn come after its text, before [`TurnEvent::Finished`].
    ToolCall(ProposedCall),
    /// The turn is over; the last event.
    Finished {
        /// How it ended. [`FinishReason::Cut`] is never reported here: see [`ModelError::Cut`].
        finish: FinishReason,
        /// What it cost; zeros when the provider did not say.
        usage: Usage,
        /// Given back with the next request in [`Message::Assistant`]; may be null.
        provider_state: Value,
    },
}

/// A call as the model proposed it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedCall {
    /// The provider's id for it, if it gave one. It may repeat one of an earlier turn.
    pub id: Option<String>,
    /// The tool's name, as in [`ToolSpec::name`] if it is one of those.
    pub name: String,
    /// The arguments: an object (`{}` when the model sent nothing), or any other JSON value if
    /// the model sent that; what is not JSON at all is kept as a string. Whoever runs the call
    /// answers a value that is not an object with an error.
    pub args: Value,
}
