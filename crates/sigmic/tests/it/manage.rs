//! `sigmic projects|keys|widgets`: settings over the API.

use serde_json::Value;

use crate::support::{Home, Said};

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// Runs a command that must succeed; its lines.
fn lines(home: &Home, arguments: &[&str]) -> Vec<String> {
    let said = home.say(arguments);
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    said.out.lines().map(str::to_owned).collect()
}

/// Whether a key may list tasks.
fn works(home: &Home, key: &str) -> bool {
    let mut command = home.command(&["tasks", "list"]);
    command.env("SIGMIC_API_KEY", key);
    let output = command.output().unwrap();
    output.status.success()
}

#[test]
fn projects_are_made_and_renamed() {
    let home = Home::new();
    let _server = home.serve();
    let made = home.json(&["projects", "create", "red", "--json"]);
    let id = text(&made, "id");
    let renamed = lines(&home, &["projects", "rename", id, "blue"]);
    assert_eq!(renamed, [format!("{id}  blue")]);
    let listed = lines(&home, &["projects", "list"]);
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed.iter().any(|line| line.ends_with("(default)")));
    let said = home.say(&["projects", "create", "blue"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("CONFLICT"), "{said:?}");
}

#[test]
fn keys_live_their_whole_life() {
    let home = Home::new();
    let _server = home.serve();
    let project = home.json(&["projects", "create", "red", "--json"]);
    let of = ["--project", text(&project, "id")];
    let made = home.json(&["keys", "create", "ci", "--json", of[0], of[1]]);
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    assert!(works(&home, key));
    let disabled = lines(&home, &["keys", "disable", id, of[0], of[1]]);
    assert!(disabled[0].contains("disabled"), "{disabled:?}");
    assert!(!works(&home, key));
    lines(&home, &["keys", "enable", id, of[0], of[1]]);
    let rotated = home.json(&[
        "keys", "rotate", id, "--grace", "60", "--json", of[0], of[1],
    ]);
    assert!(works(&home, key) && works(&home, text(&rotated, "key")));
    let receipt = lines(&home, &["keys", "revoke", id, of[0], of[1]]);
    assert!(receipt[0].starts_with("Cut off: 1 keys"), "{receipt:?}");
    assert!(!works(&home, key) && works(&home, text(&rotated, "key")));
    let listed = lines(&home, &["keys", "list", of[0], of[1]]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(listed[0].contains("ci"));
}

#[test]
fn widget_apps_are_made_and_cut_off() {
    let home = Home::new();
    let server = home.serve();
    let shop = "https://shop.example";
    let made = home.json(&["widgets", "create", "shop", "--origin", shop, "--json"]);
    let id = text(&made, "id");
    let rotated = home.json(&["widgets", "rotate-secret", id, "--json"]);
    let exchange = |secret: &str| {
        let body = serde_json::json!({
            "appId": made["appId"], "appSecret": secret, "endUserId": "u1",
        });
        server.post("/api/v1/auth/token", &body)
    };
    for secret in [text(&made, "appSecret"), text(&rotated, "appSecret")] {
        assert!(exchange(secret)["token"].is_string());
    }
    let tokens = home.json(&["widgets", "tokens", id, "--json"]);
    let session = text(&tokens[0], "id");
    let cut = lines(&home, &["widgets", "revoke-token", id, session]);
    assert!(cut[0].contains("1 tokens"), "{cut:?}");
    let cut = lines(&home, &["widgets", "block-user", id, "u1"]);
    assert!(cut[0].contains("1 tokens"), "{cut:?}");
    let secret = text(&rotated, "appSecret");
    assert_eq!(exchange(secret)["error"]["code"], "FORBIDDEN");
    lines(&home, &["widgets", "unblock-user", id, "u1"]);
    assert!(exchange(secret)["token"].is_string());
    lines(&home, &["widgets", "revoke-user", id, "u1"]);
    assert_eq!(lines(&home, &["widgets", "tokens", id]).len(), 0);
    let disabled = lines(&home, &["widgets", "disable", id]);
    assert!(disabled[0].contains("disabled") && disabled[0].contains(shop));
    assert_eq!(exchange(secret)["error"]["code"], "INVALID_CREDENTIALS");
    lines(&home, &["widgets", "enable", id]);
    lines(&home, &["widgets", "delete", id]);
    assert_eq!(lines(&home, &["widgets", "list"]).len(), 0);
}

#[test]
fn the_key_for_settings_runs_no_tasks_and_stays_on_this_machine() {
    let home = Home::new();
    let _server = home.serve();
    let file = home.data_dir().join("cli-management.key");
    let key = std::fs::read_to_string(file).unwrap();
    assert!(!works(&home, key.trim()));
    let away = ["--base-url", "http://192.0.2.1:9"];
    let Said { code, err, .. } = home.say(&["keys", "list", away[0], away[1]]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("SIGMIC_MANAGEMENT_KEY"), "{err}");
}
