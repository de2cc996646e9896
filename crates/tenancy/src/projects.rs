//! Projects, and the organization that a first start makes.

use model::{KeyClass, Name, OrganizationId, ProjectId};
use store::{Bootstrap, ClosedProject, Organization, Project, ProjectPatch, TenantStatus};

use crate::{AdminError, KeyAdmin, MintedKey, NewKey};

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

impl KeyAdmin {
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
                limits: None,
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
            by: self.changed_by(),
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
        self.store
            .insert_project(project.clone(), self.changed_by())
            .await?;
        Ok(project)
    }

    /// The projects of an organization, by name.
    ///
    /// # Errors
    /// [`AdminError::Store`].
    pub async fn list_projects(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Vec<Project>, AdminError> {
        Ok(self.store.list_projects(organization_id).await?)
    }

    /// A project.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Store`].
    pub async fn get_project(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
    ) -> Result<Project, AdminError> {
        let found = self.store.find_project(organization_id, id).await?;
        found.ok_or(AdminError::NotFound)
    }

    /// Closes a project for ever: none of its credentials works from the answer on. What is left of
    /// it is the tasks' to delete.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::DefaultProject`], [`AdminError::Store`].
    pub async fn close_project(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
    ) -> Result<ClosedProject, AdminError> {
        let by = self.changed_by();
        let closed = self.store.close_project(organization_id, id, by).await;
        closed.map_err(|error| {
            if matches!(error, store::Error::Conflict) {
                AdminError::DefaultProject
            } else {
                error.into()
            }
        })
    }

    /// Renames a project.
    ///
    /// # Errors
    /// [`AdminError::InvalidName`], [`AdminError::NameTaken`], [`AdminError::NotFound`],
    /// [`AdminError::Store`].
    pub async fn rename_project(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
        name: &str,
    ) -> Result<Project, AdminError> {
        let patch = ProjectPatch {
            name: Some(Name::parse(name)?.into_text()),
            ..ProjectPatch::default()
        };
        Ok(self
            .store
            .update_project(organization_id, id, patch, self.changed_by())
            .await?)
    }
}
