//! Several servers on one PostgreSQL database.

use client::{ApiKey, Client, ClientConfig};
use testkit::TestDatabase;
use wire::CreateTaskRequest;

use crate::program::postgres_url;
use crate::support::{Home, wait};

const MASTER: &str = "5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d";

fn home(url: &str) -> Home {
    Home::new()
        .with("SIGMIC_DATABASE_URL", url)
        .with("SIGMIC_MASTER_KEY", MASTER)
}

#[test]
fn two_servers_share_tasks_and_each_keeps_its_command_line_key() {
    let database = wait(TestDatabase::create());
    let url = postgres_url(database.url());
    let (one, other) = (home(&url), home(&url));
    let (first, second) = (one.serve(), other.serve());
    assert_ne!(one.key(), other.key());
    let create = CreateTaskRequest {
        message: "What is 17 * 23?".to_owned(),
        ..CreateTaskRequest::default()
    };
    let id = wait(first.client(&one.key()).create_task(&create, None))
        .unwrap()
        .id;
    // The other server, and the other server's key.
    let said = other.say(&["tasks", "stream", &id]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("17 * 23 = 391."), "{said:?}");
    let crossed = Client::new(&ClientConfig::new(&second.url, ApiKey::new(one.key()))).unwrap();
    assert_eq!(wait(crossed.get_task(&id)).unwrap().status, "completed");

    let listed = one.json(&["admin", "keys", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 4, "{listed}");
    let said = one.say(&[
        "admin",
        "backup",
        "--to",
        one.path("copy").to_str().unwrap(),
    ]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("pg_dump"), "{said:?}");
    assert_eq!(first.terminate().0.code(), Some(0));
    assert_eq!(second.terminate().0.code(), Some(0));
}

#[test]
fn a_server_with_another_master_key_refuses() {
    let database = wait(TestDatabase::create());
    let url = postgres_url(database.url());
    home(&url).serve().terminate();
    let stranger = Home::new().with("SIGMIC_DATABASE_URL", &url);
    let said = stranger.say(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("master key"), "{said:?}");
}
