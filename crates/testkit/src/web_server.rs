//! A web server on loopback that answers by a rule. Checks nothing: tests look at what it recorded.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running web server. Dropping it closes every connection and frees the port.
pub struct WebServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Holds the accept loop; dropped with the server.
    _running: JoinSet<()>,
}

struct Shared {
    rule: Box<Rule>,
    requests: Mutex<Vec<WebRequest>>,
}

type Rule = dyn Fn(&WebRequest) -> WebReply + Send + Sync;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct WebRequest {
    /// Its method.
    pub method: String,
    /// Its path with the query.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct WebReply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl WebReply {
    /// A status with a body of that type.
    pub fn new(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", media_type.to_owned())],
            body: body.into(),
        }
    }

    /// A page of HTML.
    pub fn page(html: impl Into<Bytes>) -> Self {
        Self::new(200, "text/html; charset=utf-8", html)
    }

    /// A redirect.
    pub fn redirect(to: impl Into<String>) -> Self {
        Self::new(302, "text/plain", "").header("location", to)
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl WebServer {
    /// Starts on a free port of 127.0.0.1. Must be called inside a Tokio runtime.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(rule: impl Fn(&WebRequest) -> WebReply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            rule: Box::new(rule),
            requests: Mutex::default(),
        });
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _running: running,
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<WebRequest> {
        // A panic of a test's closure must not hide the requests.
        let requests = self.shared.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for WebServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that failed before it was accepted is the client's to notice.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    // An error here is a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    let request = WebRequest {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers,
        body,
    };
    let requests = shared.requests.lock();
    requests
        .unwrap_or_else(PoisonError::into_inner)
        .push(request.clone());
    let reply = (shared.rule)(&request);
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let response = response.body(Full::new(reply.body));
    Ok(response.expect("the rule's reply is an HTTP response"))
}
