//! Widget apps, end users, the sessions of their tokens, and the keys that sign these.

use model::{AppId, EndUserId, OsRandom, TaskScope, Whose, WidgetAppId, WidgetSessionId};
use store::{
    EndUserStatus, Error, KeyHash, NewWidgetApp, NewWidgetSession, SessionsOf, SigningKeyChange,
    SigningKeyRow, SigningKeyState, TaskFilter, TenantStatus, WidgetApp, WidgetAppPatch,
    WidgetAppScope, WidgetAppSecret,
};

use crate::support::{Fixture, at, by, new_task};

conformance![
    an_app_is_found_by_its_public_name_and_in_its_project_only,
    an_app_is_changed_in_part,
    of_rotated_secrets_the_old_one_ends,
    an_end_user_is_made_once,
    a_session_is_read_with_everything_it_depends_on,
    variables_are_replaced_as_a_whole,
    tokens_are_cut_off_one_by_one_and_by_end_user,
    a_blocked_end_user_gets_no_session,
    an_end_users_scope_holds_their_tasks_only,
    a_deleted_app_takes_its_end_users_along,
    signing_keys_change_state_once,
];

fn secret(byte: u8, created_at: i64) -> WidgetAppSecret {
    WidgetAppSecret {
        hash: KeyHash {
            algorithm: "hmac-sha256:1".to_owned(),
            bytes: [byte; 32],
        },
        created_at: at(created_at),
        expires_at: None,
    }
}

async fn app(fixture: &Fixture) -> (WidgetAppScope, WidgetApp) {
    let tenant = fixture.tenant().await;
    let app = WidgetApp {
        id: WidgetAppId::generate(&OsRandom),
        organization_id: tenant.organization_id,
        project_id: tenant.project_id,
        app_id: AppId::generate(&OsRandom),
        name: "Help".to_owned(),
        allowed_origins: vec!["https://a.example".to_owned()],
        allow_null_origin: false,
        require_origin: false,
        status: TenantStatus::Active,
        theme: None,
        created_by: "ana".to_owned(),
        created_at: at(1_000),
    };
    let new = NewWidgetApp {
        app: app.clone(),
        secret: secret(1, 1_000),
    };
    fixture
        .store
        .insert_widget_app(new, by(1_000))
        .await
        .unwrap();
    let scope = WidgetAppScope {
        organization_id: app.organization_id,
        project_id: app.project_id,
        id: app.id,
    };
    (scope, app)
}

async fn signing_key(fixture: &Fixture, kid: &str, state: SigningKeyState) {
    let key = SigningKeyRow {
        kid: kid.to_owned(),
        state,
        public: vec![1; 32],
        sealed: vec![2; 73],
        created_at: at(1_000),
        changed_at: at(1_000),
    };
    let changed = fixture
        .store
        .change_signing_keys(vec![], vec![key], by(1_000));
    changed.await.unwrap();
}

async fn end_user(fixture: &Fixture, app: &WidgetApp, name: &str) -> EndUserId {
    let id = EndUserId::generate(&OsRandom);
    let made = fixture
        .store
        .find_or_insert_end_user(app.id, name.to_owned(), id, at(1_000));
    made.await.unwrap().id
}

async fn session(fixture: &Fixture, app: &WidgetApp, user: EndUserId) -> WidgetSessionId {
    let new = new_session(app, user, None);
    let id = new.id;
    fixture.store.insert_widget_session(new).await.unwrap();
    id
}

fn new_session(app: &WidgetApp, user: EndUserId, variables: Option<Vec<u8>>) -> NewWidgetSession {
    NewWidgetSession {
        id: WidgetSessionId::generate(&OsRandom),
        end_user_id: user,
        widget_app_id: app.id,
        kid: "k1".to_owned(),
        created_at: at(2_000),
        expires_at: at(9_000),
        variables,
    }
}

async fn an_app_is_found_by_its_public_name_and_in_its_project_only(fixture: &Fixture) {
    let (scope, made) = app(fixture).await;
    let store = &fixture.store;
    let found = store.unscoped_find_widget_app_by_app_id(made.app_id.clone());
    let found = found.await.unwrap().unwrap();
    assert_eq!(found.app, made);
    assert_eq!(found.secrets, [secret(1, 1_000)]);
    assert_eq!(found.organization_status, TenantStatus::Active);
    assert_eq!(found.project_status, TenantStatus::Active);
    let unknown = store.unscoped_find_widget_app_by_app_id(AppId::generate(&OsRandom));
    assert_eq!(unknown.await.unwrap(), None);
    assert_eq!(
        store.find_widget_app(scope).await.unwrap(),
        Some(made.clone())
    );
    let listed = store.list_widget_apps(scope.organization_id, scope.project_id);
    assert_eq!(listed.await.unwrap(), [made]);
    let sibling = fixture.project(scope.organization_id).await;
    let elsewhere = WidgetAppScope {
        project_id: sibling.project_id,
        ..scope
    };
    assert_eq!(store.find_widget_app(elsewhere).await.unwrap(), None);
    let changed = store.update_widget_app(elsewhere, WidgetAppPatch::default(), by(1_000));
    assert!(matches!(changed.await, Err(Error::NotFound)));
    let rotated = store.rotate_widget_app_secret(elsewhere, secret(2, 1), at(1), by(1_000));
    assert!(matches!(rotated.await, Err(Error::NotFound)));
    let of = SessionsOf::EndUser("u".to_owned());
    let revoked = store.revoke_widget_sessions(elsewhere, of, by(1));
    assert!(matches!(revoked.await, Err(Error::NotFound)));
    let sessions = store.list_widget_sessions(elsewhere, at(1), 10);
    assert!(matches!(sessions.await, Err(Error::NotFound)));
}

async fn an_app_is_changed_in_part(fixture: &Fixture) {
    let (scope, made) = app(fixture).await;
    let patch = WidgetAppPatch {
        allowed_origins: Some(vec!["*".to_owned()]),
        theme: Some(Some(serde_json::json!({"color": "red"}))),
        ..WidgetAppPatch::default()
    };
    let changed = fixture
        .store
        .update_widget_app(scope, patch, by(1_000))
        .await
        .unwrap();
    assert_eq!(changed.name, made.name);
    assert_eq!(changed.allowed_origins, ["*"]);
    let patch = WidgetAppPatch {
        status: Some(TenantStatus::Disabled),
        theme: Some(None),
        ..WidgetAppPatch::default()
    };
    let changed = fixture
        .store
        .update_widget_app(scope, patch, by(1_000))
        .await
        .unwrap();
    assert_eq!(
        (changed.status, &changed.theme),
        (TenantStatus::Disabled, &None)
    );
    let found = fixture.store.find_widget_app(scope).await.unwrap();
    assert_eq!(found, Some(changed));
}

async fn of_rotated_secrets_the_old_one_ends(fixture: &Fixture) {
    let (scope, made) = app(fixture).await;
    let store = &fixture.store;
    let secrets = || async {
        let found = store.unscoped_find_widget_app_by_app_id(made.app_id.clone());
        let secrets = found.await.unwrap().unwrap().secrets;
        let ends = secrets
            .iter()
            .map(|secret| (secret.hash.bytes[0], secret.expires_at));
        ends.collect::<Vec<_>>()
    };
    let rotated = store.rotate_widget_app_secret(scope, secret(2, 2_000), at(5_000), by(1_000));
    rotated.await.unwrap();
    assert_eq!(secrets().await, [(1, Some(at(5_000))), (2, None)]);
    // What has ended is gone.
    let rotated = store.rotate_widget_app_secret(scope, secret(3, 6_000), at(8_000), by(1_000));
    rotated.await.unwrap();
    assert_eq!(secrets().await, [(2, Some(at(8_000))), (3, None)]);
    // An end that was set is not put off.
    let rotated = store.rotate_widget_app_secret(scope, secret(4, 7_000), at(20_000), by(1_000));
    rotated.await.unwrap();
    let ends = [(2, Some(at(8_000))), (3, Some(at(20_000))), (4, None)];
    assert_eq!(secrets().await, ends);
}

async fn an_end_user_is_made_once(fixture: &Fixture) {
    let (_, made) = app(fixture).await;
    let first = end_user(fixture, &made, "u1").await;
    assert_eq!(end_user(fixture, &made, "u1").await, first);
    assert_ne!(end_user(fixture, &made, "u2").await, first);
    let (_, other) = app(fixture).await;
    assert_ne!(end_user(fixture, &other, "u1").await, first, "by app");
    // Any text is a name.
    end_user(fixture, &made, "\u{0}'; DROP TABLE end_users; --").await;
}

async fn a_session_is_read_with_everything_it_depends_on(fixture: &Fixture) {
    let (_, made) = app(fixture).await;
    signing_key(fixture, "k1", SigningKeyState::Current).await;
    let user = end_user(fixture, &made, "u1").await;
    let id = session(fixture, &made, user).await;
    let found = fixture.store.unscoped_find_widget_session(id).await;
    let found = found.unwrap().unwrap();
    assert_eq!(
        (found.end_user_id, found.end_user_name.as_str()),
        (user, "u1")
    );
    assert_eq!(
        (found.widget_app_id, &found.app_id),
        (made.id, &made.app_id)
    );
    assert_eq!(found.organization_id, made.organization_id);
    assert_eq!(found.project_id, made.project_id);
    assert_eq!(found.allowed_origins, made.allowed_origins);
    assert_eq!((found.expires_at, found.revoked_at), (at(9_000), None));
    assert_eq!(
        (found.kid.as_str(), found.key_state),
        ("k1", SigningKeyState::Current)
    );
    let none = fixture
        .store
        .unscoped_find_widget_session(WidgetSessionId::generate(&OsRandom));
    assert_eq!(none.await.unwrap(), None);
}

async fn variables_are_replaced_as_a_whole(fixture: &Fixture) {
    let (_, made) = app(fixture).await;
    signing_key(fixture, "k1", SigningKeyState::Current).await;
    let user = end_user(fixture, &made, "u1").await;
    let store = &fixture.store;
    assert_eq!(
        store.unscoped_find_end_user_variables(user).await.unwrap(),
        None
    );
    let new = new_session(&made, user, Some(vec![1, 2]));
    store.insert_widget_session(new).await.unwrap();
    let found = store.unscoped_find_end_user_variables(user).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.organization_id, made.organization_id);
    assert_eq!(found.sealed, [1, 2]);
    session(fixture, &made, user).await;
    assert_eq!(
        store.unscoped_find_end_user_variables(user).await.unwrap(),
        None
    );
}

async fn tokens_are_cut_off_one_by_one_and_by_end_user(fixture: &Fixture) {
    let (scope, made) = app(fixture).await;
    signing_key(fixture, "k1", SigningKeyState::Current).await;
    let store = &fixture.store;
    let (ana, ben) = (
        end_user(fixture, &made, "ana").await,
        end_user(fixture, &made, "ben").await,
    );
    let first = session(fixture, &made, ana).await;
    session(fixture, &made, ana).await;
    let bens = session(fixture, &made, ben).await;
    let listed = store
        .list_widget_sessions(scope, at(3_000), 10)
        .await
        .unwrap();
    assert_eq!(listed.len(), 3);
    let one = SessionsOf::Session(first);
    let cut = store.revoke_widget_sessions(scope, one.clone(), by(3_000));
    assert_eq!(cut.await.unwrap(), (ana, 1));
    let again = store.revoke_widget_sessions(scope, one, by(4_000));
    assert_eq!(again.await.unwrap(), (ana, 0), "it was cut off already");
    let all = SessionsOf::EndUser("ana".to_owned());
    let cut = store.revoke_widget_sessions(scope, all, by(4_000));
    assert_eq!(cut.await.unwrap(), (ana, 1));
    let found = store.unscoped_find_widget_session(first).await.unwrap();
    assert_eq!(found.unwrap().revoked_at, Some(at(3_000)), "the first time");
    let listed = store
        .list_widget_sessions(scope, at(5_000), 10)
        .await
        .unwrap();
    let ids: Vec<_> = listed.iter().map(|session| session.id).collect();
    assert_eq!(ids, [bens]);
    for nobody in [
        SessionsOf::EndUser("cleo".to_owned()),
        SessionsOf::Session(WidgetSessionId::generate(&OsRandom)),
    ] {
        let cut = store.revoke_widget_sessions(scope, nobody, by(4_000));
        assert!(matches!(cut.await, Err(Error::NotFound)));
    }
    assert_eq!(
        store
            .delete_expired_widget_sessions(at(9_000))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        store
            .delete_expired_widget_sessions(at(9_001))
            .await
            .unwrap(),
        3
    );
}

async fn a_blocked_end_user_gets_no_session(fixture: &Fixture) {
    let (scope, made) = app(fixture).await;
    signing_key(fixture, "k1", SigningKeyState::Current).await;
    let store = &fixture.store;
    let set = |status| {
        let id = EndUserId::generate(&OsRandom);
        store.set_end_user_status(scope, "mal".to_owned(), status, id, by(1_000))
    };
    set(EndUserStatus::Blocked).await.unwrap();
    let user = end_user(fixture, &made, "mal").await;
    let refused = store
        .insert_widget_session(new_session(&made, user, None))
        .await;
    assert!(matches!(refused, Err(Error::NotFound)));
    set(EndUserStatus::Active).await.unwrap();
    session(fixture, &made, user).await;
}

async fn an_end_users_scope_holds_their_tasks_only(fixture: &Fixture) {
    let (_, made) = app(fixture).await;
    let (ana, ben) = (
        end_user(fixture, &made, "ana").await,
        end_user(fixture, &made, "ben").await,
    );
    let whole = TaskScope {
        organization_id: made.organization_id,
        project_id: made.project_id,
        whose: Whose::Anybody,
    };
    let of = |user| TaskScope {
        whose: Whose::EndUser(user),
        ..whole.clone()
    };
    let mut new = new_task(&whole, 1_000);
    new.task.end_user_id = Some(ana);
    let id = new.task.id;
    fixture.store.insert_task(new).await.unwrap();
    fixture.task(&whole, 2_000).await;
    let count = |scope: TaskScope| async move {
        let page = fixture
            .store
            .list_tasks(&scope, TaskFilter::default(), 50, 0);
        page.await.unwrap().total
    };
    assert_eq!(count(of(ana)).await, 1);
    assert_eq!(count(of(ben)).await, 0);
    assert_eq!(count(whole.clone()).await, 2);
    let found = fixture.store.find_task(&of(ana), id).await.unwrap();
    assert_eq!(found.unwrap().end_user_id, Some(ana));
    assert_eq!(fixture.store.find_task(&of(ben), id).await.unwrap(), None);
    let cancel = fixture.store.request_cancel(&of(ben), id, at(3_000)).await;
    assert!(matches!(cancel, Err(Error::NotFound)));
}

async fn signing_keys_change_state_once(fixture: &Fixture) {
    let store = &fixture.store;
    assert_eq!(store.list_signing_keys().await.unwrap(), []);
    signing_key(fixture, "k1", SigningKeyState::Current).await;
    signing_key(fixture, "k2", SigningKeyState::Standby).await;
    let change = |kid: &str, from, to| SigningKeyChange {
        kid: kid.to_owned(),
        from,
        to,
    };
    let rotate = || {
        vec![
            change("k1", SigningKeyState::Current, SigningKeyState::Previous),
            change("k2", SigningKeyState::Standby, SigningKeyState::Current),
        ]
    };
    store
        .change_signing_keys(rotate(), vec![], by(2_000))
        .await
        .unwrap();
    let again = store.change_signing_keys(rotate(), vec![], by(3_000)).await;
    assert!(matches!(again, Err(Error::Conflict)));
    let keys = store.list_signing_keys().await.unwrap();
    let states: Vec<_> = keys
        .iter()
        .map(|key| (key.kid.as_str(), key.state, key.changed_at))
        .collect();
    assert_eq!(
        states,
        [
            ("k1", SigningKeyState::Previous, at(2_000)),
            ("k2", SigningKeyState::Current, at(2_000)),
        ]
    );
    let second = SigningKeyRow {
        kid: "k3".to_owned(),
        ..keys[1].clone()
    };
    let second = store.change_signing_keys(vec![], vec![second], by(4_000));
    assert!(matches!(second.await, Err(Error::Duplicate { .. })));
}

async fn a_deleted_app_takes_its_end_users_along(fixture: &Fixture) {
    let (scope, made) = app(fixture).await;
    let (_, other) = app(fixture).await;
    signing_key(fixture, "k1", SigningKeyState::Current).await;
    let store = &fixture.store;
    let user = end_user(fixture, &made, "u1").await;
    let id = session(fixture, &made, user).await;
    let kept = end_user(fixture, &other, "u1").await;
    let kept = session(fixture, &other, kept).await;
    let elsewhere = WidgetAppScope {
        id: other.id,
        ..scope
    };
    let foreign = store.delete_widget_app(elsewhere, by(1_000)).await;
    assert!(matches!(foreign, Err(Error::NotFound)));
    store.delete_widget_app(scope, by(1_000)).await.unwrap();
    assert_eq!(store.find_widget_app(scope).await.unwrap(), None);
    assert_eq!(store.unscoped_find_widget_session(id).await.unwrap(), None);
    assert!(
        store
            .unscoped_find_widget_session(kept)
            .await
            .unwrap()
            .is_some()
    );
    let again = store.delete_widget_app(scope, by(1_000)).await;
    assert!(matches!(again, Err(Error::NotFound)));
}
