//! Making a task.

use model::{
    ApiKeyId, JournalEvent, RunNumber, RunState, Seq, Task, Timestamp, UserMessage, WorkerId,
};

use super::{idempotency, journal};
use crate::tx::Tx;
use crate::usage::{self, Booked, Payer};
use crate::value::{Json, params};
use crate::{Error, IdempotencyEntry, Signal, Store, runs};

/// A task to be made, with everything that is made with it.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// The task. Its run, sequence numbers and last activity are set by the store: run 1, whose
    /// first row is row 1, active when created.
    pub task: Task,
    /// The first key of the creating key's rotation chain: whose lists show the task.
    pub lineage: Option<ApiKeyId>,
    /// The model that the task is booked under, as `provider/model`.
    pub booked_model: String,
    /// Row 1 of the journal.
    pub first_event: UserMessage,
    /// The answer to be kept for a repeated request.
    pub idempotency: Option<IdempotencyEntry>,
    /// The caller's secrets, sealed, for whoever claims the run.
    pub handover: Option<Vec<u8>>,
    /// A worker that takes the run at once, as its first attempt: nobody else sees it queued.
    pub claim: Option<ClaimNow>,
}

/// See [`NewTask::claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimNow {
    /// Who takes it.
    pub worker: WorkerId,
    /// Until when, unless renewed.
    pub lease_until: Timestamp,
}

impl Store {
    /// Makes a task with its first run and journal row.
    ///
    /// # Errors
    /// [`Error::IdempotencyTaken`]: the key was used; [`Error::QuotaExceeded`]; nothing is made then.
    /// [`Error::Unavailable`].
    pub async fn insert_task(&self, new: NewTask) -> Result<(), Error> {
        self.write("insert_task", new, |tx, new| Box::pin(insert(tx, new)))
            .await
    }
}

async fn insert(tx: &mut Tx, new: &NewTask) -> Result<(), Error> {
    let at = new.task.created_at;
    if let Some(entry) = &new.idempotency {
        idempotency::keep(tx, entry, at).await?;
    }
    insert_row(tx, &new.task, new.lineage).await?;
    let run = runs::NewRun {
        task_id: new.task.id,
        run: RunNumber::FIRST,
        organization_id: new.task.organization_id,
        project_id: new.task.project_id,
        state: if new.claim.is_some() {
            RunState::Leased
        } else {
            RunState::Queued
        },
        claim: new.claim,
        queued_at: at,
        first_seq: Seq(1),
        preferred: None,
    };
    runs::insert(tx, &run).await?;
    let event = JournalEvent::UserMessage(new.first_event.clone());
    journal::insert(tx, new.task.id, RunNumber::FIRST, Seq(0), at, &[event]).await?;
    if let Some(sealed) = &new.handover {
        runs::put_handover(tx, new.task.id, RunNumber::FIRST, sealed).await?;
    }
    charge(tx, new, at).await?;
    match new.claim {
        Some(_) => runs::take_turn(tx, new.task.project_id).await?,
        None => tx.signal(Signal::RunQueued),
    }
    tx.signal(Signal::TaskChanged(new.task.id));
    Ok(())
}

/// Books the task and refuses it if that is more than may be. Last of what is held: see
/// [`usage::book`].
async fn charge(tx: &mut Tx, new: &NewTask, at: Timestamp) -> Result<(), Error> {
    let task = &new.task;
    let payer = Payer {
        organization_id: task.organization_id,
        project_id: task.project_id,
        api_key_id: task.api_key_id,
        end_user_id: task.end_user_id,
    };
    let one = Booked {
        tasks: 1,
        ..Booked::default()
    };
    usage::book(tx, payer, &new.booked_model, at, one).await?;
    if usage::is_too_much(tx, task.organization_id, at).await? {
        return Err(Error::QuotaExceeded);
    }
    Ok(())
}

async fn insert_row(tx: &mut Tx, task: &Task, lineage: Option<ApiKeyId>) -> Result<(), Error> {
    let error = task.error.as_ref();
    tx.execute(
        "INSERT INTO tasks (id, organization_id, project_id, api_key_id, username, session_id,
            conversation_id, status, message, system_prompt, show_in_history, auto_execute, env,
            secret_names, model, max_turns, timeout_ms, metadata, error, created_at, started_at,
            completed_at, last_activity_at, message_count, run, run_first_seq, last_seq, lineage,
            end_user_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $20, $23, 1, 1, 1, $24, $25)",
        params![
            task.id,
            task.organization_id,
            task.project_id,
            task.api_key_id,
            &task.username,
            task.session_id,
            task.conversation_id.as_ref(),
            task.status,
            Json(&task.message),
            task.system_prompt.as_ref().map(Json),
            task.show_in_history,
            task.auto_execute,
            task.env.as_ref().map(Json),
            Json(&task.secret_names),
            task.model.as_ref(),
            task.max_turns,
            task.timeout_ms,
            task.metadata.as_ref().map(Json),
            error.map(Json),
            task.created_at,
            task.started_at,
            task.completed_at,
            task.message_count,
            lineage,
            task.end_user_id,
        ],
    )
    .await
    .map(drop)
}
