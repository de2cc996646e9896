//! People, their links and their sign-ins.

use model::{Caller, ConsoleSessionId, Email, OrganizationId, OsRandom, UserId};
use store::{
    ChangedBy, ConsoleSession, Error, NewConsoleSession, PasswordLink, PasswordRecord,
    SessionEnding, User, UserPatch, UserStatus,
};

use crate::support::{Fixture, at};

fn user(email: &str) -> User {
    User {
        id: UserId::generate(&OsRandom),
        email: Email::parse(email).unwrap(),
        name: "Ana".to_owned(),
        password: None,
        status: UserStatus::Active,
        created_at: at(1),
    }
}

async fn owner(fixture: &Fixture, email: &str) -> (OrganizationId, User) {
    let organization = fixture.tenant().await.organization_id;
    let made = fixture
        .store
        .ensure_owner(organization, user(email), by(1))
        .await;
    (organization, made.unwrap())
}

fn session(user: UserId, organization: OrganizationId, hash: u8, now: i64) -> NewConsoleSession {
    NewConsoleSession {
        session: ConsoleSession {
            id: ConsoleSessionId::generate(&OsRandom),
            user_id: user,
            organization_id: Some(organization),
            created_at: at(now),
            last_seen_at: at(now),
            expires_at: at(now + 1_000),
            ip: None,
            agent: None,
        },
        hash: [hash; 32],
        refused_before: 0,
        password: None,
    }
}

fn by(now: i64) -> ChangedBy {
    ChangedBy {
        caller: Caller::SERVER,
        at: at(now),
    }
}

async fn an_organization_has_one_first_owner(fixture: &Fixture) {
    let (organization, ana) = owner(fixture, "ana@example.com").await;
    let second = user("bob@example.com");
    let found = fixture
        .store
        .ensure_owner(organization, second, by(2))
        .await;
    assert_eq!(found.unwrap(), ana);
    let (other, same) = owner(fixture, "ana@example.com").await;
    assert_eq!(same, ana, "one person in two organizations");
    let listed = fixture.store.list_organizations_of(ana.id).await.unwrap();
    let mut ids: Vec<_> = listed.iter().map(|own| own.id).collect();
    ids.sort();
    let mut expected = vec![organization, other];
    expected.sort();
    assert_eq!(ids, expected);
    let nobody = Email::parse("bob@example.com").unwrap();
    let found = fixture.store.unscoped_find_user_by_email(nobody).await;
    assert_eq!(found.unwrap(), None);
}

async fn a_link_is_used_once(fixture: &Fixture) {
    let (organization, ana) = owner(fixture, "ana@example.com").await;
    let link = |hash: u8| PasswordLink {
        user_id: ana.id,
        hash: [hash; 32],
        created_at: at(1),
        expires_at: at(100),
    };
    let store = &fixture.store;
    store.replace_password_link(link(1), by(1)).await.unwrap();
    store.replace_password_link(link(2), by(1)).await.unwrap();
    let new = session(ana.id, organization, 9, 1);
    store
        .insert_console_session(new, None, by(1))
        .await
        .unwrap();
    let find = |hash: u8, now: i64| store.unscoped_find_password_link([hash; 32], at(now));
    assert_eq!(find(1, 1).await.unwrap(), None, "replaced");
    assert_eq!(find(2, 100).await.unwrap(), None, "expired");
    assert_eq!(find(2, 99).await.unwrap().unwrap().id, ana.id);
    let patch = || UserPatch {
        name: None,
        password: Some(PasswordRecord::new("phc".to_owned())),
    };
    let used = store.use_password_link([2; 32], patch(), by(99)).await;
    assert_eq!(used.unwrap().password, patch().password);
    let again = store.use_password_link([2; 32], patch(), by(99)).await;
    assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
    let ended = store.unscoped_find_console_session([9; 32]).await;
    assert_eq!(ended.unwrap(), None, "a new password ends every sign-in");
}

async fn a_sign_in_is_found_touched_replaced_and_ended(fixture: &Fixture) {
    let (organization, ana) = owner(fixture, "ana@example.com").await;
    let store = &fixture.store;
    let first = session(ana.id, organization, 1, 10);
    let id = first.session.id;
    store
        .insert_console_session(first, None, by(1))
        .await
        .unwrap();
    let found = store.unscoped_find_console_session([1; 32]).await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.id, found.user_id), (id, ana.id));
    let membership = found.membership.unwrap();
    assert_eq!(membership.organization_id, organization);
    assert_eq!(membership.role, model::Role::Owner);
    let ip = Some("::1".to_owned());
    store.touch_console_session(id, at(50), ip).await.unwrap();
    store.touch_console_session(id, at(40), None).await.unwrap();
    let listed = store.list_console_sessions(ana.id, at(60), at(49)).await;
    assert_eq!(listed.unwrap()[0].last_seen_at, at(50));
    let idle = store.list_console_sessions(ana.id, at(60), at(50)).await;
    assert_eq!(idle.unwrap(), []);
    let second = session(ana.id, organization, 2, 60);
    let second_id = second.session.id;
    store
        .insert_console_session(second, Some(id), by(1))
        .await
        .unwrap();
    let replaced = store.unscoped_find_console_session([1; 32]).await;
    assert_eq!(replaced.unwrap(), None);
    // It lives no longer than the one before, and one that is over is replaced by none.
    let found = store.unscoped_find_console_session([2; 32]).await.unwrap();
    assert_eq!(found.unwrap().expires_at, at(1_010));
    let late = session(ana.id, organization, 7, 61);
    let refused = store.insert_console_session(late, Some(id), by(1)).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    // Nor is one kept that was on its way while the password was changed.
    let stale = NewConsoleSession {
        password: Some(PasswordRecord::new("before".to_owned())),
        ..session(ana.id, organization, 8, 62)
    };
    let refused = store.insert_console_session(stale, None, by(1)).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let (_, bob) = owner(fixture, "bob@example.com").await;
    let theirs = store
        .delete_console_session(bob.id, second_id, SessionEnding::SignOut, by(1))
        .await;
    assert!(matches!(theirs, Err(Error::NotFound)), "{theirs:?}");
    store
        .delete_console_session(ana.id, second_id, SessionEnding::SignOut, by(1))
        .await
        .unwrap();
    let third = session(ana.id, organization, 3, 70);
    store
        .insert_console_session(third, None, by(1))
        .await
        .unwrap();
    let dead = |now: i64, idle: i64| store.delete_dead_console_sessions(at(now), at(idle));
    assert_eq!(dead(1_069, 69).await.unwrap(), 0);
    assert_eq!(dead(1_070, 69).await.unwrap(), 1);
}

async fn a_person_has_a_bounded_number_of_sign_ins(fixture: &Fixture) {
    let (organization, ana) = owner(fixture, "ana@example.com").await;
    for number in 0..60_u8 {
        let new = session(ana.id, organization, number, i64::from(number));
        fixture
            .store
            .insert_console_session(new, None, by(1))
            .await
            .unwrap();
    }
    let listed = fixture.store.list_console_sessions(ana.id, at(0), at(-1));
    assert_eq!(listed.await.unwrap().len(), 50);
    let oldest = fixture.store.unscoped_find_console_session([0; 32]).await;
    assert_eq!(oldest.unwrap(), None);
}

conformance!(
    an_organization_has_one_first_owner,
    a_link_is_used_once,
    a_sign_in_is_found_touched_replaced_and_ended,
    a_person_has_a_bounded_number_of_sign_ins,
);
