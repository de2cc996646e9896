//! P7 and P11: how soon the program answers, and how large it is.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::time::Instant;

use super::rig::{Rig, millis, percentile};
use crate::report::{Goal, Measured};
use crate::target::Target;

const STARTS: usize = 15;

pub(super) async fn measure(rig: &Rig) -> Result<Vec<Measured>> {
    let place = rig.place("start")?;
    let id = {
        let sigmic = rig.sigmic(&place)?;
        let mut connection = sigmic.connect().await?;
        let id = sigmic.create(&mut connection, "steps=0").await?;
        connection.follow(&sigmic.stream_of(&id)).await?;
        ensure!(connection.finish().await?, "the task was not done");
        sigmic.process.stop()?;
        id
    };
    let path = format!("/api/v1/tasks/{id}");
    let body = rig.place("start-floor")?.join("task.json");
    std::fs::write(&body, "{}")?;
    let key = std::fs::read_to_string(place.join("cli.key"))?;
    let (mut ours, mut limit, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..STARTS {
        limit.push(until_answered(&path, || Target::floor(key.trim(), &id, &body)).await?);
        ours.push(until_answered(&path, || rig.sigmic(&place)).await?);
        let fresh = rig.place(&format!("start-{number}"))?;
        first.push(until_answered("/api/v1/tasks", || rig.sigmic(&fresh)).await?);
    }
    let p50 = |times: &mut [Duration]| millis(percentile(times, 0.5));
    Ok(vec![
        Measured {
            id: "P7",
            measure: "start to first authenticated 200, p50",
            unit: "ms",
            ours: p50(&mut ours),
            limit: Some(p50(&mut limit)),
            goal: Goal::AtMost(1.6),
        },
        Measured {
            id: "P7",
            measure: "first start, with migrations, p50",
            unit: "ms",
            ours: p50(&mut first),
            limit: None,
            goal: Goal::AtMost(300.0),
        },
    ])
}

/// From before the program is started to its first good answer, after which it is ended.
async fn until_answered(path: &str, start: impl FnOnce() -> Result<Target>) -> Result<Duration> {
    let started = Instant::now();
    let target = start()?;
    let mut connection = target.connect().await?;
    let (status, _) = connection.ask(&target.get(path)).await?;
    let took = started.elapsed();
    if status != 200 {
        bail!("the first answer was {status}");
    }
    target.process.stop()?;
    Ok(took)
}

pub(super) fn measure_size(rig: &Rig) -> Result<Vec<Measured>> {
    let size = |path: &Path| -> Result<f64> { Ok(std::fs::metadata(path)?.len() as f64 / 1e6) };
    Ok(vec![Measured {
        id: "P11",
        measure: "size of the program, as far as it is built",
        unit: "MB",
        ours: size(&rig.sigmic)?,
        limit: None,
        goal: Goal::AtMost(40.0),
    }])
}
