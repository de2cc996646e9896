//! What the headers of a request say about who is asking. The bearer header is a stranger's
//! input: everything doubtful is refused here, before anything is looked up.

use vault::Secret;

use crate::{PlainKey, PlainToken};

/// A credential of the right shape; nothing is known about it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An API key.
    ApiKey(PlainKey),
    /// A signed token (`eyJ…`).
    Token(Secret),
    /// What a console cookie holds.
    Session(PlainToken),
}

/// Why the headers name no credential that could be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// More than one, of a foreign scheme, or of a shape that is neither a key nor a token.
    #[error("the authorization header is ambiguous or of an unknown format")]
    InvalidFormat,
    /// It begins like a key and is none.
    #[error("the API key is malformed")]
    InvalidApiKey,
}

/// What the values of the `Authorization` and the `X-API-Key` headers say together, in the order
/// they came. `None`: no credential at all.
///
/// - More than one header of a name, a value joined by commas, or one with anything but visible
///   ASCII and spaces is refused.
/// - `Authorization: Bearer` decides; `X-API-Key` beside it may only repeat it.
/// - An empty `Authorization`, or `Bearer` alone, is as good as none; so is an empty `X-API-Key`
///   with no bearer beside it.
/// - Another scheme is ignored beside an `X-API-Key`, and refused without one.
///
/// # Errors
/// See [`CredentialError`]. A refused bearer never falls back to the other header.
pub fn read_credential(
    authorization: &[&[u8]],
    x_api_key: &[&[u8]],
) -> Result<Option<Credential>, CredentialError> {
    let authorization = only(authorization)?.map_or(Authorization::Absent, scheme_of);
    let api_key = only(x_api_key)?;
    let named = api_key.filter(|key| !key.is_empty());
    let text = match (authorization, api_key, named) {
        (Authorization::Bearer(token), Some(key), _) if token != key => {
            return Err(CredentialError::InvalidFormat);
        }
        (Authorization::Bearer(token), _, _) => token,
        (Authorization::Absent | Authorization::Foreign, _, Some(key)) => key,
        (Authorization::Foreign, _, None) => return Err(CredentialError::InvalidFormat),
        (Authorization::Absent, _, None) => return Ok(None),
    };
    shape_of(text).map(Some)
}

/// What an `Authorization` header is good for.
#[derive(Clone, Copy)]
enum Authorization<'a> {
    Absent,
    Bearer(&'a str),
    Foreign,
}

/// The one value, blanks around it taken off.
fn only<'a>(values: &[&'a [u8]]) -> Result<Option<&'a str>, CredentialError> {
    let value = match values {
        [] => return Ok(None),
        [value] => *value,
        _ => return Err(CredentialError::InvalidFormat),
    };
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b',';
    if !value.iter().all(allowed) {
        return Err(CredentialError::InvalidFormat);
    }
    let text = std::str::from_utf8(value).map_err(|_| CredentialError::InvalidFormat)?;
    Ok(Some(text.trim_matches(' ')))
}

fn scheme_of(value: &str) -> Authorization<'_> {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let rest = rest.trim_matches(' ');
    if scheme.is_empty() {
        Authorization::Absent
    } else if !scheme.eq_ignore_ascii_case("bearer") {
        Authorization::Foreign
    } else if rest.is_empty() {
        Authorization::Absent
    } else {
        Authorization::Bearer(rest)
    }
}

/// The kind is told by the beginning alone; one kind is never tried after the other failed.
fn shape_of(text: &str) -> Result<Credential, CredentialError> {
    if PlainKey::is_claimed_by(text) {
        return PlainKey::parse(text)
            .map(Credential::ApiKey)
            .map_err(|_| CredentialError::InvalidApiKey);
    }
    if text.starts_with("eyJ") {
        return Ok(Credential::Token(Secret::new(text.to_owned())));
    }
    Err(CredentialError::InvalidFormat)
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
