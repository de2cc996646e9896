//! `GET /api/v1/projects/{projectId}/api-keys`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::{KeyClass, Setting};
use tenancy::KeyStatus;
use wire::{ApiKeyResponse, ErrorCode, Failure, Paged};

use crate::api_error::{ApiError, json};
use crate::manage::{MaySeeKeys, ProjectPath, project, refused};
use crate::query::Parameters;
use crate::shown::key_response;
use crate::state::AppState;

/// List the API keys of a project, oldest first. Revoked ones are left out.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/api-keys", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("class" = Option<String>, Query, description = "`management`: the keys of that class, which belong to no project"), ("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<ApiKeyResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_api_keys(
    MaySeeKeys(permit): MaySeeKeys,
    ProjectPath(id): ProjectPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    project(&state, &permit, id).await?;
    let class = class(&parameters)?;
    if class == KeyClass::Management && !permit.may(Setting::SeeManagementKeys) {
        return Err(ErrorCode::Forbidden.into());
    }
    let of = (class == KeyClass::Project).then_some(id);
    let listed = state.keys.list_keys(permit.organization_id(), of).await;
    let listed = listed.map_err(|error| refused("API key", error))?;
    let shown = listed
        .iter()
        .filter(|key| key.class == class && key.status != KeyStatus::Revoked);
    let items = shown.map(key_response).collect();
    Ok(json(&parameters.page(items)?).into_response())
}

fn class(parameters: &Parameters) -> Result<KeyClass, ApiError> {
    match parameters.get("class") {
        None => Ok(KeyClass::Project),
        Some(name) => KeyClass::parse(name)
            .ok_or_else(|| ApiError::invalid("`class` must be `project` or `management`")),
    }
}
