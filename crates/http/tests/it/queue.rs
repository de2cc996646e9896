//! More tasks than slots.

use std::sync::Arc;

use model::RunNumber;
use model::{Action, ApiKeyPrincipal, Grant, Principal};
use testkit::{FakeClock, Gate, Reply, Script, TestServer};

use crate::support::{message, settled};

#[tokio::test]
async fn one_task_of_a_quiet_project_overtakes_the_queue_of_a_busy_one() {
    let gate = Gate::new();
    let held = gate.clone();
    let script = Script::respond(move |request| match request.first_user_text().as_str() {
        "holds a slot" => Reply::new().hang(&held).text("done"),
        _ => Reply::say("done"),
    });
    let server = TestServer::builder()
        .script(script)
        .concurrent_runs(2)
        .start()
        .await;
    let (_, quiet) = server.another_project("quiet").await;
    for _ in 0..2 {
        server.api.create(&message("holds a slot")).await;
    }
    server.model().wait_for_requests(2).await;
    let mut last = String::new();
    for _ in 0..60 {
        last = server.api.create(&message("busy")).await;
    }
    let overtaker = quiet.create(&message("quiet")).await;
    gate.open();
    quiet.finished(&overtaker).await;
    server.api.finished(&last).await;
    let order: Vec<String> = server
        .model()
        .requests()
        .iter()
        .map(|request| request.first_user_text())
        .collect();
    let place = order.iter().position(|text| text == "quiet").unwrap();
    // Two held the slots; it gets one of the next two, give or take a request that is faster on its way.
    assert!(place <= 5, "started as number {place}");
    assert_eq!(order.len(), 63);
}

#[tokio::test]
async fn finished_tasks_leave_no_memory() {
    let server = TestServer::start(vec![Reply::say("ok"); 50]).await;
    for _ in 0..50 {
        let id = server.api.create(&message("hi")).await;
        server.api.finished(&id).await;
    }
    settled(&server).await;
}

#[tokio::test]
async fn a_run_whose_journal_cannot_be_read_fails_and_holds_up_nobody() {
    let gate = Gate::new();
    let server = TestServer::builder()
        .script([Reply::new().hang(&gate).text("one"), Reply::say("three")])
        .concurrent_runs(1)
        .start()
        .await;
    let first = server.api.create(&message("one")).await;
    server.model().wait_for_requests(1).await;
    let poison = server.api.create(&message("two")).await;
    let third = server.api.create(&message("three")).await;
    let files = std::fs::read_dir(server.directory.path().join("data")).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "db"));
    let damage = rusqlite::Connection::open(file.unwrap()).unwrap();
    let sql = "UPDATE events SET payload = '{' WHERE task_id = ?1";
    assert_eq!(damage.execute(sql, [&poison]).unwrap(), 1);
    gate.open();
    assert_eq!(server.api.finished(&first).await["status"], "completed");
    assert_eq!(server.api.finished(&third).await["status"], "completed");
    let list = server.api.get("/api/v1/tasks?status=failed").await.json();
    assert_eq!(list["data"][0]["id"], poison.as_str());
    let error = list["data"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("Interrupted"), "{error}");
}

#[tokio::test]
async fn a_run_goes_on_after_the_whole_machine_stood_still() {
    let gate = Gate::new();
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder()
        .clock(clock.clone())
        .script([Reply::new().hang(&gate).text("done")])
        .start()
        .await;
    let id = server.api.create(&message("hi")).await;
    server.model().wait_for_requests(1).await;
    let find = || async {
        let run = server
            .store
            .unscoped_find_run(id.parse().unwrap(), RunNumber::FIRST)
            .await;
        run.unwrap().unwrap()
    };
    let before = find().await;
    clock.advance_ms(3_600_000);
    // Until the lease was renewed, or taken.
    let changed = async {
        while find().await.lease_until == before.lease_until {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(60);
    tokio::time::timeout(patience, changed).await.unwrap();
    gate.open();
    assert_eq!(server.api.finished(&id).await["output"]["content"], "done");
    assert_eq!(find().await.attempt, 1);
}

#[tokio::test]
async fn a_server_that_stops_takes_no_new_work() {
    let server = TestServer::start([Reply::say("x")]).await;
    let record = &server.key.record;
    let principal = Principal::ApiKey(ApiKeyPrincipal {
        key_id: record.id,
        lineage: record.lineage,
        organization_id: record.organization_id,
        project_id: record.project_id,
        class: record.class,
        scopes: record.scopes.clone(),
        username: "ana".to_owned(),
    });
    let Grant::Here(permit) = model::authorize(&principal, Action::WriteTasks).unwrap() else {
        panic!("a key is for one project")
    };
    let tasks = server.tasks.clone();
    server.stop().await;
    let new = tasks::NewTask {
        message: tasks::MessageText::new("late").unwrap(),
        system_prompt: None,
        show_in_history: true,
        auto_execute: true,
        env: None,
        secrets: tasks::Secrets::default(),
        model: None,
        max_turns: None,
        timeout_ms: None,
        metadata: None,
    };
    let refused = tasks.create(&permit, new, tasks.upload(), None).await;
    assert!(
        matches!(refused, Err(tasks::Error::Stopping)),
        "{refused:?}"
    );
}
