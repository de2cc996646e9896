//! Request bodies of the Task API: JSON objects, urlencoded forms and multipart forms carry the
//! same fields. Read after the caller and the object are known, so that nobody streams a gigabyte
//! to a task that is not theirs.

use axum::extract::Request;
use axum::http::header;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use model::Timestamp;
use serde_json::{Map, Value};
use tasks::Upload;
use wire::ErrorCode;

use crate::api_error::ApiError;
use crate::multipart::read_form;

/// The fields of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fields {
    /// Of a JSON object.
    Json(Map<String, Value>),
    /// Of a form: texts.
    Form(Vec<(String, String)>),
}

/// Fields of the Task API that only JSON carries: dropping a secret silently would be worse than
/// refusing it.
const JSON_ONLY: [&str; 2] = ["env", "secrets"];

impl Fields {
    /// Reads a body of any of the three types; the files of a multipart form go to `upload`.
    pub(crate) async fn read(
        request: Request,
        max_bytes: usize,
        upload: &mut Upload,
    ) -> Result<Self, ApiError> {
        match essence(&request).as_str() {
            "application/x-www-form-urlencoded" => {
                Self::from_form(&bytes(request, max_bytes).await?)
            }
            "multipart/form-data" => Self::form(read_form(request, max_bytes, upload).await?),
            _ => Self::read_json(request, max_bytes).await,
        }
    }

    /// Reads a body that must be JSON.
    pub(crate) async fn read_json(request: Request, max_bytes: usize) -> Result<Self, ApiError> {
        if essence(&request) != "application/json" {
            return Err(ErrorCode::UnsupportedMediaType.into());
        }
        Self::from_json(&bytes(request, max_bytes).await?)
    }

    /// Reads a body that must be JSON, or nothing at all: then every field is absent.
    pub(crate) async fn read_optional_json(
        request: Request,
        max_bytes: usize,
    ) -> Result<Self, ApiError> {
        if request.body().is_end_stream() {
            return Ok(Self::Json(Map::new()));
        }
        Self::read_json(request, max_bytes).await
    }

    fn from_json(bytes: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self::Json(fields)),
            Ok(_) => Err(ApiError::invalid("The body must be a JSON object")),
            Err(error) => Err(ApiError::invalid(format!(
                "The body is not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }

    fn from_form(bytes: &[u8]) -> Result<Self, ApiError> {
        serde_urlencoded::from_bytes(bytes)
            .map_err(|_| ApiError::invalid("The body is not a valid form"))
            .and_then(Self::form)
    }

    fn form(fields: Vec<(String, String)>) -> Result<Self, ApiError> {
        match fields
            .iter()
            .find(|(name, _)| JSON_ONLY.contains(&name.as_str()))
        {
            Some((name, _)) => Err(ApiError::invalid(format!(
                "`{name}` can only be sent in a JSON body"
            ))),
            None => Ok(Self::Form(fields)),
        }
    }

    /// The text of a field; `None` if it is absent or null.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self {
            Self::Form(_) => Ok(self.form_text(name).map(str::to_owned)),
            Self::Json(fields) => match fields.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(_) => Err(ApiError::invalid(format!("`{name}` must be a text"))),
            },
        }
    }

    /// The truth value of a field; forms spell it `true`, `false`, `1` or `0`, in any case.
    pub(crate) fn truth(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let wrong = || ApiError::invalid(format!("`{name}` must be true or false"));
        match self {
            Self::Form(_) => self
                .form_text(name)
                .map(|text| match text.to_ascii_lowercase().as_str() {
                    "true" | "1" => Ok(true),
                    "false" | "0" => Ok(false),
                    _ => Err(wrong()),
                })
                .transpose(),
            Self::Json(fields) => match fields.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => value.as_bool().map(Some).ok_or_else(wrong),
            },
        }
    }

    /// The whole number of a field.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let wrong = || ApiError::invalid(format!("`{name}` must be a whole number"));
        match self {
            Self::Form(_) => self
                .form_text(name)
                .map(|text| text.trim().parse().map_err(|_| wrong()))
                .transpose(),
            Self::Json(fields) => match fields.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => value.as_i64().map(Some).ok_or_else(wrong),
            },
        }
    }

    /// The JSON value of a field; `None` if it is absent, null or the body is a form.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Form(_) => None,
            Self::Json(fields) => fields.get(name).filter(|value| !value.is_null()),
        }
    }

    /// Whether the field is there and null, which means something else than absent.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        match self {
            Self::Form(_) => false,
            Self::Json(fields) => fields.get(name).is_some_and(Value::is_null),
        }
    }

    /// The list of texts of a field; `None` if it is absent, null or the body is a form.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let wrong = || ApiError::invalid(format!("`{name}` must be a list of texts"));
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let items = value.as_array().ok_or_else(wrong)?;
        let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(wrong);
        items.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// The moment of a field, in ISO 8601.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let wrong = || ApiError::invalid(format!("`{name}` must be a time in ISO 8601"));
        let text = self.text(name)?;
        text.map(|text| Timestamp::parse_iso(&text).ok_or_else(wrong))
            .transpose()
    }

    /// Whether the field is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Form(_) => self.form_text(name).is_some(),
            Self::Json(fields) => fields.get(name).is_some_and(|value| !value.is_null()),
        }
    }

    fn form_text(&self, name: &str) -> Option<&str> {
        match self {
            Self::Form(fields) => fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, text)| text.as_str()),
            Self::Json(_) => None,
        }
    }
}

/// The content type without its parameters.
fn essence(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next();
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

async fn bytes(request: Request, max_bytes: usize) -> Result<bytes::Bytes, ApiError> {
    let limited = Limited::new(request.into_body(), max_bytes);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ErrorCode::PayloadTooLarge.into()),
        Err(_) => Err(ApiError::invalid("The body ended early")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(fields: &[(&str, &str)]) -> Result<Fields, ApiError> {
        Fields::form(
            fields
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn truth_is_spelled_in_four_ways_in_forms() {
        for (text, truth) in [
            ("true", true),
            ("TRUE", true),
            ("1", true),
            ("False", false),
            ("0", false),
        ] {
            assert_eq!(
                form(&[("a", text)]).unwrap().truth("a").unwrap(),
                Some(truth)
            );
        }
        assert!(form(&[("a", "maybe")]).unwrap().truth("a").is_err());
        let Value::Object(fields) = json!({"a": "true", "b": true, "c": null}) else {
            unreachable!()
        };
        let fields = Fields::Json(fields);
        assert!(fields.truth("a").is_err());
        assert_eq!(fields.truth("b").unwrap(), Some(true));
        assert_eq!(fields.truth("c").unwrap(), None);
    }

    #[test]
    fn a_form_cannot_carry_variables() {
        assert!(form(&[("message", "x"), ("secrets", "{}")]).is_err());
        assert!(form(&[("message", "x"), ("env", "")]).is_err());
        assert!(form(&[("message", "x")]).is_ok());
    }
}
