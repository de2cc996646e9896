use std::sync::Arc;

use futures_util::StreamExt;
use llm::{
    ApiKey, HttpConfig, Message, ModelError, Models, ModelsConfig, OpenAiConfig, ProposedCall,
    TurnEvent, TurnRequest,
};
use model::{Clock, FinishReason, Timestamp, Usage};
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
    let config = ModelsConfig {
        default: Some("openai/scripted".to_owned()),
        offered: Vec::new(),
        http,
        openai: Some(OpenAiConfig {
            base_url: base_url.to_owned(),
            api_key: Some(ApiKey::new(KEY)),
        }),
        ..ModelsConfig::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
    Models::new(&config, &clock).expect("a good configuration")
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
