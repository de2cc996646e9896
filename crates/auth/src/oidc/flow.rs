//! What binds the two requests of a sign-in to one browser.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Random, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::PlainToken;

/// Milliseconds that somebody has to sign in at the service: ten minutes.
const LIFETIME_MS: i64 = 10 * 60 * 1_000;

/// A sign-in that has begun, as its browser's cookie holds it. State, nonce and verifier are
/// hashes of it: who sees the URLs of the flow cannot make the cookie, and who cannot make the
/// cookie cannot finish the flow.
#[derive(Debug, Clone)]
pub struct OidcFlow {
    token: PlainToken,
    begun_at: Timestamp,
}

impl OidcFlow {
    /// Begins one.
    pub fn begin(random: &dyn Random, now: Timestamp) -> Self {
        Self {
            token: PlainToken::mint(random),
            begun_at: now,
        }
    }

    /// The cookie's value.
    pub fn expose_cookie(&self) -> String {
        let begun = self.begun_at.as_millis();
        format!("{}.{begun}", self.token.expose_token())
    }

    /// Reads the cookie; `None` when it is none or too old. When it began is part of what the
    /// state is made of: another time does not fit the state that was handed out.
    pub fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (token, begun) = cookie.split_once('.')?;
        let begun_at = Timestamp::from_millis(begun.parse().ok()?);
        let flow = Self {
            token: PlainToken::parse(token)?,
            begun_at,
        };
        let age = now.millis_since(begun_at);
        (flow.expose_cookie() == cookie && (0..LIFETIME_MS).contains(&age)).then_some(flow)
    }

    /// What the service sends back with the browser.
    pub(super) fn state(&self, provider: &str) -> String {
        self.derived("state", provider)
    }

    /// Whether that came back.
    pub(super) fn is_state(&self, provider: &str, state: &str) -> bool {
        let wanted = self.state(provider);
        wanted.as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// What the service puts into the ID token.
    pub(super) fn nonce(&self, provider: &str) -> String {
        self.derived("nonce", provider)
    }

    /// What shows the service that whoever redeems the code has begun the flow.
    pub(super) fn verifier(&self, provider: &str) -> String {
        self.derived("verifier", provider)
    }

    fn derived(&self, label: &str, provider: &str) -> String {
        let text = format!("sigmic oidc\n{label}\n{provider}\n{}", self.expose_cookie());
        URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;

    #[test]
    fn a_flow_lives_ten_minutes_and_its_time_is_bound() {
        let begun = Timestamp::from_millis(1_000_000);
        let flow = OidcFlow::begin(&OsRandom, begun);
        let cookie = flow.expose_cookie();
        let state = flow.state("work");
        let read = OidcFlow::read(&cookie, begun.plus_millis(LIFETIME_MS - 1)).unwrap();
        assert!(read.is_state("work", &state));
        assert!(!read.is_state("other", &state));
        assert!(!read.is_state("work", &flow.nonce("work")));
        assert!(!read.is_state("work", ""));
        assert!(OidcFlow::read(&cookie, begun.plus_millis(LIFETIME_MS)).is_none());
        assert!(OidcFlow::read(&cookie, begun.plus_millis(-1)).is_none());
        let later = begun.plus_millis(LIFETIME_MS);
        let token = cookie.split_once('.').unwrap().0;
        let younger = format!("{token}.{}", later.as_millis());
        let read = OidcFlow::read(&younger, later).unwrap();
        assert!(!read.is_state("work", &state), "the time is part of it");
        for wrong in ["", ".", token, &format!("{token}.+1000000"), "a.1000000"] {
            assert!(OidcFlow::read(wrong, begun).is_none(), "{wrong}");
        }
    }
}
