//! The variables that a widget app's backend gave for an end user: kept sealed, opened for the
//! runs of that end user's tasks, and for the masks of what is written about them.

use std::collections::BTreeMap;

use model::{EndUserId, OrganizationId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vault::Record;
use zeroize::Zeroizing;

use crate::service::Inner;
use crate::{Env, Error, Secrets, Tasks};

const TABLE: &str = "end_users";
const VERSION: u32 = 1;

/// Variables of every task of an end user. They win over those that a request brings: the page
/// that sends it must not stand in for the backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndUserVariables {
    /// Plain ones.
    pub env: Env,
    /// Secret ones; a secret wins over a plain one of its name.
    pub secrets: Secrets,
}

/// Opened variables, and what tells them from others.
#[derive(Debug, Clone)]
pub(crate) struct OpenedVariables {
    pub(crate) variables: EndUserVariables,
    pub(crate) digest: [u8; 32],
}

impl Tasks {
    /// Seals variables for the end user's row; `None`: there are none.
    ///
    /// # Errors
    /// [`Error::Sealed`] when the organization's key does not open; [`Error::Store`].
    pub async fn seal_variables(
        &self,
        organization: OrganizationId,
        end_user: EndUserId,
        variables: &EndUserVariables,
    ) -> Result<Option<Vec<u8>>, Error> {
        if variables.env.is_empty() && variables.secrets.is_empty() {
            return Ok(None);
        }
        let inner = &self.inner;
        let row = end_user.to_string();
        let json = expose_json(variables);
        let record = record(&row, organization);
        let key = inner.data_key(organization).await?;
        Ok(Some(key.seal(&record, json.as_bytes(), &*inner.random)))
    }
}

impl Inner {
    /// The variables of a task's end user as they are now. Variables that do not open are an
    /// error: a run must not go on without what its backend gave it.
    pub(crate) async fn end_user_variables(
        &self,
        end_user: Option<EndUserId>,
    ) -> Result<Option<OpenedVariables>, Error> {
        let Some(end_user) = end_user else {
            return Ok(None);
        };
        let found = self.store.unscoped_find_end_user_variables(end_user);
        let Some(found) = found.await? else {
            return Ok(None);
        };
        let row = end_user.to_string();
        let record = record(&row, found.organization_id);
        let key = self.data_key(found.organization_id).await?;
        let opened = key.open(&record, &found.sealed).ok();
        let variables = opened.as_ref().and_then(|json| parse(json));
        let (Some(opened), Some(variables)) = (opened, variables) else {
            tracing::error!(?end_user, "the variables of an end user do not open");
            return Err(Error::Sealed);
        };
        Ok(Some(OpenedVariables {
            variables,
            digest: Sha256::digest(opened.as_slice()).into(),
        }))
    }
}

fn record(row: &str, organization: OrganizationId) -> Record<'_> {
    Record {
        table: TABLE,
        row,
        organization: Some(organization),
        version: VERSION,
    }
}

fn expose_json(variables: &EndUserVariables) -> Zeroizing<String> {
    let secrets: BTreeMap<&str, &str> = variables.secrets.expose().collect();
    let text = json!({"env": variables.env.to_value(), "secrets": secrets});
    Zeroizing::new(text.to_string())
}

fn parse(json: &[u8]) -> Option<EndUserVariables> {
    let value: Value = serde_json::from_slice(json).ok()?;
    Some(EndUserVariables {
        env: Env::parse(value.get("env")?).ok()?,
        secrets: Secrets::parse(value.get("secrets")?).ok()?,
    })
}
