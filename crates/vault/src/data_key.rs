//! The key of one organization. Its values are sealed with it, not with the master key: a new master
//! key needs to seal one record an organization anew, and an organization whose key is deleted
//! leaves nothing that could be opened, in backups of the other tables neither.

use std::fmt;

use chacha20poly1305::aead::KeyInit as _;
use chacha20poly1305::{Key, XChaCha20Poly1305};
use model::{OrganizationId, Random};
use zeroize::Zeroizing;

use crate::seal::{open_with, seal_with};
use crate::{OpenError, Record, Vault};

const KEY_BYTES: usize = 32;

/// See the module. Shows nothing in logs and is wiped when dropped.
pub struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(***)")
    }
}

impl DataKey {
    /// A fresh key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }

    /// Seals a value for its place. Costs 41 bytes.
    pub fn seal(&self, record: &Record<'_>, value: &[u8], random: &dyn Random) -> Vec<u8> {
        seal_with(&self.cipher(), record, value, random)
    }

    /// Opens a value that was sealed for this place.
    ///
    /// # Errors
    /// [`OpenError`], whatever the reason.
    pub fn open(
        &self,
        record: &Record<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        open_with(&self.cipher(), record, sealed)
    }
}

impl Vault {
    /// An organization's key as it is kept: sealed under the master key.
    pub fn wrap(
        &self,
        organization: OrganizationId,
        key: &DataKey,
        random: &dyn Random,
    ) -> Vec<u8> {
        let row = organization.to_string();
        self.seal(&record(organization, &row), key.0.as_slice(), random)
    }

    /// An organization's key, from how it is kept.
    ///
    /// # Errors
    /// [`OpenError`] when it was wrapped for another organization, with another master key, or is
    /// damaged.
    pub fn unwrap(
        &self,
        organization: OrganizationId,
        wrapped: &[u8],
    ) -> Result<DataKey, OpenError> {
        let row = organization.to_string();
        let bytes = self.open(&record(organization, &row), wrapped)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(OpenError);
        }
        key.copy_from_slice(&bytes);
        Ok(DataKey(key))
    }
}

fn record(organization: OrganizationId, row: &str) -> Record<'_> {
    Record {
        table: "data_keys",
        row,
        organization: Some(organization),
        version: 1,
    }
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;
    use crate::MasterKey;

    #[test]
    fn a_key_comes_back_for_its_organization_and_master_key_only() {
        let vault = |byte| Vault::new(&MasterKey::from_bytes([byte; 32]));
        let organization = || OrganizationId::generate(&OsRandom);
        let (own, other) = (organization(), organization());
        let key = DataKey::generate(&OsRandom);
        let wrapped = vault(1).wrap(own, &key, &OsRandom);
        let place = Record {
            table: "end_users",
            row: "1",
            organization: Some(own),
            version: 1,
        };
        let sealed = key.seal(&place, b"value", &OsRandom);
        let back = vault(1).unwrap(own, &wrapped).unwrap();
        assert_eq!(**back.open(&place, &sealed).unwrap(), *b"value");
        assert!(vault(1).unwrap(other, &wrapped).is_err());
        assert!(vault(2).unwrap(own, &wrapped).is_err());
        assert!(vault(1).unwrap(own, &wrapped[1..]).is_err());
        let stranger = DataKey::generate(&OsRandom);
        assert_eq!(stranger.open(&place, &sealed), Err(OpenError));
        assert_eq!(vault(1).open(&place, &sealed), Err(OpenError));
        assert_eq!(format!("{back:?}"), "DataKey(***)");
    }
}
