//! What one tenant must never see of another.

use model::{Seq, TaskScope};
use store::{Error, TaskFilter};

use crate::support::{Fixture, at};

conformance![no_scoped_method_reaches_into_another_scope];

/// Every method that takes a [`TaskScope`], with the scope of somebody else: another project of
/// the same organization, another organization, and both mixed.
async fn no_scoped_method_reaches_into_another_scope(fixture: &Fixture) {
    let store = &fixture.store;
    let own = fixture.tenant().await;
    let id = fixture.task(&own, 1_000).await;
    let sibling = fixture.project(own.organization_id).await;
    let foreign = fixture.tenant().await;
    let mixed = [
        TaskScope {
            organization_id: own.organization_id,
            project_id: foreign.project_id,
            whose: model::Whose::Anybody,
        },
        TaskScope {
            organization_id: foreign.organization_id,
            project_id: own.project_id,
            whose: model::Whose::Anybody,
        },
    ];
    for scope in [sibling, foreign].iter().chain(&mixed) {
        assert_eq!(store.find_task(scope, id).await.unwrap(), None);
        assert_eq!(store.find_task_with_run(scope, id).await.unwrap(), None);
        let snapshot = store.find_snapshot(scope, id, Seq(0)).await.unwrap();
        assert_eq!(snapshot, None);
        assert_eq!(store.list_rows(scope, id, Seq(0)).await.unwrap(), None);
        let page = store.list_tasks(scope, TaskFilter::default(), 50, 0).await;
        assert_eq!(page.unwrap().total, 0);
        let cancel = store.request_cancel(scope, id, at(2_000)).await;
        assert!(matches!(cancel, Err(Error::NotFound)));
        if scope.project_id != own.project_id {
            continue;
        }
        let project = store.find_project(scope.organization_id, scope.project_id);
        assert_eq!(project.await.unwrap(), None);
    }
    let run = store.unscoped_find_run(id, model::RunNumber::FIRST).await;
    assert_eq!(run.unwrap().unwrap().cancel_requested_at, None);
    assert!(store.find_task(&own, id).await.unwrap().is_some());
}
