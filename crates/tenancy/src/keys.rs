//! Making and changing projects and API keys.

use std::sync::Arc;

use auth::{KeyHasher, PlainKey};
use ipnet::IpNet;
use model::{
    ApiKeyId, Caller, Clock, InvalidName, KeyClass, Name, OrganizationId, ProjectId, Random, Rate,
    Scope, Timestamp,
};
use store::{ApiKey, ApiKeyPatch, ChangedBy, KeyCaller, KeyStatus, NewApiKey, Store};

/// Networks that a key is bound to, at most.
const MAX_CIDRS: usize = 100;

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A name is empty, longer than 100 characters, or has control characters.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// A network is not in CIDR notation.
    #[error("not a network in CIDR notation: {0}")]
    InvalidCidr(String),
    /// More networks than this.
    #[error("a key has at most {0} networks")]
    TooManyCidrs(usize),
    /// A scope does not fit the class of the key, or there is none.
    #[error("a project key holds tasks scopes only, a management key any others")]
    InvalidScope,
    /// A project key without a project, or a management key with one.
    #[error("a project key needs a project, a management key has none")]
    InvalidProject,
    /// The default project stays.
    #[error("the default project cannot be deleted")]
    DefaultProject,
    /// There is no such project or key in the organization, or the key was revoked.
    #[error("not found")]
    NotFound,
    /// The organization has a project of that name.
    #[error("a project of that name exists")]
    NameTaken,
    /// The key has a successor already.
    #[error("the key was replaced by another one already")]
    Replaced,
    /// The database failed.
    #[error("change keys")]
    Store(#[source] store::Error),
}

impl From<store::Error> for AdminError {
    fn from(error: store::Error) -> Self {
        if matches!(error, store::Error::NotFound) {
            return Self::NotFound;
        }
        if matches!(&error, store::Error::Duplicate { constraint } if constraint == "projects_name")
        {
            return Self::NameTaken;
        }
        Self::Store(error)
    }
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose tenant it belongs to.
    pub organization_id: OrganizationId,
    /// The project of a `project` key.
    pub project_id: Option<ProjectId>,
    /// What kind of key.
    pub class: KeyClass,
    /// What it is called.
    pub name: String,
    /// What it may do; `None`: everything that its class may.
    pub scopes: Option<Vec<Scope>>,
    /// The networks it may come from, in CIDR notation; empty: any.
    pub cidrs: Vec<String>,
    /// Requests a minute, if it gets a limit of its own.
    pub limits: Option<Rate>,
    /// From when on it does not work.
    pub expires_at: Option<Timestamp>,
    /// The name of the user who makes it.
    pub created_by: String,
}

/// A key that was made: its record, and the key itself, to be shown this once.
#[derive(Debug, Clone)]
pub struct MintedKey {
    /// Its record.
    pub record: ApiKey,
    /// The key.
    pub key: PlainKey,
}

/// What changes of a key: `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// What it is called.
    pub name: Option<String>,
    /// Whether it works.
    pub status: Option<KeyStatus>,
    /// From when on it does not work; `Some(None)`: never.
    pub expires_at: Option<Option<Timestamp>>,
    /// Requests a minute; `Some(None)`: no limit of its own.
    pub limits: Option<Option<Rate>>,
}

/// A key in the place of another.
#[derive(Debug, Clone)]
pub struct RotatedKey {
    /// The new one.
    pub minted: MintedKey,
    /// Until when the old one works.
    pub overlap_until: Timestamp,
    /// From where the old one was used, latest first.
    pub callers: Vec<KeyCaller>,
}

/// Makes and changes projects and keys, as the operator or [`by`](Self::by) somebody else. Checks
/// what is asked for, not who asks.
#[derive(Debug, Clone)]
pub struct KeyAdmin {
    pub(crate) store: Store,
    pub(crate) hasher: KeyHasher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    caller: Caller,
}

impl KeyAdmin {
    /// Works on this store, as the operator.
    pub fn new(
        store: Store,
        hasher: KeyHasher,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            store,
            hasher,
            clock,
            random,
            caller: Caller::OPERATOR,
        }
    }

    /// The same for somebody else, as the audit log is to name them.
    #[must_use]
    pub fn by(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }

    /// Who makes a change now.
    pub(crate) fn changed_by(&self) -> ChangedBy {
        ChangedBy {
            caller: self.caller.clone(),
            at: self.clock.now(),
        }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn create_key(&self, new: NewKey) -> Result<MintedKey, AdminError> {
        if let Some(project_id) = new.project_id {
            let project = self.store.find_project(new.organization_id, project_id);
            project.await?.ok_or(AdminError::NotFound)?;
        }
        let (key, new) = self.mint(new)?;
        let record = new.key.clone();
        self.store.insert_api_key(new, self.changed_by()).await?;
        Ok(MintedKey { record, key })
    }

    /// A key and what is kept of it, not kept yet.
    pub(crate) fn mint(&self, new: NewKey) -> Result<(PlainKey, NewApiKey), AdminError> {
        if (new.class == KeyClass::Project) != new.project_id.is_some() {
            return Err(AdminError::InvalidProject);
        }
        let key = PlainKey::mint(&*self.random);
        let id = ApiKeyId::generate(&*self.random);
        let record = ApiKey {
            id,
            organization_id: new.organization_id,
            project_id: new.project_id,
            prefix: key.prefix().to_owned(),
            class: new.class,
            name: Name::parse(&new.name)?.into_text(),
            scopes: checked_scopes(new.class, new.scopes)?,
            cidrs: checked_cidrs(new.cidrs)?,
            limits: new.limits,
            metadata: None,
            status: KeyStatus::Active,
            created_by: Name::parse(&new.created_by)?.into_text(),
            created_at: self.clock.now(),
            expires_at: new.expires_at,
            parent: None,
            lineage: id,
            rotated_from: None,
            overlap_until: None,
            last_used_at: None,
            last_used_ip: None,
            revoked_at: None,
            revoke_reason: None,
        };
        let hash = self.hasher.hash(&key);
        Ok((key, NewApiKey { key: record, hash }))
    }

    /// The keys of an organization (of one project if given), oldest first.
    ///
    /// # Errors
    /// [`AdminError::Store`].
    pub async fn list_keys(
        &self,
        organization_id: OrganizationId,
        project_id: Option<ProjectId>,
    ) -> Result<Vec<ApiKey>, AdminError> {
        let keys = self.store.list_api_keys(organization_id, project_id).await;
        Ok(keys?)
    }

    /// Makes a key stop working until it is enabled again.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Store`].
    pub async fn disable_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
    ) -> Result<(), AdminError> {
        self.set_status(organization_id, id, KeyStatus::Disabled)
            .await
    }

    /// Makes a disabled key work again.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], also when it was revoked; [`AdminError::Store`].
    pub async fn enable_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
    ) -> Result<(), AdminError> {
        self.set_status(organization_id, id, KeyStatus::Active)
            .await
    }

    async fn set_status(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
        status: KeyStatus,
    ) -> Result<(), AdminError> {
        let patch = ApiKeyPatch {
            status: Some(status),
            ..ApiKeyPatch::default()
        };
        let done = self
            .store
            .update_api_key(organization_id, id, patch, self.changed_by());
        done.await?;
        Ok(())
    }

    /// A key.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Store`].
    pub async fn get_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
    ) -> Result<ApiKey, AdminError> {
        let found = self.store.find_api_key(organization_id, id).await?;
        found.ok_or(AdminError::NotFound)
    }

    /// Changes a key that was not revoked; the next request with it sees that.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn update_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
        change: KeyChange,
    ) -> Result<ApiKey, AdminError> {
        let name = change.name.as_deref().map(Name::parse).transpose()?;
        let patch = ApiKeyPatch {
            name: name.map(Name::into_text),
            status: change.status,
            expires_at: change.expires_at,
            limits: change.limits,
        };
        let changed = self
            .store
            .update_api_key(organization_id, id, patch, self.changed_by());
        Ok(changed.await?)
    }

    /// Makes a key of the same name, class and rights in the place of another, which works for
    /// `grace_ms` more at most, or until it is revoked.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], also when it was revoked; [`AdminError::Replaced`];
    /// [`AdminError::Store`].
    pub async fn rotate_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
        grace_ms: i64,
        created_by: &str,
    ) -> Result<RotatedKey, AdminError> {
        let old = self.get_key(organization_id, id).await?;
        let (key, new) = self.mint(NewKey {
            organization_id,
            project_id: old.project_id,
            class: old.class,
            name: old.name,
            scopes: Some(old.scopes),
            cidrs: old.cidrs,
            limits: old.limits,
            expires_at: old.expires_at,
            created_by: created_by.to_owned(),
        })?;
        let overlap_until = self.clock.now().plus_millis(grace_ms.max(0));
        let callers = self.store.list_key_callers(organization_id, id).await?;
        let record = self
            .store
            .rotate_api_key(id, new, overlap_until, self.changed_by())
            .await;
        let record = record.map_err(|error| {
            if matches!(error, store::Error::Conflict) {
                AdminError::Replaced
            } else {
                error.into()
            }
        })?;
        Ok(RotatedKey {
            minted: MintedKey { record, key },
            overlap_until,
            callers,
        })
    }

    /// From where a key was used, latest first, 20 addresses at most.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Store`].
    pub async fn key_callers(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Vec<KeyCaller>, AdminError> {
        self.get_key(organization_id, id).await?;
        Ok(self.store.list_key_callers(organization_id, id).await?)
    }

    /// Makes a key stop working for ever.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Store`].
    pub async fn revoke_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
        reason: Option<String>,
    ) -> Result<(), AdminError> {
        let done = self
            .store
            .revoke_api_key(organization_id, id, reason, self.changed_by());
        Ok(done.await?)
    }
}

fn checked_scopes(class: KeyClass, wanted: Option<Vec<Scope>>) -> Result<Vec<Scope>, AdminError> {
    let fits = |scope: &Scope| match class {
        KeyClass::Project => Scope::TASKS.contains(scope),
        KeyClass::Management => !Scope::TASKS.contains(scope),
    };
    match wanted {
        None => Ok(Scope::ALL.into_iter().filter(fits).collect()),
        Some(scopes) if !scopes.is_empty() && scopes.iter().all(fits) => {
            // Each once, in one order.
            let wanted = Scope::ALL.into_iter();
            Ok(wanted.filter(|scope| scopes.contains(scope)).collect())
        }
        Some(_) => Err(AdminError::InvalidScope),
    }
}

fn checked_cidrs(cidrs: Vec<String>) -> Result<Vec<String>, AdminError> {
    // They are read and compared at every request of the key.
    if cidrs.len() > MAX_CIDRS {
        return Err(AdminError::TooManyCidrs(MAX_CIDRS));
    }
    for cidr in &cidrs {
        if cidr.parse::<IpNet>().is_err() {
            return Err(AdminError::InvalidCidr(cidr.chars().take(50).collect()));
        }
    }
    Ok(cidrs)
}
