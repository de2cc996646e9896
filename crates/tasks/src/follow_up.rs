//! A further message to a task that has ended its run.

use model::{JournalEvent, MessageId, Permit, Task, TaskId};
use store::{Append, RunChange, TaskPatch};

use crate::idempotency::{Admission, Claim};
use crate::lifecycle::{patch_of_follow_up, user_message};
use crate::{Env, Error, Idempotency, MessageText, Secrets, SystemPrompt, Tasks};

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
    /// [`Error::Store`].
    pub async fn follow_up(
        &self,
        permit: &Permit,
        id: TaskId,
        message: FollowUp,
        idempotency: Option<Idempotency>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let claim = match inner
            .in_flight
            .admit(&inner.store, idempotency, inner.now())
            .await?
        {
            Admission::Kept(_) => return Ok(()),
            Admission::Fresh(claim) => claim,
        };
        loop {
            match self
                .try_follow_up(permit, id, &message, claim.as_ref())
                .await
            {
                Err(Error::Store(store::Error::Conflict)) => {}
                done => return done,
            }
        }
    }

    async fn try_follow_up(
        &self,
        permit: &Permit,
        id: TaskId,
        message: &FollowUp,
        claim: Option<&Claim>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let task = inner
            .store
            .find_task(permit.scope(), id)
            .await?
            .ok_or(Error::NotFound("Task"))?;
        if task.status.is_open() {
            return Err(Error::Busy);
        }
        let message_id = MessageId::generate(&*inner.random);
        let append = self.append_of(&task, message, claim, message_id.clone());
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
        claim: Option<&Claim>,
        message_id: MessageId,
    ) -> Append {
        let inner = &self.inner;
        let (id, now) = (task.id, inner.now());
        let mask = inner.sessions.mask(id, message.secrets.as_ref());
        let secret_names = message
            .secrets
            .as_ref()
            .map_or_else(Vec::new, Secrets::names);
        let content = mask.mask(message.message.as_str());
        let user = user_message(content, secret_names, message_id);
        let prompt = message
            .system_prompt
            .as_ref()
            .map(|prompt| Some(mask.mask(prompt.as_str())));
        let handover = message.secrets.as_ref().and_then(|secrets| {
            inner.seal_secrets(task.organization_id, id, task.run.next(), secrets)
        });
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
            idempotency: claim.map(|claim| claim.entry("running", now)),
            handover,
        }
    }
}
