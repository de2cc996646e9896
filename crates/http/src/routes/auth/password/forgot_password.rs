//! `POST /api/v1/auth/password/forgot`.

use axum::extract::Request;
use axum::response::Response;
use wire::{Empty, Failure, ForgotPasswordRequest, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES};

/// Ask for a new password. The answer is the same whether anybody has the address or not.
///
/// This server sends no mail: it tells its operator, who hands out a link.
#[utoipa::path(
    post, path = "/api/v1/auth/password/forgot", tag = "people",
    request_body = ForgotPasswordRequest,
    responses((status = 200, body = Success<Empty>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn forgot_password(_: FromHere, request: Request) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let email = fields.text("email")?;
    email.ok_or_else(|| ApiError::invalid("`email` is required"))?;
    tracing::info!("somebody asks for a new password: `sigmic admin reset-password` makes a link");
    Ok(success(Empty {}))
}
