//! From the operator's wish to an engine that holds.

use std::sync::Arc;

use crate::{EngineChoice, NativeConfig, NativeEngine, ProbeReport, SandboxEngine, SandboxError};

/// What came of a choice.
#[derive(Debug)]
pub struct Selected {
    /// The engine, or why there is none and what helps. There is no fallback without isolation.
    pub engine: Result<Arc<dyn SandboxEngine>, SandboxError>,
    /// What the self-test found.
    pub report: ProbeReport,
}

/// Makes the engine that `choice` asks for and tests it.
///
/// # Errors
/// [`SandboxError::Io`] when the engine cannot be set up at all. That it does not hold is told in
/// [`Selected::engine`].
pub async fn select(choice: EngineChoice, config: NativeConfig) -> Result<Selected, SandboxError> {
    // Each choice names the native engine today; weaker tiers will come after it under `Auto`.
    match choice {
        EngineChoice::Auto | EngineChoice::Native => {}
    }
    let engine = NativeEngine::new(config)?;
    let report = engine.probe().await;
    let engine = match report.tier {
        Some(_) => Ok(Arc::new(engine) as Arc<dyn SandboxEngine>),
        None => Err(SandboxError::Unavailable {
            reason: report.reason.clone().unwrap_or_default(),
            remedy: report.remedies.join(" "),
        }),
    };
    Ok(Selected { engine, report })
}
