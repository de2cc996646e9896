//! What the streams of all wires have in common: events read one by one, and the rules by which a
//! turn ends. The wire itself is an [`EventReader`].

use model::{FinishReason, Usage};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sse::SseDecoder;
use crate::wire::{Arrived, Progress, WireParser};
use crate::{JsonFault, ModelError, ProposedCall, TurnEvent, json};

/// What happens after an event was read.
pub(crate) type Step = Result<Progress, ModelError>;

/// One wire: the data of an event in, what it means out.
pub(crate) trait EventReader: Send + 'static {
    /// Takes the data of one event; never blank. [`Progress::Over`] means that it closed the turn.
    fn read(&mut self, data: &str, arrived: &mut Arrived) -> Step;

    /// Whether the turn is complete although the wire has not said that the stream is.
    fn is_whole(&self) -> bool;

    /// Ends the turn: all of it has arrived.
    fn close(&mut self, arrived: &mut Arrived) -> Result<(), ModelError>;
}

/// Splits bytes into events for a reader.
#[derive(Debug)]
pub(crate) struct EventStream<R> {
    sse: SseDecoder,
    reader: R,
}

impl<R: EventReader> EventStream<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            sse: SseDecoder::default(),
            reader,
        }
    }

    fn read_events(&mut self, arrived: &mut Arrived) -> Step {
        while let Some(data) = self.sse.next_event()? {
            if self.read(&data, arrived)? == Progress::Over {
                return Ok(Progress::Over);
            }
        }
        Ok(Progress::Open)
    }

    /// What an unfinished last event holds, if it is whole.
    fn read_rest(&mut self, arrived: &mut Arrived) -> Step {
        match self.sse.finish() {
            Some(data) => match self.read(&data, arrived) {
                // Half an event is the mark of a cut, not a fault of its own.
                Err(ModelError::Malformed { .. }) => Ok(Progress::Open),
                step => step,
            },
            None => Ok(Progress::Open),
        }
    }

    fn read(&mut self, data: &str, arrived: &mut Arrived) -> Step {
        let data = data.trim();
        if data.is_empty() {
            return Ok(Progress::Open);
        }
        self.reader.read(data, arrived)
    }
}

impl<R: EventReader> WireParser for EventStream<R> {
    fn feed(&mut self, bytes: &[u8], arrived: &mut Arrived) -> Progress {
        self.sse.push(bytes);
        self.read_events(arrived).unwrap_or_else(|error| {
            arrived.push_back(Err(error));
            Progress::Over
        })
    }

    fn end(&mut self, cause: ModelError, arrived: &mut Arrived) {
        let closed = match self.read_rest(arrived) {
            Ok(Progress::Over) => Ok(()),
            // After a finish reason only the usage can be missing.
            Ok(Progress::Open) if self.reader.is_whole() => self.reader.close(arrived),
            Ok(Progress::Open) => Err(cause),
            Err(error) => Err(error),
        };
        if let Err(error) = closed {
            arrived.push_back(Err(error));
        }
    }
}

/// An event's data as JSON.
pub(crate) fn parse<T: DeserializeOwned>(data: &str) -> Result<T, ModelError> {
    json::parse(data).map_err(|error| ModelError::Malformed {
        what: "a piece of its stream",
        source: Some(JsonFault::from(&error)),
    })
}

/// What is known when a turn is over.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) finish: FinishReason,
    pub(crate) calls: Vec<ProposedCall>,
    pub(crate) said_text: bool,
    pub(crate) usage: Usage,
    pub(crate) provider_state: Value,
    /// Why the provider refused; may be empty.
    pub(crate) refusal: String,
}

impl Ending {
    /// Reports the calls and the end.
    ///
    /// # Errors
    /// A refusal without a text that could be the answer.
    pub(crate) fn report(self, arrived: &mut Arrived) -> Result<(), ModelError> {
        let mut finish = self.finish;
        if finish == FinishReason::Refusal && !self.said_text && self.calls.is_empty() {
            return Err(ModelError::Refused {
                message: self.refusal,
            });
        }
        // Some servers say `stop` although calls came, some `tool_calls` although none did.
        if matches!(finish, FinishReason::Stop | FinishReason::ToolCalls) {
            finish = if self.calls.is_empty() {
                FinishReason::Stop
            } else {
                FinishReason::ToolCalls
            };
        }
        arrived.extend(
            self.calls
                .into_iter()
                .map(|call| Ok(TurnEvent::ToolCall(call))),
        );
        arrived.push_back(Ok(TurnEvent::Finished {
            finish,
            usage: self.usage,
            provider_state: self.provider_state,
        }));
        Ok(())
    }
}
