//! Every documented error code, with its HTTP status and default message, in one table.

/// The `code` of an error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// No credential in the headers.
    AuthRequired,
    /// The API key is unknown, malformed, expired, disabled or revoked.
    InvalidApiKey,
    /// The credential's form is not recognised, or there is more than one.
    InvalidAuthFormat,
    /// The token is invalid or expired.
    InvalidToken,
    /// The server signs no tokens.
    JwtNotConfigured,
    /// The page is not among those that may use the token.
    OriginNotAllowed,
    /// An exchange names no app or no secret.
    MissingCredentials,
    /// An exchange names no end user.
    MissingEndUserId,
    /// The app's credentials are wrong.
    InvalidCredentials,
    /// A token's life time is wrong.
    InvalidExpiresIn,
    /// The credential does not allow this.
    Forbidden,
    /// There is no such thing, or it is not yours.
    NotFound,
    /// A field of the request is wrong.
    ValidationError,
    /// A name or value in `env` or `secrets` is wrong.
    InvalidEnv,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The task has an open run.
    TaskBusy,
    /// The task has already ended.
    TaskNotCancellable,
    /// The call was already decided.
    ToolCallNotPending,
    /// The request contradicts an earlier one.
    Conflict,
    /// The body is too large.
    PayloadTooLarge,
    /// The body's type is not served here.
    UnsupportedMediaType,
    /// Too many requests.
    RateLimited,
    /// The organization's cap is reached.
    QuotaExceeded,
    /// Anything unexpected.
    InternalError,
    /// The server is stopping or has no room.
    ServiceUnavailable,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 25] = [
        Self::AuthRequired,
        Self::InvalidApiKey,
        Self::InvalidAuthFormat,
        Self::InvalidToken,
        Self::JwtNotConfigured,
        Self::OriginNotAllowed,
        Self::MissingCredentials,
        Self::MissingEndUserId,
        Self::InvalidCredentials,
        Self::InvalidExpiresIn,
        Self::Forbidden,
        Self::NotFound,
        Self::ValidationError,
        Self::InvalidEnv,
        Self::MethodNotAllowed,
        Self::TaskBusy,
        Self::TaskNotCancellable,
        Self::ToolCallNotPending,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::InternalError,
        Self::ServiceUnavailable,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().1
    }

    /// What to say when nothing more precise is known.
    pub fn default_message(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::AuthRequired => ("AUTH_REQUIRED", 401, "Authentication required"),
            Self::InvalidApiKey => ("INVALID_API_KEY", 401, "Invalid API key"),
            Self::InvalidAuthFormat => {
                ("INVALID_AUTH_FORMAT", 401, "Unrecognized credential format")
            }
            Self::InvalidToken => ("INVALID_TOKEN", 401, "Invalid or expired token"),
            Self::JwtNotConfigured => {
                ("JWT_NOT_CONFIGURED", 501, "Token signing is not configured")
            }
            Self::OriginNotAllowed => (
                "ORIGIN_NOT_ALLOWED",
                403,
                "Requests from this origin are not allowed",
            ),
            Self::MissingCredentials => (
                "MISSING_CREDENTIALS",
                400,
                "`appId` and `appSecret` are required",
            ),
            Self::MissingEndUserId => ("MISSING_END_USER_ID", 400, "`endUserId` is required"),
            Self::InvalidCredentials => ("INVALID_CREDENTIALS", 401, "Invalid app credentials"),
            Self::InvalidExpiresIn => ("INVALID_EXPIRES_IN", 400, "Invalid `expiresIn`"),
            Self::Forbidden => ("FORBIDDEN", 403, "This credential does not allow that"),
            Self::NotFound => ("NOT_FOUND", 404, "Not found"),
            Self::ValidationError => ("VALIDATION_ERROR", 400, "Invalid request"),
            Self::InvalidEnv => ("INVALID_ENV", 400, "Invalid environment variable"),
            Self::MethodNotAllowed => ("METHOD_NOT_ALLOWED", 405, "Method not allowed"),
            Self::TaskBusy => (
                "TASK_BUSY",
                409,
                "The task is still working on the previous message",
            ),
            Self::TaskNotCancellable => ("TASK_NOT_CANCELLABLE", 409, "The task has already ended"),
            Self::ToolCallNotPending => (
                "TOOL_CALL_NOT_PENDING",
                409,
                "The tool call was already decided",
            ),
            Self::Conflict => ("CONFLICT", 409, "The request contradicts an earlier one"),
            Self::PayloadTooLarge => ("PAYLOAD_TOO_LARGE", 413, "The request body is too large"),
            Self::UnsupportedMediaType => (
                "UNSUPPORTED_MEDIA_TYPE",
                415,
                "The request body's content type is not supported",
            ),
            Self::RateLimited => ("RATE_LIMITED", 429, "Too many requests"),
            Self::QuotaExceeded => ("QUOTA_EXCEEDED", 402, "The organization's quota is used up"),
            Self::InternalError => ("INTERNAL_ERROR", 500, "Internal error"),
            Self::ServiceUnavailable => (
                "SERVICE_UNAVAILABLE",
                503,
                "The server cannot take this request now",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_statuses_are_errors() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!((400..=599).contains(&code.status()), "{code:?}");
            assert!(!code.default_message().is_empty());
        }
    }
}
