//! Whether a caller may. One pure table; services take its proof.

use crate::{
    ConsolePrincipal, KeyClass, Membership, OrganizationId, Principal, ProjectId, Role, Scope,
    TaskScope, Whose,
};

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

    /// The least role that may.
    pub fn least_role(self) -> Role {
        match self {
            Self::ReadTasks => Role::Viewer,
            Self::WriteTasks | Self::ApproveToolCalls => Role::Member,
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

/// That a caller may do an action, and what is left to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// In the one place that the credential is for.
    Here(Permit),
    /// In the projects that the caller may see: which one, the request says.
    InProjects(ProjectsGrant),
}

/// That a person may do an action in their projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectsGrant {
    person: ConsolePrincipal,
    membership: Membership,
    action: Action,
}

impl ProjectsGrant {
    /// Of which organization.
    pub fn organization_id(&self) -> OrganizationId {
        self.membership.organization_id
    }

    /// The permit for a project of the organization; `None`: they may not know of it.
    pub fn of(self, project_id: ProjectId) -> Option<Permit> {
        let scope = TaskScope {
            organization_id: self.membership.organization_id,
            project_id,
            whose: Whose::Anybody,
        };
        self.membership.holds(project_id).then_some(Permit {
            principal: Principal::Console(self.person),
            action: self.action,
            scope,
        })
    }
}

/// Whether `principal` may do `action`.
///
/// # Errors
/// [`Forbidden`] when it may not.
pub fn authorize(principal: &Principal, action: Action) -> Result<Grant, Forbidden> {
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
        Principal::Console(person) => {
            let membership = person.membership.clone().ok_or(Forbidden)?;
            if membership.role < action.least_role() {
                return Err(Forbidden);
            }
            return Ok(Grant::InProjects(ProjectsGrant {
                person: person.clone(),
                membership,
                action,
            }));
        }
    };
    Ok(Grant::Here(Permit {
        principal: principal.clone(),
        action,
        scope,
    }))
}
