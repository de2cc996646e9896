//! Whether a caller may see or change the settings of an organization. The same kind of table as
//! that of tasks: pure, and services take its proof.

use std::net::IpAddr;

use crate::{
    Actor, ApiKeyId, ApiKeyPrincipal, Caller, ConsolePrincipal, Forbidden, KeyClass, Membership,
    OrganizationId, Principal, ProjectAccess, ProjectId, Role, Scope,
};

/// What a caller wants to see or change of an organization's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// See the projects.
    SeeProjects,
    /// Create projects.
    CreateProjects,
    /// Change a project.
    ChangeProjects,
    /// Delete projects with everything in them.
    DeleteProjects,
    /// See API keys: their beginning, their last use.
    SeeKeys,
    /// Create, change, rotate and revoke API keys.
    ChangeKeys,
    /// See widget apps and the tokens that are out there.
    SeeApps,
    /// Create and change widget apps, cut off tokens and end users.
    ChangeApps,
    /// Read and export the audit log.
    ReadAudit,
    /// See API keys of class `management`.
    SeeManagementKeys,
    /// Create, change, rotate and revoke API keys of class `management`.
    ChangeManagementKeys,
    /// See the organization and its members.
    SeeMembers,
    /// Rename the organization.
    ChangeOrganization,
    /// Invite and remove members and viewers, change their roles and their projects.
    ChangeMembers,
    /// Make and unmake admins.
    ChangeAdmins,
    /// Make and unmake owners.
    ChangeOwners,
    /// See usage, its caps and prices.
    SeeUsage,
    /// Change the monthly caps.
    ChangeLimits,
    /// Change the prices.
    ChangePrices,
}

impl Setting {
    /// Everything there is.
    pub const ALL: [Self; 19] = [
        Self::SeeProjects,
        Self::CreateProjects,
        Self::ChangeProjects,
        Self::DeleteProjects,
        Self::SeeKeys,
        Self::ChangeKeys,
        Self::SeeApps,
        Self::ChangeApps,
        Self::ReadAudit,
        Self::SeeManagementKeys,
        Self::ChangeManagementKeys,
        Self::SeeMembers,
        Self::ChangeOrganization,
        Self::ChangeMembers,
        Self::ChangeAdmins,
        Self::ChangeOwners,
        Self::SeeUsage,
        Self::ChangeLimits,
        Self::ChangePrices,
    ];

    /// The least role that may. Members and viewers: in the projects that they were given.
    pub fn least_role(self) -> Role {
        match self {
            Self::SeeProjects | Self::SeeApps | Self::SeeMembers | Self::SeeUsage => Role::Viewer,
            Self::SeeKeys | Self::ChangeKeys | Self::ChangeApps => Role::Member,
            Self::CreateProjects
            | Self::ChangeProjects
            | Self::DeleteProjects
            | Self::SeeManagementKeys
            | Self::ChangeManagementKeys
            | Self::ChangeOrganization
            | Self::ReadAudit
            | Self::ChangeMembers
            | Self::ChangeAdmins => Role::Admin,
            Self::ChangeOwners | Self::ChangeLimits | Self::ChangePrices => Role::Owner,
        }
    }

    /// The scopes of which a key of class `management` needs one; none: no key may.
    fn scopes(self) -> &'static [Scope] {
        match self {
            Self::SeeProjects => &[
                Scope::ProjectRead,
                Scope::ProjectWrite,
                Scope::ProjectsManage,
            ],
            Self::CreateProjects => &[Scope::ProjectsManage],
            Self::ChangeProjects => &[Scope::ProjectWrite, Scope::ProjectsManage],
            Self::SeeKeys | Self::SeeManagementKeys => &[Scope::KeysRead, Scope::KeysManage],
            Self::ChangeKeys | Self::ChangeManagementKeys => &[Scope::KeysManage],
            Self::SeeApps => &[Scope::AppsRead, Scope::AppsManage],
            Self::ChangeApps => &[Scope::AppsManage],
            Self::ReadAudit => &[Scope::AuditRead],
            Self::SeeUsage => &[Scope::UsageRead],
            Self::ChangeMembers => &[Scope::MembersManage],
            // Caps and prices are not for programs: who holds a key must not raise what it may cost.
            Self::SeeMembers
            | Self::ChangeOrganization
            | Self::DeleteProjects
            | Self::ChangeAdmins
            | Self::ChangeOwners
            | Self::ChangeLimits
            | Self::ChangePrices => &[],
        }
    }
}

/// Proof that a caller may see or change a setting, and of which organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingPermit {
    by: By,
    ip: Option<IpAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    Key(ApiKeyPrincipal),
    Person(ConsolePrincipal, Membership),
}

impl SettingPermit {
    /// Whose organization.
    pub fn organization_id(&self) -> OrganizationId {
        match &self.by {
            By::Key(key) => key.organization_id,
            By::Person(_, membership) => membership.organization_id,
        }
    }

    /// Whether the caller may know of a project of the organization.
    pub fn holds(&self, project: ProjectId) -> bool {
        match &self.by {
            By::Key(_) => true,
            By::Person(_, membership) => membership.holds(project),
        }
    }

    /// The projects that the caller may know of.
    pub fn projects(&self) -> &ProjectAccess {
        match &self.by {
            By::Key(_) => &ProjectAccess::All,
            By::Person(_, membership) if membership.role.sees_every_project() => {
                &ProjectAccess::All
            }
            By::Person(_, membership) => &membership.projects,
        }
    }

    /// The key that the caller has; `None`: they are a person.
    pub fn key_id(&self) -> Option<ApiKeyId> {
        match &self.by {
            By::Key(key) => Some(key.key_id),
            By::Person(_, _) => None,
        }
    }

    /// The name that what is made is made by.
    pub fn username(&self) -> &str {
        match &self.by {
            By::Key(key) => &key.username,
            By::Person(person, _) => &person.email,
        }
    }

    /// Whether the same caller may see or change another setting too.
    pub fn may(&self, setting: Setting) -> bool {
        match &self.by {
            By::Key(key) => key_may(key, setting),
            By::Person(_, membership) => membership.role >= setting.least_role(),
        }
    }

    /// The same, asked for from this address.
    #[must_use]
    pub fn from_address(self, ip: Option<IpAddr>) -> Self {
        Self { ip, ..self }
    }

    /// Who changes what the permit is for, as the audit log names them.
    pub fn caller(&self) -> Caller {
        Caller {
            actor: match &self.by {
                By::Key(key) => Actor::ApiKey {
                    id: key.key_id,
                    username: key.username.clone(),
                },
                By::Person(person, _) => Actor::User {
                    id: person.user_id,
                    email: person.email.clone(),
                },
            },
            ip: self.ip,
        }
    }
}

/// Whether `principal` may see or change `setting`.
///
/// # Errors
/// [`Forbidden`] when it may not.
pub fn authorize_setting(
    principal: &Principal,
    setting: Setting,
) -> Result<SettingPermit, Forbidden> {
    let by = match principal {
        Principal::ApiKey(key) => match key.class {
            KeyClass::Management => By::Key(key.clone()),
            KeyClass::Project => return Err(Forbidden),
        },
        Principal::EndUser(_) => return Err(Forbidden),
        Principal::Console(person) => {
            let membership = person.membership.clone().ok_or(Forbidden)?;
            By::Person(person.clone(), membership)
        }
    };
    let permit = SettingPermit { by, ip: None };
    if permit.may(setting) {
        Ok(permit)
    } else {
        Err(Forbidden)
    }
}

fn key_may(key: &ApiKeyPrincipal, setting: Setting) -> bool {
    setting
        .scopes()
        .iter()
        .any(|scope| key.scopes.contains(scope))
}
