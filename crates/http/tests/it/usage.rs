//! `/api/v1/organizations/{orgId}/usage` and `…/prices`: what tasks use is booked, and held against
//! the caps.

use std::sync::Arc;

use model::SystemClock;
use serde_json::{Value, json};
use store::UsageCaps;
use tenancy::{Price, UsageAdmin};
use testkit::{Api, Gate, Reply, Script, TestServer};

use crate::support::message;
use crate::widgets::Shop;

/// A server with an app, and a caller that may see its usage.
struct Booked {
    shop: Shop,
    manager: Api,
    admin: UsageAdmin,
    path: String,
}

impl Booked {
    async fn new(script: impl Into<Script>) -> Self {
        let shop = Shop::of(TestServer::start(script).await).await;
        let (_, manager) = shop.server.management_key().await;
        let organization = shop.server.key.record.organization_id;
        Self {
            manager,
            admin: UsageAdmin::new(shop.server.store.clone(), Arc::new(SystemClock)),
            path: format!("/api/v1/organizations/{organization}"),
            shop,
        }
    }

    async fn cap(&self, caps: UsageCaps) {
        let organization = self.shop.server.key.record.organization_id;
        self.admin.set_caps(organization, caps).await.unwrap();
    }

    async fn usage(&self, query: &str) -> Value {
        let path = format!("{}/usage{query}", self.path);
        self.manager.get(&path).await.data()
    }

    async fn run(&self, api: &Api) -> String {
        let id = api.create(&message("hi")).await;
        api.finished(&id).await;
        id
    }
}

/// A turn with a call, and one that ends the run.
fn one_task() -> [Reply; 2] {
    [
        Reply::new()
            .tool_call("list_directory", json!({}))
            .usage(1_000, 100, 400),
        Reply::say("done").usage(2_000, 50, 0),
    ]
}

#[tokio::test]
async fn contract_229_usage_is_booked_on_the_projects_organization() {
    let booked = Booked::new([one_task(), one_task(), one_task()].concat()).await;
    let server = &booked.shop.server;
    let price = Price {
        model: "openai/scripted".to_owned(),
        input_nanousd: 1_000_000_000,
        output_nanousd: 10_000_000_000,
        cached_nanousd: 0,
    };
    let organization = server.key.record.organization_id;
    let set = booked.admin.set_prices(organization, vec![price]);
    set.await.unwrap();
    let (elsewhere, other) = server.another_project("elsewhere").await;
    let user = booked.shop.user("ana").await;
    for api in [&server.api, &other, &user] {
        booked.run(api).await;
    }
    let mut data = booked.usage("?groupBy=project").await;
    let seconds = data["totals"]["sandboxSeconds"].take();
    assert!(seconds.as_f64().unwrap() >= 0.0);
    let totals = json!({
        "tasks": 3, "inputTokens": 9_000, "outputTokens": 450, "cachedTokens": 1_200,
        "toolCalls": 3, "sandboxSeconds": null, "costUsd": 0.0123,
    });
    assert_eq!(data["totals"], totals);
    let tasks_of = |key: &str| {
        let rows = data["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["key"] == key);
        row.unwrap()["tasks"].clone()
    };
    let project = |id: Option<model::ProjectId>| id.unwrap().to_string();
    assert_eq!(tasks_of(&project(server.key.record.project_id)), 2);
    assert_eq!(tasks_of(&project(elsewhere.record.project_id)), 1);
    for (group, rows) in [("day", 1), ("model", 1), ("apiKey", 3), ("endUser", 2)] {
        let data = booked.usage(&format!("?groupBy={group}")).await;
        assert_eq!(data["rows"].as_array().unwrap().len(), rows, "{group}");
        assert_eq!(data["totals"]["tasks"], 3);
    }
    let before = booked.usage("?from=2020-01-01&to=2020-01-31").await;
    assert_eq!(before["rows"], json!([]));
    assert_eq!(before["totals"]["tasks"], 0);
    let prices = booked.manager.get(&format!("{}/prices", booked.path)).await;
    assert_eq!(prices.data()["prices"][0]["outputUsd"], 10.0);
}

#[tokio::test]
async fn the_query_of_a_report_is_checked() {
    let booked = Booked::new([Reply::say("x")]).await;
    for wrong in [
        "groupBy=hour",
        "from=yesterday",
        "from=2026-02-31",
        "to=2026-1-1",
        "to=2026-01-01T00:00:00Z",
    ] {
        let path = format!("{}/usage?{wrong}", booked.path);
        let refused = booked.manager.get(&path).await;
        let expected = (400, "VALIDATION_ERROR".to_owned());
        assert_eq!(refused.error(), expected, "{wrong}");
    }
}

#[tokio::test]
async fn no_task_is_made_beyond_the_cap() {
    let booked = Booked::new(vec![Reply::say("x"); 3]).await;
    booked
        .cap(UsageCaps {
            monthly_tasks: Some(2),
            ..UsageCaps::default()
        })
        .await;
    let limits = format!("{}/usage/limits", booked.path);
    let limits = booked.manager.get(&limits).await.data();
    let expected = json!({"monthlyTasks": 2, "monthlyTokens": null, "monthlyCostUsd": null});
    assert_eq!(limits, expected);
    let api = &booked.shop.server.api;
    for _ in 0..2 {
        booked.run(api).await;
    }
    let refused = api.post("/api/v1/tasks", &message("more")).await;
    assert_eq!(refused.error(), (402, "QUOTA_EXCEEDED".to_owned()));
    booked.cap(UsageCaps::default()).await;
    booked.run(api).await;
    assert_eq!(booked.usage("").await["totals"]["tasks"], 3);
}

#[tokio::test]
async fn a_run_ends_when_the_tokens_of_the_month_are_used_up() {
    let gate = Gate::new();
    let first = Reply::new().text("part").hang(&gate);
    let first = first.tool_call("list_directory", json!({}));
    let booked = Booked::new([first.usage(1_000, 100, 0), Reply::say("never")]).await;
    booked
        .cap(UsageCaps {
            monthly_tokens: Some(1_100),
            ..UsageCaps::default()
        })
        .await;
    let api = &booked.shop.server.api;
    let id = api.create(&message("hi")).await;
    let mut stream = api.stream(&id).await;
    stream.until("content").await;
    gate.open();
    let events = stream.rest().await;
    let last = events.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["code"]),
        ("error", &json!("QUOTA_EXCEEDED"))
    );
    assert_eq!(api.task(&id).await["status"], "failed");
    assert_eq!(booked.shop.server.model().requests().len(), 1);
    let refused = api.post("/api/v1/tasks", &message("more")).await;
    assert_eq!(refused.error(), (402, "QUOTA_EXCEEDED".to_owned()));
}
