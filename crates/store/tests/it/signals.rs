//! News of what was committed.

use futures_util::FutureExt as _;
use model::{KeyClass, RunNumber};
use store::{Append, Error, KeyStatus, RunChange, Signal, Store, StoreConfig};
use tokio_postgres::NoTls;

use crate::keys::new_key;
use crate::support::{Fixture, append, at, by, heard, new_task, started, worker};

conformance![
    a_commit_is_told_and_a_refusal_is_not,
    changes_of_credentials_are_told,
    cancels_and_expiries_are_told,
    a_command_whose_caller_goes_away_is_done_and_told,
];

async fn a_commit_is_told_and_a_refusal_is_not(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut signals = fixture.store.signals();
    let id = fixture.task(&scope, 1_000).await;
    assert_eq!(signals.recv().await.unwrap(), Signal::RunQueued);
    assert_eq!(signals.recv().await.unwrap(), Signal::TaskChanged(id));
    let mut step = append(id, RunNumber::FIRST, 9);
    step.events = vec![started("x")];
    let refused = fixture.store.append(step.clone()).await;
    assert!(matches!(refused, Err(Error::Conflict)));
    step.expected_seq = model::Seq(1);
    fixture.store.append(step).await.unwrap();
    assert_eq!(signals.recv().await.unwrap(), Signal::TaskChanged(id));
    let park = Append {
        run_change: RunChange::Queue { preferred: None },
        ..append(id, RunNumber::FIRST, 2)
    };
    fixture.store.append(park).await.unwrap();
    assert_eq!(signals.recv().await.unwrap(), Signal::RunQueued);
}

async fn changes_of_credentials_are_told(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let new = new_key(&scope, KeyClass::Project, "k");
    let id = new.key.id;
    fixture.store.insert_api_key(new, by(1_000)).await.unwrap();
    let mut signals = fixture.store.signals();
    let organization = scope.organization_id;
    let kept = &fixture.store;
    kept.update_api_key(
        organization,
        id,
        store::ApiKeyPatch {
            status: Some(KeyStatus::Disabled),
            ..store::ApiKeyPatch::default()
        },
        by(1_000),
    )
    .await
    .unwrap();
    assert_eq!(signals.recv().await.unwrap(), Signal::CredentialsChanged);
    kept.revoke_api_key(organization, id, None, by(1))
        .await
        .unwrap();
    assert_eq!(signals.recv().await.unwrap(), Signal::CredentialsChanged);
}

async fn cancels_and_expiries_are_told(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    fixture.claim(worker(), 1_000).await.unwrap();
    let mut signals = fixture.store.signals();
    fixture
        .store
        .request_cancel(&scope, id, at(2_000))
        .await
        .unwrap();
    assert_eq!(signals.recv().await.unwrap(), Signal::CancelRequested(id));
    fixture.store.expire_leases(at(99_000)).await.unwrap();
    assert_eq!(signals.recv().await.unwrap(), Signal::TaskChanged(id));
    assert_eq!(signals.recv().await.unwrap(), Signal::RunQueued);
}

async fn a_command_whose_caller_goes_away_is_done_and_told(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut signals = fixture.store.signals();
    for n in 0..10 {
        let new = new_task(&scope, n);
        let id = new.task.id;
        // Begun, and dropped at once.
        let _ = fixture.store.insert_task(new).now_or_never();
        heard(&mut signals, Signal::TaskChanged(id)).await;
        let found = fixture.store.find_task(&scope, id).await.unwrap();
        assert!(found.is_some());
    }
}

#[tokio::test]
async fn a_listener_that_broke_is_made_again() {
    let fixture = Fixture::postgres().await;
    let other = Store::open(&fixture.config).await.unwrap();
    let scope = fixture.tenant().await;
    let mut theirs = other.signals();
    let StoreConfig::Postgres { url } = &fixture.config else {
        panic!("the fixture is PostgreSQL's");
    };
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(connection);
    let broken = client
        .query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE query = 'LISTEN sigmic' AND datname = current_database()",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(broken.len(), 2, "one of each server");
    // What was missed meanwhile is unknown.
    heard(&mut theirs, Signal::Foreign).await;
    let id = fixture.task(&scope, 1_000).await;
    heard(&mut theirs, Signal::TaskChanged(id)).await;
    fixture.store.close().await;
    other.close().await;
}

#[tokio::test]
async fn the_last_changes_of_a_server_are_told() {
    let fixture = Fixture::postgres().await;
    let other = Store::open(&fixture.config).await.unwrap();
    let scope = fixture.tenant().await;
    let mut theirs = other.signals();
    let id = fixture.task(&scope, 1_000).await;
    fixture.store.close().await;
    heard(&mut theirs, Signal::TaskChanged(id)).await;
    other.close().await;
}

#[tokio::test]
async fn another_process_on_postgres_hears_what_changed() {
    let fixture = Fixture::postgres().await;
    let other = Store::open(&fixture.config).await.unwrap();
    let scope = fixture.tenant().await;
    let (mut ours, mut theirs) = (fixture.store.signals(), other.signals());
    let id = fixture.task(&scope, 1_000).await;
    heard(&mut theirs, Signal::RunQueued).await;
    heard(&mut theirs, Signal::TaskChanged(id)).await;
    let store = &fixture.store;
    store.request_cancel(&scope, id, at(2_000)).await.unwrap();
    heard(&mut theirs, Signal::CancelRequested(id)).await;
    // One's own announcements do not come back: the next news is the other's.
    for own in [
        Signal::RunQueued,
        Signal::TaskChanged(id),
        Signal::CancelRequested(id),
    ] {
        assert_eq!(ours.recv().await.unwrap(), own);
    }
    other.expire_leases(at(99_000)).await.unwrap();
    let mut step = append(id, RunNumber::FIRST, 1);
    step.events = vec![started("x")];
    other.append(step).await.unwrap();
    heard(&mut ours, Signal::TaskChanged(id)).await;
    other.close().await;
    store.close().await;
}
