//! One request as plain data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};

use crate::error::{Error, Result};
use crate::headers::HeaderNames;
use crate::time::Time;
use crate::url::Address;

/// Everything that an attempt sends, the same for all attempts of a call unless a redirect changes it.
#[derive(Clone)]
pub struct RequestParts {
    pub method: Method,
    pub address: Address,
    pub headers: HeaderMap,
    pub body: Option<Arc<[u8]>>,
    /// The caller's word on whether sending twice does no harm; `None`: the method decides.
    pub idempotent: Option<bool>,
    /// Whether it carries a key against being done twice, or is known to read only.
    pub repeatable: bool,
    pub cost: u32,
    /// For each attempt, the reading of its body included.
    pub timeout: Option<Duration>,
    /// For the whole call, its waits included.
    pub deadline: Option<Time>,
    /// What observers are told of it.
    pub tags: Option<Arc<Tags>>,
    /// The caller's, called each time it is about to go out.
    pub before_send: Option<BeforeSend>,
}

/// What a caller does before a request goes out; an error keeps it back.
pub(crate) type BeforeSend =
    Arc<dyn Fn() -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync>;

/// What the caller says of a request, for observers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tags {
    /// The kind of request, instead of its address.
    pub route: Option<String>,
    pub context: BTreeMap<String, String>,
}

/// Entries of a request's context: a handful of ids, not a record.
const MOST_CONTEXT: usize = 16;

/// Bytes of a route, or of a key of the context.
const LONGEST_KEY: usize = 128;

/// Bytes of a value of the context.
const LONGEST_VALUE: usize = 1024;

impl Tags {
    pub fn set_route(&mut self, route: &str) -> Result<()> {
        within("route", route, LONGEST_KEY)?;
        self.route = Some(route.to_owned());
        Ok(())
    }

    pub fn add(&mut self, key: &str, value: String) -> Result<()> {
        within("context key", key, LONGEST_KEY)?;
        within("context value", &value, LONGEST_VALUE)?;
        self.context.insert(key.to_owned(), value);
        if self.context.len() > MOST_CONTEXT {
            let problem = format_args!("more than {MOST_CONTEXT} entries");
            return Err(Error::request("context", problem));
        }
        Ok(())
    }
}

fn within(part: &str, text: &str, longest: usize) -> Result<()> {
    if text.len() > longest {
        let problem = format_args!("{} bytes, more than {longest}", text.len());
        return Err(Error::request(part, problem));
    }
    Ok(())
}

impl RequestParts {
    /// Returns a request of cost 1 without headers, body and deadline.
    #[must_use]
    pub fn new(method: Method, address: Address) -> Self {
        Self {
            method,
            address,
            headers: HeaderMap::new(),
            body: None,
            idempotent: None,
            repeatable: false,
            cost: 1,
            timeout: None,
            deadline: None,
            tags: None,
            before_send: None,
        }
    }

    /// Whether the request may be sent again although the server may have processed it
    /// (RFC 9110, section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        let by_method = matches!(
            self.method,
            Method::GET
                | Method::HEAD
                | Method::PUT
                | Method::DELETE
                | Method::OPTIONS
                | Method::TRACE
        );
        self.idempotent.unwrap_or(by_method || self.repeatable)
    }

    /// How errors call it: method and address without the query.
    pub fn label(&self) -> Box<str> {
        format!("{} {}", self.method, self.address).into()
    }

    /// Lets the caller know that it is about to go out.
    pub fn going_out(&self) -> Result<()> {
        let told = self.before_send.as_ref().map_or(Ok(()), |tell| tell());
        told.map_err(|error| Error::of_caller("before_send", "failed", error))
    }

    /// How long one attempt that begins at `now` may take.
    pub fn time_left(&self, now: Time) -> Option<Duration> {
        let until_deadline = self
            .deadline
            .map(|deadline| deadline.saturating_since(now).max(SHORTEST_ATTEMPT));
        match (self.timeout, until_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// An attempt that begins at its deadline ends by its timeout, for a timeout of zero would mean none.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(1);

impl fmt::Debug for RequestParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("address", &self.address)
            .field("headers", &HeaderNames(&self.headers))
            .field(
                "body_bytes",
                &self.body.as_ref().map_or(0, |body| body.len()),
            )
            .finish_non_exhaustive()
    }
}
