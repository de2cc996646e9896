//! Keeping leases, losing them, and cancelling.

use model::{RunNumber, RunState};
use store::{Append, Error, LeaseRenewal, RunChange};

use crate::support::{Fixture, append, append_as, at, new_task, worker};

conformance![
    a_lease_is_renewed_by_its_attempt_only,
    an_expired_lease_puts_the_run_back,
    a_start_may_expire_all_leases,
    a_cancel_tells_who_holds_the_run,
    a_cancel_of_an_ended_run_changes_nothing,
    an_ended_run_leaves_no_secrets,
];

async fn a_lease_is_renewed_by_its_attempt_only(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let (one, other) = (fixture.task(&scope, 1).await, fixture.task(&scope, 2).await);
    let holder = worker();
    fixture.claim(holder, 1_000).await.unwrap();
    fixture.claim(worker(), 1_000).await.unwrap();
    fixture
        .store
        .request_cancel(&scope, one, at(1_500))
        .await
        .unwrap();
    let lease = |task_id, attempt| LeaseRenewal {
        task_id,
        run: RunNumber::FIRST,
        attempt,
        running_ms: 77,
    };
    let leases = vec![lease(one, 1), lease(one, 2), lease(other, 1)];
    let renewed = fixture.store.renew_leases(holder, at(50_000), leases).await;
    let renewed = renewed.unwrap();
    assert_eq!(renewed.cancel_requested, [(one, RunNumber::FIRST)]);
    assert_eq!(renewed.lost.len(), 2, "a wrong attempt, a wrong worker");
    let run = fixture.store.unscoped_find_run(one, RunNumber::FIRST).await;
    let run = run.unwrap().unwrap();
    assert_eq!((run.lease_until, run.running_ms), (Some(at(50_000)), 77));
}

async fn an_expired_lease_puts_the_run_back(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1).await;
    fixture.claim(worker(), 1_000).await.unwrap();
    let store = &fixture.store;
    assert_eq!(store.expire_leases(at(30_999)).await.unwrap(), []);
    let expired = store.expire_leases(at(31_000)).await.unwrap();
    assert_eq!(expired, [(id, RunNumber::FIRST)]);
    assert_eq!(store.expire_leases(at(31_000)).await.unwrap(), []);
    let again = fixture.claim(worker(), 31_001).await.unwrap();
    assert_eq!((again.task.id, again.attempt, again.first), (id, 2, false));
}

async fn a_start_may_expire_all_leases(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1).await;
    fixture.task(&scope, 2).await;
    fixture.claim(worker(), 1_000).await.unwrap();
    let expired = fixture.store.expire_all_leases(at(1_001)).await.unwrap();
    assert_eq!(expired, [(id, RunNumber::FIRST)]);
}

async fn a_cancel_tells_who_holds_the_run(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1).await;
    let cancel = |now| fixture.store.request_cancel(&scope, id, at(now));
    let target = cancel(2_000).await.unwrap();
    assert_eq!(target.run.state, RunState::Queued);
    assert_eq!(target.task.id, id);
    let holder = worker();
    let claimed = fixture.claim(holder, 3_000).await.unwrap();
    assert!(claimed.cancel_requested);
    let target = cancel(4_000).await.unwrap();
    assert_eq!(
        (target.run.state, target.run.attempt),
        (RunState::Leased, 1)
    );
    assert_eq!(target.run.worker, Some(holder));
    assert_eq!(target.run.cancel_requested_at, Some(at(2_000)), "the first");
}

async fn a_cancel_of_an_ended_run_changes_nothing(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1).await;
    let holder = worker();
    let claimed = fixture.claim(holder, 1_000).await.unwrap();
    let end = Append {
        run_change: RunChange::End,
        ..append_as(holder, &claimed, 1)
    };
    fixture.store.append(end).await.unwrap();
    let target = fixture.store.request_cancel(&scope, id, at(2_000)).await;
    let target = target.unwrap();
    assert_eq!(target.run.state, RunState::Ended);
    assert_eq!(target.run.cancel_requested_at, None);
    let unknown = model::TaskId::generate(&model::OsRandom);
    let error = fixture.store.request_cancel(&scope, unknown, at(1)).await;
    assert!(matches!(error, Err(Error::NotFound)));
}

async fn an_ended_run_leaves_no_secrets(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut new = new_task(&scope, 1);
    new.handover = Some(b"sealed".to_vec());
    let id = new.task.id;
    fixture.store.insert_task(new).await.unwrap();
    let end = Append {
        run_change: RunChange::End,
        ..append(id, RunNumber::FIRST, 1)
    };
    fixture.store.append(end).await.unwrap();
    // The next run of the same number's place holds only its own.
    let next = Append {
        run_change: RunChange::NextRun { preferred: None },
        ..append(id, RunNumber::FIRST, 1)
    };
    fixture.store.append(next).await.unwrap();
    let claimed = fixture.claim(worker(), 9_000).await.unwrap();
    assert_eq!((claimed.run, claimed.handover), (RunNumber(2), None));
}
