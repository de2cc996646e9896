//! Who is asking.

use crate::{
    ApiKeyId, ConsoleSessionId, EndUserId, Membership, OrganizationId, ProjectId, UserId,
    WidgetAppId, WidgetSessionId,
};

/// Who is asking, after authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A program with an API key.
    ApiKey(ApiKeyPrincipal),
    /// A person in a customer's own page, with a token that the customer's backend got for them.
    EndUser(EndUserPrincipal),
    /// A person who has signed in to the console.
    Console(ConsolePrincipal),
}

/// A program with an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyPrincipal {
    /// The key's record.
    pub key_id: ApiKeyId,
    /// The first key of its rotation chain (itself if it never was rotated).
    pub lineage: ApiKeyId,
    /// Whose tenant it belongs to.
    pub organization_id: OrganizationId,
    /// The project of a `project` key; `None` for `management`.
    pub project_id: Option<ProjectId>,
    /// What kind of key.
    pub class: KeyClass,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Name of the user who owns it.
    pub username: String,
}

/// An end user of a widget app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndUserPrincipal {
    /// The exchange that made the token.
    pub session_id: WidgetSessionId,
    /// Who.
    pub end_user_id: EndUserId,
    /// The app.
    pub app_id: WidgetAppId,
    /// Whose tenant the app belongs to.
    pub organization_id: OrganizationId,
    /// The app's project.
    pub project_id: ProjectId,
    /// What the customer calls the user (`endUserId`).
    pub name: String,
}

/// A person who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsolePrincipal {
    /// The sign-in.
    pub session_id: ConsoleSessionId,
    /// Who.
    pub user_id: UserId,
    /// What they sign in with: the name that what they make is made by.
    pub email: String,
    /// The organization that the sign-in speaks for, and what they are there; `None`: they belong
    /// to none, or not any more to the one it spoke for.
    pub membership: Option<Membership>,
}

/// What an API key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyClass {
    /// Runs tasks of one project.
    Project,
    /// Changes settings of an organization; runs no tasks.
    Management,
}

impl KeyClass {
    /// The wire and database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Management => "management",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Project, Self::Management]
            .into_iter()
            .find(|class| class.as_str() == name)
    }
}

/// One thing an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// See tasks, their streams and files.
    TasksRead,
    /// Create, continue and cancel tasks.
    TasksWrite,
    /// Decide about waiting tool calls.
    TasksApprove,
    /// See a project's settings.
    ProjectRead,
    /// Change a project's settings.
    ProjectWrite,
    /// List API keys.
    KeysRead,
    /// Create, change and revoke API keys.
    KeysManage,
    /// Invite and remove members.
    MembersManage,
    /// Create projects.
    ProjectsManage,
    /// Create, change and delete widget apps.
    AppsManage,
    /// List widget apps.
    AppsRead,
    /// Read the audit log.
    AuditRead,
    /// Read usage.
    UsageRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 13] = [
        Self::TasksRead,
        Self::TasksWrite,
        Self::TasksApprove,
        Self::ProjectRead,
        Self::ProjectWrite,
        Self::KeysRead,
        Self::KeysManage,
        Self::MembersManage,
        Self::ProjectsManage,
        Self::AppsManage,
        Self::AppsRead,
        Self::AuditRead,
        Self::UsageRead,
    ];

    /// What a key of class `project` gets.
    pub const TASKS: [Self; 3] = [Self::TasksRead, Self::TasksWrite, Self::TasksApprove];

    /// The wire and database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TasksRead => "tasks:read",
            Self::TasksWrite => "tasks:write",
            Self::TasksApprove => "tasks:approve",
            Self::ProjectRead => "project:read",
            Self::ProjectWrite => "project:write",
            Self::KeysRead => "keys:read",
            Self::KeysManage => "keys:manage",
            Self::MembersManage => "members:manage",
            Self::ProjectsManage => "projects:manage",
            Self::AppsManage => "apps:manage",
            Self::AppsRead => "apps:read",
            Self::AuditRead => "audit:read",
            Self::UsageRead => "usage:read",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// The tasks a caller may reach: every query about tasks takes one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskScope {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The project.
    pub project_id: ProjectId,
    /// Whose tasks of the project.
    pub whose: Whose,
}

/// Which tasks of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All of them.
    Anybody,
    /// Those that this end user created.
    EndUser(EndUserId),
}
