//! A credential that is in use for longer than a request: an open stream ends when its credential
//! does.

use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use tokio::sync::watch;

use crate::{AuthError, Authenticator, Credential};

/// How often an expiry is looked at, and a look-up that failed is repeated: what is left of the
/// second in which streams must end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Watches one credential.
#[derive(Debug)]
pub struct CredentialWatch {
    authenticator: Authenticator,
    credential: Credential,
    peer: Option<IpAddr>,
    changes: watch::Receiver<()>,
    /// Whether something may have changed since it was last looked up.
    stale: bool,
    valid_until: Option<Timestamp>,
}

impl Authenticator {
    /// Watches a credential from now on.
    pub fn watch(&self, credential: Credential, peer: Option<IpAddr>) -> CredentialWatch {
        CredentialWatch {
            changes: self.store.credential_changes(),
            authenticator: self.clone(),
            credential,
            peer,
            stale: true,
            valid_until: None,
        }
    }
}

impl CredentialWatch {
    /// Returns when the credential no longer works: revoked, disabled, expired, or its tenant
    /// closed, by whichever process. Safe to drop and call again, as often as events of a stream
    /// come: it looks the credential up when something changed only.
    pub async fn revoked(&mut self) {
        loop {
            if self.stale && self.look().await.is_err() {
                return;
            }
            let now = self.authenticator.clock.now();
            if self.valid_until.is_some_and(|end| end <= now) && !self.was_prolonged(now).await {
                return;
            }
            let timed = self.stale || self.valid_until.is_some();
            tokio::select! {
                changed = self.changes.changed() => match changed {
                    Ok(()) => self.stale = true,
                    // The store is closed: nothing changes any more.
                    Err(_) => std::future::pending().await,
                },
                () = tokio::time::sleep(LOOK_EVERY), if timed => {}
            }
        }
    }

    /// Whether the credential works at `now` after all: the use of a sign-in moves its end.
    async fn was_prolonged(&mut self, now: Timestamp) -> bool {
        match self.credential {
            Credential::ApiKey(_) | Credential::Token(_) => false,
            Credential::Session(_) => {
                self.look().await.is_ok() && self.valid_until.is_some_and(|end| end > now)
            }
        }
    }

    /// Looks the credential up. A database that does not answer proves nothing against it, but is
    /// asked again.
    async fn look(&mut self) -> Result<(), AuthError> {
        match self.authenticator.check(&self.credential, self.peer).await {
            Ok(checked) => {
                self.valid_until = checked.valid_until;
                self.stale = false;
            }
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
