//! Where a page comes from, and which pages may use a widget app's tokens. A control against
//! misuse, not authentication: a program can send any `Origin`.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// Scheme, host and port of a page. The default port of a scheme is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    /// ASCII, lower case.
    host: String,
    port: Option<u16>,
}

/// Which pages may, as an owner writes it: `https://a.example`, `https://*.a.example` (any number
/// of labels, never `a.example` itself) or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern {
    /// Every page.
    Any,
    /// The pages of this origin.
    Exactly(Origin),
    /// The pages of every sub-domain of this origin's host.
    Below(Origin),
}

/// A text that is no origin, or no pattern of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a scheme and a host such as https://example.com, with nothing behind it")]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && matches!(url.path(), "" | "/");
        // The parser is lenient (`https:a`, `https:\\a`, blanks): an origin is written in one way.
        let written = text
            .get(url.scheme().len()..)
            .is_some_and(|rest| rest.starts_with("://"));
        let clean = !text.contains(['\\', '\t', '\n', '\r', ' ']);
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_ascii_lowercase(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            Some(Host::Domain(_)) | None => return Err(OriginError),
        };
        if !plain || !written || !clean || host.contains('*') {
            return Err(OriginError);
        }
        Ok(Self {
            scheme: url.scheme().to_owned(),
            host,
            port: url.port(),
        })
    }
}

impl Origin {
    /// Whether its pages are reached without TLS and without leaving the machine.
    pub fn is_plain_loopback(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        let loopback = bare
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        self.scheme == "http" && (loopback || self.host == "localhost")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl FromStr for OriginPattern {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        match text.split_once("://*.") {
            Some((scheme, rest)) => {
                let base: Origin = format!("{scheme}://{rest}").parse()?;
                // Of an address or a bare name there is nothing below.
                let nameable = base.host.contains('.') && !base.host.starts_with('[');
                let numeric = base.host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                if nameable && !numeric {
                    Ok(Self::Below(base))
                } else {
                    Err(OriginError)
                }
            }
            None => text.parse().map(Self::Exactly),
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exactly(origin) => origin.fmt(f),
            Self::Below(base) => {
                let text = base.to_string();
                f.write_str(&text.replacen("://", "://*.", 1))
            }
        }
    }
}

impl OriginPattern {
    /// Whether a page of `origin` may.
    pub fn matches(&self, origin: &Origin) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(exactly) => exactly == origin,
            Self::Below(base) => {
                let below = origin.host.strip_suffix(base.host.as_str());
                base.scheme == origin.scheme
                    && base.port == origin.port
                    && below.is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
            }
        }
    }
}

/// Which pages may use a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginRules {
    /// The owner's list.
    pub allowed: Vec<OriginPattern>,
    /// Whether `Origin: null` may.
    pub allow_null: bool,
    /// Whether a request must come from a page at all.
    pub required: bool,
}

/// Where a request says that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestOrigin {
    /// Not from a page.
    Absent,
    /// A page that does not tell.
    Null,
    /// This page.
    Page(Origin),
    /// What no browser sends.
    Malformed,
}

impl RequestOrigin {
    /// Reads the values of the `Origin` header.
    pub fn read(values: &[&[u8]]) -> Self {
        match values {
            [] => Self::Absent,
            [b"null"] => Self::Null,
            [value] => std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
                .map_or(Self::Malformed, Self::Page),
            _ => Self::Malformed,
        }
    }
}

impl OriginRules {
    /// Whether a request that comes from there may use the token. `own` are the server's own pages,
    /// which always may.
    pub fn allow(&self, origin: &RequestOrigin, own: &[Origin]) -> bool {
        match origin {
            RequestOrigin::Absent => !self.required,
            RequestOrigin::Null => self.allow_null,
            RequestOrigin::Page(page) => {
                own.contains(page) || self.allowed.iter().any(|pattern| pattern.matches(page))
            }
            RequestOrigin::Malformed => false,
        }
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
