//! Sign-ins of people at the console: how long they live, and who one is.

use std::net::IpAddr;

use model::{ConsolePrincipal, Principal, Timestamp};
use store::{ConsoleSessionCheck, UserStatus};

use crate::{AuthError, Authenticated, Authenticator, PlainToken};

/// Milliseconds after which a sign-in that nobody uses ends: twelve hours.
pub(crate) const IDLE_MS: i64 = 12 * 60 * 60 * 1_000;
/// Milliseconds after which every sign-in ends: fourteen days.
pub(crate) const LIFETIME_MS: i64 = 14 * 24 * 60 * 60 * 1_000;
/// Milliseconds between two notes that a sign-in is in use.
const NOTE_EVERY_MS: i64 = 60 * 1_000;

/// A sign-in that works, and whether its use is to be noted.
pub(crate) struct SignedIn {
    pub(crate) authenticated: Authenticated,
    session: ConsoleSessionCheck,
}

impl Authenticator {
    pub(crate) async fn check_session(&self, token: &PlainToken) -> Result<SignedIn, AuthError> {
        let found = self.store.unscoped_find_console_session(token.hash());
        let session = found.await?.ok_or(AuthError::Required)?;
        let now = self.clock.now();
        let ends = ends_at(&session);
        match session.user_status {
            UserStatus::Active if ends > now => {}
            UserStatus::Active | UserStatus::Disabled => return Err(AuthError::Required),
        }
        Ok(SignedIn {
            authenticated: Authenticated {
                principal: Principal::Console(ConsolePrincipal {
                    session_id: session.id,
                    user_id: session.user_id,
                    email: session.email.clone(),
                    membership: session.membership.clone(),
                }),
                valid_until: Some(ends),
                origins: None,
                rate: None,
            },
            session,
        })
    }

    /// Notes that a sign-in is in use, once a minute at most.
    pub(crate) async fn note_session(
        &self,
        signed_in: &SignedIn,
        peer: Option<IpAddr>,
    ) -> Result<(), store::Error> {
        let now = self.clock.now();
        if now.millis_since(signed_in.session.last_seen_at) < NOTE_EVERY_MS {
            return Ok(());
        }
        let ip = peer.map(|peer| peer.to_string());
        let id = signed_in.session.id;
        self.store.touch_console_session(id, now, ip).await
    }
}

fn ends_at(session: &ConsoleSessionCheck) -> Timestamp {
    let idle = session.last_seen_at.plus_millis(IDLE_MS);
    idle.min(session.expires_at)
}
