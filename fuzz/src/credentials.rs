//! Headers that name a credential: a line of the input is the value of one, `X-API-Key` if it begins
//! with an `x`.

use auth::{Credential, CredentialError, PlainAppSecret, PlainKey, find_leaks, read_credential};

/// Reads the headers, and looks for keys in the whole.
///
/// # Panics
/// When a credential comes out that does not stand in the headers, or two different ones did.
pub fn check(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n');
    let (api_key, authorization): (Vec<&[u8]>, Vec<&[u8]>) =
        lines.partition(|line| line.starts_with(b"x"));
    let api_key: Vec<&[u8]> = api_key.iter().map(|line| &line[1..]).collect();
    let read = read_credential(&authorization, &api_key);
    if authorization.len() > 1 || api_key.len() > 1 {
        assert!(matches!(read, Err(CredentialError::InvalidFormat)));
    }
    if let Ok(Some(credential)) = &read {
        let text = match credential {
            Credential::ApiKey(key) => key.expose_key(),
            Credential::Token(token) => token.expose_secret(),
            Credential::Session(_) => panic!("no header holds what a cookie does"),
        };
        let known = text.starts_with("sigmic_") || text.starts_with("eyJ");
        assert!(known && !text.contains(',') && text.is_ascii());
        let mut named = authorization.iter().chain(&api_key);
        assert!(named.any(|value| value.trim_ascii().ends_with(text.as_bytes())));
        // The same bytes are the same credential.
        assert_eq!(read_credential(&authorization, &api_key), read);
    }
    let leaks = find_leaks(&mut &*data);
    let leaks = leaks.unwrap_or_else(|error| panic!("reading from memory: {error}"));
    if let Ok(text) = std::str::from_utf8(data) {
        let whole = text.trim();
        if PlainKey::parse(whole).is_ok() || PlainAppSecret::parse(whole).is_some() {
            assert_eq!(leaks.len(), 1);
        }
    }
}
