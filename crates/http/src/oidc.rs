//! Signing in at somebody else's service, as far as HTTP knows of it: the cookie that binds both
//! requests to one browser, and what goes wrong.
//!
//! The service sends the browser back by a top-level `GET`, which carries `SameSite=Lax` cookies.

use auth::{OidcError, OidcFlow, PlainToken};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use model::{Principal, UserId};
use wire::ErrorCode;

use crate::api_error::ApiError;
use crate::console::SessionCookie;
use crate::extract::authenticated;
use crate::manage::path_of;
use crate::state::AppState;

/// What the cookie is for.
const FLOW: &str = "oidc";
/// Seconds that a browser keeps it. The server counts for itself.
const MAX_AGE: u32 = 10 * 60;

type Headers<const N: usize> = AppendHeaders<[(HeaderName, HeaderValue); N]>;

/// The service of the path, and where it sends the browser back to.
#[derive(Debug, Clone)]
pub(crate) struct OidcPath {
    /// The service's id.
    pub(crate) id: String,
    /// This server's origin, as configured: never what a request says.
    pub(crate) own: String,
    /// The callback's URL.
    pub(crate) back: String,
}

impl FromRequestParts<AppState> for OidcPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let id: String = path_of(parts, state).await?;
        let own = state.config.own_origins.first();
        let own = own.ok_or(OidcError::NotFound)?.to_string();
        Ok(Self {
            back: format!("{own}/api/v1/auth/oidc/{id}/callback"),
            own,
            id,
        })
    }
}

/// The sign-in that this browser has begun. A cookie that is there twice counts for nothing.
#[derive(Debug, Clone)]
pub(crate) struct BegunFlow(pub(crate) Option<OidcFlow>);

impl FromRequestParts<AppState> for BegunFlow {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let flow = match state.cookie.value(&parts.headers, FLOW) {
            [Some(value), None] => OidcFlow::read(value, state.clock.now()),
            [None, _] | [Some(_), Some(_)] => None,
        };
        Ok(Self(flow))
    }
}

/// Who has signed in to this browser already, if anybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlreadySignedIn(pub(crate) Option<UserId>);

impl FromRequestParts<AppState> for AlreadySignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self(match authenticated(parts, state).await {
            Ok(Principal::Console(person)) => Some(person.user_id),
            Ok(Principal::ApiKey(_) | Principal::EndUser(_)) | Err(_) => None,
        }))
    }
}

/// Lets the browser keep what was begun.
pub(crate) fn keep_flow(state: &AppState, flow: &OidcFlow) -> Headers<2> {
    flow_header(state.cookie, &flow.expose_cookie(), MAX_AGE)
}

/// Takes it away.
pub(crate) fn forget_flow(state: &AppState) -> Headers<2> {
    flow_header(state.cookie, "", 0)
}

fn flow_header(cookie: SessionCookie, value: &str, max_age: u32) -> Headers<2> {
    AppendHeaders([
        (header::SET_COOKIE, cookie.line(FLOW, value, max_age)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ])
}

impl SessionCookie {
    /// Gives a browser the cookie of a sign-in beside another.
    pub(crate) fn append(self, token: &PlainToken) -> Headers<1> {
        let [cookie, _] = self.set(token);
        AppendHeaders([cookie])
    }
}

/// Sends a browser to another page. What has become of the URL before stays here.
pub(crate) fn redirect(url: &str) -> Response {
    match HeaderValue::try_from(url) {
        Ok(place) => (
            StatusCode::FOUND,
            [
                (header::LOCATION, place),
                (
                    header::REFERRER_POLICY,
                    HeaderValue::from_static("no-referrer"),
                ),
            ],
        )
            .into_response(),
        Err(error) => ApiError::internal("redirect a browser", &error).into_response(),
    }
}

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        let told = &error as &dyn std::error::Error;
        match &error {
            OidcError::NotFound => Self::not_found("Sign-in service"),
            OidcError::Unavailable(_) => {
                tracing::warn!(error = told, "a sign-in service does not work");
                Self::new(
                    ErrorCode::ServiceUnavailable,
                    "The sign-in service does not answer",
                )
            }
            OidcError::LeftAlone => Self::new(
                ErrorCode::ServiceUnavailable,
                "The sign-in service does not answer",
            ),
            OidcError::Refused(_) => {
                tracing::info!(error = told, "a sign-in at a service is refused");
                Self::new(
                    ErrorCode::InvalidCredentials,
                    "The sign-in did not succeed: begin it again",
                )
            }
            OidcError::Unverified => Self::new(
                ErrorCode::Forbidden,
                "The sign-in service has not verified this e-mail address",
            ),
            OidcError::Domain => Self::new(
                ErrorCode::Forbidden,
                "E-mail addresses of this host may not sign in",
            ),
        }
    }
}
