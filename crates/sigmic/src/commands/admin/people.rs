//! Operator commands about people.

use auth::{Device, Secret, SignInError};
use model::Caller;
use serde_json::json;
use store::Organization;

use super::command::Answer;
use crate::args::ResetArguments;
use crate::commands::connect::public_base;
use crate::failure::Failure;
use crate::instance::{Instance, owner_email, sign_in_link};
use crate::settings::Settings;

/// A link with which the owner of an organization chooses a password.
pub(super) async fn owner_link(
    settings: &Settings,
    instance: &Instance,
    organization: &Organization,
) -> Result<String, Failure> {
    let email = owner_email(organization);
    let sign_ins = instance.sign_ins.by(Caller::OPERATOR);
    let owner = sign_ins.ensure_owner(organization.id, email).await;
    let link = sign_ins.make_link(&owner.map_err(refused)?).await;
    let base = public_base(settings)?;
    Ok(sign_in_link(&base, &link.map_err(refused)?))
}

/// A link with which a person chooses a new password, or that password itself.
pub(super) async fn reset_password(
    settings: &Settings,
    instance: &Instance,
    wanted: &ResetArguments,
) -> Result<Answer, Failure> {
    let email = &wanted.email;
    let sign_ins = instance.sign_ins.by(Caller::OPERATOR);
    let user = sign_ins.find(email).await.map_err(refused)?;
    let user = user.ok_or_else(|| anyhow::anyhow!("nobody signs in with {email:?}"))?;
    let link = sign_ins.make_link(&user).await.map_err(refused)?;
    if wanted.password_stdin {
        let password = first_line()?;
        let token = link.expose_token();
        let here = Device::default();
        let used = sign_ins.use_link(token, password, None, &here).await;
        used.map_err(refused)?;
        return Ok(Answer {
            json: json!({"email": user.email.as_str(), "link": null}),
            text: vec![format!("{} has a new password", user.email)],
        });
    }
    let link = sign_in_link(&public_base(settings)?, &link);
    Ok(Answer {
        json: json!({"email": user.email.as_str(), "link": link}),
        text: vec![link, "It works once and is shown this once.".to_owned()],
    })
}

/// Takes the second factor away from somebody who lost it.
pub(super) async fn reset_second_factor(
    instance: &Instance,
    email: &str,
) -> Result<Answer, Failure> {
    let sign_ins = instance.sign_ins.by(Caller::OPERATOR);
    let user = sign_ins.find(email).await.map_err(refused)?;
    let user = user.ok_or_else(|| anyhow::anyhow!("nobody signs in with {email:?}"))?;
    sign_ins.reset_second_factor(&user).await.map_err(refused)?;
    Ok(Answer {
        json: json!({"email": user.email.as_str()}),
        text: vec![format!("{} signs in with the password alone", user.email)],
    })
}

fn first_line() -> Result<Secret, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.map_err(anyhow::Error::from)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Secret::new(line))
}

fn refused(error: SignInError) -> Failure {
    match error {
        SignInError::Weak(weak) => Failure::Usage(weak.to_string()),
        SignInError::Name(_)
        | SignInError::InvalidCredentials
        | SignInError::NotFound(_)
        | SignInError::HasSecondFactor
        | SignInError::Sealed
        | SignInError::Protected
        | SignInError::NobodyHere
        | SignInError::Hash(_)
        | SignInError::Store(_) => Failure::Failed(error.into()),
    }
}
