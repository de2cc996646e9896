//! Whether a tool call may run, and what running it twice would mean.

/// What is to be done with a tool call that a model proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyDecision {
    /// Run it.
    Allow,
    /// Wait for a person.
    Ask,
    /// Refuse it and tell the model why.
    Deny {
        /// Told to the model.
        reason: String,
    },
}

/// What a tool does to the world, and therefore what may happen to a call that a crash cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Only looks: run again freely, in parallel with others.
    Read,
    /// Running it twice ends in the same state as once: run again after a crash.
    Idempotent,
    /// Anything else: never run again silently.
    Write,
}
