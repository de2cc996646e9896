//! What is metered, and how a bucket stands.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use model::{
    ApiKeyId, AppId, EndUserId, FullAt, OrganizationId, Rate, Timestamp, UserId, WidgetAppId,
};

/// What is metered of those who were let in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    /// Requests with a key.
    Key(ApiKeyId),
    /// Requests of an end user.
    EndUser(EndUserId),
    /// Requests of a person at the console.
    User(UserId),
    /// Requests of everybody of an organization.
    Organization(OrganizationId),
    /// Tokens made for an app.
    Exchange(WidgetAppId),
}

impl Bucket {
    /// The name of the policy, as callers see it.
    pub(crate) fn policy(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::EndUser(_) => "endUser",
            Self::User(_) => "user",
            Self::Organization(_) => "organization",
            Self::Exchange(_) => "exchange",
        }
    }
}

/// The name in the table that processes share.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self.policy();
        match self {
            Self::Key(id) => write!(f, "{policy}:{id}"),
            Self::EndUser(id) => write!(f, "{policy}:{id}"),
            Self::User(id) => write!(f, "{policy}:{id}"),
            Self::Organization(id) => write!(f, "{policy}:{id}"),
            Self::Exchange(id) => write!(f, "{policy}:{id}"),
        }
    }
}

/// Where refused credentials come from, or whose they pretend to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// An address, or a network of IPv6.
    Address(IpAddr),
    /// An app whose secret was guessed at.
    App(AppId),
}

/// The address as far as it tells one subscriber from another: of IPv6 the first 64 bits, because
/// whoever has one address of a network has all of them.
pub(crate) fn source_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// How a caller stands with the limit that is nearest to being reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The name of the limit.
    pub policy: &'static str,
    /// How many a minute.
    pub per_minute: i64,
    /// How many are left now.
    pub left: i64,
    /// Seconds until all of them are.
    pub full_in_s: i64,
    /// Seconds until there is one, if there is none.
    pub retry_after_s: i64,
}

impl Standing {
    pub(super) fn new(policy: &'static str, rate: Rate, full_at: FullAt, now: Timestamp) -> Self {
        Self {
            policy,
            per_minute: rate.get(),
            left: rate.left(full_at, now).max(0),
            full_in_s: rate.full_in_s(full_at, now),
            retry_after_s: rate.retry_after_s(full_at, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let source = |text: &str| source_network(text.parse().unwrap()).to_string();
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(source("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(source("192.0.2.1"), "192.0.2.1");
    }
}
