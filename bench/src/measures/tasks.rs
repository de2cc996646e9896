//! P2 to P6 and P14: tasks, one at a time and many at once.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::rig::{Rig, micros, millis, percentile};
use crate::report::{Goal, Measured};
use crate::target::Target;

/// Tasks one after the other, in turns of the two programs.
const TURNS: usize = 10;
const TASKS_A_TURN: usize = 60;
/// Tasks that only warm up.
const WARM_UP: usize = 40;
const AT_ONCE: usize = 64;
const MANY: usize = 2_000;
const STEPS: usize = 10;
const TASKS_WITH_STEPS: usize = 40;

#[derive(Debug, Default)]
struct Tasks {
    whole: Vec<Duration>,
    first_event: Vec<Duration>,
    with_steps: Vec<Duration>,
    per_second: f64,
    cpu_us: f64,
}

pub(super) async fn measure(rig: &Rig) -> Result<Vec<Measured>> {
    let sigmic = rig.sigmic(&rig.place("tasks")?)?;
    let relay = rig.relay("relay")?;
    let (mut ours, mut limit) = (Tasks::default(), Tasks::default());
    for target in [&sigmic, &relay] {
        one_by_one(target, &mut Tasks::default(), WARM_UP).await?;
    }
    for _ in 0..TURNS {
        one_by_one(&relay, &mut limit, TASKS_A_TURN).await?;
        one_by_one(&sigmic, &mut ours, TASKS_A_TURN).await?;
    }
    steps(&relay, &mut limit).await?;
    steps(&sigmic, &mut ours).await?;
    for _ in 0..2 {
        many(&relay, &mut limit).await?;
        many(&sigmic, &mut ours).await?;
    }
    Ok(rows(&mut ours, &mut limit))
}

/// The numbers of one program.
#[derive(Debug)]
struct Figures {
    task_ms: f64,
    first_event_ms: f64,
    step_ms: f64,
    tail: f64,
    cpu_us: f64,
    per_second: f64,
}

impl Figures {
    fn of(tasks: &mut Tasks) -> Self {
        let task_ms = millis(percentile(&mut tasks.whole, 0.5));
        let with_steps_ms = millis(percentile(&mut tasks.with_steps, 0.5));
        Self {
            task_ms,
            first_event_ms: millis(percentile(&mut tasks.first_event, 0.5)),
            step_ms: (with_steps_ms - task_ms) / STEPS as f64,
            tail: millis(percentile(&mut tasks.whole, 0.99)) / task_ms,
            cpu_us: tasks.cpu_us,
            per_second: tasks.per_second,
        }
    }
}

fn rows(ours: &mut Tasks, limit: &mut Tasks) -> Vec<Measured> {
    let (ours, limit) = (Figures::of(ours), Figures::of(limit));
    let row = |id, measure, unit, of: fn(&Figures) -> f64, goal| Measured {
        id,
        measure,
        unit,
        ours: of(&ours),
        limit: Some(of(&limit)),
        goal,
    };
    let task = "task of 20 pieces of text, one at a time, p50";
    let cpu = "processor time of a task, 64 at once";
    let first = "first event after create, p50";
    let tail = "p99 of P2's task over its p50";
    vec![
        row("P2", task, "ms", |all| all.task_ms, Goal::AtMost(3.0)),
        row("P3", cpu, "µs", |all| all.cpu_us, Goal::AtMost(3.0)),
        row(
            "P4",
            "tasks, 64 at once",
            "tasks/s",
            |all| all.per_second,
            Goal::AtLeast(0.4),
        ),
        row(
            "P5",
            "one more tool step, p50",
            "ms",
            |all| all.step_ms,
            Goal::AtMost(2.0),
        ),
        row(
            "P6",
            first,
            "ms",
            |all| all.first_event_ms,
            Goal::AtMost(4.0),
        ),
        row("P14", tail, "times", |all| all.tail, Goal::AtMost(1.5)),
    ]
}

async fn one_by_one(target: &Target, tasks: &mut Tasks, count: usize) -> Result<()> {
    let mut connection = target.connect().await?;
    for _ in 0..count {
        let times = target.task(&mut connection, "steps=0").await?;
        tasks.whole.push(times.whole);
        tasks.first_event.push(times.first_event);
    }
    Ok(())
}

async fn steps(target: &Target, tasks: &mut Tasks) -> Result<()> {
    let mut connection = target.connect().await?;
    let message = format!("steps={STEPS}");
    for _ in 0..TASKS_WITH_STEPS {
        let times = target.task(&mut connection, &message).await?;
        tasks.with_steps.push(times.whole);
    }
    Ok(())
}

/// The best of several rounds counts.
async fn many(target: &Target, tasks: &mut Tasks) -> Result<()> {
    let left = Cell::new(MANY);
    let before = target.process.cpu()?;
    let started = Instant::now();
    let callers = (0..AT_ONCE).map(|_| async {
        let mut connection = target.connect().await?;
        while let Some(less) = left.get().checked_sub(1) {
            left.set(less);
            target.task(&mut connection, "steps=0").await?;
        }
        anyhow::Ok(())
    });
    try_join_all(callers).await?;
    let took = started.elapsed();
    let cpu = target.process.cpu()?.saturating_sub(before);
    let per_second = MANY as f64 / took.as_secs_f64();
    if per_second > tasks.per_second {
        tasks.per_second = per_second;
        tasks.cpu_us = micros(cpu) / MANY as f64;
    }
    Ok(())
}
