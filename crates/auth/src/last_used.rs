//! When keys were last used: noted on each request without waiting, written now and then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use model::{ApiKeyId, Timestamp};
use store::{KeyUse, Store};

use crate::limits::source_network;

/// Keys noted between two writes; more are dropped rather than waited for.
const MAX_KEYS: usize = 16_384;
/// Addresses of one key noted between two writes, as many as are kept: no tenant takes up the room
/// of another.
const MAX_ADDRESSES: usize = 20;

/// The latest use of a key from each address.
type Uses = HashMap<Option<IpAddr>, Timestamp>;

/// The latest uses of each key since the last write. An IPv6 address counts as its network of 64
/// bits: whoever has one has all, and would be seen as ever another.
#[derive(Debug, Default)]
pub(crate) struct LastUsed {
    keys: Mutex<HashMap<ApiKeyId, Uses>>,
}

impl LastUsed {
    pub(crate) fn note(&self, id: ApiKeyId, at: Timestamp, peer: Option<IpAddr>) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MAX_KEYS && !keys.contains_key(&id) {
            return;
        }
        let uses = keys.entry(id).or_default();
        let peer = peer.map(source_network);
        if uses.len() >= MAX_ADDRESSES && !uses.contains_key(&peer) {
            let oldest = uses.iter().min_by_key(|(_, at)| **at);
            let oldest = oldest.map(|(address, _)| *address);
            oldest.and_then(|address| uses.remove(&address));
        }
        uses.insert(peer, at);
    }

    /// Writes what was noted; says how much that was. What a failing database refuses is lost: the
    /// next use is noted again.
    pub(crate) async fn flush(&self, store: &Store) -> Result<usize, store::Error> {
        let uses = self.take();
        if uses.is_empty() {
            return Ok(0);
        }
        let count = uses.len();
        store.touch_api_keys(uses).await?;
        Ok(count)
    }

    fn take(&self) -> Vec<KeyUse> {
        let keys = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *keys)
        };
        let of_key = |(id, uses): (ApiKeyId, Uses)| {
            uses.into_iter().map(move |(peer, at)| KeyUse {
                id,
                at,
                ip: peer.map(shown),
            })
        };
        keys.into_iter().flat_map(of_key).collect()
    }
}

/// A network of IPv6 is written as such.
fn shown(peer: IpAddr) -> String {
    match peer {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(network) => format!("{network}/64"),
    }
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;

    #[test]
    fn one_key_takes_no_others_room() {
        let (noted, at) = (LastUsed::default(), Timestamp::from_millis);
        let (loud, quiet) = (ApiKeyId::generate(&OsRandom), ApiKeyId::generate(&OsRandom));
        for number in 0..50_000_u32 {
            let peer = IpAddr::from(std::net::Ipv4Addr::from_bits(number));
            noted.note(loud, at(i64::from(number)), Some(peer));
        }
        let peer = Some("2001:db8::1".parse().unwrap());
        noted.note(quiet, at(1), peer);
        noted.note(quiet, at(2), Some("2001:db8::2".parse().unwrap()));
        let uses = noted.take();
        let of = |id| uses.iter().filter(move |used| used.id == id);
        assert_eq!(of(loud).count(), MAX_ADDRESSES);
        assert!(of(loud).all(|used| used.at >= at(49_980)), "the latest");
        let quiet: Vec<_> = of(quiet).collect();
        assert_eq!(quiet.len(), 1);
        assert_eq!(quiet[0].ip.as_deref(), Some("2001:db8::/64"));
        assert_eq!(quiet[0].at, at(2));
    }
}
