//! `/api/v1/projects/{projectId}/api-keys`: a key's whole life.

use model::Scope;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, Gate, Reply, TestServer, send};

use crate::support::message;

/// A server, a caller that may manage it, and the path of its keys.
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
            path: format!("/api/v1/projects/{project}/api-keys"),
            manager,
            server,
        }
    }

    async fn create(&self, body: Value) -> Value {
        self.manager.post(&self.path, &body).await.data()
    }

    async fn patch(&self, id: &Value, body: Value) -> Answer {
        let path = format!("{}/{}", self.path, id.as_str().unwrap());
        self.manager.patch(&path, &body).await
    }

    async fn rotate(&self, id: &Value, body: Value) -> Answer {
        let path = format!("{}/{}/rotate", self.path, id.as_str().unwrap());
        self.manager.post(&path, &body).await
    }

    fn caller(&self, made: &Value) -> Api {
        self.server.api.with_key(made["key"].as_str().unwrap())
    }
}

async fn works(api: &Api) -> bool {
    api.get("/api/v1/tasks").await.status == 200
}

#[tokio::test]
async fn contract_032_033_a_key_is_shown_once() {
    let managed = Managed::new().await;
    let answer = managed
        .manager
        .post(&managed.path, &json!({"name": " ci "}))
        .await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.data();
    let key = made["key"].as_str().unwrap();
    let digits = key.strip_prefix("sigmic_").unwrap();
    assert!(
        digits.len() == 64
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    );
    assert!(works(&managed.caller(&made)).await);
    let listed = managed.manager.get(&managed.path).await;
    assert!(!listed.text.contains(&key[12..]));
    let listed = listed.json();
    assert_eq!(listed["pagination"]["total"], 2);
    let shown = &listed["data"][1];
    assert_eq!(shown["prefix"], key[..12]);
    assert_eq!(
        (&shown["name"], &shown["createdBy"]),
        (&json!("ci"), &json!("ana"))
    );
    assert_eq!(
        (&shown["enabled"], &shown["class"]),
        (&json!(true), &json!("project"))
    );
    assert_eq!(
        shown["scopes"],
        json!(["tasks:read", "tasks:write", "tasks:approve"])
    );
    let page = managed
        .manager
        .get(&format!("{}?limit=1&offset=1", managed.path))
        .await;
    assert_eq!(page.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_key_is_made_of_is_checked() {
    let managed = Managed::new().await;
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "a\nb"}),
        json!({"name": "x".repeat(101)}),
        json!({"name": 7}),
        json!({"name": "x", "class": "owner"}),
        json!({"name": "x", "scopes": ["tasks:everything"]}),
        json!({"name": "x", "scopes": "tasks:read"}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["keys:manage"]}),
        json!({"name": "x", "class": "management", "scopes": ["tasks:read"]}),
        json!({"name": "x", "cidrs": ["10.0.0.0/33"]}),
        json!({"name": "x", "expiresAt": "tomorrow"}),
    ] {
        let answer = managed.manager.post(&managed.path, &body).await;
        assert_eq!(
            answer.error(),
            (400, "VALIDATION_ERROR".to_owned()),
            "{body}"
        );
    }
    let readonly = managed
        .create(json!({"name": "r", "scopes": ["tasks:read"]}))
        .await;
    let reader = managed.caller(&readonly);
    assert!(works(&reader).await);
    let refused = reader.post("/api/v1/tasks", &message("hi")).await;
    assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()));
    let bound = managed
        .create(json!({"name": "b", "cidrs": ["192.0.2.0/24"]}))
        .await;
    assert!(
        !works(&managed.caller(&bound)).await,
        "from another address"
    );
    let past = managed
        .create(json!({"name": "p", "expiresAt": "2020-01-01T00:00:00Z"}))
        .await;
    assert!(!works(&managed.caller(&past)).await);
}

#[tokio::test]
async fn a_key_is_disabled_renamed_and_bounded() {
    let managed = Managed::new().await;
    let made = managed.create(json!({"name": "ci"})).await;
    let caller = managed.caller(&made);
    let changed = managed
        .patch(&made["id"], json!({"enabled": false}))
        .await
        .data();
    assert_eq!(
        (&changed["enabled"], &changed["name"]),
        (&json!(false), &json!("ci"))
    );
    assert!(!works(&caller).await);
    managed
        .patch(&made["id"], json!({"enabled": true, "name": "other"}))
        .await
        .data();
    assert!(works(&caller).await);
    let past = json!({"expiresAt": "2020-01-01T00:00:00Z"});
    managed.patch(&made["id"], past).await.data();
    assert!(!works(&caller).await);
    let endless = managed
        .patch(&made["id"], json!({"expiresAt": null}))
        .await
        .data();
    assert_eq!(endless["expiresAt"], Value::Null);
    assert!(works(&caller).await);
    for wrong in [
        json!({"enabled": "yes"}),
        json!({"name": " "}),
        json!({"expiresAt": 7}),
    ] {
        let answer = managed.patch(&made["id"], wrong).await;
        assert_eq!(answer.error().0, 400);
    }
}

#[tokio::test]
async fn a_revocation_says_what_it_cut_off() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().text("part").hang(&gate).text(" rest")]).await;
    let managed = Managed::of(server).await;
    let made = managed.create(json!({"name": "ci"})).await;
    let caller = managed.caller(&made);
    let id = caller.create(&message("hi")).await;
    let mut stream = caller.stream(&id).await;
    stream.until("content").await;
    let path = format!("{}/{}", managed.path, made["id"].as_str().unwrap());
    let receipt = managed.manager.delete(&path).await.data();
    assert!(receipt["revokedAt"].as_str().unwrap().ends_with('Z'));
    let counts = ["keys", "sessions", "streams", "runningTasks"].map(|name| receipt[name].as_i64());
    assert_eq!(counts, [Some(1), Some(0), Some(1), Some(1)]);
    assert!(!works(&caller).await);
    assert_eq!(stream.next().await, None);
    let again = managed.manager.delete(&path).await;
    assert_eq!(again.error(), (404, "NOT_FOUND".to_owned()));
    // What runs goes on.
    gate.open();
    assert_eq!(
        managed.server.api.finished(&id).await["status"],
        "completed"
    );
}

#[tokio::test]
async fn a_revocation_may_stop_what_runs() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().text("part").hang(&gate)]).await;
    let managed = Managed::of(server).await;
    let made = managed.create(json!({"name": "ci"})).await;
    let id = managed.caller(&made).create(&message("hi")).await;
    managed.server.api.stream(&id).await.until("content").await;
    let path = format!("{}/{}", managed.path, made["id"].as_str().unwrap());
    let wrong = managed
        .manager
        .delete(&format!("{path}?stopTasks=perhaps"))
        .await;
    assert_eq!(wrong.error().1, "VALIDATION_ERROR");
    assert!(works(&managed.caller(&made)).await, "nothing was revoked");
    let path = format!("{path}?stopTasks=true");
    let receipt = managed.manager.delete(&path).await.data();
    assert_eq!(receipt["runningTasks"], 1);
    assert_eq!(managed.server.api.task(&id).await["status"], "cancelled");
}

#[tokio::test]
async fn contract_038_two_keys_live_while_one_takes_over() {
    let managed = Managed::new().await;
    let old = managed.create(json!({"name": "ci"})).await;
    let before = managed.caller(&old);
    let id = before.create(&message("hi")).await;
    before.finished(&id).await;
    let rotated = managed
        .rotate(&old["id"], json!({"graceSeconds": 3600}))
        .await
        .data();
    assert_eq!(rotated["replaces"], old["id"]);
    assert!(rotated["recentCallers"].is_array());
    let after = managed.caller(&rotated);
    assert!(works(&before).await && works(&after).await);
    let listed = after.get("/api/v1/tasks").await.json();
    assert_eq!(listed["data"][0]["id"], id.as_str(), "the old key's tasks");
    let again = managed.rotate(&old["id"], json!({})).await;
    assert_eq!(again.error(), (409, "CONFLICT".to_owned()));
    // Retired before its time.
    let path = format!("{}/{}", managed.path, old["id"].as_str().unwrap());
    assert_eq!(managed.manager.delete(&path).await.status, 200);
    assert!(!works(&before).await && works(&after).await);
    let at_once = managed
        .rotate(&rotated["id"], json!({"graceSeconds": 0}))
        .await
        .data();
    assert!(!works(&after).await && works(&managed.caller(&at_once)).await);
    for wrong in [
        json!({"graceSeconds": -1}),
        json!({"graceSeconds": 2_592_001}),
        json!({"graceSeconds": "1h"}),
    ] {
        let answer = managed.rotate(&at_once["id"], wrong).await;
        assert_eq!(answer.error().1, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn who_still_holds_the_old_key_is_told() {
    let managed = Managed::new().await;
    let old = managed.create(json!({"name": "ci"})).await;
    let id = old["id"].as_str().unwrap().parse().unwrap();
    let used = store::KeyUse {
        id,
        at: model::Timestamp::from_millis(1_700_000_000_000),
        ip: Some("192.0.2.7".to_owned()),
    };
    managed
        .server
        .store
        .touch_api_keys(vec![used])
        .await
        .unwrap();
    let rotated = managed.rotate(&old["id"], json!({})).await.data();
    let caller = json!([{"ip": "192.0.2.7", "lastUsedAt": "2023-11-14T22:13:20.000Z"}]);
    assert_eq!(rotated["recentCallers"], caller);
    let path = format!("{}/{}/usage", managed.path, rotated["id"].as_str().unwrap());
    let usage = managed.manager.get(&path).await.data();
    assert_eq!(
        (&usage["callers"], &usage["oldCallers"]),
        (&json!([]), &caller)
    );
}

#[tokio::test]
async fn nobody_gives_away_more_than_they_have() {
    let managed = Managed::new().await;
    let all = managed
        .create(json!({"name": "all", "class": "management"}))
        .await;
    let keys_only = json!({"name": "k", "class": "management", "scopes": ["keys:manage"]});
    let keys_only = managed.create(keys_only).await;
    assert_eq!(keys_only["projectId"], Value::Null);
    let lesser = managed.caller(&keys_only);
    let more =
        json!({"name": "m", "class": "management", "scopes": ["keys:manage", "apps:manage"]});
    let refused = lesser.post(&managed.path, &more).await;
    assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()));
    let rotate = format!("{}/{}/rotate", managed.path, all["id"].as_str().unwrap());
    assert_eq!(
        lesser.post(&rotate, &json!({})).await.error().1,
        "FORBIDDEN"
    );
    let same = json!({"name": "s", "class": "management"});
    let same = lesser.post(&managed.path, &same).await.data();
    assert_eq!(same["scopes"], json!([Scope::KeysManage.as_str()]));
    let listed = managed
        .manager
        .get(&format!("{}?class=management", managed.path))
        .await;
    assert_eq!(listed.json()["pagination"]["total"], 4);
}

#[tokio::test]
async fn a_bound_key_makes_only_keys_that_are_bound_as_well() {
    let managed = Managed::new().await;
    let end = "2033-05-18T03:33:20.000Z";
    let bound = managed
        .create(json!({
            "name": "bound", "class": "management", "cidrs": ["127.0.0.0/8"], "expiresAt": end,
        }))
        .await;
    let caller = managed.caller(&bound);
    let made = json!({"name": "made", "class": "management"});
    let made = caller.post(&managed.path, &made).await.data();
    assert_eq!(
        (&made["cidrs"], &made["expiresAt"]),
        (&json!(["127.0.0.0/8"]), &json!(end))
    );
    for wider in [
        json!({"cidrs": ["0.0.0.0/0"]}),
        json!({"expiresAt": "2034-01-01T00:00:00Z"}),
    ] {
        let mut body = json!({"name": "wider", "class": "management"});
        body.as_object_mut()
            .unwrap()
            .extend(wider.as_object().unwrap().clone());
        let refused = caller.post(&managed.path, &body).await;
        assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()), "{body}");
    }
    let own = format!("{}/{}", managed.path, bound["id"].as_str().unwrap());
    let refused = caller.patch(&own, &json!({"expiresAt": null})).await;
    assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()));
    // A name is no reach; less time may be given.
    let patch = json!({"name": "b", "expiresAt": "2032-01-01T00:00:00Z"});
    assert_eq!(caller.patch(&own, &patch).await.status, 200);
}

#[tokio::test]
async fn a_lesser_key_cannot_enable_a_greater_one() {
    let managed = Managed::new().await;
    let greater = json!({"name": "greater", "class": "management"});
    let greater = managed.create(greater).await;
    let path = format!("{}/{}", managed.path, greater["id"].as_str().unwrap());
    let lesser = json!({"name": "k", "class": "management", "scopes": ["keys:manage"]});
    let lesser = managed.caller(&managed.create(lesser).await);
    let disabled = lesser.patch(&path, &json!({"enabled": false})).await;
    assert_eq!(disabled.status, 200);
    let refused = lesser.patch(&path, &json!({"enabled": true})).await;
    assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()));
    let enabled = managed
        .manager
        .patch(&path, &json!({"enabled": true}))
        .await;
    assert_eq!(enabled.status, 200);
}

#[tokio::test]
async fn a_key_has_a_hundred_networks_at_most() {
    let managed = Managed::new().await;
    for (count, status) in [(100, 200), (101, 400)] {
        let cidrs: Vec<String> = (0..count).map(|n| format!("10.0.{n}.0/24")).collect();
        let answer = managed
            .manager
            .post(&managed.path, &json!({"name": "n", "cidrs": cidrs}))
            .await;
        assert_eq!(answer.status, status, "{count}");
    }
}

#[tokio::test]
async fn a_bound_key_is_told_by_the_address_that_a_trusted_proxy_names() {
    for (trusted, expected) in [(Some("127.0.0.0/8"), 200), (None, 401)] {
        let mut builder = TestServer::builder().script([Reply::say("x")]);
        if let Some(network) = trusted {
            builder = builder.trusted_proxy(network);
        }
        let managed = Managed::of(builder.start().await).await;
        let bound = json!({"name": "b", "cidrs": ["192.0.2.0/24"]});
        let caller = managed.caller(&managed.create(bound).await);
        let asked = |address: &'static str| {
            let request = caller.request(Method::GET, "/api/v1/tasks");
            send(request.header("x-forwarded-for", address))
        };
        assert_eq!(asked("192.0.2.7").await.status, expected);
        assert_eq!(asked("192.0.2.7, 198.51.100.1").await.status, 401);
    }
}
