use model::{JournalEvent, RunOutcome, Seq, TaskStatus};
use sigmic_store::{Append, RunChange, TaskPatch};

use crate::support::{Fixture, append_as, worker};

#[tokio::test]
async fn a_task_is_made_claimed_and_finished() {
    let fixture = Fixture::sqlite().await;
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let worker = worker();
    let claimed = fixture.claim(worker, 1_001).await.unwrap();
    let last = fixture
        .store
        .append(Append {
            events: vec![JournalEvent::RunFinished(RunOutcome::Completed)],
            task: TaskPatch {
                status: Some(TaskStatus::Completed),
                ..TaskPatch::default()
            },
            run_change: RunChange::End,
            ..append_as(worker, &claimed, 1)
        })
        .await
        .unwrap();
    assert_eq!(last, Seq(2));
    let found = fixture.store.find_task_with_run(&scope, id).await.unwrap();
    let (task, rows) = found.unwrap();
    assert_eq!(task.status, TaskStatus::Completed);
    assert_eq!(rows.len(), 2);
    fixture.store.close().await;
}
