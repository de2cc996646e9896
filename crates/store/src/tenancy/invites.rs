//! Invitations: a link whose holder joins an organization, once.

use model::{Email, InviteId, Membership, OrganizationId, ProjectAccess, Role, Timestamp, UserId};

use super::members::{NewMembership, Projects, join};
use super::people::{find_by_email, insert_user};
use super::tenants::{insert_organization, insert_project};
use super::{Organization, Project, User};
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Store};

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// Where to.
    pub organization_id: OrganizationId,
    /// Whom.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Which projects they are given.
    pub projects: ProjectAccess,
    /// The name of who invites.
    pub invited_by: String,
    /// When its link was made.
    pub created_at: Timestamp,
    /// From when on its link does not work.
    pub expires_at: Timestamp,
}

/// An organization to be made with its default project, and who owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrganization {
    /// The organization.
    pub organization: Organization,
    /// Its default project.
    pub project: Project,
    /// Who owns it: made with it, or there already.
    pub owner: Newcomer,
}

/// Somebody who joins an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Newcomer {
    /// Somebody who signs in already.
    Known(UserId),
    /// Somebody to be made.
    New(User),
}

impl Newcomer {
    fn id(&self) -> UserId {
        match self {
            Self::Known(id) => *id,
            Self::New(user) => user.id,
        }
    }
}

impl Store {
    /// Keeps an invitation in the place of the one that the organization sent to the address.
    ///
    /// # Errors
    /// [`Error::Conflict`] when they are a member already; [`Error::Unavailable`].
    pub async fn replace_invite(
        &self,
        invite: Invite,
        hash: [u8; 32],
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (invite, hash, by);
        self.write("replace_invite", input, |tx, (invite, hash, by)| {
            Box::pin(replace(tx, invite, hash, by))
        })
        .await
    }

    /// The invitations of an organization that were not used, the latest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_invites(&self, organization: OrganizationId) -> Result<Vec<Invite>, Error> {
        self.read(
            "list_invites",
            Read::Bulk,
            organization,
            |tx, organization| Box::pin(list(tx, *organization)),
        )
        .await
    }

    /// An invitation of an organization.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_invite(
        &self,
        organization: OrganizationId,
        id: InviteId,
    ) -> Result<Option<Invite>, Error> {
        let input = (organization, id);
        self.read(
            "find_invite",
            Read::Point,
            input,
            |tx, (organization, id)| Box::pin(find(tx, *organization, *id)),
        )
        .await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn delete_invite(
        &self,
        organization: OrganizationId,
        id: InviteId,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (organization, id, by);
        self.write("delete_invite", input, |tx, (organization, id, by)| {
            Box::pin(delete(tx, *organization, *id, by))
        })
        .await
    }

    /// The invitation whose link has this hash and works at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_find_invite(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<Invite>, Error> {
        let name = "unscoped_find_invite";
        self.read(name, Read::Point, (hash, now), |tx, (hash, now)| {
            Box::pin(find_by_hash(tx, hash, *now))
        })
        .await
    }

    /// Uses an invitation up: `who` joins its organization.
    ///
    /// # Errors
    /// [`Error::NotFound`] when its link does not work (any more); [`Error::Duplicate`]
    /// `users_email` when somebody new is there already; [`Error::Unavailable`].
    pub async fn use_invite(
        &self,
        hash: [u8; 32],
        who: Newcomer,
        by: ChangedBy,
    ) -> Result<OrganizationId, Error> {
        self.write("use_invite", (hash, who, by), |tx, (hash, who, by)| {
            Box::pin(accept(tx, hash, who, by))
        })
        .await
    }

    /// Makes an organization with its default project and its owner.
    ///
    /// # Errors
    /// [`Error::Duplicate`] `users_email`; [`Error::Unavailable`].
    pub async fn insert_owned_organization(
        &self,
        new: NewOrganization,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (new, by);
        self.write("insert_owned_organization", input, |tx, (new, by)| {
            Box::pin(insert_owned(tx, new, by))
        })
        .await
    }
}

/// The columns of an invitation, in the order of [`read_invite`].
macro_rules! invites_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, organization_id, email, role, projects, invited_by, created_at, expires_at
             FROM invites WHERE ",
            $condition
        )
    };
}

fn read_invite(mut row: Row) -> Result<Invite, Error> {
    let id = row.next("invites.id")?;
    let organization_id = row.next("invites.organization_id")?;
    let email: String = row.next("invites.email")?;
    Ok(Invite {
        id,
        organization_id,
        email: Email::parse(&email).map_err(|error| Error::corrupt_by("invites.email", error))?,
        role: row.next("invites.role")?,
        projects: row.next::<Projects>("invites.projects")?.0,
        invited_by: row.next("invites.invited_by")?,
        created_at: row.next("invites.created_at")?,
        expires_at: row.next("invites.expires_at")?,
    })
}

fn of_invite(invite: &Invite) -> serde_json::Value {
    serde_json::json!({"email": invite.email.as_str(), "role": invite.role.as_str()})
}

async fn delete(
    tx: &mut Tx,
    organization: OrganizationId,
    id: InviteId,
    by: &ChangedBy,
) -> Result<(), Error> {
    let invite = find(tx, organization, id).await?.ok_or(Error::NotFound)?;
    let sql = "DELETE FROM invites WHERE organization_id = $1 AND id = $2";
    if tx.execute(sql, params![organization, id]).await? == 0 {
        return Err(Error::NotFound);
    }
    let done = Done::removed(AuditAction::InviteDelete, id, of_invite(&invite));
    record(tx, Some(organization), by, &done).await
}

async fn replace(
    tx: &mut Tx,
    invite: &Invite,
    hash: &[u8; 32],
    by: &ChangedBy,
) -> Result<(), Error> {
    let member = tx
        .query_opt(
            "SELECT m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND u.email = $2",
            params![invite.organization_id, invite.email.as_str()],
        )
        .await?;
    if member.is_some() {
        return Err(Error::Conflict);
    }
    tx.execute(
        "INSERT INTO invites (id, organization_id, email, role, projects, hash, invited_by,
            created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (organization_id, email) DO UPDATE SET id = excluded.id,
            role = excluded.role, projects = excluded.projects, hash = excluded.hash,
            invited_by = excluded.invited_by, created_at = excluded.created_at,
            expires_at = excluded.expires_at",
        params![
            invite.id,
            invite.organization_id,
            invite.email.as_str(),
            invite.role,
            &Projects(invite.projects.clone()),
            hash.as_slice(),
            &invite.invited_by,
            invite.created_at,
            invite.expires_at,
        ],
    )
    .await?;
    let done = Done::made(AuditAction::InviteCreate, invite.id, of_invite(invite));
    record(tx, Some(invite.organization_id), by, &done).await
}

async fn list(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Invite>, Error> {
    let sql = invites_where!("organization_id = $1 ORDER BY created_at DESC, id");
    let rows = tx.query(sql, params![organization]).await?;
    rows.into_iter().map(read_invite).collect()
}

async fn find(
    tx: &mut Tx,
    organization: OrganizationId,
    id: InviteId,
) -> Result<Option<Invite>, Error> {
    let sql = invites_where!("organization_id = $1 AND id = $2");
    let row = tx.query_opt(sql, params![organization, id]).await?;
    row.map(read_invite).transpose()
}

async fn find_by_hash(
    tx: &mut Tx,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Invite>, Error> {
    let sql = invites_where!("hash = $1 AND expires_at > $2");
    let row = tx.query_opt(sql, params![hash.as_slice(), now]).await?;
    row.map(read_invite).transpose()
}

async fn accept(
    tx: &mut Tx,
    hash: &[u8; 32],
    who: &Newcomer,
    by: &ChangedBy,
) -> Result<OrganizationId, Error> {
    let invite = find_by_hash(tx, hash, by.at)
        .await?
        .ok_or(Error::NotFound)?;
    let sql = "DELETE FROM invites WHERE hash = $1";
    // Of two that use it at once, the second finds it gone.
    if tx.execute(sql, params![hash.as_slice()]).await? == 0 {
        return Err(Error::NotFound);
    }
    match who {
        Newcomer::New(user) => insert_user(tx, user).await?,
        Newcomer::Known(id) => {
            let known = find_by_email(tx, &invite.email).await?;
            if known.is_none_or(|user| user.id != *id) {
                return Err(Error::NotFound);
            }
        }
    }
    let membership = NewMembership {
        user_id: who.id(),
        membership: Membership {
            organization_id: invite.organization_id,
            role: invite.role,
            projects: invite.projects,
        },
        joined_at: by.at,
    };
    join(tx, &membership, by).await?;
    Ok(invite.organization_id)
}

async fn insert_owned(tx: &mut Tx, new: &NewOrganization, by: &ChangedBy) -> Result<(), Error> {
    if let Newcomer::New(user) = &new.owner {
        insert_user(tx, user).await?;
    }
    let organization = &new.organization;
    insert_organization(tx, organization).await?;
    let project = insert_project(tx, &new.project).await?;
    let facts = serde_json::json!({"name": organization.name});
    let made = Done::made(AuditAction::OrganizationCreate, organization.id, facts);
    for done in [made, project] {
        record(tx, Some(organization.id), by, &done).await?;
    }
    let membership = NewMembership {
        user_id: new.owner.id(),
        membership: Membership {
            organization_id: organization.id,
            role: Role::Owner,
            projects: ProjectAccess::All,
        },
        joined_at: organization.created_at,
    };
    join(tx, &membership, by).await
}
