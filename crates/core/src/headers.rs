//! Headers: names and values, checked and marked as sensitive, and the lines of lists.

pub(crate) mod lines;

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Error for a header that can't be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidHeader {
    /// Names the header or the part of a request.
    pub part: Box<str>,
    /// Says what is wrong. Never contains the value, because it may be a secret.
    pub problem: Box<str>,
}

impl InvalidHeader {
    fn new(part: impl fmt::Display, problem: &str) -> Self {
        Self {
            part: part.to_string().into(),
            problem: problem.into(),
        }
    }
}

/// Replaces the headers of the same names by those of `own`, and adds the others.
pub fn replace(headers: &mut HeaderMap, own: HeaderMap) {
    // Further values of one name come with the name `None`.
    let mut current = None;
    for (name, value) in own {
        if let Some(name) = name {
            headers.insert(name.clone(), value);
            current = Some(name);
        } else if let Some(name) = &current {
            headers.append(name.clone(), value);
        }
    }
}

/// Returns the value of an `Authorization` header with a bearer token, marked as sensitive.
///
/// # Errors
///
/// If the token is empty or contains a control character.
pub fn bearer(token: &str) -> Result<HeaderValue, InvalidHeader> {
    if token.trim().is_empty() {
        return Err(InvalidHeader::new("bearer token", "is empty"));
    }
    value("bearer token", &format!("Bearer {}", token.trim()), true)
}

/// Checks a header's name and value. The value is marked as sensitive if [`is_sensitive`] says so of its
/// name.
///
/// # Errors
///
/// If the name is invalid or set from the body, or if the value contains a control character.
pub fn pair(name: &str, text: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let key: HeaderName = name.parse().map_err(|_| {
        InvalidHeader::new(
            format_args!("header {:?}", name),
            "is not a valid header name",
        )
    })?;
    if key == header::CONTENT_LENGTH || key == header::TRANSFER_ENCODING {
        return Err(InvalidHeader::new(
            format_args!("header {key}"),
            "is set from the body: leave it out",
        ));
    }
    let value = value(key.as_str(), text, is_sensitive(&key))?;
    Ok((key, value))
}

/// Checks a header's value, and marks it as sensitive if `sensitive` is set.
///
/// # Errors
///
/// If it contains a control character. The error never contains the value, because it may be a secret.
pub fn value(name: &str, text: &str, sensitive: bool) -> Result<HeaderValue, InvalidHeader> {
    let mut value = HeaderValue::from_str(text)
        .or_else(|_| HeaderValue::from_bytes(text.as_bytes()))
        .map_err(|_| {
            InvalidHeader::new(
                format_args!("header {name}"),
                "the value contains a control character, such as a line break",
            )
        })?;
    value.set_sensitive(sensitive);
    Ok(value)
}

/// Parts of the names of headers that tend to hold a credential.
const SENSITIVE: [&str; 5] = ["auth", "key", "token", "secret", "cookie"];

/// Returns whether a header of that name tends to hold a credential, by parts of the name such as `auth`,
/// `key` or `token`. The case of letters does not matter.
///
/// This is the only list of such names: logs, errors and settings all go by it.
///
/// ```
/// use api_ratelimiter_core::headers::is_sensitive;
///
/// assert!(is_sensitive("X-Api-Key"));
/// assert!(!is_sensitive("Notion-Version"));
/// ```
#[must_use]
pub fn is_sensitive(name: impl AsRef<str>) -> bool {
    let name = name.as_ref().to_ascii_lowercase();
    SENSITIVE.iter().any(|part| name.contains(part))
}

/// Shows the names of headers in `Debug`, and never their values.
pub struct HeaderNames<'a>(pub &'a HeaderMap);

impl fmt::Debug for HeaderNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.keys().map(HeaderName::as_str))
            .finish()
    }
}
