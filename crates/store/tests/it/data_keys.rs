//! The keys of organizations, and a change of the master key.

use model::{OrganizationId, OsRandom};
use store::{Error, InstanceSecret, NewMasterKey, Resealed, WrappedKey};

use crate::support::{Fixture, at};

conformance!(
    an_organization_has_one_key,
    a_master_key_changes_as_a_whole_or_not_at_all,
);

fn wrapped(organization_id: OrganizationId, byte: u8) -> WrappedKey {
    WrappedKey {
        organization_id,
        wrapped: vec![byte; 41],
        created_at: at(1),
    }
}

fn secret(name: &str) -> InstanceSecret {
    InstanceSecret {
        name: name.to_owned(),
        kid: "1".to_owned(),
        sealed: vec![1],
        created_at: at(1),
    }
}

/// Everything that the fixture has, sealed anew as these bytes.
fn change(organization_id: OrganizationId, from: u8, to: u8) -> NewMasterKey {
    NewMasterKey {
        secrets: vec![Resealed {
            key: "hash".to_owned(),
            from: vec![1],
            to: vec![2],
        }],
        signing_keys: Vec::new(),
        data_keys: vec![Resealed {
            key: organization_id,
            from: vec![from; 41],
            to: vec![to; 41],
        }],
    }
}

async fn an_organization_has_one_key(fixture: &Fixture) {
    let store = &fixture.store;
    let organization = fixture.tenant().await.organization_id;
    assert_eq!(store.find_data_key(organization).await.unwrap(), None);
    let first = wrapped(organization, 1);
    let kept = store.insert_data_key(first.clone()).await.unwrap();
    assert_eq!(kept, first);
    let second = store.insert_data_key(wrapped(organization, 2)).await;
    assert_eq!(second.unwrap(), first, "the first one's");
    let found = store.find_data_key(organization).await.unwrap();
    assert_eq!(found, Some(first.clone()));
    assert_eq!(store.unscoped_list_data_keys().await.unwrap(), [first]);
    let nobody = OrganizationId::generate(&OsRandom);
    let refused = store.insert_data_key(wrapped(nobody, 3)).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
}

async fn a_master_key_changes_as_a_whole_or_not_at_all(fixture: &Fixture) {
    let store = &fixture.store;
    let organization = fixture.tenant().await.organization_id;
    store.insert_instance_secret(secret("hash")).await.unwrap();
    let first = wrapped(organization, 1);
    store.insert_data_key(first.clone()).await.unwrap();
    // A row is not as it was read.
    let refused = store.change_master_key(change(organization, 9, 2)).await;
    assert!(matches!(refused, Err(Error::Conflict)), "{refused:?}");
    // A row is not among those that were read.
    let mut fewer = change(organization, 1, 2);
    fewer.data_keys.clear();
    let refused = store.change_master_key(fewer).await;
    assert!(matches!(refused, Err(Error::Conflict)), "{refused:?}");
    let found = store.find_instance_secret("hash").await.unwrap();
    assert_eq!(found.unwrap().sealed, [1], "nothing has changed");
    assert_eq!(
        store.find_data_key(organization).await.unwrap(),
        Some(first)
    );

    let done = store.change_master_key(change(organization, 1, 2)).await;
    done.unwrap();
    let secrets = store.list_instance_secrets().await.unwrap();
    assert_eq!(secrets[0].sealed, [2]);
    let found = store.find_data_key(organization).await.unwrap();
    assert_eq!(found.unwrap().wrapped, [2; 41]);
}
