//! What a run is busy with, and since when.

use std::time::{Duration, Instant};

use client::{CallStatus, ServerEvent};

use super::one_line;

/// Characters of a tool's name that are shown; the rest of the line is short.
const NAME_CHARS: usize = 40;

#[derive(Debug, Default)]
pub(super) struct Progress {
    calls: Vec<Running>,
    /// How many calls wait for somebody's decision.
    waiting: Vec<String>,
    /// Since when the model is waited for.
    thinking: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    call_id: String,
    name: String,
    since: Instant,
}

impl Progress {
    /// Notes an event; how long it took, if it ends a call that was seen to begin.
    pub(super) fn note(&mut self, event: &ServerEvent, now: Instant) -> Option<String> {
        let ended = match event {
            ServerEvent::ToolCall {
                call_id,
                tool_name,
                status,
                ..
            } => {
                self.waiting.retain(|waiting| waiting != call_id);
                if *status == CallStatus::AwaitingApproval {
                    self.waiting.push(call_id.clone());
                } else {
                    self.calls.push(Running {
                        call_id: call_id.clone(),
                        name: one_line(tool_name, NAME_CHARS),
                        since: now,
                    });
                }
                None
            }
            ServerEvent::ToolResult { call_id, .. } => {
                self.waiting.retain(|waiting| waiting != call_id);
                let at = self.calls.iter().position(|call| call.call_id == *call_id);
                at.map(|at| elapsed(now - self.calls.remove(at).since))
            }
            ServerEvent::Done { .. } | ServerEvent::Error { .. } => {
                *self = Self::default();
                return None;
            }
            ServerEvent::HistoryMessage(_)
            | ServerEvent::HistoryDone { .. }
            | ServerEvent::Status { .. }
            | ServerEvent::Thought(_)
            | ServerEvent::Content { .. }
            | ServerEvent::Unknown { .. } => None,
        };
        self.thinking = Some(now);
        ended
    }

    /// In a few words; nothing while somebody is asked, before it began and after it ended.
    pub(super) fn going_on(&self, now: Instant) -> Option<String> {
        if let Some(first) = self.calls.first() {
            let more = match self.calls.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            return Some(format!(
                "{}{more}, {}",
                first.name,
                elapsed(now - first.since)
            ));
        }
        if !self.waiting.is_empty() {
            return None;
        }
        let since = self.thinking?;
        Some(format!("thinking, {}", elapsed(now - since)))
    }
}

/// A time for people: tenths of a second as long as they count.
fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 if time.subsec_millis() >= 100 => format!("{:.1} s", time.as_secs_f64()),
        0 => format!("{} ms", time.subsec_millis()),
        1..60 => format!("{seconds} s"),
        60.. => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
