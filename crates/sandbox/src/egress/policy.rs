//! What may be connected to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{AddressClass, classify};

/// Ports that may be reached on public hosts.
const PORTS: &[u16] = &[80, 443];

/// A host name: exact, or `*.suffix` for every name below the suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPattern(String);

impl HostPattern {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let lower = text.to_ascii_lowercase();
        host_name(name).map(|_| Self(lower.trim_end_matches('.').to_owned()))
    }

    /// `host` in lower case, without a final dot.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => self.0 == host,
        }
    }
}

/// A name or literal address in the form that is compared; absent when it is neither.
pub(super) fn host_name(text: &str) -> Option<String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = bare {
        return address
            .parse::<std::net::Ipv6Addr>()
            .ok()
            .map(|ip| ip.to_string());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
    fits.then(|| name.to_ascii_lowercase())
}

/// What the operator opens although it is not public: hosts and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    hosts: Vec<(HostPattern, Option<u16>)>,
    networks: Vec<(IpAddr, u8)>,
}

/// An entry that is neither a host nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host, `host:port`, an address nor a network such as 10.0.0.0/8")]
pub struct AllowListError(String);

impl FromStr for AllowList {
    type Err = AllowListError;

    /// Entries are separated by commas or spaces: `ollama.internal:11434, 10.1.0.0/16, *.corp`.
    fn from_str(text: &str) -> Result<Self, AllowListError> {
        let mut list = Self::default();
        for entry in text
            .split([',', ' ', '\n', '\t'])
            .filter(|word| !word.is_empty())
        {
            list.add(entry)
                .ok_or_else(|| AllowListError(entry.to_owned()))?;
        }
        Ok(list)
    }
}

impl AllowList {
    fn add(&mut self, entry: &str) -> Option<()> {
        if let Some((address, bits)) = entry.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            if bits > most {
                return None;
            }
            self.networks.push((address, bits));
            return Some(());
        }
        if let Ok(address) = entry.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            self.networks.push((address, most));
            return Some(());
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        self.hosts.push((HostPattern::parse(host)?, port));
        Some(())
    }

    fn names(&self, host: &str, port: u16) -> bool {
        self.hosts
            .iter()
            .any(|(pattern, only)| pattern.matches(host) && only.is_none_or(|only| only == port))
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|(network, bits)| within(address, *network, *bits))
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Why something may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The address is not public.
    Address(IpAddr, AddressClass),
    /// The port is not one of the web's.
    Port(u16),
    /// The host is not on the list of the sandbox.
    NotListed,
    /// The connection does not say that it is for the host whose address it used.
    Misdirected,
    /// The session's connections have passed all bytes that they may.
    Limit,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Without the address: whoever asks must not learn how names resolve inside.
            Self::Address(_, class) => write!(
                f,
                "it is at {class}; the operator can allow it with SIGMIC_ALLOW_PRIVATE_HOSTS"
            ),
            Self::Port(port) => write!(f, "port {port} is not allowed (80 and 443 are)"),
            Self::Limit => f.write_str(
                "limit: the bytes that the connections of a session may pass are used up",
            ),
            Self::NotListed => f.write_str("the host is not on the project's list"),
            Self::Misdirected => {
                f.write_str("the connection does not name the host that was asked for")
            }
        }
    }
}

/// What may be connected to: public addresses on the web's ports, and what the operator opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    allowed: AllowList,
}

impl EgressPolicy {
    /// A policy that also lets through what is on `allowed`, on any port.
    pub fn new(allowed: AllowList) -> Self {
        Self { allowed }
    }

    /// Whether `address` may be connected to, for a caller who knows nothing but the address.
    ///
    /// # Errors
    /// [`Refusal::Address`] when it is not public and not allowed.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        let class = classify(address);
        if class == AddressClass::Public || self.allowed.holds(address) {
            Ok(())
        } else {
            Err(Refusal::Address(address, class))
        }
    }

    /// Whether `address`, found for `host`, may be connected to on `port`.
    ///
    /// # Errors
    /// [`Refusal`] saying why not.
    pub fn check_target(&self, host: &str, port: u16, address: IpAddr) -> Result<(), Refusal> {
        if self.allowed.names(host, port) || self.allowed.holds(address) {
            return Ok(());
        }
        self.check(address)?;
        if PORTS.contains(&port) {
            Ok(())
        } else {
            Err(Refusal::Port(port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_the_operator_opens_is_reached_beyond_the_public() {
        let list = "ollama.internal:11434, 10.1.0.0/16 *.corp.example fd12::/16,192.168.1.5";
        let policy = EgressPolicy::new(list.parse().unwrap());
        let ask = |host: &str, port, address| policy.check_target(host, port, ip(address)).is_ok();
        assert!(ask("example.com", 443, "8.8.8.8"));
        assert!(!ask("example.com", 22, "8.8.8.8"));
        assert!(!ask("example.com", 443, "10.2.0.1"));
        assert!(!ask("example.com", 443, "127.0.0.1"));
        assert!(ask("example.com", 8080, "10.1.2.3"));
        assert!(ask("ollama.internal", 11434, "127.0.0.1"));
        assert!(!ask("ollama.internal", 443, "127.0.0.1"));
        assert!(ask("git.corp.example", 22, "10.9.9.9"));
        assert!(!ask("corp.example", 443, "10.9.9.9"));
        assert!(!ask("evilcorp.example", 443, "10.9.9.9"));
        assert!(ask("x", 443, "fd12::1"));
        assert!(!ask("x", 443, "fd13::1"));
        assert!(ask("x", 443, "192.168.1.5"));
        assert!(!ask("x", 443, "192.168.1.6"));
        assert!(policy.check(ip("169.254.169.254")).is_err());
        assert!(policy.check(ip("::ffff:10.1.2.3")).is_err());
    }

    #[test]
    fn entries_that_mean_nothing_are_errors() {
        for entry in [
            "10.0.0.0/33",
            "a b/8",
            "host:port",
            "-/8",
            "*",
            "a..b",
            "x:99999",
        ] {
            assert!(entry.parse::<AllowList>().is_err(), "{entry}");
        }
        assert_eq!("".parse::<AllowList>(), Ok(AllowList::default()));
    }

    #[test]
    fn a_network_of_all_or_one_address_is_no_special_case() {
        let all: AllowList = "0.0.0.0/0 ::/0".parse().unwrap();
        assert!(all.holds(ip("127.0.0.1")) && all.holds(ip("::1")));
        let one: AllowList = "127.0.0.1/32".parse().unwrap();
        assert!(one.holds(ip("127.0.0.1")) && !one.holds(ip("127.0.0.2")));
    }
}
