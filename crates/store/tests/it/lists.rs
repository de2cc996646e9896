//! Lists of tasks: order, pages, filters.

use model::{ApiKeyId, OsRandom, RunNumber, TaskId, TaskScope, TaskStatus};
use store::{Append, TaskFilter, TaskPatch};

use crate::support::{Fixture, append, at, new_task};

conformance![
    recent_activity_comes_first_ties_by_id,
    pages_cover_the_list_without_overlap,
    filters_narrow_list_and_total,
    activity_moves_a_task_up,
];

async fn ids(
    fixture: &Fixture,
    scope: &TaskScope,
    filter: TaskFilter,
    limit: i64,
    offset: i64,
) -> (Vec<TaskId>, i64) {
    let page = fixture.store.list_tasks(scope, filter, limit, offset).await;
    let page = page.unwrap();
    (page.tasks.iter().map(|task| task.id).collect(), page.total)
}

/// Ten tasks, two of each moment, newest first.
async fn ten(fixture: &Fixture, scope: &TaskScope) -> Vec<TaskId> {
    let mut made = Vec::new();
    for n in 0..10 {
        let moment = 1_000 + n / 2;
        made.push((moment, fixture.task(scope, moment).await));
    }
    made.sort_by_key(|(moment, id)| std::cmp::Reverse((*moment, id.to_string())));
    made.into_iter().map(|(_, id)| id).collect()
}

async fn recent_activity_comes_first_ties_by_id(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let wanted = ten(fixture, &scope).await;
    let all = ids(fixture, &scope, TaskFilter::default(), 50, 0).await;
    assert_eq!(all, (wanted, 10));
}

async fn pages_cover_the_list_without_overlap(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let wanted = ten(fixture, &scope).await;
    let mut seen = Vec::new();
    for offset in [0, 4, 8, 12] {
        let (page, total) = ids(fixture, &scope, TaskFilter::default(), 4, offset).await;
        assert_eq!(total, 10, "also beyond the end");
        seen.extend(page);
    }
    assert_eq!(seen, wanted);
}

async fn filters_narrow_list_and_total(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let lineage = ApiKeyId::generate(&OsRandom);
    let mut pending = new_task(&scope, 2_000);
    pending.lineage = Some(lineage);
    let mut completed = new_task(&scope, 3_000);
    completed.lineage = Some(ApiKeyId::generate(&OsRandom));
    completed.task.status = TaskStatus::Completed;
    let (first, second) = (pending.task.id, completed.task.id);
    fixture.store.insert_task(pending).await.unwrap();
    fixture.store.insert_task(completed).await.unwrap();

    let statuses = |statuses: &[TaskStatus]| TaskFilter {
        statuses: statuses.to_vec(),
        ..TaskFilter::default()
    };
    let of_lineage = |filter: TaskFilter| TaskFilter {
        lineage: Some(lineage),
        ..filter
    };
    let created = |after: Option<i64>, before: Option<i64>| TaskFilter {
        created_after: after.map(at),
        created_before: before.map(at),
        ..TaskFilter::default()
    };
    let both = [TaskStatus::Pending, TaskStatus::Completed];
    let cases = [
        (of_lineage(TaskFilter::default()), vec![first]),
        (of_lineage(statuses(&both[1..])), vec![]),
        (statuses(&both[1..]), vec![second]),
        (statuses(&both), vec![second, first]),
        (statuses(&both.repeat(5)), vec![second, first]),
        (statuses(&[TaskStatus::Cancelled]), vec![]),
        (created(Some(2_000), None), vec![second]),
        (created(None, Some(3_000)), vec![first]),
        (created(Some(2_000), Some(3_000)), vec![]),
    ];
    for (filter, wanted) in cases {
        let total = i64::try_from(wanted.len()).unwrap();
        let found = ids(fixture, &scope, filter.clone(), 50, 0).await;
        assert_eq!(found, (wanted, total), "{filter:?}");
    }
}

async fn activity_moves_a_task_up(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let first = fixture.task(&scope, 1_000).await;
    let second = fixture.task(&scope, 2_000).await;
    let starts = Append {
        task: TaskPatch {
            started_at: Some(at(3_000)),
            ..TaskPatch::default()
        },
        ..append(first, RunNumber::FIRST, 1)
    };
    fixture.store.append(starts).await.unwrap();
    let (order, _) = ids(fixture, &scope, TaskFilter::default(), 50, 0).await;
    assert_eq!(order, [first, second]);
}
