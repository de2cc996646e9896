//! From a credential to a principal. Everything that can change (status, expiry, the tenant's
//! state) is read from the database each time: there is no cache that could outlive a revocation.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use model::{ApiKeyPrincipal, Clock, KeyClass, Principal, Rate, Timestamp};
use store::{ApiKeyCheck, KeyStatus, Store, TenantStatus};

use crate::last_used::LastUsed;
use crate::verify::TokenCheck;
use crate::{Credential, CredentialError, KeyHasher, OriginRules, PlainKey, SigningKeys};

/// Why nobody is known to be asking. Unknown, expired, disabled and revoked keys are one answer;
/// only the log of the operator tells them apart.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No credential in the headers, or a cookie that does not work (any more).
    #[error("authentication required")]
    Required,
    /// Ambiguous, of a foreign scheme, or of an unknown shape.
    #[error("the authorization header is ambiguous or of an unknown format")]
    InvalidFormat,
    /// A key that is malformed or does not work.
    #[error("invalid API key")]
    InvalidApiKey,
    /// A token that is malformed or does not work. Of one that this server made, the pages that
    /// may see the refusal.
    #[error("invalid token")]
    InvalidToken(Option<Box<OriginRules>>),
    /// A token, and this server signs none.
    #[error("the server has no token signing configured")]
    JwtNotConfigured,
    /// The database did not answer: nothing is known about the credential.
    #[error("look up a credential")]
    Unavailable(#[from] store::Error),
}

impl From<CredentialError> for AuthError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::InvalidFormat => Self::InvalidFormat,
            CredentialError::InvalidApiKey => Self::InvalidApiKey,
        }
    }
}

/// Who is asking, and for how long that holds if nothing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who.
    pub principal: Principal,
    /// From when on the credential does not work.
    pub valid_until: Option<Timestamp>,
    /// The pages that may use it; a key may be used from anywhere.
    pub origins: Option<OriginRules>,
    /// How often the key may be used, where it has a limit of its own.
    pub rate: Option<Rate>,
}

/// Checks credentials. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator {
    pub(crate) store: Store,
    hasher: KeyHasher,
    pub(crate) clock: Arc<dyn Clock>,
    last_used: Arc<LastUsed>,
    /// Absent: tokens are refused.
    tokens: Option<Arc<TokenCheck>>,
}

impl Authenticator {
    /// Checks credentials against this store; without keys every token is refused.
    pub fn new(
        store: Store,
        hasher: KeyHasher,
        keys: Option<Arc<SigningKeys>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let tokens = keys.map(|keys| {
            let check = TokenCheck::new(store.clone(), keys, Arc::clone(&clock));
            Arc::new(check)
        });
        Self {
            tokens,
            store,
            hasher,
            clock,
            last_used: Arc::default(),
        }
    }

    /// Who presents this credential from this address, and notes that it was used.
    ///
    /// # Errors
    /// See [`AuthError`]. At most one read of the database.
    pub async fn authenticate(
        &self,
        credential: &Credential,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, AuthError> {
        if let Credential::Session(token) = credential {
            let signed_in = self.check_session(token).await?;
            self.note_session(&signed_in, peer).await?;
            return Ok(signed_in.authenticated);
        }
        let checked = self.check(credential, peer).await?;
        match &checked.principal {
            Principal::ApiKey(key) => self.last_used.note(key.key_id, self.clock.now(), peer),
            Principal::EndUser(_) | Principal::Console(_) => {}
        }
        Ok(checked)
    }

    /// The same without noting a use: for an open stream whose credential may have been revoked.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub async fn check(
        &self,
        credential: &Credential,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, AuthError> {
        match credential {
            Credential::ApiKey(key) => self.check_key(key, peer).await,
            Credential::Token(token) => match &self.tokens {
                Some(tokens) => tokens.check(token).await,
                None => Err(AuthError::JwtNotConfigured),
            },
            Credential::Session(token) => Ok(self.check_session(token).await?.authenticated),
        }
    }

    async fn check_key(
        &self,
        key: &PlainKey,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, AuthError> {
        let hash = self.hasher.hash_bytes(key);
        let row = self.store.unscoped_find_api_key_by_hash(&hash).await?;
        let row = row.ok_or(AuthError::InvalidApiKey)?;
        let refusal = refusal(&row, self.hasher.algorithm(), self.clock.now(), peer);
        if let Some(refusal) = refusal {
            tracing::debug!(key = ?row.id, ?refusal, "an API key was refused");
            return Err(AuthError::InvalidApiKey);
        }
        let valid_until = [row.expires_at, row.overlap_until].into_iter().flatten();
        Ok(Authenticated {
            valid_until: valid_until.min(),
            origins: None,
            rate: row.limits,
            principal: Principal::ApiKey(ApiKeyPrincipal {
                key_id: row.id,
                lineage: row.lineage,
                organization_id: row.organization_id,
                project_id: row.project_id,
                class: row.class,
                scopes: row.scopes,
                username: row.username,
            }),
        })
    }

    /// Writes when keys were last used, to be called at least every 60 seconds and at the end.
    /// Says how many pairs of a key and an address that were.
    ///
    /// # Errors
    /// The database failed; what was noted is lost, and the next uses are noted again.
    pub async fn flush_last_used(&self) -> Result<usize, store::Error> {
        self.last_used.flush(&self.store).await
    }
}

/// Why a key that exists does not work, for the operator's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Disabled,
    Revoked,
    Expired,
    Replaced,
    HashedOtherwise,
    OrganizationDisabled,
    ProjectDisabled,
    Address,
}

fn refusal(
    key: &ApiKeyCheck,
    algorithm: &str,
    now: Timestamp,
    peer: Option<IpAddr>,
) -> Option<Refusal> {
    match key.status {
        KeyStatus::Active => {}
        KeyStatus::Disabled => return Some(Refusal::Disabled),
        KeyStatus::Revoked => return Some(Refusal::Revoked),
    }
    let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
    let project = match key.class {
        KeyClass::Project => key.project_status,
        // It has none.
        KeyClass::Management => Some(TenantStatus::Active),
    };
    let checks = [
        (key.hash_algorithm != algorithm, Refusal::HashedOtherwise),
        (over(key.expires_at), Refusal::Expired),
        (over(key.overlap_until), Refusal::Replaced),
        (
            key.organization_status != TenantStatus::Active,
            Refusal::OrganizationDisabled,
        ),
        (
            project != Some(TenantStatus::Active),
            Refusal::ProjectDisabled,
        ),
        (!may_come_from(&key.cidrs, peer), Refusal::Address),
    ];
    checks
        .into_iter()
        .find_map(|(refused, why)| refused.then_some(why))
}

/// Whether an address is in one of the networks; no networks: any address is. An unknown address
/// and a network that cannot be read are refused.
fn may_come_from(networks: &[String], peer: Option<IpAddr>) -> bool {
    let inside = |network: &String| {
        let network: Result<IpNet, _> = network.parse();
        let peer = peer.map(|peer| peer.to_canonical());
        network.is_ok_and(|network| peer.is_some_and(|peer| network.contains(&peer)))
    };
    networks.is_empty() || networks.iter().any(inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn networks_hold_addresses_of_both_families() {
        let networks = |list: &[&str]| -> Vec<String> {
            list.iter().map(|network| (*network).to_owned()).collect()
        };
        let peer = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let lan = networks(&["10.0.0.0/8", "2001:db8::/32"]);
        assert!(may_come_from(&lan, peer("10.1.2.3")));
        assert!(may_come_from(&lan, peer("::ffff:10.1.2.3")), "mapped");
        assert!(may_come_from(&lan, peer("2001:db8::1")));
        assert!(!may_come_from(&lan, peer("11.0.0.1")));
        assert!(!may_come_from(&lan, peer("2001:db9::1")));
        assert!(!may_come_from(&lan, None), "unknown");
        assert!(!may_come_from(&networks(&["nonsense"]), peer("10.0.0.1")));
        assert!(may_come_from(&[], None));
    }

    /// The leading bits of an address, computed in another way.
    fn leading(address: IpAddr, bits: u8) -> (bool, String) {
        let text = match address {
            IpAddr::V4(address) => format!("{:032b}", u32::from(address)),
            IpAddr::V6(address) => format!("{:0128b}", u128::from(address)),
        };
        (address.is_ipv4(), text[..usize::from(bits)].to_owned())
    }

    proptest! {
        #[test]
        fn a_network_holds_the_addresses_that_begin_as_it_does(
            network in any::<IpAddr>(),
            flipped in 0_u8..128,
            bits in 0_u8..=128,
            stranger in any::<IpAddr>(),
        ) {
            let near = match network {
                IpAddr::V4(address) => IpAddr::from((u32::from(address) ^ 1 << (flipped % 32)).to_be_bytes()),
                IpAddr::V6(address) => IpAddr::from((u128::from(address) ^ 1 << flipped).to_be_bytes()),
            };
            let bits = if network.is_ipv4() { bits % 33 } else { bits };
            let written = vec![format!("{network}/{bits}")];
            prop_assert!(may_come_from(&written, Some(network)) || network != network.to_canonical());
            for peer in [near, stranger].map(|peer| peer.to_canonical()) {
                let inside = peer.is_ipv4() == network.is_ipv4()
                    && leading(peer, bits.min(if peer.is_ipv4() { 32 } else { 128 })) == leading(network, bits);
                prop_assert_eq!(may_come_from(&written, Some(peer)), inside, "{:?} {}", written, peer);
            }
        }

        #[test]
        fn what_is_no_network_lets_nobody_in(text in "[0-9a-f:./]{0,20}|\\PC{0,20}", peer in any::<IpAddr>()) {
            if text.parse::<IpNet>().is_err() {
                prop_assert!(!may_come_from(&[text], Some(peer)));
            }
        }
    }
}
