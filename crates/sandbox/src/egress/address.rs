//! Which addresses belong to the public internet.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// A host anywhere on the internet.
    Public,
    /// This machine.
    Loopback,
    /// This machine, or none.
    Unspecified,
    /// A private network.
    Private,
    /// The local link; cloud metadata services live here.
    LinkLocal,
    /// The provider's side of a shared address.
    Shared,
    /// Many receivers.
    Multicast,
    /// Examples in documents.
    Documentation,
    /// Another address wrapped into this one.
    Wrapped,
    /// Reserved for something else than hosts.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "a loopback address",
            Self::Unspecified => "an unspecified address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Shared => "a shared provider address",
            Self::Multicast => "a multicast address",
            Self::Documentation => "a documentation address",
            Self::Wrapped => "an address inside another",
            Self::Reserved => "a reserved address",
        })
    }
}

/// What `address` is for, by the registries of special-purpose addresses (RFC 6890 and its
/// updates).
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        [0, 0, 0, 0] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [192, 168, ..] => AddressClass::Private,
        [172, second, ..] if (16..32).contains(&second) => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [100, second, ..] if (64..128).contains(&second) => AddressClass::Shared,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [224..=239, ..] => AddressClass::Multicast,
        // This network; protocol assignments; retired 6to4 relays; benchmarks; future use and
        // broadcast.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [240..=255, ..] => {
            AddressClass::Reserved
        }
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // The gateway's view of IPv4 (RFC 6052): what counts is the address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            classify_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Mapped, compatible and translated IPv4; 6to4; Teredo.
        [0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x2002, ..] | [0x2001, 0, ..] => {
            AddressClass::Wrapped
        }
        [0x2001, 0xdb8, ..] => AddressClass::Documentation,
        [0x3fff, second, ..] if second < 0x1000 => AddressClass::Documentation,
        [0x2001, second, ..] if second < 0x200 => AddressClass::Reserved,
        [first, ..] => match first {
            0xfc00..=0xfdff => AddressClass::Private,
            // Link-local, and the retired site-local.
            0xfe80..=0xfeff => AddressClass::LinkLocal,
            0xff00..=0xffff => AddressClass::Multicast,
            0x2000..=0x3fff => AddressClass::Public,
            _ => AddressClass::Reserved,
        },
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
