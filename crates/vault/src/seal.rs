//! Sealing what lies in the database, so that who can read or write rows but lacks the master key
//! can neither read a value, nor change it, nor move it to another row.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use model::{OrganizationId, Random};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::MasterKey;

/// The first byte of what is sealed: this layout and this cipher.
const LAYOUT: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Where a sealed value lies. A value that was sealed for one place opens at no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The table, or another name for what kind of value it is.
    pub table: &'a str,
    /// The row's key, or what else tells one value from the others of its kind.
    pub row: &'a str,
    /// Whose it is; `None`: the instance's own.
    pub organization: Option<OrganizationId>,
    /// The version of the value's own format.
    pub version: u32,
}

/// A value that does not open: sealed elsewhere, with another key, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open here with this master key")]
pub struct OpenError;

/// The master key is not the one that the database was set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key is not the one that this database was set up with")]
pub struct WrongMasterKey;

/// What the master key can do.
pub struct Vault {
    /// Derives the other keys; the master key itself encrypts nothing.
    root: Hkdf<Sha256>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(***)")
    }
}

impl Vault {
    /// The vault that this key opens.
    pub fn new(master: &MasterKey) -> Self {
        Self {
            root: Hkdf::new(Some(b"sigmic"), master.expose_bytes()),
        }
    }

    /// A key for one purpose. Different labels give keys that tell nothing of each other.
    fn derive(&self, label: &str, context: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let info = [b"sigmic/v1/", label.as_bytes(), b"/", context];
        self.root
            .expand_multi_info(&info, key.as_mut_slice())
            .expect("32 bytes are less than HKDF's limit");
        key
    }

    fn cipher(&self, record: &Record<'_>) -> XChaCha20Poly1305 {
        let organization = record.organization.map(|id| id.to_string());
        let context = organization.as_deref().unwrap_or("instance");
        let key = self.derive("seal", context.as_bytes());
        XChaCha20Poly1305::new(&Key::from(*key))
    }

    /// Seals a value for its place. Costs 41 bytes.
    pub fn seal(&self, record: &Record<'_>, value: &[u8], random: &dyn Random) -> Vec<u8> {
        seal_with(&self.cipher(record), record, value, random)
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
        open_with(&self.cipher(record), record, sealed)
    }

    /// A value that tells this master key from others and nothing else about it: kept in the
    /// database, compared at each start.
    pub fn check_value(&self) -> [u8; 32] {
        *self.derive("check", b"")
    }

    /// Whether the database was set up with this master key.
    ///
    /// # Errors
    /// [`WrongMasterKey`] when it was not.
    pub fn verify_check_value(&self, kept: &[u8]) -> Result<(), WrongMasterKey> {
        if bool::from(self.check_value().as_slice().ct_eq(kept)) {
            Ok(())
        } else {
            Err(WrongMasterKey)
        }
    }
}

/// The layout, a fresh nonce, and the value, encrypted and bound to its place.
pub(crate) fn seal_with(
    cipher: &XChaCha20Poly1305,
    record: &Record<'_>,
    value: &[u8],
    random: &dyn Random,
) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    let aad = associated_data(record);
    let payload = Payload {
        msg: value,
        aad: &aad,
    };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .expect("values are far below the cipher's limit of 256 GiB");
    [&[LAYOUT], nonce.as_slice(), &sealed].concat()
}

pub(crate) fn open_with(
    cipher: &XChaCha20Poly1305,
    record: &Record<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (layout, rest) = sealed.split_first().ok_or(OpenError)?;
    if *layout != LAYOUT || rest.len() < NONCE_BYTES + TAG_BYTES {
        return Err(OpenError);
    }
    let (nonce, msg) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError)?;
    let aad = associated_data(record);
    cipher
        .decrypt(&XNonce::from(*nonce), Payload { msg, aad: &aad })
        .map(Zeroizing::new)
        .map_err(|_| OpenError)
}

/// The place, each part after its length, so that no two places read alike.
fn associated_data(record: &Record<'_>) -> Vec<u8> {
    let organization = record.organization.map(|id| id.to_string());
    let parts = [
        record.table,
        record.row,
        organization.as_deref().unwrap_or(""),
    ];
    let mut data = Vec::new();
    for part in parts {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data.extend_from_slice(&record.version.to_be_bytes());
    data
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::from_bytes([byte; 32]))
    }

    fn record() -> Record<'static> {
        Record {
            table: "handovers",
            row: "1",
            organization: None,
            version: 1,
        }
    }

    #[test]
    fn a_sealed_value_opens_at_its_place_only() {
        let vault = vault(1);
        let sealed = vault.seal(&record(), b"value", &OsRandom);
        assert_eq!(sealed.len(), 5 + 41);
        assert_eq!(**vault.open(&record(), &sealed).unwrap(), *b"value");
        let organization = OrganizationId::generate(&OsRandom);
        let elsewhere = [
            Record {
                table: "handover",
                row: "s1",
                ..record()
            },
            Record {
                table: "handovers1",
                row: "",
                ..record()
            },
            Record {
                row: "2",
                ..record()
            },
            Record {
                version: 2,
                ..record()
            },
            Record {
                organization: Some(organization),
                ..record()
            },
        ];
        for place in &elsewhere {
            assert_eq!(vault.open(place, &sealed), Err(OpenError), "{place:?}");
        }
        assert_eq!(
            super::tests::vault(2).open(&record(), &sealed),
            Err(OpenError)
        );
    }

    #[test]
    fn a_damaged_value_does_not_open() {
        let vault = vault(1);
        let sealed = vault.seal(&record(), b"value", &OsRandom);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(vault.open(&record(), &damaged), Err(OpenError), "byte {at}");
            assert_eq!(vault.open(&record(), &sealed[..at]), Err(OpenError));
        }
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let vault = vault(1);
        let seal = || vault.seal(&record(), b"value", &OsRandom);
        assert_ne!(seal(), seal());
        assert_eq!(
            **vault
                .open(&record(), &vault.seal(&record(), b"", &OsRandom))
                .unwrap(),
            *b""
        );
    }

    /// What is in databases must open for ever.
    #[test]
    fn a_value_of_the_first_release_opens() {
        #[derive(Debug)]
        struct Sevens;
        impl Random for Sevens {
            fn fill(&self, buffer: &mut [u8]) {
                buffer.fill(7);
            }
        }
        let sealed = vault(1).seal(&record(), b"value", &Sevens);
        let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "010707070707070707070707070707070707070707070707077618cc56afc31873d2a0039823a7587251759a97e4"
        );
    }

    #[test]
    fn another_master_key_is_told_apart() {
        let kept = vault(1).check_value();
        assert_eq!(vault(1).verify_check_value(&kept), Ok(()));
        assert_eq!(vault(2).verify_check_value(&kept), Err(WrongMasterKey));
        assert_eq!(
            vault(1).verify_check_value(&kept[..31]),
            Err(WrongMasterKey)
        );
        assert_eq!(vault(1).verify_check_value(b""), Err(WrongMasterKey));
    }
}
