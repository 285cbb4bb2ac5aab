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

/// Everything that an attempt sends. All attempts of a call send it, unless a redirect changes it.
#[derive(Clone)]
pub struct RequestParts {
    /// The method.
    pub method: Method,
    /// The URL.
    pub address: Address,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, if there is one.
    pub body: Option<Arc<[u8]>>,
    /// Whether sending the request twice does no harm, as the caller says; `None` lets the method decide.
    pub idempotent: Option<bool>,
    /// Whether the request carries an idempotency key, or is known to only read.
    pub repeatable: bool,
    /// Tokens that each attempt takes.
    pub cost: u32,
    /// The longest that an attempt may take, with the reading of its body.
    pub timeout: Option<Duration>,
    /// When the whole call, with its waits, must be over.
    pub deadline: Option<Time>,
    /// Label and context of the request, for observers.
    pub tags: Option<Arc<Tags>>,
    /// A function of the caller, called each time before the request is sent.
    pub before_send: Option<BeforeSend>,
}

/// A function that is called before a request is sent; its error prevents the sending.
pub(crate) type BeforeSend =
    Arc<dyn Fn() -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync>;

/// Label and context of a request, for observers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tags {
    /// The kind of request; observers see it instead of the URL.
    pub route: Option<String>,
    /// Values that come with each event of the request.
    pub context: BTreeMap<String, String>,
}

/// Most entries of a request's context.
const MOST_CONTEXT: usize = 16;

/// Most bytes of a route, and of a key of the context.
const LONGEST_KEY: usize = 128;

/// Most bytes of a value of the context.
const LONGEST_VALUE: usize = 1024;

impl Tags {
    /// Sets the route.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] for a route that is too long.
    pub fn set_route(&mut self, route: &str) -> Result<()> {
        within("route", route, LONGEST_KEY)?;
        self.route = Some(route.to_owned());
        Ok(())
    }

    /// Adds an entry to the context.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] for an entry that is too long, or one too many.
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

    /// Returns whether the request may be sent again although the server may have processed it (RFC 9110,
    /// section 9.2.2).
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

    /// Returns method and URL without the query, as errors show them.
    #[must_use]
    pub fn label(&self) -> Box<str> {
        format!("{} {}", self.method, self.address).into()
    }

    /// Calls the function that the caller set for the moment before the request is sent.
    ///
    /// # Errors
    ///
    /// The error of that function.
    pub fn going_out(&self) -> Result<()> {
        let told = self.before_send.as_ref().map_or(Ok(()), |tell| tell());
        told.map_err(|error| Error::of_caller("before_send", "failed", error))
    }

    /// Returns how long an attempt that begins at `now` may take.
    #[must_use]
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

/// The time of an attempt that begins at its deadline. It is not zero, which would mean no timeout.
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
