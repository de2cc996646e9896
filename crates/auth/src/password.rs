//! Passwords: how they are judged, kept and checked. What is kept is an Argon2id hash made with a
//! random secret of the instance (a pepper), which lies sealed in the database: who can read the
//! rows but lacks the master key cannot even try passwords.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use model::{Clock, Random, Role};
use store::{PasswordRecord, Store};
use tokio::sync::Semaphore;
use vault::{Secret, Vault};
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::SetupError;
use crate::hasher::instance_secret;

/// The instance secret that passwords are hashed with.
const PEPPER: &str = "password-pepper";
/// Memory of one hash, KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
const SALT_BYTES: usize = 16;
/// Bytes of a password at most.
const MAX_BYTES: usize = 256;
/// Characters at least, of those who run an organization.
const MIN_CHARS_OF_ADMINS: usize = 12;
/// Characters at least, of others.
const MIN_CHARS: usize = 10;

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer characters than this.
    #[error("a password has at least {0} characters")]
    TooShort(usize),
    /// More bytes than this.
    #[error("a password has at most {0} bytes")]
    TooLong(usize),
    /// It would be among the first to be tried.
    #[error("this password is easy to guess: take a longer or less common one")]
    Guessable,
}

/// Why nothing is known about a password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It cannot be taken.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// A kept password cannot be read, or the hash could not be made.
    #[error("hash a password: {0}")]
    Hash(argon2::password_hash::Error),
    /// The thread that hashes is gone.
    #[error("hash a password")]
    Gone,
}

/// Hashes and checks passwords, as many at once as there are cores: a flood of sign-ins takes
/// neither the memory nor the threads of everything else. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    pepper: Arc<Zeroizing<Vec<u8>>>,
    slots: Arc<Semaphore>,
    random: Arc<dyn Random>,
    /// What a password is compared with where there is none: it takes as long.
    nobody: Arc<PasswordRecord>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Passwords {
    /// Opens the instance's pepper; at the very first start makes it.
    ///
    /// # Errors
    /// [`SetupError::Sealed`], [`SetupError::Store`].
    pub async fn load(
        store: &Store,
        vault: &Vault,
        clock: &dyn Clock,
        random: &Arc<dyn Random>,
    ) -> Result<Self, SetupError> {
        let secret = instance_secret(store, vault, PEPPER, clock, &**random).await?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            pepper: Arc::new(secret.key),
            slots: Arc::new(Semaphore::new(cores)),
            random: Arc::clone(random),
            nobody: Arc::new(nobody(&**random)),
        })
    }

    /// What is kept of a new password of somebody with this role and these names, if it can be
    /// one.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub async fn hash(
        &self,
        password: Secret,
        role: Role,
        names: Vec<String>,
    ) -> Result<PasswordRecord, PasswordError> {
        check_length(password.expose_secret(), role)?;
        let mut salt = [0; SALT_BYTES];
        self.random.fill(&mut salt);
        self.on_a_thread(move |hasher| {
            check_guessable(password.expose_secret(), &names)?;
            let hash = hasher.hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
            let hash = hash.map_err(PasswordError::Hash)?;
            Ok(PasswordRecord::new(hash.to_string()))
        })
        .await
    }

    /// Whether this is the password. Without one to compare with it is not, after as long a time.
    ///
    /// # Errors
    /// [`PasswordError::Hash`], [`PasswordError::Gone`].
    pub async fn verify(
        &self,
        password: Secret,
        kept: Option<&PasswordRecord>,
    ) -> Result<bool, PasswordError> {
        let known = kept.is_some() && password.expose_secret().len() <= MAX_BYTES;
        let kept = kept.map_or_else(|| (*self.nobody).clone(), Clone::clone);
        self.on_a_thread(move |hasher| {
            let kept = PasswordHash::new(kept.as_str())
                .map_err(|error| PasswordError::Hash(argon2::password_hash::Error::from(error)))?;
            let bytes = password.expose_secret().as_bytes();
            let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
            match hasher.verify_password(bytes, &kept) {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(PasswordError::Hash(error)),
            }
        })
        .await
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| PasswordError::Gone)?;
        let pepper = Arc::clone(&self.pepper);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&hasher(&pepper));
            drop(slot);
            done
        });
        done.await.map_err(|_| PasswordError::Gone)?
    }
}

fn hasher(pepper: &[u8]) -> Argon2<'_> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("these parameters are in range");
    Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params)
        .expect("32 bytes are no longer than a secret may be")
}

/// A record that no password fits: made of chance instead of a hash.
fn nobody(random: &dyn Random) -> PasswordRecord {
    use base64::Engine as _;
    let mut bytes = [0; SALT_BYTES + 32];
    random.fill(&mut bytes);
    let (salt, hash) = bytes.split_at(SALT_BYTES);
    let text = |bytes| base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
    PasswordRecord::new(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${}${}",
        text(salt),
        text(hash)
    ))
}

fn check_length(password: &str, role: Role) -> Result<(), WeakPassword> {
    let least = match role {
        Role::Owner | Role::Admin => MIN_CHARS_OF_ADMINS,
        Role::Member | Role::Viewer => MIN_CHARS,
    };
    if password.len() > MAX_BYTES {
        return Err(WeakPassword::TooLong(MAX_BYTES));
    }
    if password.chars().count() < least {
        return Err(WeakPassword::TooShort(least));
    }
    Ok(())
}

fn check_guessable(password: &str, names: &[String]) -> Result<(), WeakPassword> {
    let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
    known.push("sigmic");
    if zxcvbn(password, &known).score() < Score::Three {
        return Err(WeakPassword::Guessable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_common() {
        let judged = |password: &str, role| {
            check_length(password, role)?;
            check_guessable(
                password,
                &["ana@example.com".to_owned(), "Ana Lind".to_owned()],
            )
        };
        assert_eq!(judged("plum-Orbit-93-kelp", Role::Owner), Ok(()));
        assert_eq!(judged("kelp9Orbit", Role::Viewer), Ok(()));
        assert_eq!(
            judged("kelp9Orbit", Role::Admin),
            Err(WeakPassword::TooShort(12))
        );
        assert_eq!(
            judged("kelp9Orbi", Role::Member),
            Err(WeakPassword::TooShort(10))
        );
        let long = "plum-Orbit-93".repeat(20);
        assert_eq!(judged(&long, Role::Owner), Err(WeakPassword::TooLong(256)));
        for common in [
            "password1234",
            "qwertyuiop12",
            "aaaaaaaaaaaa",
            "ana@example.com",
        ] {
            assert_eq!(
                judged(common, Role::Owner),
                Err(WeakPassword::Guessable),
                "{common}"
            );
        }
    }

    #[test]
    fn the_pepper_counts() {
        let (one, other) = ([1; 32], [2; 32]);
        let kept = hasher(&one).hash_password_with_salt(b"plum-Orbit-93", &[7; 16]);
        let kept = kept.unwrap();
        assert!(
            kept.to_string()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
        assert!(
            hasher(&one)
                .verify_password(b"plum-Orbit-93", &kept)
                .is_ok()
        );
        assert!(
            hasher(&one)
                .verify_password(b"plum-Orbit-94", &kept)
                .is_err()
        );
        assert!(
            hasher(&other)
                .verify_password(b"plum-Orbit-93", &kept)
                .is_err()
        );
        let nobody = nobody(&model::OsRandom);
        let nobody = PasswordHash::new(nobody.as_str()).unwrap();
        assert!(
            hasher(&one)
                .verify_password(b"plum-Orbit-93", &nobody)
                .is_err()
        );
    }
}
