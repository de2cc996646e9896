//! The secrets of the instance.

use auth::{KeyHasher, PlainKey, SetupError, check_master_key};
use model::{Clock, OsRandom};
use vault::{MasterKey, Vault};

use crate::support::Fixture;

#[tokio::test]
async fn another_master_key_is_refused() {
    let fixture = Fixture::new().await;
    let (store, now) = (&fixture.store, fixture.clock.now());
    check_master_key(store, &fixture.vault, now).await.unwrap();
    check_master_key(store, &fixture.vault, now).await.unwrap();
    let other = Vault::new(&MasterKey::from_bytes([2; 32]));
    let refused = check_master_key(store, &other, now).await.unwrap_err();
    assert!(matches!(refused, SetupError::WrongMasterKey(_)));
    let refused = KeyHasher::load(store, &other, &*fixture.clock, &OsRandom).await;
    assert!(matches!(refused, Err(SetupError::Sealed(_))));
}

#[tokio::test]
async fn hashes_are_the_same_after_a_restart() {
    let fixture = Fixture::new().await;
    let key = PlainKey::mint(&OsRandom);
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let hasher = KeyHasher::load(&fixture.store, &fixture.vault, &*fixture.clock, &OsRandom);
        hashes.push(hasher.await.unwrap().hash(&key));
    }
    assert_eq!(hashes[0], hashes[1]);
    let another = Fixture::new().await;
    let hasher = KeyHasher::load(&another.store, &another.vault, &*another.clock, &OsRandom);
    assert_ne!(hasher.await.unwrap().hash(&key).bytes, hashes[0].bytes);
}
