//! Requests while somebody is cut off: once that is acknowledged, not one may be accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use client::{CutOff, RunningTasks};
use reqwest::StatusCode;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::probe::{Ask, Prober};
use super::report::Report;
use super::subject::{Subject, Tokens};

/// Requests that each caller begins after the acknowledgement.
const AFTER: usize = 25;

/// Whom to race against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Key,
    DisabledKey,
    Token,
    EndUser,
    App,
}

impl Victim {
    fn name(self) -> &'static str {
        match self {
            Self::Key => "a key, revoked",
            Self::DisabledKey => "a key, disabled",
            Self::Token => "a token, cut off",
            Self::EndUser => "an end user, blocked",
            Self::App => "an app, disabled",
        }
    }
}

/// How hard to race.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    pub(super) callers: usize,
    pub(super) rounds: usize,
}

/// Runs the race for everybody who can be cut off, against every server.
pub(super) async fn run(
    subject: &Subject,
    servers: &[Prober],
    effort: Effort,
    tokens: Tokens,
    report: &mut Report<'_>,
) -> Result<()> {
    let all = [
        Victim::Key,
        Victim::DisabledKey,
        Victim::Token,
        Victim::EndUser,
        Victim::App,
    ];
    let with_tokens = |victim: &Victim| {
        tokens == Tokens::Given || matches!(victim, Victim::Key | Victim::DisabledKey)
    };
    for victim in all.into_iter().filter(with_tokens) {
        let (mut before, mut after, mut accepted) = (0, 0, 0);
        for round in 0..effort.rounds {
            let counted = once(subject, servers, effort.callers, victim, round).await?;
            before += counted.before.load(Ordering::Relaxed);
            after += counted.after.load(Ordering::Relaxed);
            accepted += counted.accepted.load(Ordering::Relaxed);
        }
        let fault = (accepted > 0).then(|| format!("{accepted} accepted after"));
        report.case("race", victim.name(), fault.as_deref());
        let (callers, rounds, servers) = (effort.callers, effort.rounds, servers.len());
        report.note("race", &format!(
            "{before} requests before, {after} begun after the acknowledgement, {accepted} of these \
             accepted; {callers} callers, {rounds} rounds, {servers} servers"
        ));
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Counted {
    before: AtomicUsize,
    after: AtomicUsize,
    accepted: AtomicUsize,
}

async fn once(
    subject: &Subject,
    servers: &[Prober],
    callers: usize,
    victim: Victim,
    round: usize,
) -> Result<Arc<Counted>> {
    let user = format!("selftest {} {round}", victim.name());
    let (key_id, credential) = match victim {
        Victim::Key | Victim::DisabledKey => {
            let made = subject.key().await?;
            (made.record.id, made.key)
        }
        Victim::Token | Victim::EndUser | Victim::App => {
            (String::new(), subject.token(&user).await?)
        }
    };
    let counted = Arc::new(Counted::default());
    let (acknowledge, acknowledged) = watch::channel(false);
    let accepted = Arc::new(Semaphore::new(0));
    let mut running = JoinSet::new();
    for number in 0..callers {
        let caller = Caller {
            servers: servers.to_vec(),
            ask: Ask::tasks().bearer(&credential),
            counted: Arc::clone(&counted),
            accepted: Arc::clone(&accepted),
            acknowledged: acknowledged.clone(),
        };
        running.spawn(caller.run(number));
    }
    // Everybody has been let in once, or has given up.
    let everybody = u32::try_from(callers).context("too many callers")?;
    tokio::select! {
        permits = accepted.acquire_many(everybody) => permits?.forget(),
        Some(ended) = running.join_next() => ended??,
    }
    match victim {
        Victim::Key => subject.revoke_key(&key_id).await?,
        Victim::DisabledKey => subject.enable_key(&key_id, Some(false)).await?,
        Victim::Token => revoke_session(subject, &user).await?,
        Victim::EndUser => subject.cut_off(&user, CutOff::Block).await?,
        Victim::App => subject.enable_app(Some(false)).await?,
    }
    acknowledge.send_replace(true);
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    if victim == Victim::App {
        subject.enable_app(Some(true)).await?;
    }
    Ok(counted)
}

async fn revoke_session(subject: &Subject, user: &str) -> Result<()> {
    let (project, app) = (&subject.project, &subject.app.id);
    let list = |page: client::Page| subject.api.list_sessions(project, app, page);
    let sessions = subject.api.all(list).await?;
    let session = sessions.iter().find(|session| session.end_user_id == user);
    let session = session.context("the token is not listed")?;
    let running = RunningTasks::Continue;
    let cut = subject
        .api
        .revoke_session(project, app, &session.id, running);
    Ok(cut.await.map(drop)?)
}

/// Asks one server after the other.
struct Caller {
    servers: Vec<Prober>,
    ask: Ask,
    counted: Arc<Counted>,
    /// A permit for every caller that was let in.
    accepted: Arc<Semaphore>,
    acknowledged: watch::Receiver<bool>,
}

impl Caller {
    async fn run(self, number: usize) -> Result<()> {
        let (mut first, mut left) = (true, AFTER);
        for server in self.servers.iter().cycle().skip(number) {
            let after = *self.acknowledged.borrow();
            let answer = server.ask_once(&self.ask).await?;
            let works = answer.status == StatusCode::OK;
            let counter = if after {
                &self.counted.after
            } else {
                &self.counted.before
            };
            counter.fetch_add(1, Ordering::Relaxed);
            if works && first {
                first = false;
                self.accepted.add_permits(1);
            }
            if after {
                if works {
                    self.counted.accepted.fetch_add(1, Ordering::Relaxed);
                }
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}
