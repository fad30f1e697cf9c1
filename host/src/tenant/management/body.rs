//! Request bodies, as JSON or as a form.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use crate::tenant::http::json_object::Object;
use crate::tenant::management::problem::Problem;
use crate::tenant::state::Shared;

/// A request body, as a JSON object. The fields of a form become strings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body(pub(super) Map<String, Value>);

impl Body {
    /// Deserializes the body into the type that the endpoint takes.
    pub(super) fn deserialize<T: DeserializeOwned>(self) -> Result<T, Problem> {
        serde_path_to_error::deserialize(Value::Object(self.0)).map_err(|error| {
            let path = error.path().to_string();
            let what = error.inner().to_string();
            let what = what.replace('`', "");
            Problem::body(&if path == "." { what } else { format!("{what} on property {path}") })
        })
    }
}

/// A request body that is a JSON array.
pub(super) struct Items<T>(pub(super) Vec<T>);

impl<T: DeserializeOwned> FromRequest<Shared> for Items<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, tenant: &Shared) -> Result<Self, Problem> {
        let (kind, bytes) = read_bytes(request, tenant).await?;
        if kind != "application/json" {
            return Err(Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let items = serde_json::from_slice(&bytes);
        items.map(Self).map_err(|error| Problem::body(&error.to_string().replace('`', "")))
    }
}

/// Returns the media type of a body, and its bytes.
async fn read_bytes(request: Request, tenant: &Shared) -> Result<(String, Bytes), Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = Bytes::from_request(request, tenant).await.map_err(|error| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let message = "Payload content length greater than maximum allowed: 1048576";
            return Problem { code: None, ..Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message, "") };
        }
        Problem::body("the body ended early")
    })?;
    Ok((kind, bytes))
}

/// Deserializes an optional whole number from 0. JSON Schema counts `5.0` as one too.
pub(super) fn deserialize_whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    // Above this limit (2^53), several integers share one double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let double = || number.as_f64().filter(|it| it.fract() == 0.0 && (0.0..=EXACT).contains(it));
    let whole = number.as_u64().or_else(|| double().map(|it| it as u64));
    whole.map(Some).ok_or_else(|| serde::de::Error::custom("Expected a whole number from 0"))
}

impl FromRequest<Shared> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, tenant: &Shared) -> Result<Self, Problem> {
        let (kind, bytes) = read_bytes(request, tenant).await?;
        let invalid = |error: &dyn std::fmt::Display| {
            Problem::bad(format!("Invalid request payload format: {error}"), "invalid_body")
        };
        match kind.as_str() {
            "application/x-www-form-urlencoded" => {
                let mut body = Map::new();
                for (key, value) in url::form_urlencoded::parse(&bytes) {
                    if body.insert(key.to_string(), Value::String(value.into_owned())).is_some() {
                        return Err(Problem::body(&format!("the field {key} appears twice")));
                    }
                }
                Ok(Self(body))
            }
            "application/json" => {
                serde_json::from_slice(&bytes).map(|Object(body)| Self(body)).map_err(|error| invalid(&error))
            }
            _ => Err(Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        }
    }
}
