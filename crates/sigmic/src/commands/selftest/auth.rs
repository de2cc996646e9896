//! `sigmic selftest auth`.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::Value;

use super::probe::{Ask, Prober, Wants};
use super::race::{self, Effort};
use super::report::{Form, Report};
use super::subject::{Subject, Tokens};
use super::{exchange, headers, life, tokens};
use crate::args::{Common, SelftestAuthArguments};
use crate::commands::{connect, runtime};
use crate::failure::{Done, Failure};
use crate::output::Output;

const NO_TOKEN: Wants = Wants::Refused(401, "INVALID_TOKEN");

/// Runs it: done when every case ended as it must.
pub(crate) fn run(
    common: &Common,
    arguments: &SelftestAuthArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let (api, first) = connect::management_at(common, arguments.url.first())?;
    let mut servers = vec![Prober::new(&first)?];
    for url in arguments.url.iter().skip(1) {
        servers.push(Prober::new(url)?);
    }
    let effort = Effort {
        callers: arguments.callers,
        rounds: arguments.rounds,
    };
    let form = if arguments.json {
        Form::Json
    } else {
        Form::Text
    };
    let runtime = runtime::whole()?;
    let mut report = Report::new(output, form);
    let tried = runtime.block_on(async {
        let project = match &arguments.project {
            Some(id) => id.clone(),
            None => default_project(&api).await?,
        };
        let prober = servers[0].clone();
        let subject = Subject::make(api, prober, project).await?;
        let tried = all(&subject, &servers, effort, &mut report).await;
        // What was made goes, whatever happened.
        let removed = subject.remove().await;
        tried.and(removed.context("take away what was made"))
    });
    tried?;
    report.end()
}

async fn default_project(api: &client::Management) -> Result<String> {
    let projects = api.all(|page| api.list_projects(page)).await?;
    let default = projects.into_iter().find(|project| project.is_default);
    let default = default.context("there is no default project: name one with --project")?;
    Ok(default.id)
}

async fn all(
    subject: &Subject,
    servers: &[Prober],
    effort: Effort,
    report: &mut Report<'_>,
) -> Result<()> {
    let key = subject.key().await?.key;
    let given = subject.tokens().await?;
    table(subject, report, "header", headers::cases(&key, given)).await?;
    life::keys(subject, report).await?;
    life::classes(subject, report).await?;
    match given {
        Tokens::Given => {
            let cases = exchange::cases(&subject.exchange("selftest-x"));
            table(subject, report, "exchange", cases).await?;
            forged(subject, report).await?;
            life::tokens(subject, report).await?;
        }
        Tokens::SwitchedOff => report.skip("token", "this server gives none"),
    }
    race::run(subject, servers, effort, given, report).await
}

async fn table(
    subject: &Subject,
    report: &mut Report<'_>,
    group: &str,
    cases: Vec<(String, Ask, Wants)>,
) -> Result<()> {
    for (name, ask, wants) in cases {
        let answer = subject.prober.ask(&ask).await?;
        report.case(group, &name, answer.fault(&ask, wants).as_deref());
    }
    Ok(())
}

async fn forged(subject: &Subject, report: &mut Report<'_>) -> Result<()> {
    let (own, other) = (
        subject.token("selftest-a").await?,
        subject.token("selftest-b").await?,
    );
    let jwks = Ask::to(Method::GET, "/.well-known/jwks.json");
    let jwks = subject.prober.ask(&jwks).await?;
    let jwks: Value = serde_json::from_str(&jwks.text).context("read the public keys")?;
    let cases = tokens::forgeries(&own, &other, &jwks).into_iter();
    let cases = cases.map(|(name, token)| {
        // What begins otherwise is not even a token's shape.
        let wants = if token.starts_with("eyJ") {
            NO_TOKEN
        } else {
            headers::FORMAT
        };
        (name, Ask::tasks().bearer(&token), wants)
    });
    table(subject, report, "forgery", cases.collect()).await?;
    // What the forgeries were made of works.
    let good = vec![(
        "none of these".to_owned(),
        Ask::tasks().bearer(&own),
        Wants::Works,
    )];
    table(subject, report, "forgery", good).await
}
