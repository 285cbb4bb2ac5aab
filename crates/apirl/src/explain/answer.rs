//! An answer to be read, from flags or from a line of JSON.

use std::time::Duration;

use api_ratelimiter::guidance::{self, Guidance, Profile};
use api_ratelimiter::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::failure::Failure;

/// An answer, when it came, and how its vendor speaks.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) now: Duration,
    pub(super) profile: Profile,
}

/// Status, headers, body.
pub(super) type Parts = (StatusCode, HeaderMap, Vec<u8>);

impl Answer {
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

/// A status of an answer: three digits.
pub(super) fn status(code: u64) -> Option<StatusCode> {
    StatusCode::from_u16(u16::try_from(code).ok()?).ok()
}

/// A time since 1970, if it is one.
pub(super) fn since_1970(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// Adds a header, if it is one.
pub(super) fn append(headers: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), String> {
    let shown = String::from_utf8_lossy(name);
    let name = HeaderName::from_bytes(name)
        .map_err(|_| format!("{shown:?} is not the name of a header"))?;
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
        Failure::usage(format_args!("--status {code} is not between 100 and 999"))
    })?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| {
            Failure::usage(format_args!("--header {line:?} has no colon"))
                .hint("it is like --header 'Retry-After: 30'")
        })?;
        append(&mut headers, name.as_bytes(), value.trim().as_bytes())
            .map_err(|problem| Failure::usage(format_args!("--header {line:?}: {problem}")))?;
    }
    Ok((status, headers, body.unwrap_or_default().into()))
}

/// An object with `status`, and perhaps `headers` (each a text or a list of them), `body`, `now_unix` and
/// `profile`; anything else in it is somebody else's.
pub(super) fn from_json(value: &Value, now: Duration) -> Result<Answer, String> {
    if !value.is_object() {
        return Err("is not an object".to_owned());
    }
    let status = value["status"]
        .as_u64()
        .and_then(status)
        .ok_or_else(|| format!("status: {} is not between 100 and 999", value["status"]))?;
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
            let line = line
                .as_str()
                .ok_or_else(|| format!("headers: {name} is neither a text nor a list of texts"))?;
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
            .ok_or_else(|| format!("now_unix: {given} is no time since 1970"))?,
    };
    let profile = match &value["profile"] {
        Value::Null => Profile::default(),
        given => given
            .as_str()
            .and_then(Profile::named)
            .ok_or_else(|| format!("profile: there is none that is called {given}"))?,
    };
    Ok(Answer {
        status,
        headers,
        body,
        now,
        profile,
    })
}
