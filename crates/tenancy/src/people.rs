//! Organizations and who belongs to them: members, their roles and projects, and invitations.

use std::net::IpAddr;
use std::sync::Arc;

use auth::{PasswordError, Passwords, PlainToken, Secret, WeakPassword};
use model::{
    Actor, Caller, Clock, Email, InvalidEmail, InvalidName, InviteId, Name, OrganizationId,
    ProjectAccess, ProjectId, Random, Role, Setting, SettingPermit, UserId,
};
use store::{ChangedBy, Invite, Member, MemberPatch, Newcomer, Store, User, UserStatus};

/// Milliseconds that an invitation works: seven days.
const INVITE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Why a change of people was refused.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// A name is none.
    #[error("`name`: {0}")]
    Name(#[from] InvalidName),
    /// A name of an organization is none.
    #[error("`organizationName`: {0}")]
    OrganizationName(#[source] InvalidName),
    /// An address is none.
    #[error("`email`: {0}")]
    Email(#[from] InvalidEmail),
    /// A password cannot be taken.
    #[error("`password`: {0}")]
    Weak(#[from] WeakPassword),
    /// A project is not one of the organization.
    #[error("`projectIds`: there is no project {0}")]
    Project(ProjectId),
    /// Owners and admins see every project.
    #[error("`projectIds`: owners and admins see every project")]
    EveryProject,
    /// The caller's role is too low for this one.
    #[error("the role does not allow this")]
    Forbidden,
    /// Whoever was invited signs in already, and this is not their password.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// There is no such thing, or not for this caller.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The organization would be without an owner, or the member was changed by somebody else.
    #[error("an organization keeps an owner, and its members are changed one at a time")]
    Conflict,
    /// They belong to the organization already.
    #[error("they are a member already")]
    IsMember,
    /// A password could not be hashed.
    #[error("hash a password")]
    Hash(#[source] PasswordError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

impl From<PasswordError> for PeopleError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Weak(weak) => Self::Weak(weak),
            PasswordError::Hash(_) | PasswordError::Gone => Self::Hash(error),
        }
    }
}

/// Whom to invite.
#[derive(Debug, Clone)]
pub struct NewInvite {
    /// Their address.
    pub email: String,
    /// As what.
    pub role: Role,
    /// Which projects; `None`: what the role has by itself.
    pub projects: Option<ProjectAccess>,
}

/// An invitation that was made: the only place that holds its link's token.
#[derive(Debug, Clone)]
pub struct MadeInvite {
    /// Its record.
    pub invite: Invite,
    /// What its link holds.
    pub token: PlainToken,
}

/// Changes organizations and members. Who may be made what is decided here, by the permit. Cheap
/// to clone.
#[derive(Debug, Clone)]
pub struct People {
    pub(crate) store: Store,
    passwords: Passwords,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl People {
    /// Works on this store.
    pub fn new(
        store: Store,
        passwords: Passwords,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            store,
            passwords,
            clock,
            random,
        }
    }

    pub(crate) fn changed_by(&self, caller: Caller) -> ChangedBy {
        ChangedBy {
            caller,
            at: self.clock.now(),
        }
    }

    /// Renames the organization.
    ///
    /// # Errors
    /// [`PeopleError::Name`], [`PeopleError::NotFound`], [`PeopleError::Store`].
    pub async fn rename(&self, permit: &SettingPermit, name: &str) -> Result<String, PeopleError> {
        let name = Name::parse(name)?.into_text();
        let by = self.changed_by(permit.caller());
        let id = permit.organization_id();
        let done = self.store.rename_organization(id, name.clone(), by).await;
        done.map_err(of("Organization"))?;
        Ok(name)
    }

    /// The members, the first first.
    ///
    /// # Errors
    /// [`PeopleError::Store`].
    pub async fn members(&self, permit: &SettingPermit) -> Result<Vec<Member>, PeopleError> {
        Ok(self.store.list_members(permit.organization_id()).await?)
    }

    /// Changes a member's role and projects, and ends their sign-ins that speak for the
    /// organization.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn update_member(
        &self,
        permit: &SettingPermit,
        user: UserId,
        role: Option<Role>,
        projects: Option<ProjectAccess>,
    ) -> Result<Member, PeopleError> {
        let member = self.member(permit, user).await?;
        let role = role.unwrap_or(member.role);
        may_change(permit, member.role)?;
        may_change(permit, role)?;
        let projects = match projects {
            // What came with the higher role goes with it.
            None if member.role.sees_every_project() != role.sees_every_project() => None,
            None => Some(member.projects),
            given @ Some(_) => given,
        };
        let patch = MemberPatch {
            role: Some(role),
            projects: Some(self.projects(permit, role, projects).await?),
        };
        let by = self.changed_by(permit.caller());
        let id = permit.organization_id();
        let changed = self.store.update_member(id, user, member.role, patch, by);
        changed.await.map_err(of("Member"))
    }

    /// Removes a member; says how many sign-ins that ended.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn remove_member(
        &self,
        permit: &SettingPermit,
        user: UserId,
    ) -> Result<u64, PeopleError> {
        let member = self.member(permit, user).await?;
        may_change(permit, member.role)?;
        let by = self.changed_by(permit.caller());
        let id = permit.organization_id();
        let removed = self.store.delete_member(id, user, member.role, by).await;
        removed.map_err(of("Member"))
    }

    async fn member(&self, permit: &SettingPermit, user: UserId) -> Result<Member, PeopleError> {
        let found = self.store.find_member(permit.organization_id(), user);
        found.await?.ok_or(PeopleError::NotFound("Member"))
    }

    /// The projects that go with a role.
    async fn projects(
        &self,
        permit: &SettingPermit,
        role: Role,
        wanted: Option<ProjectAccess>,
    ) -> Result<ProjectAccess, PeopleError> {
        match wanted {
            None if role.sees_every_project() => Ok(ProjectAccess::All),
            None => Ok(ProjectAccess::Only(Vec::new())),
            Some(ProjectAccess::All) => Ok(ProjectAccess::All),
            Some(ProjectAccess::Only(_)) if role.sees_every_project() => {
                Err(PeopleError::EveryProject)
            }
            Some(ProjectAccess::Only(mut ids)) => {
                ids.sort_unstable();
                ids.dedup();
                let all = self.store.list_projects(permit.organization_id()).await?;
                let unknown = ids.iter().find(|id| !all.iter().any(|one| one.id == **id));
                match unknown {
                    Some(id) => Err(PeopleError::Project(*id)),
                    None => Ok(ProjectAccess::Only(ids)),
                }
            }
        }
    }

    /// The invitations that were not used, the latest first.
    ///
    /// # Errors
    /// [`PeopleError::Store`].
    pub async fn invites(&self, permit: &SettingPermit) -> Result<Vec<Invite>, PeopleError> {
        Ok(self.store.list_invites(permit.organization_id()).await?)
    }

    /// Invites somebody; an older invitation to the address stops working.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn invite(
        &self,
        permit: &SettingPermit,
        new: NewInvite,
    ) -> Result<MadeInvite, PeopleError> {
        may_change(permit, new.role)?;
        let email = Email::parse(&new.email)?;
        let projects = self.projects(permit, new.role, new.projects).await?;
        let now = self.clock.now();
        let invite = Invite {
            id: InviteId::generate(&*self.random),
            organization_id: permit.organization_id(),
            email,
            role: new.role,
            projects,
            invited_by: permit.username().to_owned(),
            created_at: now,
            expires_at: now.plus_millis(INVITE_MS),
        };
        self.send(permit, invite).await
    }

    async fn send(
        &self,
        permit: &SettingPermit,
        invite: Invite,
    ) -> Result<MadeInvite, PeopleError> {
        let token = PlainToken::mint(&*self.random);
        let by = self.changed_by(permit.caller());
        let kept = self.store.replace_invite(invite.clone(), token.hash(), by);
        kept.await.map_err(|error| {
            if matches!(error, store::Error::Conflict) {
                PeopleError::IsMember
            } else {
                PeopleError::Store(error)
            }
        })?;
        Ok(MadeInvite { invite, token })
    }

    /// Makes another link for an invitation; the one before stops working.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn resend(
        &self,
        permit: &SettingPermit,
        id: InviteId,
    ) -> Result<MadeInvite, PeopleError> {
        let invite = self.find_invite(permit, id).await?;
        may_change(permit, invite.role)?;
        let now = self.clock.now();
        let invite = Invite {
            created_at: now,
            expires_at: now.plus_millis(INVITE_MS),
            ..invite
        };
        self.send(permit, invite).await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn take_back(&self, permit: &SettingPermit, id: InviteId) -> Result<(), PeopleError> {
        let invite = self.find_invite(permit, id).await?;
        may_change(permit, invite.role)?;
        let by = self.changed_by(permit.caller());
        let done = self.store.delete_invite(permit.organization_id(), id, by);
        done.await.map_err(of("Invite"))
    }

    async fn find_invite(
        &self,
        permit: &SettingPermit,
        id: InviteId,
    ) -> Result<Invite, PeopleError> {
        let found = self.store.find_invite(permit.organization_id(), id);
        found.await?.ok_or(PeopleError::NotFound("Invite"))
    }

    /// Accepts an invitation: whoever signs in with its address joins if this is their password,
    /// else they are made with it. Answers who joined what.
    ///
    /// # Errors
    /// See [`PeopleError`]; [`PeopleError::NotFound`] for a link that is unknown, used or expired.
    pub async fn accept(
        &self,
        token: &str,
        password: Secret,
        name: Option<&str>,
        ip: Option<IpAddr>,
    ) -> Result<(User, OrganizationId), PeopleError> {
        let gone = || PeopleError::NotFound("Invite");
        let token = PlainToken::parse(token).ok_or_else(gone)?;
        let found = self
            .store
            .unscoped_find_invite(token.hash(), self.clock.now());
        let invite = found.await?.ok_or_else(gone)?;
        let known = self.store.unscoped_find_user_by_email(invite.email.clone());
        let (user, who) = match known.await? {
            Some(user) => {
                let right = self.passwords.verify(password, user.password.as_ref());
                if user.status != UserStatus::Active || !right.await? {
                    return Err(PeopleError::InvalidCredentials);
                }
                (user.clone(), Newcomer::Known(user.id))
            }
            None => {
                let name = Name::parse(name.unwrap_or_default())?;
                let made = self.person(invite.email.clone(), name, invite.role, password);
                let user = made.await?;
                (user.clone(), Newcomer::New(user))
            }
        };
        let by = self.changed_by(named(&user, ip));
        let used = self.store.use_invite(token.hash(), who, by);
        let organization = used.await.map_err(|error| {
            let raced = matches!(
                error,
                store::Error::NotFound | store::Error::Duplicate { .. }
            );
            // Somebody else used it at the same time.
            if raced { gone() } else { error.into() }
        })?;
        Ok((user, organization))
    }

    /// Somebody who is made with this password, as what they will be somewhere.
    pub(crate) async fn person(
        &self,
        email: Email,
        name: Name,
        role: Role,
        password: Secret,
    ) -> Result<User, PeopleError> {
        let name = name.into_text();
        let names = vec![email.to_string(), name.clone()];
        let password = self.passwords.hash(password, role, names).await?;
        Ok(User {
            id: UserId::generate(&*self.random),
            email,
            name,
            password: Some(password),
            status: UserStatus::Active,
            created_at: self.clock.now(),
        })
    }
}

/// Somebody who acts for themselves before they have signed in.
pub(crate) fn named(user: &User, ip: Option<IpAddr>) -> Caller {
    Caller {
        actor: Actor::User {
            id: user.id,
            email: user.email.to_string(),
        },
        ip,
    }
}

/// Whether the caller may make or unmake somebody of this role.
fn may_change(permit: &SettingPermit, role: Role) -> Result<(), PeopleError> {
    let setting = match role {
        Role::Viewer | Role::Member => Setting::ChangeMembers,
        Role::Admin => Setting::ChangeAdmins,
        Role::Owner => Setting::ChangeOwners,
    };
    if permit.may(setting) {
        Ok(())
    } else {
        Err(PeopleError::Forbidden)
    }
}

/// Names what a missing row was.
fn of(what: &'static str) -> impl FnOnce(store::Error) -> PeopleError {
    move |error| {
        if matches!(error, store::Error::NotFound) {
            PeopleError::NotFound(what)
        } else if matches!(error, store::Error::Conflict) {
            PeopleError::Conflict
        } else {
            PeopleError::Store(error)
        }
    }
}
