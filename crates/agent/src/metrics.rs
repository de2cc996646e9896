//! What is counted of runs at work: requests to models, and tool calls. Labels come from lists of
//! the operator's and the server's own, never from a caller or a model.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use llm::{ModelError, TurnEvent};
use model::Usage;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

/// Seconds, from a scripted answer to the longest command.
const BUCKETS: [f64; 12] = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 180.0, 600.0,
];
/// The label of a tool that does not exist: its name is the model's invention.
const OTHER: &str = "other";

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// Counts for every run that it is given to. Clones count together.
#[derive(Debug, Clone)]
pub struct AgentMetrics {
    asked: Times<ModelLabels>,
    first: Times<ModelLabel>,
    tokens: Family<TokenLabels, Counter>,
    calls: Times<CallLabels>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabel {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    model: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    tool: String,
    outcome: &'static str,
}

fn times<L: Clone + std::hash::Hash + Eq>() -> Times<L> {
    Family::new_with_constructor(|| Histogram::new(BUCKETS))
}

impl Default for AgentMetrics {
    fn default() -> Self {
        Self {
            asked: times(),
            first: times(),
            tokens: Family::default(),
            calls: times(),
        }
    }
}

impl AgentMetrics {
    /// Lets operators see what is counted here.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "model_request",
            "Time of a request to a model, from its first byte to its end",
            Unit::Seconds,
            self.asked.clone(),
        );
        registry.register_with_unit(
            "model_first_piece",
            "Time from a request to a model to the first piece of its answer",
            Unit::Seconds,
            self.first.clone(),
        );
        registry.register(
            "model_tokens",
            "Tokens as the provider counted them",
            self.tokens.clone(),
        );
        registry.register_with_unit(
            "tool_call",
            "Time of a tool call that was run",
            Unit::Seconds,
            self.calls.clone(),
        );
    }

    /// Passes an answer on and times its first piece.
    pub(crate) fn time_first<S>(
        &self,
        model: &str,
        answer: S,
    ) -> impl Stream<Item = S::Item> + use<S>
    where
        S: Stream<Item = Result<TurnEvent, ModelError>>,
    {
        let started = Instant::now();
        let label = ModelLabel {
            model: model.to_owned(),
        };
        let mut unseen = Some((self.first.clone(), label));
        answer.inspect(move |event| {
            if let Ok(_) = event
                && let Some((first, label)) = unseen.take()
            {
                let took = started.elapsed();
                first.get_or_create(&label).observe(took.as_secs_f64());
            }
        })
    }

    pub(crate) fn asked(&self, model: &str, outcome: &'static str, took: Duration) {
        let labels = ModelLabels {
            model: model.to_owned(),
            outcome,
        };
        self.asked
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    pub(crate) fn used(&self, model: &str, usage: Usage) {
        let kinds = [
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cached", usage.cached_tokens),
        ];
        for (kind, count) in kinds {
            let model = model.to_owned();
            self.tokens
                .get_or_create(&TokenLabels { model, kind })
                .inc_by(count);
        }
    }

    /// `tool` is its own name, if there is such a tool.
    pub(crate) fn called(&self, tool: Option<&str>, outcome: &'static str, took: Duration) {
        let labels = CallLabels {
            tool: tool.unwrap_or(OTHER).to_owned(),
            outcome,
        };
        self.calls
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }
}
