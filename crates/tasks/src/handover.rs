//! Secrets on their way to the worker that claims the run. In one process they wait in memory; in a
//! cluster also sealed, in a row that the claim deletes.

use model::{OrganizationId, RunNumber, TaskId};
use store::ClaimedRun;
use vault::Record;

use crate::service::Inner;
use crate::{Error, Secrets};

const TABLE: &str = "handovers";
const VERSION: u32 = 1;

impl Inner {
    /// Seals the secrets of a run for another process; `None` where there can be none, or nothing
    /// to seal.
    pub(crate) async fn seal_secrets(
        &self,
        organization: OrganizationId,
        task_id: TaskId,
        run: RunNumber,
        secrets: &Secrets,
    ) -> Result<Option<Vec<u8>>, Error> {
        if secrets.is_empty() || self.store.is_exclusive() {
            return Ok(None);
        }
        let row = row_of(task_id, run);
        let record = Record {
            table: TABLE,
            row: &row,
            organization: Some(organization),
            version: VERSION,
        };
        let key = self.data_key(organization).await?;
        let json = secrets.expose_json();
        Ok(Some(key.seal(&record, json.as_bytes(), &*self.random)))
    }

    /// Takes in the secrets that came with a claimed run.
    pub(crate) async fn take_handover(&self, claimed: &ClaimedRun) {
        let Some(sealed) = &claimed.handover else {
            return;
        };
        let row = row_of(claimed.task.id, claimed.run);
        let record = Record {
            table: TABLE,
            row: &row,
            organization: Some(claimed.task.organization_id),
            version: VERSION,
        };
        let key = self.data_key(claimed.task.organization_id).await;
        let key = key.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                task = %claimed.task.id,
                "the key of handed over secrets was not read"
            );
        });
        let secrets = key
            .ok()
            .and_then(|key| key.open(&record, sealed).ok())
            .and_then(|json| serde_json::from_slice(&json).ok())
            .and_then(|value| Secrets::parse(&value).ok());
        match secrets {
            Some(secrets) => self
                .sessions
                .keep_secrets(claimed.task.id, claimed.run, secrets),
            // The run then fails for want of them, and says so.
            None => tracing::error!(task = %claimed.task.id, "handed over secrets do not open"),
        }
    }
}

fn row_of(task_id: TaskId, run: RunNumber) -> String {
    format!("{task_id}/{}", run.0)
}
