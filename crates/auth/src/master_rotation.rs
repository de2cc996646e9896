//! Another master key. What lies directly under it is sealed anew: the instance's secrets, the private
//! halves of the signing keys, the keys of the organizations. Nothing else in the database changes.

use model::Random;
use store::{NewMasterKey, Resealed, Store};
use vault::{OpenError, Vault, WrongMasterKey};

use crate::hasher::{self, CHECK_SECRET};
use crate::signing;

/// Why the master key stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The present key is not the database's.
    #[error(transparent)]
    WrongMasterKey(#[from] WrongMasterKey),
    /// A row does not open with the present key.
    #[error("a row of {0} does not open with the present master key")]
    Sealed(&'static str),
    /// The database failed, or changed meanwhile.
    #[error("the sealed rows")]
    Store(#[from] store::Error),
}

/// What was sealed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// Secrets of the instance.
    pub secrets: usize,
    /// Signing keys.
    pub signing_keys: usize,
    /// Keys of organizations.
    pub data_keys: usize,
}

/// Seals everything under `new` that is sealed under `old`, in one transaction. No server may run
/// on the database meanwhile: it would go on with the old key.
///
/// # Errors
/// See [`RotationError`]; nothing has changed then.
pub async fn change_master_key(
    store: &Store,
    old: &Vault,
    new: &Vault,
    random: &dyn Random,
) -> Result<Rotated, RotationError> {
    let mut change = NewMasterKey {
        secrets: Vec::new(),
        signing_keys: Vec::new(),
        data_keys: Vec::new(),
    };
    for secret in store.list_instance_secrets().await? {
        let to = if secret.name == CHECK_SECRET {
            old.verify_check_value(&secret.sealed)?;
            new.check_value().to_vec()
        } else {
            let record = hasher::record(&secret.name, &secret.kid);
            let opened = old.open(&record, &secret.sealed);
            let value = opened.map_err(in_table("instance_secrets"))?;
            new.seal(&record, &value, random)
        };
        change.secrets.push(Resealed {
            key: secret.name,
            from: secret.sealed,
            to,
        });
    }
    for key in store.list_signing_keys().await? {
        let record = signing::record(&key.kid);
        let seed = old.open(&record, &key.sealed);
        let seed = seed.map_err(in_table("signing_keys"))?;
        let to = new.seal(&record, &seed, random);
        change.signing_keys.push(Resealed {
            key: key.kid,
            from: key.sealed,
            to,
        });
    }
    for kept in store.unscoped_list_data_keys().await? {
        let key = old.unwrap(kept.organization_id, &kept.wrapped);
        let key = key.map_err(in_table("data_keys"))?;
        change.data_keys.push(Resealed {
            key: kept.organization_id,
            from: kept.wrapped,
            to: new.wrap(kept.organization_id, &key, random),
        });
    }
    let rotated = Rotated {
        secrets: change.secrets.len(),
        signing_keys: change.signing_keys.len(),
        data_keys: change.data_keys.len(),
    };
    store.change_master_key(change).await?;
    Ok(rotated)
}

fn in_table(table: &'static str) -> impl Fn(OpenError) -> RotationError {
    move |_| RotationError::Sealed(table)
}
