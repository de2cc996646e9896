//! The secrets of the instance.

use auth::{
    KeyHasher, PlainKey, Rotated, RotationError, SetupError, change_master_key, check_master_key,
};
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

#[tokio::test]
async fn another_master_key_takes_the_place_of_one_and_all_keys_stay_valid() {
    let fixture = Fixture::new().await;
    let (store, now) = (&fixture.store, fixture.clock.now());
    check_master_key(store, &fixture.vault, now).await.unwrap();
    let minted = fixture.key(fixture.wanted("ci")).await;
    let organization = fixture.first.organization.id;
    let data_key = vault::DataKey::generate(&OsRandom);
    let kept = store::WrappedKey {
        organization_id: organization,
        wrapped: fixture.vault.wrap(organization, &data_key, &OsRandom),
        created_at: now,
    };
    store.insert_data_key(kept).await.unwrap();
    let place = vault::Record {
        table: "end_users",
        row: "1",
        organization: Some(organization),
        version: 1,
    };
    let sealed = data_key.seal(&place, b"value", &OsRandom);

    let new = Vault::new(&MasterKey::from_bytes([2; 32]));
    let wrong = Vault::new(&MasterKey::from_bytes([3; 32]));
    let refused = change_master_key(store, &wrong, &new, &OsRandom).await;
    assert!(
        matches!(
            refused,
            Err(RotationError::Sealed(_) | RotationError::WrongMasterKey(_))
        ),
        "{refused:?}"
    );
    let rotated = change_master_key(store, &fixture.vault, &new, &OsRandom);
    let Rotated {
        signing_keys,
        data_keys,
        ..
    } = rotated.await.unwrap();
    assert_eq!((signing_keys, data_keys), (2, 1));

    check_master_key(store, &new, now).await.unwrap();
    let old = check_master_key(store, &fixture.vault, now).await;
    assert!(matches!(old, Err(SetupError::WrongMasterKey(_))));
    let hasher = KeyHasher::load(store, &new, &*fixture.clock, &OsRandom);
    assert_eq!(
        hasher.await.unwrap().hash(&minted.key),
        fixture.hasher.hash(&minted.key)
    );
    let kept = store.find_data_key(organization).await.unwrap().unwrap();
    let back = new.unwrap(organization, &kept.wrapped).unwrap();
    assert_eq!(**back.open(&place, &sealed).unwrap(), *b"value");
    signing_keys_open(&fixture, new).await;
}

/// The signing keys load, which they do only if the one that signs opens; with the old key not.
async fn signing_keys_open(fixture: &Fixture, new: Vault) {
    let load = |vault: std::sync::Arc<Vault>| {
        let (clock, random) = (fixture.clock.clone(), std::sync::Arc::new(OsRandom));
        auth::SigningKeys::load(fixture.store.clone(), vault, clock, random)
    };
    let old = load(std::sync::Arc::clone(&fixture.vault)).await;
    assert!(matches!(old, Err(SetupError::Sealed(_))));
    load(std::sync::Arc::new(new)).await.unwrap();
}
