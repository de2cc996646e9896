//! Organizations, members and invitations, and what each role may do.

use model::Scope;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Backend, Console, Gate, PASSWORD, Reply, TestServer, send};

use crate::settings::{ROUTES, path_of, with_scopes};
use crate::support::message;
use crate::widgets::Shop;

const ROLES: [&str; 4] = ["viewer", "member", "admin", "owner"];

fn forbidden() -> (u16, String) {
    (403, "FORBIDDEN".to_owned())
}

fn not_found() -> (u16, String) {
    (404, "NOT_FOUND".to_owned())
}

async fn plain() -> TestServer {
    TestServer::start(vec![Reply::say("ok"); 4]).await
}

fn organization(server: &TestServer) -> String {
    let id = server.key.record.organization_id;
    format!("/api/v1/organizations/{id}")
}

/// The token of an invitation's link.
fn token_of(invited: &Value) -> String {
    let link = invited["link"].as_str().unwrap();
    link.split_once("/invite#token=").unwrap().1.to_owned()
}

async fn invite(by: &Console, server: &TestServer, body: &Value) -> Answer {
    by.post(&format!("{}/invites", organization(server)), body)
        .await
}

async fn accept(server: &TestServer, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password, "name": "Somebody"});
    let request = server.api.bare(Method::POST, "/api/v1/invites/accept");
    send(request.json(&body)).await
}

/// Somebody who joins as `role` with these projects.
async fn join(server: &TestServer, owner: &Console, role: &str, projects: Value) -> Console {
    let email = format!("{role}@example.com");
    let mut body = json!({"email": email, "role": role});
    if ["member", "viewer"].contains(&role) {
        body["projectIds"] = projects;
    }
    let invited = invite(owner, server, &body).await.data();
    Console::after(
        &server.api,
        &accept(server, &token_of(&invited), PASSWORD).await,
    )
}

async fn me(console: &Console) -> Value {
    console.get("/api/v1/me").await.data()
}

/// The least role that may, as the table of roles has it.
fn least(method: &Method, path: &str) -> usize {
    let reads = *method == Method::GET;
    let (viewer, member, admin, owner) = (0, 1, 2, 3);
    if *method == Method::PUT {
        // Caps and prices.
        owner
    } else if path.contains("/api-keys") {
        member
    } else if path.contains("/widget-apps") {
        if reads { viewer } else { member }
    } else if path.contains("/audit-log") || path.contains("/invites") || !reads {
        admin
    } else {
        viewer
    }
}

#[tokio::test]
async fn contract_228_each_role_may_what_its_cell_says() {
    let shop = Shop::of(plain().await).await;
    let server = &shop.server;
    let owner = server.owner().await;
    let project = server.key.record.project_id.unwrap().to_string();
    let mut people = Vec::new();
    for role in &ROLES[..3] {
        people.push(join(server, &owner, role, json!([project])).await);
    }
    people.push(owner);
    for (rank, person) in people.iter().enumerate() {
        for (method, path, _) in ROUTES {
            // What would end something is asked for what there is not.
            let path = path_of(&shop, path).replace(&shop.minted.app.id.to_string(), "none");
            let path = path.replace(&server.key.record.id.to_string(), "none");
            let answer = send(person.request(method.clone(), &path).json(&json!({}))).await;
            let allowed = rank >= least(method, &path);
            let role = ROLES[rank];
            assert_eq!(
                answer.status != 403,
                allowed,
                "{role} {method} {path}: {}",
                answer.text
            );
            assert_ne!(answer.status, 401, "{role} {method} {path}");
        }
    }
}

#[tokio::test]
async fn contract_228_each_role_does_with_tasks_what_its_cell_says() {
    let server = plain().await;
    let owner = server.owner().await;
    let project = server.key.record.project_id.unwrap().to_string();
    let task = server.api.create(&message("hi")).await;
    server.api.finished(&task).await;
    let path = format!("/api/v1/tasks/{task}");
    for role in &ROLES[..3] {
        let person = join(&server, &owner, role, json!([project])).await;
        for read in [
            format!("/api/v1/tasks?projectId={project}"),
            path.clone(),
            format!("{path}/history"),
            format!("{path}/artifacts"),
        ] {
            assert_eq!(person.get(&read).await.status, 200, "{role} {read}");
        }
        for write in [
            (Method::POST, format!("/api/v1/tasks?projectId={project}")),
            (Method::POST, format!("{path}/messages")),
            (Method::POST, format!("{path}/tools/c/approve")),
            (Method::DELETE, path.clone()),
        ] {
            let answer = send(person.request(write.0, &write.1).json(&json!({}))).await;
            assert_eq!(
                answer.status == 403,
                *role == "viewer",
                "{role} {}",
                write.1
            );
        }
    }
}

#[tokio::test]
async fn contract_227_without_a_project_nothing_of_it_is_there() {
    let shop = Shop::of(plain().await).await;
    let server = &shop.server;
    let owner = server.owner().await;
    let task = server.api.create(&message("hi")).await;
    server.api.finished(&task).await;
    let project = server.key.record.project_id.unwrap();
    for role in ["member", "viewer"] {
        let person = join(server, &owner, role, json!([])).await;
        let listed = person.get("/api/v1/projects").await.json();
        assert_eq!(listed["data"], json!([]), "{role}");
        for (method, path, _) in ROUTES {
            if !path.contains("/P") {
                continue;
            }
            let path = path_of(&shop, path);
            let answer = send(person.request(method.clone(), &path).json(&json!({}))).await;
            let code = answer.error();
            assert!(
                code == not_found() || code == forbidden(),
                "{role} {method} {path}"
            );
        }
        let keys = format!("/api/v1/projects/{project}/api-keys");
        if role == "member" {
            assert_eq!(person.get(&keys).await.error(), not_found());
            assert_eq!(
                person.post(&keys, &json!({"name": "k"})).await.error(),
                not_found()
            );
        }
        for path in [
            format!("/api/v1/tasks?projectId={project}"),
            format!("/api/v1/tasks/{task}"),
            format!("/api/v1/tasks/{task}/stream"),
        ] {
            assert_eq!(
                person.get(&path).await.error(),
                not_found(),
                "{role} {path}"
            );
        }
    }
}

#[tokio::test]
async fn members_make_no_keys_that_manage() {
    let server = plain().await;
    let owner = server.owner().await;
    let project = server.key.record.project_id.unwrap().to_string();
    let member = join(&server, &owner, "member", json!([project])).await;
    let admin = join(&server, &owner, "admin", Value::Null).await;
    let keys = format!("/api/v1/projects/{project}/api-keys");
    let management = json!({"name": "m", "class": "management"});
    assert_eq!(member.post(&keys, &management).await.error(), forbidden());
    let listed = member.get(&format!("{keys}?class=management")).await;
    assert_eq!(listed.error(), forbidden());
    let own = member.post(&keys, &json!({"name": "k"})).await.data();
    assert_eq!(own["createdBy"], "member@example.com");
    let made = admin.post(&keys, &management).await.data();
    assert!(made["scopes"].as_array().unwrap().len() > 5);
    let path = format!("{keys}/{}", made["id"].as_str().unwrap());
    assert_eq!(member.delete(&path).await.error(), not_found());
    assert_eq!(admin.delete(&path).await.status, 200);
}

/// A removed member is out at once, with their open stream.
async fn removed(server: TestServer, gate: Gate) {
    let owner = server.owner().await;
    let project = server.key.record.project_id.unwrap().to_string();
    let member = join(&server, &owner, "member", json!([project])).await;
    let id = me(&member).await["user"]["id"].as_str().unwrap().to_owned();
    let task = server.api.create(&message("hi")).await;
    let stream = member.request(Method::GET, &format!("/api/v1/tasks/{task}/stream"));
    let mut events = testkit::Events::open(stream).await.unwrap();
    events.until("content").await;
    let path = format!("{}/members/{id}", organization(&server));
    let receipt = owner.delete(&path).await.data();
    assert_eq!(
        (&receipt["sessions"], &receipt["streams"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(events.next().await, None);
    assert_eq!(member.get("/api/v1/me").await.error().0, 401);
    assert_eq!(owner.delete(&path).await.error(), not_found());
    let again = server.log_in("member@example.com", PASSWORD).await;
    assert_eq!(again.data()["organizations"], json!([]));
    let nowhere = Console::after(&server.api, &again);
    assert_eq!(nowhere.get("/api/v1/projects").await.error(), forbidden());
    assert_eq!(
        nowhere.get(&format!("/api/v1/tasks/{task}")).await.error(),
        forbidden()
    );
    gate.open();
    server.api.finished(&task).await;
}

fn hanging() -> (Gate, [Reply; 1]) {
    let gate = Gate::new();
    let reply = Reply::new().text("part").hang(&gate).text(" rest");
    (gate, [reply])
}

#[tokio::test]
async fn a_removed_member_is_out_at_once_on_sqlite() {
    let (gate, script) = hanging();
    removed(TestServer::start(script).await, gate).await;
}

#[tokio::test]
async fn a_removed_member_is_out_at_once_on_postgres() {
    let (gate, script) = hanging();
    let server = TestServer::builder()
        .backend(Backend::Postgres)
        .script(script);
    removed(server.start().await, gate).await;
}

#[tokio::test]
async fn a_changed_role_ends_the_sign_in_and_counts_for_the_next() {
    let server = plain().await;
    let owner = server.owner().await;
    let project = server.key.record.project_id.unwrap().to_string();
    let member = join(&server, &owner, "member", json!([project])).await;
    let id = me(&member).await["user"]["id"].as_str().unwrap().to_owned();
    let path = format!("{}/members/{id}", organization(&server));
    let admin = owner.patch(&path, &json!({"role": "admin"})).await.data();
    assert_eq!(
        (&admin["role"], &admin["projectIds"]),
        (&json!("admin"), &Value::Null)
    );
    assert_eq!(member.get("/api/v1/me").await.error().0, 401);
    // What came with the higher role goes with it.
    let viewer = owner.patch(&path, &json!({"role": "viewer"})).await.data();
    assert_eq!(viewer["projectIds"], json!([]));
    let given = owner
        .patch(&path, &json!({"projectIds": [project]}))
        .await
        .data();
    assert_eq!(given["projectIds"], json!([project]));
    for wrong in [
        json!({"role": "king"}),
        json!({"role": 7}),
        json!({"projectIds": ["nope"]}),
        json!({"projectIds": ["00000000-0000-4000-8000-000000000000"]}),
        json!({"role": "admin", "projectIds": [project]}),
    ] {
        assert_eq!(owner.patch(&path, &wrong).await.error().0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn an_organization_keeps_an_owner_and_admins_make_none() {
    let server = plain().await;
    let owner = server.owner().await;
    let admin = join(&server, &owner, "admin", Value::Null).await;
    let members = format!("{}/members", organization(&server));
    let mine = me(&owner).await["user"]["id"].as_str().unwrap().to_owned();
    let own = format!("{members}/{mine}");
    for lowered in ["admin", "viewer"] {
        let refused = owner.patch(&own, &json!({"role": lowered})).await;
        assert_eq!(refused.error(), (409, "CONFLICT".to_owned()));
    }
    assert_eq!(owner.delete(&own).await.error().0, 409);
    assert_eq!(admin.delete(&own).await.error(), forbidden());
    assert_eq!(
        admin.patch(&own, &json!({"role": "viewer"})).await.error(),
        forbidden()
    );
    let admins = me(&admin).await["user"]["id"].as_str().unwrap().to_owned();
    let theirs = format!("{members}/{admins}");
    assert_eq!(
        admin
            .patch(&theirs, &json!({"role": "owner"}))
            .await
            .error(),
        forbidden()
    );
    let invited = invite(&admin, &server, &json!({"email": "x@y.z", "role": "owner"})).await;
    assert_eq!(invited.error(), forbidden());
    let scoped = with_scopes(&server, &[Scope::MembersManage]).await;
    let path = format!("{}/invites", organization(&server));
    let admins = json!({"email": "x@y.z", "role": "admin"});
    assert_eq!(scoped.post(&path, &admins).await.error(), forbidden());
    let viewers = json!({"email": "x@y.z", "role": "viewer"});
    assert_eq!(scoped.post(&path, &viewers).await.status, 200);
    assert_eq!(
        owner.patch(&theirs, &json!({"role": "owner"})).await.status,
        200
    );
    assert_eq!(
        owner.delete(&own).await.status,
        200,
        "another owner is left"
    );
}

#[tokio::test]
async fn an_invitation_works_once_and_not_after_it_was_sent_again() {
    let server = plain().await;
    let owner = server.owner().await;
    let body = json!({"email": " New@Example.com ", "role": "viewer"});
    let first = invite(&owner, &server, &body).await;
    assert_eq!(first.headers["cache-control"], "no-store");
    let first = first.data();
    assert_eq!(first["email"], "new@example.com");
    let path = format!("{}/invites", organization(&server));
    let id = first["id"].as_str().unwrap();
    let resend = format!("{path}/{id}/resend");
    let second = owner.post(&resend, &json!({})).await.data();
    let listed = owner.get(&path).await.json();
    assert_eq!(listed["pagination"]["total"], 1);
    assert!(!listed.to_string().contains(&token_of(&second)));
    let old = accept(&server, &token_of(&first), PASSWORD).await;
    assert_eq!(old.error(), not_found());
    for token in ["", "nope", &"A".repeat(43)] {
        assert_eq!(accept(&server, token, PASSWORD).await.error(), not_found());
    }
    let weak = accept(&server, &token_of(&second), "short").await;
    assert_eq!(weak.error().0, 400);
    let token = token_of(&second);
    let both = tokio::join!(
        accept(&server, &token, PASSWORD),
        accept(&server, &token, PASSWORD)
    );
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404], "of two at once one wins");
    assert_eq!(owner.get(&path).await.json()["pagination"]["total"], 0);
    assert_eq!(
        invite(&owner, &server, &body).await.error().0,
        409,
        "a member"
    );
    let third = json!({"email": "third@example.com", "role": "viewer"});
    let third = invite(&owner, &server, &third).await.data();
    let taken_back = format!("{path}/{}", third["id"].as_str().unwrap());
    assert_eq!(owner.delete(&taken_back).await.status, 200);
    assert_eq!(
        accept(&server, &token_of(&third), PASSWORD).await.error(),
        not_found()
    );
    for wrong in [
        json!({"email": "nobody", "role": "viewer"}),
        json!({"email": "a@b.c"}),
        json!({"role": "viewer"}),
    ] {
        assert_eq!(
            invite(&owner, &server, &wrong).await.error().0,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn somebody_known_joins_another_organization_with_their_password() {
    let builder = TestServer::builder().script(vec![Reply::say("ok"); 4]);
    let server = builder.open_to_everybody().start().await;
    let owner = server.owner().await;
    let member = join(&server, &owner, "member", json!([])).await;
    let path = "/api/v1/organizations";
    let made = member.post(path, &json!({"name": "Mine"})).await.data();
    assert_eq!(made["role"], "owner");
    let mine = made["id"].as_str().unwrap().to_owned();
    assert_eq!(member.get(path).await.json()["pagination"]["total"], 2);
    // The sign-in still speaks for the first.
    let other = format!("{path}/{mine}");
    assert_eq!(member.get(&other).await.error(), not_found());
    let to = json!({"organizationId": mine});
    let switched = member.post("/api/v1/auth/switch-organization", &to).await;
    let boss = Console::after(&server.api, &switched);
    assert_eq!(member.get("/api/v1/me").await.error().0, 401);
    assert_eq!(boss.get(&other).await.data()["name"], "Mine");
    let renamed = boss.patch(&other, &json!({"name": "Ours"})).await.data();
    assert_eq!(renamed["name"], "Ours");
    let projects = boss.get("/api/v1/projects").await.json();
    assert_eq!(projects["data"][0]["isDefault"], true);
    let invited = json!({"email": "owner@example.com", "role": "viewer"});
    let invited = boss
        .post(&format!("{other}/invites"), &invited)
        .await
        .data();
    let wrong = accept(&server, &token_of(&invited), "another-Orbit-93").await;
    assert_eq!(wrong.error(), (401, "INVALID_CREDENTIALS".to_owned()));
    let joined = accept(&server, &token_of(&invited), PASSWORD).await.data();
    assert_eq!(joined["organizationId"], mine);
    assert_eq!(joined["user"]["name"], "Olga");
    let nowhere = json!({"organizationId": "00000000-0000-4000-8000-000000000000"});
    let refused = boss
        .post("/api/v1/auth/switch-organization", &nowhere)
        .await;
    assert_eq!(refused.error(), not_found());
    let log = boss.get(&format!("{other}/audit-log")).await.json();
    assert_eq!(log["data"][0]["action"], "session.create");
    assert_eq!(log["data"][1]["action"], "member.join");
    assert_eq!(log["data"][1]["actor"]["kind"], "user");
}

#[tokio::test]
async fn where_sign_up_is_closed_members_make_no_organizations() {
    let server = plain().await;
    let owner = server.owner().await;
    let body = json!({"name": "Mine"});
    for (role, status) in [("viewer", 403), ("member", 403), ("admin", 200)] {
        let projects = if role == "admin" {
            json!(null)
        } else {
            json!([])
        };
        let person = join(&server, &owner, role, projects).await;
        let made = person.post("/api/v1/organizations", &body).await;
        assert_eq!(made.status, status, "{role}: {}", made.text);
    }
}

#[tokio::test]
async fn usage_of_projects_that_were_not_given_is_not_seen() {
    let server = plain().await;
    let owner = server.owner().await;
    let (minted, other) = server.another_project("red").await;
    let given = minted.record.project_id.unwrap().to_string();
    for api in [&server.api, &other] {
        let id = api.create(&message("hi")).await;
        api.finished(&id).await;
    }
    let path = format!("{}/usage?groupBy=project", organization(&server));
    let all = owner.get(&path).await.data();
    assert_eq!(all["totals"]["tasks"], 2, "{all}");
    let viewer = join(&server, &owner, "viewer", json!([given])).await;
    let own = viewer.get(&path).await.data();
    assert_eq!(own["totals"]["tasks"], 1, "{own}");
    assert_eq!(own["rows"].as_array().unwrap().len(), 1);
    assert_eq!(own["rows"][0]["key"], given.as_str());
    let nobody = join(&server, &owner, "member", json!([])).await;
    let none = nobody.get(&path).await.data();
    assert_eq!(none["totals"]["tasks"], 0, "{none}");
    assert_eq!(none["rows"], json!([]));
}
