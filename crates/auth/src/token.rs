//! Widget tokens: a closed profile of JSON Web Tokens. This server is the only one that makes them
//! and the only one that checks them, so nothing is negotiated: the header must equal, byte for
//! byte, the one that a live key mints, and the claims are a closed set in one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use model::{AppId, EndUserId, OrganizationId, ProjectId, Timestamp, WidgetSessionId};
use serde::{Deserialize, Serialize};
use vault::Secret;

/// Bytes of a token at most.
const MAX_BYTES: usize = 4096;
/// Who tokens are for.
const AUDIENCE: &str = "sigmic";
/// The role of every token's bearer.
const ROLE: &str = "end_user";
/// Seconds that a token is valid before it was made: clocks of two servers differ.
const BEFORE_SECONDS: i64 = 2;

/// What a token says. Serialised in this order, without blanks: any other spelling is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: EndUserId,
    pub(crate) jti: String,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    pub(crate) sid: WidgetSessionId,
    #[serde(rename = "orgId")]
    pub(crate) organization_id: OrganizationId,
    #[serde(rename = "orgRole")]
    pub(crate) organization_role: String,
    #[serde(rename = "projectId")]
    pub(crate) project_id: ProjectId,
    #[serde(rename = "appId")]
    pub(crate) app_id: AppId,
}

/// Whose token is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) end_user_id: EndUserId,
    pub(crate) session_id: WidgetSessionId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) project_id: ProjectId,
    pub(crate) app_id: AppId,
}

impl Claims {
    /// The claims of a token that is made at `now` for `seconds`.
    pub(crate) fn new(issuer: &str, subject: Subject, now: Timestamp, seconds: i64) -> Self {
        let iat = now.as_millis().div_euclid(1_000);
        Self {
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: subject.end_user_id,
            jti: subject.session_id.to_string(),
            iat,
            nbf: iat - BEFORE_SECONDS,
            exp: iat + seconds,
            sid: subject.session_id,
            organization_id: subject.organization_id,
            organization_role: ROLE.to_owned(),
            project_id: subject.project_id,
            app_id: subject.app_id,
        }
    }

    /// Whether the token works at `now`, as far as it says itself. No leeway at the end.
    pub(crate) fn hold_at(&self, issuer: &str, now: Timestamp) -> bool {
        let now = now.as_millis();
        self.iss == issuer
            && self.aud == AUDIENCE
            && self.organization_role == ROLE
            && self.nbf == self.iat - BEFORE_SECONDS
            && self.nbf.saturating_mul(1_000) <= now
            && self.exp.saturating_mul(1_000) > now
    }

    /// From when on the token does not work.
    pub(crate) fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.exp.saturating_mul(1_000))
    }
}

/// The header of every token that the key of this name signs, encoded.
pub(crate) fn header_of(kid: &str) -> String {
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"at+jwt"}}"#);
    URL_SAFE_NO_PAD.encode(header)
}

/// A token in its three parts; nothing is known about it yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// Header and payload: what is signed.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a token apart; `None` when it does not have three parts or is too long.
    pub(crate) fn of(token: &'a str) -> Option<Self> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        (!payload.contains('.')).then_some(Self {
            header,
            payload,
            signature,
            signed,
        })
    }

    /// The claims, if this key signed them and they are spelled as it spells them.
    pub(crate) fn verify(&self, key: &VerifyingKey) -> Option<Claims> {
        // The decoder refuses padding and loose bits: a signature has one spelling.
        let signature = URL_SAFE_NO_PAD.decode(self.signature).ok()?;
        if !is_signature(key, self.signed.as_bytes(), &signature) {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(self.payload).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        let spelled = encode(&claims) == payload && claims.jti == claims.sid.to_string();
        spelled.then_some(claims)
    }
}

/// Whether it is this key's signature of that. Strict: a key of small order, which signs more than
/// its owner did, signs nothing.
fn is_signature(key: &VerifyingKey, signed: &[u8], signature: &[u8]) -> bool {
    let signature = signature.try_into().map(Signature::from_bytes);
    signature.is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok())
}

/// A token.
pub(crate) fn sign(header: &str, claims: &Claims, key: &SigningKey) -> Secret {
    let payload = URL_SAFE_NO_PAD.encode(encode(claims));
    let signed = format!("{header}.{payload}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
    Secret::new(format!("{signed}.{signature}"))
}

fn encode(claims: &Claims) -> Vec<u8> {
    serde_json::to_vec(claims).expect("claims are texts and numbers")
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
