//! Repeated requests get the first one's answer. While the first is in flight, and for another
//! request under the same key, the answer is a conflict.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use model::Timestamp;
use store::{IdempotencyEntry, Store};

use crate::Error;

/// Milliseconds that an answer is kept.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// What a caller calls a request, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose request: keys of two callers never meet.
    pub caller: String,
    /// The `Idempotency-Key` header.
    pub key: String,
    /// Path, fields and files of the request, hashed.
    pub fingerprint: String,
}

/// The requests in flight.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<(String, String)>>>);

/// A request that may go ahead; while it lives, no other with its key may.
#[derive(Debug)]
pub(crate) struct Claim {
    in_flight: InFlight,
    request: Idempotency,
}

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is new.
    Fresh(Option<Claim>),
    /// It was answered before, with this.
    Kept(String),
}

impl InFlight {
    /// Admits a request, or finds the answer that it was given before.
    pub(crate) async fn admit(
        &self,
        store: &Store,
        request: Option<Idempotency>,
        now: Timestamp,
    ) -> Result<Admission, Error> {
        let Some(request) = request else {
            return Ok(Admission::Fresh(None));
        };
        let name = (request.caller.clone(), request.key.clone());
        if !self.lock().insert(name) {
            return Err(Error::IdempotencyConflict);
        }
        let claim = Claim {
            in_flight: self.clone(),
            request,
        };
        let kept = store
            .find_idempotency(&claim.request.caller, &claim.request.key, now)
            .await?;
        match kept {
            None => Ok(Admission::Fresh(Some(claim))),
            Some(kept) if kept.fingerprint == claim.request.fingerprint => {
                Ok(Admission::Kept(kept.response))
            }
            Some(_) => Err(Error::IdempotencyConflict),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.0
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl Claim {
    /// The entry that keeps `response`, written together with what it tells of.
    pub(crate) fn entry(&self, response: &str, now: Timestamp) -> IdempotencyEntry {
        IdempotencyEntry {
            caller: self.request.caller.clone(),
            key: self.request.key.clone(),
            fingerprint: self.request.fingerprint.clone(),
            response: response.to_owned(),
            expires_at: now.plus_millis(KEPT_MS),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let name = (self.request.caller.clone(), self.request.key.clone());
        self.in_flight.lock().remove(&name);
    }
}
