//! People whom other sign-in services vouch for.

use model::{Actor, Caller, Email, OrganizationId, OsRandom, ProjectAccess, Role, UserId};
use store::{
    ChangedBy, Identified, Identity, Organization, PasswordRecord, TenantStatus, User, UserPatch,
    UserStatus,
};

use crate::support::{Fixture, at, by};

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

fn identity(issuer: &str, subject: &str, email: &str, role: Option<Role>) -> Identity {
    Identity {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        user: user(email),
        role,
        signed_in: None,
    }
}

async fn identify(fixture: &Fixture, identity: &Identity) -> Identified {
    let caller = Caller {
        actor: Actor::User {
            id: identity.user.id,
            email: identity.user.email.to_string(),
        },
        ip: None,
    };
    let by = ChangedBy { caller, at: at(2) };
    let found = fixture.store.identify(identity.clone(), by).await;
    found.unwrap()
}

fn of(identified: Identified) -> User {
    match identified {
        Identified::User(user) => user,
        Identified::Protected | Identified::Unknown => panic!("{identified:?}"),
    }
}

async fn an_identity_is_one_person_for_ever(fixture: &Fixture) {
    let first = OrganizationId::generate(&OsRandom);
    let organization = Organization {
        id: first,
        name: "Default".to_owned(),
        owner_name: "owner".to_owned(),
        is_default: true,
        status: TenantStatus::Active,
        created_at: at(1),
    };
    fixture
        .store
        .insert_organization(organization)
        .await
        .unwrap();
    let nobody = identity("a", "1", "ana@example.com", None);
    assert_eq!(identify(fixture, &nobody).await, Identified::Unknown);
    let new = identity("a", "1", "ana@example.com", Some(Role::Member));
    let ana = of(identify(fixture, &new).await);
    assert_eq!(ana, new.user);
    let belongs = fixture.store.list_organizations_of(ana.id).await.unwrap();
    assert_eq!((belongs[0].id, belongs[0].role), (first, Role::Member));
    assert_eq!(belongs[0].projects, ProjectAccess::Only(Vec::new()));
    let renamed = identity("a", "1", "else@example.com", Some(Role::Admin));
    assert_eq!(of(identify(fixture, &renamed).await), ana);
    let belongs = fixture.store.list_organizations_of(ana.id).await.unwrap();
    assert_eq!(belongs[0].role, Role::Member, "a sign-in changes no role");
    for (issuer, subject) in [("a", "2"), ("b", "1")] {
        let other = identity(issuer, subject, "ana@example.com", Some(Role::Admin));
        assert_eq!(identify(fixture, &other).await, Identified::Protected);
    }
    let here = Identity {
        signed_in: Some(ana.id),
        ..identity("b", "1", "ana@example.com", None)
    };
    assert_eq!(of(identify(fixture, &here).await), ana);
    let second = Identity {
        signed_in: Some(ana.id),
        ..identity("b", "2", "ana@example.com", None)
    };
    assert_eq!(identify(fixture, &second).await, Identified::Protected);
}

async fn an_address_alone_overrules_no_password(fixture: &Fixture) {
    let organization = fixture.tenant().await.organization_id;
    let made = fixture
        .store
        .ensure_owner(organization, user("ana@example.com"), by(1));
    let ana = made.await.unwrap();
    let patch = UserPatch {
        name: None,
        password: Some(PasswordRecord::new("phc".to_owned())),
    };
    let changed = fixture.store.update_user(ana.id, patch, None, by(1)).await;
    let ana = changed.unwrap();
    let mut same = identity("a", "1", "ana@example.com", Some(Role::Admin));
    assert_eq!(identify(fixture, &same).await, Identified::Protected);
    same.signed_in = Some(same.user.id);
    assert_eq!(identify(fixture, &same).await, Identified::Protected);
    same.signed_in = Some(ana.id);
    assert_eq!(of(identify(fixture, &same).await), ana);
    same.signed_in = None;
    assert_eq!(of(identify(fixture, &same).await), ana);
    let other = fixture.store.ensure_owner(
        fixture.tenant().await.organization_id,
        user("bob@example.com"),
        by(1),
    );
    let bob = other.await.unwrap();
    let theirs = identity("a", "3", "bob@example.com", None);
    assert_eq!(of(identify(fixture, &theirs).await), bob, "no password");
}

conformance!(
    an_identity_is_one_person_for_ever,
    an_address_alone_overrules_no_password,
);
