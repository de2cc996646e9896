//! What organizations use: booked in the transactions that write the journal rows which tell it,
//! counted up for reports, and held against monthly caps.

mod book;
mod caps;
mod prices;
mod report;

pub use book::Meter;
pub(crate) use book::{Booked, Payer, book};
pub use caps::UsageCaps;
pub(crate) use caps::is_too_much;
pub use prices::Price;
pub use report::{UsageGroup, UsageReport, UsageRow};
