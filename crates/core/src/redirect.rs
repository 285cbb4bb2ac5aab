//! Redirects: whether one is followed, and what of the request follows it.

use http::{HeaderMap, Method, StatusCode, header};

use crate::error::TransportKind;
use crate::request::RequestParts;
use crate::url::Base;

/// Most redirects that one call follows.
const MOST_REDIRECTS: u32 = 10;

/// How a call treats redirects, and how many it has followed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Redirects {
    followed: u32,
    /// Whether a redirect led to another origin, so that the headers of this API were removed.
    left_home: bool,
}

impl Redirects {
    /// Whether a redirect led to another origin.
    pub(crate) fn left_home(self) -> bool {
        self.left_home
    }

    /// Changes `parts` into the request that the redirect asks for. Returns `false` if the caller gets
    /// the response instead.
    ///
    /// # Errors
    ///
    /// The kind of error for a redirect that must not be followed.
    pub(crate) fn follow(
        &mut self,
        parts: &mut RequestParts,
        base: &Base,
        follows_abroad: bool,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<bool, TransportKind> {
        // Statuses that redirect, and whether the method survives (RFC 9110, section 15.4).
        let keeps_method = match status.as_u16() {
            301 | 302 => parts.method != Method::POST,
            303 => matches!(parts.method, Method::GET | Method::HEAD),
            307 | 308 => true,
            _ => return Ok(false),
        };
        let Some(location) = headers.get(header::LOCATION) else {
            return Ok(false);
        };
        // The target must be http(s), and never fall from https to http.
        let target = std::str::from_utf8(location.as_bytes())
            .ok()
            .and_then(|location| parts.address.resolve(location).ok())
            .filter(|target| target.origin().is_https() || !parts.address.origin().is_https())
            .ok_or(TransportKind::RedirectRefused)?;
        // The body belongs to this API. Another host gets it only if the caller says that sending it
        // again does no harm and the server asks for it.
        let leaves = target.origin() != base.origin();
        let may_leave = matches!(status.as_u16(), 307 | 308) && parts.idempotent == Some(true);
        let keeps_body = keeps_method && parts.body.is_some();
        if leaves && (keeps_body && !may_leave || !follows_abroad) {
            return Ok(false);
        }
        self.followed += 1;
        if self.followed > MOST_REDIRECTS {
            return Err(TransportKind::TooManyRedirects);
        }
        // A redirected POST becomes a GET without a body.
        if !keeps_method {
            parts.method = Method::GET;
            parts.body = None;
            for name in [
                header::CONTENT_TYPE,
                header::CONTENT_LENGTH,
                header::CONTENT_ENCODING,
            ] {
                parts.headers.remove(name);
            }
        }
        if leaves {
            strip(parts);
            self.left_home = true;
        }
        parts.address = target;
        Ok(true)
    }
}

/// Removes what another host must not see, for the rest of the call.
fn strip(parts: &mut RequestParts) {
    let keeps_body = parts.body.is_some();
    let mut kept = HeaderMap::new();
    for (name, value) in &parts.headers {
        let describes_body = keeps_body && name == header::CONTENT_TYPE;
        if describes_body
            || [
                header::ACCEPT,
                header::ACCEPT_ENCODING,
                header::USER_AGENT,
                header::RANGE,
            ]
            .contains(name)
        {
            kept.append(name.clone(), value.clone());
        }
    }
    parts.headers = kept;
    parts.repeatable = false;
}
