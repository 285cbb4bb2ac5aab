//! URLs: paths joined under a base, links resolved, origins compared, and secrets hidden.
//!
//! This follows RFC 3986 as far as http(s) needs it. Anything that could leave the base, or that two programs
//! could read differently (`.`, `..`, `\`, userinfo, control characters), is an error and never repaired.

mod encode;
mod host;
mod path;
#[cfg(test)]
mod tests;

use std::fmt;

use http::{HeaderValue, Uri};

use encode::encoded_query;
pub use encode::{encoded, form_encode};
pub(crate) use host::host_and_port;
use path::{check_characters, split_query, without_dots, without_dots_in_path};
pub use path::{check_dots, check_not_empty, check_segment};

/// A parsed [`ApiRateConfig::base_url`](crate::ApiRateConfig::base_url): origin and path, without a slash at
/// the end.
///
/// ```
/// use api_ratelimiter_core::url::Base;
///
/// let base = Base::parse("https://api.example.com/v1/")?;
/// assert_eq!(base.join("/users?page=2")?.to_string(), "https://api.example.com/v1/users");
/// assert!(base.join("../admin").is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    origin: Origin,
    path: Box<str>,
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

/// Scheme, host and port of a URL. The default port is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    /// In lower case; IPv6 in brackets.
    host: Box<str>,
    port: u16,
}

/// An absolute http(s) URL that requests can be sent to, without userinfo and fragment.
///
/// `Display` and `Debug` never show the query, because it may contain tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    origin: Origin,
    /// Begins with a slash.
    path: String,
    query: Option<String>,
}

impl Base {
    /// Parses an absolute http(s) URL without query and fragment.
    ///
    /// # Errors
    ///
    /// Says what is wrong, as the end of a sentence that begins with the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let address = Address::parse(text)?;
        if address.query.is_some() || text.contains('#') {
            return Err("has a query or a fragment (expected scheme, host and path only)".into());
        }
        let path = address.path.trim_end_matches('/').into();
        Ok(Self {
            origin: address.origin,
            path,
        })
    }

    /// Returns the origin that requests of this base stay on.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Joins `path` under this base, with exactly one slash between them. An absolute URL is accepted if it
    /// has the same origin.
    ///
    /// # Errors
    ///
    /// Says what is wrong, as the end of a sentence that begins with the path.
    pub fn join(&self, path: &str) -> Result<Address, String> {
        check_characters(path)?;
        if has_scheme(path) {
            let address = Address::parse(path)?;
            if address.origin != self.origin {
                return Err(format!(
                    "leads to {} (expected {})",
                    address.origin, self.origin
                ));
            }
            return Ok(address);
        }
        if path.starts_with("//") {
            return Err("begins with //, which names another host: begin with one slash".into());
        }
        let (path, query) = split_query(path)?;
        let path = path.trim_start_matches('/');
        let joined = if path.is_empty() {
            format!("{}/", self.path)
        } else {
            format!("{}/{path}", self.path)
        };
        // An empty path under a base without a path is the root.
        let joined = if path.is_empty() && !self.path.is_empty() {
            self.path.to_string()
        } else {
            joined
        };
        Address::new(self.origin.clone(), &joined, query)
    }
}

impl Origin {
    /// Returns whether the host is this machine: `localhost`, or an address of the loopback range.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<core::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Returns the host, in lower case; an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Returns whether the value of a `Host` header names this host and port (RFC 9110, section 7.2). The case of
    /// letters does not matter, and the default port may be left out.
    #[must_use]
    pub fn is_named_by(&self, host: &HeaderValue) -> bool {
        let scheme = if self.https { "https" } else { "http" };
        let base = host
            .to_str()
            .map(|host| format!("{scheme}://{}", host.trim()));
        base.is_ok_and(|base| {
            Base::parse(&base).is_ok_and(|base| base.origin == *self && base.path.is_empty())
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.https {
            ("https", HTTPS_PORT)
        } else {
            ("http", HTTP_PORT)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// Default port of http.
const HTTP_PORT: u16 = 80;

/// Default port of https.
const HTTPS_PORT: u16 = 443;

impl Address {
    /// Creates an address from checked parts; `.` and `..` are errors.
    fn new(origin: Origin, path: &str, query: Option<&str>) -> Result<Self, String> {
        path.split('/').try_for_each(check_dots)?;
        Ok(Self {
            origin,
            path: encoded(path),
            query: query.map(encoded_query),
        })
    }

    /// Parses an absolute http(s) URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong, as the end of a sentence that begins with the URL.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        check_characters(text)?;
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("is not an absolute URL (expected one such as https://host/path)")?;
        // Scheme, then authority, then path and query; the fragment is never sent.
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("does not begin with http:// or https://".into()),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(
                "contains a user name or password: give credentials by bearer_auth or a header"
                    .into(),
            );
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.unwrap_or(if https { HTTPS_PORT } else { HTTP_PORT });
        let origin = Origin { https, host, port };
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        Self::new(origin, if path.is_empty() { "/" } else { path }, query)
    }

    /// Resolves a `Location` or `Link` of a response from this address (RFC 3986, section 5.2).
    ///
    /// # Errors
    ///
    /// Says what is wrong, as the end of a sentence that begins with the reference.
    pub(crate) fn resolve(&self, reference: &str) -> Result<Self, String> {
        // An absolute URL, or one that takes over the scheme.
        let reference = reference.trim();
        check_characters(reference)?;
        let reference = reference
            .split_once('#')
            .map_or(reference, |(reference, _)| reference);
        if scheme_of(reference).is_some() {
            return Self::parse(&without_dots_in_path(reference));
        }
        if let Some(authority) = reference.strip_prefix("//") {
            let scheme = if self.origin.https { "https" } else { "http" };
            return Self::parse(&without_dots_in_path(&format!("{scheme}://{authority}")));
        }
        let (path, query) = reference
            .split_once('?')
            .map_or((reference, None), |(path, query)| (path, Some(query)));
        // A reference without a path keeps the path; a relative one replaces its last segment.
        if path.is_empty() {
            let query = query.map(encoded_query).or_else(|| self.query.clone());
            return Ok(Self {
                query,
                ..self.clone()
            });
        }
        let directory = self
            .path
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory);
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{directory}/{path}")
        };
        Self::new(self.origin.clone(), &without_dots(&path), query)
    }

    /// Appends `key=value` to the query, percent-encoded.
    pub fn push_query(&mut self, key: &str, value: &str) {
        let query = self.query.get_or_insert_default();
        if !query.is_empty() {
            query.push('&');
        }
        form_encode(query, key);
        query.push('=');
        form_encode(query, value);
    }

    /// Returns the origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the path, from the host on.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the path from the base on; `None` if this address is not under the base.
    pub(crate) fn path_under(&self, base: &Base) -> Option<&str> {
        let path = self.path.strip_prefix(&*base.path)?;
        let is_under = path.is_empty() || path.starts_with('/');
        (is_under && self.origin == base.origin).then_some(path)
    }

    /// Converts the address, with its query, to the type that transports take.
    ///
    /// # Errors
    ///
    /// Says what is wrong if `http` does not accept the URL, because it is too long.
    pub fn to_uri(&self) -> Result<Uri, String> {
        let query = self
            .query
            .as_ref()
            .map_or(String::new(), |query| format!("?{query}"));
        format!("{}{}{query}", self.origin, self.path)
            .parse()
            .map_err(|error| format!("is not a valid URL: {error}"))
    }
}

/// Shows the address without its query, which may contain tokens.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}{}", if self.query.is_some() { "?…" } else { "" })
    }
}

/// Returns the scheme: the name before a colon at the start (RFC 3986, section 3.1).
fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_name = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_name.then_some(scheme)
}

/// Returns whether a text is a whole URL. A path may begin with `a:b`, such as an id with a colon.
fn has_scheme(text: &str) -> bool {
    scheme_of(text).is_some_and(|scheme| text[scheme.len()..].starts_with("://"))
}

/// Shows an unchecked URL in errors: without userinfo, query and fragment, escaped, and at most 80
/// characters.
#[derive(Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL with a password must not reach a log. In a broken URL any part could be the password, so only
        // the scheme is shown.
        let is_path = self.0.starts_with('/') && !self.0.starts_with("//");
        if self.0.contains('@') && !is_path {
            return match scheme_of(self.0) {
                Some(scheme) => write!(f, "\"{scheme}:…\""),
                None => f.write_str("\"…\""),
            };
        }
        let text = self.0.split(['?', '#']).next().unwrap_or_default();
        let short: String = text.chars().take(80).collect();
        write!(f, "{short:?}")
    }
}
