//! What people do to their own accounts, in the audit log. It concerns every organization that they
//! belong to, so each has an entry of it; of who belongs to none the instance has it.

use model::{OrganizationId, UserId};

use crate::Error;
use crate::audit::{ChangedBy, Done, record};
use crate::tx::Tx;
use crate::value::params;

/// Keeps an entry wherever the person belongs. The chains are locked in the order of their ids,
/// so that two persons of the same organizations never wait for each other.
pub(super) async fn record_of_person(
    tx: &mut Tx,
    id: UserId,
    by: &ChangedBy,
    done: &Done,
) -> Result<(), Error> {
    let sql = "SELECT organization_id FROM memberships WHERE user_id = $1 ORDER BY organization_id";
    let rows = tx.query(sql, params![id]).await?;
    if rows.is_empty() {
        return record(tx, None, by, done).await;
    }
    for mut row in rows {
        let organization: OrganizationId = row.next("memberships.organization_id")?;
        record(tx, Some(organization), by, done).await?;
    }
    Ok(())
}
