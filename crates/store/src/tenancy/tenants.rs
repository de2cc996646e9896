//! Organizations and projects.

use model::{OrganizationId, ProjectId, Timestamp};

use super::facts::of_project;
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{FromCell, Row, Value, name_values, params};
use crate::{Error, Signal, Store, dialect};

/// Whether an organization or a project is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantStatus {
    /// It is.
    Active,
    /// Its credentials are refused.
    Disabled,
    /// It is closed for ever, and goes piece by piece.
    Deleted,
}

impl TenantStatus {
    /// The database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Deleted]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

name_values!(TenantStatus);

/// Owns projects, is charged for usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// The name of the user who owns it.
    pub owner_name: String,
    /// Whether it is the one that this instance began with.
    pub is_default: bool,
    /// Whether it is in use.
    pub status: TenantStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An isolated configuration environment inside an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Its name, unique in the organization.
    pub name: String,
    /// Whether it is the one that the organization began with.
    pub is_default: bool,
    /// Whether it is in use.
    pub status: TenantStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What changes of a project: `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectPatch {
    /// Its name.
    pub name: Option<String>,
    /// Whether it is in use.
    pub status: Option<TenantStatus>,
}

impl Store {
    /// Makes an organization.
    ///
    /// # Errors
    /// [`Error::Duplicate`] `organizations_default` for a second default; [`Error::Unavailable`].
    pub async fn insert_organization(&self, organization: Organization) -> Result<(), Error> {
        self.write("insert_organization", organization, |tx, organization| {
            Box::pin(insert_organization(tx, organization))
        })
        .await
    }

    /// The organization that this instance began with.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_default_organization(&self) -> Result<Option<Organization>, Error> {
        self.read("find_default_organization", Read::Point, (), |tx, ()| {
            Box::pin(find_default_organization(tx))
        })
        .await
    }

    /// Renames an organization.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn rename_organization(
        &self,
        id: OrganizationId,
        name: String,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (id, name, by);
        self.write("rename_organization", input, |tx, (id, name, by)| {
            Box::pin(rename_organization(tx, *id, name, by))
        })
        .await
    }

    /// Makes a project.
    ///
    /// # Errors
    /// [`Error::Duplicate`] `projects_name` for its name, `projects_default` for a second
    /// default; [`Error::Unavailable`].
    pub async fn insert_project(&self, project: Project, by: ChangedBy) -> Result<(), Error> {
        self.write("insert_project", (project, by), |tx, (project, by)| {
            Box::pin(async move {
                let done = insert_project(tx, project).await?;
                record(tx, Some(project.organization_id), by, &done).await
            })
        })
        .await
    }

    /// A project of an organization.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_project(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
    ) -> Result<Option<Project>, Error> {
        self.read(
            "find_project",
            Read::Point,
            (organization_id, id),
            |tx, (organization, id)| Box::pin(find_project(tx, *organization, *id)),
        )
        .await
    }

    /// Changes a project. One that is disabled refuses its credentials from the answer on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Duplicate`] `projects_name`; [`Error::Unavailable`].
    pub async fn update_project(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
        patch: ProjectPatch,
        by: ChangedBy,
    ) -> Result<Project, Error> {
        self.write(
            "update_project",
            (organization_id, id, patch, by),
            |tx, (organization, id, patch, by)| {
                Box::pin(update_project(tx, *organization, *id, patch, by))
            },
        )
        .await
    }

    /// The projects of an organization, by name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_projects(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Vec<Project>, Error> {
        self.read(
            "list_projects",
            Read::Bulk,
            organization_id,
            |tx, organization| Box::pin(list_projects(tx, *organization)),
        )
        .await
    }
}

pub(super) async fn insert_organization(
    tx: &mut Tx,
    organization: &Organization,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO organizations (id, name, owner_name, is_default, status, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            organization.id,
            &organization.name,
            &organization.owner_name,
            organization.is_default,
            organization.status,
            organization.created_at,
        ],
    )
    .await
    .map(drop)
}

async fn rename_organization(
    tx: &mut Tx,
    id: OrganizationId,
    name: &String,
    by: &ChangedBy,
) -> Result<(), Error> {
    let sql = "UPDATE organizations SET name = $2 WHERE id = $1";
    if tx.execute(sql, params![id, name]).await? == 0 {
        return Err(Error::NotFound);
    }
    let after = serde_json::json!({"name": name});
    let done = Done::made(AuditAction::OrganizationUpdate, id, after);
    record(tx, Some(id), by, &done).await
}

pub(super) async fn find_default_organization(tx: &mut Tx) -> Result<Option<Organization>, Error> {
    let row = tx
        .query_opt(
            "SELECT id, name, owner_name, is_default, status, created_at FROM organizations
             WHERE is_default = 1",
            &[],
        )
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(Organization {
        id: row.next("organizations.id")?,
        name: row.next("organizations.name")?,
        owner_name: row.next("organizations.owner_name")?,
        is_default: row.next("organizations.is_default")?,
        status: row.next("organizations.status")?,
        created_at: row.next("organizations.created_at")?,
    }))
}

/// Makes a project; says what that was.
pub(super) async fn insert_project(tx: &mut Tx, project: &Project) -> Result<Done, Error> {
    tx.execute(
        "INSERT INTO projects (id, organization_id, name, is_default, status, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            project.id,
            project.organization_id,
            &project.name,
            project.is_default,
            project.status,
            project.created_at,
        ],
    )
    .await?;
    // A new project has never been served: its first run is the next to be claimed.
    tx.execute(
        "INSERT INTO project_turns (project_id, turn) VALUES ($1, 0)",
        params![project.id],
    )
    .await?;
    let action = AuditAction::ProjectCreate;
    Ok(Done::made(action, project.id, of_project(project)))
}

fn read_project(mut row: Row) -> Result<Project, Error> {
    Ok(Project {
        id: row.next("projects.id")?,
        organization_id: row.next("projects.organization_id")?,
        name: row.next("projects.name")?,
        is_default: row.next("projects.is_default")?,
        status: row.next("projects.status")?,
        created_at: row.next("projects.created_at")?,
    })
}

pub(super) async fn find_project(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ProjectId,
) -> Result<Option<Project>, Error> {
    let row = tx
        .query_opt(
            "SELECT id, organization_id, name, is_default, status, created_at FROM projects
             WHERE organization_id = $1 AND id = $2 AND status <> 'deleted'",
            params![organization_id, id],
        )
        .await?;
    row.map(read_project).transpose()
}

async fn update_project(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ProjectId,
    patch: &ProjectPatch,
    by: &ChangedBy,
) -> Result<Project, Error> {
    let lock = tx.pick(&dialect::LOCK_PROJECT);
    tx.query_opt(lock, params![id]).await?;
    let found = find_project(tx, organization_id, id).await?;
    let old = found.ok_or(Error::NotFound)?;
    let before = of_project(&old);
    let project = Project {
        name: patch.name.clone().unwrap_or(old.name),
        status: patch.status.unwrap_or(old.status),
        ..old
    };
    tx.execute(
        "UPDATE projects SET name = $2, status = $3 WHERE id = $1",
        params![project.id, &project.name, project.status],
    )
    .await?;
    let action = AuditAction::ProjectUpdate;
    let done = Done::changed(action, project.id, before, of_project(&project));
    record(tx, Some(organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok(project)
}

pub(super) async fn list_projects(
    tx: &mut Tx,
    organization_id: OrganizationId,
) -> Result<Vec<Project>, Error> {
    let rows = tx
        .query(
            "SELECT id, organization_id, name, is_default, status, created_at FROM projects
             WHERE organization_id = $1 AND status <> 'deleted' ORDER BY name, id",
            params![organization_id],
        )
        .await?;
    rows.into_iter().map(read_project).collect()
}
