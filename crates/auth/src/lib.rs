//! Who is asking. This crate forbids a direction: credentials are read, checked and made here
//! without knowing HTTP, so that the rules can be tested word for word.
//!
//! - [`read_credential`]: what the headers of a request say, a pure function;
//! - [`PlainKey`] and [`KeyHasher`]: an API key as its owner holds it, and as it is kept;
//! - [`SigningKeys`] and [`TokenExchange`]: widget tokens, from a customer's app credentials;
//! - [`Passwords`] and [`SignIns`]: people, how they sign in, and what their cookie stands for
//!   ([`PlainToken`]);
//! - [`OidcProviders`]: people whom a sign-in service of somebody else's vouches for;
//! - [`OriginPattern`] and [`OriginRules`]: which pages may use them;
//! - [`RateLimits`]: how often somebody may ask;
//! - [`find_leaks`]: keys that lie where they should not;
//! - [`Authenticator`]: from a credential to a [`model::Principal`], read from the database on
//!   each request, so that a revocation counts from the next one on;
//! - [`CredentialWatch`]: when a credential that is still in use ceases to work;
//! - [`check_master_key`]: refuses to start with a master key that is not the database's;
//!   [`change_master_key`]: puts another one in its place.

mod app_secret;
mod authenticator;
mod checked;
mod console;
mod credential;
mod exchange;
mod hasher;
mod key;
mod last_used;
mod leak;
mod limits;
mod master_rotation;
mod oidc;
mod origin;
mod password;
mod plain_token;
mod refusals;
mod second_factor;
mod sign_in;
mod sign_in_error;
mod signing;
mod token;
mod verify;
mod watch;

pub use app_secret::PlainAppSecret;
pub use authenticator::{AuthError, Authenticated, Authenticator};
pub use credential::{Credential, CredentialError, read_credential};
pub use exchange::{
    EndUserName, EndUserNameError, Exchange, ExchangeError, InvalidLifetime, IssuedToken,
    TokenExchange, TokenLifetime,
};
pub use hasher::{KeyHasher, SetupError, check_master_key};
pub use key::{MalformedKey, PlainKey};
pub use leak::{Leak, LeakKind, find_leaks};
pub use limits::{Attempt, RateError, RateLimits, RateLimitsConfig, Standing};
pub use master_rotation::{Rotated, RotationError, change_master_key};
pub use oidc::{
    OidcAnswer, OidcConfig, OidcConfigError, OidcError, OidcFlow, OidcProviders, Vouched,
};
pub use origin::{Origin, OriginError, OriginPattern, OriginRules, RequestOrigin};
pub use password::{PasswordError, Passwords, WeakPassword};
pub use plain_token::PlainToken;
pub use second_factor::{Entry, SecondFactorState, second_factor_vault};
pub use sign_in::{Device, NewSignIn, Profile, SignIns};
pub use sign_in_error::SignInError;
pub use signing::{SigningError, SigningKeyInfo, SigningKeys};
pub use store::{ConsoleSession, OwnOrganization, User};
pub use vault::Secret;
pub use watch::CredentialWatch;
