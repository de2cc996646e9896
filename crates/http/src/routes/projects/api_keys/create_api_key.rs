//! `POST /api/v1/projects/{projectId}/api-keys`.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::{KeyClass, ProjectId, Scope, SettingPermit};
use tenancy::{NewKey, Reach};
use wire::{CreateApiKeyRequest, CreatedApiKeyResponse, ErrorCode, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{MayChangeKeys, ProjectPath, own_reach, project, rate_limit, refused};
use crate::shown::key_response;
use crate::state::AppState;

/// Create an API key. The answer is the only one that holds it.
///
/// A key of class `management` belongs to the organization and reaches no further than the caller's: neither in scopes nor in networks nor in time.
#[utoipa::path(
    post, path = "/api/v1/projects/{projectId}/api-keys", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project")),
    request_body = CreateApiKeyRequest,
    responses((status = 200, body = Success<CreatedApiKeyResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn create_api_key(
    MayChangeKeys(permit): MayChangeKeys,
    ProjectPath(id): ProjectPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    project(&state, &permit, id).await?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let mut new = new_key(&permit, id, &fields)?;
    if new.class == KeyClass::Management {
        new = within(&own_reach(&state, &permit).await?, new)?;
    }
    let made = state.keys_by(&permit).create_key(new).await;
    let minted = made.map_err(|error| refused("Project", error))?;
    let body = CreatedApiKeyResponse {
        record: key_response(&minted.record),
        key: minted.key.expose_key().to_owned(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], success(body)).into_response())
}

fn new_key(
    permit: &SettingPermit,
    project: ProjectId,
    fields: &Fields,
) -> Result<NewKey, ApiError> {
    let class = match fields.text("class")? {
        None => KeyClass::Project,
        Some(name) => KeyClass::parse(&name)
            .ok_or_else(|| ApiError::invalid("`class` must be `project` or `management`"))?,
    };
    Ok(NewKey {
        organization_id: permit.organization_id(),
        project_id: (class == KeyClass::Project).then_some(project),
        class,
        name: fields.text("name")?.unwrap_or_default(),
        scopes: fields.texts("scopes")?.map(parse_scopes).transpose()?,
        cidrs: fields.texts("cidrs")?.unwrap_or_default(),
        limits: rate_limit(fields)?.flatten(),
        expires_at: fields.moment("expiresAt")?,
        created_by: permit.username().to_owned(),
    })
}

/// A key of class `management` within the caller's own reach: what is not named is what the
/// caller has.
fn within(own: &Reach, new: NewKey) -> Result<NewKey, ApiError> {
    let new = NewKey {
        scopes: new.scopes.or_else(|| Some(own.scopes.clone())),
        cidrs: if new.cidrs.is_empty() {
            own.cidrs.clone()
        } else {
            new.cidrs
        },
        expires_at: new.expires_at.or(own.expires_at),
        ..new
    };
    // A scope that no key of the class may have is refused as such.
    let of_class = |scope: &&Scope| !Scope::TASKS.contains(*scope);
    let scopes = new.scopes.iter().flatten().filter(of_class);
    let wanted = Reach {
        scopes: scopes.copied().collect(),
        cidrs: new.cidrs.clone(),
        expires_at: new.expires_at,
    };
    if own.covers(&wanted) {
        Ok(new)
    } else {
        Err(ErrorCode::Forbidden.into())
    }
}

fn parse_scopes(names: Vec<String>) -> Result<Vec<Scope>, ApiError> {
    let scope = |name: &String| {
        Scope::parse(name)
            .ok_or_else(|| ApiError::invalid(format!("`scopes`: there is no {name:?}")))
    };
    names.iter().map(scope).collect()
}
