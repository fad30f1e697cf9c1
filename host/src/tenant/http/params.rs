//! Parameters of a query, a form or a JSON object.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Map, Value};

use crate::tenant::http::json_object::Object;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::state::Shared;
use crate::tenant::store::weight::Weighed;

/// The parameters of a request. None occurs twice, and none is empty.
///
/// Source: RFC 6749, 3.1 and 3.2.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Params(Map<String, Value>);

impl From<Params> for Map<String, Value> {
    fn from(params: Params) -> Self {
        params.0
    }
}

impl From<Map<String, Value>> for Params {
    fn from(params: Map<String, Value>) -> Self {
        Self(params)
    }
}

impl Params {
    /// Reads a query or a form.
    pub(crate) fn parse_form(text: &[u8]) -> Result<Self, OAuthError> {
        let mut params = Map::new();
        for (key, value) in url::form_urlencoded::parse(text) {
            if value.is_empty() {
                continue;
            }
            check_length(&key, &value)?;
            if params.insert(key.to_string(), Value::String(value.into_owned())).is_some() {
                return Err(OAuthError::invalid_request(format!("the parameter {key} appears twice")));
            }
        }
        Ok(Self(params))
    }

    /// Reads the parameters of a query.
    pub(crate) fn from_query(uri: &Uri) -> Result<Self, OAuthError> {
        Self::parse_form(uri.query().unwrap_or_default().as_bytes())
    }

    /// Reads the parameters of a body: a form or a JSON object.
    pub(crate) async fn from_body(request: Request, tenant: &Shared) -> Result<Self, OAuthError> {
        let media_type = media_type(request.headers());
        let bytes = Bytes::from_request(request, tenant).await.map_err(|error| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return OAuthError::new(status, "invalid_request", "the body is too large");
            }
            OAuthError::invalid_request("the body ended early")
        })?;
        match media_type.as_str() {
            "application/json" => Self::parse_json(&bytes),
            FORM => Self::parse_form(&bytes),
            _ => {
                let description = "expected application/json or application/x-www-form-urlencoded";
                Err(OAuthError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", description))
            }
        }
    }

    fn parse_json(bytes: &[u8]) -> Result<Self, OAuthError> {
        let body = serde_json::from_slice(bytes);
        let Object(mut params) = body.map_err(|error| {
            OAuthError::invalid_request(format!("the body is not a JSON object: {error}"))
        })?;
        params.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        for (key, value) in &params {
            check_length(key, value.as_str().unwrap_or_default())?;
        }
        Ok(Self(params))
    }

    /// Returns the value of a parameter, or none if it is missing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(crate) fn get_owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// Returns the value of a parameter; a missing one is 400 `invalid_request`.
    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("Missing required parameter: {name}")))
    }

    /// A parameter of any type.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The parameters of an object within a parameter, such as `authParams`. Texts that
    /// are too long to be kept are left out.
    pub(crate) fn get_object(&self, name: &str) -> Self {
        let Some(Value::Object(params)) = self.0.get(name) else { return Self::default() };
        let fits = |value: &Value| value.as_str().is_none_or(|text| text.len() <= LONGEST);
        let params = params.iter().filter(|(_, value)| fits(value));
        Self(params.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The parameters of a JSON object, without those that are `null`.
    pub(crate) fn from_object(object: Value) -> Self {
        let Value::Object(mut params) = object else { return Self::default() };
        params.retain(|_, value| !value.is_null());
        Self(params)
    }

    /// The parameters that are texts.
    pub(crate) fn to_text_fields(&self) -> Map<String, Value> {
        let texts = self.0.iter().filter(|(_, value)| value.is_string());
        texts.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Returns the names of the parameters.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The parameters with each `name[key]`, as forms write it, moved into an object
    /// `name`. `None` if there is none.
    pub(crate) fn collect_list(&self, name: &str) -> Option<Self> {
        let key_of = |key: &str| {
            let key = key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some(key.to_owned())
        };
        let mut within = Map::new();
        let mut rest = self.0.clone();
        for (key, value) in &self.0 {
            if let Some(inner) = key_of(key) {
                rest.remove(key);
                within.insert(inner, value.clone());
            }
        }
        if within.is_empty() {
            return None;
        }
        rest.insert(name.to_owned(), Value::Object(within));
        Some(Self(rest))
    }

    /// Sets a parameter, and replaces an existing one.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Writes the texts as a query.
    pub(crate) fn to_query(&self) -> String {
        let texts = self.0.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(texts).finish()
    }
}

impl Weighed for Params {
    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The longest parameter, in bytes.
const LONGEST: usize = 8 << 10;

/// Refuses a parameter that is too long: some are kept until a login has ended.
fn check_length(key: &str, value: &str) -> Result<(), OAuthError> {
    if key.len() > 256 || value.len() > LONGEST {
        return Err(OAuthError::invalid_request("a parameter is longer than 8 KiB"));
    }
    Ok(())
}

/// The media type of a body, without its parameters, in lower case; empty if there is
/// none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let media_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
