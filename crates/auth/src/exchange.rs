//! From a widget app's credentials to a token for one of its end users, in two steps: first who is
//! asking and for whom, then (with the end user's variables sealed meanwhile) the token.

use std::sync::Arc;

use model::{
    AppId, Clock, EndUserId, OrganizationId, Random, Timestamp, WidgetAppId, WidgetSessionId,
};
use store::{EndUserStatus, NewWidgetSession, Store, TenantStatus, WidgetApp, WidgetAppCheck};
use subtle::ConstantTimeEq as _;
use vault::Secret;

use crate::token::{Claims, Subject};
use crate::{KeyHasher, PlainAppSecret, SigningKeys};

/// Characters of an end user's name at most.
const MAX_NAME_CHARS: usize = 256;
/// Seconds that a token lives at least and at most.
const SECONDS: std::ops::RangeInclusive<i64> = 60..=30 * 24 * 60 * 60;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// This server signs no tokens.
    #[error("the server has no token signing configured")]
    NotConfigured,
    /// There is no such app, the secret is not its own, or it is not in use: one answer.
    #[error("invalid app credentials")]
    InvalidCredentials,
    /// The app's owner refuses this end user.
    #[error("the end user is blocked")]
    Blocked,
    /// The database failed.
    #[error("exchange app credentials for a token")]
    Store(#[from] store::Error),
}

/// What a customer calls an end user: 1 to 256 characters, blanks around it taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndUserName(String);

/// Why a text is no end user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndUserNameError {
    /// It is blank.
    #[error("`endUserId` is required")]
    Missing,
    /// It has more than 256 characters.
    #[error("`endUserId` has more than 256 characters")]
    TooLong,
}

impl EndUserName {
    /// Reads a name.
    ///
    /// # Errors
    /// See [`EndUserNameError`].
    pub fn parse(text: &str) -> Result<Self, EndUserNameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EndUserNameError::Missing);
        }
        if text.chars().count() > MAX_NAME_CHARS {
            return Err(EndUserNameError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetime(i64);

/// A text that is no life time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`expiresIn` is a number and one of s, m, h, d such as `30m`: from one minute to 30 days")]
pub struct InvalidLifetime;

impl Default for TokenLifetime {
    /// One hour.
    fn default() -> Self {
        Self(3_600)
    }
}

impl TokenLifetime {
    /// Reads `<integer><unit>`.
    ///
    /// # Errors
    /// [`InvalidLifetime`] for anything else, and for less than a minute or more than 30 days.
    pub fn parse(text: &str) -> Result<Self, InvalidLifetime> {
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3_600,
            Some(b'd') => 86_400,
            Some(_) | None => return Err(InvalidLifetime),
        };
        let digits = &text[..text.len() - 1];
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = digits
            .parse()
            .ok()
            .filter(|_| plain)
            .ok_or(InvalidLifetime)?;
        let seconds = number.checked_mul(unit).ok_or(InvalidLifetime)?;
        if SECONDS.contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(InvalidLifetime)
        }
    }
}

/// Whose token is asked for, after the app's credentials were checked.
#[derive(Debug, Clone)]
pub struct Exchange {
    app: WidgetApp,
    end_user_id: EndUserId,
}

impl Exchange {
    /// The organization that the end user's variables are sealed for.
    pub fn organization_id(&self) -> OrganizationId {
        self.app.organization_id
    }

    /// The app.
    pub fn widget_app_id(&self) -> WidgetAppId {
        self.app.id
    }

    /// This server's name of the end user.
    pub fn end_user_id(&self) -> EndUserId {
        self.end_user_id
    }
}

/// A token that was made, to be shown this once.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// The token.
    pub token: Secret,
    /// From when on it does not work.
    pub expires_at: Timestamp,
}

/// Exchanges app credentials for tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TokenExchange {
    store: Store,
    hasher: KeyHasher,
    keys: Option<Arc<SigningKeys>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl TokenExchange {
    /// Works on this store; without keys every exchange is refused.
    pub fn new(
        store: Store,
        hasher: KeyHasher,
        keys: Option<Arc<SigningKeys>>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            store,
            hasher,
            keys,
            clock,
            random,
        }
    }

    /// Checks an app's credentials and finds its end user.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn begin(
        &self,
        app_id: &str,
        app_secret: &str,
        end_user: &EndUserName,
    ) -> Result<Exchange, ExchangeError> {
        if self.keys.is_none() {
            return Err(ExchangeError::NotConfigured);
        }
        let app = self.check(app_id, app_secret).await?;
        let new_id = EndUserId::generate(&*self.random);
        let name = end_user.as_str().to_owned();
        let user = self
            .store
            .find_or_insert_end_user(app.id, name, new_id, self.clock.now())
            .await?;
        match user.status {
            EndUserStatus::Active => Ok(Exchange {
                app,
                end_user_id: user.id,
            }),
            EndUserStatus::Blocked => Err(ExchangeError::Blocked),
        }
    }

    async fn check(&self, app_id: &str, app_secret: &str) -> Result<WidgetApp, ExchangeError> {
        let invalid = || ExchangeError::InvalidCredentials;
        let app_id: AppId = app_id.parse().map_err(|_| invalid())?;
        let secret = PlainAppSecret::parse(app_secret).ok_or_else(invalid)?;
        let found = self.store.unscoped_find_widget_app_by_app_id(app_id);
        let found = found.await?.ok_or_else(invalid)?;
        if self.is_secret_of(&found, &secret) && is_in_use(&found) {
            Ok(found.app)
        } else {
            Err(invalid())
        }
    }

    fn is_secret_of(&self, found: &WidgetAppCheck, secret: &PlainAppSecret) -> bool {
        let given = self.hasher.hash_app_secret(secret);
        let now = self.clock.now();
        let live = found
            .secrets
            .iter()
            .filter(|kept| kept.expires_at.is_none_or(|end| end > now));
        live.filter(|kept| kept.hash.algorithm == given.algorithm)
            .any(|kept| bool::from(kept.hash.bytes.ct_eq(&given.bytes)))
    }

    /// Makes the token. `variables` replace the end user's, sealed for their id.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn issue(
        &self,
        exchange: Exchange,
        lifetime: TokenLifetime,
        variables: Option<Vec<u8>>,
    ) -> Result<IssuedToken, ExchangeError> {
        let keys = self.keys.as_ref().ok_or(ExchangeError::NotConfigured)?;
        let now = self.clock.now();
        let session_id = WidgetSessionId::generate(&*self.random);
        let subject = Subject {
            end_user_id: exchange.end_user_id,
            session_id,
            organization_id: exchange.app.organization_id,
            project_id: exchange.app.project_id,
            app_id: exchange.app.app_id,
        };
        let claims = Claims::new(keys.issuer(), subject, now, lifetime.0);
        let expires_at = claims.expires_at();
        let signed = keys.sign_with(|key| (key.kid.clone(), key.sign(&claims)));
        let (kid, token) = signed.await?.ok_or(ExchangeError::NotConfigured)?;
        let kept = self.store.insert_widget_session(NewWidgetSession {
            id: session_id,
            end_user_id: exchange.end_user_id,
            widget_app_id: exchange.app.id,
            kid,
            created_at: now,
            expires_at,
            variables,
        });
        match kept.await {
            Ok(()) => Ok(IssuedToken { token, expires_at }),
            Err(store::Error::NotFound) => Err(ExchangeError::Blocked),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_in_use(found: &WidgetAppCheck) -> bool {
    [
        found.app.status,
        found.organization_status,
        found.project_status,
    ]
    .iter()
    .all(|status| *status == TenantStatus::Active)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_time_has_one_form() {
        for (text, seconds) in [
            ("1h", 3_600),
            ("30m", 1_800),
            ("7d", 604_800),
            ("60s", 60),
            ("30d", 2_592_000),
            ("001h", 3_600),
        ] {
            assert_eq!(TokenLifetime::parse(text), Ok(TokenLifetime(seconds)));
        }
        for wrong in [
            "",
            "h",
            "1",
            "soon",
            "0h",
            "-1h",
            "+1h",
            "1y",
            "1 h",
            " 1h",
            "1h ",
            "1.5h",
            "59s",
            "31d",
            "1H",
            "1hm",
            "99999999999999999999d",
            "9223372036854775807d",
            "\u{661}h",
            "1\u{e9}",
        ] {
            assert_eq!(TokenLifetime::parse(wrong), Err(InvalidLifetime), "{wrong}");
        }
        assert_eq!(TokenLifetime::default(), TokenLifetime(3_600));
    }

    #[test]
    fn an_end_users_name_is_no_blank() {
        assert_eq!(EndUserName::parse(" u1 ").unwrap().as_str(), "u1");
        assert_eq!(EndUserName::parse(" \t"), Err(EndUserNameError::Missing));
        assert!(EndUserName::parse(&"é".repeat(256)).is_ok());
        let long = EndUserName::parse(&"x".repeat(257));
        assert_eq!(long, Err(EndUserNameError::TooLong));
    }
}
