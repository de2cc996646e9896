//! Texts of any characters, and every kind of journal row.

use model::{
    ApprovalOutcome, AttachedFile, CallId, Compacted, ConversationId, Egress, EgressDecision,
    FinishReason, JournalEvent, MessageId, ModelTurn, NoticeStatus, OsRandom, RunErrorCode,
    RunNumber, RunOutcome, RunStarted, Seq, SessionId, Thought, ToolCall, ToolDecided,
    ToolFinished, ToolStatus, Usage, UserMessage,
};

use crate::support::{Fixture, append, new_task};

conformance![
    any_text_comes_back_as_it_was,
    every_kind_of_row_comes_back_as_it_was,
    a_large_row_comes_back_as_it_was,
];

const TEXT: &str =
    "a\0b \u{1F980} \u{10FFFF} \u{feff} \r\n \"quoted\\\" ' ; DROP TABLE tasks; -- $1";

async fn any_text_comes_back_as_it_was(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let mut new = new_task(&scope, 1_000);
    new.task.message = TEXT.to_owned();
    new.task.system_prompt = Some(TEXT.to_owned());
    new.task.env = Some(serde_json::json!({ "A": TEXT }));
    new.task.metadata = Some(serde_json::json!({ TEXT: TEXT }));
    new.task.secret_names = vec![TEXT.to_owned()];
    new.task.error = Some(TEXT.to_owned());
    new.first_event.content = TEXT.to_owned();
    let (made, first) = (new.task.clone(), new.first_event.clone());
    fixture.store.insert_task(new).await.unwrap();
    let found = fixture.store.find_task_with_run(&scope, made.id).await;
    let (task, rows) = found.unwrap().unwrap();
    assert_eq!(task, made);
    assert_eq!(rows[0].event, JournalEvent::UserMessage(first));
}

fn turn() -> ModelTurn {
    ModelTurn {
        turn: 2,
        text: TEXT.to_owned(),
        continues: true,
        thoughts: vec![Thought {
            subject: TEXT.to_owned(),
            description: TEXT.to_owned(),
        }],
        tool_calls: vec![ToolCall {
            call_id: CallId::new(TEXT),
            name: TEXT.to_owned(),
            args: serde_json::json!({ "z": 1, "a": [TEXT, 1.5, null] }),
        }],
        finish: FinishReason::ToolCalls,
        usage: Usage {
            input_tokens: 1,
            output_tokens: 2,
            cached_tokens: 3,
        },
        provider_state: serde_json::json!({ "signature": TEXT }),
    }
}

fn egress() -> Egress {
    Egress {
        call_id: Some(CallId::new(TEXT)),
        host: TEXT.to_owned(),
        port: u16::MAX,
        decision: EgressDecision::Refused,
        reason: Some(TEXT.to_owned()),
        connections: u64::MAX,
        sent_bytes: u64::MAX,
        received_bytes: u64::MAX,
        left_out: u64::MAX,
    }
}

fn one_of_each() -> Vec<JournalEvent> {
    let call_id = CallId::new(TEXT);
    vec![
        JournalEvent::UserMessage(UserMessage {
            message_id: MessageId::new("m"),
            content: TEXT.to_owned(),
            attached_files: vec![AttachedFile {
                name: TEXT.to_owned(),
                path: TEXT.to_owned(),
            }],
            secret_names: vec![TEXT.to_owned()],
        }),
        JournalEvent::RunStarted(RunStarted {
            session_id: SessionId::generate(&OsRandom),
            conversation_id: ConversationId::new("c"),
            model: "demo/demo".to_owned(),
            secret_names: vec![TEXT.to_owned()],
        }),
        JournalEvent::RunResumed { attempt: 7 },
        JournalEvent::Notice {
            status: NoticeStatus::Retrying,
            message: TEXT.to_owned(),
        },
        JournalEvent::Compacted(Compacted {
            from_run: RunNumber::FIRST,
            through_turn: 1,
            summary: TEXT.to_owned(),
            usage: Usage::default(),
            output_bytes: Some(512),
        }),
        JournalEvent::ModelTurn(turn()),
        JournalEvent::ToolWaiting {
            call_id: call_id.clone(),
        },
        JournalEvent::ToolDecided(ToolDecided {
            call_id: call_id.clone(),
            outcome: ApprovalOutcome::ProceedAlways,
            reason: Some(TEXT.to_owned()),
            args: Some(serde_json::json!([TEXT])),
            session_id: None,
        }),
        JournalEvent::ToolStarted {
            call_id: call_id.clone(),
        },
        JournalEvent::ToolFinished(ToolFinished {
            call_id,
            status: ToolStatus::Error,
            output: TEXT.to_owned(),
            error: Some(TEXT.to_owned()),
        }),
        JournalEvent::Egress(egress()),
        JournalEvent::RunFinished(RunOutcome::Failed {
            code: RunErrorCode::Interrupted,
            message: TEXT.to_owned(),
        }),
    ]
}

async fn every_kind_of_row_comes_back_as_it_was(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let events = one_of_each();
    let kinds: std::collections::HashSet<_> = events.iter().map(JournalEvent::kind).collect();
    assert_eq!(kinds, JournalEvent::KINDS.into_iter().collect());
    let mut step = append(id, RunNumber::FIRST, 1);
    step.events.clone_from(&events);
    fixture.store.append(step).await.unwrap();
    let rows = fixture.store.unscoped_list_rows(id, Seq(1)).await.unwrap();
    let found: Vec<_> = rows.into_iter().map(|row| row.event).collect();
    assert_eq!(found, events);
}

async fn a_large_row_comes_back_as_it_was(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1_000).await;
    let large = JournalEvent::ToolFinished(ToolFinished {
        call_id: CallId::new("c"),
        status: ToolStatus::Success,
        output: "0123456789\0\u{1F980}".repeat(200_000),
        error: None,
    });
    let mut step = append(id, RunNumber::FIRST, 1);
    step.events = vec![large.clone()];
    fixture.store.append(step).await.unwrap();
    let rows = fixture.store.unscoped_list_rows(id, Seq(1)).await.unwrap();
    assert!(rows.into_iter().map(|row| row.event).eq([large]));
}
