//! A server on loopback that answers by a script at the paths of every model wire. Replies are built
//! for OpenAI's chat completions, and for the others from raw bytes. It decides nothing and checks
//! nothing: tests look at what it recorded.

mod recorded;
mod reply;
mod script;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use recorded::RecordedRequest;
pub use reply::Reply;
pub use script::Script;

use reply::Piece;

/// A running scripted model. Dropping it closes every connection and frees the port.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Holds the accept loop; dropped with the server.
    running: JoinSet<()>,
}

struct Shared {
    script: Script,
    requests: Mutex<Vec<RecordedRequest>>,
    count: watch::Sender<usize>,
}

impl ModelServer {
    /// Starts on a free port of 127.0.0.1. Must be called inside a Tokio runtime.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(script: impl Into<Script>) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script)
            .await
            .expect("a free port on loopback")
    }

    /// Starts at `address`.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub async fn start_at(address: SocketAddr, script: impl Into<Script>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: script.into(),
            requests: Mutex::new(Vec::new()),
            count: watch::Sender::new(0),
        });
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            running,
        })
    }

    /// What to configure as the base URL of an OpenAI-compatible provider. Those whose API's version
    /// is no part of it take it without the `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.requests().clone()
    }

    /// Waits until `count` requests have arrived in all, and returns them.
    pub async fn wait_for_requests(&self, count: usize) -> Vec<RecordedRequest> {
        self.shared
            .count
            .subscribe()
            .wait_for(|arrived| *arrived >= count)
            .await
            .expect("the sender lives as long as the server");
        self.requests()
    }

    /// Serves until the accept loop ends, which it does only with the process: for a server that
    /// stands alone.
    pub async fn serve(mut self) {
        self.running.join_next().await;
    }
}

impl fmt::Debug for ModelServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn requests(&self) -> MutexGuard<'_, Vec<RecordedRequest>> {
        // A panic of a test's closure must not hide the requests.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, mut request: RecordedRequest) -> RecordedRequest {
        let mut requests = self.requests();
        request.number = requests.len();
        requests.push(request.clone());
        drop(requests);
        self.count.send_modify(|count| *count += 1);
        request
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that failed before it was accepted is the client's to notice.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, count, Arc::clone(&shared)));
                    count += 1;
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, number: usize, shared: Arc<Shared>) {
    // Without it a reply in pieces waits for acknowledgements. It cannot fail on a fresh socket.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, number, Arc::clone(&shared)));
    // An error here is a cut that the script wanted, or a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Makes hyper drop the connection where it stands.
#[derive(Debug)]
struct CutHere;

impl fmt::Display for CutHere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script cuts the connection here")
    }
}

impl std::error::Error for CutHere {}

async fn answer(
    request: Request<Incoming>,
    connection: usize,
    shared: Arc<Shared>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = CutHere>>, CutHere> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| CutHere)?.to_bytes();
    let request = RecordedRequest::new(connection, &head, body);
    let (request, reply) = if request.is_for_a_model() {
        let request = shared.record(request);
        let reply = shared.script.reply_to(&request);
        (request, reply)
    } else {
        (request, Reply::status(404, "no such path"))
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let pieces = reply.into_pieces(&request).ok_or(CutHere)?;
    let body = StreamBody::new(stream::unfold(
        pieces.into_iter(),
        |mut pieces| async move {
            let bytes = loop {
                match pieces.next()? {
                    Piece::Bytes(bytes) => break Ok(Frame::data(bytes)),
                    Piece::Wait(gate) => gate.pass().await,
                    Piece::Cut => {
                        // Hyper writes out what it holds while the body has nothing for it.
                        tokio::task::yield_now().await;
                        break Err(CutHere);
                    }
                }
            };
            Some((bytes, pieces))
        },
    ));
    response
        .body(body)
        .map_err(|error| panic!("the script's reply is no HTTP response: {error}"))
}
