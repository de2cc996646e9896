//! Making organizations with those who own them.

use std::net::IpAddr;

use auth::Secret;
use model::{Caller, Email, Name, OrganizationId, ProjectId, Role, UserId};
use store::{NewOrganization, Newcomer, Organization, Project, TenantStatus, User};

use crate::people::named;
use crate::{People, PeopleError};

/// Whom to make an account for.
#[derive(Debug)]
pub struct NewAccount {
    /// Their address.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What their organization is called; `None`: as they are.
    pub organization_name: Option<String>,
    /// The password they choose.
    pub password: Secret,
}

impl People {
    /// Makes an organization that a person owns, with its default project.
    ///
    /// # Errors
    /// [`PeopleError::Name`], [`PeopleError::Store`].
    pub async fn create_organization(
        &self,
        owner: UserId,
        name: &str,
        caller: Caller,
    ) -> Result<OrganizationId, PeopleError> {
        let name = Name::parse(name)?;
        let user = self.store.find_user(owner).await?;
        let user = user.ok_or(PeopleError::NotFound("User"))?;
        let new = self.organization(name, &user, Newcomer::Known(owner));
        let id = new.organization.id;
        let by = self.changed_by(caller);
        self.store.insert_owned_organization(new, by).await?;
        Ok(id)
    }

    fn organization(&self, name: Name, user: &User, owner: Newcomer) -> NewOrganization {
        let now = self.clock.now();
        let id = OrganizationId::generate(&*self.random);
        NewOrganization {
            organization: Organization {
                id,
                name: name.into_text(),
                owner_name: user.email.to_string(),
                is_default: false,
                status: TenantStatus::Active,
                created_at: now,
            },
            project: Project {
                id: ProjectId::generate(&*self.random),
                organization_id: id,
                name: "Default".to_owned(),
                is_default: true,
                status: TenantStatus::Active,
                created_at: now,
            },
            owner,
        }
    }

    /// Makes a person and an organization that they own, with its default project. Where somebody
    /// has the address already nothing is made, and nothing tells: not the answer, not the time.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn sign_up(&self, new: NewAccount, ip: Option<IpAddr>) -> Result<(), PeopleError> {
        let email = Email::parse(&new.email)?;
        let name = Name::parse(&new.name)?;
        let organization = match &new.organization_name {
            Some(name) => Name::parse(name).map_err(PeopleError::OrganizationName)?,
            None => name.clone(),
        };
        let user = self.person(email, name, Role::Owner, new.password).await?;
        let by = self.changed_by(named(&user, ip));
        let owner = Newcomer::New(user.clone());
        let new = self.organization(organization, &user, owner);
        match self.store.insert_owned_organization(new, by).await {
            Ok(()) | Err(store::Error::Duplicate { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
