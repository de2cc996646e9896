//! `/api/v1/projects/{projectId}/widget-apps`, and `/api/v1/projects` itself.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, Gate, Reply, TestServer, send};

use crate::support::message;

/// A server, a caller that may manage it, and the path of its apps.
struct Managed {
    server: TestServer,
    manager: Api,
    path: String,
}

impl Managed {
    async fn new() -> Self {
        Self::of(TestServer::start(vec![Reply::say("ok"); 4]).await).await
    }

    async fn of(server: TestServer) -> Self {
        let (_, manager) = server.management_key().await;
        let project = server.key.record.project_id.unwrap();
        Self {
            path: format!("/api/v1/projects/{project}/widget-apps"),
            manager,
            server,
        }
    }

    async fn create(&self) -> Value {
        let body = json!({"name": "shop", "allowedOrigins": ["https://shop.example/"]});
        self.manager.post(&self.path, &body).await.data()
    }

    fn at(&self, app: &Value, rest: &str) -> String {
        format!("{}/{}{rest}", self.path, app["id"].as_str().unwrap())
    }

    async fn patch(&self, app: &Value, body: Value) -> Answer {
        let request = self.manager.request(Method::PATCH, &self.at(app, ""));
        send(request.json(&body)).await
    }

    async fn exchange(&self, app: &Value, secret: &Value, user: &str) -> Answer {
        let body = json!({"appId": app["appId"], "appSecret": secret, "endUserId": user});
        let request = self.server.api.bare(Method::POST, "/api/v1/auth/token");
        send(request.json(&body)).await
    }

    async fn user(&self, app: &Value, user: &str) -> Api {
        let answer = self.exchange(app, &app["appSecret"], user).await;
        let token = answer.data()["token"].as_str().unwrap().to_owned();
        self.server.api.with_key(&token)
    }

    async fn end_user(&self, app: &Value, verb: &str, user: &str) -> Answer {
        let path = self.at(app, &format!("/end-users/{verb}"));
        self.manager.post(&path, &json!({"endUserId": user})).await
    }
}

async fn status(api: &Api) -> u16 {
    api.get("/api/v1/tasks").await.status
}

#[tokio::test]
async fn a_secret_is_shown_once_and_origins_are_kept_in_one_spelling() {
    let managed = Managed::new().await;
    let app = managed.create().await;
    assert!(app["appId"].as_str().unwrap().starts_with("app_"));
    let secret = app["appSecret"].as_str().unwrap();
    assert!(secret.starts_with("sas_") && secret.len() == 68);
    assert_eq!(app["allowedOrigins"], json!(["https://shop.example"]));
    let listed = managed.manager.get(&managed.path).await;
    assert!(!listed.text.contains("sas_"));
    assert_eq!(listed.json()["pagination"]["total"], 1);
    let got = managed.manager.get(&managed.at(&app, "")).await.data();
    assert_eq!(got["id"], app["id"]);
    assert_eq!(got.get("appSecret"), None);
    for wrong in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "x", "allowedOrigins": ["shop.example"]}),
        json!({"name": "x", "allowedOrigins": ["https://shop.example/path"]}),
        json!({"name": "x", "allowedOrigins": vec!["https://a.example"; 101]}),
        json!({"name": "x", "allowedOrigins": "https://a.example"}),
        json!({"name": "x", "theme": []}),
        json!({"name": "x", "theme": {"logo": "x".repeat(20_000)}}),
        json!({"name": "x", "requireOrigin": "yes"}),
    ] {
        let answer = managed.manager.post(&managed.path, &wrong).await;
        assert_eq!(
            answer.error(),
            (400, "VALIDATION_ERROR".to_owned()),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_change_counts_for_the_next_request() {
    let managed = Managed::new().await;
    let app = managed.create().await;
    let user = managed.user(&app, "u1").await;
    assert_eq!(status(&user).await, 200);
    let page = |origin: &'static str| {
        let request = user.request(Method::GET, "/api/v1/tasks");
        async move { send(request.header("origin", origin)).await.status }
    };
    assert_eq!(page("https://shop.example").await, 200);
    let other = json!({"allowedOrigins": ["https://*.other.example"], "theme": {"a": 1}});
    let changed = managed.patch(&app, other).await.data();
    assert_eq!(
        (&changed["name"], &changed["theme"]),
        (&json!("shop"), &json!({"a": 1}))
    );
    assert_eq!(page("https://shop.example").await, 403);
    assert_eq!(page("https://a.b.other.example").await, 200);
    assert_eq!(page("null").await, 403);
    managed
        .patch(
            &app,
            json!({"allowNullOrigin": true, "requireOrigin": true}),
        )
        .await
        .data();
    assert_eq!(page("null").await, 200);
    assert_eq!(status(&user).await, 403, "from no page");
    let off = json!({"enabled": false, "requireOrigin": false, "theme": null});
    let off = managed.patch(&app, off).await.data();
    assert_eq!(
        (&off["enabled"], &off["theme"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(status(&user).await, 401);
    let refused = managed.exchange(&app, &app["appSecret"], "u1").await;
    assert_eq!(refused.error(), (401, "INVALID_CREDENTIALS".to_owned()));
    managed.patch(&app, json!({"enabled": true})).await.data();
    assert_eq!(status(&user).await, 200);
}

#[tokio::test]
async fn two_secrets_live_while_one_takes_over() {
    let managed = Managed::new().await;
    let app = managed.create().await;
    let path = managed.at(&app, "/rotate-secret");
    let rotated = managed.manager.post(&path, &json!({})).await.data();
    for secret in [&app["appSecret"], &rotated["appSecret"]] {
        assert_eq!(managed.exchange(&app, secret, "u1").await.status, 200);
    }
    let newest = managed
        .manager
        .post(&path, &json!({"graceSeconds": 0}))
        .await
        .data();
    for secret in [&app["appSecret"], &rotated["appSecret"]] {
        assert_eq!(managed.exchange(&app, secret, "u1").await.status, 401);
    }
    assert_eq!(
        managed
            .exchange(&app, &newest["appSecret"], "u1")
            .await
            .status,
        200
    );
    // Without a body the grace is a day.
    let bare = send(managed.manager.request(Method::POST, &path))
        .await
        .data();
    assert!(bare["overlapUntil"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn tokens_and_end_users_are_cut_off() {
    let managed = Managed::new().await;
    let app = managed.create().await;
    let (ana, ben) = (
        managed.user(&app, "ana").await,
        managed.user(&app, "ben").await,
    );
    let sessions = managed
        .manager
        .get(&managed.at(&app, "/sessions"))
        .await
        .json();
    assert_eq!(sessions["pagination"]["total"], 2);
    let of = |user: &str| {
        let found = sessions["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["endUserId"] == user);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let cut = managed
        .manager
        .delete(&managed.at(&app, &format!("/sessions/{}", of("ana"))))
        .await;
    assert_eq!(cut.data()["sessions"], 1);
    assert_eq!((status(&ana).await, status(&ben).await), (401, 200));
    let cut = managed.end_user(&app, "revoke", " ben ").await.data();
    assert_eq!(cut["sessions"], 1);
    assert_eq!(status(&ben).await, 401);
    let ben = managed.user(&app, "ben").await;
    assert_eq!(status(&ben).await, 200, "a new one is given");
    managed.end_user(&app, "block", "ben").await.data();
    assert_eq!(status(&ben).await, 401);
    let refused = managed.exchange(&app, &app["appSecret"], "ben").await;
    assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()));
    managed.end_user(&app, "unblock", "ben").await.data();
    assert_eq!(status(&ben).await, 401, "what was cut off stays dead");
    assert_eq!(status(&managed.user(&app, "ben").await).await, 200);
    let unknown = managed.end_user(&app, "revoke", "nobody").await;
    assert_eq!(unknown.error(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(managed.end_user(&app, "block", " ").await.error().0, 400);
}

#[tokio::test]
async fn a_deleted_app_takes_its_tokens_along() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().text("part").hang(&gate)]).await;
    let managed = Managed::of(server).await;
    let app = managed.create().await;
    let user = managed.user(&app, "u1").await;
    let id = user.create(&message("hi")).await;
    let mut stream = user.stream(&id).await;
    stream.until("content").await;
    let deleted = managed
        .manager
        .delete(&managed.at(&app, "?stopTasks=true"))
        .await
        .data();
    let counts = ["sessions", "streams", "runningTasks"].map(|name| deleted[name].as_i64());
    assert_eq!(counts, [Some(1), Some(1), Some(1)]);
    assert_eq!(status(&user).await, 401);
    assert_eq!(managed.manager.get(&managed.at(&app, "")).await.status, 404);
    assert_eq!(
        managed.server.api.task(&id).await["status"],
        "cancelled",
        "the project keeps it"
    );
}

#[tokio::test]
async fn projects_are_made_renamed_and_listed() {
    let managed = Managed::new().await;
    let manager = &managed.manager;
    let made = manager
        .post("/api/v1/projects", &json!({"name": " Second "}))
        .await
        .data();
    assert_eq!(
        (&made["name"], &made["isDefault"]),
        (&json!("Second"), &json!(false))
    );
    let again = manager
        .post("/api/v1/projects", &json!({"name": "Second"}))
        .await;
    assert_eq!(again.error(), (409, "CONFLICT".to_owned()));
    let path = format!("/api/v1/projects/{}", made["id"].as_str().unwrap());
    let renamed = manager
        .request(Method::PATCH, &path)
        .json(&json!({"name": "Third"}));
    assert_eq!(send(renamed).await.data()["name"], "Third");
    let taken = manager
        .request(Method::PATCH, &path)
        .json(&json!({"name": "Default"}));
    assert_eq!(send(taken).await.error().0, 409);
    assert_eq!(manager.get(&path).await.data()["name"], "Third");
    let listed = manager.get("/api/v1/projects").await.json();
    let names: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["Default", "Third"]);
    // A key of the new project has tasks of its own.
    let key = manager
        .post(&format!("{path}/api-keys"), &json!({"name": "k"}))
        .await
        .data();
    let other = managed.server.api.with_key(key["key"].as_str().unwrap());
    let id = other.create(&message("hi")).await;
    other.finished(&id).await;
    let refused = managed.server.api.get(&format!("/api/v1/tasks/{id}")).await;
    assert_eq!(refused.error(), (404, "NOT_FOUND".to_owned()));
}
