//! What a worker does when somebody decides while it writes.

use std::path::PathBuf;

use async_trait::async_trait;
use llm::{Models, ModelsConfig};
use model::{
    ApprovalOutcome, FinishReason, ModelTurn, OsRandom, Seq, SystemClock, ToolCall, ToolDecided,
    TurnDelta, Usage,
};
use sandbox::{
    EgressConnector, EgressPolicy, Limits, NetworkMode, Owner, ProbeReport, Sandbox, SandboxEngine,
    SandboxError, SandboxSpec, SystemResolver,
};
use serde_json::{Value, json};

use super::*;
use crate::{JournalError, NoMask, SessionConfig, Variables, Web, stop_pair};

/// The tools of these tests run no command.
#[derive(Debug)]
struct NoEngine;

#[async_trait]
impl SandboxEngine for NoEngine {
    fn workspace_owner(&self, _number: u32) -> Owner {
        Owner::Server
    }

    async fn probe(&self) -> ProbeReport {
        unreachable!("no command runs")
    }

    async fn create(&self, _spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        unreachable!("no command runs")
    }
}

/// A journal in which a person's decision arrives with the first result that is written.
struct Crossing {
    decision: Option<JournalRow>,
    written: Vec<JournalEvent>,
}

#[async_trait]
impl Journal for Crossing {
    async fn append(&mut self, events: Vec<JournalEvent>) -> Result<Vec<JournalRow>, JournalError> {
        let has_result = events
            .iter()
            .any(|event| matches!(event, JournalEvent::ToolFinished(_)));
        self.written.extend(events);
        let foreign = if has_result {
            self.decision.take()
        } else {
            None
        };
        Ok(foreign.into_iter().collect())
    }

    async fn budget(&mut self) -> Result<Budget, JournalError> {
        Ok(Budget::Left)
    }

    async fn park(&mut self) -> Result<Parking, JournalError> {
        Ok(Parking::Parked)
    }

    fn preview(&mut self, _delta: TurnDelta) {}
}

fn call(id: &str, name: &str) -> ToolCall {
    ToolCall {
        call_id: CallId::new(id),
        name: name.to_owned(),
        args: json!({}),
    }
}

fn row(seq: i64, event: JournalEvent) -> JournalRow {
    JournalRow {
        seq: Seq(seq),
        run: RunNumber::FIRST,
        at: SystemClock.now(),
        event,
    }
}

/// A run whose first call can be answered at once (there is no such tool) while the second waits.
fn one_answerable_one_waiting() -> Vec<JournalRow> {
    let turn = ModelTurn {
        turn: 1,
        text: String::new(),
        continues: false,
        thoughts: Vec::new(),
        tool_calls: vec![call("first", "no_such_tool"), call("second", "write_file")],
        finish: FinishReason::ToolCalls,
        usage: Usage::default(),
        provider_state: Value::Null,
    };
    let call_id = CallId::new("second");
    vec![
        row(1, JournalEvent::ModelTurn(turn)),
        row(2, JournalEvent::ToolWaiting { call_id }),
    ]
}

fn session() -> ToolSession {
    ToolSession::new(SessionConfig {
        engine: Arc::new(NoEngine),
        workspace_dir: PathBuf::from("/nonexistent"),
        owner: Owner::Server,
        network: NetworkMode::None,
        limits: Limits::default(),
        label: String::new(),
        variables: Variables::default(),
        mask: Arc::new(NoMask),
        web: Arc::new(Web::new(EgressConnector::new(
            EgressPolicy::default(),
            Arc::new(SystemResolver),
        ))),
    })
}

#[tokio::test]
async fn a_decision_that_crosses_the_last_result_is_acted_on() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let models = Models::new(&ModelsConfig::default(), &clock).unwrap();
    let agent = Agent {
        tools: Arc::new(Toolbox::built_in()),
        config: AgentConfig {
            retry: RetryPolicy::default(),
            // The run ends where it would ask the model again.
            max_turns: 1,
        },
        clock,
        random: Arc::new(OsRandom),
        metrics: AgentMetrics::default(),
    };
    let (_handle, stop) = stop_pair();
    let session_id = SessionId::generate(&OsRandom);
    let input = RunInput {
        run: RunNumber::FIRST,
        session_id,
        rows: one_answerable_one_waiting(),
        model: models.resolve(None).unwrap(),
        system_prompt: None,
        auto_execute: false,
        max_turns: None,
        session: Arc::new(session()),
        stop,
    };
    let decided = ToolDecided {
        call_id: CallId::new("second"),
        outcome: ApprovalOutcome::Cancel,
        reason: None,
        args: None,
        session_id: Some(session_id),
    };
    let mut journal = Crossing {
        decision: Some(row(3, JournalEvent::ToolDecided(decided))),
        written: Vec::new(),
    };

    let exit = run(&agent, &input, &mut journal).await.unwrap();

    assert_eq!(exit, Exit::Finished);
    let ends: Vec<_> = journal
        .written
        .iter()
        .filter_map(|event| {
            let JournalEvent::ToolFinished(end) = event else {
                return None;
            };
            Some((end.call_id.as_str(), end.status))
        })
        .collect();
    let expected = [
        ("first", ToolStatus::Error),
        ("second", ToolStatus::Cancelled),
    ];
    assert_eq!(ends, expected);
}
