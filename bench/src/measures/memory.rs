//! P8, P9 and P10: memory of an idle server, of finished tasks, of held streams.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;

use super::rig::Rig;
use crate::report::{Goal, Measured};
use crate::target::Target;

/// What a program needs to become idle.
const SETTLE: Duration = Duration::from_secs(3);
const AT_ONCE: usize = 64;
/// Before the growth is measured: what is made once is there then.
const WARM_UP: usize = 1_000;
const TASKS: usize = 10_000;
const STREAMS: usize = 10_000;
/// Streams that are opened at the same time.
const OPENING: usize = 100;

pub(super) async fn measure_tasks(rig: &Rig) -> Result<Vec<Measured>> {
    let sigmic = rig.sigmic(&rig.place("memory")?)?;
    let relay = rig.relay("memory-relay")?;
    tokio::time::sleep(SETTLE).await;
    let idle = sigmic.process.pss_kib()? as f64 / 1024.0;
    let idle_limit = relay.process.pss_kib()? as f64 / 1024.0;
    run_tasks(&sigmic, WARM_UP).await?;
    tokio::time::sleep(SETTLE).await;
    let before = sigmic.process.pss_kib()? as f64 / 1024.0;
    run_tasks(&sigmic, TASKS).await?;
    tokio::time::sleep(SETTLE).await;
    let after = sigmic.process.pss_kib()? as f64 / 1024.0;
    Ok(vec![
        Measured {
            id: "P8",
            measure: "idle memory (beside: relay-db's)",
            unit: "MiB",
            ours: idle,
            limit: None,
            goal: Goal::AtMost(20.0),
        },
        Measured {
            id: "P8",
            measure: "idle memory of relay-db",
            unit: "MiB",
            ours: idle_limit,
            limit: None,
            goal: Goal::AtLeast(0.0),
        },
        Measured {
            id: "P9",
            measure: "growth over 10,000 finished tasks",
            unit: "MiB",
            ours: after - before,
            limit: None,
            goal: Goal::AtMost(16.0),
        },
    ])
}

async fn run_tasks(target: &Target, count: usize) -> Result<()> {
    let left = Cell::new(count);
    let callers = (0..AT_ONCE).map(|_| async {
        let mut connection = target.connect().await?;
        while let Some(less) = left.get().checked_sub(1) {
            left.set(less);
            target.task(&mut connection, "steps=0").await?;
        }
        anyhow::Ok(())
    });
    try_join_all(callers).await.map(drop)
}

pub(super) async fn measure_streams(rig: &Rig) -> Result<Vec<Measured>> {
    let sigmic = rig.sigmic(&rig.place("streams")?)?;
    let ours = held_streams(&sigmic).await?;
    sigmic.process.stop()?;
    let relay = rig.relay("streams-relay")?;
    let limit = held_streams(&relay).await?;
    Ok(vec![
        Measured {
            id: "P10",
            measure: "10,000 streams held, each (beside: relay-db's)",
            unit: "KiB",
            ours,
            limit: None,
            goal: Goal::AtMost(40.0),
        },
        Measured {
            id: "P10",
            measure: "10,000 streams held by relay-db, each",
            unit: "KiB",
            ours: limit,
            limit: None,
            goal: Goal::AtLeast(0.0),
        },
    ])
}

/// KiB for each stream of a task that waits for its model.
async fn held_streams(target: &Target) -> Result<f64> {
    let mut connection = target.connect().await?;
    let id = target.create(&mut connection, "hang").await?;
    let request = target.stream_of(&id);
    connection.follow(&request).await?;
    tokio::time::sleep(SETTLE).await;
    let before = target.process.pss_kib()?;
    let mut held = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS / OPENING {
        let opening = (0..OPENING).map(|_| async {
            let mut connection = target.connect().await?;
            connection.follow(&request).await?;
            anyhow::Ok(connection)
        });
        held.extend(try_join_all(opening).await?);
    }
    tokio::time::sleep(SETTLE).await;
    let grown = target.process.pss_kib()?.saturating_sub(before);
    Ok(grown as f64 / STREAMS as f64)
}
