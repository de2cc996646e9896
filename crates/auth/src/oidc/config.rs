//! The sign-in services that the operator has set up.

use std::net::IpAddr;

use model::Role;
use url::Url;
use vault::Secret;

/// Characters of a service's id at most.
const MAX_ID_CHARS: usize = 32;

/// One service.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// Its name in paths.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its issuer identifier, exactly as it writes it itself.
    pub issuer: String,
    /// What this server is called there.
    pub client_id: String,
    /// How this server shows that it is that.
    pub client_secret: Secret,
    /// Hosts of the addresses that may sign in; empty: all.
    pub allowed_domains: Vec<String>,
    /// What members of a group there become here; the group `*` is everybody.
    pub group_roles: Vec<(String, Role)>,
}

/// Why a service cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcConfigError {
    /// The id cannot stand in a path.
    #[error("`id` is 1 to 32 lower-case letters, digits and hyphens")]
    Id,
    /// Two have one id.
    #[error("two services have the id `{0}`")]
    Twice(String),
    /// Something is missing.
    #[error("`{0}` is required")]
    Missing(&'static str),
    /// The issuer is not to be trusted.
    #[error(
        "`issuer` is an https URL without credentials, query and fragment (http on this machine only)"
    )]
    Issuer,
    /// Owners are made by owners.
    #[error("`group_roles` makes viewers, members and admins; owners are made by owners")]
    Owner,
}

impl OidcConfig {
    /// Checks it.
    ///
    /// # Errors
    /// See [`OidcConfigError`].
    pub fn check(&self) -> Result<(), OidcConfigError> {
        let of_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || self.id.len() > MAX_ID_CHARS || !self.id.chars().all(of_id) {
            return Err(OidcConfigError::Id);
        }
        let required = [
            ("name", self.name.as_str()),
            ("client_id", self.client_id.as_str()),
            ("client_secret", self.client_secret.expose_secret()),
        ];
        if let Some((name, _)) = required.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(OidcConfigError::Missing(name));
        }
        if !is_issuer(&self.issuer) {
            return Err(OidcConfigError::Issuer);
        }
        let roles = self.group_roles.iter();
        match roles.map(|(_, role)| *role).any(|role| role == Role::Owner) {
            true => Err(OidcConfigError::Owner),
            false => Ok(()),
        }
    }

    /// Whether an address may sign in: its host is one that is allowed, itself.
    pub(super) fn allows(&self, email: &model::Email) -> bool {
        let host = email.as_str().split_once('@').map(|(_, host)| host);
        let allowed = |domain: &String| Some(domain.trim().to_lowercase().as_str()) == host;
        self.allowed_domains.is_empty() || self.allowed_domains.iter().any(allowed)
    }

    /// The highest role that these groups have.
    pub(super) fn role_of(&self, groups: &[String]) -> Option<Role> {
        let counts = |group: &String| group == "*" || groups.contains(group);
        let roles = self.group_roles.iter();
        roles
            .filter(|(group, _)| counts(group))
            .map(|(_, role)| *role)
            .max()
    }
}

fn is_issuer(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let plain = url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
        plain && nobody && safe && url.has_host()
    })
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse();
        host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> OidcConfig {
        OidcConfig {
            id: "work".to_owned(),
            name: "Work".to_owned(),
            issuer: "https://id.example.com/realms/work".to_owned(),
            client_id: "sigmic".to_owned(),
            client_secret: Secret::new("s".to_owned()),
            allowed_domains: vec!["Example.com".to_owned()],
            group_roles: vec![
                ("*".to_owned(), Role::Viewer),
                ("ops".to_owned(), Role::Admin),
            ],
        }
    }

    #[test]
    fn what_cannot_be_a_service_is_told() {
        assert_eq!(config().check(), Ok(()));
        for id in ["", "Work", "a/b", "a.b", &"a".repeat(33)] {
            let id = id.to_owned();
            assert_eq!(
                OidcConfig { id, ..config() }.check(),
                Err(OidcConfigError::Id)
            );
        }
        for issuer in [
            "id.example.com",
            "http://id.example.com",
            "https://u:p@id.example.com",
            "https://id.example.com/?a=b",
            "https://id.example.com/#f",
            "ftp://localhost",
        ] {
            let issuer = issuer.to_owned();
            let refused = OidcConfig { issuer, ..config() }.check();
            assert_eq!(refused, Err(OidcConfigError::Issuer));
        }
        let issuer = "http://127.0.0.1:4000".to_owned();
        assert_eq!(OidcConfig { issuer, ..config() }.check(), Ok(()));
        let group_roles = vec![("root".to_owned(), Role::Owner)];
        let refused = OidcConfig {
            group_roles,
            ..config()
        };
        assert_eq!(refused.check(), Err(OidcConfigError::Owner));
    }

    #[test]
    fn a_host_is_compared_as_a_whole_and_the_highest_role_counts() {
        let email = |text: &str| model::Email::parse(text).unwrap();
        assert!(config().allows(&email("ana@EXAMPLE.com")));
        for other in [
            "ana@evil-example.com",
            "ana@a.example.com",
            "ana@example.com.evil",
        ] {
            assert!(!config().allows(&email(other)), "{other}");
        }
        assert_eq!(config().role_of(&[]), Some(Role::Viewer));
        let groups = ["x".to_owned(), "ops".to_owned()];
        assert_eq!(config().role_of(&groups), Some(Role::Admin));
        let group_roles = Vec::new();
        let none = OidcConfig {
            group_roles,
            ..config()
        };
        assert_eq!(none.role_of(&groups), None);
    }
}
