//! Signing keys over time.

use model::{Caller, Clock as _};
use store::SigningKeyState;

use crate::support::{Fixture, signing_keys};
use crate::tokens::{App, present};

const DAY: i64 = 24 * 60 * 60 * 1_000;

async fn states(fixture: &Fixture) -> Vec<SigningKeyState> {
    let keys = fixture.signing.list().await.unwrap();
    keys.into_iter().map(|key| key.state).collect()
}

#[tokio::test]
async fn the_first_start_makes_two_keys_and_the_next_none() {
    let fixture = Fixture::new().await;
    let mut found = states(&fixture).await;
    found.sort_by_key(|state| state.as_str());
    assert_eq!(found, [SigningKeyState::Current, SigningKeyState::Standby]);
    let again = signing_keys(&fixture.store, &fixture.vault, &fixture.clock).await;
    assert_eq!(
        again.list().await.unwrap(),
        fixture.signing.list().await.unwrap()
    );
    assert_eq!(again.issuer(), fixture.signing.issuer());
    let other = Fixture::new().await;
    assert_ne!(other.signing.issuer(), fixture.signing.issuer());
}

#[tokio::test]
async fn a_token_outlives_the_rotation_of_its_key_and_not_its_revocation() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let old = app.token(&fixture, "u1", "30d").await;
    fixture.signing.rotate(Caller::OPERATOR).await.unwrap();
    let new = app.token(&fixture, "u1", "30d").await;
    assert_ne!(
        old.split('.').next(),
        new.split('.').next(),
        "another key signs"
    );
    for token in [&old, &new] {
        assert!(present(&fixture, token).await.is_ok());
    }
    let keys = fixture.signing.list().await.unwrap();
    let previous = keys
        .iter()
        .find(|key| key.state == SigningKeyState::Previous);
    fixture
        .signing
        .revoke(&previous.unwrap().kid, Caller::OPERATOR)
        .await
        .unwrap();
    assert!(present(&fixture, &old).await.is_err());
    assert!(present(&fixture, &new).await.is_ok());
    // The one that signs: another takes its place at once.
    let current = keys
        .iter()
        .find(|key| key.state == SigningKeyState::Current);
    fixture
        .signing
        .revoke(&current.unwrap().kid, Caller::OPERATOR)
        .await
        .unwrap();
    assert!(present(&fixture, &new).await.is_err());
    let newest = app.token(&fixture, "u1", "1h").await;
    assert!(present(&fixture, &newest).await.is_ok());
    assert!(
        fixture
            .signing
            .revoke("0000000000000000", Caller::OPERATOR)
            .await
            .is_err()
    );
    assert!(
        fixture
            .signing
            .revoke(&current.unwrap().kid, Caller::OPERATOR)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn another_node_takes_over_what_was_rotated() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let other = signing_keys(&fixture.store, &fixture.vault, &fixture.clock).await;
    // Twice: the key that signs now was never seen by the first node.
    other.rotate(Caller::OPERATOR).await.unwrap();
    other.rotate(Caller::OPERATOR).await.unwrap();
    let token = app.token(&fixture, "u1", "1h").await;
    assert!(present(&fixture, &token).await.is_ok());
    let set = fixture.signing.public_set().await.unwrap();
    assert_eq!(set["keys"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn keys_rotate_by_time_and_old_ones_leave_the_set() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let kids = || async {
        let set = fixture.signing.public_set().await.unwrap();
        set["keys"].as_array().unwrap().len()
    };
    fixture.signing.maintain().await.unwrap();
    assert_eq!(kids().await, 2);
    fixture.clock.set(1_000 + 90 * DAY);
    fixture.signing.maintain().await.unwrap();
    fixture.signing.maintain().await.unwrap();
    assert_eq!(kids().await, 3, "standby, current, previous");
    let token = app.token(&fixture, "u1", "30d").await;
    fixture.clock.set(1_000 + 120 * DAY - 1);
    assert!(present(&fixture, &token).await.is_ok());
    fixture.clock.set(1_000 + 120 * DAY);
    app.token(&fixture, "u1", "1h").await;
    assert_eq!(kids().await, 2, "no token of the previous key can be alive");
    assert!(fixture.clock.now().as_millis() > 0);
}

#[tokio::test]
async fn two_nodes_that_rotate_at_once_do_it_once() {
    let fixture = Fixture::new().await;
    let other = signing_keys(&fixture.store, &fixture.vault, &fixture.clock).await;
    fixture.clock.set(1_000 + 91 * DAY);
    let (one, two) = tokio::join!(fixture.signing.maintain(), other.maintain());
    one.unwrap();
    two.unwrap();
    let mut found = states(&fixture).await;
    found.sort_by_key(|state| state.as_str());
    assert_eq!(
        found,
        [
            SigningKeyState::Current,
            SigningKeyState::Previous,
            SigningKeyState::Standby
        ]
    );
}

#[tokio::test]
async fn the_published_set_has_the_public_halves_only() {
    let fixture = Fixture::new().await;
    let set = fixture.signing.public_set().await.unwrap();
    for key in set["keys"].as_array().unwrap() {
        let fields: Vec<&str> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(fields, ["kty", "crv", "use", "alg", "kid", "x"]);
        assert_eq!(
            (&key["kty"], &key["crv"]),
            (&"OKP".into(), &"Ed25519".into())
        );
        assert_eq!(key["x"].as_str().unwrap().len(), 43);
    }
}
