//! Tokens: the input is one, or claims (or a header and claims) that the server's own key signs, so
//! that what is behind the signature is reached too. No session was ever made: none is good.

use std::sync::{Arc, OnceLock};

use auth::{AuthError, Authenticator, Credential, KeyHasher, SigningKeys};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use model::{OsRandom, SystemClock};
use store::{OpenMode, SigningKeyState, Store, StoreConfig};
use tokio::runtime::Runtime;
use vault::{MasterKey, Record, Secret, Vault};

/// A server, as far as it reads tokens.
struct Server {
    runtime: Runtime,
    authenticator: Authenticator,
    header: String,
    key: SigningKey,
    _directory: tempfile::TempDir,
}

static SERVER: OnceLock<Server> = OnceLock::new();

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let config = StoreConfig::Sqlite {
            directory: directory.path().to_owned(),
            mode: OpenMode::Serve,
        };
        let (authenticator, header, key) = runtime.block_on(parts(&config));
        Self {
            runtime,
            authenticator,
            header,
            key,
            _directory: directory,
        }
    }

    /// Header and claims, signed.
    fn signed(&self, header: &[u8], claims: &[u8]) -> String {
        let (header, claims) = (
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims),
        );
        let text = format!("{header}.{claims}");
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn parts(config: &StoreConfig) -> (Authenticator, String, SigningKey) {
    let store = Store::open(config).await.expect("a store");
    store.migrate().await.expect("its tables");
    let vault = Arc::new(Vault::new(&MasterKey::from_bytes([1; 32])));
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let hasher = KeyHasher::load(&store, &vault, &*clock, &*random).await;
    let keys = SigningKeys::load(store.clone(), Arc::clone(&vault), clock.clone(), random).await;
    let rows = store.list_signing_keys().await.expect("the keys");
    let current = rows
        .iter()
        .find(|row| row.state == SigningKeyState::Current)
        .expect("a key that signs");
    let record = Record {
        table: "signing_keys",
        row: &current.kid,
        organization: None,
        version: 1,
    };
    let seed = vault.open(&record, &current.sealed).expect("its seed");
    let key = SigningKey::from_bytes(seed.as_slice().try_into().expect("32 bytes"));
    let keys = Some(Arc::new(keys.expect("the keys")));
    let authenticator = Authenticator::new(store, hasher.expect("the hash key"), keys, clock);
    let header = format!(
        r#"{{"alg":"EdDSA","kid":"{}","typ":"at+jwt"}}"#,
        current.kid
    );
    (authenticator, header, key)
}

/// Presents the token.
///
/// # Panics
/// When it is accepted, or answered otherwise than every token that is no good.
pub fn check(data: &[u8]) {
    let server = SERVER.get_or_init(Server::start);
    let token = match data.split_first() {
        Some((b'c', claims)) => server.signed(server.header.as_bytes(), claims),
        Some((b'h', rest)) => {
            let mut parts = rest.splitn(2, |byte| *byte == b'\n');
            let (header, claims) = (parts.next(), parts.next());
            server.signed(header.unwrap_or(b""), claims.unwrap_or(b""))
        }
        Some(_) | None => String::from_utf8_lossy(data).into_owned(),
    };
    let credential = Credential::Token(Secret::new(token));
    let answer = server
        .runtime
        .block_on(server.authenticator.check(&credential, None));
    assert!(
        matches!(answer, Err(AuthError::InvalidToken(None))),
        "{answer:?}"
    );
}
