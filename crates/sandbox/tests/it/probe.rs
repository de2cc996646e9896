//! The self-test and what follows from it.

use sandbox::{EngineChoice, SandboxEngine, SandboxError, Tier};
use tempfile::TempDir;

use crate::rig::{Rig, config};

#[tokio::test]
async fn the_self_test_passes_and_makes_at_least_twenty_probes() {
    let directory = TempDir::new().unwrap();
    let selected = sandbox::select(EngineChoice::Native, config(directory.path()))
        .await
        .unwrap();
    let report = selected.report;
    assert_eq!(report.tier, Some(Tier::Native), "{report:#?}");
    assert!(report.probes.len() >= 60, "{}", report.probes.len());
    assert_eq!(report.failures().count(), 0);
    let mut names: Vec<_> = report.probes.iter().map(|probe| &probe.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), report.probes.len());
    // Nothing of the test is left.
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn engines_are_chosen_by_their_names_only() {
    for (text, choice) in [
        ("auto", EngineChoice::Auto),
        ("native", EngineChoice::Native),
        ("landlock", EngineChoice::Landlock),
        ("none", EngineChoice::None),
    ] {
        assert_eq!(text.parse::<EngineChoice>().unwrap(), choice);
    }
    for text in ["", "Auto", "docker", "off"] {
        assert!(text.parse::<EngineChoice>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_server_with_low_limits_of_its_own_still_has_sandboxes() {
    // The lower of the two limits counts; asking for more than there is must not refuse.
    let rig = Rig::new().await;
    let mut spec = rig.spec();
    spec.limits.open_files = u64::MAX >> 1;
    let sandbox = rig.engine.create(spec).await.unwrap();
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let inside: u64 = crate::rig::out(&*sandbox, "ulimit -Hn")
        .await
        .trim()
        .parse()
        .unwrap();
    assert_eq!(Some(inside), own.maximum);
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_self_test_that_cannot_be_made_refuses_the_engine_and_says_why() {
    let mut config = config(std::path::Path::new("/proc/no-such-place"));
    config.hidden_paths.clear();
    let selected = sandbox::select(EngineChoice::Auto, config).await.unwrap();
    let Err(SandboxError::Unavailable { reason, .. }) = selected.engine else {
        panic!("the engine was not refused");
    };
    assert!(reason.contains("preparing the self-test"), "{reason}");
    assert!(reason.contains("os error"), "{reason}");
}

#[tokio::test]
async fn a_file_that_can_be_read_inside_refuses_the_engine() {
    let directory = TempDir::new().unwrap();
    let mut config = config(directory.path());
    // As if the operator had put the master key where everybody can read it.
    config.hidden_paths.push("/usr/bin/env".into());
    let selected = sandbox::select(EngineChoice::Native, config).await.unwrap();
    assert_eq!(selected.report.tier, None);
    let failed: Vec<_> = selected
        .report
        .failures()
        .map(|probe| probe.name.as_str())
        .collect();
    assert_eq!(failed, ["hidden_files"]);
    let Err(SandboxError::Unavailable { reason, remedy }) = selected.engine else {
        panic!("the engine was not refused");
    };
    assert!(reason.contains("/usr/bin/env"), "{reason}");
    assert!(!remedy.is_empty());
}

#[tokio::test]
async fn an_engine_that_was_not_tested_or_does_not_hold_makes_no_sandbox() {
    let rig = Rig::new().await;
    let mut config = config(rig.directory.path());
    config.hidden_paths.push("/usr/bin/env".into());
    let engine = sandbox::LocalEngine::new(Tier::Native, config).unwrap();
    let refused = |error: SandboxError| matches!(error, SandboxError::Unavailable { .. });
    assert!(refused(engine.create(rig.spec()).await.unwrap_err()));
    engine.probe().await;
    assert!(refused(engine.create(rig.spec()).await.unwrap_err()));
}
