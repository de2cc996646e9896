//! Who gets which run.

use std::collections::HashSet;

use model::{RunNumber, TaskId};
use store::{Append, ClaimRequest, Preferred, RunChange};

use crate::support::{Fixture, append_as, at, new_task, worker};

conformance![
    the_run_that_waits_longest_comes_first,
    one_of_another_project_waits_for_one_claim,
    projects_take_turns,
    a_claim_takes_the_handover_once,
    a_run_is_kept_for_the_worker_that_is_preferred,
    no_run_is_claimed_twice,
];

async fn the_run_that_waits_longest_comes_first(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let late = fixture.task(&scope, 3_000).await;
    let early = fixture.task(&scope, 1_000).await;
    let middle = fixture.task(&scope, 2_000).await;
    let worker = worker();
    for wanted in [early, middle, late] {
        let claimed = fixture.claim(worker, 4_000).await.unwrap();
        assert_eq!(claimed.task.id, wanted);
        assert_eq!((claimed.run, claimed.attempt), (RunNumber::FIRST, 1));
        assert!(claimed.first && !claimed.cancel_requested);
    }
    assert!(fixture.claim(worker, 4_000).await.is_none());
}

async fn one_of_another_project_waits_for_one_claim(fixture: &Fixture) {
    let many = fixture.tenant().await;
    let few = fixture.tenant().await;
    for n in 0..500 {
        fixture.task(&many, n).await;
    }
    let worker = worker();
    fixture.claim(worker, 1_000).await.unwrap();
    let one = fixture.task(&few, 2_000).await;
    let next = [
        fixture.claim(worker, 2_001).await.unwrap().task.id,
        fixture.claim(worker, 2_001).await.unwrap().task.id,
    ];
    assert!(next.contains(&one));
}

async fn projects_take_turns(fixture: &Fixture) {
    let mut scopes = Vec::new();
    for _ in 0..3 {
        let scope = fixture.tenant().await;
        for n in 0..4 {
            fixture.task(&scope, n).await;
        }
        scopes.push(scope.project_id);
    }
    let worker = worker();
    for _ in 0..4 {
        let mut round = HashSet::new();
        for _ in 0..3 {
            let claimed = fixture.claim(worker, 10).await.unwrap();
            round.insert(claimed.task.project_id);
        }
        assert_eq!(round.len(), 3, "each project once a round");
    }
}

async fn a_claim_takes_the_handover_once(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut new = new_task(&scope, 1_000);
    new.handover = Some(vec![0, 255, 7]);
    fixture.store.insert_task(new).await.unwrap();
    let first = fixture.claim(worker(), 2_000).await.unwrap();
    assert_eq!(first.handover, Some(vec![0, 255, 7]));
    fixture.store.expire_leases(at(99_000)).await.unwrap();
    let second = fixture.claim(worker(), 99_001).await.unwrap();
    assert_eq!(second.handover, None);
}

async fn a_run_is_kept_for_the_worker_that_is_preferred(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let (holder, other) = (worker(), worker());
    let claimed = fixture.claim(holder, 1_001).await.unwrap();
    let hand_over = Append {
        run_change: RunChange::Queue {
            preferred: Some(Preferred {
                worker: holder,
                until: at(5_000),
            }),
        },
        ..append_as(holder, &claimed, 1)
    };
    fixture.store.append(hand_over).await.unwrap();
    // A run that is kept does not keep others from their turn.
    let free = fixture.task(&scope, 9_000).await;
    assert_eq!(fixture.claim(other, 4_999).await.unwrap().task.id, free);
    assert!(fixture.claim(other, 4_999).await.is_none());
    assert_eq!(fixture.claim(other, 5_000).await.unwrap().task.id, id);
}

async fn no_run_is_claimed_twice(fixture: &Fixture) {
    let scopes = [fixture.tenant().await, fixture.tenant().await];
    let mut made = HashSet::new();
    for n in 0..40 {
        for scope in &scopes {
            made.insert(fixture.task(scope, n).await);
        }
    }
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = fixture.store.clone();
        let request = ClaimRequest {
            worker: worker(),
            at: at(1_000),
            lease_until: at(31_000),
        };
        claimers.spawn(async move {
            let mut got = Vec::new();
            while let Some(claimed) = store.claim_run(request).await.unwrap() {
                got.push(claimed.task.id);
            }
            got
        });
    }
    let mut claimed: Vec<TaskId> = claimers.join_all().await.concat();
    // A claimer may stop while another holds the last run's lock: nothing is lost by that.
    while let Some(rest) = fixture.claim(worker(), 1_000).await {
        claimed.push(rest.task.id);
    }
    assert_eq!(claimed.len(), made.len());
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), made);
}
