//! The content blocks of a turn, put together from their pieces.

use serde_json::{Value, json};

use super::parser::{BlockStart, Delta};
use crate::names::ToolNames;
use crate::replay::Layout;
use crate::{ModelError, ProposedCall, args};

/// More blocks than any turn has; bounds what a hostile server can make us hold.
const MAX_BLOCKS: usize = 1_024;

/// The blocks, as far as they arrived.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<(u64, Block)>,
}

#[derive(Debug)]
enum Block {
    /// So many bytes of text.
    Text(usize),
    Thinking {
        thinking: String,
        signature: String,
    },
    Redacted(String),
    Call {
        id: Option<String>,
        name: String,
        /// What came with the block's start, normally nothing.
        input: Value,
        json: String,
    },
    /// Of a kind that we did not ask for.
    Other,
}

/// What a piece added that is shown at once; never empty.
#[derive(Debug)]
pub(super) enum Shown {
    Text(String),
    Thought(String),
}

impl Blocks {
    /// Begins a block.
    ///
    /// # Errors
    /// More than [`MAX_BLOCKS`] blocks.
    pub(super) fn start(
        &mut self,
        index: u64,
        start: BlockStart,
    ) -> Result<Option<Shown>, ModelError> {
        if self.blocks.len() == MAX_BLOCKS {
            return Err(ModelError::malformed("more blocks than any turn has"));
        }
        let is_later_thought = self.blocks.iter().any(
            |(_, block)| matches!(block, Block::Thinking { thinking, .. } if !thinking.is_empty()),
        );
        let mut shown = None;
        let block = match start.r#type.as_str() {
            "text" => {
                let text = start.text.unwrap_or_default();
                let bytes = text.len();
                shown = (bytes > 0).then_some(Shown::Text(text));
                Block::Text(bytes)
            }
            "thinking" => {
                let thinking = start.thinking.unwrap_or_default();
                // Two thoughts are two paragraphs.
                let lead = if is_later_thought { "\n\n" } else { "" };
                let text = format!("{lead}{thinking}");
                shown = (!text.is_empty()).then_some(Shown::Thought(text));
                Block::Thinking {
                    thinking,
                    signature: start.signature.unwrap_or_default(),
                }
            }
            "redacted_thinking" => Block::Redacted(start.data.unwrap_or_default()),
            "tool_use" => Block::Call {
                id: start.id,
                name: start.name.unwrap_or_default(),
                input: start.input.unwrap_or_default(),
                json: String::new(),
            },
            _ => Block::Other,
        };
        self.blocks.push((index, block));
        Ok(shown)
    }

    /// Adds a piece to the block of that index.
    ///
    /// # Errors
    /// A piece of a block that never began.
    pub(super) fn add(&mut self, index: u64, delta: Delta) -> Result<Option<Shown>, ModelError> {
        let known = self.blocks.iter_mut().rev().find(|(at, _)| *at == index);
        let Some((_, block)) = known else {
            return Err(ModelError::malformed("a piece of a block that never began"));
        };
        Ok(match block {
            Block::Text(bytes) => {
                let text = delta.text.unwrap_or_default();
                *bytes += text.len();
                (!text.is_empty()).then_some(Shown::Text(text))
            }
            Block::Thinking {
                thinking,
                signature,
            } => {
                signature.push_str(&delta.signature.unwrap_or_default());
                let text = delta.thinking.unwrap_or_default();
                thinking.push_str(&text);
                (!text.is_empty()).then_some(Shown::Thought(text))
            }
            Block::Call { json, .. } => {
                json.push_str(&delta.partial_json.unwrap_or_default());
                None
            }
            Block::Redacted(_) | Block::Other => None,
        })
    }

    /// The calls of the turn, and where everything stood in it.
    pub(super) fn finish(self, names: &ToolNames) -> (Vec<ProposedCall>, Layout) {
        let mut calls = Vec::new();
        let mut layout = Layout::default();
        for (_, block) in self.blocks {
            match block {
                Block::Text(bytes) => layout.push_text(bytes, None),
                // Without a signature it is not a thought that the API takes back.
                Block::Thinking { signature, .. } if signature.is_empty() => {}
                Block::Thinking {
                    thinking,
                    signature,
                } => layout.push_raw(
                    json!({"type": "thinking", "thinking": thinking, "signature": signature}),
                ),
                Block::Redacted(data) => {
                    layout.push_raw(json!({"type": "redacted_thinking", "data": data}));
                }
                Block::Call {
                    id,
                    name,
                    input,
                    json,
                } => {
                    layout.push_call(None);
                    let streamed = !json.is_empty() || input.is_null();
                    calls.push(ProposedCall {
                        id: id.filter(|id| !id.is_empty()),
                        name: names.own_name(name),
                        args: if streamed { args::read(json) } else { input },
                    });
                }
                Block::Other => {}
            }
        }
        (calls, layout)
    }
}
