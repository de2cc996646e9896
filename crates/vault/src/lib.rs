//! Keeping secrets. This crate is used alone: it knows no database and no network, so that what it
//! promises can be read and tested in one sitting.
//!
//! - [`Secret`]: a text that must not be seen;
//! - [`MasterKey`] and [`MasterKeySource`]: the one key that everything hangs on, and where it
//!   comes from;
//! - [`Vault`] and [`Record`]: sealing what lies in the database, bound to its place there;
//! - [`DataKey`]: the key that one organization's values are sealed with;
//! - [`Masker`] and [`StreamMasker`]: keeping known values out of text, also in pieces.

mod automaton;
mod data_key;
mod forms;
mod mask;
mod master;
mod seal;
mod secret;
#[cfg(test)]
mod vectors_tests;

pub use data_key::DataKey;
pub use mask::{MIN_MASKED_CHARS, Masker, StreamMasker};
pub use master::{MasterKey, MasterKeyError, MasterKeySource};
pub use seal::{OpenError, Record, Vault, WrongMasterKey};
pub use secret::Secret;
