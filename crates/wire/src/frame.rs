//! The exact bytes of the stream. The documented clients split blocks on two line feeds and take
//! the first line as the event's name and the second as its data, so nothing may stand before or
//! between these two.

use model::Seq;
use serde_json::{Value, json};

use crate::StreamEvent;

/// Sent every 15 s of a silent connection, as a block of its own.
pub const HEARTBEAT: &str = ":heartbeat\n\n";

/// Which form of event data a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// The documented plain form; a waiting `tool_call` carries the wrapped copy too.
    #[default]
    Plain,
    /// `?envelope=typed`: every event carries plain fields and the wrapped copy.
    Typed,
}

/// One event with the id it is sent under.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The event.
    pub event: StreamEvent,
    /// The journal row that a client which received this event has wholly received.
    pub id: Option<Seq>,
}

impl Frame {
    /// The block as it goes over the wire.
    pub fn to_text(&self, envelope: Envelope) -> String {
        let name = self.event.name();
        let plain = self.event.data();
        let waiting = matches!(
            &self.event,
            StreamEvent::ToolCall { status, .. } if *status == "awaiting_approval"
        );
        let data = match envelope {
            Envelope::Typed => superset(name, plain),
            Envelope::Plain if waiting => superset(name, plain),
            Envelope::Plain => plain,
        };
        // A documented client deletes every `data: ` in the line; escaped, it arrives unharmed.
        // Only inside JSON strings can these six characters stand.
        let json = data.to_string().replace("data: ", "data:\\u0020");
        match self.id {
            Some(id) => format!("event: {name}\ndata: {json}\nid: {id}\n\n"),
            None => format!("event: {name}\ndata: {json}\n\n"),
        }
    }
}

/// The plain fields plus `type` and a copy under `data`: satisfies readers of either form.
fn superset(name: &str, plain: Value) -> Value {
    let mut both = plain.clone();
    both["type"] = json!(name);
    both["data"] = plain;
    both
}
