//! `GET /api/v1/auth/oidc/{provider}/callback`.

use auth::{NewSignIn, OidcAnswer, OidcFlow};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::UserId;
use wire::Failure;

use crate::api_error::ApiError;
use crate::console::Browser;
use crate::oidc::{AlreadySignedIn, BegunFlow, OidcPath, forget_flow, redirect};
use crate::query::Parameters;
use crate::state::AppState;

/// Where the service sends the browser back to: signs in and opens the console.
#[utoipa::path(
    get, path = "/api/v1/auth/oidc/{provider}/callback", tag = "people",
    params(
        ("provider" = String, Path, description = "`id` of the service"),
        ("code" = Option<String>, Query, description = "From the service"),
        ("state" = Option<String>, Query, description = "From the service"),
        ("iss" = Option<String>, Query, description = "From the service"),
    ),
    responses((status = 302, description = "To the console; sets the session cookie"), (status = "4XX", body = Failure), (status = 503, body = Failure)),
)]
pub(crate) async fn finish_oidc_sign_in(
    path: OidcPath,
    AlreadySignedIn(signed_in): AlreadySignedIn,
    BegunFlow(flow): BegunFlow,
    browser: Browser,
    query: Parameters,
    State(state): State<AppState>,
) -> Response {
    // Whatever comes of it, what was begun is over.
    let forget = forget_flow(&state);
    match finish(&state, &path, (signed_in, flow), browser, &query).await {
        Ok(made) => {
            let home = format!("{}/", path.own);
            (forget, state.cookie.append(&made.token), redirect(&home)).into_response()
        }
        Err(error) => (forget, error).into_response(),
    }
}

async fn finish(
    state: &AppState,
    path: &OidcPath,
    (signed_in, flow): (Option<UserId>, Option<OidcFlow>),
    Browser(device): Browser,
    query: &Parameters,
) -> Result<NewSignIn, ApiError> {
    let answer = OidcAnswer {
        code: query.get("code"),
        state: query.get("state"),
        issuer: query.get("iss"),
    };
    let finished = state.oidc.finish(&path.id, &path.back, flow, answer);
    let vouched = finished.await?;
    let made = state.sign_ins.sign_in_with(vouched, signed_in, device);
    Ok(made.await?)
}
