//! Reading the audit log. What it holds is kept by the commands that change settings.

use model::OrganizationId;
use store::{AuditRow, Store};

use crate::Error;

/// Entries that an export reads at a time.
const PAGE: i64 = 500;

/// Reads the audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditLog {
    store: Store,
}

impl AuditLog {
    /// Works on this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The latest entries of an organization, latest first, and how many there are.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(
        &self,
        organization_id: OrganizationId,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<AuditRow>, i64), Error> {
        let listed = self.store.list_audit_log(organization_id, limit, offset);
        listed.await.map_err(Error::Store)
    }

    /// The next entries of an organization after the one with this number, oldest first; none: there
    /// are no more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn after(
        &self,
        organization_id: OrganizationId,
        seq: i64,
    ) -> Result<Vec<AuditRow>, Error> {
        let listed = self.store.list_audit_log_after(organization_id, seq, PAGE);
        listed.await.map_err(Error::Store)
    }
}
