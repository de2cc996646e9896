use client::{Error, Files, ListScope, ListTasks};
use wire::{ApproveRequest, CreateTaskRequest, FollowUpRequest};

use crate::server::{Server, json};

const TASK: &str = r#"{"id":"t1","apiKeyId":null,"username":"ana","sessionId":null,
    "conversationId":null,"status":"pending","message":"hi","systemPrompt":null,
    "showInHistory":true,"autoExecute":true,"env":null,"error":null,
    "createdAt":"2026-03-04T05:06:01.000Z","startedAt":null,"completedAt":null,"new":"member"}"#;

#[tokio::test]
async fn each_call_has_its_method_path_and_body() {
    let server = Server::start(Box::new(|request| {
        let line = request.head.lines().next().unwrap_or_default();
        let body = match line.split_once(" http/1.1").map_or("", |(start, _)| start) {
            "post /api/v1/tasks" => r#"{"id":"t1","status":"pending"}"#,
            "get /api/v1/tasks/t1" => TASK,
            "delete /api/v1/tasks/t1" => r#"{"message":"Task cancelled"}"#,
            "post /api/v1/tasks/t1/messages" => r#"{"status":"running"}"#,
            "post /api/v1/tasks/t1/tools/c1/approve" => r#"{"approved":false}"#,
            "get /api/v1/tasks/t1/history" => {
                r#"{"taskId":"t1","conversationId":null,"status":"pending","messages":[]}"#
            }
            other => panic!("{other}"),
        };
        json("200 OK", &format!(r#"{{"success":true,"data":{body}}}"#))
    }))
    .await;
    let client = &server.client;
    let create = CreateTaskRequest {
        message: "hi".to_owned(),
        auto_execute: Some(false),
        ..CreateTaskRequest::default()
    };
    let created = client.create_task(&create, Some("k-1")).await.unwrap();
    assert_eq!(
        (created.id.as_str(), created.status.as_str()),
        ("t1", "pending")
    );
    assert_eq!(client.get_task("t1").await.unwrap().message, "hi");
    let cancelled = client.cancel_task("t1").await.unwrap();
    assert_eq!(cancelled.message, "Task cancelled");
    let follow_up = FollowUpRequest {
        message: "more".to_owned(),
        ..FollowUpRequest::default()
    };
    let running = client.follow_up("t1", &follow_up, None).await.unwrap();
    assert_eq!(running.status, "running");
    let decision = ApproveRequest {
        outcome: "cancel".to_owned(),
        reason: Some("no".to_owned()),
        args: None,
    };
    assert!(
        !client
            .approve("t1", "c1", &decision)
            .await
            .unwrap()
            .approved
    );
    assert!(client.history("t1").await.unwrap().messages.is_empty());

    let asked = server.asked();
    assert_eq!(asked[0].body, r#"{"message":"hi","autoExecute":false}"#);
    assert_eq!(asked[0].header("idempotency-key"), Some("k-1"));
    assert_eq!(asked[3].body, r#"{"message":"more"}"#);
    assert_eq!(asked[4].body, r#"{"outcome":"cancel","reason":"no"}"#);
    for request in asked {
        assert_eq!(request.header("authorization"), Some("bearer sigmic_test"));
    }
}

#[tokio::test]
async fn a_list_carries_its_filters_and_its_page() {
    let server = Server::start(Box::new(|_| {
        let item = TASK.replace(
            r#""new""#,
            r#""lastActivityAt":"2026-03-04T05:06:01.000Z","messageCount":0,"new""#,
        );
        let page = r#"{"total":9,"limit":2,"offset":4,"hasMore":true}"#;
        let body = format!(r#"{{"success":true,"data":[{item}],"pagination":{page}}}"#);
        json("200 OK", &body)
    }))
    .await;
    let list = ListTasks {
        limit: Some(2),
        offset: Some(4),
        statuses: vec!["running".to_owned(), "failed".to_owned()],
        scope: ListScope::Project,
    };
    let page = server.client.list_tasks(&list).await.unwrap();
    assert_eq!((page.data.len(), page.pagination.total), (1, 9));
    assert_eq!(page.data[0].task.id, "t1");
    let asked = server.asked();
    assert!(asked[0].head.starts_with(
        "get /api/v1/tasks?limit=2&offset=4&status=running&status=failed&scope=project http"
    ));
}

#[tokio::test]
async fn a_refusal_keeps_code_message_status_and_request_id() {
    let mut answers = vec![
        json("502 Bad Gateway", "<html>"),
        json(
            "404 Not Found",
            r#"{"success":false,"error":{"message":"Task not found","code":"NOT_FOUND"}}"#,
        ),
    ];
    let server = Server::start(Box::new(move |_| answers.pop().unwrap())).await;
    let refused = server.client.get_task("t1").await.unwrap_err();
    assert!(!refused.is_transient());
    assert_eq!(refused.to_string(), "Task not found (NOT_FOUND)");
    let Error::Api {
        code,
        status,
        request_id,
        ..
    } = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((code.as_str(), status), ("NOT_FOUND", 404));
    assert_eq!(request_id.as_deref(), Some("req-1"));
    let proxy = server.client.get_task("t1").await.unwrap_err();
    assert!(proxy.is_transient());
    assert!(matches!(proxy, Error::Api { code, .. } if code == "UNKNOWN"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start(Box::new(|_| {
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\
          content-length: 0\r\n\r\n"
            .to_vec()
    }))
    .await;
    let refused = server.client.get_task("t1").await.unwrap_err();
    assert!(matches!(refused, Error::Api { status: 302, .. }));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn files_go_as_a_form_and_come_piece_by_piece() {
    let server = Server::start(Box::new(|request| {
        if request.head.starts_with("get") {
            return b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfile"
                .to_vec();
        }
        json(
            "201 Created",
            r#"{"success":true,"data":{"id":"t1","conversationId":null,"status":"pending",
                "createdAt":"2026-03-04T05:06:00.000Z"}}"#,
        )
    }))
    .await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    std::fs::write(&path, "x,1\n").unwrap();
    let create = CreateTaskRequest {
        message: "sum it".to_owned(),
        auto_execute: Some(false),
        ..CreateTaskRequest::default()
    };
    let files = Files::new(vec![path]);
    let created = server.client.create_task_with_files(&create, &files, None);
    assert_eq!(created.await.unwrap().id, "t1");
    let missing = Files::new(vec![directory.path().join("none")]);
    let refused = server
        .client
        .create_task_with_files(&create, &missing, None);
    assert!(matches!(refused.await, Err(Error::File { .. })));
    let mut download = server
        .client
        .download_artifact("t1", "a b/c.txt")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = download.next().await.unwrap() {
        bytes.extend_from_slice(piece.as_ref());
    }
    assert_eq!(bytes, b"file");

    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    for part in [
        "name=\"message\"\r\n\r\nsum it\r\n",
        "name=\"autoExecute\"\r\n\r\nfalse\r\n",
        "name=\"files\"; filename=\"a.csv\"\r\n",
        "\r\n\r\nx,1\n\r\n",
    ] {
        assert!(
            asked[0].body.contains(part),
            "{part:?} in {:?}",
            asked[0].body
        );
    }
    let line = "get /api/v1/tasks/t1/artifacts/download?path=a+b%2fc.txt http";
    assert!(asked[1].head.starts_with(line), "{}", asked[1].head);
}
