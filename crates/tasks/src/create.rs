//! Creating a task.

use model::{
    AttachedFile, EndUserId, MessageId, Permit, Principal, RunNumber, Seq, Task, TaskId,
    TaskStatus, Timestamp,
};
use store::{ClaimNow, ClaimedRun};

use crate::files::{Made, Placed};
use crate::idempotency::{Admission, Claim};
use crate::lifecycle::user_message;
use crate::{
    Env, Error, Idempotency, InputError, MessageText, Metadata, Secrets, SystemPrompt, Tasks,
    Upload,
};

/// A task to be created.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// The instruction.
    pub message: MessageText,
    /// Put in front of the system prompt.
    pub system_prompt: Option<SystemPrompt>,
    /// Whether conversation lists show it.
    pub show_in_history: bool,
    /// Whether tool calls run without asking.
    pub auto_execute: bool,
    /// Variables of its commands.
    pub env: Option<Env>,
    /// Secret variables of its commands.
    pub secrets: Secrets,
    /// A model on offer, as `provider/model`.
    pub model: Option<String>,
    /// Model turns at most.
    pub max_turns: Option<i64>,
    /// Running time at most, milliseconds.
    pub timeout_ms: Option<i64>,
    /// The caller's own labels.
    pub metadata: Option<Metadata>,
}

impl Tasks {
    /// Creates a task; it is durable and queued, and its files are in its workspace, when this
    /// returns.
    ///
    /// # Errors
    /// [`Error::Input`] for a model that is not on offer; [`Error::Disk`]; [`Error::IdempotencyConflict`];
    /// [`Error::Stopping`]; [`Error::Store`].
    pub async fn create(
        &self,
        permit: &Permit,
        new: NewTask,
        upload: Upload,
        idempotency: Option<Idempotency>,
    ) -> Result<TaskId, Error> {
        let (tasks, permit) = (self.clone(), permit.clone());
        let create = async move { tasks.admit(&permit, new, &upload, idempotency).await };
        self.inner.carry_through(create).await
    }

    async fn admit(
        &self,
        permit: &Permit,
        new: NewTask,
        upload: &Upload,
        idempotency: Option<Idempotency>,
    ) -> Result<TaskId, Error> {
        let inner = &self.inner;
        inner.accepting()?;
        if let Err(unknown) = inner.models.resolve(new.model.as_deref()) {
            return Err(InputError::Field(format!("`model`: {unknown}")).into());
        }
        let claim = match inner
            .in_flight
            .admit(&inner.store, idempotency, inner.now())
            .await?
        {
            Admission::Kept(id) => return parse_kept(&id),
            Admission::Fresh(claim) => claim,
        };
        let id = TaskId::generate(&*inner.random);
        let message_id = MessageId::generate(&*inner.random);
        if !new.secrets.is_empty() {
            // Before the insert: a worker may take the run up at once.
            let secrets = new.secrets.clone();
            let run = (id, RunNumber::FIRST);
            inner.sessions.stage(run, &message_id, secrets, inner.now());
        }
        let inserted = self
            .insert_with_files(permit, id, message_id.clone(), new, upload, claim.as_ref())
            .await;
        if inserted.is_err() {
            inner.sessions.unstage(&message_id);
        }
        inserted.map(|()| id)
    }

    /// Puts the files into the workspace first, so that no run starts without them.
    async fn insert_with_files(
        &self,
        permit: &Permit,
        id: TaskId,
        message_id: MessageId,
        new: NewTask,
        upload: &Upload,
        claim: Option<&Claim>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        if upload.is_empty() {
            return self
                .insert(permit, id, message_id, new, Vec::new(), claim)
                .await;
        }
        let place = inner.sessions.workspace_place(id);
        let placed = Placed::place(place, Made::New, upload).await?;
        let files = placed.attached().to_vec();
        let inserted = self.insert(permit, id, message_id, new, files, claim).await;
        // An error does not prove that nothing was written.
        if inserted.is_err() && matches!(inner.store.unscoped_find_task(id).await, Ok(None)) {
            placed.undo().await;
        }
        inserted
    }

    async fn insert(
        &self,
        permit: &Permit,
        id: TaskId,
        message_id: MessageId,
        new: NewTask,
        files: Vec<AttachedFile>,
        claim: Option<&Claim>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let now = inner.now();
        let end_user = end_user_of(permit);
        let given = inner.end_user_variables(end_user).await?;
        let given = given.as_ref().map(|opened| &opened.variables.secrets);
        let mask = inner
            .sessions
            .mask(id, given.into_iter().chain([&new.secrets]));
        let organization = permit.organization_id();
        let handover = inner.seal_secrets(organization, id, RunNumber::FIRST, &new.secrets);
        let handover = handover.await?;
        let secret_names = new.secrets.names();
        let message = mask.mask(new.message.as_str());
        let first_event = user_message(message.clone(), files, secret_names.clone(), message_id);
        let prompt = new
            .system_prompt
            .as_ref()
            .map(|prompt| mask.mask(prompt.as_str()));
        let task = new_task(permit, id, now, new, message, prompt);
        let lineage = lineage_of(permit);
        let booked = inner.models.resolve(task.model.as_deref());
        let booked = booked.map_err(|unknown| InputError::Field(format!("`model`: {unknown}")))?;
        // A free slot takes the run at once: no queue, no second transaction.
        let slot = inner.free_slot();
        let claim_now = slot.as_ref().map(|_| ClaimNow {
            worker: inner.worker,
            lease_until: now.plus_millis(inner.config.lease_ms),
        });
        let booked_model = booked.full_name;
        let record = store::NewTask {
            task: task.clone(),
            lineage,
            booked_model,
            first_event,
            idempotency: claim.map(|claim| claim.entry(&id.to_string(), now)),
            handover: if slot.is_some() { None } else { handover },
            claim: claim_now,
        };
        match inner.store.insert_task(record).await {
            Ok(()) => {}
            Err(store::Error::IdempotencyTaken) => return Err(Error::IdempotencyConflict),
            Err(store::Error::QuotaExceeded) => return Err(Error::QuotaExceeded),
            Err(error) => return Err(error.into()),
        }
        if let Some(slot) = slot {
            let claimed = ClaimedRun {
                run: task.run,
                task,
                attempt: 1,
                running_ms: 0,
                cancel_requested: false,
                handover: None,
                first: true,
            };
            inner.start(claimed, slot);
        } else {
            inner.wake.notify_one();
        }
        Ok(())
    }
}

fn parse_kept(id: &str) -> Result<TaskId, Error> {
    id.parse().map_err(|_| Error::IdempotencyConflict)
}

/// Whose lists show the task.
fn lineage_of(permit: &Permit) -> Option<model::ApiKeyId> {
    match permit.principal() {
        Principal::ApiKey(key) => Some(key.lineage),
        Principal::EndUser(_) | Principal::Console(_) => None,
    }
}

fn end_user_of(permit: &Permit) -> Option<EndUserId> {
    match permit.principal() {
        Principal::ApiKey(_) | Principal::Console(_) => None,
        Principal::EndUser(user) => Some(user.end_user_id),
    }
}

fn new_task(
    permit: &Permit,
    id: TaskId,
    now: Timestamp,
    new: NewTask,
    message: String,
    system_prompt: Option<String>,
) -> Task {
    let (api_key_id, username) = match permit.principal() {
        Principal::ApiKey(key) => (Some(key.key_id), key.username.clone()),
        Principal::EndUser(user) => (None, user.name.clone()),
        Principal::Console(person) => (None, person.email.clone()),
    };
    Task {
        id,
        organization_id: permit.organization_id(),
        project_id: permit.project_id(),
        api_key_id,
        end_user_id: end_user_of(permit),
        username,
        session_id: None,
        conversation_id: None,
        status: TaskStatus::Pending,
        message,
        system_prompt,
        show_in_history: new.show_in_history,
        auto_execute: new.auto_execute,
        env: new.env.as_ref().map(Env::to_value),
        secret_names: new.secrets.names(),
        model: new.model,
        max_turns: new.max_turns,
        timeout_ms: new.timeout_ms,
        metadata: new.metadata.map(Metadata::into_value),
        error: None,
        created_at: now,
        started_at: None,
        completed_at: None,
        last_activity_at: now,
        message_count: 1,
        run: RunNumber::FIRST,
        run_first_seq: Seq(1),
        last_seq: Seq(1),
    }
}
