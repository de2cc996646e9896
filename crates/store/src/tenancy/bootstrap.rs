//! What a first start makes, in one command that may be repeated.

use super::facts::{of_key, of_organization};
use super::key_rows::{key_columns, read_key};
use super::keys;
use super::tenants::{
    find_default_organization, insert_organization, insert_project, list_projects,
};
use super::{ApiKey, NewApiKey, Organization, Project};
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store};

/// The first organization, its default project, and a key for each purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// Made unless there is a first organization.
    pub organization: Organization,
    /// Made unless that organization has a default project.
    pub project: Project,
    /// Made in any case, in the place of the key of the same class and name: what tells that
    /// one's tasks stays. Organization, project, lineage and predecessor are set by the store.
    pub keys: Vec<NewApiKey>,
    /// Who makes them, and when.
    pub by: ChangedBy,
}

/// What there is after a [`Bootstrap`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrapped {
    /// The first organization.
    pub organization: Organization,
    /// Its default project.
    pub project: Project,
    /// The new keys.
    pub keys: Vec<ApiKey>,
}

impl Store {
    /// Makes what is missing of the first organization and its default project, and replaces the
    /// given keys.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a project of the default one's name exists and is not the
    /// default; [`Error::Unavailable`].
    pub async fn bootstrap(&self, bootstrap: Bootstrap) -> Result<Bootstrapped, Error> {
        self.write("bootstrap", bootstrap, |tx, bootstrap| {
            Box::pin(run(tx, bootstrap))
        })
        .await
    }
}

async fn run(tx: &mut Tx, bootstrap: &Bootstrap) -> Result<Bootstrapped, Error> {
    let mut done = Vec::new();
    let organization = match find_default_organization(tx).await? {
        Some(organization) => organization,
        None => {
            let organization = Organization {
                is_default: true,
                ..bootstrap.organization.clone()
            };
            insert_organization(tx, &organization).await?;
            let facts = of_organization(&organization);
            let action = AuditAction::OrganizationCreate;
            done.push(Done::made(action, organization.id, facts));
            organization
        }
    };
    let project = default_project(tx, &organization, &bootstrap.project, &mut done).await?;
    let mut keys = Vec::with_capacity(bootstrap.keys.len());
    for new in &bootstrap.keys {
        let mut new = new.clone();
        new.key.organization_id = organization.id;
        new.key.project_id = match new.key.class {
            model::KeyClass::Project => Some(project.id),
            model::KeyClass::Management => None,
        };
        replace(tx, &mut new.key, &bootstrap.by, &mut done).await?;
        keys::insert(tx, &new).await?;
        let action = AuditAction::ApiKeyCreate;
        done.push(Done::made(action, new.key.id, of_key(&new.key)));
        keys.push(new.key);
    }
    // Last: see the audit log's module.
    for done in &done {
        record(tx, Some(organization.id), &bootstrap.by, done).await?;
    }
    Ok(Bootstrapped {
        organization,
        project,
        keys,
    })
}

async fn default_project(
    tx: &mut Tx,
    organization: &Organization,
    wanted: &Project,
    done: &mut Vec<Done>,
) -> Result<Project, Error> {
    let projects = list_projects(tx, organization.id).await?;
    if let Some(project) = projects.into_iter().find(|project| project.is_default) {
        return Ok(project);
    }
    let project = Project {
        organization_id: organization.id,
        is_default: true,
        ..wanted.clone()
    };
    done.push(insert_project(tx, &project).await?);
    Ok(project)
}

/// Revokes the key in whose place `key` comes and makes `key` its successor.
async fn replace(
    tx: &mut Tx,
    key: &mut ApiKey,
    by: &ChangedBy,
    done: &mut Vec<Done>,
) -> Result<(), Error> {
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                key_columns!(),
                " FROM api_keys
                  WHERE organization_id = $1 AND class = $2 AND name = $3 AND status <> 'revoked'
                  ORDER BY created_at, id"
            ),
            params![key.organization_id, key.class, &key.name],
        )
        .await?;
    key.lineage = key.id;
    key.rotated_from = None;
    for row in rows {
        let old = read_key(row)?;
        if old.project_id != key.project_id {
            continue;
        }
        let reason = Some("replaced");
        done.push(keys::revoke(tx, old.organization_id, old.id, by.at, reason).await?);
        key.lineage = old.lineage;
        key.rotated_from = Some(old.id);
    }
    Ok(())
}
