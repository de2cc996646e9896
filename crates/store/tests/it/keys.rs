//! API keys.

use model::{ApiKeyId, KeyClass, OsRandom, Random, Scope, TaskScope};
use store::{ApiKey, ApiKeyPatch, Error, KeyHash, KeyStatus, KeyUse, NewApiKey, TenantStatus};

use crate::support::{Fixture, at, by};

conformance![
    a_key_is_found_by_its_hash_with_its_tenants_state,
    a_key_comes_back_as_it_was_kept,
    a_hash_is_kept_once,
    a_key_is_disabled_enabled_and_revoked,
    another_organization_cannot_change_a_key,
    last_use_moves_forward_only,
    the_latest_callers_of_a_key_are_kept,
    a_key_has_one_successor,
    a_key_is_changed_in_part,
    a_change_does_not_bring_back_a_key_revoked_meanwhile,
];

pub(crate) fn hash() -> KeyHash {
    let mut bytes = [0; 32];
    OsRandom.fill(&mut bytes);
    KeyHash {
        algorithm: "hmac-sha256:k1".to_owned(),
        bytes,
    }
}

pub(crate) fn new_key(scope: &TaskScope, class: KeyClass, name: &str) -> NewApiKey {
    let id = ApiKeyId::generate(&OsRandom);
    NewApiKey {
        key: ApiKey {
            id,
            organization_id: scope.organization_id,
            project_id: match class {
                KeyClass::Project => Some(scope.project_id),
                KeyClass::Management => None,
            },
            prefix: "sigmic_01234".to_owned(),
            class,
            name: name.to_owned(),
            scopes: Scope::TASKS.to_vec(),
            cidrs: vec!["10.0.0.0/8".to_owned()],
            limits: None,
            metadata: None,
            status: KeyStatus::Active,
            created_by: "ana".to_owned(),
            created_at: at(1_000),
            expires_at: Some(at(9_000)),
            parent: None,
            lineage: id,
            rotated_from: None,
            overlap_until: None,
            last_used_at: None,
            last_used_ip: None,
            revoked_at: None,
            revoke_reason: None,
        },
        hash: hash(),
    }
}

async fn insert(fixture: &Fixture, class: KeyClass) -> (TaskScope, NewApiKey) {
    let scope = fixture.tenant().await;
    let new = new_key(&scope, class, "a key");
    fixture
        .store
        .insert_api_key(new.clone(), by(1_000))
        .await
        .unwrap();
    (scope, new)
}

async fn a_key_is_found_by_its_hash_with_its_tenants_state(fixture: &Fixture) {
    for class in [KeyClass::Project, KeyClass::Management] {
        let (scope, new) = insert(fixture, class).await;
        let found = fixture.store.unscoped_find_api_key_by_hash(&new.hash.bytes);
        let found = found.await.unwrap().unwrap();
        assert_eq!((found.id, found.lineage), (new.key.id, new.key.lineage));
        assert_eq!(found.organization_id, scope.organization_id);
        assert_eq!((found.class, found.project_id), (class, new.key.project_id));
        assert_eq!(found.scopes, Scope::TASKS);
        assert_eq!(found.username, "ana");
        assert_eq!(
            (found.status, found.expires_at),
            (KeyStatus::Active, Some(at(9_000)))
        );
        assert_eq!(found.cidrs, ["10.0.0.0/8"]);
        assert_eq!(found.hash_algorithm, "hmac-sha256:k1");
        assert_eq!(found.organization_status, TenantStatus::Active);
        let project = (class == KeyClass::Project).then_some(TenantStatus::Active);
        assert_eq!(found.project_status, project);
    }
    let other = hash().bytes;
    let unknown = fixture.store.unscoped_find_api_key_by_hash(&other);
    assert_eq!(unknown.await.unwrap(), None);
}

async fn a_key_comes_back_as_it_was_kept(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut new = new_key(&scope, KeyClass::Project, "full");
    new.key.limits = Some(model::Rate::per_minute(5).unwrap());
    new.key.metadata = Some(serde_json::json!({"team": "🦀"}));
    new.key.parent = Some(ApiKeyId::generate(&OsRandom));
    new.key.overlap_until = Some(at(7));
    fixture
        .store
        .insert_api_key(new.clone(), by(1_000))
        .await
        .unwrap();
    let management = new_key(&scope, KeyClass::Management, "m");
    let both = [new.key, management.key.clone()];
    fixture
        .store
        .insert_api_key(management, by(1_000))
        .await
        .unwrap();
    let list = |project| fixture.store.list_api_keys(scope.organization_id, project);
    let all = list(None).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(both.iter().all(|key| all.contains(key)));
    let of_project = list(Some(scope.project_id)).await.unwrap();
    assert_eq!(of_project, both[..1]);
    let foreign = fixture.tenant().await;
    let none = fixture
        .store
        .list_api_keys(foreign.organization_id, Some(scope.project_id));
    assert_eq!(none.await.unwrap(), []);
}

async fn a_hash_is_kept_once(fixture: &Fixture) {
    let (scope, new) = insert(fixture, KeyClass::Project).await;
    let mut second = new_key(&scope, KeyClass::Project, "second");
    second.hash = new.hash;
    let error = fixture
        .store
        .insert_api_key(second, by(1_000))
        .await
        .unwrap_err();
    let Error::Duplicate { constraint } = error else {
        panic!("{error}");
    };
    assert_eq!(constraint, "api_keys_hash");
}

async fn a_key_is_disabled_enabled_and_revoked(fixture: &Fixture) {
    let (scope, new) = insert(fixture, KeyClass::Project).await;
    let (store, organization, id) = (&fixture.store, scope.organization_id, new.key.id);
    for status in [KeyStatus::Disabled, KeyStatus::Active] {
        store
            .update_api_key(organization, id, to(status), by(1_000))
            .await
            .unwrap();
        let found = store.unscoped_find_api_key_by_hash(&new.hash.bytes).await;
        assert_eq!(found.unwrap().unwrap().status, status);
    }
    for (now, reason) in [(2_000, "leaked"), (3_000, "again")] {
        let reason = Some(reason.to_owned());
        store
            .revoke_api_key(organization, id, reason, by(now))
            .await
            .unwrap();
    }
    let keys = store.list_api_keys(organization, None).await.unwrap();
    assert_eq!(keys[0].status, KeyStatus::Revoked);
    assert_eq!(keys[0].revoked_at, Some(at(2_000)), "the first");
    assert_eq!(keys[0].revoke_reason.as_deref(), Some("leaked"));
    let back = store
        .update_api_key(organization, id, to(KeyStatus::Active), by(1_000))
        .await;
    assert!(matches!(back, Err(Error::NotFound)));
}

async fn another_organization_cannot_change_a_key(fixture: &Fixture) {
    let (_, new) = insert(fixture, KeyClass::Project).await;
    let foreign = fixture.tenant().await.organization_id;
    let (store, id) = (&fixture.store, new.key.id);
    let disabled = store
        .update_api_key(foreign, id, to(KeyStatus::Disabled), by(1_000))
        .await;
    assert!(matches!(disabled, Err(Error::NotFound)));
    let revoked = store.revoke_api_key(foreign, id, None, by(2_000)).await;
    assert!(matches!(revoked, Err(Error::NotFound)));
    let found = store.unscoped_find_api_key_by_hash(&new.hash.bytes).await;
    assert_eq!(found.unwrap().unwrap().status, KeyStatus::Active);
}

async fn last_use_moves_forward_only(fixture: &Fixture) {
    let (scope, new) = insert(fixture, KeyClass::Project).await;
    let used = |now, ip: &str| KeyUse {
        id: new.key.id,
        at: at(now),
        ip: Some(ip.to_owned()),
    };
    let uses = vec![used(3_000, "10.0.0.3"), used(2_000, "10.0.0.2")];
    fixture.store.touch_api_keys(uses).await.unwrap();
    fixture
        .store
        .touch_api_keys(vec![used(1_000, "10.0.0.1")])
        .await
        .unwrap();
    let keys = fixture
        .store
        .list_api_keys(scope.organization_id, None)
        .await;
    let key = keys.unwrap().remove(0);
    assert_eq!(key.last_used_at, Some(at(3_000)));
    assert_eq!(key.last_used_ip.as_deref(), Some("10.0.0.3"));
}

/// A change of the status alone.
fn to(status: KeyStatus) -> ApiKeyPatch {
    ApiKeyPatch {
        status: Some(status),
        ..ApiKeyPatch::default()
    }
}

async fn the_latest_callers_of_a_key_are_kept(fixture: &Fixture) {
    let (scope, new) = insert(fixture, KeyClass::Project).await;
    let (store, id) = (&fixture.store, new.key.id);
    let used = |number: i64, now| KeyUse {
        id,
        at: at(now),
        ip: Some(format!("10.0.0.{number}")),
    };
    let uses = (1..=25)
        .map(|number| used(number, number * 1_000))
        .collect();
    store.touch_api_keys(uses).await.unwrap();
    store
        .touch_api_keys(vec![used(10, 99_000), used(25, 1)])
        .await
        .unwrap();
    let callers = store.list_key_callers(scope.organization_id, id).await;
    let callers = callers.unwrap();
    assert_eq!(callers.len(), 20);
    assert_eq!(
        (callers[0].ip.as_str(), callers[0].last_used_at),
        ("10.0.0.10", at(99_000))
    );
    assert_eq!(
        (callers[1].ip.as_str(), callers[1].last_used_at),
        ("10.0.0.25", at(25_000))
    );
    let foreign = fixture.tenant().await.organization_id;
    assert_eq!(store.list_key_callers(foreign, id).await.unwrap(), []);
    // A key that is gone leaves no caller behind.
    let mut gone = used(1, 5);
    gone.id = new_key(&scope, KeyClass::Project, "never kept").key.id;
    store.touch_api_keys(vec![gone]).await.unwrap();
}

async fn a_key_has_one_successor(fixture: &Fixture) {
    let (scope, old) = insert(fixture, KeyClass::Project).await;
    let store = &fixture.store;
    let next = new_key(&scope, KeyClass::Project, "next");
    let made = store
        .rotate_api_key(old.key.id, next.clone(), at(9_000), by(1_000))
        .await;
    let made = made.unwrap();
    assert_eq!(
        (made.rotated_from, made.lineage),
        (Some(old.key.id), old.key.lineage)
    );
    let found = store.find_api_key(scope.organization_id, old.key.id).await;
    assert_eq!(found.unwrap().unwrap().overlap_until, Some(at(9_000)));
    let again = new_key(&scope, KeyClass::Project, "again");
    let again = store
        .rotate_api_key(old.key.id, again, at(9_000), by(1_000))
        .await;
    assert!(matches!(again, Err(Error::Conflict)));
    let foreign = new_key(&fixture.tenant().await, KeyClass::Project, "foreign");
    let foreign = store
        .rotate_api_key(made.id, foreign, at(9_000), by(1_000))
        .await;
    assert!(matches!(foreign, Err(Error::NotFound)));
    store
        .revoke_api_key(scope.organization_id, made.id, None, by(2_000))
        .await
        .unwrap();
    let dead = new_key(&scope, KeyClass::Project, "dead");
    let dead = store
        .rotate_api_key(made.id, dead, at(9_000), by(1_000))
        .await;
    assert!(matches!(dead, Err(Error::NotFound)));
}

async fn a_key_is_changed_in_part(fixture: &Fixture) {
    let (scope, new) = insert(fixture, KeyClass::Project).await;
    let change = |patch| {
        fixture
            .store
            .update_api_key(scope.organization_id, new.key.id, patch, by(1_000))
    };
    let named = change(ApiKeyPatch {
        name: Some("other".to_owned()),
        expires_at: Some(Some(at(7_000))),
        ..ApiKeyPatch::default()
    });
    let named = named.await.unwrap();
    assert_eq!(
        (named.name.as_str(), named.expires_at),
        ("other", Some(at(7_000)))
    );
    let kept = change(to(KeyStatus::Disabled)).await.unwrap();
    assert_eq!(
        (kept.name.as_str(), kept.expires_at),
        ("other", Some(at(7_000)))
    );
    let endless = change(ApiKeyPatch {
        expires_at: Some(None),
        ..ApiKeyPatch::default()
    });
    assert_eq!(endless.await.unwrap().expires_at, None);
}

async fn a_change_does_not_bring_back_a_key_revoked_meanwhile(fixture: &Fixture) {
    for round in 0..40 {
        let (scope, kept) = insert(fixture, KeyClass::Project).await;
        let (organization, id) = (scope.organization_id, kept.key.id);
        let rename = ApiKeyPatch {
            name: Some(format!("renamed {round}")),
            ..ApiKeyPatch::default()
        };
        let (revoked, renamed) = tokio::join!(
            fixture
                .store
                .revoke_api_key(organization, id, None, by(2_000)),
            fixture
                .store
                .update_api_key(organization, id, rename, by(1_000)),
        );
        revoked.unwrap();
        // Whichever was first.
        assert!(matches!(renamed, Ok(_) | Err(Error::NotFound)));
        let key = fixture.store.find_api_key(organization, id).await.unwrap();
        assert_eq!(key.unwrap().status, KeyStatus::Revoked);
    }
}
