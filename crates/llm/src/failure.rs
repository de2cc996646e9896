//! What a provider's refusal means: HTTP statuses and error objects, sorted into [`ModelError`].
//! The three wires write errors alike enough to be read in one place.

use model::Timestamp;
use serde_json::Value;

use crate::{ApiKey, ModelError, json};

/// The longest excerpt of a provider's message, in characters.
const EXCERPT_CHARS: usize = 300;

/// What is known about a failed request.
#[derive(Debug, Default)]
pub(crate) struct Failure<'a> {
    /// The HTTP status; absent for an error inside a stream that began well.
    pub(crate) status: Option<u16>,
    /// See [`retry_after_ms`].
    pub(crate) retry_after_ms: Option<u64>,
    /// Must not appear in the message.
    pub(crate) key: Option<&'a ApiKey>,
}

/// What an error object says.
#[derive(Debug, Default)]
struct Said {
    message: String,
    /// Its `code`, `type` and `status`, and what its `details` say under `reason` and `quotaId`;
    /// lower case.
    codes: Vec<String>,
    /// How long the `details` ask to wait.
    retry_after_ms: Option<u64>,
    /// A `code` that is an HTTP status, as gateways send it inside streams.
    status: Option<u16>,
}

impl Failure<'_> {
    /// The error that a body, as text, stands for.
    pub(crate) fn read_body(&self, body: &str) -> ModelError {
        let said = json::parse::<Value>(body).map_or_else(
            |_| Said {
                message: body.to_owned(),
                ..Said::default()
            },
            |value| {
                // Gemini answers some streams with a list of one.
                let value = value.get(0).unwrap_or(&value);
                read_error(value.get("error").unwrap_or(value))
            },
        );
        self.sort(said)
    }

    /// The error that an `error` member stands for.
    pub(crate) fn read_object(&self, error: &Value) -> ModelError {
        self.sort(read_error(error))
    }

    fn sort(&self, said: Said) -> ModelError {
        let message = self.excerpt(&said.message);
        let status = self.status.or(said.status);
        let retry_after_ms = self.retry_after_ms.or(said.retry_after_ms);
        if said.is_out_of_quota() || status == Some(402) {
            return ModelError::QuotaExhausted { message };
        }
        if said.is_overflow() || status == Some(413) {
            return ModelError::ContextOverflow;
        }
        if let (Some(status), true) = (status, said.has(&["api_key_invalid"])) {
            return ModelError::Denied { status };
        }
        if said.has(&["content_filter", "content_policy_violation"]) {
            return ModelError::Refused { message };
        }
        match status {
            Some(status @ (401 | 403)) => ModelError::Denied { status },
            Some(429) => ModelError::RateLimited { retry_after_ms },
            Some(408 | 425 | 500..) => ModelError::Unavailable {
                status,
                retry_after_ms,
                message,
                source: None,
            },
            Some(300..=399) => ModelError::Invalid {
                status,
                message: "it answers with a redirect, which is not followed".to_owned(),
            },
            Some(_) => ModelError::Invalid { status, message },
            None => said.without_status(message, retry_after_ms),
        }
    }

    /// One line, short, without the key.
    pub(crate) fn excerpt(&self, message: &str) -> String {
        let secret = self.key.map_or("", ApiKey::expose_secret);
        // A shorter one is no secret, and would take words apart.
        let message = if secret.len() < 8 {
            message.to_owned()
        } else {
            message.replace(secret, "[key]")
        };
        let words: Vec<_> = message.split_whitespace().collect();
        words
            .join(" ")
            .chars()
            .filter(|character| !character.is_control())
            .take(EXCERPT_CHARS)
            .collect()
    }
}

const QUOTA_CODES: [&str; 6] = [
    "billing_error",
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "quota_exceeded",
    "insufficient_balance",
];

/// How Anthropic, which has one code for every bad request, says that the account is empty or that
/// its own limit is reached.
const QUOTA_PHRASES: [&str; 2] = [
    "credit balance is too low",
    "reached your specified api usage limits",
];

/// How servers without codes say that the context is full: OpenAI and vLLM, llama.cpp, Anthropic
/// (twice: the prompt, and the prompt with the longest answer), Gemini, in this order.
const OVERFLOW_PHRASES: [&str; 6] = [
    "maximum context length",
    "available context size",
    "prompt is too long",
    "exceed context limit",
    "exceeds the maximum number of tokens",
    "exceed_context_size_error",
];

impl Said {
    fn has(&self, codes: &[&str]) -> bool {
        self.codes.iter().any(|code| codes.contains(&code.as_str()))
    }

    fn is_out_of_quota(&self) -> bool {
        // Gemini has one code for every quota; only that of a day outlasts all patience.
        let is_daily = |code: &String| code.contains("perday");
        self.has(&QUOTA_CODES) || self.says(&QUOTA_PHRASES) || self.codes.iter().any(is_daily)
    }

    fn is_overflow(&self) -> bool {
        self.has(&["context_length_exceeded", "exceed_context_size_error"])
            || self.says(&OVERFLOW_PHRASES)
    }

    fn says(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    }

    /// An error inside a stream, by its code alone. What is not known is taken for a fault of the
    /// provider's: the request itself was accepted.
    fn without_status(&self, message: String, retry_after_ms: Option<u64>) -> ModelError {
        if self.has(&[
            "rate_limit_exceeded",
            "rate_limit_error",
            "resource_exhausted",
        ]) {
            ModelError::RateLimited { retry_after_ms }
        } else if self.has(&["authentication_error"]) {
            ModelError::Denied { status: 401 }
        } else if self.has(&["permission_error"]) {
            ModelError::Denied { status: 403 }
        } else if self.has(&["invalid_request_error", "invalid_argument"]) {
            ModelError::Invalid {
                status: None,
                message,
            }
        } else {
            ModelError::Unavailable {
                status: None,
                retry_after_ms,
                message,
                source: None,
            }
        }
    }
}

fn read_error(error: &Value) -> Said {
    if let Value::String(message) = error {
        return Said {
            message: message.clone(),
            ..Said::default()
        };
    }
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let status = error
        .get("code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code));
    let details = || {
        error
            .get("details")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let violations = details()
        .filter_map(|detail| detail.get("violations")?.as_array())
        .flatten()
        .filter_map(|violation| violation.get("quotaId")?.as_str());
    let reasons = details().filter_map(|detail| detail.get("reason")?.as_str());
    Said {
        message: text("message").unwrap_or_default().to_owned(),
        codes: ["code", "type", "status"]
            .into_iter()
            .filter_map(text)
            .chain(reasons)
            .chain(violations)
            .map(str::to_lowercase)
            .collect(),
        retry_after_ms: details()
            .filter_map(|detail| detail.get("retryDelay")?.as_str())
            .find_map(|delay| millis(delay.strip_suffix('s')?.parse::<f64>().ok()? * 1_000.0)),
        status,
    }
}

/// How long a `Retry-After` asks to wait at `now`: seconds (with a fraction, as some send it) or
/// an HTTP date. `None` for what is neither; a date that has passed asks for nothing.
pub(crate) fn retry_after_ms(value: &str, now: Timestamp) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return millis(seconds * 1_000.0);
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let at = Timestamp::from_millis(date.timestamp().as_millisecond());
    Some(u64::try_from(at.millis_since(now)).unwrap_or(0))
}

/// A number of milliseconds from a header, if it is one.
pub(crate) fn millis(value: f64) -> Option<u64> {
    // A float cast saturates.
    (value.is_finite() && value >= 0.0).then(|| value.ceil() as u64)
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
