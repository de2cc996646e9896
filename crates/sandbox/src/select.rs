//! From the operator's wish to an engine that holds.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::{
    EngineChoice, LocalConfig, LocalEngine, Owner, ProbeReport, Sandbox, SandboxEngine,
    SandboxError, SandboxSpec, Tier,
};

impl EngineChoice {
    /// The tiers that may be used, strongest first.
    fn tiers(self) -> &'static [Tier] {
        match self {
            // There is no fallback without isolation.
            Self::Auto => &[Tier::Native, Tier::Landlock],
            Self::Native => &[Tier::Native],
            Self::Landlock => &[Tier::Landlock],
            Self::None => &[Tier::None],
        }
    }
}

/// What came of a choice.
#[derive(Debug)]
pub struct Selected {
    /// The engine, or why there is none and what helps.
    pub engine: Result<Arc<dyn SandboxEngine>, SandboxError>,
    /// What the self-tests found.
    pub report: ProbeReport,
}

/// Makes the engine that `choice` asks for and tests it.
///
/// # Errors
/// [`SandboxError::Io`] when an engine cannot be set up at all. That none holds is told in
/// [`Selected::engine`].
pub async fn select(choice: EngineChoice, config: LocalConfig) -> Result<Selected, SandboxError> {
    let (engine, report) = choose(choice, &config).await?;
    let engine = match engine {
        Some(engine) => Ok(Arc::new(engine) as Arc<dyn SandboxEngine>),
        None => Err(refused(&report)),
    };
    Ok(Selected { engine, report })
}

fn refused(report: &ProbeReport) -> SandboxError {
    SandboxError::Unavailable {
        reason: report.reason.clone().unwrap_or_default(),
        remedy: report.remedies.join(" "),
    }
}

/// The strongest engine that holds. Why a stronger one does not is a warning of its report; where
/// none does, the report tells about all.
async fn choose(
    choice: EngineChoice,
    config: &LocalConfig,
) -> Result<(Option<LocalEngine>, ProbeReport), SandboxError> {
    let mut failed = ProbeReport::default();
    let mut reasons: Vec<String> = Vec::new();
    for tier in choice.tiers() {
        let engine = LocalEngine::new(*tier, config.clone())?;
        let mut report = engine.probe().await;
        if report.tier.is_some() {
            report.warnings.extend(reasons);
            report.warnings.extend(failed.remedies);
            return Ok((Some(engine), report));
        }
        reasons.push(report.reason.unwrap_or_default());
        failed.probes.extend(report.probes);
        failed.warnings.extend(report.warnings);
        for remedy in report.remedies {
            if !failed.remedies.contains(&remedy) {
                failed.remedies.push(remedy);
            }
        }
    }
    failed.reason = Some(reasons.join("; "));
    Ok((None, failed))
}

/// An engine that is chosen and tested when it is first needed: who needs a sandbox waits for the
/// verdict, nobody else does.
pub struct TestedEngine {
    choice: EngineChoice,
    config: LocalConfig,
    chosen: OnceCell<(Option<LocalEngine>, ProbeReport)>,
}

impl TestedEngine {
    /// Nothing is tested yet.
    pub fn new(choice: EngineChoice, config: LocalConfig) -> Self {
        Self {
            choice,
            config,
            chosen: OnceCell::new(),
        }
    }

    async fn chosen(&self) -> &(Option<LocalEngine>, ProbeReport) {
        let choose = || async {
            let chosen = choose(self.choice, &self.config).await;
            chosen.unwrap_or_else(|error| {
                let reason = format!("the sandbox cannot be set up: {error}");
                let report = ProbeReport {
                    reason: Some(reason),
                    ..ProbeReport::default()
                };
                (None, report)
            })
        };
        self.chosen.get_or_init(choose).await
    }
}

impl fmt::Debug for TestedEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestedEngine")
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SandboxEngine for TestedEngine {
    fn workspace_owner(&self, number: u32) -> Owner {
        self.config.workspace_owner(number)
    }

    async fn probe(&self) -> ProbeReport {
        self.chosen().await.1.clone()
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        match self.chosen().await {
            (Some(engine), _) => engine.create(spec).await,
            (None, report) => Err(refused(report)),
        }
    }
}
