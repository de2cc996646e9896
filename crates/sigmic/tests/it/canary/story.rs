//! A server that is given every kind of secret, does everything with it, and is searched.

use std::collections::BTreeMap;

use model::OsRandom;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Api, Console, ModelServer, RecordedRequest, Reply, Script, send};

use super::table::{KINDS, Place, Seen};
use super::{forms, places};
use crate::program::{self, Program};

type Values = BTreeMap<&'static str, String>;

/// What the commands of a task do with each of its two variables: print it in every way.
const PRINT: &str = r#"for v in "$OPEN" "$HIDDEN"; do
  printf '%s\n' "$v"
  for before in '' x xx; do
    printf '%s%s' "$before" "$v" | base64 -w0; echo
    printf '%s%s' "$before" "$v" | basenc --base64url -w0; echo
  done
  printf '%s' "$v" | od -An -v -tx1 | tr -d ' \n'; echo
  printf '%s' "$v" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F; echo
  printf '%s' "$v" | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g'; echo
  printf '%s' "$v" | sed 's/+/%2b/g; s,/,%2f,g; s/=/%3d/g'; echo
done"#;

/// And write them to a file.
const KEEP: &str = r#"printf '%s %s' "$OPEN" "$HIDDEN" > kept.txt; echo was kept"#;

/// A value for each kind; those that the server makes come later.
fn values() -> Values {
    let made = |name: &'static str| (name, format!("cn+{name}/{}==", "7f3a9c51"));
    let mut values: Values = KINDS.iter().map(|kind| made(kind.name)).collect();
    let key = auth::PlainKey::mint(&OsRandom).expose_key().to_owned();
    values.insert("unknown-key", key);
    values.insert("master-key", "0f1e2d3c4b5a69788796a5b4c3d2e1f0".repeat(2));
    values.insert("malformed-key", "sigmic_cn+malformed/7f3a9c51==".to_owned());
    values.insert(
        "forged-token",
        format!("eyJhbGciOiJub25lIn0.{}.cn-forged", "e30".repeat(9)),
    );
    values
}

/// The model: works with the variables, then says the secret itself; or answers with an error that
/// repeats it and the provider's key.
fn obey(values: &Values, request: &RecordedRequest) -> Reply {
    let text = request.last_user_text();
    let hidden = match text.contains("widget") {
        true => &values["widget-secret"],
        false => &values["secret"],
    };
    if text.contains("fail") {
        let key = &values["provider-key"];
        let told: Vec<String> = forms::all(hidden)
            .into_iter()
            .map(|(_, form)| form)
            .collect();
        return Reply::error(
            400,
            "invalid_request",
            &format!("key {key}, {}", told.join(" ")),
        );
    }
    let command = |command: String, background: bool| {
        let args = json!({"command": command, "is_background": background});
        Reply::call("run_shell_command", args)
    };
    let outputs = request.tool_outputs();
    let (last, all) = (
        outputs.last().cloned().unwrap_or_default(),
        outputs.concat(),
    );
    match outputs.len() {
        0 => command(format!("{PRINT} # {hidden}"), false),
        1 => command(PRINT.to_owned(), true),
        _ if !all.contains("ended, exit code 0") => {
            Reply::call("read_background_output", json!({"id": "bg-1"}))
        }
        _ if !all.contains("was kept") => command(KEEP.to_owned(), false),
        _ if last.contains("was kept") => {
            Reply::call("read_file", json!({"file_path": "kept.txt"}))
        }
        _ => Reply::say(told(hidden)),
    }
}

fn told(value: &str) -> String {
    let forms = forms::all(value).into_iter();
    forms
        .map(|(name, form)| format!("{name}: {form}\n"))
        .collect()
}

/// A running server and what came of it so far.
struct Story {
    place: program::Place,
    model: ModelServer,
    program: Program,
    management: Api,
    values: Values,
    seen: Seen,
}

impl Story {
    async fn begin(place: program::Place) -> Self {
        let values = values();
        let place = place
            .with("RUST_LOG", "trace")
            .with("SIGMIC_METRICS_LISTEN", "127.0.0.1:0")
            .with("SIGMIC_MASTER_KEY", &values["master-key"])
            .with("OPENAI_API_KEY", &values["provider-key"]);
        let known = values.clone();
        let script = Script::respond(move |request| obey(&known, request));
        let model = ModelServer::start(script).await;
        let program = Program::start(&place, &model).await;
        let key = crate::support::read(&place.data().join("cli-management.key"));
        Self {
            management: program.api.with_key(&key),
            place,
            model,
            program,
            values,
            seen: Seen::default(),
        }
    }

    /// Tasks that work with variables, and one that fails.
    async fn tasks(&mut self, api: &Api, who: &str, variables: Value) {
        for what in ["work", "fail"] {
            let mut body = variables.clone();
            let hidden = &self.values[if who == "widget" {
                "widget-secret"
            } else {
                "secret"
            }];
            body["message"] = json!(format!("{who} {what}: {}", told(hidden)));
            let id = api.create(&body).await;
            let mut live = api.stream(&id).await;
            live.rest().await;
            self.seen.add(Place::Streams, live.raw());
            let task = api.finished(&id).await;
            let wanted = if what == "work" {
                "completed"
            } else {
                "failed"
            };
            assert_eq!(task["status"], wanted, "{task}");
            places::task(api, &id, &mut self.seen).await;
        }
    }

    /// The path of the default project.
    async fn project(&self) -> String {
        let projects = self.management.get("/api/v1/projects").await.data();
        format!("/api/v1/projects/{}", projects[0]["id"].as_str().unwrap())
    }

    /// A key: made, used in both headers, revoked.
    async fn keys(&mut self) {
        let project = self.project().await;
        let made = json!({"name": "canary"});
        let keys = format!("{project}/api-keys");
        let answer = self.management.post(&keys, &made).await;
        let data = answer.data();
        self.seen.add(Place::Given, &answer.text);
        self.values
            .insert("key", data["key"].as_str().unwrap().to_owned());
        let api = self.program.api.with_key(&self.values["key"]);
        let variables = json!({
            "env": {"OPEN": self.values["env"]},
            "secrets": {"HIDDEN": self.values["secret"]},
        });
        self.tasks(&api, "key", variables).await;
        let other = api.bare(Method::GET, "/api/v1/tasks");
        let other = send(other.header("x-api-key", &self.values["key"])).await;
        self.seen.add(Place::Answers, other.data().to_string());
        self.seen
            .add(Place::Answers, self.management.get(&keys).await.text);
        let path = format!("{keys}/{}", data["id"].as_str().unwrap());
        self.seen.add(
            Place::Answers,
            self.management.get(&format!("{path}/usage")).await.text,
        );
        let receipt = self.management.delete(&path).await;
        receipt.data();
        self.seen.add(Place::Receipts, receipt.text);
        self.refused(api.request(Method::GET, "/api/v1/tasks"), 401)
            .await;
    }

    /// A token: given, used, cut off; and the secret of its app.
    async fn tokens(&mut self) {
        let apps = format!("{}/widget-apps", self.project().await);
        let new = json!({"name": "canary", "allowedOrigins": ["*"]});
        let answer = self.management.post(&apps, &new).await;
        let app = answer.data();
        self.seen.add(Place::Given, &answer.text);
        self.values
            .insert("app-secret", app["appSecret"].as_str().unwrap().to_owned());
        let exchange = json!({
            "appId": app["appId"], "appSecret": app["appSecret"], "endUserId": "u1",
            "env": {"OPEN": self.values["widget-env"]},
            "secrets": {"HIDDEN": self.values["widget-secret"]},
        });
        let path = "/api/v1/auth/token";
        let given = send(self.management.bare(Method::POST, path).json(&exchange)).await;
        let token = given.data()["token"].as_str().unwrap().to_owned();
        self.seen.add(Place::Given, &given.text);
        let mut wrong = exchange.clone();
        wrong["appId"] = json!("app_000000000000000000000000");
        self.refused(self.management.bare(Method::POST, path).json(&wrong), 401)
            .await;
        wrong["appId"] = app["appId"].clone();
        wrong["appSecret"] = json!(self.values["unknown-key"].replace("sigmic_", "sas_"));
        self.refused(self.management.bare(Method::POST, path).json(&wrong), 401)
            .await;
        self.values.insert("token", token.clone());
        let api = self.program.api.with_key(&token);
        self.tasks(&api, "widget", json!({})).await;
        let app = format!("{apps}/{}", app["id"].as_str().unwrap());
        for path in [app.clone(), format!("{app}/sessions")] {
            self.seen
                .add(Place::Answers, self.management.get(&path).await.text);
        }
        let user = json!({"endUserId": "u1"});
        let receipt = self
            .management
            .post(&format!("{app}/end-users/revoke"), &user)
            .await;
        receipt.data();
        self.seen.add(Place::Receipts, receipt.text);
        self.refused(api.request(Method::GET, "/api/v1/tasks"), 401)
            .await;
    }

    /// A person: chooses a password by a link, signs in and out.
    async fn people(&mut self) {
        let greeting = &self.program.server.greeting;
        let (_, link) = greeting.split_once("#token=").unwrap();
        let link = link.split_whitespace().next().unwrap().to_owned();
        self.values.insert("link", link.clone());
        let api = self.program.api.clone();
        let post = |path: &str, body: &Value| api.bare(Method::POST, path).json(body);
        let chosen = json!({"token": link, "password": self.values["password"], "name": "Olga"});
        let answer = send(post("/api/v1/auth/setup", &chosen)).await;
        let email = answer.data()["user"]["email"].clone();
        self.seen.add(Place::Answers, &answer.text);
        self.refused(post("/api/v1/auth/setup", &chosen), 404).await;
        let wrong = json!({"email": email, "password": self.values["wrong-password"]});
        self.refused(post("/api/v1/auth/login", &wrong), 401).await;
        let right = json!({"email": email, "password": self.values["password"]});
        let answer = send(post("/api/v1/auth/login", &right)).await;
        self.seen.add(Place::Answers, &answer.text);
        self.seen.add(Place::Given, format!("{:?}", answer.headers));
        let console = Console::after(&api, &answer);
        let (_, session) = console.cookie().split_once('=').unwrap();
        self.values.insert("session", session.to_owned());
        for path in ["/api/v1/me", "/api/v1/me/sessions", "/api/v1/projects"] {
            let answer = console.get(path).await;
            answer.data();
            self.seen.add(Place::Answers, answer.text);
        }
        console.post("/api/v1/auth/logout", &json!({})).await.data();
        self.refused(console.request(Method::GET, "/api/v1/me"), 401)
            .await;
    }

    /// A request that is refused so.
    async fn refused(&mut self, request: reqwest::RequestBuilder, status: u16) {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        self.seen.add(
            Place::Errors,
            format!("{:?} {}", answer.headers, answer.text),
        );
    }

    /// Credentials that are none, and what is not read as one.
    async fn strangers(&mut self) {
        let api = self.program.api.clone();
        let tasks = || api.bare(Method::GET, "/api/v1/tasks");
        for kind in ["unknown-key", "malformed-key", "forged-token"] {
            let value = self.values[kind].clone();
            self.refused(tasks().bearer_auth(&value), 401).await;
            self.refused(tasks().header("x-api-key", &value), 401).await;
            let two = tasks().bearer_auth(&value).header("x-api-key", "x");
            self.refused(two, 401).await;
        }
        let (basic, cookie) = (self.values["basic"].clone(), self.values["cookie"].clone());
        self.refused(tasks().basic_auth("ana", Some(&basic)), 401)
            .await;
        self.refused(
            tasks().header("authorization", format!("Basic {basic}")),
            401,
        )
        .await;
        let cookie = format!("sigmic_session={cookie}; __Host-sigmic_session={cookie}");
        self.refused(tasks().header("cookie", cookie), 401).await;
        for value in [
            self.values["query"].clone(),
            forms::url_encoded(&self.values["query"]),
        ] {
            let path = format!("/api/v1/tasks?apiKey={value}&token={value}");
            self.refused(api.bare(Method::GET, &path), 401).await;
            let path = format!("/api/v1/tasks?limit={value}");
            self.refused(api.request(Method::GET, &path), 400).await;
        }
        let path = format!("/api/v1/tasks/{}", self.values["path"].replace('/', "-"));
        self.refused(api.request(Method::GET, &path), 404).await;
    }

    /// Searches everything, and says what is not as the table says.
    async fn end(mut self) -> Vec<String> {
        let page = reqwest::get(crate::metrics::url_of(&self.program.server)).await;
        self.seen
            .add(Place::Metrics, page.unwrap().text().await.unwrap());
        let projects = self.management.get("/api/v1/projects").await.data();
        let organization = projects[0]["organizationId"].as_str().unwrap();
        let log = format!("/api/v1/organizations/{organization}/audit-log");
        let log = self.management.get(&log).await;
        log.data();
        self.seen.add(Place::Receipts, log.text);
        places::model(&self.model, &mut self.seen);
        places::workspaces(&self.place.data(), &mut self.seen);
        places::database_files(&self.place.data(), &mut self.seen);
        match &self.place.database {
            None => places::tables(&self.place.data(), &mut self.seen),
            Some(database) => {
                self.seen.add(Place::Tables, "");
                for value in self.values.values() {
                    for (_, form) in forms::all(value) {
                        if database.rows_with(&form.replace('%', "\\%")).await > 0 {
                            self.seen.add(Place::Tables, form);
                        }
                    }
                }
            }
        }
        tokio::task::block_in_place(|| self.program.server.terminate());
        self.seen.add(Place::Log, self.place.log());
        // Commands print in every way that is looked for.
        let open = &self.values["env"];
        let printed = self.seen.forms_in(Place::Streams, open);
        assert_eq!(printed.len(), forms::all(open).len(), "{printed:?}");
        self.seen.faults(&self.values)
    }
}

async fn tell(place: program::Place) {
    // An error says that another test of this process did it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut story = Story::begin(place).await;
    story.keys().await;
    story.tokens().await;
    story.people().await;
    story.strangers().await;
    let faults = story.end().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_seen_where_they_may_be_only() {
    tell(program::Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_seen_where_they_may_be_only_on_postgres() {
    tell(program::Place::postgres().await).await;
}
