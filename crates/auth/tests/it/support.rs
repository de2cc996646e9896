//! A store with a tenant, and a clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use auth::{AuthError, Authenticator, Credential, KeyHasher, SigningKeys, TokenExchange};
use model::{Clock, KeyClass, OsRandom, Principal, Timestamp};
use store::{OpenMode, Store, StoreConfig};
use tenancy::{BootstrapOutcome, KeyAdmin, MintedKey, NewKey};
use vault::{MasterKey, Vault};

#[derive(Debug)]
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) hasher: KeyHasher,
    pub(crate) signing: Arc<SigningKeys>,
    pub(crate) exchange: TokenExchange,
    pub(crate) admin: KeyAdmin,
    pub(crate) authenticator: Authenticator,
    pub(crate) first: BootstrapOutcome,
    _directory: tempfile::TempDir,
}

impl Fixture {
    /// The operator, now.
    pub(crate) fn by(&self) -> store::ChangedBy {
        store::ChangedBy {
            caller: model::Caller::OPERATOR,
            at: self.clock.now(),
        }
    }

    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::Sqlite {
            directory: directory.path().to_owned(),
            mode: OpenMode::Serve,
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        let vault = Arc::new(Vault::new(&MasterKey::from_bytes([1; 32])));
        let clock = Arc::new(FakeClock(AtomicI64::new(1_000)));
        let hasher = KeyHasher::load(&store, &vault, &*clock, &OsRandom).await;
        let hasher = hasher.unwrap();
        let admin = KeyAdmin::new(
            store.clone(),
            hasher.clone(),
            clock.clone(),
            Arc::new(OsRandom),
        );
        let signing = signing_keys(&store, &vault, &clock).await;
        let keys = Some(Arc::clone(&signing));
        let authenticator =
            Authenticator::new(store.clone(), hasher.clone(), keys.clone(), clock.clone());
        let exchange = TokenExchange::new(
            store.clone(),
            hasher.clone(),
            keys,
            clock.clone(),
            Arc::new(OsRandom),
        );
        let keys = [(KeyClass::Project, "bootstrap")];
        let first = admin.bootstrap("ana", &keys).await.unwrap();
        Self {
            store,
            vault,
            clock,
            hasher,
            signing,
            exchange,
            admin,
            authenticator,
            first,
            _directory: directory,
        }
    }

    /// A key as the operator asks for it.
    pub(crate) fn wanted(&self, name: &str) -> NewKey {
        NewKey {
            organization_id: self.first.organization.id,
            project_id: Some(self.first.project.id),
            class: KeyClass::Project,
            name: name.to_owned(),
            scopes: None,
            cidrs: vec![],
            limits: None,
            expires_at: None,
            created_by: "ana".to_owned(),
        }
    }

    /// Presents a key from an address.
    pub(crate) async fn ask(
        &self,
        minted: &MintedKey,
        peer: Option<&str>,
    ) -> Result<Principal, AuthError> {
        let peer = peer.map(|peer| peer.parse().unwrap());
        let credential = credential_of(minted);
        let checked = self.authenticator.authenticate(&credential, peer);
        checked.await.map(|checked| checked.principal)
    }

    pub(crate) async fn key(&self, new: NewKey) -> MintedKey {
        self.admin.create_key(new).await.unwrap()
    }
}

/// The signing keys of a store, as a server that starts on it has them.
pub(crate) async fn signing_keys(
    store: &Store,
    vault: &Arc<Vault>,
    clock: &Arc<FakeClock>,
) -> Arc<SigningKeys> {
    let keys = SigningKeys::load(
        store.clone(),
        Arc::clone(vault),
        clock.clone(),
        Arc::new(OsRandom),
    );
    Arc::new(keys.await.unwrap())
}

pub(crate) fn credential_of(minted: &MintedKey) -> Credential {
    Credential::ApiKey(minted.key.clone())
}
