//! P1: an authenticated read.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::rig::{Rig, micros};
use crate::report::{Goal, Measured};
use crate::target::Target;

const CONNECTIONS: usize = 64;
/// Each program is measured so often, in turn; the best of each counts, because what else goes on
/// on the machine only makes it worse.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

/// Requests a second, and processor time of the server for one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reads {
    pub(super) per_second: f64,
    pub(super) cpu_us: f64,
}

impl Reads {
    /// The best of several rounds.
    pub(super) fn best(rounds: &[Self]) -> Self {
        Self {
            per_second: rounds.iter().map(|r| r.per_second).fold(0.0, f64::max),
            cpu_us: rounds.iter().map(|r| r.cpu_us).fold(f64::MAX, f64::min),
        }
    }
}

pub(super) async fn measure(rig: &Rig) -> Result<Vec<Measured>> {
    let sigmic = rig.sigmic(&rig.place("reads")?)?;
    let mut connection = sigmic.connect().await?;
    let id = sigmic.create(&mut connection, "steps=0").await?;
    connection.follow(&sigmic.stream_of(&id)).await?;
    ensure!(connection.finish().await?, "the task was not done");
    let path = format!("/api/v1/tasks/{id}");
    let (status, body) = connection.ask(&sigmic.get(&path)).await?;
    ensure!(status == 200, "the task was answered {status}");
    let kept = rig.place("floor")?.join("task.json");
    std::fs::write(&kept, body)?;
    let floor = Target::floor(sigmic.key(), &id, &kept)?;
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        limit.push(round(&floor, &[floor.get(&path)], 200).await?);
        ours.push(round(&sigmic, &[sigmic.get(&path)], 200).await?);
    }
    let (ours, limit) = (Reads::best(&ours), Reads::best(&limit));
    Ok(vec![
        Measured {
            id: "P1",
            measure: "authenticated GET, 64 connections",
            unit: "requests/s",
            ours: ours.per_second,
            limit: Some(limit.per_second),
            goal: Goal::AtLeast(0.7),
        },
        Measured {
            id: "P1",
            measure: "its processor time",
            unit: "µs",
            ours: ours.cpu_us,
            limit: Some(limit.cpu_us),
            goal: Goal::AtMost(2.0),
        },
    ])
}

/// Sends these requests in turn, from many connections, each of which begins at another of them.
pub(super) async fn round(target: &Target, requests: &[Vec<u8>], wanted: u16) -> Result<Reads> {
    let count = Rc::new(Cell::new(0_u64));
    let before = target.process.cpu()?;
    let started = Instant::now();
    let callers = (0..CONNECTIONS).map(|number| {
        let count = Rc::clone(&count);
        let mut requests = requests
            .iter()
            .cycle()
            .skip(number * requests.len() / CONNECTIONS);
        async move {
            let mut connection = target.connect().await?;
            while let Some(request) = requests.next().filter(|_| started.elapsed() < ROUND) {
                let (status, _) = connection.ask(request).await?;
                ensure!(status == wanted, "answered {status}");
                count.set(count.get() + 1);
            }
            Ok(())
        }
    });
    try_join_all(callers).await?;
    let took = started.elapsed();
    let cpu = target.process.cpu()?.saturating_sub(before);
    let requests = count.get() as f64;
    Ok(Reads {
        per_second: requests / took.as_secs_f64(),
        cpu_us: micros(cpu) / requests,
    })
}
