//! The `Idempotency-Key` header: what a request is called, and what it asks for.

use axum::http::HeaderMap;
use model::{Permit, Principal};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tasks::{Idempotency, ReceivedFile};

use crate::api_error::ApiError;
use crate::body::Fields;

/// Bytes of a key at most.
const MAX_KEY_BYTES: usize = 255;

/// The idempotency of a request, if it asks for it.
///
/// The fingerprint covers path, fields and files, sorted: boundaries differ between tries. Of secrets it covers the names only: not even a
/// hash of a secret value is kept.
pub(crate) fn idempotency(
    headers: &HeaderMap,
    permit: &Permit,
    path: &str,
    fields: &Fields,
    files: &[ReceivedFile],
) -> Result<Option<Idempotency>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES)
        .ok_or_else(|| {
            ApiError::invalid("`Idempotency-Key` must be 1 to 255 visible ASCII characters")
        })?;
    let caller = match permit.principal() {
        // A key that was rotated finds the answers of the one before.
        Principal::ApiKey(key) => key.lineage.to_string(),
        Principal::EndUser(user) => user.end_user_id.to_string(),
        // The project is in the query, which the fingerprint leaves out.
        Principal::Console(person) => format!("{}/{}", person.user_id, permit.project_id()),
    };
    Ok(Some(Idempotency {
        caller,
        key: key.to_owned(),
        fingerprint: fingerprint(path, fields, files),
    }))
}

fn fingerprint(path: &str, fields: &Fields, files: &[ReceivedFile]) -> String {
    let mut pairs: Vec<(String, String)> = match fields {
        Fields::Form(fields) => fields.clone(),
        Fields::Json(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), canonical(name, value)))
            .collect(),
    };
    // No text has this name: such a part of a form is a file.
    let files = files.iter().map(|file| {
        (
            "files".to_owned(),
            format!("{} {}", hex(&file.sha256), file.name),
        )
    });
    pairs.extend(files);
    pairs.sort();
    let mut hash = Sha256::new();
    for part in [path].into_iter().chain(
        pairs
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value]),
    ) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn canonical(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) if name == "secrets" => {
            let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
            names.sort_unstable();
            names.join(",")
        }
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            sorted(value).to_string()
        }
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut pairs: Vec<_> = fields.iter().collect();
            pairs.sort_by_key(|(name, _)| *name);
            pairs
                .into_iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: Value) -> String {
        let Value::Object(fields) = value else {
            unreachable!()
        };
        fingerprint("/p", &Fields::Json(fields), &[])
    }

    #[test]
    fn order_does_not_count_and_values_do() {
        let first = of(json!({"message": "x", "env": {"A": "1", "B": "2"}}));
        assert_eq!(
            first,
            of(json!({"env": {"B": "2", "A": "1"}, "message": "x"}))
        );
        assert_ne!(
            first,
            of(json!({"env": {"B": "1", "A": "1"}, "message": "x"}))
        );
        assert_ne!(
            first,
            fingerprint(
                "/q",
                &Fields::Form(vec![("message".into(), "x".into())]),
                &[]
            )
        );
    }

    #[test]
    fn files_count_by_name_and_content_in_any_order() {
        let file = |name: &str, byte| ReceivedFile {
            name: name.to_owned(),
            sha256: [byte; 32],
        };
        let of = |files: &[ReceivedFile]| fingerprint("/p", &Fields::Form(Vec::new()), files);
        let both = of(&[file("a", 1), file("b", 2)]);
        assert_eq!(both, of(&[file("b", 2), file("a", 1)]));
        assert_ne!(both, of(&[file("a", 2), file("b", 1)]));
        assert_ne!(both, of(&[file("a", 1)]));
    }

    #[test]
    fn a_secret_value_leaves_no_trace() {
        let one = of(json!({"message": "x", "secrets": {"A": "hunter2"}}));
        assert_eq!(
            one,
            of(json!({"message": "x", "secrets": {"A": "hunter3"}}))
        );
        assert_ne!(
            one,
            of(json!({"message": "x", "secrets": {"B": "hunter2"}}))
        );
    }
}
