//! What people do to their own accounts is in the audit log.

use model::Caller;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Backend, Console, PASSWORD, Reply, TestServer, send};

const NEW: &str = "walnut-Kite-58-fog";

/// The entries of the first organization after the first `skip`, oldest first.
async fn entries(console: &Console, server: &TestServer, skip: usize) -> Vec<Value> {
    let organization = server.key.record.organization_id;
    let path = format!("/api/v1/organizations/{organization}/audit-log?limit=100");
    let mut listed = console.get(&path).await.json()["data"]
        .as_array()
        .unwrap()
        .clone();
    listed.reverse();
    listed.split_off(skip)
}

fn actions(entries: &[Value]) -> Vec<&str> {
    let names = entries.iter().map(|entry| entry["action"].as_str());
    names.map(Option::unwrap).collect()
}

async fn is_kept(server: TestServer) {
    let owner = server.owner().await;
    let all = entries(&owner, &server, 0).await;
    let first = all
        .iter()
        .position(|entry| entry["action"] == "member.join");
    let first = first.unwrap();
    assert_eq!(
        actions(&all[first..]),
        [
            "member.join",
            "passwordLink.create",
            "password.update",
            "session.create"
        ]
    );
    assert_eq!(all[first]["actor"]["kind"], "server");
    assert_eq!(all[first]["after"]["role"], "owner");
    assert_eq!(all[first + 2]["after"]["by"], "link");
    signs_in_and_out(&server, all.len()).await;
    let log = server.store.unscoped_verify_audit_log().await.unwrap();
    assert_eq!(log.faults, []);
}

/// Somebody is refused, signs in, changes their password, ends a sign-in and signs out.
async fn signs_in_and_out(server: &TestServer, before: usize) {
    for _ in 0..3 {
        let wrong = server.log_in("owner@example.com", "another-Orbit-93");
        assert_eq!(wrong.await.status, 401);
    }
    let again = server.log_in("owner@example.com", PASSWORD).await;
    let again = Console::after(&server.api, &again);
    let change = json!({"currentPassword": PASSWORD, "password": NEW});
    assert_eq!(again.patch("/api/v1/me", &change).await.status, 200);
    let other = Console::after(&server.api, &server.log_in("owner@example.com", NEW).await);
    let listed = again.get("/api/v1/me/sessions").await.json();
    let theirs = listed["data"].as_array().unwrap().iter();
    let theirs = theirs.filter(|session| session["current"] == false);
    let theirs = theirs.map(|session| session["id"].clone()).next().unwrap();
    let path = format!("/api/v1/me/sessions/{}", theirs.as_str().unwrap());
    assert_eq!(again.delete(&path).await.status, 200);
    assert_eq!(other.get("/api/v1/me").await.status, 401);
    let out = again.post("/api/v1/auth/logout", &json!({})).await;
    assert_eq!(out.status, 200);
    let last = Console::after(&server.api, &server.log_in("owner@example.com", NEW).await);
    let new = entries(&last, server, before).await;
    assert_eq!(
        actions(&new),
        [
            "session.create",
            "password.update",
            "session.create",
            "session.end",
            "session.signOut",
            "session.create"
        ]
    );
    assert_eq!(new[0]["after"]["refusedBefore"], 3);
    assert_eq!(new[1]["after"]["by"], "password");
    assert_eq!(new[2]["after"]["refusedBefore"], 0);
    assert_eq!(new[3]["target"], theirs);
    for entry in &new {
        let actor = &entry["actor"];
        assert_eq!(
            (&actor["kind"], &actor["name"]),
            (&json!("user"), &json!("owner@example.com"))
        );
        assert_eq!(entry["ip"], "127.0.0.1");
    }
    let whole = Value::from(new).to_string();
    assert!(!whole.contains(NEW) && !whole.contains("argon2"));
}

#[tokio::test]
async fn what_people_do_to_their_accounts_is_kept_on_sqlite() {
    is_kept(TestServer::start([Reply::say("ok")]).await).await;
}

#[tokio::test]
async fn what_people_do_to_their_accounts_is_kept_on_postgres() {
    let server = TestServer::builder().backend(Backend::Postgres);
    is_kept(server.script([Reply::say("ok")]).start().await).await;
}

#[tokio::test]
async fn a_password_concerns_every_organization_of_the_person() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let owner = server.owner().await;
    let made = owner
        .post("/api/v1/organizations", &json!({"name": "Mine"}))
        .await
        .data();
    let user = server.sign_ins.find("owner@example.com").await.unwrap();
    let sign_ins = server.sign_ins.by(Caller::OPERATOR);
    let link = sign_ins.make_link(&user.unwrap()).await.unwrap();
    let body = json!({"token": link.expose_token(), "password": NEW});
    let reset = server
        .api
        .bare(Method::POST, "/api/v1/auth/password/reset")
        .json(&body);
    assert_eq!(send(reset).await.status, 200);
    let owner = Console::after(&server.api, &server.log_in("owner@example.com", NEW).await);
    let here = entries(&owner, &server, 0).await;
    assert_eq!(
        actions(&here[here.len() - 3..]),
        ["passwordLink.create", "password.update", "session.create"]
    );
    assert_eq!(here[here.len() - 3]["actor"]["kind"], "operator");
    let to = json!({"organizationId": made["id"]});
    let switched = owner.post("/api/v1/auth/switch-organization", &to).await;
    let boss = Console::after(&server.api, &switched);
    let path = format!(
        "/api/v1/organizations/{}/audit-log",
        made["id"].as_str().unwrap()
    );
    let log = boss.get(&path).await.json();
    let mut theirs = log["data"].as_array().unwrap().clone();
    theirs.reverse();
    assert_eq!(
        actions(&theirs[theirs.len() - 3..]),
        ["passwordLink.create", "password.update", "session.create"]
    );
}
