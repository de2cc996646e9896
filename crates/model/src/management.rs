//! Whether a caller may see or change the settings of an organization. The same kind of table as
//! that of tasks: pure, and services take its proof.

use std::net::IpAddr;

use crate::{
    Actor, ApiKeyId, ApiKeyPrincipal, Caller, Forbidden, KeyClass, OrganizationId, Principal, Scope,
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
}

impl Setting {
    /// Everything there is.
    pub const ALL: [Self; 8] = [
        Self::SeeProjects,
        Self::CreateProjects,
        Self::ChangeProjects,
        Self::SeeKeys,
        Self::ChangeKeys,
        Self::SeeApps,
        Self::ChangeApps,
        Self::ReadAudit,
    ];

    /// The scopes of which a key of class `management` needs one.
    fn scopes(self) -> &'static [Scope] {
        match self {
            Self::SeeProjects => &[
                Scope::ProjectRead,
                Scope::ProjectWrite,
                Scope::ProjectsManage,
            ],
            Self::CreateProjects => &[Scope::ProjectsManage],
            Self::ChangeProjects => &[Scope::ProjectWrite, Scope::ProjectsManage],
            Self::SeeKeys => &[Scope::KeysRead, Scope::KeysManage],
            Self::ChangeKeys => &[Scope::KeysManage],
            Self::SeeApps => &[Scope::AppsRead, Scope::AppsManage],
            Self::ChangeApps => &[Scope::AppsManage],
            Self::ReadAudit => &[Scope::AuditRead],
        }
    }
}

/// Proof that a caller may see or change a setting, and of which organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingPermit {
    key: ApiKeyPrincipal,
    ip: Option<IpAddr>,
}

impl SettingPermit {
    /// Whose organization.
    pub fn organization_id(&self) -> OrganizationId {
        self.key.organization_id
    }

    /// The key that the caller has.
    pub fn key_id(&self) -> ApiKeyId {
        self.key.key_id
    }

    /// The name that what is made is made by.
    pub fn username(&self) -> &str {
        &self.key.username
    }

    /// The same, asked for from this address.
    #[must_use]
    pub fn from_address(self, ip: Option<IpAddr>) -> Self {
        Self { ip, ..self }
    }

    /// Who changes what the permit is for, as the audit log names them.
    pub fn caller(&self) -> Caller {
        Caller {
            actor: Actor::ApiKey {
                id: self.key.key_id,
                username: self.key.username.clone(),
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
    match principal {
        Principal::ApiKey(key) => match key.class {
            KeyClass::Management if may(key, setting) => Ok(SettingPermit {
                key: key.clone(),
                ip: None,
            }),
            KeyClass::Management | KeyClass::Project => Err(Forbidden),
        },
        Principal::EndUser(_) => Err(Forbidden),
    }
}

fn may(key: &ApiKeyPrincipal, setting: Setting) -> bool {
    setting
        .scopes()
        .iter()
        .any(|scope| key.scopes.contains(scope))
}
