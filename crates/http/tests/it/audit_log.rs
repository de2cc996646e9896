//! `/api/v1/organizations/{orgId}/audit-log`: every change of the management API is in it.

use model::Scope;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Api, Reply, TestServer, send};

use crate::settings::with_scopes;
use crate::widgets::Shop;

/// A server with an app, a caller that may manage it, and the path of its audit log.
struct Managed {
    shop: Shop,
    manager: Api,
    key: String,
    path: String,
}

impl Managed {
    async fn new() -> Self {
        let shop = Shop::of(TestServer::start([Reply::say("x")]).await).await;
        let (minted, manager) = shop.server.management_key().await;
        let organization = shop.server.key.record.organization_id;
        Self {
            shop,
            manager,
            key: minted.record.id.to_string(),
            path: format!("/api/v1/organizations/{organization}/audit-log"),
        }
    }

    /// The latest entries, latest first.
    async fn latest(&self, limit: usize) -> Vec<Value> {
        let path = format!("{}?limit={limit}", self.path);
        let page = self.manager.get(&path).await.json();
        page["data"].as_array().unwrap().clone()
    }

    /// Changes something as the manager; says what was kept of that, oldest first.
    async fn change(&self, method: Method, path: &str, body: Value) -> (Value, Vec<Value>) {
        let before = self.latest(1).await[0]["seq"].as_i64().unwrap();
        let project = self.shop.minted.app.project_id;
        let request = self
            .manager
            .request(method, &format!("/api/v1/projects{path}"));
        let data = send(request.json(&body)).await.data();
        let mut new = self.latest(5).await;
        new.retain(|entry| entry["seq"].as_i64().unwrap() > before);
        new.reverse();
        for entry in &new {
            let expected = json!({"kind": "apiKey", "id": self.key, "name": "ana"});
            assert_eq!(entry["actor"], expected, "{project} {entry}");
            assert_eq!(entry["ip"], "127.0.0.1");
        }
        (data, new)
    }

    /// Changes something; says which actions were kept.
    async fn actions(&self, method: Method, path: &str, body: Value) -> Vec<Value> {
        let (_, entries) = self.change(method, path, body).await;
        entries
            .iter()
            .map(|entry| entry["action"].clone())
            .collect()
    }
}

#[tokio::test]
async fn changes_of_projects_and_keys_are_kept() {
    let managed = Managed::new().await;
    let created = managed.change(Method::POST, "", json!({"name": "Second"}));
    let (project, entries) = created.await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["action"], "project.create");
    assert_eq!(entries[0]["target"], project["id"]);
    let project = format!("/{}", project["id"].as_str().unwrap());
    let (_, entries) = managed
        .change(Method::PATCH, &project, json!({"name": "Third"}))
        .await;
    assert_eq!(entries[0]["action"], "project.update");
    assert_eq!(entries[0]["before"], json!({"name": "Second"}));
    assert_eq!(entries[0]["after"], json!({"name": "Third"}));
    let keys = format!("{project}/api-keys");
    let (key, entries) = managed
        .change(Method::POST, &keys, json!({"name": "ci"}))
        .await;
    assert_eq!(entries[0]["action"], "apiKey.create");
    assert_eq!(entries[0]["after"]["prefix"], key["prefix"]);
    let plain = key["key"].as_str().unwrap();
    let whole = managed.manager.get(&managed.path).await.text;
    assert!(!whole.contains(&plain[12..]));
    let key = format!("{keys}/{}", key["id"].as_str().unwrap());
    for (method, path, body, action) in [
        (
            Method::PATCH,
            key.clone(),
            json!({"enabled": false}),
            "apiKey.update",
        ),
        (
            Method::POST,
            format!("{key}/rotate"),
            json!({}),
            "apiKey.rotate",
        ),
        (Method::DELETE, key.clone(), json!({}), "apiKey.revoke"),
    ] {
        assert_eq!(managed.actions(method, &path, body).await, [action]);
    }
}

#[tokio::test]
async fn changes_of_apps_and_end_users_are_kept() {
    let managed = Managed::new().await;
    let project = managed.shop.minted.app.project_id;
    let apps = format!("/{project}/widget-apps");
    let (app, entries) = managed
        .change(Method::POST, &apps, json!({"name": "second"}))
        .await;
    assert_eq!(entries[0]["action"], "widgetApp.create");
    let secret = app["appSecret"].as_str().unwrap();
    let shop = format!("{apps}/{}", managed.shop.minted.app.id);
    let token = managed.shop.token("u1").await;
    let claims = crate::widgets::claims(&token);
    let session = format!("{shop}/sessions/{}", claims["sid"].as_str().unwrap());
    let at = |rest: &str| format!("{shop}{rest}");
    // Each route takes what it knows of it.
    let body = json!({"name": "other", "endUserId": "u1"});
    let (patch, post, delete) = (Method::PATCH, Method::POST, Method::DELETE);
    for (method, path, actions) in [
        (patch, at(""), &["widgetApp.update"][..]),
        (
            post.clone(),
            at("/rotate-secret"),
            &["widgetApp.rotateSecret"],
        ),
        (delete.clone(), session, &["widgetSession.revoke"]),
        (post.clone(), at("/end-users/revoke"), &["endUser.revoke"]),
        (
            post.clone(),
            at("/end-users/block"),
            &["endUser.block", "endUser.revoke"],
        ),
        (post, at("/end-users/unblock"), &["endUser.unblock"]),
        (delete, at(""), &["widgetApp.update", "widgetApp.delete"]),
    ] {
        let kept = managed.actions(method, &path, body.clone()).await;
        assert_eq!(kept, actions);
    }
    let whole = managed.manager.get(&managed.path).await.text;
    assert!(
        [secret, &token]
            .iter()
            .all(|secret| !whole.contains(*secret))
    );
}

#[tokio::test]
async fn an_export_is_a_chain_of_lines() {
    let managed = Managed::new().await;
    for number in 0..3 {
        let body = json!({"name": format!("project {number}")});
        managed.change(Method::POST, "", body).await;
    }
    let export = format!("{}/export", managed.path);
    let answer = managed.manager.get(&export).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let mut previous = "0".repeat(64);
    for (at, line) in answer.text.lines().enumerate() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!(entry["seq"], at + 1);
        assert_eq!(entry["previous"], previous);
        let hash = Sha256::digest(line.as_bytes());
        previous = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    }
    let latest = &managed.latest(1).await[0];
    assert_eq!(latest["hash"], previous);
    let count = answer.text.lines().count();
    assert_eq!(latest["seq"], count);
    let rest = format!("{export}?after={}", count - 1);
    let rest = managed.manager.get(&rest).await;
    assert_eq!(rest.text.lines().count(), 1);
    assert!(answer.text.ends_with(&rest.text));
    let wrong = managed.manager.get(&format!("{export}?after=x")).await;
    assert_eq!(wrong.error(), (400, "VALIDATION_ERROR".to_owned()));
}

#[tokio::test]
async fn an_export_goes_on_over_many_entries() {
    let managed = Managed::new().await;
    let server = &managed.shop.server;
    let organization = server.key.record.organization_id;
    for number in 0..1_020 {
        let name = format!("project {number}");
        let made = server.admin.create_project(organization, &name);
        made.await.unwrap();
    }
    let export = format!("{}/export", managed.path);
    let answer = managed.manager.get(&export).await.text;
    let seq = |line: &str| serde_json::from_str::<Value>(line).unwrap()["seq"].as_i64();
    let seqs: Vec<_> = answer.lines().map(|line| seq(line).unwrap()).collect();
    let total = i64::try_from(seqs.len()).unwrap();
    assert!(total > 1_020);
    assert!(seqs.iter().copied().eq(1..=total));
}

#[tokio::test]
async fn who_changes_keys_need_not_read_the_log() {
    let managed = Managed::new().await;
    let server = &managed.shop.server;
    let changer = with_scopes(server, &[Scope::KeysManage]).await;
    let reader = with_scopes(server, &[Scope::AuditRead]).await;
    for path in [managed.path.clone(), format!("{}/export", managed.path)] {
        let refused = changer.get(&path).await;
        assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()));
        assert_eq!(reader.get(&path).await.status, 200);
    }
}

#[tokio::test]
async fn what_cannot_be_logged_is_not_done() {
    let managed = Managed::new().await;
    let data = managed.shop.server.directory.path().join("data/sigmic.db");
    let connection = rusqlite::Connection::open(data).unwrap();
    connection
        .execute_batch("ALTER TABLE audit_log RENAME TO elsewhere")
        .unwrap();
    let body = json!({"name": "Unseen"});
    let refused = managed.manager.post("/api/v1/projects", &body).await;
    assert_eq!(refused.error(), (500, "INTERNAL_ERROR".to_owned()));
    let projects = managed.manager.get("/api/v1/projects").await;
    assert!(!projects.text.contains("Unseen"));
}
