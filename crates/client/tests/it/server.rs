//! A server that says what its script says, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use client::{ApiKey, Client, ClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The request line and the headers, lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == name).then(|| value.trim())
        })
    }
}

/// What to answer: the bytes of a whole response, after which the connection is closed.
pub(crate) type Script = Box<dyn FnMut(&Request) -> Vec<u8> + Send>;

/// Runs until dropped.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) asked: Arc<Mutex<Vec<Request>>>,
    _serving: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(mut script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                let answer = script(&request);
                kept.lock().unwrap().push(request);
                // The client may be gone; the test will tell.
                let _ = stream.write_all(&answer).await;
            }
        });
        let config = ClientConfig::new(url, ApiKey::new("sigmic_test"));
        Self {
            client: Client::new(&config).unwrap(),
            asked,
            _serving: serving,
        }
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let end = loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..count]);
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        assert!(count > 0, "the request ended early");
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let mut request = Request {
        head,
        body: String::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = bytes.split_off(end);
    let have = body.len();
    body.resize(length, 0);
    stream.read_exact(&mut body[have..]).await.unwrap();
    request.body = String::from_utf8(body).unwrap();
    request
}

/// A JSON answer.
pub(crate) fn json(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\n\
         x-request-id: req-1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Whether a stream ends as streams do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Clean,
    Broken,
}

/// An event stream of one chunk.
pub(crate) fn stream(body: &[u8], end: End) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
          connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec();
    if !body.is_empty() {
        answer.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        answer.extend_from_slice(body);
        answer.extend_from_slice(b"\r\n");
    }
    if end == End::Clean {
        answer.extend_from_slice(b"0\r\n\r\n");
    }
    answer
}
