//! Hosts outside the sandbox, and a resolver that knows them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sandbox::{EgressConnector, EgressPolicy, NetworkMode, Resolver, Sandbox};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::rig::Rig;

/// The certificate of `open.test` and the names below it, good for these tests only.
pub(crate) const CERTIFICATE: &str = include_str!("certificate/cert.pem");

/// Names with fixed addresses; each question takes the next answer, the last one for ever.
#[derive(Debug, Default)]
pub(crate) struct FakeResolver {
    answers: Mutex<HashMap<String, Vec<String>>>,
}

impl FakeResolver {
    pub(crate) fn new(names: &[(&str, &[&str])]) -> Arc<Self> {
        let answers = names.iter().map(|(name, answers)| {
            let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
            ((*name).to_owned(), answers)
        });
        Arc::new(Self {
            answers: Mutex::new(answers.collect()),
        })
    }
}

#[async_trait]
impl Resolver for FakeResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.answers.lock().unwrap();
        let answers = answers.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        };
        Ok(answer
            .split(' ')
            .map(|text| text.parse().unwrap())
            .collect())
    }
}

/// A connector that lets through what is on the list `allowed`.
pub(crate) fn connector(allowed: &str, names: &[(&str, &[&str])]) -> EgressConnector {
    let policy = EgressPolicy::new(allowed.parse().unwrap());
    EgressConnector::new(policy, FakeResolver::new(names))
}

pub(crate) async fn sandbox_with(rig: &Rig, network: NetworkMode) -> Arc<dyn Sandbox> {
    let mut spec = rig.spec();
    spec.network = network;
    rig.engine.create(spec).await.unwrap()
}

/// A web server on the host that answers every connection with the head it was sent.
pub(crate) async fn host_server() -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, None));
    (port, tasks)
}

/// A host with the web's own ports, on an address of the loopback that no other test has. Absent
/// for a user who may not bind those ports.
pub(crate) async fn web_host() -> Option<(IpAddr, JoinSet<()>)> {
    static NUMBER: AtomicU8 = AtomicU8::new(1);
    let [.., a, b] = std::process::id().to_be_bytes();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let address = IpAddr::from([127, a | 0x80, b, number]);
    let mut tasks = JoinSet::new();
    for (port, tls) in [(80, None), (443, Some(acceptor()))] {
        match TcpListener::bind((address, port)).await {
            Ok(listener) => drop(tasks.spawn(serve(listener, tls))),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
            Err(error) => panic!("{address}:{port}: {error}"),
        }
    }
    Some((address, tasks))
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificate/key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut clients = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let tls = tls.clone();
        clients.spawn(async move {
            match tls {
                None => answer(client).await,
                Some(tls) => {
                    if let Ok(client) = tls.accept(client).await {
                        answer(client).await;
                    }
                }
            }
        });
    }
}

/// Says what was asked, or leads elsewhere: `/to/HOST` is a redirect.
async fn answer(mut client: impl AsyncRead + AsyncWrite + Unpin) {
    let mut head = vec![0; 4096];
    let count = client.read(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..count]).into_owned();
    let status = match head.split_once("/to/") {
        Some((_, rest)) => {
            let host = rest.split(' ').next().unwrap_or_default();
            format!("302 Found\r\nLocation: http://{host}/")
        }
        None => "200 OK".to_owned(),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\nseen: {head}",
        head.len() + 6
    );
    let _ = client.write_all(answer.as_bytes()).await;
    let _ = client.shutdown().await;
}
