//! When keys were last used: noted on each request without waiting, written now and then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use model::{ApiKeyId, Timestamp};
use store::{KeyUse, Store};

/// Keys and addresses noted between two writes; more are dropped rather than waited for.
const MAX_NOTED: usize = 4096;

/// The latest use of each key from each address since the last write.
#[derive(Debug, Default)]
pub(crate) struct LastUsed {
    uses: Mutex<HashMap<(ApiKeyId, Option<IpAddr>), Timestamp>>,
}

impl LastUsed {
    pub(crate) fn note(&self, id: ApiKeyId, at: Timestamp, peer: Option<IpAddr>) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MAX_NOTED || uses.contains_key(&(id, peer)) {
            uses.insert((id, peer), at);
        }
    }

    /// Writes what was noted; says how much that was. What a failing database refuses is lost: the
    /// next use is noted again.
    pub(crate) async fn flush(&self, store: &Store) -> Result<usize, store::Error> {
        let uses = {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *uses)
        };
        if uses.is_empty() {
            return Ok(0);
        }
        let uses: Vec<_> = uses
            .into_iter()
            .map(|((id, peer), at)| KeyUse {
                id,
                at,
                ip: peer.map(|peer| peer.to_string()),
            })
            .collect();
        let count = uses.len();
        store.touch_api_keys(uses).await?;
        Ok(count)
    }
}
