//! Organizations, projects, the first start, the instance's secrets.

use model::{KeyClass, OrganizationId, OsRandom, ProjectId, TaskScope};
use store::{Bootstrap, Error, InstanceSecret, KeyStatus, Organization, Project, TenantStatus};

use crate::keys::new_key;
use crate::support::{Fixture, at, by};

conformance![
    a_schema_is_there_once_migrated,
    a_bootstrap_may_be_repeated,
    bootstraps_at_once_make_one_organization,
    project_names_are_unique_in_an_organization,
    projects_are_listed_by_name,
    of_two_instance_secrets_the_first_stays,
];

async fn a_schema_is_there_once_migrated(fixture: &Fixture) {
    assert!(fixture.store.is_migrated().await.unwrap());
    fixture.store.migrate().await.unwrap();
    assert!(fixture.store.is_migrated().await.unwrap());
    assert_eq!(
        fixture.store.find_default_organization().await.unwrap(),
        None
    );
}

fn bootstrap() -> Bootstrap {
    let scope = TaskScope {
        organization_id: OrganizationId::generate(&OsRandom),
        project_id: ProjectId::generate(&OsRandom),
        whose: model::Whose::Anybody,
    };
    Bootstrap {
        organization: Organization {
            id: scope.organization_id,
            name: "Default".to_owned(),
            owner_name: "owner".to_owned(),
            is_default: true,
            status: TenantStatus::Active,
            created_at: at(1_000),
        },
        project: Project {
            id: scope.project_id,
            organization_id: scope.organization_id,
            name: "Default".to_owned(),
            is_default: true,
            status: TenantStatus::Active,
            created_at: at(1_000),
        },
        keys: vec![
            new_key(&scope, KeyClass::Project, "bootstrap"),
            new_key(&scope, KeyClass::Management, "bootstrap"),
        ],
        by: by(2_000),
    }
}

async fn a_bootstrap_may_be_repeated(fixture: &Fixture) {
    let first = fixture.store.bootstrap(bootstrap()).await.unwrap();
    let request = bootstrap();
    let hash = request.keys[0].hash.bytes;
    let second = fixture.store.bootstrap(request).await.unwrap();
    assert_eq!(second.organization, first.organization);
    assert_eq!(second.project, first.project);
    let found = fixture.store.find_default_organization().await.unwrap();
    assert_eq!(found, Some(first.organization.clone()));
    for (old, new) in first.keys.iter().zip(&second.keys) {
        assert_ne!(new.id, old.id);
        assert_eq!(new.rotated_from, Some(old.id));
        assert_eq!(new.lineage, old.lineage, "old tasks stay in the list");
    }
    let keys = fixture
        .store
        .list_api_keys(first.organization.id, None)
        .await;
    let keys = keys.unwrap();
    assert_eq!(keys.len(), 4);
    let active = keys.iter().filter(|key| key.status == KeyStatus::Active);
    assert_eq!(active.count(), 2);
    let check = fixture.store.unscoped_find_api_key_by_hash(&hash).await;
    let check = check.unwrap().unwrap();
    assert_eq!(check.project_id, Some(first.project.id));
}

async fn bootstraps_at_once_make_one_organization(fixture: &Fixture) {
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = fixture.store.clone();
        starts.spawn(async move { store.bootstrap(bootstrap()).await });
    }
    for result in starts.join_all().await {
        let organization = fixture.store.find_default_organization().await.unwrap();
        match result {
            Ok(made) => assert_eq!(Some(made.organization), organization),
            // On PostgreSQL a start may lose to another and has to be repeated.
            Err(Error::Duplicate { constraint }) => {
                assert_eq!(constraint, "organizations_default");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn project_names_are_unique_in_an_organization(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let project = Project {
        id: ProjectId::generate(&OsRandom),
        organization_id: scope.organization_id,
        name: "same".to_owned(),
        is_default: false,
        status: TenantStatus::Active,
        created_at: at(1),
    };
    fixture
        .store
        .insert_project(project.clone(), by(1_000))
        .await
        .unwrap();
    let second = Project {
        id: ProjectId::generate(&OsRandom),
        ..project.clone()
    };
    let error = fixture
        .store
        .insert_project(second.clone(), by(1_000))
        .await;
    let Err(Error::Duplicate { constraint }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(constraint, "projects_name");
    let elsewhere = Project {
        organization_id: fixture.tenant().await.organization_id,
        ..second
    };
    fixture
        .store
        .insert_project(elsewhere, by(1_000))
        .await
        .unwrap();
    let found = fixture
        .store
        .find_project(scope.organization_id, project.id);
    assert_eq!(found.await.unwrap(), Some(project));
}

async fn projects_are_listed_by_name(fixture: &Fixture) {
    let organization_id = fixture.tenant().await.organization_id;
    for _ in 0..3 {
        fixture.project(organization_id).await;
    }
    let projects = fixture.store.list_projects(organization_id).await.unwrap();
    let names: Vec<_> = projects.iter().map(|project| &project.name).collect();
    assert_eq!(names.len(), 4);
    assert!(names.is_sorted());
    let foreign = fixture.tenant().await.organization_id;
    assert_eq!(fixture.store.list_projects(foreign).await.unwrap().len(), 1);
}

async fn of_two_instance_secrets_the_first_stays(fixture: &Fixture) {
    let secret = |kid: &str| InstanceSecret {
        name: "api-keys".to_owned(),
        kid: kid.to_owned(),
        sealed: vec![0, 1, 255],
        created_at: at(1),
    };
    let store = &fixture.store;
    assert_eq!(store.find_instance_secret("api-keys").await.unwrap(), None);
    let kept = store.insert_instance_secret(secret("one")).await.unwrap();
    assert_eq!(kept, secret("one"));
    let kept = store.insert_instance_secret(secret("two")).await.unwrap();
    assert_eq!(kept, secret("one"));
    let found = store.find_instance_secret("api-keys").await.unwrap();
    assert_eq!(found, Some(secret("one")));
}
