//! Thinking: the loop that asks a model, runs the tools it proposes and asks again. This crate
//! forbids a direction: it knows neither the store nor HTTP. Facts go out through [`Journal`],
//! time, chance, masks and the sandbox come in as arguments.
//!
//! Deciding is apart from doing: `step` is a pure function of the folded journal, [`run()`]
//! carries its steps out. A run that was cut off anywhere goes on from its journal alone.
//!
//! To add a tool: one file in `tools/` that implements [`Tool`], one line in [`Toolbox::built_in`].

mod approval;
mod assembler;
mod background;
mod calls;
mod closing;
mod compaction;
mod context;
mod error;
mod journal;
mod mask;
mod memory;
mod metrics;
mod prompt;
mod run;
mod session;
mod shell_words;
mod state;
mod step;
mod stop;
mod tools;
mod turn;
mod web;

pub use approval::ApprovalMemory;
pub use closing::{closing_events, rejection_output};
pub use context::messages_of;
pub use error::AgentError;
pub use journal::{Budget, Journal, JournalError, Parking};
pub use mask::{Mask, NoMask, StreamMask, mask_value};
pub use metrics::AgentMetrics;
pub use prompt::system_prompt;
pub use run::{Agent, AgentConfig, Exit, RunInput, run};
pub use session::{SessionConfig, ToolSession, Variables};
use step::{Step, StepInput, next_step};
pub use stop::{Stop, StopHandle, StopReason, stop_pair};
pub use tools::{Tool, ToolContext, ToolOutcome, Toolbox};
pub use web::{SearchConfig, SearchConfigError, SearchKind, Web};
