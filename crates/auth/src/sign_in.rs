//! Signing people in and out, and letting them choose a password.

use std::net::IpAddr;
use std::sync::Arc;

use model::{
    Actor, Caller, Clock, ConsolePrincipal, ConsoleSessionId, Email, Name, OrganizationId, Random,
    Role, UserId,
};
use store::{
    ChangedBy, ConsoleSession, Identified, Identity, NewConsoleSession, OwnOrganization,
    PasswordLink, PasswordRecord, SessionEnding, Store, User, UserPatch, UserStatus,
};
use vault::{Secret, Vault};

use crate::console::{IDLE_MS, LIFETIME_MS};
use crate::refusals::Refusals;
use crate::{Entry, Passwords, PlainToken, SignInError, Vouched};

/// Milliseconds that the link of somebody without a password works: seven days.
const SETUP_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Milliseconds that the link of somebody with one works: a day.
const RESET_MS: i64 = 24 * 60 * 60 * 1_000;
/// Characters that are kept of what a browser calls itself.
const AGENT_CHARS: usize = 256;

/// From where somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// The address.
    pub peer: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// A sign-in that was made: the only place that holds its cookie's value.
#[derive(Debug, Clone)]
pub struct NewSignIn {
    /// The cookie's value.
    pub token: PlainToken,
    /// Who.
    pub user: User,
    /// The organization that it speaks for.
    pub organization_id: Option<OrganizationId>,
    /// Where they belong.
    pub organizations: Vec<OwnOrganization>,
}

/// A person as they see themselves.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Who.
    pub user: User,
    /// Where they belong.
    pub organizations: Vec<OwnOrganization>,
}

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SignIns {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) passwords: Passwords,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) caller: Caller,
}

impl SignIns {
    /// Works on this store. What nobody in particular does is done by the server.
    pub fn new(
        store: Store,
        vault: Arc<Vault>,
        passwords: Passwords,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            store,
            vault,
            passwords,
            clock,
            random,
            refusals: Arc::default(),
            caller: Caller::SERVER,
        }
    }

    /// The same for somebody else, as the audit log is to name who makes links and owners.
    #[must_use]
    pub fn by(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }

    pub(crate) fn changed_by(&self, caller: Caller) -> ChangedBy {
        ChangedBy {
            caller,
            at: self.clock.now(),
        }
    }

    /// Signs in with a password, half where there is a second factor. An unknown address takes as
    /// long as a wrong password.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`], [`SignInError::Hash`], [`SignInError::Store`].
    pub async fn sign_in(
        &self,
        email: &str,
        password: Secret,
        device: Device,
    ) -> Result<Entry, SignInError> {
        let user = self.find(email).await?;
        let user = user.filter(|user| user.status == UserStatus::Active);
        let kept = user.as_ref().and_then(|user| user.password.as_ref());
        let right = self.passwords.verify(password, kept).await?;
        match user {
            Some(user) if right => self.enter(user, None, device).await,
            Some(user) => {
                self.refusals.note(user.id);
                Err(SignInError::InvalidCredentials)
            }
            None => Err(SignInError::InvalidCredentials),
        }
    }

    /// Makes a sign-in for somebody who is known, for an organization of theirs (the wanted one or
    /// the first), in the place of the one they had.
    ///
    /// # Errors
    /// [`SignInError::NotFound`] when they do not belong to the wanted organization;
    /// [`SignInError::Store`].
    pub async fn open(
        &self,
        user: User,
        wanted: Option<OrganizationId>,
        replaces: Option<ConsoleSessionId>,
        device: Device,
    ) -> Result<NewSignIn, SignInError> {
        let organizations = self.store.list_organizations_of(user.id).await?;
        let mut ids = organizations.iter().map(|organization| organization.id);
        let organization_id = match wanted {
            None => ids.next(),
            Some(wanted) => {
                let found = ids.find(|id| *id == wanted);
                Some(found.ok_or(SignInError::NotFound("Organization"))?)
            }
        };
        let token = PlainToken::mint(&*self.random);
        let by = self.changed_by(caller_of(&user, &device));
        let now = by.at;
        let refused_before = match replaces {
            None => self.refusals.take(user.id),
            Some(_) => 0,
        };
        let agent = device
            .agent
            .map(|agent| agent.chars().take(AGENT_CHARS).collect());
        let new = NewConsoleSession {
            session: ConsoleSession {
                id: ConsoleSessionId::generate(&*self.random),
                user_id: user.id,
                organization_id,
                created_at: now,
                last_seen_at: now,
                expires_at: now.plus_millis(LIFETIME_MS),
                ip: device.peer.map(|peer| peer.to_string()),
                agent,
            },
            hash: token.hash(),
            refused_before,
            password: user.password.clone(),
        };
        let inserted = self.store.insert_console_session(new, replaces, by).await;
        inserted.map_err(missing("Session"))?;
        Ok(NewSignIn {
            token,
            user,
            organization_id,
            organizations,
        })
    }

    /// Signs in whom a service vouches for; `signed_in` is who has signed in to this browser
    /// already. See [`Store::identify`] for whom that makes.
    ///
    /// # Errors
    /// [`SignInError::Protected`], [`SignInError::NobodyHere`], [`SignInError::Store`].
    pub async fn sign_in_with(
        &self,
        vouched: Vouched,
        signed_in: Option<UserId>,
        device: Device,
    ) -> Result<NewSignIn, SignInError> {
        let name = vouched.name.as_deref().map(Name::parse);
        let name = name.and_then(Result::ok).map(Name::into_text);
        let name = name.unwrap_or_else(|| vouched.email.as_str().chars().take(100).collect());
        let new = User {
            id: UserId::generate(&*self.random),
            email: vouched.email,
            name,
            password: None,
            status: UserStatus::Active,
            created_at: self.clock.now(),
        };
        let by = ChangedBy {
            caller: Caller {
                actor: Actor::User {
                    id: new.id,
                    email: new.email.to_string(),
                },
                ip: device.peer,
            },
            at: self.clock.now(),
        };
        let identity = Identity {
            issuer: vouched.issuer,
            subject: vouched.subject,
            user: new,
            role: vouched.role,
            signed_in,
        };
        let identified = match self.store.identify(identity.clone(), by.clone()).await {
            // Their other sign-in was a moment faster: they are found now.
            Err(store::Error::Duplicate { .. }) => self.store.identify(identity, by).await?,
            identified => identified?,
        };
        match identified {
            Identified::User(user) => self.open(user, None, None, device).await,
            Identified::Protected => Err(SignInError::Protected),
            Identified::Unknown => Err(SignInError::NobodyHere),
        }
    }

    /// Lets a signed-in person speak for another organization of theirs, under a new cookie.
    ///
    /// # Errors
    /// [`SignInError::NotFound`], [`SignInError::Store`].
    pub async fn switch(
        &self,
        person: &ConsolePrincipal,
        to: OrganizationId,
        device: Device,
    ) -> Result<NewSignIn, SignInError> {
        let user = self.user(person.user_id).await?;
        self.open(user, Some(to), Some(person.session_id), device)
            .await
    }

    /// The person and where they belong.
    ///
    /// # Errors
    /// [`SignInError::NotFound`], [`SignInError::Store`].
    pub async fn profile(&self, id: UserId) -> Result<Profile, SignInError> {
        Ok(Profile {
            user: self.user(id).await?,
            organizations: self.store.list_organizations_of(id).await?,
        })
    }

    /// Changes a person's own name, and their password if they know the present one; that ends
    /// their other sign-ins.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn update(
        &self,
        person: &ConsolePrincipal,
        name: Option<&str>,
        password: Option<(Secret, Secret)>,
        device: &Device,
    ) -> Result<User, SignInError> {
        let name = name.map(Name::parse).transpose()?.map(Name::into_text);
        let user = self.user(person.user_id).await?;
        let password = match password {
            None => None,
            Some((current, new)) => {
                let kept = user.password.as_ref();
                if !self.passwords.verify(current, kept).await? {
                    return Err(SignInError::InvalidCredentials);
                }
                Some(self.hash(&user, name.as_deref(), new).await?)
            }
        };
        let patch = UserPatch { name, password };
        let by = self.changed_by(caller_of(&user, device));
        let keep = Some(person.session_id);
        let changed = self.store.update_user(user.id, patch, keep, by);
        changed.await.map_err(missing("User"))
    }

    /// What is kept of a new password, judged by the highest role that the person has.
    async fn hash(
        &self,
        user: &User,
        name: Option<&str>,
        password: Secret,
    ) -> Result<PasswordRecord, SignInError> {
        let organizations = self.store.list_organizations_of(user.id).await?;
        let roles = organizations.iter().map(|organization| organization.role);
        let role = roles.max().unwrap_or(Role::Viewer);
        let names = vec![
            user.email.as_str().to_owned(),
            name.unwrap_or(&user.name).to_owned(),
        ];
        Ok(self.passwords.hash(password, role, names).await?)
    }

    /// Makes a link that lets its holder choose this person's password, in the place of the one
    /// that there was.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn make_link(&self, user: &User) -> Result<PlainToken, SignInError> {
        let token = PlainToken::mint(&*self.random);
        let by = self.changed_by(self.caller.clone());
        let now = by.at;
        let lives = match user.password {
            None => SETUP_MS,
            Some(_) => RESET_MS,
        };
        let link = PasswordLink {
            user_id: user.id,
            hash: token.hash(),
            created_at: now,
            expires_at: now.plus_millis(lives),
        };
        self.store.replace_password_link(link, by).await?;
        Ok(token)
    }

    /// Uses such a link: sets the password and the name. Whoever was signed in is not any more.
    ///
    /// # Errors
    /// See [`SignInError`]; [`SignInError::NotFound`] for a link that is unknown, used or expired.
    pub async fn use_link(
        &self,
        token: &str,
        password: Secret,
        name: Option<&str>,
        device: &Device,
    ) -> Result<User, SignInError> {
        let missing_link = SignInError::NotFound("Link");
        let token = PlainToken::parse(token).ok_or(missing_link)?;
        let now = self.clock.now();
        let found = self.store.unscoped_find_password_link(token.hash(), now);
        let user = found.await?.ok_or(SignInError::NotFound("Link"))?;
        let name = name.map(Name::parse).transpose()?.map(Name::into_text);
        let password = self.hash(&user, name.as_deref(), password).await?;
        let patch = UserPatch {
            name,
            password: Some(password),
        };
        let by = self.changed_by(caller_of(&user, device));
        let used = self.store.use_password_link(token.hash(), patch, by);
        used.await.map_err(missing("Link"))
    }

    /// The owner of an organization; whoever has this address becomes it if there is none.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn ensure_owner(
        &self,
        organization_id: OrganizationId,
        email: Email,
    ) -> Result<User, SignInError> {
        let new = User {
            id: UserId::generate(&*self.random),
            name: email.as_str().chars().take(100).collect(),
            email,
            password: None,
            status: UserStatus::Active,
            created_at: self.clock.now(),
        };
        let by = self.changed_by(self.caller.clone());
        Ok(self.store.ensure_owner(organization_id, new, by).await?)
    }

    /// The person who signs in with this address.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn find(&self, email: &str) -> Result<Option<User>, SignInError> {
        match Email::parse(email) {
            Ok(email) => Ok(self.store.unscoped_find_user_by_email(email).await?),
            Err(_) => Ok(None),
        }
    }

    /// Whether a person has a link that works.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn has_link(&self, user: &User) -> Result<bool, SignInError> {
        let now = self.clock.now();
        Ok(self.store.has_password_link(user.id, now).await?)
    }

    /// The sign-ins of a person that work, latest first.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn list(&self, user: UserId) -> Result<Vec<ConsoleSession>, SignInError> {
        let now = self.clock.now();
        let idle_since = now.plus_millis(-IDLE_MS);
        let listed = self.store.list_console_sessions(user, now, idle_since);
        Ok(listed.await?)
    }

    /// Ends a sign-in of a person: their own, which is signing out, or another.
    ///
    /// # Errors
    /// [`SignInError::NotFound`], [`SignInError::Store`].
    pub async fn end(
        &self,
        person: &ConsolePrincipal,
        id: ConsoleSessionId,
        device: &Device,
    ) -> Result<(), SignInError> {
        let ending = if id == person.session_id {
            SessionEnding::SignOut
        } else {
            SessionEnding::FromElsewhere
        };
        let by = self.changed_by(Caller {
            actor: Actor::User {
                id: person.user_id,
                email: person.email.clone(),
            },
            ip: device.peer,
        });
        let user = person.user_id;
        let ended = self.store.delete_console_session(user, id, ending, by);
        ended.await.map_err(missing("Session"))
    }

    /// Forgets sign-ins that have ended by themselves.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn forget_dead(&self) -> Result<u64, SignInError> {
        let now = self.clock.now();
        let idle_since = now.plus_millis(-IDLE_MS);
        let forgotten = self.store.delete_dead_console_sessions(now, idle_since);
        Ok(forgotten.await?)
    }

    pub(crate) async fn user(&self, id: UserId) -> Result<User, SignInError> {
        let found = self.store.find_user(id).await?;
        found.ok_or(SignInError::NotFound("User"))
    }
}

/// Somebody who acts for themselves, maybe before they have signed in.
pub(crate) fn caller_of(user: &User, device: &Device) -> Caller {
    Caller {
        actor: Actor::User {
            id: user.id,
            email: user.email.to_string(),
        },
        ip: device.peer,
    }
}

/// Names what a missing row was.
pub(crate) fn missing(what: &'static str) -> impl FnOnce(store::Error) -> SignInError {
    move |error| {
        if matches!(error, store::Error::NotFound) {
            SignInError::NotFound(what)
        } else {
            SignInError::Store(error)
        }
    }
}
