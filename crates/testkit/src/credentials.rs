//! Everything about credentials that a test server has.

use std::sync::Arc;

use auth::{
    Authenticator, KeyHasher, Passwords, SignIns, SigningKeys, TokenExchange, second_factor_vault,
};
use model::{Clock, Random};
use store::Store;
use tenancy::{AuditLog, KeyAdmin, People, Widgets};
use vault::Vault;

/// Whether a server signs tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    On,
    Off,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) authenticator: Authenticator,
    pub(crate) exchange: TokenExchange,
    pub(crate) sign_ins: SignIns,
    pub(crate) people: People,
    pub(crate) signing: Option<Arc<SigningKeys>>,
    pub(crate) admin: KeyAdmin,
    pub(crate) widgets: Widgets,
    pub(crate) audit: AuditLog,
}

impl Credentials {
    pub(crate) async fn new(
        store: &Store,
        vault: &Arc<Vault>,
        clock: &Arc<dyn Clock>,
        random: &Arc<dyn Random>,
        signing: Signing,
    ) -> Self {
        let hasher = KeyHasher::load(store, vault, &**clock, &**random)
            .await
            .expect("the hash key");
        let signing = match signing {
            Signing::Off => None,
            Signing::On => {
                let loaded = SigningKeys::load(
                    store.clone(),
                    Arc::clone(vault),
                    Arc::clone(clock),
                    Arc::clone(random),
                );
                Some(Arc::new(loaded.await.expect("the signing keys")))
            }
        };
        let passwords = Passwords::load(store, vault, &**clock, random).await;
        let passwords = passwords.expect("the pepper");
        let factors = second_factor_vault(store, vault, &**clock, &**random).await;
        let factors = factors.expect("the key of second factors");
        Self {
            people: People::new(
                store.clone(),
                passwords.clone(),
                Arc::clone(clock),
                Arc::clone(random),
            ),
            sign_ins: SignIns::new(
                store.clone(),
                factors,
                passwords,
                Arc::clone(clock),
                Arc::clone(random),
            ),
            authenticator: Authenticator::new(
                store.clone(),
                hasher.clone(),
                signing.clone(),
                Arc::clone(clock),
            ),
            exchange: TokenExchange::new(
                store.clone(),
                hasher.clone(),
                signing.clone(),
                Arc::clone(clock),
                Arc::clone(random),
            ),
            admin: KeyAdmin::new(
                store.clone(),
                hasher.clone(),
                Arc::clone(clock),
                Arc::clone(random),
            ),
            audit: AuditLog::new(store.clone()),
            widgets: Widgets::new(store.clone(), hasher, Arc::clone(clock), Arc::clone(random)),
            signing,
        }
    }
}
