//! Repeated requests.

use model::{JournalEvent, RunNumber, Seq};
use store::{Append, Error, IdempotencyEntry, NewTask};

use crate::support::{Fixture, append, at, message, new_task};

conformance![
    a_key_is_taken_once_and_the_answer_kept,
    callers_do_not_share_keys,
    an_expired_key_is_free_again,
    of_requests_at_once_one_makes_the_task,
    an_append_keeps_an_answer_too,
    a_key_with_a_nul_is_refused,
];

fn entry(caller: &str, expires_at: i64) -> IdempotencyEntry {
    IdempotencyEntry {
        caller: caller.to_owned(),
        key: "key".to_owned(),
        fingerprint: "print".to_owned(),
        response: "{\"id\":\"🦀\"}".to_owned(),
        expires_at: at(expires_at),
    }
}

async fn with_key(fixture: &Fixture, created_at: i64, entry: IdempotencyEntry) -> NewTask {
    let scope = fixture.tenant().await;
    let mut new = new_task(&scope, created_at);
    new.idempotency = Some(entry);
    new
}

async fn a_key_is_taken_once_and_the_answer_kept(fixture: &Fixture) {
    let store = &fixture.store;
    let new = with_key(fixture, 1_000, entry("ana", 9_000)).await;
    store.insert_task(new).await.unwrap();
    let again = with_key(fixture, 2_000, entry("ana", 9_999)).await;
    let id = again.task.id;
    let error = store.insert_task(again).await.unwrap_err();
    assert!(matches!(error, Error::IdempotencyTaken), "{error}");
    assert_eq!(store.unscoped_find_task(id).await.unwrap(), None);
    let kept = store.find_idempotency("ana", "key", at(8_999)).await;
    assert_eq!(kept.unwrap(), Some(entry("ana", 9_000)));
}

async fn callers_do_not_share_keys(fixture: &Fixture) {
    let store = &fixture.store;
    let one = with_key(fixture, 1_000, entry("ana", 9_000)).await;
    let other = with_key(fixture, 1_000, entry("bob", 9_000)).await;
    store.insert_task(one).await.unwrap();
    store.insert_task(other).await.unwrap();
    let none = store.find_idempotency("eve", "key", at(1_000)).await;
    assert_eq!(none.unwrap(), None);
}

async fn an_expired_key_is_free_again(fixture: &Fixture) {
    let store = &fixture.store;
    let new = with_key(fixture, 1_000, entry("ana", 9_000)).await;
    store.insert_task(new).await.unwrap();
    let gone = store.find_idempotency("ana", "key", at(9_000)).await;
    assert_eq!(gone.unwrap(), None);
    let later = with_key(fixture, 9_000, entry("ana", 20_000)).await;
    store.insert_task(later).await.unwrap();
    let kept = store.find_idempotency("ana", "key", at(9_001)).await;
    assert_eq!(kept.unwrap(), Some(entry("ana", 20_000)));
    let deleted = |now| store.delete_expired_idempotency(at(now));
    assert_eq!(deleted(19_999).await.unwrap(), 0);
    assert_eq!(deleted(20_000).await.unwrap(), 1);
}

async fn of_requests_at_once_one_makes_the_task(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut new = new_task(&scope, 1_000);
        new.idempotency = Some(entry("ana", 9_000));
        let store = fixture.store.clone();
        requests.spawn(async move { store.insert_task(new).await });
    }
    let results = requests.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, Error::IdempotencyTaken), "{error}");
    }
    let page = fixture
        .store
        .list_tasks(&scope, store::TaskFilter::default(), 10, 0)
        .await;
    assert_eq!(page.unwrap().total, 1);
}

async fn an_append_keeps_an_answer_too(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let step = |expected| Append {
        events: vec![JournalEvent::UserMessage(message("x"))],
        idempotency: Some(entry("ana", 9_000)),
        ..append(id, RunNumber::FIRST, expected)
    };
    fixture.store.append(step(1)).await.unwrap();
    let error = fixture.store.append(step(2)).await.unwrap_err();
    assert!(matches!(error, Error::IdempotencyTaken), "{error}");
    let rows = fixture.store.unscoped_list_rows(id, Seq(0)).await.unwrap();
    assert_eq!(rows.len(), 2);
}

async fn a_key_with_a_nul_is_refused(fixture: &Fixture) {
    let mut bad = entry("ana", 9_000);
    bad.key = "k\0".to_owned();
    let new = with_key(fixture, 1_000, bad).await;
    let error = fixture.store.insert_task(new).await.unwrap_err();
    assert!(matches!(error, Error::NulInText), "{error}");
}
