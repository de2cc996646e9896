//! Making and changing projects and keys, for the operator's commands.

use std::sync::Arc;

use auth::{KeyHasher, PlainKey};
use ipnet::IpNet;
use model::{
    ApiKeyId, Clock, InvalidName, KeyClass, Name, OrganizationId, ProjectId, Random, Scope,
    Timestamp,
};
use store::{ApiKey, Bootstrap, KeyStatus, NewApiKey, Organization, Project, Store, TenantStatus};

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A name is empty, longer than 100 characters, or has control characters.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// A network is not in CIDR notation.
    #[error("not a network in CIDR notation: {0}")]
    InvalidCidr(String),
    /// A scope does not fit the class of the key, or there is none.
    #[error("a project key holds tasks scopes only, a management key any others")]
    InvalidScope,
    /// A project key without a project, or a management key with one.
    #[error("a project key needs a project, a management key has none")]
    InvalidProject,
    /// There is no such project or key in the organization, or the key was revoked.
    #[error("not found")]
    NotFound,
    /// The organization has a project of that name.
    #[error("a project of that name exists")]
    NameTaken,
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

/// What there is after [`KeyAdmin::bootstrap`].
#[derive(Debug, Clone)]
pub struct BootstrapOutcome {
    /// The first organization.
    pub organization: Organization,
    /// Its default project.
    pub project: Project,
    /// The new keys, in the order they were asked for.
    pub keys: Vec<MintedKey>,
}

/// Makes and changes projects and keys. Checks what is asked for, not who asks.
#[derive(Debug, Clone)]
pub struct KeyAdmin {
    store: Store,
    hasher: KeyHasher,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl KeyAdmin {
    /// Works on this store.
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
        }
    }

    /// Makes what is missing of the first organization (owned by `owner`) and its default project,
    /// and makes these keys anew, each in the place of the one of its class and name. Safe to
    /// repeat; the keys it replaces stop working.
    ///
    /// # Errors
    /// [`AdminError::InvalidName`], [`AdminError::Store`].
    pub async fn bootstrap(
        &self,
        owner: &str,
        keys: &[(KeyClass, &str)],
    ) -> Result<BootstrapOutcome, AdminError> {
        let now = self.clock.now();
        let organization = Organization {
            id: OrganizationId::generate(&*self.random),
            name: "Default".to_owned(),
            owner_name: Name::parse(owner)?.into_text(),
            is_default: true,
            status: TenantStatus::Active,
            created_at: now,
        };
        let project = self.new_project(organization.id, "Default")?;
        let mut minted = Vec::with_capacity(keys.len());
        for (class, name) in keys {
            minted.push(self.mint(NewKey {
                organization_id: organization.id,
                project_id: (*class == KeyClass::Project).then_some(project.id),
                class: *class,
                name: (*name).to_owned(),
                scopes: None,
                cidrs: vec![],
                expires_at: None,
                created_by: owner.to_owned(),
            })?);
        }
        let made = self.store.bootstrap(Bootstrap {
            organization,
            project: Project {
                is_default: true,
                ..project
            },
            keys: minted.iter().map(|(_, new)| new.clone()).collect(),
            at: now,
        });
        let made = made.await?;
        let keys = minted.into_iter().zip(made.keys);
        Ok(BootstrapOutcome {
            organization: made.organization,
            project: made.project,
            keys: keys
                .map(|((key, _), record)| MintedKey { record, key })
                .collect(),
        })
    }

    fn new_project(
        &self,
        organization_id: OrganizationId,
        name: &str,
    ) -> Result<Project, AdminError> {
        Ok(Project {
            id: ProjectId::generate(&*self.random),
            organization_id,
            name: Name::parse(name)?.into_text(),
            is_default: false,
            status: TenantStatus::Active,
            created_at: self.clock.now(),
        })
    }

    /// Makes a project.
    ///
    /// # Errors
    /// [`AdminError::InvalidName`], [`AdminError::NameTaken`], [`AdminError::Store`].
    pub async fn create_project(
        &self,
        organization_id: OrganizationId,
        name: &str,
    ) -> Result<Project, AdminError> {
        let project = self.new_project(organization_id, name)?;
        self.store.insert_project(project.clone()).await?;
        Ok(project)
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
        self.store.insert_api_key(new).await?;
        Ok(MintedKey { record, key })
    }

    /// A key and what is kept of it, not kept yet.
    fn mint(&self, new: NewKey) -> Result<(PlainKey, NewApiKey), AdminError> {
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
            limits: None,
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
        let status = KeyStatus::Disabled;
        let done = self.store.set_api_key_status(organization_id, id, status);
        Ok(done.await?)
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
        let status = KeyStatus::Active;
        let done = self.store.set_api_key_status(organization_id, id, status);
        Ok(done.await?)
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
        let now = self.clock.now();
        let done = self.store.revoke_api_key(organization_id, id, now, reason);
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
        Some(scopes) if !scopes.is_empty() && scopes.iter().all(fits) => Ok(scopes),
        Some(_) => Err(AdminError::InvalidScope),
    }
}

fn checked_cidrs(cidrs: Vec<String>) -> Result<Vec<String>, AdminError> {
    for cidr in &cidrs {
        if cidr.parse::<IpNet>().is_err() {
            return Err(AdminError::InvalidCidr(cidr.clone()));
        }
    }
    Ok(cidrs)
}
