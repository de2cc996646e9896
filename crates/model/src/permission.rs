//! Whether a caller may. One pure table; services take its proof.

use crate::{KeyClass, OrganizationId, Principal, ProjectId, Scope, TaskScope, Whose};

/// What a caller wants to do, as far as it needs no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Create a task, post a follow-up, cancel.
    WriteTasks,
    /// Get, list, stream, read history.
    ReadTasks,
    /// Decide about a waiting tool call.
    ApproveToolCalls,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::WriteTasks, Self::ReadTasks, Self::ApproveToolCalls];

    fn scope(self) -> Scope {
        match self {
            Self::WriteTasks => Scope::TasksWrite,
            Self::ReadTasks => Scope::TasksRead,
            Self::ApproveToolCalls => Scope::TasksApprove,
        }
    }
}

/// Proof that a caller may do an action, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    principal: Principal,
    action: Action,
    scope: TaskScope,
}

impl Permit {
    /// Who may.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What.
    pub fn action(&self) -> Action {
        self.action
    }

    /// On which tasks.
    pub fn scope(&self) -> &TaskScope {
        &self.scope
    }

    /// Whose organization.
    pub fn organization_id(&self) -> OrganizationId {
        self.scope.organization_id
    }

    /// In which project.
    pub fn project_id(&self) -> ProjectId {
        self.scope.project_id
    }
}

/// The caller is known and may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential does not allow this")]
pub struct Forbidden;

/// Whether `principal` may do `action`.
///
/// # Errors
/// [`Forbidden`] when it may not.
pub fn authorize(principal: &Principal, action: Action) -> Result<Permit, Forbidden> {
    let scope = match principal {
        Principal::ApiKey(key) => match (key.class, key.project_id) {
            (KeyClass::Project, Some(project_id)) if key.scopes.contains(&action.scope()) => {
                TaskScope {
                    organization_id: key.organization_id,
                    project_id,
                    whose: Whose::Anybody,
                }
            }
            (KeyClass::Project, _) | (KeyClass::Management, _) => return Err(Forbidden),
        },
        Principal::EndUser(user) => match action {
            // Everything there is to do with tasks, on their own.
            Action::WriteTasks | Action::ReadTasks | Action::ApproveToolCalls => TaskScope {
                organization_id: user.organization_id,
                project_id: user.project_id,
                whose: Whose::EndUser(user.end_user_id),
            },
        },
    };
    Ok(Permit {
        principal: principal.clone(),
        action,
        scope,
    })
}
