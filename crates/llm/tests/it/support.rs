use std::error::Error;
use std::sync::Arc;

use futures_util::StreamExt;
use llm::{
    ApiKey, HttpConfig, Message, ModelError, Models, ModelsConfig, OpenAiConfig, ProposedCall,
    TurnEvent, TurnRequest,
};
use model::{CallId, Clock, FinishReason, Timestamp, ToolCall, ToolStatus, Usage};
use serde_json::Value;
use testkit::ModelServer;

/// Never in an error, a log or a debug print.
pub(crate) const KEY: &str = "sk-test-0123456789abcdef";

/// 2026-01-02T03:04:05Z, for ever.
#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::parse_iso("2026-01-02T03:04:05Z").expect("a moment")
    }
}

/// What a turn gave, text and thoughts joined.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) pieces: Vec<String>,
    pub(crate) thought: String,
    pub(crate) calls: Vec<ProposedCall>,
    pub(crate) finished: Option<(FinishReason, Usage, Value)>,
    pub(crate) error: Option<ModelError>,
}

impl Outcome {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    #[track_caller]
    pub(crate) fn finish(&self) -> FinishReason {
        assert!(self.error.is_none(), "{:?}", self.error);
        self.finished.as_ref().expect("a finished turn").0
    }
}

pub(crate) fn models(base_url: &str, http: HttpConfig) -> Models {
    models_of(ModelsConfig {
        default: Some("openai/scripted".to_owned()),
        http,
        openai: Some(OpenAiConfig {
            base_url: base_url.to_owned(),
            api_key: Some(ApiKey::new(KEY)),
        }),
        ..ModelsConfig::default()
    })
}

pub(crate) fn models_of(config: ModelsConfig) -> Models {
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
    Models::new(&config, &clock).expect("a good configuration")
}

/// The base URL of a server without the version.
pub(crate) fn root_url(server: &ModelServer) -> String {
    server.base_url().trim_end_matches("/v1").to_owned()
}

/// The variant of an error, and everything that could end up in a log about it.
pub(crate) fn shown(error: &ModelError) -> (String, String) {
    let debug = format!("{error:?}");
    let kind = debug
        .split([' ', '('])
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut shown = format!("{error} {debug}");
    let mut source = error.source();
    while let Some(inner) = source {
        shown.push_str(&format!(" {inner} {inner:?}"));
        source = inner.source();
    }
    (kind, shown)
}

/// A turn in which the user says `text` and nothing is offered.
pub(crate) fn says(text: &str) -> TurnRequest {
    TurnRequest {
        model: String::new(),
        system: "You are a test.".to_owned(),
        messages: vec![Message::User {
            text: text.to_owned(),
        }],
        tools: Vec::new(),
        max_output_tokens: None,
        temperature: None,
    }
}

pub(crate) async fn ask(models: &Models, mut request: TurnRequest) -> Outcome {
    let model = models.resolve(None).expect("a default model");
    request.model = model.model;
    let mut events = model.provider.stream(request);
    let mut outcome = Outcome::default();
    while let Some(event) = events.next().await {
        assert!(outcome.finished.is_none() && outcome.error.is_none());
        match event {
            Ok(TurnEvent::Text(text)) => outcome.pieces.push(text),
            Ok(TurnEvent::Thought(text)) => outcome.thought.push_str(&text),
            Ok(TurnEvent::ToolCall(call)) => outcome.calls.push(call),
            Ok(TurnEvent::Finished {
                finish,
                usage,
                provider_state,
            }) => outcome.finished = Some((finish, usage, provider_state)),
            Err(error) => outcome.error = Some(error),
        }
    }
    outcome
}

/// Asks a server once, with limits that fit a test.
pub(crate) async fn ask_server(server: &ModelServer) -> Outcome {
    ask(
        &models(&server.base_url(), HttpConfig::default()),
        says("Hi"),
    )
    .await
}

/// The next request of a conversation: the turn, and an output for each of its calls.
pub(crate) fn answered(
    mut request: TurnRequest,
    outcome: &Outcome,
    outputs: &[(&str, ToolStatus)],
) -> TurnRequest {
    let calls: Vec<_> = outcome
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| ToolCall {
            call_id: CallId::new(call.id.clone().unwrap_or_else(|| format!("ls-{index}"))),
            name: call.name.clone(),
            args: call.args.clone(),
        })
        .collect();
    let results = calls
        .iter()
        .zip(outputs)
        .map(|(call, (output, status))| Message::Tool {
            call_id: call.call_id.clone(),
            name: call.name.clone(),
            output: (*output).to_owned(),
            status: *status,
        });
    let results: Vec<_> = results.collect();
    request.messages.push(Message::Assistant {
        text: outcome.text(),
        thoughts: Vec::new(),
        tool_calls: calls,
        provider_state: outcome
            .finished
            .as_ref()
            .expect("a finished turn")
            .2
            .clone(),
    });
    request.messages.extend(results);
    request
}
