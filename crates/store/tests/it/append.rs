//! Writing to journals: conflicts, fences, projections, the run's place.

use model::{
    ConversationId, JournalEvent, OsRandom, RunNumber, RunOutcome, RunState, Seq, SessionId,
    TaskId, TaskScope, TaskStatus,
};
use store::{Append, ClaimedRun, Error, Fence, FenceOff, Preferred, RunChange, Signal, TaskPatch};

use crate::support::{Fixture, append, append_as, at, message, started, worker};

conformance![
    a_grown_journal_is_a_conflict_and_nothing_is_written,
    only_the_attempt_that_holds_the_run_may_write,
    a_lost_attempt_is_fenced_before_it_conflicts,
    a_change_without_a_fence_needs_a_run_that_nobody_holds,
    the_patch_changes_what_it_names,
    a_run_parks_and_is_queued_again,
    a_run_that_somebody_wants_cancelled_does_not_park,
    a_wake_queues_a_parked_run_only,
    a_follow_up_begins_the_next_run,
    a_run_ends_once,
    of_appends_at_once_one_wins,
    a_worker_that_was_fenced_off_writes_nothing_more,
];

async fn claimed(fixture: &Fixture) -> (TaskScope, model::WorkerId, ClaimedRun) {
    let scope = fixture.tenant().await;
    fixture.task(&scope, 1_000).await;
    let worker = worker();
    let claimed = fixture.claim(worker, 2_000).await.unwrap();
    (scope, worker, claimed)
}

async fn refused(fixture: &Fixture, step: Append) -> Error {
    let id = step.task_id;
    let before = fixture.store.unscoped_find_task(id).await.unwrap();
    let rows_before = fixture.store.unscoped_list_rows(id, Seq(0)).await.unwrap();
    let error = fixture.store.append(step).await.unwrap_err();
    let after = fixture.store.unscoped_find_task(id).await.unwrap();
    let rows_after = fixture.store.unscoped_list_rows(id, Seq(0)).await.unwrap();
    assert_eq!((before, rows_before), (after, rows_after));
    error
}

fn with_events(mut step: Append) -> Append {
    step.events = vec![started("x")];
    step
}

async fn a_grown_journal_is_a_conflict_and_nothing_is_written(fixture: &Fixture) {
    let (_, worker, claimed) = claimed(fixture).await;
    let step = with_events(append_as(worker, &claimed, 1));
    assert_eq!(fixture.store.append(step.clone()).await.unwrap(), Seq(2));
    for expected in [0, 1, 3] {
        let mut late = step.clone();
        late.expected_seq = Seq(expected);
        late.task.status = Some(TaskStatus::Failed);
        let error = refused(fixture, late).await;
        assert!(matches!(error, Error::Conflict), "{error}");
    }
    let other_run = Append {
        run: RunNumber(2),
        fence: None,
        ..append(claimed.task.id, RunNumber(2), 2)
    };
    let error = refused(fixture, other_run).await;
    assert!(matches!(error, Error::Conflict), "{error}");
}

async fn only_the_attempt_that_holds_the_run_may_write(fixture: &Fixture) {
    let (_, holder, claimed) = claimed(fixture).await;
    let wrong = [
        Fence {
            worker: worker(),
            attempt: claimed.attempt,
        },
        Fence {
            worker: holder,
            attempt: claimed.attempt + 1,
        },
    ];
    for fence in wrong {
        let mut step = with_events(append_as(holder, &claimed, 1));
        step.fence = Some(fence);
        let error = refused(fixture, step).await;
        assert!(matches!(error, Error::Fenced), "{error}");
    }
    let step = with_events(append_as(holder, &claimed, 1));
    fixture.store.append(step).await.unwrap();
}

async fn a_lost_attempt_is_fenced_before_it_conflicts(fixture: &Fixture) {
    let (_, holder, claimed) = claimed(fixture).await;
    fixture.store.expire_leases(at(99_000)).await.unwrap();
    let taker = worker();
    let again = fixture.claim(taker, 99_001).await.unwrap();
    assert_eq!(again.attempt, 2);
    assert!(!again.first);
    let step = with_events(append_as(taker, &again, 1));
    fixture.store.append(step).await.unwrap();
    let error = refused(fixture, with_events(append_as(holder, &claimed, 1))).await;
    assert!(matches!(error, Error::Fenced), "{error}");
}

async fn a_change_without_a_fence_needs_a_run_that_nobody_holds(fixture: &Fixture) {
    let (_, _, claimed) = claimed(fixture).await;
    let id = claimed.task.id;
    for change in [
        RunChange::End,
        RunChange::Park,
        RunChange::Queue { preferred: None },
    ] {
        let mut step = with_events(append(id, claimed.run, 1));
        step.run_change = change;
        let error = refused(fixture, step).await;
        assert!(matches!(error, Error::Fenced), "{error}");
    }
    // Facts that change nothing of the run may come from anybody.
    let step = with_events(append(id, claimed.run, 1));
    fixture.store.append(step).await.unwrap();
}

async fn the_patch_changes_what_it_names(fixture: &Fixture) {
    let (scope, worker, claimed) = claimed(fixture).await;
    let session = SessionId::generate(&OsRandom);
    let conversation = ConversationId::generate(at(3_000), &OsRandom);
    let mut step = append_as(worker, &claimed, 1);
    step.task = TaskPatch {
        status: Some(TaskStatus::Running),
        session_id: Some(session),
        conversation_id: Some(conversation.clone()),
        started_at: Some(at(3_000)),
        message_count: Some(2),
        ..TaskPatch::default()
    };
    fixture.store.append(step).await.unwrap();
    let mut wanted = claimed.task.clone();
    wanted.status = TaskStatus::Running;
    wanted.session_id = Some(session);
    wanted.conversation_id = Some(conversation);
    wanted.started_at = Some(at(3_000));
    wanted.last_activity_at = at(3_000);
    wanted.message_count = 2;
    let found = fixture.store.find_task(&scope, wanted.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&wanted));
    let mut step = append_as(worker, &claimed, 1);
    step.task = TaskPatch {
        error: Some(Some("it\0broke 🦀".to_owned())),
        completed_at: Some(Some(at(4_000))),
        system_prompt: Some(Some("p".to_owned())),
        auto_execute: Some(false),
        env: Some(Some(serde_json::json!({"A": "1"}))),
        secret_names: Some(vec!["S".to_owned()]),
        ..TaskPatch::default()
    };
    fixture.store.append(step).await.unwrap();
    wanted.error = Some("it\0broke 🦀".to_owned());
    wanted.completed_at = Some(at(4_000));
    wanted.last_activity_at = at(4_000);
    wanted.system_prompt = Some("p".to_owned());
    wanted.auto_execute = false;
    wanted.env = Some(serde_json::json!({"A": "1"}));
    wanted.secret_names = vec!["S".to_owned()];
    let found = fixture.store.find_task(&scope, wanted.id).await.unwrap();
    assert_eq!(found, Some(wanted));
}

async fn a_run_parks_and_is_queued_again(fixture: &Fixture) {
    let (_, holder, claimed) = claimed(fixture).await;
    let id = claimed.task.id;
    let mut step = with_events(append_as(holder, &claimed, 1));
    step.run_change = RunChange::Park;
    step.running_ms = Some(1_234);
    fixture.store.append(step).await.unwrap();
    let parked = fixture.store.unscoped_find_run(id, claimed.run).await;
    let parked = parked.unwrap().unwrap();
    assert_eq!((parked.state, parked.worker), (RunState::Parked, None));
    assert_eq!((parked.lease_until, parked.running_ms), (None, 1_234));
    assert!(fixture.claim(holder, 6_000).await.is_none());

    let error = refused(fixture, with_events(append_as(holder, &claimed, 2))).await;
    assert!(matches!(error, Error::Fenced), "{error}");

    let mut step = with_events(append(id, claimed.run, 2));
    step.run_change = RunChange::Queue {
        preferred: Some(Preferred {
            worker: holder,
            until: at(8_000),
        }),
    };
    fixture.store.append(step).await.unwrap();
    let other = worker();
    assert!(fixture.claim(other, 7_999).await.is_none());
    let again = fixture.claim(holder, 7_999).await.unwrap();
    assert_eq!((again.attempt, again.running_ms), (2, 1_234));
}

async fn a_run_that_somebody_wants_cancelled_does_not_park(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let worker = worker();
    let claimed = fixture.claim(worker, 2_000).await.unwrap();
    fixture
        .store
        .request_cancel(&scope, id, at(3_000))
        .await
        .unwrap();
    let mut step = append_as(worker, &claimed, 1);
    step.run_change = RunChange::Park;
    fixture.store.append(step).await.unwrap();
    let next = fixture.claim(worker, 6_000).await.unwrap();
    assert!(next.task.id == id && next.cancel_requested);
}

async fn a_wake_queues_a_parked_run_only(fixture: &Fixture) {
    let (_, holder, claimed) = claimed(fixture).await;
    let wake = |expected| Append {
        run_change: RunChange::Wake { preferred: None },
        ..with_events(append(claimed.task.id, claimed.run, expected))
    };
    let state = || async {
        let run = fixture
            .store
            .unscoped_find_run(claimed.task.id, claimed.run);
        run.await.unwrap().unwrap().state
    };
    // The fact is written, the worker keeps its run.
    fixture.store.append(wake(1)).await.unwrap();
    assert_eq!(state().await, RunState::Leased);
    let park = Append {
        run_change: RunChange::Park,
        ..append_as(holder, &claimed, 2)
    };
    fixture.store.append(park).await.unwrap();
    assert_eq!(state().await, RunState::Parked);
    let mut signals = fixture.store.signals();
    fixture.store.append(wake(2)).await.unwrap();
    assert_eq!(state().await, RunState::Queued);
    assert_eq!(signals.recv().await.unwrap(), Signal::RunQueued);
    fixture.store.append(wake(3)).await.unwrap();
    assert_eq!(state().await, RunState::Queued);
}

async fn a_follow_up_begins_the_next_run(fixture: &Fixture) {
    let (scope, worker, claimed) = claimed(fixture).await;
    let id = claimed.task.id;
    let follow_up = |expected: i64| Append {
        events: vec![JournalEvent::UserMessage(message("more"))],
        task: TaskPatch {
            status: Some(TaskStatus::Running),
            error: Some(None),
            started_at: Some(at(9_000)),
            completed_at: Some(None),
            ..TaskPatch::default()
        },
        run_change: RunChange::NextRun { preferred: None },
        handover: Some(b"sealed".to_vec()),
        at: at(9_000),
        ..append(id, RunNumber::FIRST, expected)
    };
    // Not while the first run is open.
    let error = refused(fixture, follow_up(1)).await;
    assert!(matches!(error, Error::Conflict), "{error}");

    let mut step = append_as(worker, &claimed, 1);
    step.events = vec![JournalEvent::RunFinished(RunOutcome::Completed)];
    step.run_change = RunChange::End;
    step.task.error = Some(Some("e".to_owned()));
    step.task.completed_at = Some(Some(at(8_000)));
    fixture.store.append(step).await.unwrap();
    fixture.store.append(follow_up(2)).await.unwrap();

    let found = fixture.store.find_task_with_run(&scope, id).await.unwrap();
    let (task, rows) = found.unwrap();
    assert_eq!((task.run, task.run_first_seq), (RunNumber(2), Seq(3)));
    assert_eq!((task.error, task.completed_at), (None, None));
    assert_eq!(task.last_activity_at, at(9_000));
    assert_eq!(rows.len(), 1, "only the current run's rows");
    assert_eq!((rows[0].seq, rows[0].run), (Seq(3), RunNumber(2)));
    let next = fixture.claim(worker, 9_001).await.unwrap();
    assert_eq!((next.run, next.attempt), (RunNumber(2), 1));
    assert_eq!(next.handover.as_deref(), Some(b"sealed".as_slice()));
}

async fn a_run_ends_once(fixture: &Fixture) {
    let (_, worker, claimed) = claimed(fixture).await;
    let mut step = with_events(append_as(worker, &claimed, 1));
    step.run_change = RunChange::End;
    fixture.store.append(step).await.unwrap();
    let error = refused(fixture, with_events(append_as(worker, &claimed, 2))).await;
    assert!(matches!(error, Error::Fenced), "{error}");
    let mut step = with_events(append(claimed.task.id, claimed.run, 2));
    step.run_change = RunChange::End;
    let error = refused(fixture, step).await;
    assert!(matches!(error, Error::Conflict), "{error}");
}

async fn of_appends_at_once_one_wins(fixture: &Fixture) {
    let (_, _, claimed) = claimed(fixture).await;
    let id: TaskId = claimed.task.id;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = fixture.store.clone();
        writers.spawn(async move {
            let mut step = append(id, RunNumber::FIRST, 1);
            step.events = vec![started(&n.to_string()), started("second")];
            store.append(step).await
        });
    }
    let results = writers.join_all().await;
    let won = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(won, 1);
    let lost = |result: &Result<_, Error>| matches!(result, Err(Error::Conflict));
    assert_eq!(results.iter().filter(|result| lost(result)).count(), 7);
    let rows = fixture.store.unscoped_list_rows(id, Seq(0)).await.unwrap();
    assert_eq!(rows.len(), 3);
}

async fn a_worker_that_was_fenced_off_writes_nothing_more(fixture: &Fixture) {
    let (_, holder, claimed) = claimed(fixture).await;
    let id = claimed.task.id;
    let taker = worker();
    let request = FenceOff {
        task_id: id,
        run: claimed.run,
        worker: taker,
        lease_until: at(20_000),
    };
    let attempt = fixture.store.fence_off(request).await.unwrap();
    assert_eq!(attempt, 2);
    let error = refused(fixture, with_events(append_as(holder, &claimed, 1))).await;
    assert!(matches!(error, Error::Fenced), "{error}");
    let mut step = with_events(append(id, claimed.run, 1));
    step.fence = Some(Fence {
        worker: taker,
        attempt,
    });
    step.run_change = RunChange::End;
    fixture.store.append(step).await.unwrap();
    let error = fixture.store.fence_off(request).await.unwrap_err();
    assert!(matches!(error, Error::Conflict), "{error}");
}
