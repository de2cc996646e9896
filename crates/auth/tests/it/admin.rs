//! Making and changing keys.

use model::{KeyClass, OrganizationId, OsRandom, Principal, ProjectId, Scope};
use tenancy::{AdminError, NewKey};

use crate::support::Fixture;

#[tokio::test]
async fn a_bootstrap_replaces_its_keys_and_nothing_else() {
    let fixture = Fixture::new().await;
    let other = fixture.key(fixture.wanted("other")).await;
    let keys = [
        (KeyClass::Project, "bootstrap"),
        (KeyClass::Management, "cli"),
    ];
    let again = fixture.admin.bootstrap("eve", &keys).await.unwrap();
    assert_eq!(again.organization, fixture.first.organization);
    assert_eq!(again.organization.owner_name, "ana");
    assert_eq!(again.project, fixture.first.project);
    assert!(fixture.ask(&fixture.first.keys[0], None).await.is_err());
    assert!(fixture.ask(&other, None).await.is_ok());
    let Principal::ApiKey(project) = fixture.ask(&again.keys[0], None).await.unwrap() else {
        panic!("a key")
    };
    assert_eq!(project.lineage, fixture.first.keys[0].record.id);
    let Principal::ApiKey(management) = fixture.ask(&again.keys[1], None).await.unwrap() else {
        panic!("a key")
    };
    assert_eq!(management.project_id, None);
    assert!(!management.scopes.contains(&Scope::TasksRead));
    assert!(management.scopes.contains(&Scope::KeysManage));
}

#[tokio::test]
async fn two_keys_of_a_project_work_at_the_same_time() {
    let fixture = Fixture::new().await;
    for name in ["one", "two"] {
        let minted = fixture.key(fixture.wanted(name)).await;
        assert_eq!(minted.record.prefix, minted.key.expose_key()[..12]);
        fixture.ask(&minted, None).await.unwrap();
    }
    let organization = fixture.first.organization.id;
    let keys = fixture.admin.list_keys(organization, None).await.unwrap();
    let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names.len(), 3);
    for name in ["bootstrap", "one", "two"] {
        assert!(names.contains(&name));
    }
}

#[tokio::test]
async fn what_is_asked_for_is_checked() {
    let fixture = Fixture::new().await;
    let wanted = || fixture.wanted("key");
    let refused = |new: NewKey| {
        let admin = fixture.admin.clone();
        async move { admin.create_key(new).await.unwrap_err() }
    };
    for name in ["", "  ", "a\0b", "a\nb", &"x".repeat(101)] {
        let error = refused(NewKey {
            name: name.to_owned(),
            ..wanted()
        })
        .await;
        assert!(matches!(error, AdminError::InvalidName(_)), "{name:?}");
    }
    let cidrs = vec!["10.0.0.0/8".to_owned(), "10.0.0.1/33".to_owned()];
    let error = refused(NewKey { cidrs, ..wanted() }).await;
    assert!(matches!(error, AdminError::InvalidCidr(cidr) if cidr == "10.0.0.1/33"));
    for scopes in [vec![], vec![Scope::TasksRead, Scope::KeysManage]] {
        let error = refused(NewKey {
            scopes: Some(scopes),
            ..wanted()
        })
        .await;
        assert!(matches!(error, AdminError::InvalidScope));
    }
    let management = NewKey {
        class: KeyClass::Management,
        project_id: None,
        scopes: Some(vec![Scope::TasksRead]),
        ..wanted()
    };
    assert!(matches!(
        refused(management).await,
        AdminError::InvalidScope
    ));
    let error = refused(NewKey {
        project_id: None,
        ..wanted()
    })
    .await;
    assert!(matches!(error, AdminError::InvalidProject));
    let unknown = Some(ProjectId::generate(&OsRandom));
    let error = refused(NewKey {
        project_id: unknown,
        ..wanted()
    })
    .await;
    assert!(matches!(error, AdminError::NotFound));
    let foreign = OrganizationId::generate(&OsRandom);
    let error = refused(NewKey {
        organization_id: foreign,
        ..wanted()
    })
    .await;
    assert!(
        matches!(error, AdminError::NotFound),
        "another organization's project"
    );
}

#[tokio::test]
async fn project_names_are_taken_once() {
    let fixture = Fixture::new().await;
    let organization = fixture.first.organization.id;
    let made = fixture.admin.create_project(organization, " Second ").await;
    assert_eq!(made.unwrap().name, "Second");
    let again = fixture.admin.create_project(organization, "Second").await;
    assert!(matches!(again, Err(AdminError::NameTaken)));
    let foreign = OrganizationId::generate(&OsRandom);
    let id = fixture.first.keys[0].record.id;
    let refused = fixture.admin.disable_key(foreign, id).await;
    assert!(matches!(refused, Err(AdminError::NotFound)));
}
