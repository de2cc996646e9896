//! Who belongs to which organization, and as what.

use model::{Membership, OrganizationId, ProjectAccess, ProjectId, Role, Timestamp, UserId};

use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{FromCell, Json, Value, params};
use crate::{Error, Signal, Store, dialect};

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

/// A membership to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMembership {
    /// Whose.
    pub user_id: UserId,
    /// Where and as what.
    pub membership: Membership,
    /// When.
    pub joined_at: Timestamp,
}

/// A member of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// What they sign in with.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// As what.
    pub role: Role,
    /// Which projects they were given.
    pub projects: ProjectAccess,
    /// When they joined.
    pub joined_at: Timestamp,
}

/// What changes of a member: `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberPatch {
    /// As what.
    pub role: Option<Role>,
    /// Which projects they were given.
    pub projects: Option<ProjectAccess>,
}

/// Projects are kept as a JSON list of their ids; `NULL`: all of them. What this version cannot
/// read makes the row unreadable: nobody gets more by it.
pub(super) struct Projects(pub(super) ProjectAccess);

impl From<&Projects> for Value<'_> {
    fn from(Projects(access): &Projects) -> Self {
        match access {
            ProjectAccess::All => Value::Null,
            ProjectAccess::Only(ids) => Value::from(Json(ids)),
        }
    }
}

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

    /// The members of an organization, the first first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_members(&self, organization: OrganizationId) -> Result<Vec<Member>, Error> {
        self.read(
            "list_members",
            Read::Bulk,
            organization,
            |tx, organization| Box::pin(list_members(tx, *organization)),
        )
        .await
    }

    /// A member of an organization.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_member(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<Member>, Error> {
        let input = (organization, user);
        self.read(
            "find_member",
            Read::Point,
            input,
            |tx, (organization, user)| Box::pin(find_member(tx, *organization, *user)),
        )
        .await
    }

    /// Changes a member whose role is still `was`, and ends their sign-ins that speak for the
    /// organization.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when their role is another by now, or they are
    /// the last owner and would be none; [`Error::Unavailable`].
    pub async fn update_member(
        &self,
        organization: OrganizationId,
        user: UserId,
        was: Role,
        patch: MemberPatch,
        by: ChangedBy,
    ) -> Result<Member, Error> {
        let input = (organization, user, was, patch, by);
        self.write(
            "update_member",
            input,
            |tx, (organization, user, was, patch, by)| {
                Box::pin(update_member(tx, (*organization, *user), *was, patch, by))
            },
        )
        .await
    }

    /// Removes a member whose role is still `was`; says how many sign-ins that ended.
    ///
    /// # Errors
    /// As [`update_member`](Self::update_member).
    pub async fn delete_member(
        &self,
        organization: OrganizationId,
        user: UserId,
        was: Role,
        by: ChangedBy,
    ) -> Result<u64, Error> {
        let input = (organization, user, was, by);
        self.write(
            "delete_member",
            input,
            |tx, (organization, user, was, by)| {
                Box::pin(delete_member(tx, (*organization, *user), *was, by))
            },
        )
        .await
    }
}

async fn insert_membership(tx: &mut Tx, new: &NewMembership) -> Result<(), Error> {
    let Membership {
        organization_id,
        role,
        projects,
    } = &new.membership;
    tx.execute(
        "INSERT INTO memberships (organization_id, user_id, role, projects, joined_at)
         VALUES ($1, $2, $3, $4, $5)",
        params![
            *organization_id,
            new.user_id,
            *role,
            &Projects(projects.clone()),
            new.joined_at
        ],
    )
    .await
    .map(drop)
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

fn read_member(mut row: crate::value::Row) -> Result<Member, Error> {
    Ok(Member {
        user_id: row.next("memberships.user_id")?,
        email: row.next("users.email")?,
        name: row.next("users.name")?,
        role: row.next("memberships.role")?,
        projects: row.next::<Projects>("memberships.projects")?.0,
        joined_at: row.next("memberships.joined_at")?,
    })
}

async fn list_members(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Member>, Error> {
    let rows = tx
        .query(
            "SELECT m.user_id, u.email, u.name, m.role, m.projects, m.joined_at
             FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 ORDER BY m.joined_at, m.user_id",
            params![organization],
        )
        .await?;
    rows.into_iter().map(read_member).collect()
}

async fn find_member(
    tx: &mut Tx,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<Member>, Error> {
    let row = tx
        .query_opt(
            "SELECT m.user_id, u.email, u.name, m.role, m.projects, m.joined_at
             FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND m.user_id = $2",
            params![organization, user],
        )
        .await?;
    row.map(read_member).transpose()
}

/// A member whose role is still `was`, with the organization held: of two who change its owners at
/// once, the second sees what the first did.
async fn lock_member(
    tx: &mut Tx,
    organization: OrganizationId,
    user: UserId,
    was: Role,
    becomes: Option<Role>,
) -> Result<Member, Error> {
    let lock = tx.pick(&dialect::LOCK_ORGANIZATION);
    tx.query_opt(lock, params![organization]).await?;
    let member = find_member(tx, organization, user).await?;
    let member = member.ok_or(Error::NotFound)?;
    if member.role != was {
        return Err(Error::Conflict);
    }
    if member.role == Role::Owner && becomes != Some(Role::Owner) {
        let others = tx
            .query(
                "SELECT user_id FROM memberships
                 WHERE organization_id = $1 AND role = 'owner' AND user_id <> $2",
                params![organization, user],
            )
            .await?;
        if others.is_empty() {
            return Err(Error::Conflict);
        }
    }
    Ok(member)
}

/// Ends what somebody does for an organization. A sign-in that speaks for another goes on.
async fn end_sessions(
    tx: &mut Tx,
    organization: OrganizationId,
    user: UserId,
) -> Result<u64, Error> {
    tx.signal(Signal::CredentialsChanged);
    tx.execute(
        "DELETE FROM console_sessions WHERE user_id = $1 AND organization_id = $2",
        params![user, organization],
    )
    .await
}

/// What the audit log says of a member.
fn of_member(member: &Member) -> serde_json::Value {
    let projects = match &member.projects {
        ProjectAccess::All => None,
        ProjectAccess::Only(ids) => Some(ids),
    };
    serde_json::json!({
        "email": member.email,
        "role": member.role.as_str(),
        "projectIds": projects,
    })
}

async fn update_member(
    tx: &mut Tx,
    (organization, user): (OrganizationId, UserId),
    was: Role,
    patch: &MemberPatch,
    by: &ChangedBy,
) -> Result<Member, Error> {
    let becomes = patch.role.or(Some(was));
    let old = lock_member(tx, organization, user, was, becomes).await?;
    let member = Member {
        role: patch.role.unwrap_or(old.role),
        projects: patch.projects.clone().unwrap_or(old.projects.clone()),
        ..old.clone()
    };
    tx.execute(
        "UPDATE memberships SET role = $3, projects = $4
         WHERE organization_id = $1 AND user_id = $2",
        params![
            organization,
            user,
            member.role,
            &Projects(member.projects.clone())
        ],
    )
    .await?;
    end_sessions(tx, organization, user).await?;
    let (before, after) = (of_member(&old), of_member(&member));
    let done = Done::changed(AuditAction::MemberUpdate, user, before, after);
    record(tx, Some(organization), by, &done).await?;
    Ok(member)
}

async fn delete_member(
    tx: &mut Tx,
    (organization, user): (OrganizationId, UserId),
    was: Role,
    by: &ChangedBy,
) -> Result<u64, Error> {
    let member = lock_member(tx, organization, user, was, None).await?;
    let sql = "DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2";
    tx.execute(sql, params![organization, user]).await?;
    let ended = end_sessions(tx, organization, user).await?;
    let done = Done::removed(AuditAction::MemberRemove, user, of_member(&member));
    record(tx, Some(organization), by, &done).await?;
    Ok(ended)
}

/// Somebody joins, as the audit log says it.
pub(super) async fn join(tx: &mut Tx, new: &NewMembership, by: &ChangedBy) -> Result<(), Error> {
    insert_membership(tx, new).await?;
    let organization = new.membership.organization_id;
    let member = find_member(tx, organization, new.user_id).await?;
    let member = member.ok_or_else(|| Error::corrupt("memberships"))?;
    let done = Done::made(AuditAction::MemberJoin, new.user_id, of_member(&member));
    record(tx, Some(organization), by, &done).await
}
