//! A response to explain, from flags or from a line of JSON.

use std::time::Duration;

use api_ratelimiter::guidance::{self, Guidance, Profile};
use api_ratelimiter::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::failure::Failure;

/// A response, when it arrived, and the profile that reads it.
#[derive(Debug)]
pub(super) struct RawResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) now: Duration,
    pub(super) profile: Profile,
}

/// Status, headers and body.
pub(super) type Parts = (StatusCode, HeaderMap, Vec<u8>);

impl RawResponse {
    pub(super) fn read(&self) -> Guidance {
        guidance::read(
            self.status,
            &self.headers,
            &self.body,
            self.now,
            self.profile,
        )
    }
}

/// Returns a valid status: three digits.
pub(super) fn status(code: u64) -> Option<StatusCode> {
    StatusCode::from_u16(u16::try_from(code).ok()?).ok()
}

/// Returns a valid time since 1970.
pub(super) fn since_1970(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// Adds a header. `Err` says why it is invalid.
pub(super) fn append(headers: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), String> {
    let shown = String::from_utf8_lossy(name);
    let name = HeaderName::from_bytes(name)
        .map_err(|_| format!("{shown:?} is not a valid header name"))?;
    let value = HeaderValue::from_bytes(value)
        .map_err(|_| format!("the value of {shown} holds a control character"))?;
    headers
        .try_append(name, value)
        .map(drop)
        .map_err(|_| "there are too many headers".to_owned())
}

pub(super) fn from_flags(
    code: u16,
    lines: &[String],
    body: Option<&str>,
) -> Result<Parts, Failure> {
    let status = status(code.into()).ok_or_else(|| {
        Failure::usage(format_args!(
            "--status {code} is not a valid status (expected 100 to 999)"
        ))
    })?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| {
            Failure::usage(format_args!("--header {line:?} has no colon"))
                .hint("write it as --header 'Retry-After: 30'")
        })?;
        append(&mut headers, name.as_bytes(), value.trim().as_bytes())
            .map_err(|problem| Failure::usage(format_args!("--header {line:?}: {problem}")))?;
    }
    Ok((status, headers, body.unwrap_or_default().into()))
}

/// Reads an object with `status` and optionally `headers` (each a string or a list of strings), `body`, `now_unix` and
/// `profile`. Ignores other members.
pub(super) fn from_json(value: &Value, now: Duration) -> Result<RawResponse, String> {
    if !value.is_object() {
        return Err("the line is not an object".to_owned());
    }
    let status = value["status"].as_u64().and_then(status).ok_or_else(|| {
        format!(
            "status: {} is not a valid status (expected 100 to 999)",
            value["status"]
        )
    })?;
    let mut headers = HeaderMap::new();
    let given = match &value["headers"] {
        Value::Null => None,
        Value::Object(headers) => Some(headers),
        other => return Err(format!("headers: {other} is not an object")),
    };
    for (name, value) in given.into_iter().flatten() {
        let lines = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        for line in lines {
            let line = line.as_str().ok_or_else(|| {
                format!("headers: {name} is neither a string nor a list of strings")
            })?;
            append(&mut headers, name.as_bytes(), line.as_bytes())
                .map_err(|problem| format!("headers: {problem}"))?;
        }
    }
    let body = match &value["body"] {
        Value::Null => Vec::new(),
        Value::String(body) => body.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    let now = match &value["now_unix"] {
        Value::Null => now,
        given => given
            .as_f64()
            .and_then(since_1970)
            .ok_or_else(|| format!("now_unix: {given} is not a valid time since 1970"))?,
    };
    let profile = match &value["profile"] {
        Value::Null => Profile::default(),
        given => given
            .as_str()
            .and_then(Profile::named)
            .ok_or_else(|| format!("profile: {given} is not a known profile"))?,
    };
    Ok(RawResponse {
        status,
        headers,
        body,
        now,
        profile,
    })
}
