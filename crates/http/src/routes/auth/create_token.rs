//! `POST /api/v1/auth/token`.

use std::net::IpAddr;

use auth::{EndUserName, EndUserNameError, ExchangeError, TokenLifetime};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tasks::{EndUserVariables, Env, Secrets};
use wire::{ErrorCode, Failure, Token, TokenRequest, TokenResponse};

use crate::api_error::{ApiError, json};
use crate::body::Fields;
use crate::extract::peer_of;
use crate::state::AppState;

/// Bytes of a body at most: anybody may send one. Room for `env` and `secrets` at their limits.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Exchange a widget app's credentials for a token of one of its end users.
///
/// Called by your backend, never by a page: the secret must not reach a browser, and no page may
/// read the answer.
#[utoipa::path(
    post, path = "/api/v1/auth/token", tag = "auth",
    request_body = TokenRequest,
    responses((status = 200, body = TokenResponse), (status = "4XX", body = Failure), (status = 501, body = Failure)),
)]
pub(crate) async fn create_token(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let peer = peer_of(request.extensions());
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let wanted = Wanted::read(&fields)?;
    let begun = state
        .exchange
        .begin(&wanted.app_id, &wanted.app_secret, &wanted.end_user)
        .await;
    let exchange = begun.map_err(|error| refused(&state, peer, &wanted.app_id, error))?;
    state.limits.admit_exchange(&exchange).await?;
    let variables = state.tasks.seal_variables(
        exchange.organization_id(),
        exchange.end_user_id(),
        &wanted.variables,
    );
    let issued = state
        .exchange
        .issue(exchange, wanted.lifetime, variables.await?);
    let issued = issued.await?;
    let body = TokenResponse::new(Token {
        token: issued.token.expose_secret().to_owned(),
        expires_at: issued.expires_at.to_string(),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], json(&body)).into_response())
}

/// From a refused exchange to the answer. Credentials that were guessed at count against where they
/// came from, and against their app.
fn refused(state: &AppState, peer: Option<IpAddr>, app_id: &str, error: ExchangeError) -> ApiError {
    match error {
        ExchangeError::InvalidCredentials => match state.limits.refused_exchange(peer, app_id) {
            Ok(()) => error.into(),
            Err(standing) => ApiError::limited(standing),
        },
        ExchangeError::NotConfigured | ExchangeError::Blocked | ExchangeError::Store(_) => {
            error.into()
        }
    }
}

/// What is asked for, checked in the documented order.
struct Wanted {
    app_id: String,
    app_secret: String,
    end_user: EndUserName,
    lifetime: TokenLifetime,
    variables: EndUserVariables,
}

impl Wanted {
    fn read(fields: &Fields) -> Result<Self, ApiError> {
        let credential = |name| {
            let text = fields.text(name).ok().flatten();
            text.filter(|text| !text.is_empty())
                .ok_or(ErrorCode::MissingCredentials)
        };
        let app_id = credential("appId")?;
        let app_secret = credential("appSecret")?;
        let name = fields.text("endUserId").ok().flatten();
        let end_user = match EndUserName::parse(&name.unwrap_or_default()) {
            Ok(name) => name,
            Err(EndUserNameError::Missing) => return Err(ErrorCode::MissingEndUserId.into()),
            Err(error @ EndUserNameError::TooLong) => {
                return Err(ApiError::invalid(error.to_string()));
            }
        };
        Ok(Self {
            app_id,
            app_secret,
            end_user,
            lifetime: lifetime(fields)?,
            variables: EndUserVariables {
                env: fields
                    .value("env")
                    .map(Env::parse)
                    .transpose()?
                    .unwrap_or_default(),
                secrets: fields
                    .value("secrets")
                    .map(Secrets::parse)
                    .transpose()?
                    .unwrap_or_default(),
            },
        })
    }
}

fn lifetime(fields: &Fields) -> Result<TokenLifetime, ApiError> {
    let wrong = |error: auth::InvalidLifetime| {
        ApiError::new(ErrorCode::InvalidExpiresIn, error.to_string())
    };
    match fields.value("expiresIn") {
        None => Ok(TokenLifetime::default()),
        Some(value) => TokenLifetime::parse(value.as_str().unwrap_or_default()).map_err(wrong),
    }
}

impl From<ExchangeError> for ApiError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::NotConfigured => ErrorCode::JwtNotConfigured.into(),
            ExchangeError::InvalidCredentials => ErrorCode::InvalidCredentials.into(),
            ExchangeError::Blocked => {
                Self::new(ErrorCode::Forbidden, "This end user may not get tokens")
            }
            ExchangeError::Store(error) => Self::internal("exchange app credentials", &error),
        }
    }
}
