//! What organizations use: booked with the rows that tell it, counted up, held against caps.

use model::{
    CallId, FinishReason, JournalEvent, ModelTurn, TaskScope, ToolFinished, ToolStatus, Usage,
};
use store::{Append, Error, Meter, Price, UsageCaps, UsageGroup, UsageReport, UsageRow};

use crate::support::{Fixture, append_as, at, by, new_task, started, worker};

conformance![
    a_run_is_booked_on_its_organization,
    what_is_not_written_is_not_booked,
    prices_count_from_then_on,
    no_more_tasks_are_made_than_may_be,
    spent_tokens_refuse_new_tasks_until_the_month_ends,
    caps_and_prices_are_kept_with_their_entry,
];

/// A day, and one of the next month.
const TODAY: i64 = 1_772_600_767_000;
const NEXT_MONTH: i64 = TODAY + 40 * 24 * 60 * 60 * 1_000;

fn turn(input_tokens: u64, output_tokens: u64, cached_tokens: u64) -> JournalEvent {
    JournalEvent::ModelTurn(ModelTurn {
        turn: 1,
        text: "hi".to_owned(),
        continues: false,
        thoughts: vec![],
        tool_calls: vec![],
        finish: FinishReason::Stop,
        usage: Usage {
            input_tokens,
            output_tokens,
            cached_tokens,
        },
        provider_state: serde_json::Value::Null,
    })
}

fn finished(call: &str) -> JournalEvent {
    JournalEvent::ToolFinished(ToolFinished {
        call_id: CallId::new(call),
        status: ToolStatus::Success,
        output: "x".to_owned(),
        error: None,
    })
}

/// A task whose run writes these rows.
async fn run(fixture: &Fixture, scope: &TaskScope, events: Vec<JournalEvent>) {
    fixture.task(scope, TODAY).await;
    let worker = worker();
    let claimed = fixture.claim(worker, TODAY).await.unwrap();
    let written = fixture.store.append(Append {
        at: at(TODAY),
        events,
        meter: Some(Meter {
            model: "test/model".to_owned(),
            sandbox_ms: 1_500,
        }),
        ..append_as(worker, &claimed, 1)
    });
    written.await.unwrap();
}

async fn report(fixture: &Fixture, scope: &TaskScope, group: UsageGroup) -> UsageReport {
    let (store, organization) = (&fixture.store, scope.organization_id);
    let report = store.report_usage(organization, group, at(TODAY), at(TODAY), None);
    report.await.unwrap()
}

async fn a_run_is_booked_on_its_organization(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let second = fixture.project(scope.organization_id).await;
    let rows = vec![turn(100, 10, 40), started("a"), finished("a")];
    run(fixture, &scope, rows.clone()).await;
    run(fixture, &second, rows).await;
    let both = UsageRow {
        key: String::new(),
        tasks: 2,
        input_tokens: 200,
        output_tokens: 20,
        cached_tokens: 80,
        tool_calls: 2,
        sandbox_ms: 3_000,
        cost_nanousd: 0,
    };
    for (group, keys) in [
        (UsageGroup::Day, vec!["2026-03-04".to_owned()]),
        (UsageGroup::Model, vec!["test/model".to_owned()]),
        (UsageGroup::ApiKey, vec![String::new()]),
        (UsageGroup::EndUser, vec![String::new()]),
        (UsageGroup::Project, {
            let mut ids = [scope.project_id, second.project_id].map(|id| id.to_string());
            ids.sort();
            ids.to_vec()
        }),
    ] {
        let found = report(fixture, &scope, group).await;
        assert_eq!(found.totals, both);
        let found: Vec<String> = found.rows.into_iter().map(|row| row.key).collect();
        assert_eq!(found, keys, "{group:?}");
    }
    let other = fixture.tenant().await;
    let nothing = report(fixture, &other, UsageGroup::Day).await;
    assert_eq!(nothing, UsageReport::default());
}

async fn what_is_not_written_is_not_booked(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    run(fixture, &scope, vec![turn(1, 1, 0)]).await;
    let id = fixture.task(&scope, TODAY).await;
    let worker = worker();
    let claimed = fixture.claim(worker, TODAY).await.unwrap();
    assert_eq!(claimed.task.id, id);
    let late = fixture.store.append(Append {
        at: at(TODAY),
        events: vec![turn(100, 100, 0)],
        meter: Some(Meter {
            model: "test/model".to_owned(),
            sandbox_ms: 0,
        }),
        ..append_as(worker, &claimed, 7)
    });
    assert!(matches!(late.await, Err(Error::Conflict)));
    let totals = report(fixture, &scope, UsageGroup::Day).await.totals;
    assert_eq!((totals.tasks, totals.input_tokens), (2, 1));
}

async fn prices_count_from_then_on(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    run(fixture, &scope, vec![turn(1_000, 100, 400)]).await;
    let price = Price {
        model: "test/model".to_owned(),
        input_nanousd: 3_000_000_000,
        output_nanousd: 15_000_000_000,
        cached_nanousd: 300_000_000,
    };
    let prices = vec![price];
    let (store, organization) = (&fixture.store, scope.organization_id);
    let set = store.replace_prices(organization, prices.clone(), by(1));
    set.await.unwrap();
    assert_eq!(store.list_prices(organization).await.unwrap(), prices);
    run(fixture, &scope, vec![turn(1_000, 100, 400)]).await;
    let totals = report(fixture, &scope, UsageGroup::Day).await.totals;
    assert_eq!(totals.cost_nanousd, 1_800_000 + 120_000 + 1_500_000);
}

async fn no_more_tasks_are_made_than_may_be(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let caps = UsageCaps {
        monthly_tasks: Some(5),
        ..UsageCaps::default()
    };
    let set = fixture
        .store
        .set_usage_caps(scope.organization_id, caps, by(1));
    set.await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (store, new) = (fixture.store.clone(), new_task(&scope, TODAY));
        tasks.spawn(async move { store.insert_task(new).await });
    }
    let mut made = 0;
    for done in tasks.join_all().await {
        match done {
            Ok(()) => made += 1,
            Err(error) => assert!(matches!(error, Error::QuotaExceeded), "{error}"),
        }
    }
    assert_eq!(made, 5);
    let totals = report(fixture, &scope, UsageGroup::Day).await.totals;
    assert_eq!(totals.tasks, 5, "what was refused is not booked");
    let elsewhere = fixture.tenant().await;
    fixture.task(&elsewhere, TODAY).await;
    // What was made may go on, also below a cap that is lower now.
    let lower = UsageCaps {
        monthly_tasks: Some(1),
        ..UsageCaps::default()
    };
    let organization = scope.organization_id;
    let set = fixture.store.set_usage_caps(organization, lower, by(2));
    set.await.unwrap();
    let spent = fixture.store.is_quota_spent(organization, at(TODAY)).await;
    assert!(!spent.unwrap());
}

async fn spent_tokens_refuse_new_tasks_until_the_month_ends(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let (store, organization) = (&fixture.store, scope.organization_id);
    let caps = UsageCaps {
        monthly_tokens: Some(110),
        ..UsageCaps::default()
    };
    store
        .set_usage_caps(organization, caps, by(1))
        .await
        .unwrap();
    let spent = |now| store.is_quota_spent(organization, at(now));
    assert!(!spent(TODAY).await.unwrap());
    run(fixture, &scope, vec![turn(100, 10, 0)]).await;
    assert!(spent(TODAY).await.unwrap());
    let refused = store.insert_task(new_task(&scope, TODAY)).await;
    assert!(matches!(refused, Err(Error::QuotaExceeded)));
    assert!(!spent(NEXT_MONTH).await.unwrap());
    fixture.task(&scope, NEXT_MONTH).await;
}

async fn caps_and_prices_are_kept_with_their_entry(fixture: &Fixture) {
    let organization = fixture.tenant().await.organization_id;
    let store = &fixture.store;
    let caps = UsageCaps {
        monthly_tasks: Some(0),
        monthly_tokens: None,
        monthly_cost_nanousd: Some(7),
    };
    let found = store.find_usage_caps(organization).await;
    assert_eq!(found.unwrap(), UsageCaps::default());
    store
        .set_usage_caps(organization, caps, by(1))
        .await
        .unwrap();
    assert_eq!(store.find_usage_caps(organization).await.unwrap(), caps);
    store
        .replace_prices(organization, vec![], by(1))
        .await
        .unwrap();
    let rows = store.list_audit_log_after(organization, 1, 10).await;
    let rows = rows.unwrap();
    assert!(rows[0].entry.contains("usageLimits.update"));
    assert!(rows[1].entry.contains("prices.update"));
}
