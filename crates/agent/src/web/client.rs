//! One request over one connection. Follows nothing, keeps nothing.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use sandbox::EgressConnector;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use super::counted::Counted;
use super::{Reach, WebError};

/// Says who asks.
const AGENT: &str = concat!("sigmic/", env!("CARGO_PKG_VERSION"));

/// Asks web servers through a connector.
#[derive(Debug)]
pub(super) struct WebClient {
    connector: EgressConnector,
    /// Made at the first https request: it reads the machine's certificates.
    tls: OnceCell<Arc<ClientConfig>>,
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the body is longer than it may be, and was cut.
    pub(super) cut: bool,
}

impl Answer {
    /// A header as text, if it is one.
    pub(super) fn header(&self, name: hyper::header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl WebClient {
    pub(super) fn new(connector: EgressConnector) -> Self {
        Self {
            connector,
            tls: OnceCell::new(),
        }
    }

    /// Sends `request`, whose address is `url`, and reads at most `max_bytes` of the answer's body;
    /// of a redirect's, nothing.
    pub(super) async fn send(
        &self,
        reach: Reach<'_>,
        url: &Url,
        mut request: Request<Full<Bytes>>,
        max_bytes: usize,
    ) -> Result<Answer, WebError> {
        let host = url.host_str().ok_or(WebError::BadUrl("it names no host"))?;
        let target = url[Position::BeforePath..Position::AfterQuery].parse();
        *request.uri_mut() = target.map_err(|_| WebError::BadUrl("it cannot be sent"))?;
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let authority = HeaderValue::from_str(authority);
        let authority = authority.map_err(|_| WebError::BadUrl("its host cannot be sent"))?;
        request.headers_mut().insert(HOST, authority);
        let agent = HeaderValue::from_static(AGENT);
        request.headers_mut().insert(USER_AGENT, agent);
        let mut entry = reach.begin(url);
        let stream = self.connector.connect_for(&mut entry).await?;
        // Noted when the connection ends, however it ends.
        let stream = Counted::new(stream, entry);
        if url.scheme() != "https" {
            return exchange(stream, request, max_bytes).await;
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| WebError::BadUrl("its host has no certificate"))?;
        let tls = TlsConnector::from(self.tls().await?);
        let stream = tls.connect(name, stream).await.map_err(WebError::Tls)?;
        exchange(stream, request, max_bytes).await
    }

    async fn tls(&self) -> Result<Arc<ClientConfig>, WebError> {
        let made = self.tls.get_or_try_init(async || {
            match tokio::task::spawn_blocking(tls_config).await {
                Ok(config) => config.map(Arc::new).map_err(WebError::NoTls),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        });
        made.await.map(Arc::clone)
    }
}

fn tls_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_platform_verifier()?.with_no_client_auth())
}

/// Speaks HTTP over a connection until the answer is read.
async fn exchange<T>(
    stream: T,
    request: Request<Full<Bytes>>,
    max_bytes: usize,
) -> Result<Answer, WebError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(WebError::Http)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(WebError::Http)?;
        let (parts, body) = response.into_parts();
        let wanted = if parts.status.is_redirection() {
            0
        } else {
            max_bytes
        };
        let (body, cut) = read(body, wanted).await?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            cut,
        })
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // What it has read by its end is still to be taken; an error of it is the answer's too.
        _ = &mut connection => answer.await,
    }
}

/// The first `max_bytes` of a body, and whether there are more.
async fn read(mut body: Incoming, max_bytes: usize) -> Result<(Vec<u8>, bool), WebError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(WebError::Http)?.into_data() else {
            continue;
        };
        let room = max_bytes - bytes.len();
        if data.len() > room {
            bytes.extend_from_slice(&data[..room]);
            return Ok((bytes, true));
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, false))
}
