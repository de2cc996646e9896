//! Making tasks and reading them back.

use model::{ConversationId, OsRandom, RunNumber, RunState, Seq, SessionId};
use store::{ClaimNow, PreviewRow, RunCounts};

use crate::support::{Fixture, append, at, new_task, started, worker};

conformance![
    a_task_comes_back_as_it_was_made,
    the_store_sets_run_and_sequence,
    a_task_can_be_made_in_a_workers_hands,
    a_run_longer_than_the_inline_limit_is_whole,
    rows_after_a_cursor,
    a_preview_is_replaced_and_forgotten,
    runs_are_counted_by_state,
    an_unknown_task_is_not_there,
];

async fn a_task_comes_back_as_it_was_made(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut new = new_task(&scope, 1_000);
    new.task.session_id = Some(SessionId::generate(&OsRandom));
    new.task.conversation_id = Some(ConversationId::generate(at(7), &OsRandom));
    new.task.system_prompt = Some("be brief".to_owned());
    new.task.show_in_history = false;
    new.task.auto_execute = false;
    new.task.env = Some(serde_json::json!({"B": "2", "A": "1"}));
    new.task.secret_names = vec!["TOKEN".to_owned()];
    new.task.model = Some("demo/demo".to_owned());
    new.task.max_turns = Some(3);
    new.task.timeout_ms = Some(60_000);
    new.task.metadata = Some(serde_json::json!({"k": "v"}));
    new.task.message_count = 0;
    let made = new.task.clone();
    fixture.store.insert_task(new).await.unwrap();
    let found = fixture.store.find_task(&scope, made.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&made));
    let env = found.unwrap().env.unwrap();
    assert_eq!(env.to_string(), r#"{"B":"2","A":"1"}"#, "order is kept");
    let unscoped = fixture.store.unscoped_find_task(made.id).await.unwrap();
    assert_eq!(unscoped, Some(made));
}

async fn the_store_sets_run_and_sequence(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut new = new_task(&scope, 1_000);
    new.task.run = RunNumber(9);
    new.task.run_first_seq = Seq(9);
    new.task.last_seq = Seq(9);
    new.task.last_activity_at = at(9);
    let (id, first) = (new.task.id, new.first_event.clone());
    fixture.store.insert_task(new).await.unwrap();
    let found = fixture.store.find_task_with_run(&scope, id).await.unwrap();
    let (task, rows) = found.unwrap();
    assert_eq!(task.run, RunNumber::FIRST);
    assert_eq!((task.run_first_seq, task.last_seq), (Seq(1), Seq(1)));
    assert_eq!(task.last_activity_at, at(1_000));
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].seq, rows[0].run), (Seq(1), RunNumber::FIRST));
    assert_eq!(rows[0].at, at(1_000));
    assert_eq!(rows[0].event, model::JournalEvent::UserMessage(first));
}

async fn a_task_can_be_made_in_a_workers_hands(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let worker = worker();
    let mut new = new_task(&scope, 1_000);
    new.claim = Some(ClaimNow {
        worker,
        lease_until: at(31_000),
    });
    let id = new.task.id;
    fixture.store.insert_task(new).await.unwrap();
    let run = fixture.store.unscoped_find_run(id, RunNumber::FIRST).await;
    let run = run.unwrap().unwrap();
    assert_eq!(run.state, RunState::Leased);
    assert_eq!((run.worker, run.attempt), (Some(worker), 1));
    assert_eq!(run.lease_until, Some(at(31_000)));
    assert!(fixture.claim(worker, 2_000).await.is_none());
}

async fn a_run_longer_than_the_inline_limit_is_whole(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let mut step = append(id, RunNumber::FIRST, 1);
    step.events = (0..200).map(|n| started(&n.to_string())).collect();
    assert_eq!(fixture.store.append(step).await.unwrap(), Seq(201));
    let found = fixture.store.find_task_with_run(&scope, id).await.unwrap();
    let (task, rows) = found.unwrap();
    assert_eq!(task.last_seq, Seq(201));
    let numbers: Vec<_> = rows.iter().map(|row| row.seq.0).collect();
    assert_eq!(numbers, (1..=201).collect::<Vec<_>>());
}

async fn rows_after_a_cursor(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let mut step = append(id, RunNumber::FIRST, 1);
    step.events = vec![started("a"), started("b")];
    fixture.store.append(step).await.unwrap();
    let rows = fixture.store.list_rows(&scope, id, Seq(1)).await.unwrap();
    let events: Vec<_> = rows.unwrap().into_iter().map(|row| row.event).collect();
    assert_eq!(events, [started("a"), started("b")]);
    let rest = fixture.store.unscoped_list_rows(id, Seq(2)).await.unwrap();
    assert_eq!(rest.len(), 1);
    let (task, none) = fixture
        .store
        .find_snapshot(&scope, id, Seq(3))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((task.last_seq, none.len()), (Seq(3), 0));
}

async fn a_preview_is_replaced_and_forgotten(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    assert_eq!(fixture.store.unscoped_find_preview(id).await.unwrap(), None);
    let mut preview = PreviewRow {
        task_id: id,
        run: RunNumber::FIRST,
        turn: 1,
        payload: "so\0 far".to_owned(),
    };
    fixture.store.put_preview(preview.clone()).await.unwrap();
    preview.turn = 2;
    fixture.store.put_preview(preview.clone()).await.unwrap();
    let found = fixture.store.unscoped_find_preview(id).await.unwrap();
    assert_eq!(found, Some(preview));
    fixture.store.delete_preview(id).await.unwrap();
    assert_eq!(fixture.store.unscoped_find_preview(id).await.unwrap(), None);
}

async fn runs_are_counted_by_state(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    for n in 0..3 {
        fixture.task(&scope, n).await;
    }
    fixture.claim(worker(), 10).await.unwrap();
    let counts = fixture.store.count_runs_by_state().await.unwrap();
    let wanted = RunCounts {
        queued: 2,
        leased: 1,
        parked: 0,
        oldest_queued_at: counts.oldest_queued_at,
    };
    assert!(counts.oldest_queued_at.is_some());
    assert_eq!(counts, wanted);
}

async fn an_unknown_task_is_not_there(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let unknown = model::TaskId::generate(&OsRandom);
    let store = &fixture.store;
    assert_eq!(store.find_task(&scope, unknown).await.unwrap(), None);
    let rows = store.list_rows(&scope, unknown, Seq(0)).await.unwrap();
    assert_eq!(rows, None);
    let step = append(unknown, RunNumber::FIRST, 0);
    let refused = store.append(step).await.unwrap_err();
    assert!(matches!(refused, store::Error::NotFound), "{refused}");
    store.ping().await.unwrap();
}
