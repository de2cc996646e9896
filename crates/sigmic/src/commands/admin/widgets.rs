//! `sigmic admin create-widget-app`.

use model::{OrganizationId, ProjectId};
use serde_json::json;
use tenancy::{Error, NewWidget};

use super::command::Answer;
use crate::failure::Failure;
use crate::instance::Instance;

/// Makes a widget app and shows its secret, this once.
pub(super) async fn create(
    instance: &Instance,
    organization_id: OrganizationId,
    project_id: ProjectId,
    new: NewWidget,
    created_by: &str,
) -> Result<Answer, Failure> {
    let made = instance
        .widgets
        .create(organization_id, project_id, new, created_by);
    let minted = made.await.map_err(refused)?;
    let (app, secret) = (&minted.app, minted.secret.expose_app_secret());
    Ok(Answer {
        json: json!({
            "id": app.id.to_string(),
            "appId": app.app_id.as_str(),
            "appSecret": secret,
            "name": app.name,
            "projectId": app.project_id.to_string(),
            "allowedOrigins": app.allowed_origins,
            "createdAt": app.created_at.to_string(),
        }),
        text: vec![
            format!("App ID:     {}", app.app_id),
            format!("App secret: {secret}"),
            "The secret is shown this once. It belongs on your own server, never in a page."
                .to_owned(),
        ],
    })
}

/// What cannot be asked for is wrong usage; what is not there, or not now, is a failure.
pub(super) fn refused(error: Error) -> Failure {
    match error {
        Error::Name(_)
        | Error::Origin { .. }
        | Error::TooManyOrigins(_)
        | Error::Theme(_)
        | Error::Prices(_)
        | Error::EndUser(_) => Failure::Usage(error.to_string()),
        Error::NotFound(_) | Error::Store(_) => Failure::Failed(error.into()),
    }
}
