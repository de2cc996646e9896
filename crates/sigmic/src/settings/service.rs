//! The sign-in services of others.

use auth::OidcConfig;
use model::Role;
use vault::Secret;

use super::SettingsError;
use super::raw::RawOidc;
use super::resolve::meaning;

/// One service, as it is meant.
pub(super) fn resolve(raw: RawOidc) -> Result<OidcConfig, SettingsError> {
    let id = raw.id;
    let role = |(group, name): (String, String)| match Role::parse(&name) {
        Some(role) => Ok((group, role)),
        None => Err(meaning(format!(
            "`oidc.group_roles` of {id:?}: the role of {group:?} must be `viewer`, `member` or `admin`"
        ))),
    };
    let group_roles = raw.group_roles.into_iter().map(role);
    let config = OidcConfig {
        group_roles: group_roles.collect::<Result<_, _>>()?,
        name: raw.name,
        issuer: raw.issuer,
        client_id: raw.client_id,
        client_secret: Secret::new(raw.client_secret),
        allowed_domains: raw.allowed_domains,
        id,
    };
    match config.check() {
        Ok(()) => Ok(config),
        Err(error) => Err(meaning(format!("`oidc` {:?}: {error}", config.id))),
    }
}
