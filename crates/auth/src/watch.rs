//! A credential that is in use for longer than a request: an open stream ends when its credential
//! does.

use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use store::Signal;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{AuthError, Authenticator, Credential};

/// How often an expiry is looked at: what is left of the second in which streams must end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Watches one credential.
#[derive(Debug)]
pub struct CredentialWatch {
    authenticator: Authenticator,
    credential: Credential,
    peer: Option<IpAddr>,
    signals: broadcast::Receiver<Signal>,
    valid_until: Option<Timestamp>,
}

impl Authenticator {
    /// Watches a credential from now on.
    pub fn watch(&self, credential: Credential, peer: Option<IpAddr>) -> CredentialWatch {
        CredentialWatch {
            signals: self.store.signals(),
            authenticator: self.clone(),
            credential,
            peer,
            valid_until: None,
        }
    }
}

impl CredentialWatch {
    /// Returns when the credential no longer works: revoked, disabled, expired, or its tenant
    /// closed, by whichever process. Safe to drop and call again.
    pub async fn revoked(&mut self) {
        if self.valid_until.is_none() && self.look().await.is_err() {
            return;
        }
        loop {
            let changed = tokio::select! {
                changed = changed(&mut self.signals) => changed,
                () = tokio::time::sleep(LOOK_EVERY), if self.valid_until.is_some() => false,
            };
            let now = self.authenticator.clock.now();
            let expired = self.valid_until.is_some_and(|end| end <= now);
            if expired || (changed && self.look().await.is_err()) {
                return;
            }
        }
    }

    /// Looks the credential up. A database that does not answer proves nothing against it.
    async fn look(&mut self) -> Result<(), AuthError> {
        match self.authenticator.check(&self.credential, self.peer).await {
            Ok(checked) => self.valid_until = checked.valid_until,
            Err(AuthError::Unavailable(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a credential could not be looked up"
                );
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether credentials changed; waits for news that may mean so.
async fn changed(signals: &mut broadcast::Receiver<Signal>) -> bool {
    match signals.recv().await {
        Ok(Signal::CredentialsChanged | Signal::Foreign) | Err(RecvError::Lagged(_)) => true,
        Ok(Signal::RunQueued | Signal::TaskChanged(_) | Signal::CancelRequested(_)) => false,
        Err(RecvError::Closed) => std::future::pending().await,
    }
}
