//! The limit of a task: the smallest agent loop that keeps each task and each event, streams what
//! the model says, and makes its tool calls. No tenants, no sandbox, no approvals, no resuming.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::relay_store::Writer;

/// Tasks whose events are kept in memory for readers.
const KEPT_TASKS: usize = 1_000;

struct Relay {
    model: String,
    writer: Writer,
    known: Mutex<Known>,
    idle: Mutex<Vec<Connection>>,
    runs: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Known {
    tasks: HashMap<String, Arc<Task>>,
    order: VecDeque<String>,
    made: u64,
}

struct Task {
    id: String,
    events: Mutex<Vec<Bytes>>,
    /// How many events there are, and whether no more come.
    news: watch::Sender<(usize, bool)>,
    /// What was said and is not kept yet.
    unkept: Mutex<Vec<String>>,
}

/// Serves until it is killed; says where on its first line.
pub(crate) async fn serve(directory: &str, model: &str) -> Result<()> {
    let relay = Arc::new(Relay {
        model: model.to_owned(),
        writer: Writer::start(Path::new(directory))?,
        known: Mutex::default(),
        idle: Mutex::default(),
        runs: Mutex::default(),
    });
    let router = Router::new()
        .route("/api/v1/tasks", post(create_task))
        .route("/api/v1/tasks/{id}/stream", get(stream_task))
        .with_state(relay);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::process::say_address(listener.local_addr()?)?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn create_task(State(relay): State<Arc<Relay>>, body: Bytes) -> Response {
    let message = serde_json::from_slice::<Value>(&body).ok();
    let message = message.and_then(|body| Some(body["message"].as_str()?.to_owned()));
    let Some(message) = message else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let task = relay.make();
    let row = (task.id.clone(), 0, message.clone());
    if relay.writer.keep(vec![row]).await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let answer = json!({"success": true, "data": {"id": task.id, "status": "pending"}});
    let mut runs = lock(&relay.runs);
    while runs.try_join_next().is_some() {}
    let run = Arc::clone(&relay);
    runs.spawn(async move {
        // A failed task has no end: whoever measures notices.
        let _ = run.work(&task, message).await;
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, answer.to_string()).into_response()
}

async fn stream_task(State(relay): State<Arc<Relay>>, UrlPath(id): UrlPath<String>) -> Response {
    let Some(task) = lock(&relay.known).tasks.get(&id).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let news = task.news.subscribe();
    let events = unfold((task, news, 0), |(task, mut news, sent)| async move {
        let (_, over) = *news
            .wait_for(|(count, over)| *count > sent || *over)
            .await
            .ok()?;
        let event = lock(&task.events).get(sent).cloned();
        if event.is_none() && over {
            return None;
        }
        Some((
            Ok::<_, std::convert::Infallible>(event?),
            (task, news, sent + 1),
        ))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(events)).into_response()
}

impl Relay {
    fn make(&self) -> Arc<Task> {
        let mut known = lock(&self.known);
        known.made += 1;
        let task = Arc::new(Task {
            id: format!("task-{}", known.made),
            events: Mutex::default(),
            news: watch::Sender::new((0, false)),
            unkept: Mutex::default(),
        });
        task.say(
            "history_done",
            &json!({"messageCount": 1, "isStreaming": true}),
        );
        known.tasks.insert(task.id.clone(), Arc::clone(&task));
        known.order.push_back(task.id.clone());
        if known.order.len() > KEPT_TASKS
            && let Some(oldest) = known.order.pop_front()
        {
            known.tasks.remove(&oldest);
        }
        task
    }

    async fn work(&self, task: &Task, message: String) -> Result<()> {
        let mut messages = vec![json!({"role": "user", "content": message})];
        let mut seq = 0;
        loop {
            let turn = self.ask(task, &messages).await?;
            let Some(call) = turn.call else {
                let done = task.say("done", &json!({"finalResponse": turn.text}));
                self.keep(task, &mut seq).await?;
                done.tell();
                task.news.send_modify(|(_, over)| *over = true);
                return Ok(());
            };
            let said = task.say("tool_call", &call);
            self.keep(task, &mut seq).await?;
            said.tell();
            let id = call["id"].clone();
            let names: Vec<_> = std::fs::read_dir(".")?.flatten().collect();
            let result = json!({"callId": id, "output": format!("{} entries", names.len())});
            let said = task.say("tool_result", &result);
            self.keep(task, &mut seq).await?;
            said.tell();
            messages.push(json!({"role": "assistant", "tool_calls": [call]}));
            let answer = json!({"role": "tool", "tool_call_id": id, "content": result["output"]});
            messages.push(answer);
        }
    }

    /// Keeps every event that was said since the last time.
    async fn keep(&self, task: &Task, seq: &mut i64) -> Result<()> {
        let unkept = std::mem::take(&mut *lock(&task.unkept));
        let rows = unkept.into_iter().map(|text| {
            *seq += 1;
            (task.id.clone(), *seq, text)
        });
        self.writer.keep(rows.collect()).await
    }

    async fn ask(&self, task: &Task, messages: &[Value]) -> Result<Turn> {
        let body = json!({"model": "scripted", "stream": true, "messages": messages}).to_string();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: model\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let idle = lock(&self.idle).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&self.model).await?,
        };
        let mut turn = Turn::default();
        connection
            .events(request.as_bytes(), |data| {
                let chunk: Value = serde_json::from_slice(data).context("a chunk")?;
                let delta = &chunk["choices"][0]["delta"];
                if let Some(text) = delta["content"].as_str() {
                    turn.text.push_str(text);
                    task.say("content", &json!({"text": text, "isPartial": true}))
                        .tell();
                }
                if let Some(call) = delta["tool_calls"].get(0) {
                    turn.call = Some(call.clone());
                }
                Ok(())
            })
            .await?;
        lock(&self.idle).push(connection);
        Ok(turn)
    }
}

#[derive(Debug, Default)]
struct Turn {
    text: String,
    call: Option<Value>,
}

impl Task {
    /// Makes an event, to be kept and told.
    fn say(&self, name: &str, data: &Value) -> Said<'_> {
        let event = format!("event: {name}\ndata: {data}\n\n");
        lock(&self.unkept).push(event.clone());
        Said {
            task: self,
            event: event.into(),
        }
    }
}

/// An event that readers do not know yet.
struct Said<'a> {
    task: &'a Task,
    event: Bytes,
}

impl Said<'_> {
    fn tell(self) {
        let mut events = lock(&self.task.events);
        events.push(self.event);
        let count = events.len();
        self.task.news.send_modify(|(known, _)| *known = count);
    }
}
