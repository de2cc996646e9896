//! Which keys work, and that those that do not all look alike.

use auth::{AuthError, Authenticator, Credential, PlainKey};
use futures_util::FutureExt as _;
use model::{KeyClass, OsRandom, Principal, Scope, Timestamp};
use tenancy::MintedKey;
use vault::Secret;

use crate::support::{Fixture, credential_of};

#[tokio::test]
async fn a_key_tells_who_is_asking() {
    let fixture = Fixture::new().await;
    let minted = &fixture.first.keys[0];
    let Principal::ApiKey(key) = fixture.ask(minted, None).await.unwrap() else {
        panic!("a key")
    };
    assert_eq!(key.key_id, minted.record.id);
    assert_eq!(key.organization_id, fixture.first.organization.id);
    assert_eq!(key.project_id, Some(fixture.first.project.id));
    assert_eq!(
        (key.class, key.username.as_str()),
        (KeyClass::Project, "ana")
    );
    assert_eq!(key.scopes, Scope::TASKS);
}

async fn refused(fixture: &Fixture, minted: &MintedKey) -> String {
    let error = fixture.ask(minted, None).await.unwrap_err();
    assert!(matches!(error, AuthError::InvalidApiKey), "{error}");
    error.to_string()
}

#[tokio::test]
async fn keys_that_do_not_work_all_get_one_answer() {
    let fixture = Fixture::new().await;
    let organization = fixture.first.organization.id;
    let [disabled, revoked, expiring] = [
        fixture.key(fixture.wanted("disabled")).await,
        fixture.key(fixture.wanted("revoked")).await,
        fixture
            .key(tenancy::NewKey {
                expires_at: Some(Timestamp::from_millis(5_000)),
                ..fixture.wanted("expiring")
            })
            .await,
    ];
    let (admin, id) = (&fixture.admin, disabled.record.id);
    admin.disable_key(organization, id).await.unwrap();
    let reason = Some("leaked".to_owned());
    let done = admin.revoke_key(organization, revoked.record.id, reason);
    done.await.unwrap();

    fixture.clock.set(4_999);
    let credential = credential_of(&expiring);
    let before = fixture.authenticator.check(&credential, None).await;
    let valid_until = before.unwrap().valid_until;
    assert_eq!(valid_until, Some(Timestamp::from_millis(5_000)));
    fixture.clock.set(5_000);

    let unknown = MintedKey {
        record: disabled.record.clone(),
        key: PlainKey::mint(&OsRandom),
    };
    let mut answers = std::collections::HashSet::new();
    for minted in [&disabled, &revoked, &expiring, &unknown] {
        answers.insert(refused(&fixture, minted).await);
    }
    assert_eq!(answers.len(), 1);

    admin.enable_key(organization, id).await.unwrap();
    assert!(fixture.ask(&disabled, None).await.is_ok());
    let back = admin.enable_key(organization, revoked.record.id).await;
    assert!(matches!(back, Err(tenancy::AdminError::NotFound)));
}

#[tokio::test]
async fn a_key_may_be_bound_to_networks() {
    let fixture = Fixture::new().await;
    let bound = fixture
        .key(tenancy::NewKey {
            cidrs: vec!["10.0.0.0/8".to_owned()],
            ..fixture.wanted("bound")
        })
        .await;
    assert!(fixture.ask(&bound, Some("10.1.1.1")).await.is_ok());
    for peer in [Some("192.0.2.1"), Some("::1"), None] {
        let refused = fixture.ask(&bound, peer).await.unwrap_err();
        assert!(matches!(refused, AuthError::InvalidApiKey), "{peer:?}");
    }
}

#[tokio::test]
async fn no_token_is_valid_where_none_is_signed() {
    let fixture = Fixture::new().await;
    let token = Credential::Token(Secret::new("eyJhbGciOiJub25lIn0.e30.".to_owned()));
    let (store, hasher) = (fixture.store.clone(), fixture.hasher.clone());
    let unsigned = Authenticator::new(store, hasher, None, fixture.clock.clone());
    let refused = unsigned.authenticate(&token, None).await;
    assert!(matches!(refused, Err(AuthError::JwtNotConfigured)));
}

#[tokio::test]
async fn uses_are_noted_and_refusals_are_not() {
    let fixture = Fixture::new().await;
    let organization = fixture.first.organization.id;
    let good = &fixture.first.keys[0];
    let bad = fixture.key(fixture.wanted("bad")).await;
    let done = fixture.admin.disable_key(organization, bad.record.id);
    done.await.unwrap();
    let peer = Some("192.0.2.7");
    for now in [2_000, 3_000] {
        fixture.clock.set(now);
        fixture.ask(good, peer).await.unwrap();
        fixture.ask(&bad, peer).await.unwrap_err();
    }
    assert_eq!(fixture.authenticator.flush_last_used().await.unwrap(), 1);
    assert_eq!(fixture.authenticator.flush_last_used().await.unwrap(), 0);
    let keys = fixture.admin.list_keys(organization, None).await.unwrap();
    let of = |minted: &MintedKey| {
        let key = keys.iter().find(|key| key.id == minted.record.id).unwrap();
        (key.last_used_at, key.last_used_ip.clone())
    };
    let wanted = (
        Some(Timestamp::from_millis(3_000)),
        Some("192.0.2.7".to_owned()),
    );
    assert_eq!(of(good), wanted);
    assert_eq!(of(&bad), (None, None));
}

#[tokio::test]
async fn a_watch_that_is_asked_often_sees_the_end_of_a_key() {
    let fixture = Fixture::new().await;
    let expiring = fixture
        .key(tenancy::NewKey {
            expires_at: Some(Timestamp::from_millis(5_000)),
            ..fixture.wanted("expiring")
        })
        .await;
    let revoked = fixture.key(fixture.wanted("revoked")).await;
    fixture.clock.set(4_999);
    let watch = |minted| fixture.authenticator.watch(credential_of(minted), None);
    // Dropped and made anew each time, as by a stream that always has something to send.
    let mut first = watch(&expiring);
    assert!(first.revoked().now_or_never().is_none());
    fixture.clock.set(5_000);
    assert!(first.revoked().now_or_never().is_some());

    let mut second = watch(&revoked);
    assert!(second.revoked().now_or_never().is_none());
    let (organization, id) = (revoked.record.organization_id, revoked.record.id);
    let done = fixture.admin.revoke_key(organization, id, None);
    done.await.unwrap();
    assert!(second.revoked().now_or_never().is_some());
}
