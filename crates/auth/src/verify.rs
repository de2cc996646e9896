//! Checking a token: the signature, then everything that can change, read in one statement. Only
//! that a signature is good is remembered: it cannot change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Clock, EndUserPrincipal, Principal, Timestamp};
use sha2::{Digest as _, Sha256};
use store::{SigningKeyState, Store, TenantStatus, WidgetSessionCheck};
use vault::Secret;

use crate::token::{Claims, Parts};
use crate::{AuthError, Authenticated, OriginRules, SigningKeys};

/// Good signatures that are remembered; then all are forgotten.
const MAX_REMEMBERED: usize = 4096;

/// Checks tokens.
#[derive(Debug)]
pub(crate) struct TokenCheck {
    store: Store,
    keys: Arc<SigningKeys>,
    clock: Arc<dyn Clock>,
    good: Mutex<HashMap<[u8; 32], Arc<Signed>>>,
}

/// What a token with a good signature says.
#[derive(Debug)]
struct Signed {
    kid: String,
    claims: Claims,
}

impl TokenCheck {
    pub(crate) fn new(store: Store, keys: Arc<SigningKeys>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            keys,
            clock,
            good: Mutex::default(),
        }
    }

    /// Who has this token.
    pub(crate) async fn check(&self, token: &Secret) -> Result<Authenticated, AuthError> {
        let invalid = || AuthError::InvalidToken(None);
        let signed = self.signed(token.expose_secret()).await?;
        let signed = signed.ok_or_else(invalid)?;
        let found = self.store.unscoped_find_widget_session(signed.claims.sid);
        let row = found.await?.ok_or_else(invalid)?;
        let rules = rules_of(&row).map(Box::new);
        let issuer = self.keys.issuer();
        match refusal(&signed, &row, issuer, self.clock.now()) {
            None => {}
            Some(refusal) => {
                tracing::debug!(session = ?signed.claims.sid, ?refusal, "a token was refused");
                return Err(AuthError::InvalidToken(rules));
            }
        }
        // A list that cannot be read allows nothing.
        let rules = rules.ok_or_else(invalid)?;
        Ok(Authenticated {
            valid_until: Some(row.expires_at),
            origins: Some(*rules),
            rate: None,
            principal: Principal::EndUser(EndUserPrincipal {
                session_id: signed.claims.sid,
                end_user_id: row.end_user_id,
                app_id: row.widget_app_id,
                organization_id: row.organization_id,
                project_id: row.project_id,
                name: row.end_user_name,
            }),
        })
    }

    /// What the token says, if a live key signed it.
    async fn signed(&self, token: &str) -> Result<Option<Arc<Signed>>, AuthError> {
        let Some(parts) = Parts::of(token) else {
            return Ok(None);
        };
        let mut ring = self.keys.ring();
        if ring.find(parts.header).is_none() {
            ring = self.keys.fresh_ring().await?;
        }
        let Some(key) = ring.find(parts.header) else {
            return Ok(None);
        };
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(signed) = self.good().get(&digest) {
            return Ok(Some(Arc::clone(signed)));
        }
        let Some(claims) = parts.verify(&key.verifying) else {
            return Ok(None);
        };
        let signed = Arc::new(Signed {
            kid: key.kid.clone(),
            claims,
        });
        let mut good = self.good();
        if good.len() >= MAX_REMEMBERED {
            good.clear();
        }
        good.insert(digest, Arc::clone(&signed));
        Ok(Some(signed))
    }

    fn good(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Arc<Signed>>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a token with a good signature does not work, for the operator's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Expired,
    CutOff,
    KeyRevoked,
    AppDisabled,
    OrganizationDisabled,
    ProjectDisabled,
    Mismatch,
}

fn refusal(
    signed: &Signed,
    row: &WidgetSessionCheck,
    issuer: &str,
    now: Timestamp,
) -> Option<Refusal> {
    let claims = &signed.claims;
    let key = match row.key_state {
        SigningKeyState::Current | SigningKeyState::Previous => None,
        SigningKeyState::Standby | SigningKeyState::Revoked => Some(Refusal::KeyRevoked),
    };
    let same = row.kid == signed.kid
        && row.end_user_id == claims.sub
        && row.app_id == claims.app_id
        && row.organization_id == claims.organization_id
        && row.project_id == claims.project_id
        && row.expires_at == claims.expires_at();
    let off = |status: TenantStatus| status != TenantStatus::Active;
    let checks = [
        (!claims.hold_at(issuer, now), Refusal::Expired),
        (row.revoked_at.is_some(), Refusal::CutOff),
        (off(row.app_status), Refusal::AppDisabled),
        (off(row.organization_status), Refusal::OrganizationDisabled),
        (off(row.project_status), Refusal::ProjectDisabled),
        (!same, Refusal::Mismatch),
    ];
    let checked = checks
        .into_iter()
        .find_map(|(refused, why)| refused.then_some(why));
    key.or(checked)
}

/// The pages that may use the token; absent when a kept pattern cannot be read.
fn rules_of(row: &WidgetSessionCheck) -> Option<OriginRules> {
    let allowed: Result<Vec<_>, _> = row
        .allowed_origins
        .iter()
        .map(|text| text.parse())
        .collect();
    Some(OriginRules {
        allowed: allowed.ok()?,
        allow_null: row.allow_null_origin,
        required: row.require_origin,
    })
}
