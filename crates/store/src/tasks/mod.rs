//! Tasks and their journals.

mod append;
mod idempotency;
mod insert;
mod journal;
mod list;
mod open;
mod patch;
mod preview;
mod read;
mod rows;

pub use append::{Append, Fence, Preferred, RunChange};
pub use idempotency::IdempotencyEntry;
pub use insert::{ClaimNow, NewTask};
pub use list::{TaskFilter, TaskPage};
pub use open::{OpenTask, TaskOwner};
pub use patch::TaskPatch;
pub use preview::PreviewRow;

#[cfg(test)]
pub(crate) use journal::LIST_ROWS;
#[cfg(test)]
pub(crate) use list::{ORDERED, ORDERED_OF_END_USER, ORDERED_OF_LINEAGE};
pub(crate) use rows::{find_scoped, read_task, task_columns};
