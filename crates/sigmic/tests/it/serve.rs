use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use client::{Backoff, Error, Followed, ServerEvent};
use wire::{ApproveRequest, CreateTaskRequest};

use crate::support::{Home, read, wait};

fn message(text: &str) -> CreateTaskRequest {
    CreateTaskRequest {
        message: text.to_owned(),
        ..CreateTaskRequest::default()
    }
}

/// Follows to the end of the run: the answer, or the code of the error.
async fn end_of(client: &client::Client, id: &str) -> Result<String, String> {
    let mut stream = client.follow(id, Backoff::default());
    let mut end = Err("no terminal event".to_owned());
    while let Some(followed) = stream.next().await.unwrap() {
        let Followed::Event(received) = followed else {
            continue;
        };
        if let ServerEvent::Done { final_response } = received.event {
            end = Ok(final_response);
        } else if let ServerEvent::Error { code, .. } = received.event {
            end = Err(code);
        }
    }
    end
}

#[test]
fn a_task_runs_and_sigterm_ends_the_server() {
    let home = Home::new();
    let server = home.serve();
    let client = server.client(&home.key());
    let answer = wait(async {
        let created = client
            .create_task(&message("What is 17 * 23?"), None)
            .await
            .unwrap();
        end_of(&client, &created.id).await
    });
    assert!(answer.unwrap().contains("391"));
    assert!(server.greeting.contains("demo/demo"), "{}", server.greeting);
    assert!(
        server.greeting.contains("probes passed"),
        "{}",
        server.greeting
    );
    assert_eq!(read(&home.data_dir().join("cli.url")), server.url);

    let began = Instant::now();
    let (status, rest) = server.terminate();
    assert_eq!(status.code(), Some(0), "{rest}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(rest.ends_with("Stopped\n"), "{rest}");
    assert!(!home.data_dir().join("cli.url").exists());
}

#[test]
fn what_the_first_start_makes_is_private_and_stays() {
    let home = Home::new();
    home.serve().terminate();
    let mode = |name: &str| {
        std::fs::metadata(home.data_dir().join(name))
            .unwrap()
            .mode()
            & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for name in ["cli.key", "cli-management.key", "master.key", "sigmic.db"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    let key = home.key();
    let server = home.serve();
    assert_eq!(home.key(), key);
    let list = wait(
        server
            .client(&key)
            .list_tasks(&client::ListTasks::default()),
    );
    assert_eq!(list.unwrap().data.len(), 0);
}

#[test]
fn a_revoked_command_line_key_is_not_made_again_but_a_lost_one_is() {
    let home = Home::new();
    home.serve().terminate();
    let key = home.key();
    let keys = home.json(&["admin", "keys", "list", "--json"]);
    let of_tasks = |key: &&serde_json::Value| key["class"] == "project";
    let keys = keys.as_array().unwrap();
    let id = keys.iter().find(of_tasks).unwrap()["id"].as_str().unwrap();
    home.json(&["admin", "keys", "revoke", id, "--json"]);
    home.serve().terminate();
    assert_eq!(home.key(), key);

    std::fs::remove_file(home.data_dir().join("cli.key")).unwrap();
    let server = home.serve();
    assert_ne!(home.key(), key);
    let list = wait(
        server
            .client(&home.key())
            .list_tasks(&client::ListTasks::default()),
    );
    assert!(list.is_ok());
}

#[test]
fn an_approval_waits_over_a_restart() {
    let home = Home::new();
    let server = home.serve();
    let client = server.client(&home.key());
    let create = CreateTaskRequest {
        auto_execute: Some(false),
        ..message("List the files here")
    };
    // One runtime: the open stream lives in it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (id, mut stream, call_id) = runtime.block_on(async {
        let created = client.create_task(&create, None).await.unwrap();
        let mut stream = client.stream(&created.id, None).await.unwrap().unwrap();
        loop {
            let received = stream.next().await.unwrap().unwrap();
            if let ServerEvent::ToolCall { call_id, .. } = received.event {
                return (created.id, stream, call_id);
            }
        }
    });
    let began = Instant::now();
    let (status, _) = server.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "an open stream held the server up"
    );
    // Closed without a terminal event.
    assert!(matches!(runtime.block_on(stream.next()), Ok(None)));

    let server = home.serve();
    let client = server.client(&home.key());
    let decision = ApproveRequest {
        outcome: "proceed_once".to_owned(),
        reason: None,
        args: None,
    };
    let answer = wait(async {
        client.approve(&id, &call_id, &decision).await.unwrap();
        end_of(&client, &id).await
    });
    assert!(answer.unwrap().contains("This is in"));
}

#[test]
fn a_second_server_on_the_same_directory_refuses() {
    let home = Home::new();
    let _server = home.serve();
    let said = home.say(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("in use by another server"), "{said:?}");
}

#[test]
fn a_port_in_use_is_said_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = Home::new().say(&["serve", "--listen", &address]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains(&address) && said.err.contains("--listen"),
        "{said:?}"
    );
}

#[test]
fn the_server_never_listens_beyond_loopback_unasked() {
    let home = Home::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let said = home.say(&["serve", "--listen", address]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.contains("--behind-proxy") && said.err.contains("TLS"),
            "{said:?}"
        );
    }
    assert!(
        !home.data_dir().exists(),
        "nothing is made before the settings are right"
    );
}

#[test]
fn another_master_key_is_refused() {
    let home = Home::new();
    home.serve().terminate();
    let other = home.with("SIGMIC_MASTER_KEY", &"0a".repeat(32));
    let said = other.say(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("master key"), "{said:?}");
    assert!(!said.err.contains("0a0a0a"), "{said:?}");
}

#[test]
fn no_log_holds_a_credential() {
    let home = Home::new()
        .with("RUST_LOG", "trace")
        .with("OPENAI_API_KEY", "sk-secret-of-the-model")
        .with("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        .with("SIGMIC_MODEL", "demo/demo")
        .with("SIGMIC_LISTNE", "x");
    let server = home.serve();
    let unknown = format!("sigmic_{}", "0b".repeat(32));
    wait(async {
        let own = server.client(&home.key());
        let created = own
            .create_task(&message("What is 2 + 2?"), None)
            .await
            .unwrap();
        end_of(&own, &created.id).await.unwrap();
        let refused = server.client(&unknown).get_task(&created.id).await;
        assert!(matches!(refused, Err(Error::Api { status: 401, .. })));
        let asked = message("Ask it");
        let asked = CreateTaskRequest {
            model: Some("openai/x".to_owned()),
            ..asked
        };
        assert!(own.create_task(&asked, None).await.is_err());
    });
    server.terminate();
    let log = home.log();
    assert!(log.contains("/api/v1/tasks/{id}/stream"), "{log}");
    assert!(
        log.contains("SIGMIC_LISTEN?"),
        "no warning about an unknown variable"
    );
    for secret in [home.key().as_str(), &unknown, "sk-secret-of-the-model"] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
    let master = read(&home.data_dir().join("master.key"));
    assert!(!log.contains(&master));
}
