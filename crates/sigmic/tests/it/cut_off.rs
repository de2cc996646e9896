//! Somebody is cut off while streams are open at two servers that share a database: every one of
//! them ends, whichever server was told, and neither lets them in again. How long the streams went
//! on is printed, for whoever wants to know (`cargo test -- --nocapture`).

use std::time::Instant;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::{Api, Console, Event, Events, PASSWORD, TestDatabase, names_of, send};

use crate::program::postgres_url;
use crate::support::{Home, Server, read};

/// Streams that each credential has open at each server.
const STREAMS: usize = 8;

/// Whom to cut off.
enum Caller {
    /// With a key or a token.
    Bearer(String),
    /// With a console's cookie.
    Cookie(String),
}

impl Caller {
    fn request(&self, api: &Api, method: Method, path: &str) -> RequestBuilder {
        match self {
            Self::Bearer(credential) => api.with_key(credential).request(method, path),
            Self::Cookie(cookie) => Console::new(api, cookie).request(method, path),
        }
    }
}

/// Two servers, and who manages them.
struct Pair {
    apis: [Api; 2],
    management: Api,
    /// The path of the default project, and its id.
    project: String,
    project_id: String,
    /// The link with which the owner chooses a password.
    link: String,
    _homes: [Home; 2],
    _servers: [Server; 2],
}

impl Pair {
    async fn start(database: &TestDatabase) -> Self {
        let url = postgres_url(database.url());
        let master = "5d".repeat(32);
        let homes = [(); 2].map(|()| {
            let home = Home::new().with("SIGMIC_DATABASE_URL", &url);
            home.with("SIGMIC_MASTER_KEY", &master)
        });
        let [one, other] = &homes;
        let first = one.json(&["admin", "bootstrap", "--json"]);
        let servers = [one.serve(), other.serve()];
        let apis = [0, 1].map(|at: usize| Api::new(servers[at].url.clone(), "none"));
        let key = read(&one.data_dir().join("cli-management.key"));
        let management = apis[0].with_key(&key);
        let projects = management.get("/api/v1/projects").await.data();
        let project_id = projects[0]["id"].as_str().unwrap().to_owned();
        Self {
            apis,
            management,
            project: format!("/api/v1/projects/{project_id}"),
            project_id,
            link: first["signInLink"].as_str().unwrap().to_owned(),
            _homes: homes,
            _servers: servers,
        }
    }

    /// Streams of a waiting task at both servers; then `cut_off`, which the first server answers.
    async fn cut(&self, who: &str, caller: &Caller, cut_off: impl Future<Output = ()>) {
        let mut streams = Vec::new();
        let body = json!({"message": "List the files here", "autoExecute": false});
        let tasks = format!("/api/v1/tasks?projectId={}", self.project_id);
        let create = caller.request(&self.apis[0], Method::POST, &tasks);
        let created = send(create.json(&body)).await.data();
        let path = format!("/api/v1/tasks/{}/stream", created["id"].as_str().unwrap());
        for api in self.apis.iter().cycle().take(2 * STREAMS) {
            let request = caller.request(api, Method::GET, &path);
            // Longer than a caller may take who waits for one answer.
            let request = request.timeout(std::time::Duration::from_secs(300));
            let mut events = Events::open(request).await.unwrap();
            let call = events.until("tool_call").await;
            assert_eq!(call.data["status"], "awaiting_approval");
            streams.push(events);
        }
        let began = Instant::now();
        cut_off.await;
        let answered = began.elapsed();
        let rests = join_all(streams.iter_mut().map(|events| async {
            let rest: Vec<Event> = events.rest().await;
            (rest, began.elapsed())
        }));
        let mut last = answered;
        for (rest, ended) in rests.await {
            let names = names_of(&rest);
            assert!(
                !names.contains(&"done") && !names.contains(&"error"),
                "{who}: {names:?}"
            );
            last = last.max(ended);
        }
        say(&format!(
            "{who}: answered after {answered:?}, the last of {} streams at two servers ended after {last:?}",
            streams.len()
        ));
        for api in &self.apis {
            let again = caller.request(api, Method::GET, &path);
            assert_eq!(send(again).await.status, 401, "{who}");
        }
    }

    async fn key(&self) {
        let keys = format!("{}/api-keys", self.project);
        let made = self
            .management
            .post(&keys, &json!({"name": "cut off"}))
            .await
            .data();
        let caller = Caller::Bearer(made["key"].as_str().unwrap().to_owned());
        let path = format!("{keys}/{}", made["id"].as_str().unwrap());
        let revoke = async { drop(self.management.delete(&path).await.data()) };
        self.cut("a key, revoked", &caller, revoke).await;
    }

    /// A token, and the path of its app.
    async fn token(&self) -> (Caller, String) {
        let apps = format!("{}/widget-apps", self.project);
        let new = json!({"name": "cut off", "allowedOrigins": ["*"]});
        let app = self.management.post(&apps, &new).await.data();
        let exchange =
            json!({"appId": app["appId"], "appSecret": app["appSecret"], "endUserId": "u1"});
        let given = self.apis[1].bare(Method::POST, "/api/v1/auth/token");
        let given = send(given.json(&exchange)).await.data();
        let token = given["token"].as_str().unwrap().to_owned();
        (
            Caller::Bearer(token),
            format!("{apps}/{}", app["id"].as_str().unwrap()),
        )
    }

    async fn tokens(&self) {
        let (caller, app) = self.token().await;
        let sessions = self.management.get(&format!("{app}/sessions")).await.data();
        let path = format!("{app}/sessions/{}", sessions[0]["id"].as_str().unwrap());
        let revoke = async { drop(self.management.delete(&path).await.data()) };
        self.cut("a token, cut off", &caller, revoke).await;
        let (caller, app) = self.token().await;
        let path = format!("{app}/end-users/block");
        let user = json!({"endUserId": "u1"});
        let block = async { drop(self.management.post(&path, &user).await.data()) };
        self.cut("an end user, blocked", &caller, block).await;
    }

    async fn console(&self) {
        let (_, token) = self.link.split_once("#token=").unwrap();
        let body = json!({"token": token, "password": PASSWORD, "name": "Olga"});
        let setup = self.apis[0].bare(Method::POST, "/api/v1/auth/setup");
        let answer = send(setup.json(&body)).await;
        let console = Console::after(&self.apis[0], &answer);
        let caller = Caller::Cookie(console.cookie().to_owned());
        let email = answer.data()["user"]["email"].clone();
        let out = async { drop(console.post("/api/v1/auth/logout", &json!({})).await.data()) };
        self.cut("a console session, signed out", &caller, out)
            .await;
        let sign_in = || async {
            let body = json!({"email": email, "password": PASSWORD});
            let request = self.apis[1].bare(Method::POST, "/api/v1/auth/login");
            Console::after(&self.apis[1], &send(request.json(&body)).await)
        };
        let (victim, other) = (sign_in().await, sign_in().await);
        let sessions: Value = other.get("/api/v1/me/sessions").await.data();
        let sessions = sessions.as_array().unwrap();
        let session = sessions
            .iter()
            .find(|session| session["current"] == false)
            .unwrap();
        let path = format!("/api/v1/me/sessions/{}", session["id"].as_str().unwrap());
        let caller = Caller::Cookie(victim.cookie().to_owned());
        let end = async { drop(other.delete(&path).await.data()) };
        self.cut("a console session, ended from another", &caller, end)
            .await;
    }
}

#[expect(clippy::print_stdout, reason = "whoever runs the test reads the times")]
fn say(line: &str) {
    println!("{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_at_two_servers_end_with_their_credential() {
    let database = TestDatabase::create().await;
    let pair = Pair::start(&database).await;
    pair.key().await;
    pair.tokens().await;
    pair.console().await;
}
