//! The keys that sign tokens: made at the first start, rotated by time, read again when somebody
//! changed them. The private halves lie sealed in the database and never leave the process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use model::{Caller, Clock, Random, Timestamp};
use serde_json::{Value, json};
use store::{ChangedBy, SigningKeyChange, SigningKeyRow, SigningKeyState, Store};
use tokio::sync::watch;
use vault::{Record, Secret, Vault};
use zeroize::Zeroizing;

use crate::SetupError;
use crate::hasher::instance_secret;
use crate::token::{Claims, header_of, sign};

/// The instance secret that names the issuer: what tells the tokens of this database from others.
const ISSUER_SECRET: &str = "token-issuer";
const TABLE: &str = "signing_keys";
/// Milliseconds that a key is published before it signs.
const STANDBY_MS: i64 = 10 * 60 * 1_000;
/// Milliseconds after which another key signs.
const ROTATE_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// Milliseconds that a token lives at most: so long a key that signs no more is still accepted.
const LONGEST_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Why signing keys cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// There is no such key, or it was revoked.
    #[error("there is no such signing key")]
    NotFound,
    /// Another process changed them at the same time.
    #[error("the signing keys were changed at the same time; try again")]
    Busy,
    /// The database failed.
    #[error("change signing keys")]
    Store(#[source] store::Error),
}

impl From<store::Error> for SigningError {
    fn from(error: store::Error) -> Self {
        let busy = matches!(
            &error,
            store::Error::Conflict | store::Error::Duplicate { .. }
        );
        if busy { Self::Busy } else { Self::Store(error) }
    }
}

/// A signing key, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyInfo {
    /// Its name.
    pub kid: String,
    /// Where it stands.
    pub state: SigningKeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it came into its state.
    pub changed_at: Timestamp,
}

/// Wakes when anybody changed a credential.
type Changes = watch::Receiver<()>;

/// The signing keys of an instance. Shared.
#[derive(Debug)]
pub struct SigningKeys {
    store: Store,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    issuer: String,
    ring: Mutex<Arc<Ring>>,
    /// Tells whether anybody changed a credential since the ring was read.
    changes: tokio::sync::Mutex<Changes>,
}

/// The keys as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    keys: Vec<LiveKey>,
}

/// A key whose tokens may be accepted.
pub(crate) struct LiveKey {
    pub(crate) kid: String,
    pub(crate) header: String,
    state: SigningKeyState,
    pub(crate) verifying: VerifyingKey,
    signing: SigningKey,
}

impl fmt::Debug for LiveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveKey")
            .field("kid", &self.kid)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Ring {
    /// The key whose tokens begin with this header.
    pub(crate) fn find(&self, header: &str) -> Option<&LiveKey> {
        self.keys.iter().find(|key| key.header == header)
    }

    fn current(&self) -> Option<&LiveKey> {
        self.keys
            .iter()
            .find(|key| key.state == SigningKeyState::Current)
    }
}

impl LiveKey {
    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Claims) -> Secret {
        sign(&self.header, claims, &self.signing)
    }
}

impl SigningKeys {
    /// Opens the instance's signing keys; at the very first start makes them.
    ///
    /// # Errors
    /// [`SetupError::Sealed`], [`SetupError::Store`].
    pub async fn load(
        store: Store,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, SetupError> {
        let id = instance_secret(&store, &vault, ISSUER_SECRET, &*clock, &*random).await?;
        let issuer = id.key.iter().take(16).map(|byte| format!("{byte:02x}"));
        let keys = Self {
            issuer: format!("urn:sigmic:{}", issuer.collect::<String>()),
            changes: tokio::sync::Mutex::new(store.credential_changes()),
            ring: Mutex::default(),
            store,
            vault,
            clock,
            random,
        };
        keys.maintain().await?;
        keys.reload().await?;
        Ok(keys)
    }

    /// Who makes the tokens: the same on every node of a database, and on no other.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn ring(&self) -> Arc<Ring> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&ring)
    }

    /// The ring, read again if anybody changed a credential since it was last read: asked when a
    /// token names a key that is not in it, so that a made-up name costs no look-up.
    pub(crate) async fn fresh_ring(&self) -> Result<Arc<Ring>, store::Error> {
        let mut changes = self.changes.lock().await;
        if changes.has_changed().unwrap_or(false) {
            self.read(&mut changes).await
        } else {
            Ok(self.ring())
        }
    }

    /// Signs with the key that signs now, whoever made it the current one.
    pub(crate) async fn sign_with<T>(
        &self,
        make: impl FnOnce(&LiveKey) -> T,
    ) -> Result<Option<T>, store::Error> {
        let ring = self.read(&mut *self.changes.lock().await).await?;
        Ok(ring.current().map(make))
    }

    /// Reads the keys, one reader at a time: what is read later replaces what was read earlier.
    /// A key that does not open is left out, and said so.
    async fn read(&self, changes: &mut Changes) -> Result<Arc<Ring>, store::Error> {
        // What changes while they are read is seen next time; so is a change that could not be
        // read, or whose reader was dropped.
        let mut seen = changes.clone();
        seen.mark_unchanged();
        let rows = self.store.list_signing_keys().await?;
        let now = self.clock.now();
        let keys = rows.iter().filter(|row| is_live(row, now));
        let keys = keys.filter_map(|row| self.open(row)).collect();
        let ring = Arc::new(Ring { keys });
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ring);
        *changes = seen;
        Ok(ring)
    }

    async fn reload(&self) -> Result<(), SetupError> {
        let ring = self.read(&mut *self.changes.lock().await).await?;
        if ring.current().is_none() {
            return Err(SetupError::Sealed(TABLE));
        }
        Ok(())
    }

    fn open(&self, row: &SigningKeyRow) -> Option<LiveKey> {
        let opened = self.vault.open(&record(&row.kid), &row.sealed).ok();
        let seed: Option<Zeroizing<[u8; 32]>> =
            opened.and_then(|seed| seed.as_slice().try_into().ok().map(Zeroizing::new));
        let signing = seed.map(|seed| SigningKey::from_bytes(&seed));
        let fits = |key: &SigningKey| key.verifying_key().as_bytes() == row.public.as_slice();
        let Some(signing) = signing.filter(fits) else {
            tracing::error!(kid = row.kid, "a signing key does not open");
            return None;
        };
        Some(LiveKey {
            header: header_of(&row.kid),
            kid: row.kid.clone(),
            state: row.state,
            verifying: signing.verifying_key(),
            signing,
        })
    }

    /// What the keys need by now: one that signs, one that waits, and another one in time. To be
    /// called every few minutes; several nodes may call it at once.
    ///
    /// # Errors
    /// The database failed.
    pub async fn maintain(&self) -> Result<(), store::Error> {
        let rows = self.store.list_signing_keys().await?;
        let (changes, missing) = due(&rows, self.clock.now());
        match self.change(changes, &missing, Caller::SERVER).await {
            // Another node did it.
            Ok(()) | Err(SigningError::Busy | SigningError::NotFound) => Ok(()),
            Err(SigningError::Store(error)) => Err(error),
        }
    }

    /// Lets the key that waits sign from now on, whatever their ages.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub async fn rotate(&self, by: Caller) -> Result<(), SigningError> {
        let rows = self.store.list_signing_keys().await?;
        let (changes, missing) = rotation(&rows);
        self.change(changes, &missing, by).await
    }

    /// Makes every token that a key signed invalid at once.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub async fn revoke(&self, kid: &str, by: Caller) -> Result<(), SigningError> {
        let rows = self.store.list_signing_keys().await?;
        let row = rows.iter().find(|row| row.kid == kid);
        let row = row.filter(|row| row.state != SigningKeyState::Revoked);
        let row = row.ok_or(SigningError::NotFound)?;
        let mut changes = vec![change_of(row, SigningKeyState::Revoked)];
        let mut missing = Vec::new();
        match row.state {
            SigningKeyState::Current => {
                let (successor, new) = succession(&rows);
                changes.extend(successor);
                missing.extend(new);
            }
            SigningKeyState::Standby => missing.push(SigningKeyState::Standby),
            SigningKeyState::Previous | SigningKeyState::Revoked => {}
        }
        self.change(changes, &missing, by).await
    }

    /// The signing keys, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(&self) -> Result<Vec<SigningKeyInfo>, store::Error> {
        let rows = self.store.list_signing_keys().await?;
        let info = |row: SigningKeyRow| SigningKeyInfo {
            kid: row.kid,
            state: row.state,
            created_at: row.created_at,
            changed_at: row.changed_at,
        };
        Ok(rows.into_iter().map(info).collect())
    }

    /// The public halves, as a JSON Web Key Set (RFC 7517, RFC 8037).
    ///
    /// # Errors
    /// The database failed.
    pub async fn public_set(&self) -> Result<Value, store::Error> {
        let ring = self.fresh_ring().await?;
        let key = |key: &LiveKey| {
            json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": "EdDSA",
                "kid": key.kid,
                "x": URL_SAFE_NO_PAD.encode(key.verifying.as_bytes()),
            })
        };
        Ok(json!({"keys": ring.keys.iter().map(key).collect::<Vec<_>>()}))
    }

    async fn change(
        &self,
        changes: Vec<SigningKeyChange>,
        missing: &[SigningKeyState],
        caller: Caller,
    ) -> Result<(), SigningError> {
        if changes.is_empty() && missing.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let new = missing.iter().map(|state| self.make(*state, now)).collect();
        let changed = self
            .store
            .change_signing_keys(changes, new, ChangedBy { caller, at: now });
        Ok(changed.await?)
    }

    fn make(&self, state: SigningKeyState, now: Timestamp) -> SigningKeyRow {
        let mut seed = Zeroizing::new([0; 32]);
        self.random.fill(seed.as_mut_slice());
        let mut kid = [0; 8];
        self.random.fill(&mut kid);
        let kid = format!("{:016x}", u64::from_be_bytes(kid));
        let key = SigningKey::from_bytes(&seed);
        SigningKeyRow {
            state,
            public: key.verifying_key().as_bytes().to_vec(),
            sealed: self
                .vault
                .seal(&record(&kid), seed.as_slice(), &*self.random),
            kid,
            created_at: now,
            changed_at: now,
        }
    }
}

pub(crate) fn record(kid: &str) -> Record<'_> {
    Record {
        table: TABLE,
        row: kid,
        organization: None,
        version: 1,
    }
}

/// Whether a token that the key signed may still be valid.
fn is_live(row: &SigningKeyRow, now: Timestamp) -> bool {
    match row.state {
        SigningKeyState::Standby | SigningKeyState::Current => true,
        SigningKeyState::Previous => now.millis_since(row.changed_at) < LONGEST_MS,
        SigningKeyState::Revoked => false,
    }
}

fn change_of(row: &SigningKeyRow, to: SigningKeyState) -> SigningKeyChange {
    SigningKeyChange {
        kid: row.kid.clone(),
        from: row.state,
        to,
    }
}

fn in_state(rows: &[SigningKeyRow], state: SigningKeyState) -> Option<&SigningKeyRow> {
    rows.iter().find(|row| row.state == state)
}

/// Changes and states for which a key is to be made.
type Plan = (Vec<SigningKeyChange>, Vec<SigningKeyState>);

/// Who signs when the current key no longer does.
fn succession(rows: &[SigningKeyRow]) -> Plan {
    match in_state(rows, SigningKeyState::Standby) {
        Some(standby) => (
            vec![change_of(standby, SigningKeyState::Current)],
            vec![SigningKeyState::Standby],
        ),
        None => (
            vec![],
            vec![SigningKeyState::Current, SigningKeyState::Standby],
        ),
    }
}

fn rotation(rows: &[SigningKeyRow]) -> Plan {
    let (mut changes, missing) = succession(rows);
    if let Some(current) = in_state(rows, SigningKeyState::Current) {
        // First: there is never more than one current key.
        changes.insert(0, change_of(current, SigningKeyState::Previous));
    }
    (changes, missing)
}

/// What is due at `now`.
fn due(rows: &[SigningKeyRow], now: Timestamp) -> Plan {
    let older = |row: &SigningKeyRow, ms| now.millis_since(row.changed_at) >= ms;
    let current = in_state(rows, SigningKeyState::Current);
    match (current, in_state(rows, SigningKeyState::Standby)) {
        (None, _) => succession(rows),
        (Some(_), None) => (vec![], vec![SigningKeyState::Standby]),
        (Some(current), Some(standby))
            if older(current, ROTATE_MS) && older(standby, STANDBY_MS) =>
        {
            rotation(rows)
        }
        (Some(_), Some(_)) => (vec![], vec![]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kid: &str, state: SigningKeyState, changed_at: i64) -> SigningKeyRow {
        SigningKeyRow {
            kid: kid.to_owned(),
            state,
            public: vec![],
            sealed: vec![],
            created_at: Timestamp::from_millis(0),
            changed_at: Timestamp::from_millis(changed_at),
        }
    }

    fn names(plan: Plan) -> (Vec<String>, usize) {
        let changes = plan.0.into_iter();
        let change = |c: SigningKeyChange| format!("{} {}", c.kid, c.to.as_str());
        (changes.map(change).collect(), plan.1.len())
    }

    #[test]
    fn a_key_waits_then_signs_then_is_accepted_only() {
        use SigningKeyState::{Current, Standby};
        let at = Timestamp::from_millis;
        assert_eq!(names(due(&[], at(0))), (vec![], 2));
        let rows = [row("a", Current, 0), row("b", Standby, ROTATE_MS - 1)];
        assert_eq!(names(due(&rows[..1], at(1))), (vec![], 1));
        assert_eq!(names(due(&rows, at(ROTATE_MS - 1))), (vec![], 0));
        // It was not published long enough.
        assert_eq!(names(due(&rows, at(ROTATE_MS))), (vec![], 0));
        let (changes, new) = names(due(&rows, at(ROTATE_MS + STANDBY_MS)));
        assert_eq!(changes, ["a previous", "b current"]);
        assert_eq!(new, 1);
        let previous = row("a", SigningKeyState::Previous, 0);
        assert!(is_live(&previous, at(LONGEST_MS - 1)));
        assert!(!is_live(&previous, at(LONGEST_MS)));
        assert!(!is_live(&row("a", SigningKeyState::Revoked, 0), at(0)));
    }

    #[test]
    fn when_the_current_key_goes_the_next_one_signs() {
        use SigningKeyState::{Current, Standby};
        let rows = [row("a", Current, 0), row("b", Standby, 0)];
        assert_eq!(names(succession(&rows)), (vec!["b current".to_owned()], 1));
        assert_eq!(names(succession(&rows[..1])), (vec![], 2));
    }
}
