//! Organizations, projects, API keys, widget apps with their end users and tokens, people with their
//! memberships and sign-ins, and the secrets of the instance itself.

mod bootstrap;
mod console_sessions;
mod data_keys;
mod deletion;
mod end_users;
mod facts;
mod identities;
mod instance;
mod invites;
mod key_rows;
mod keys;
mod members;
mod people;
mod people_log;
mod second_factors;
mod signing;
mod tenants;
mod widget_rows;
mod widgets;

pub use bootstrap::{Bootstrap, Bootstrapped};
#[cfg(test)]
pub(crate) use console_sessions::FIND_CONSOLE_SESSION;
pub use console_sessions::{ConsoleSession, ConsoleSessionCheck, NewConsoleSession, SessionEnding};
pub use data_keys::{NewMasterKey, Resealed, WrappedKey};
pub use deletion::ClosedProject;
#[cfg(test)]
pub(crate) use end_users::FIND_SESSION;
pub use end_users::{EndUser, EndUserVariables, NewWidgetSession, SessionsOf};
pub use identities::{Identified, Identity};
pub use instance::InstanceSecret;
pub use invites::{Invite, NewOrganization, Newcomer};
pub use key_rows::{
    ApiKey, ApiKeyCheck, ApiKeyPatch, KeyCaller, KeyHash, KeyStatus, KeyUse, NewApiKey,
};
#[cfg(test)]
pub(crate) use keys::FIND_BY_HASH;
pub use members::{Member, MemberPatch, NewMembership, OwnOrganization};
pub use people::{PasswordLink, PasswordRecord, User, UserPatch, UserStatus};
pub use second_factors::{CodeProof, HalfSignIn, SecondFactor};
pub use signing::{SigningKeyChange, SigningKeyRow, SigningKeyState};
pub use tenants::{Organization, Project, ProjectPatch, TenantStatus};
pub use widget_rows::{
    EndUserStatus, WidgetApp, WidgetAppPatch, WidgetAppSecret, WidgetSession, WidgetSessionCheck,
};
pub use widgets::{NewWidgetApp, WidgetAppCheck, WidgetAppScope};
