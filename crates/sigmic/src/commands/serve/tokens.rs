//! What widget tokens and sign-ins need of a running server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use auth::Origin;
use tokio_util::sync::CancellationToken;

use crate::instance::Instance;
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

/// Rotates the signing keys when it is time, and forgets the sessions of tokens that expired, the
/// sign-ins that ended and the limits that nobody is near.
pub(super) fn tend_tokens(
    instance: &Instance,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let (sign_ins, signing) = (instance.sign_ins.clone(), instance.signing.clone());
    let (store, clock) = (instance.store.clone(), Arc::clone(&instance.clock));
    async move {
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
                store.delete_expired_widget_sessions(before).await?;
                sign_ins.forget_dead().await?;
                store.delete_full_buckets(clock.now()).await?;
                Ok::<_, anyhow::Error>(())
            };
            if let Err(error) = tended.await {
                tracing::warn!(
                    error = &*error as &dyn std::error::Error,
                    "tending the signing keys, sessions and limits failed"
                );
            }
        }
    }
}
