//! Headers: names and values, checked and marked where they tend to hold a credential, and their lines.

pub(crate) mod lines;

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A header that can't be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidHeader {
    /// Which header or part of a request it is.
    pub part: Box<str>,
    /// What is wrong with it. Never contains the value: it may be a secret.
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

/// Puts `own` headers in the place of those of the same names.
pub fn replace(headers: &mut HeaderMap, own: HeaderMap) {
    // Names come as `None` for the further values of one name.
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

/// The value of an `Authorization` header; marked as sensitive.
pub fn bearer(token: &str) -> Result<HeaderValue, InvalidHeader> {
    if token.trim().is_empty() {
        return Err(InvalidHeader::new("bearer token", "is empty"));
    }
    value("bearer token", &format!("Bearer {}", token.trim()), true)
}

/// A checked header; sensitive if its name says so.
pub fn pair(name: &str, text: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let key: HeaderName = name.parse().map_err(|_| {
        InvalidHeader::new(
            format_args!("header {:?}", name),
            "is not a valid name of a header",
        )
    })?;
    if key == header::CONTENT_LENGTH || key == header::TRANSFER_ENCODING {
        return Err(InvalidHeader::new(
            format_args!("header {key}"),
            "is made from the body; leave it out",
        ));
    }
    let value = value(key.as_str(), text, is_sensitive(&key))?;
    Ok((key, value))
}

/// A checked value. The value itself is never part of the error: it may be a secret.
pub fn value(name: &str, text: &str, sensitive: bool) -> Result<HeaderValue, InvalidHeader> {
    let mut value = HeaderValue::from_str(text)
        .or_else(|_| HeaderValue::from_bytes(text.as_bytes()))
        .map_err(|_| {
            InvalidHeader::new(
                format_args!("header {name}"),
                "the value contains a control character (a line break?)",
            )
        })?;
    value.set_sensitive(sensitive);
    Ok(value)
}

/// Whether a header of that name tends to hold a credential.
#[must_use]
pub fn is_sensitive(name: &HeaderName) -> bool {
    ["auth", "key", "token", "secret", "cookie"]
        .iter()
        .any(|part| name.as_str().contains(part))
}

/// Shows the names of headers only.
pub struct HeaderNames<'a>(pub &'a HeaderMap);

impl fmt::Debug for HeaderNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.keys().map(HeaderName::as_str))
            .finish()
    }
}
