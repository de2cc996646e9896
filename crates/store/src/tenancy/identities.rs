//! Who people are at the sign-in services of others, and whom a sign-in there makes.

use model::{Membership, ProjectAccess, Role, UserId};

use super::members::{NewMembership, join};
use super::people::{find_by_email, find_user, insert_user};
use super::tenants::find_default_organization;
use super::{User, UserStatus};
use crate::audit::ChangedBy;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store};

/// A person as a sign-in service vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The service.
    pub issuer: String,
    /// Who they are there, for ever; the address may become somebody else's.
    pub subject: String,
    /// Them, should they have to be made. Their address is one that the service has verified.
    pub user: User,
    /// What they become in the first organization if they are made; `None`: they are not made.
    pub role: Option<Role>,
    /// Who is signed in already in the browser that asks.
    pub signed_in: Option<UserId>,
}

/// Who that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identified {
    /// This person.
    User(User),
    /// Somebody with that address, of whom it is not known that they are the same person.
    Protected,
    /// Nobody, and nobody is to be made.
    Unknown,
}

impl Store {
    /// Finds the person of an identity: the one who is linked to it; else the one with its
    /// address, if the address alone may say so; else makes them a member of the first
    /// organization. The last two are linked from then on.
    ///
    /// The address alone says so where there is neither a password nor any identity: a password
    /// is the person's own and no service overrules it, nor does one service overrule another,
    /// and who has an address after somebody else is not that person. Whoever is signed in here
    /// at the same time has shown who they are, and is linked to one identity of each service.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when another sign-in does the same at once; [`Error::Unavailable`].
    pub async fn identify(&self, identity: Identity, by: ChangedBy) -> Result<Identified, Error> {
        let input = (identity, by);
        self.write("identify", input, |tx, (identity, by)| {
            Box::pin(identify(tx, identity, by))
        })
        .await
    }
}

async fn identify(tx: &mut Tx, identity: &Identity, by: &ChangedBy) -> Result<Identified, Error> {
    if let Some(user) = find_linked(tx, identity).await? {
        return Ok(if_active(user));
    }
    let user = match find_by_email(tx, &identity.user.email).await? {
        Some(user) => {
            let linked = linked_issuers(tx, &user).await?;
            let free = match identity.signed_in == Some(user.id) {
                true => !linked.contains(&identity.issuer),
                false => user.password.is_none() && linked.is_empty(),
            };
            if !free {
                return Ok(Identified::Protected);
            }
            user
        }
        None => match make(tx, identity, by).await? {
            Some(user) => user,
            None => return Ok(Identified::Unknown),
        },
    };
    tx.execute(
        "INSERT INTO identities (issuer, subject, user_id, linked_at) VALUES ($1, $2, $3, $4)",
        params![&identity.issuer, &identity.subject, user.id, by.at],
    )
    .await?;
    Ok(if_active(user))
}

fn if_active(user: User) -> Identified {
    match user.status {
        UserStatus::Active => Identified::User(user),
        UserStatus::Disabled => Identified::Unknown,
    }
}

async fn find_linked(tx: &mut Tx, identity: &Identity) -> Result<Option<User>, Error> {
    let row = tx
        .query_opt(
            "SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2",
            params![&identity.issuer, &identity.subject],
        )
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    let user = find_user(tx, row.next("identities.user_id")?).await?;
    user.map(Some)
        .ok_or_else(|| Error::corrupt("identities.user_id"))
}

async fn linked_issuers(tx: &mut Tx, user: &User) -> Result<Vec<String>, Error> {
    let sql = "SELECT issuer FROM identities WHERE user_id = $1";
    let rows = tx.query(sql, params![user.id]).await?;
    rows.into_iter()
        .map(|mut row| row.next("identities.issuer"))
        .collect()
}

/// Makes the person and lets them join the first organization, if they are to.
async fn make(tx: &mut Tx, identity: &Identity, by: &ChangedBy) -> Result<Option<User>, Error> {
    let organization = find_default_organization(tx).await?;
    let Some((organization, role)) = organization.zip(identity.role) else {
        return Ok(None);
    };
    insert_user(tx, &identity.user).await?;
    let membership = NewMembership {
        user_id: identity.user.id,
        membership: Membership {
            organization_id: organization.id,
            role,
            projects: match role.sees_every_project() {
                true => ProjectAccess::All,
                false => ProjectAccess::Only(Vec::new()),
            },
        },
        joined_at: by.at,
    };
    join(tx, &membership, by).await?;
    Ok(Some(identity.user.clone()))
}
