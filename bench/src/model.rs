//! The scripted model: OpenAI's chat completions, answered from bytes made beforehand. A first
//! message of `steps=N` gets N tool calls, one a turn, then twenty pieces of text; one of `hang`
//! gets nothing.

use anyhow::Result;
use bytes::Bytes;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::connection::header;

/// Pieces of text of an answer.
const PIECES: usize = 20;

/// A running model; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) address: String,
    _running: JoinSet<()>,
}

impl Model {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    // A caller that goes away ends it.
                    let _ = answer(stream).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address,
            _running: running,
        })
    }
}

async fn answer(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let text = text_answer();
    let mut buffer = Vec::with_capacity(64 * 1024);
    loop {
        buffer.clear();
        let end = loop {
            if let Some(at) = memmem::find(&buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let length = header(&buffer[..end], b"content-length: ").unwrap_or(0);
        while buffer.len() < end + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let body = &buffer[end..];
        if memmem::find(body, b"\"hang\"").is_some() {
            std::future::pending::<()>().await;
        }
        let done = memmem::find_iter(body, b"\"role\":\"tool\"").count();
        if done < steps(body) {
            stream.write_all(&call_answer(done)).await?;
        } else {
            stream.write_all(&text).await?;
        }
    }
}

/// How many tool calls the task is to make.
fn steps(body: &[u8]) -> usize {
    let Some(at) = memmem::find(body, b"steps=") else {
        return 0;
    };
    let digits = body[at + 6..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}

fn text_answer() -> Bytes {
    let pieces = (0..PIECES).map(|n| json!({"content": format!("piece {n} of the answer, ")}));
    chunked(pieces.collect(), "stop")
}

fn call_answer(number: usize) -> Bytes {
    let call = json!({"tool_calls": [{"index": 0, "id": format!("call_{number}"), "type": "function",
        "function": {"name": "list_directory", "arguments": "{\"dir_path\":\".\"}"}}]});
    chunked(vec![call], "tool_calls")
}

fn chunked(deltas: Vec<Value>, finish: &str) -> Bytes {
    let chunk = |delta: Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        json!({"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "scripted",
            "choices": [choice]})
    };
    let mut events: Vec<String> = deltas
        .into_iter()
        .map(|delta| chunk(delta, None).to_string())
        .collect();
    events.push(chunk(json!({}), Some(finish)).to_string());
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    events.push(
        json!({"id": "c", "object": "chat.completion.chunk", "created": 0,
        "model": "scripted", "choices": [], "usage": usage})
        .to_string(),
    );
    events.push("[DONE]".to_owned());
    let mut answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
        transfer-encoding: chunked\r\n\r\n"
        .to_owned();
    for event in events {
        let event = format!("data: {event}\n\n");
        answer.push_str(&format!("{:x}\r\n{event}\r\n", event.len()));
    }
    answer.push_str("0\r\n\r\n");
    answer.into()
}
