//! Who belongs to which organization, and as what.

use model::{OrganizationId, ProjectAccess, ProjectId, Role, UserId};

use crate::store::Read;
use crate::tx::Tx;
use crate::value::{FromCell, Json, Value, params};
use crate::{Error, Store};

/// An organization that a person belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOrganization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What they are there.
    pub role: Role,
    /// Which projects they were given.
    pub projects: ProjectAccess,
}

/// Projects are kept as a JSON list of their ids; `NULL`: all of them. What this version cannot
/// read makes the row unreadable: nobody gets more by it.
pub(super) struct Projects(pub(super) ProjectAccess);

impl FromCell for Projects {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        let listed = Option::<Json<Vec<ProjectId>>>::from_cell(cell)?;
        Some(Self(match listed {
            None => ProjectAccess::All,
            Some(Json(ids)) => ProjectAccess::Only(ids),
        }))
    }
}

impl Store {
    /// The organizations in use that a person belongs to, the one they joined first first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_organizations_of(&self, user: UserId) -> Result<Vec<OwnOrganization>, Error> {
        self.read("list_organizations_of", Read::Point, user, |tx, user| {
            Box::pin(list_organizations(tx, *user))
        })
        .await
    }
}

async fn list_organizations(tx: &mut Tx, user: UserId) -> Result<Vec<OwnOrganization>, Error> {
    let rows = tx
        .query(
            "SELECT o.id, o.name, m.role, m.projects FROM memberships m
             JOIN organizations o ON o.id = m.organization_id
             WHERE m.user_id = $1 AND o.status = 'active' ORDER BY m.joined_at, o.id",
            params![user],
        )
        .await?;
    let organization = |mut row: crate::value::Row| {
        Ok(OwnOrganization {
            id: row.next("organizations.id")?,
            name: row.next("organizations.name")?,
            role: row.next("memberships.role")?,
            projects: row.next::<Projects>("memberships.projects")?.0,
        })
    };
    rows.into_iter().map(organization).collect()
}
