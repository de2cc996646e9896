//! Nobody gives away more than they have: what a key of class `management` may hand on to others
//! of its class.

use ipnet::IpNet;
use model::{Scope, Timestamp};
use store::ApiKey;

/// What a key of class `management` may do, from where and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// From where; empty: from everywhere.
    pub cidrs: Vec<String>,
    /// Until when; `None`: for ever.
    pub expires_at: Option<Timestamp>,
}

impl From<&ApiKey> for Reach {
    fn from(key: &ApiKey) -> Self {
        Self {
            scopes: key.scopes.clone(),
            cidrs: key.cidrs.clone(),
            expires_at: key.expires_at,
        }
    }
}

impl Reach {
    /// Everything that a key of the class may do.
    pub fn of_class() -> Self {
        let scopes = Scope::ALL.into_iter();
        Self {
            scopes: scopes
                .filter(|scope| !Scope::TASKS.contains(scope))
                .collect(),
            cidrs: Vec::new(),
            expires_at: None,
        }
    }

    /// Whether `other` reaches no further than this in any respect.
    pub fn covers(&self, other: &Self) -> bool {
        let scopes = other.scopes.iter().all(|scope| self.scopes.contains(scope));
        let time = self
            .expires_at
            .is_none_or(|end| other.expires_at.is_some_and(|theirs| theirs <= end));
        scopes && time && self.covers_networks(&other.cidrs)
    }

    fn covers_networks(&self, cidrs: &[String]) -> bool {
        let mine: Vec<IpNet> = self.cidrs.iter().flat_map(|cidr| cidr.parse()).collect();
        let within = |cidr: &String| {
            let net = cidr.parse::<IpNet>();
            net.is_ok_and(|net| mine.iter().any(|mine| mine.contains(&net)))
        };
        self.cidrs.is_empty() || (!cidrs.is_empty() && cidrs.iter().all(within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(cidrs: &[&str], expires_at: Option<i64>) -> Reach {
        Reach {
            scopes: vec![Scope::KeysManage],
            cidrs: cidrs.iter().map(|cidr| (*cidr).to_owned()).collect(),
            expires_at: expires_at.map(Timestamp::from_millis),
        }
    }

    #[test]
    fn a_reach_covers_what_is_within_it() {
        let free = reach(&[], None);
        let bound = reach(&["10.0.0.0/8", "2001:db8::/32"], Some(9_000));
        assert!(free.covers(&free) && free.covers(&bound) && bound.covers(&bound));
        assert!(bound.covers(&reach(&["10.1.0.0/16", "2001:db8:1::/48"], Some(8_000))));
        for further in [
            reach(&["10.1.0.0/16"], None),
            reach(&["10.1.0.0/16"], Some(9_001)),
            reach(&[], Some(9_000)),
            reach(&["0.0.0.0/0"], Some(9_000)),
            reach(&["10.1.0.0/16", "11.0.0.0/8"], Some(9_000)),
            reach(&["10"], Some(9_000)),
        ] {
            assert!(!bound.covers(&further), "{further:?}");
        }
        let more = Reach {
            scopes: vec![Scope::KeysManage, Scope::AppsManage],
            ..free.clone()
        };
        assert!(more.covers(&free) && !free.covers(&more));
    }
}
