//! From what went wrong inside to what the caller is told. Outward and inward text are apart: a
//! 5xx body is constant, its cause goes to the log together with the request id.

use auth::{AuthError, Standing};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tasks::InputError;
use wire::{ErrorCode, Failure};

use crate::limits::tell_refused;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: String,
    challenge: Option<&'static str>,
    standing: Option<Standing>,
}

/// The `code` of an answer, for the log line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnsweredCode(pub(crate) ErrorCode);

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            challenge: None,
            standing: None,
        }
    }

    /// What it answers.
    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    /// A limit is reached.
    pub(crate) fn limited(standing: Standing) -> Self {
        Self {
            standing: Some(standing),
            ..ErrorCode::RateLimited.into()
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationError, message)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("{what} not found"))
    }

    /// Something that is not the caller's doing: logged here, told as a constant.
    pub(crate) fn internal(attempted: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, attempted, "a request failed");
        ErrorCode::InternalError.into()
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.default_message())
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let (code, challenge) = match error {
            AuthError::Required => (ErrorCode::AuthRequired, r#"Bearer realm="sigmic""#),
            AuthError::InvalidFormat => (
                ErrorCode::InvalidAuthFormat,
                r#"Bearer realm="sigmic", error="invalid_request""#,
            ),
            AuthError::InvalidApiKey => (
                ErrorCode::InvalidApiKey,
                r#"Bearer realm="sigmic", error="invalid_token""#,
            ),
            AuthError::JwtNotConfigured => return ErrorCode::JwtNotConfigured.into(),
            AuthError::InvalidToken(_) => (
                ErrorCode::InvalidToken,
                r#"Bearer realm="sigmic", error="invalid_token""#,
            ),
            AuthError::Unavailable(error) => return Self::internal("authenticate", &error),
        };
        Self {
            challenge: Some(challenge),
            ..code.into()
        }
    }
}

impl From<InputError> for ApiError {
    fn from(error: InputError) -> Self {
        let code = match &error {
            InputError::Field(_) => ErrorCode::ValidationError,
            InputError::Variable(_) => ErrorCode::InvalidEnv,
        };
        Self::new(code, error.to_string())
    }
}

impl From<tasks::Error> for ApiError {
    fn from(error: tasks::Error) -> Self {
        match error {
            tasks::Error::Input(error) => error.into(),
            tasks::Error::NotFound(what) => Self::not_found(what),
            tasks::Error::Busy => ErrorCode::TaskBusy.into(),
            tasks::Error::NotCancellable => ErrorCode::TaskNotCancellable.into(),
            tasks::Error::NotPending => ErrorCode::ToolCallNotPending.into(),
            tasks::Error::IdempotencyConflict => Self::new(
                ErrorCode::Conflict,
                "The Idempotency-Key is in use by another request, or was used for a different one",
            ),
            tasks::Error::QuotaExceeded => ErrorCode::QuotaExceeded.into(),
            tasks::Error::Stopping => ErrorCode::ServiceUnavailable.into(),
            tasks::Error::Sealed => Self::internal("open an end user's variables", &error),
            tasks::Error::Disk(error) => Self::internal("use the files of a task", &error),
            tasks::Error::Store(error) => Self::internal("act on a task", &error),
        }
    }
}

impl From<model::Forbidden> for ApiError {
    fn from(_: model::Forbidden) -> Self {
        ErrorCode::Forbidden.into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, json(&Failure::new(self.code, self.message))).into_response();
        response.extensions_mut().insert(AnsweredCode(self.code));
        let headers = response.headers_mut();
        if let Some(standing) = &self.standing {
            tell_refused(headers, standing);
        }
        if let Some(challenge) = self.challenge {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }
}

/// A JSON body with the content type of every envelope.
pub(crate) fn json<T: serde::Serialize>(body: &T) -> impl IntoResponse + use<T> {
    let bytes =
        serde_json::to_vec(body).expect("wire types hold only strings, numbers and JSON values");
    (
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        )],
        bytes,
    )
}

/// A success.
pub(crate) fn success<T: serde::Serialize>(data: T) -> Response {
    json(&wire::Success::new(data)).into_response()
}
