//! All routes, in one place, with the middleware in the order in which a request passes it.

use std::convert::Infallible;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use tower::{Service, ServiceExt};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};
use wire::ErrorCode;

use crate::api_error::ApiError;
use crate::cors::cross_origin;
use crate::extract::Peer;
use crate::forwarded::client;
use crate::guard;
use crate::limits::tell_standing;
use crate::middleware::{log_refusal, log_request};
use crate::routes;
use crate::state::{AppState, HttpParts};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sigmic Task Execution API",
        description = "Post a message; an agent works on it in its own sandbox and streams what it does.",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags((name = "auth", description = "Get tokens for end users"), (name = "people", description = "Sign in at the console, and the caller's own profile"), (name = "settings", description = "Manage projects, API keys and widget apps"), (name = "tasks", description = "Run tasks and follow them"), (name = "health", description = "Whether the server works")),
    modifiers(&Credentials),
)]
struct Document;

/// The two headers that carry a credential, and the console's cookie.
struct Credentials;

impl utoipa::Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
        components.add_security_scheme(
            "apiKey",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
        components.add_security_scheme(
            "cookie",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-sigmic_session"))),
        );
    }
}

fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(routes::all())
}

/// The OpenAPI 3.1 document of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

/// The whole application as one service: guard, log line, routes.
pub fn router(
    parts: HttpParts,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    let state = AppState::new(parts);
    let (routes, document) = documented().split_for_parts();
    let routes: Router = routes
        .merge(api_page(document))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(tell_standing))
        .layer(from_fn(cross_origin))
        .layer(from_fn_with_state(state.clone(), log_request))
        .with_state(state.clone());
    tower::service_fn(move |request: Request| {
        let (routes, state) = (routes.clone(), state.clone());
        async move {
            let (method, started) = (request.method().clone(), Instant::now());
            match guard::check(request) {
                Ok(mut request) => {
                    if let Some(Peer(peer)) = request.extensions().get().copied() {
                        let trusted = &state.config.trusted_proxies;
                        let client = client(peer, request.headers(), trusted);
                        request.extensions_mut().insert(Peer(client));
                    }
                    routes.oneshot(request).await
                }
                Err(refusal) => Ok(log_refusal(&state, &method, started, *refusal)),
            }
        }
    })
}

/// The document as a page. It asks nobody to validate it: no page loads anything from outside.
fn api_page(document: utoipa::openapi::OpenApi) -> SwaggerUi {
    let page = SwaggerUi::new("/docs").url("/openapi.json", document);
    page.config(Config::default().validator_url("none"))
}

async fn not_found() -> ApiError {
    ApiError::not_found("Path")
}

async fn method_not_allowed() -> ApiError {
    ErrorCode::MethodNotAllowed.into()
}
