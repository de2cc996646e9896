//! What works ceases to work, at once, and tells nobody why.

use anyhow::{Context as _, Result};
use client::{CutOff, RunningTasks};
use reqwest::Method;
use serde_json::json;
use wire::RotateRequest;

use super::probe::{Ask, Wants};
use super::report::Report;
use super::subject::{ORIGIN, Subject};
use Wants::{Refused, Works};

const NO_KEY: Wants = Refused(401, "INVALID_API_KEY");
const NO_TOKEN: Wants = Refused(401, "INVALID_TOKEN");
const FORBIDDEN: Wants = Refused(403, "FORBIDDEN");
const NO_ORIGIN: Wants = Refused(403, "ORIGIN_NOT_ALLOWED");

/// Cases that follow from one another.
struct Story<'a, 'b> {
    subject: &'a Subject,
    report: &'a mut Report<'b>,
}

impl Story<'_, '_> {
    /// Asks as a key's or token's owner.
    async fn bearer(&mut self, name: &str, credential: &str, wants: Wants) -> Result<()> {
        self.step("life", name, Ask::tasks().bearer(credential), wants)
            .await
    }

    async fn step(&mut self, group: &str, name: &str, ask: Ask, wants: Wants) -> Result<()> {
        let answer = self.subject.prober.ask(&ask).await?;
        self.report
            .case(group, name, answer.fault(&ask, wants).as_deref());
        Ok(())
    }
}

/// Keys: disabled, enabled, replaced, revoked; bound to networks and scopes.
pub(super) async fn keys(subject: &Subject, report: &mut Report<'_>) -> Result<()> {
    let made = subject.key().await?;
    let (id, key) = (&made.record.id, &made.key);
    let mut story = Story { subject, report };
    story.bearer("a new key", key, Works).await?;
    subject.enable_key(id, Some(false)).await?;
    story.bearer("a disabled key", key, NO_KEY).await?;
    subject.enable_key(id, Some(true)).await?;
    story.bearer("a key enabled again", key, Works).await?;

    let grace = RotateRequest {
        grace_seconds: Some(0),
    };
    let rotated = subject.api.rotate_key(&subject.project, id, &grace).await?;
    subject.made(rotated.id.clone());
    story
        .bearer("a key replaced without grace", key, NO_KEY)
        .await?;
    story.bearer("its successor", &rotated.key, Works).await?;
    subject.revoke_key(&rotated.id).await?;
    story.bearer("a revoked key", &rotated.key, NO_KEY).await?;
    same_bytes(subject, story.report, &rotated.key).await?;
    bound_keys(subject, story.report).await
}

/// Keys that are good, and not for this.
async fn bound_keys(subject: &Subject, report: &mut Report<'_>) -> Result<()> {
    let mut story = Story { subject, report };
    let nowhere = Some(vec!["192.0.2.0/24".to_owned()]);
    let bound = subject.key_with(None, nowhere).await?;
    story
        .bearer("a key of a foreign network", &bound.key, NO_KEY)
        .await?;
    let reading = Some(vec!["tasks:read".to_owned()]);
    let reading = subject.key_with(reading, None).await?;
    story
        .bearer("a key that may read, reading", &reading.key, Works)
        .await?;
    let write = Ask::to(Method::POST, "/api/v1/tasks")
        .bearer(&reading.key)
        .json(json!({"message": "selftest"}));
    let name = "a key that may read, writing";
    story.step("life", name, write, FORBIDDEN).await
}

/// Unknown, disabled and revoked keys get the same bytes.
async fn same_bytes(subject: &Subject, report: &mut Report<'_>, revoked: &str) -> Result<()> {
    let disabled = subject.key().await?;
    subject.enable_key(&disabled.record.id, Some(false)).await?;
    let unknown = auth::PlainKey::mint(&model::OsRandom);
    let mut texts = Vec::new();
    for key in [revoked, &disabled.key, unknown.expose_key()] {
        let answer = subject.prober.ask(&Ask::tasks().bearer(key)).await?;
        texts.push(answer.text);
    }
    texts.dedup();
    let fault = (texts.len() > 1).then_some("the answers differ");
    report.case("key", "unknown, disabled and revoked look alike", fault);
    Ok(())
}

/// Who may run tasks changes no settings.
pub(super) async fn classes(subject: &Subject, report: &mut Report<'_>) -> Result<()> {
    let made = subject.key().await?;
    let mut story = Story { subject, report };
    let project = format!("/api/v1/projects/{}", subject.project);
    for target in ["/api/v1/projects", &project, &format!("{project}/api-keys")] {
        let ask = Ask::to(Method::GET, target).bearer(&made.key);
        let name = format!("a key for tasks on {target}");
        story.step("class", &name, ask, FORBIDDEN).await?;
    }
    let made_up = json!({"name": "selftest", "class": "management"});
    let ask = Ask::to(Method::POST, format!("{project}/api-keys"))
        .bearer(&made.key)
        .json(made_up);
    let name = "a key for tasks making a key for settings";
    story.step("class", name, ask, FORBIDDEN).await
}

/// Tokens: of an app that is disabled, of an end user who is cut off or blocked, on other pages.
pub(super) async fn tokens(subject: &Subject, report: &mut Report<'_>) -> Result<()> {
    let token = subject.token("selftest-a").await?;
    let mut story = Story { subject, report };
    story.bearer("a new token", &token, Works).await?;
    let settings = Ask::to(Method::GET, "/api/v1/projects").bearer(&token);
    story
        .step("class", "a token on settings", settings, FORBIDDEN)
        .await?;
    pages(&mut story, &token).await?;
    subject.enable_app(Some(false)).await?;
    story
        .bearer("a token of a disabled app", &token, NO_TOKEN)
        .await?;
    subject.enable_app(Some(true)).await?;
    story
        .bearer("a token of an enabled app", &token, Works)
        .await?;
    subject.cut_off("selftest-a", CutOff::Revoke).await?;
    story.bearer("a token cut off", &token, NO_TOKEN).await?;
    blocked(&mut story).await?;
    one_session(&mut story).await
}

/// A user who is blocked, and let in again.
async fn blocked(story: &mut Story<'_, '_>) -> Result<()> {
    let subject = story.subject;
    let token = subject.token("selftest-a").await?;
    story
        .bearer("a token after a cut-off", &token, Works)
        .await?;
    subject.cut_off("selftest-a", CutOff::Block).await?;
    story
        .bearer("a token of a blocked user", &token, NO_TOKEN)
        .await?;
    let ask = Ask::to(Method::POST, "/api/v1/auth/token").json(subject.exchange("selftest-a"));
    let name = "a token for a blocked user";
    story.step("life", name, ask, FORBIDDEN).await?;
    let (project, app) = (&subject.project, &subject.app.id);
    let api = &subject.api;
    api.unblock_end_user(project, app, "selftest-a").await?;
    story
        .bearer("a token of before the block", &token, NO_TOKEN)
        .await?;
    let again = subject.token("selftest-a").await?;
    story
        .bearer("a token of after the block", &again, Works)
        .await
}

async fn pages(story: &mut Story<'_, '_>, token: &str) -> Result<()> {
    let from = |origin: &str| {
        Ask::tasks()
            .bearer(token)
            .header("origin", origin.to_owned())
    };
    story.step("origin", ORIGIN, from(ORIGIN), Works).await?;
    for origin in [
        "https://evil.test",
        "https://selftest.example.evil.test",
        "https://sub.selftest.example",
        "http://selftest.example",
        "https://selftest.example:444",
        "https://selftest.example@evil.test",
        "null",
        "*",
    ] {
        story
            .step("origin", origin, from(origin), NO_ORIGIN)
            .await?;
    }
    Ok(())
}

/// Of two tokens of one user, one is cut off.
async fn one_session(story: &mut Story<'_, '_>) -> Result<()> {
    let subject = story.subject;
    let (project, app) = (&subject.project, &subject.app.id);
    let first = subject.token("selftest-b").await?;
    let list = |page: client::Page| subject.api.list_sessions(project, app, page);
    let sessions = subject.api.all(list).await?;
    let of_b = |session: &&wire::WidgetSessionResponse| session.end_user_id == "selftest-b";
    let session = sessions.iter().find(of_b);
    let session = session.context("a token that was given is not listed")?;
    let second = subject.token("selftest-b").await?;
    let running = RunningTasks::Continue;
    let cut = subject
        .api
        .revoke_session(project, app, &session.id, running);
    cut.await?;
    story
        .bearer("a token cut off alone", &first, NO_TOKEN)
        .await?;
    story
        .bearer("a token beside one cut off", &second, Works)
        .await
}
