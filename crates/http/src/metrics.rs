//! What is counted of requests, and the page that shows everything that is counted. It has a
//! listener of its own: callers of the API never see it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tasks::Tasks;

/// Seconds until the head of an answer.
const BUCKETS: [f64; 11] = [
    0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0,
];
/// What stands for the route of a request that has none, and for a method that no route has.
const NONE: &str = "none";

/// Counts requests and readers. Clones count together.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    answered: Family<AnswerLabels, Counter>,
    took: Family<RouteLabels, Histogram, fn() -> Histogram>,
    readers: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    method: &'static str,
    route: String,
    status: u16,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            answered: Family::default(),
            took: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            readers: Gauge::default(),
        }
    }
}

impl HttpMetrics {
    /// Lets operators see what is counted here.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests that were answered",
            self.answered.clone(),
        );
        registry.register_with_unit(
            "http_request",
            "Time from a request's head to the head of its answer",
            Unit::Seconds,
            self.took.clone(),
        );
        registry.register(
            "stream_readers",
            "Event streams that are open",
            self.readers.clone(),
        );
    }

    /// Counts an answer; `route` is a template of ours, never a path.
    pub(crate) fn answered(
        &self,
        method: &Method,
        route: Option<String>,
        status: StatusCode,
        took: Duration,
    ) {
        let method = name_of(method);
        let route = route.unwrap_or_else(|| NONE.to_owned());
        let labels = RouteLabels { method, route };
        self.took.get_or_create(&labels).observe(took.as_secs_f64());
        let labels = AnswerLabels {
            method,
            route: labels.route,
            status: status.as_u16(),
        };
        self.answered.get_or_create(&labels).inc();
    }

    /// Counts a reader until it is dropped.
    pub(crate) fn reader(&self) -> CountedReader {
        self.readers.inc();
        CountedReader(self.readers.clone())
    }
}

/// A caller may send any word as its method.
fn name_of(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let named = |name: &&&str| **name == method.as_str();
    known.iter().find(named).copied().unwrap_or(NONE)
}

/// See [`HttpMetrics::reader`].
#[derive(Debug)]
pub(crate) struct CountedReader(Gauge);

impl Drop for CountedReader {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// `GET /metrics` in Prometheus' text format, and nothing else.
pub fn metrics_router(registry: Registry, tasks: Tasks) -> Router {
    Router::new()
        .route("/metrics", get(get_metrics))
        .with_state(Arc::new((registry, tasks)))
}

async fn get_metrics(State(shown): State<Arc<(Registry, Tasks)>>) -> Response {
    let (registry, tasks) = &*shown;
    tasks.refresh_metrics().await;
    let mut text = String::new();
    if encode(&mut text, registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
