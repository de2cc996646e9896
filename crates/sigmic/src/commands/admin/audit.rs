//! `sigmic admin audit …`.

use std::fmt::Write as _;

use serde_json::json;

use super::command::Answer;
use crate::args::AuditCommand;
use crate::failure::Failure;
use crate::instance::Instance;

/// Runs it. Faults are a failure, so that a script notices.
pub(super) async fn run(instance: &Instance, command: AuditCommand) -> Result<Answer, Failure> {
    let AuditCommand::Verify = command;
    let report = instance.store.unscoped_verify_audit_log().await;
    let report = report.map_err(anyhow::Error::from)?;
    if !report.faults.is_empty() {
        let mut text = "the audit log was tampered with:".to_owned();
        for (chain, fault) in &report.faults {
            write!(text, "\n  chain {chain}: {fault}").expect("a string takes everything");
        }
        return Err(Failure::Failed(anyhow::anyhow!(text)));
    }
    Ok(Answer {
        json: json!({"chains": report.chains, "rows": report.rows}),
        text: vec![format!(
            "The audit log is whole: {} entries in {} chains",
            report.rows, report.chains
        )],
    })
}
