//! What a person is in an organization.

use crate::{OrganizationId, ProjectId};

/// What a member may do, from the least to the most. Who may do something may do it in every
/// higher role: a table row names the least role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks on, in the projects that they were given.
    Viewer,
    /// Works, in the projects that they were given.
    Member,
    /// Runs the organization.
    Admin,
    /// Runs the organization and decides who does.
    Owner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Member, Self::Admin, Self::Owner];

    /// The wire and database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether whoever has it sees every project, whatever they were given.
    pub fn sees_every_project(self) -> bool {
        match self {
            Self::Viewer | Self::Member => false,
            Self::Admin | Self::Owner => true,
        }
    }
}

/// Which projects of an organization somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectAccess {
    /// All, also those that are made later.
    All,
    /// These.
    Only(Vec<ProjectId>),
}

impl ProjectAccess {
    /// Whether a project is among them.
    pub fn holds(&self, project: ProjectId) -> bool {
        match self {
            Self::All => true,
            Self::Only(projects) => projects.contains(&project),
        }
    }
}

/// That a person belongs to an organization, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub organization_id: OrganizationId,
    /// As what.
    pub role: Role,
    /// Which projects they were given.
    pub projects: ProjectAccess,
}

impl Membership {
    /// Whether they may see a project.
    pub fn holds(&self, project: ProjectId) -> bool {
        self.role.sees_every_project() || self.projects.holds(project)
    }
}
