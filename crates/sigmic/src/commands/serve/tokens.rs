//! What widget tokens need of a running server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use auth::{Origin, SigningKeys};
use model::Clock;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// How often signing keys and sessions are looked after.
const TEND_TOKENS_EVERY: Duration = Duration::from_secs(300);
/// Milliseconds that the session of an expired token is kept: so long its page may read that it
/// has expired.
const EXPIRED_SESSIONS_MS: i64 = 24 * 60 * 60 * 1_000;

/// Where this server's own pages are: the public URL, or where it listens.
pub(super) fn own_origins(settings: &Settings, address: SocketAddr) -> Vec<Origin> {
    match &settings.public_url {
        Some(origin) => vec![origin.clone()],
        None => [
            format!("http://{address}"),
            format!("http://localhost:{}", address.port()),
        ]
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect(),
    }
}

/// Rotates the signing keys when it is time, and forgets the sessions of tokens that expired.
pub(super) async fn tend_tokens(
    signing: Option<Arc<SigningKeys>>,
    store: Store,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(TEND_TOKENS_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let tended = async {
            if let Some(signing) = &signing {
                signing.maintain().await?;
            }
            let before = clock.now().plus_millis(-EXPIRED_SESSIONS_MS);
            store.delete_expired_widget_sessions(before).await
        };
        if let Err(error) = tended.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "tending the signing keys and sessions failed"
            );
        }
    }
}
