//! What an end user's token can do, and what it never shows.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Api, Gate, Reply, TestServer, send};

use crate::support::message;
use crate::widgets::{Shop, app};

#[tokio::test]
async fn contract_052_a_token_creates_a_task_and_streams_it() {
    let shop = Shop::new().await;
    let user = shop.user("u1").await;
    let id = user.create(&message("hi")).await;
    let task = user.finished(&id).await;
    assert_eq!(task["status"], "completed");
    assert_eq!(task["apiKeyId"], Value::Null);
    assert_eq!(task["username"], "u1");
    assert_eq!(user.events(&id).await.last().unwrap().name, "done");
    assert_eq!(user.follow_up(&id, &message("more")).await.status, 200);
    user.finished(&id).await;
    for path in ["history", "artifacts"] {
        let answer = user.get(&format!("/api/v1/tasks/{id}/{path}")).await;
        assert_eq!(answer.status, 200);
    }
    let header = user.bare(Method::GET, "/api/v1/tasks");
    let header = header.header("x-api-key", shop.token("u1").await);
    assert_eq!(send(header).await.status, 200, "in the other header too");
}

/// Every endpoint about one task, with what it needs.
fn endpoints(id: &str) -> Vec<(Method, String)> {
    let task = format!("/api/v1/tasks/{id}");
    vec![
        (Method::GET, task.clone()),
        (Method::DELETE, task.clone()),
        (Method::GET, format!("{task}/stream")),
        (Method::GET, format!("{task}/history")),
        (Method::GET, format!("{task}/artifacts")),
        (Method::GET, format!("{task}/artifacts/download?path=x")),
        (Method::POST, format!("{task}/messages")),
        (Method::POST, format!("{task}/tools/c/approve")),
    ]
}

#[tokio::test]
async fn contract_053_168_end_users_do_not_know_of_each_other() {
    let shop = Shop::new().await;
    let (ana, ben) = (shop.user("ana").await, shop.user("ben").await);
    let id = ana.create(&message("hi")).await;
    ana.finished(&id).await;
    let by_key = shop.server.api.create(&message("hi")).await;
    shop.server.api.finished(&by_key).await;
    let listed = ben.get("/api/v1/tasks?scope=project").await.json();
    assert_eq!(listed["pagination"]["total"], 0);
    // Another app of the project whose end user has the same name.
    let other = Shop {
        minted: app(&shop.server, &[]).await,
        server: shop.server,
    };
    let namesake = other.user("ana").await;
    for stranger in [&ben, &namesake] {
        for (task, (method, path)) in [&id, &by_key].into_iter().flat_map(|id| {
            endpoints(id)
                .into_iter()
                .map(move |endpoint| (id, endpoint))
        }) {
            let body = json!({"message": "x", "outcome": "cancel"});
            let request = stranger.request(method.clone(), &path).json(&body);
            let expected = (404, "NOT_FOUND".to_owned());
            assert_eq!(
                send(request).await.error(),
                expected,
                "{task} {method} {path}"
            );
        }
    }
    assert_eq!(ana.task(&id).await["status"], "completed");
    let all = other.server.api.get("/api/v1/tasks?scope=project").await;
    assert_eq!(
        all.json()["pagination"]["total"],
        2,
        "a key sees its project's"
    );
}

#[tokio::test]
async fn contract_054_a_later_token_sees_the_earlier_tasks() {
    let shop = Shop::new().await;
    let first = shop.user("u1").await;
    let id = first.create(&message("hi")).await;
    first.finished(&id).await;
    let second = shop.user(" u1 ").await;
    assert_eq!(second.task(&id).await["id"], id.as_str());
    let listed = second.get("/api/v1/tasks").await.json();
    assert_eq!(listed["pagination"]["total"], 1);
}

/// A reply that runs a command.
fn runs(command: &str) -> Reply {
    Reply::call("run_shell_command", json!({"command": command}))
}

/// By their lengths: a secret value in the command itself would be masked.
const CHECK: &str = "test \"$PLAN\" = gold-plan && test ${#TOKEN} = 16 && test ${#BOTH} = 12 && \
                     echo as given; echo $TOKEN";
const LATER: &str =
    "test -z \"$PLAN\" && test ${#TOKEN} = 22 && test -z \"$BOTH\" && echo as replaced";

/// Everything that the API shows of a task.
async fn shown(user: &Api, id: &str) -> String {
    let mut shown = String::new();
    for path in ["", "/history"] {
        shown.push_str(&user.get(&format!("/api/v1/tasks/{id}{path}")).await.text);
    }
    for event in user.events(id).await {
        shown.push_str(&event.data.to_string());
    }
    shown
}

#[tokio::test]
async fn contract_050_055_variables_reach_commands_and_no_answer() {
    let answers = [runs(CHECK), Reply::say("I saw secret-one-value")];
    let server = TestServer::start(
        answers
            .into_iter()
            .chain([runs(LATER), Reply::say("done")])
            .collect::<Vec<_>>(),
    );
    let shop = Shop::of(server.await).await;
    let mut body = shop.request("u1");
    body["env"] = json!({"PLAN": "gold-plan", "BOTH": "from-env"});
    body["secrets"] = json!({"TOKEN": "secret-one-value", "BOTH": "from-secrets"});
    let token = shop.exchange(&body).await.data()["token"].clone();
    let user = shop.server.api.with_key(token.as_str().unwrap());
    // The page cannot stand in for the backend.
    let own = json!({"message": "is it secret-one-value?", "env": {"PLAN": "free", "OWN": "x"}});
    let id = user.create(&own).await;
    let task = user.finished(&id).await;
    let output = |task: &Value| task["output"]["toolCalls"][0]["output"].to_string();
    assert!(output(&task).contains("as given"));
    assert_eq!(
        task["env"],
        json!({"PLAN": "free", "OWN": "x"}),
        "the request's own"
    );
    let shown = shown(&user, &id).await;
    assert!(!shown.contains("secret-one-value"), "{shown}");
    for request in shop.server.model().requests() {
        assert!(!request.json().to_string().contains("secret-one-value"));
    }
    // The next exchange replaces them all.
    let mut body = shop.request("u1");
    body["secrets"] = json!({"TOKEN": "a-value-of-22-letters!"});
    assert_eq!(shop.exchange(&body).await.status, 200);
    let again = json!({"message": "again", "env": {}});
    assert_eq!(user.follow_up(&id, &again).await.status, 200);
    let task = user.finished(&id).await;
    assert!(output(&task).contains("as replaced"), "{task}");
}

#[tokio::test]
async fn a_token_that_is_cut_off_ends_its_streams() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().text("part").hang(&gate).text(" rest")]).await;
    let shop = Shop::of(server).await;
    let user = shop.user("u1").await;
    let id = user.create(&message("hi")).await;
    let mut theirs = user.stream(&id).await;
    let mut keys = shop.server.api.stream(&id).await;
    theirs.until("content").await;
    keys.until("content").await;
    let app = &shop.minted.app;
    let scope = tenancy::WidgetAppScope {
        organization_id: app.organization_id,
        project_id: app.project_id,
        id: app.id,
    };
    let cut_off = shop.server.widgets.revoke_end_user(scope, "u1").await;
    assert_eq!(cut_off.unwrap().sessions, 1);
    assert_eq!(
        user.get("/api/v1/tasks").await.error(),
        (401, "INVALID_TOKEN".to_owned())
    );
    assert_eq!(theirs.next().await, None);
    gate.open();
    assert_eq!(keys.rest().await.last().unwrap().name, "done");
}
