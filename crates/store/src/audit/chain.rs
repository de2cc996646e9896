//! Whether a chain is whole: a pure check of one line after another.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::entry::Place;

/// The chain of what belongs to no organization.
pub(super) const INSTANCE: &str = "instance";
/// What the first line of a chain says of the line before.
pub(super) const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The SHA-256 of a line in lower-case hexadecimal digits.
pub(super) fn hash_of(line: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(line.as_bytes()) {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

/// Where a chain goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: NOTHING.to_owned(),
        }
    }
}

/// A place where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// Rows are missing before this one.
    #[error("row {expected} is missing: row {found} comes in its place")]
    Missing {
        /// The row that should be there.
        expected: i64,
        /// The one that is.
        found: i64,
    },
    /// A row says that it is another one, or of another chain, or says nothing that can be read.
    #[error("row {0} is not what was written there")]
    Foreign(i64),
    /// A row does not hold the hash of the one before: one of the two was changed.
    #[error("row {0} does not follow from the row before it: one of them was changed")]
    Unlinked(i64),
    /// The last row is not the one that was written last.
    #[error(
        "the chain ends with row {found}, but was written up to row {expected}, or its last row was changed"
    )]
    End {
        /// The row that was written last.
        expected: i64,
        /// The last row that is there.
        found: i64,
    },
}

/// Follows one chain.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    chain: &'a str,
    at: Head,
}

impl<'a> Walk<'a> {
    pub(super) fn new(chain: &'a str) -> Self {
        Self {
            chain,
            at: Head::default(),
        }
    }

    /// The last row that was seen.
    pub(super) fn seq(&self) -> i64 {
        self.at.seq
    }

    /// Takes the next row.
    pub(super) fn step(&mut self, seq: i64, line: &str) -> Result<(), AuditFault> {
        let expected = self.at.seq + 1;
        if seq != expected {
            return Err(AuditFault::Missing {
                expected,
                found: seq,
            });
        }
        let place: Place = serde_json::from_str(line).map_err(|_| AuditFault::Foreign(seq))?;
        let chain = place.organization_id.as_deref();
        if place.seq != seq || chain.unwrap_or(INSTANCE) != self.chain {
            return Err(AuditFault::Foreign(seq));
        }
        if place.previous != self.at.hash {
            return Err(AuditFault::Unlinked(seq));
        }
        self.at = Head {
            seq,
            hash: hash_of(line),
        };
        Ok(())
    }

    /// Compares the last row with the head.
    pub(super) fn end(&self, head: &Head) -> Result<(), AuditFault> {
        if self.at == *head {
            return Ok(());
        }
        Err(AuditFault::End {
            expected: head.seq,
            found: self.at.seq,
        })
    }
}
