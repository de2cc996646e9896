//! A further message to a task that has ended its run.

use agent::Mask;
use model::{AttachedFile, JournalEvent, MessageId, Permit, Task, TaskId};
use store::{Append, RunChange, TaskPatch};

use crate::files::{Made, Placed};
use crate::idempotency::{Admission, Claim};
use crate::lifecycle::{patch_of_follow_up, user_message};
use crate::{Env, Error, Idempotency, MessageText, Secrets, SystemPrompt, Tasks, Upload};

/// A further message.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// The message.
    pub message: MessageText,
    /// Replaces the task's prompt from this run on.
    pub system_prompt: Option<SystemPrompt>,
    /// Replaces the task's setting from this run on.
    pub auto_execute: Option<bool>,
    /// Replaces the task's variables from this run on.
    pub env: Option<Env>,
    /// Replaces the session's secrets from this run on; `None` keeps them.
    pub secrets: Option<Secrets>,
}

impl Tasks {
    /// Accepts a further message; its run is durable and queued when this returns.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Busy`] while a run is open; [`Error::IdempotencyConflict`];
    /// [`Error::Input`] for files that the workspace cannot take; [`Error::Disk`]; [`Error::Store`].
    pub async fn follow_up(
        &self,
        permit: &Permit,
        id: TaskId,
        message: FollowUp,
        upload: Upload,
        idempotency: Option<Idempotency>,
    ) -> Result<(), Error> {
        let (tasks, permit) = (self.clone(), permit.clone());
        let follow_up = async move {
            tasks
                .admit_message(&permit, id, message, &upload, idempotency)
                .await
        };
        self.inner.carry_through(follow_up).await
    }

    async fn admit_message(
        &self,
        permit: &Permit,
        id: TaskId,
        message: FollowUp,
        upload: &Upload,
        idempotency: Option<Idempotency>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        inner.accepting()?;
        let claim = match inner
            .in_flight
            .admit(&inner.store, idempotency, inner.now())
            .await?
        {
            Admission::Kept(_) => return Ok(()),
            Admission::Fresh(claim) => claim,
        };
        if upload.is_empty() {
            return self
                .append_message(permit, id, &message, &[], claim.as_ref())
                .await;
        }
        self.idle_task(permit, id).await?;
        let place = inner.sessions.workspace_place(id);
        let placed = Placed::place(place, Made::Before, upload).await?;
        let appended = self
            .append_message(permit, id, &message, placed.attached(), claim.as_ref())
            .await;
        if let Err(error) = &appended
            && !self.may_be_written(id, placed.attached(), error).await
        {
            placed.undo().await;
        }
        appended
    }

    async fn append_message(
        &self,
        permit: &Permit,
        id: TaskId,
        message: &FollowUp,
        files: &[AttachedFile],
        claim: Option<&Claim>,
    ) -> Result<(), Error> {
        loop {
            match self.try_follow_up(permit, id, message, files, claim).await {
                Err(Error::Store(store::Error::Conflict)) => {}
                done => return done,
            }
        }
    }

    /// Whether a message with these files may be in the journal although writing it failed.
    async fn may_be_written(&self, id: TaskId, files: &[AttachedFile], error: &Error) -> bool {
        let Error::Store(_) = error else {
            return false;
        };
        let rows = self.inner.store.unscoped_list_rows(id, model::Seq(0)).await;
        rows.map_or(true, |rows| {
            rows.iter().any(|row| {
                matches!(&row.event, JournalEvent::UserMessage(user) if user.attached_files == files)
            })
        })
    }

    /// The task, if it can take a message.
    async fn idle_task(&self, permit: &Permit, id: TaskId) -> Result<Task, Error> {
        let found = self.inner.store.find_task(permit.scope(), id).await?;
        let task = found.ok_or(Error::NotFound("Task"))?;
        if task.status.is_open() {
            return Err(Error::Busy);
        }
        Ok(task)
    }

    async fn try_follow_up(
        &self,
        permit: &Permit,
        id: TaskId,
        message: &FollowUp,
        files: &[AttachedFile],
        claim: Option<&Claim>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let task = self.idle_task(permit, id).await?;
        let message_id = MessageId::generate(&*inner.random);
        let given = inner.end_user_variables(task.end_user_id).await?;
        let given = given.as_ref().map(|opened| &opened.variables.secrets);
        let mask = inner
            .sessions
            .mask(id, given.into_iter().chain(&message.secrets));
        let handover = match &message.secrets {
            Some(secrets) => {
                let run = task.run.next();
                inner
                    .seal_secrets(task.organization_id, id, run, secrets)
                    .await?
            }
            None => None,
        };
        let append = Append {
            handover,
            ..self.append_of(&task, message, files, claim, message_id.clone(), &*mask)
        };
        if let Some(secrets) = &message.secrets {
            // Before the append: a worker may take the run up at once. They count for the run of
            // this message only: another follow-up may win.
            let run = (id, task.run.next());
            inner
                .sessions
                .stage(run, &message_id, secrets.clone(), append.at);
        }
        if let Err(error) = inner.store.append(append).await {
            inner.sessions.unstage(&message_id);
            if matches!(error, store::Error::IdempotencyTaken) {
                return Err(Error::IdempotencyConflict);
            }
            return Err(error.into());
        }
        inner.poke(id);
        inner.wake.notify_one();
        Ok(())
    }

    fn append_of(
        &self,
        task: &Task,
        message: &FollowUp,
        files: &[AttachedFile],
        claim: Option<&Claim>,
        message_id: MessageId,
        mask: &dyn Mask,
    ) -> Append {
        let inner = &self.inner;
        let (id, now) = (task.id, inner.now());
        let secret_names = message
            .secrets
            .as_ref()
            .map_or_else(Vec::new, Secrets::names);
        let content = mask.mask(message.message.as_str());
        let user = user_message(content, files.to_vec(), secret_names, message_id);
        let prompt = message
            .system_prompt
            .as_ref()
            .map(|prompt| Some(mask.mask(prompt.as_str())));
        Append {
            task_id: id,
            run: task.run,
            expected_seq: task.last_seq,
            fence: None,
            at: now,
            events: vec![JournalEvent::UserMessage(user)],
            task: TaskPatch {
                system_prompt: prompt,
                auto_execute: message.auto_execute,
                env: message.env.as_ref().map(|env| Some(env.to_value())),
                secret_names: message.secrets.as_ref().map(Secrets::names),
                ..patch_of_follow_up(task, now)
            },
            run_change: RunChange::NextRun {
                preferred: inner.preferred(id, message.secrets.as_ref(), now),
            },
            running_ms: None,
            meter: None,
            idempotency: claim.map(|claim| claim.entry("running", now)),
            handover: None,
        }
    }
}
