use client::{Error, ListTasks};
use serde_json::{Value, json};

use crate::support::{Home, Server, read, wait};

fn status_of(server: &Server, key: &str) -> u16 {
    match wait(server.client(key).list_tasks(&ListTasks::default())) {
        Ok(_) => 200,
        Err(Error::Api { status, .. }) => status,
        Err(error) => panic!("{error:?}"),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

#[test]
fn bootstrap_may_be_repeated() {
    let home = Home::new();
    let first = home.json(&["admin", "bootstrap", "--owner", "ana@example.com", "--json"]);
    let fields: Vec<_> = first.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "organizationId",
            "projectId",
            "ownerEmail",
            "signInLink",
            "apiKey"
        ]
    );
    assert_eq!(first["ownerEmail"], "ana@example.com");
    assert!(text(&first, "signInLink").contains("/setup#token="));
    let server = home.serve();
    assert_eq!(status_of(&server, text(&first, "apiKey")), 200);
    // Beside the running server.
    let second = home.json(&["admin", "bootstrap", "--owner", "bob@example.com", "--json"]);
    for field in ["organizationId", "projectId", "ownerEmail"] {
        assert_eq!(first[field], second[field]);
    }
    assert!(text(&second, "signInLink").starts_with("http://127.0.0.1:"));
    assert_ne!(first["signInLink"], second["signInLink"]);
    assert_eq!(status_of(&server, text(&first, "apiKey")), 401);
    assert_eq!(status_of(&server, text(&second, "apiKey")), 200);
    assert_eq!(status_of(&server, &home.key()), 200);
}

#[test]
fn keys_are_made_and_changed_beside_the_server() {
    let home = Home::new();
    let server = home.serve();
    let project = home.json(&["admin", "create-project", "--name", "Second", "--json"]);
    let project_id = text(&project, "id");
    let create = [
        "admin",
        "create-key",
        "--project",
        project_id,
        "--name",
        "ci",
        "--json",
    ];
    let key = home.json(&create);
    let (id, plain) = (text(&key, "id"), text(&key, "key"));
    assert_eq!(key["projectId"], project["id"]);
    assert_eq!(status_of(&server, plain), 200);

    let change = |command: &str| home.json(&["admin", "keys", command, id, "--json"]);
    assert_eq!(change("disable"), json!({"id": id, "status": "disabled"}));
    assert_eq!(status_of(&server, plain), 401);
    assert_eq!(change("enable")["status"], "active");
    assert_eq!(status_of(&server, plain), 200);
    assert_eq!(change("revoke")["status"], "revoked");
    assert_eq!(status_of(&server, plain), 401);
    let said = home.say(&["admin", "keys", "enable", id]);
    assert_eq!(said.code, Some(1), "{said:?}");

    let listed = home.json(&["admin", "keys", "list", "--project", project_id, "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["status"], "revoked");
    assert!(!listed.to_string().contains(plain));
    let people = home.say(&["admin", "keys", "list"]).out;
    assert!(people.contains("command line of"), "{people}");
}

#[test]
fn a_key_has_its_class_scopes_and_end() {
    let home = Home::new();
    let server = home.serve();
    let management = home.json(&[
        "admin",
        "create-key",
        "--class",
        "management",
        "--name",
        "m",
        "--json",
    ]);
    assert_eq!(management["projectId"], Value::Null);
    assert_eq!(status_of(&server, text(&management, "key")), 403);
    let first = home.json(&["admin", "bootstrap", "--json"]);
    let project = text(&first, "projectId");
    let key = |rest: &[&str]| {
        let mut all = vec![
            "admin",
            "create-key",
            "--project",
            project,
            "--name",
            "k",
            "--json",
        ];
        all.extend(rest);
        home.say(&all)
    };
    let expired = key(&["--expires", "2020-01-01T00:00:00Z"]);
    let expired: Value = serde_json::from_str(&expired.out).unwrap();
    assert_eq!(expired["expiresAt"], "2020-01-01T00:00:00.000Z");
    assert_eq!(status_of(&server, text(&expired, "key")), 401);
    for wrong in [
        ["--expires", "tomorrow"],
        ["--scopes", "everything"],
        ["--class", "management"],
    ] {
        assert_eq!(key(&wrong).code, Some(2), "{wrong:?}");
    }
    let said = home.say(&["admin", "create-key", "--name", "k"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    let said = home.say(&["admin", "create-project", "--name", "Default"]);
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[test]
fn migrate_comes_before_the_rest() {
    let home = Home::new();
    let said = home.say(&["admin", "keys", "list"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("sigmic admin migrate"), "{said:?}");
    assert_eq!(
        home.json(&["admin", "migrate", "--json"]),
        json!({"migrated": true})
    );
    assert_eq!(
        home.json(&["admin", "migrate", "--json"]),
        json!({"migrated": true})
    );
    let said = home.say(&["admin", "keys", "list"]);
    assert!(said.err.contains("sigmic admin bootstrap"), "{said:?}");
}

#[test]
fn a_backup_is_a_database_that_serves() {
    let home = Home::new();
    let server = home.serve();
    home.say(&["run", "What is 17 * 23?"]);
    let copy = home.path("copy.db");
    let to = copy.to_str().unwrap();
    let answer = home.json(&["admin", "backup", "--to", to, "--json"]);
    assert_eq!(answer, json!({"path": to}));
    assert_eq!(home.say(&["admin", "backup", "--to", to]).code, Some(1));
    server.terminate();

    let restored = Home::new();
    std::fs::create_dir(restored.data_dir()).unwrap();
    std::fs::copy(&copy, restored.data_dir().join("sigmic.db")).unwrap();
    for name in ["master.key", "cli.key"] {
        let from = home.data_dir().join(name);
        std::fs::copy(from, restored.data_dir().join(name)).unwrap();
    }
    let _server = restored.serve();
    assert_eq!(restored.key(), home.key());
    let listed = restored.json(&["tasks", "list", "--json"]);
    assert_eq!(listed[0]["message"], "What is 17 * 23?");
}

#[test]
fn a_widget_app_and_its_tokens_beside_the_server() {
    let home = Home::new();
    let server = home.serve();
    let project = home.json(&["admin", "create-project", "--name", "Shop", "--json"]);
    let create = [
        "admin",
        "create-widget-app",
        "--project",
        text(&project, "id"),
        "--name",
        "shop",
        "--origin",
        "https://Shop.example:443",
        "--json",
    ];
    let app = home.json(&create);
    assert_eq!(app["allowedOrigins"], json!(["https://shop.example"]));
    let exchanged = server.post(
        "/api/v1/auth/token",
        &json!({
            "appId": app["appId"],
            "appSecret": app["appSecret"],
            "endUserId": "u1",
        }),
    );
    let token = exchanged["data"]["token"].as_str().unwrap();
    assert_eq!(status_of(&server, token), 200);
    let keys = home.json(&["admin", "signing-keys", "list", "--json"]);
    assert_eq!(keys.as_array().unwrap().len(), 2);
    let rotated = home.json(&["admin", "signing-keys", "rotate", "--json"]);
    assert_eq!(rotated.as_array().unwrap().len(), 3);
    assert_eq!(status_of(&server, token), 200, "of the previous key");
    let previous = rotated
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["state"] == "previous")
        .unwrap();
    let kid = text(previous, "kid");
    home.json(&["admin", "signing-keys", "revoke", kid, "--json"]);
    assert_eq!(status_of(&server, token), 401);
}

#[test]
fn the_audit_log_holds_what_operators_do_and_tells_what_was_done_to_it() {
    let home = Home::new();
    home.json(&["admin", "bootstrap", "--json"]);
    home.json(&["admin", "create-project", "--name", "Second", "--json"]);
    home.json(&["admin", "signing-keys", "rotate", "--json"]);
    let whole = home.json(&["admin", "audit", "verify", "--json"]);
    assert_eq!(whole["chains"], 2, "the organization's and the instance's");
    assert!(whole["rows"].as_i64().unwrap() >= 7, "{whole}");
    let database = rusqlite::Connection::open(home.data_dir().join("sigmic.db")).unwrap();
    let entry: String = database
        .query_row(
            "SELECT entry FROM audit_log WHERE chain <> 'instance' ORDER BY seq DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let entry: Value = serde_json::from_str(&entry).unwrap();
    assert_eq!(entry["actor"]["kind"], "operator");
    assert_eq!(entry["after"]["name"], "Second");
    database
        .execute_batch(
            "DROP TRIGGER audit_log_no_delete;
             DELETE FROM audit_log WHERE chain <> 'instance' AND seq = 2;",
        )
        .unwrap();
    let said = home.say(&["admin", "audit", "verify"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("row 2 is missing"), "{said:?}");
}

#[test]
fn a_password_is_reset_by_the_operator() {
    let home = Home::new();
    home.json(&["admin", "bootstrap", "--owner", "Ana@example.com", "--json"]);
    let reset = |rest: &[&str]| {
        let mut all = vec!["admin", "reset-password", "--json"];
        all.extend(rest);
        home.say(&all)
    };
    let said = reset(&["ANA@example.com"]);
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["email"], "ana@example.com");
    assert!(text(&answer, "link").contains("/setup#token="));
    let unknown = reset(&["nobody@example.com"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let none = home.say(&["admin", "reset-second-factor", "ana@example.com"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.err.contains("Second factor not found"), "{none:?}");
    // An empty line is no password.
    let empty = reset(&["ana@example.com", "--password-stdin"]);
    assert_eq!(empty.code, Some(2), "{empty:?}");
    assert!(empty.err.contains("at least 12 characters"), "{empty:?}");
}

#[test]
fn limits_and_prices_are_set_beside_the_server() {
    let home = Home::new();
    let server = home.serve();
    home.say(&["run", "What is 17 * 23?"]);
    let limits = home.json(&["admin", "set-limits", "--tasks", "1", "--json"]);
    assert_eq!(
        limits,
        json!({"monthlyTasks": 1, "monthlyTokens": null, "monthlyCostUsd": null})
    );
    let refused = home.say(&["run", "again"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("quota"), "{refused:?}");
    home.say(&["admin", "set-limits"]);
    assert_eq!(home.say(&["run", "again"]).code, Some(0));
    let price = |model: &str, input: &str| {
        let set = ["admin", "set-price", "--model", model, "--input", input];
        home.say(&[&set[..], &["--output", "2", "--cached", "0.1"]].concat())
    };
    assert_eq!(price("demo/demo", "0.5").code, Some(0));
    assert_eq!(price("demo/other", "1").code, Some(0));
    assert_eq!(price("demo/demo", "-1").code, Some(2));
    server.terminate();
}

#[test]
fn a_new_master_key_takes_the_place_of_one_while_no_server_runs() {
    let home = Home::new();
    let server = home.serve();
    let app = home.json(&["widgets", "create", "shop", "--json"]);
    let exchange = |server: &crate::support::Server| {
        let body = json!({
            "appId": app["appId"], "appSecret": app["appSecret"], "endUserId": "u1",
            "secrets": {"TOKEN": "secret-one-value"},
        });
        let answer = server.post("/api/v1/auth/token", &body);
        assert!(answer["token"].is_string(), "{answer}");
    };
    exchange(&server);
    let master = home.data_dir().join("master.key");
    let old = read(&master);
    let refused = home.say(&["admin", "rotate-master-key"]);
    assert_eq!(refused.code, Some(1), "a server runs: {refused:?}");
    assert_eq!(read(&master), old);
    server.terminate();

    let rotated = home.json(&["admin", "rotate-master-key", "--json"]);
    assert_eq!(rotated["dataKeys"], 1, "{rotated}");
    let new = read(&master);
    assert_ne!(new, old);
    let server = home.serve();
    exchange(&server);
    assert_eq!(home.say(&["run", "What is 17 * 23?"]).code, Some(0));
    server.terminate();

    // The old key opens nothing any more; a change that was cut off after the database had changed
    // is finished.
    std::fs::write(&master, &old).unwrap();
    let refused = home.say(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(refused.err.contains("master key"), "{refused:?}");
    let next = home.data_dir().join("master.key.next");
    std::fs::write(&next, &new).unwrap();
    std::fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    home.serve().terminate();
    assert_eq!(read(&master), new);
    assert!(!next.exists());
}

#[test]
fn a_master_key_from_elsewhere_is_changed_by_name() {
    let (old, new) = ("5d".repeat(32), "6e".repeat(32));
    let home = Home::new().with("SIGMIC_MASTER_KEY", &old);
    home.serve().terminate();
    let refused = home.say(&["admin", "rotate-master-key"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let file = home.path("new.key");
    std::fs::write(&file, &new).unwrap();
    let path = file.to_str().unwrap();
    home.json(&[
        "admin",
        "rotate-master-key",
        "--new-key-file",
        path,
        "--json",
    ]);
    let stale = home.say(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(stale.err.contains("master key"), "{stale:?}");
    let home = home.with("SIGMIC_MASTER_KEY", &new);
    home.serve().terminate();
}
