//! The builder's plain settings, shared by every front.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::{ApiRateConfig, Idempotency, ScopeRule};
use crate::error::{Error, Result};
use crate::limiter::CircuitBreaker;
use crate::paginate::Pagination;
use crate::url::{Base, Shown};
use crate::verdict::Reader;

/// How long each part of a request may take.
///
/// # Default
///
/// Connecting (with name resolution and TLS) 10 s, sending 60 s, the answer's head 60 s, between two
/// bytes 30 s, a whole buffered body 300 s.
///
/// ```
/// use std::time::Duration;
/// use api_ratelimiter::{DynamicAPIClient, Timeouts};
///
/// let client = DynamicAPIClient::builder_for("notion")?
///     .timeouts(Timeouts::default().first_byte(Duration::from_secs(120)))
///     .build()?;
/// # Ok::<(), api_ratelimiter::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) send: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) between_bytes: Duration,
    pub(crate) body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            send: Duration::from_secs(60),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
            body: Duration::from_secs(300),
        }
    }
}

impl Timeouts {
    /// Resolving the name; and again connecting with the TLS handshake. Defaults to 10 s.
    #[must_use]
    pub const fn connect(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// Sending the request's head, and again its body. Defaults to 60 s.
    #[must_use]
    pub const fn send(mut self, timeout: Duration) -> Self {
        self.send = timeout;
        self
    }

    /// The answer's whole head, from when the request was sent. Defaults to 60 s.
    #[must_use]
    pub const fn first_byte(mut self, timeout: Duration) -> Self {
        self.first_byte = timeout;
        self
    }

    /// Silence between two bytes of an answer; of its body only in the async client, whose transport shows
    /// a head when it is whole. Defaults to 30 s.
    #[must_use]
    pub const fn between_bytes(mut self, timeout: Duration) -> Self {
        self.between_bytes = timeout;
        self
    }

    /// A body read whole, by `text`, `json` or `bytes`. Defaults to 300 s.
    #[must_use]
    pub const fn body(mut self, timeout: Duration) -> Self {
        self.body = timeout;
        self
    }

    fn check(&self, entry: &str) -> Result<()> {
        let all = [
            ("timeouts.connect", self.connect),
            ("timeouts.send", self.send),
            ("timeouts.first_byte", self.first_byte),
            ("timeouts.between_bytes", self.between_bytes),
            ("timeouts.body", self.body),
        ];
        match all.iter().find(|(_, timeout)| timeout.is_zero()) {
            Some((field, _)) => Err(Error::config(
                entry,
                field,
                "0 would never let anything through",
            )),
            None => Ok(()),
        }
    }
}

/// Which library speaks TLS. Every variant always exists; one whose feature is off makes `build()`
/// fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tls {
    /// rustls with the ring provider; feature `rustls`. The default.
    #[default]
    Rustls,
    /// The system's TLS library; feature `native-tls`.
    Native,
}

/// Which certificates are trusted. Every variant always exists; one whose feature is off makes
/// `build()` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Roots {
    /// Mozilla's, built in. The default.
    #[default]
    WebPki,
    /// The operating system's store; with [`Tls::Rustls`] this needs the feature `platform-verifier`.
    Platform,
}

/// Where a fresh token comes from.
pub(crate) type TokenSource =
    Arc<dyn Fn() -> Result<String, Box<dyn std::error::Error + Send + Sync>> + Send + Sync>;

/// What the builder collects.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) base_url: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bearer: Option<String>,
    pub(crate) token_source: Option<TokenSource>,
    pub(crate) user_agent: Option<String>,
    pub(crate) backoff_status_codes: Option<Vec<u16>>,
    pub(crate) max_retries_on_backoff: u32,
    pub(crate) retry_transport: u32,
    pub(crate) max_cooldown: Option<Duration>,
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) timeouts: Timeouts,
    pub(crate) max_body: u64,
    pub(crate) proxy_from_environment: bool,
    pub(crate) tls: Tls,
    pub(crate) roots: Roots,
    pub(crate) label: Option<String>,
}

/// Refusals of one request that are waited out before the caller is told.
const DEFAULT_MAX_RETRIES_ON_BACKOFF: u32 = 20;

/// Bytes of a body that is read whole, decoded: far more than a page of any API, far less than
/// memory.
const DEFAULT_MAX_BODY: u64 = 64 * 1024 * 1024;

impl Default for Draft {
    fn default() -> Self {
        Self {
            base_url: None,
            headers: Vec::new(),
            bearer: None,
            token_source: None,
            user_agent: None,
            backoff_status_codes: None,
            max_retries_on_backoff: DEFAULT_MAX_RETRIES_ON_BACKOFF,
            retry_transport: 0,
            max_cooldown: None,
            breaker: None,
            timeouts: Timeouts::default(),
            max_body: DEFAULT_MAX_BODY,
            proxy_from_environment: true,
            tls: Tls::default(),
            roots: Roots::default(),
            label: None,
        }
    }
}

/// What a client runs on, checked.
pub(crate) struct ClientSettings {
    pub(crate) name: Box<str>,
    /// How its answers are read and judged.
    pub(crate) reader: Reader,
    pub(crate) pause_all: bool,
    pub(crate) scopes: Vec<ScopeRule>,
    pub(crate) idempotency: Idempotency,
    pub(crate) base: Base,
    pub(crate) headers: HeaderMap,
    pub(crate) token_source: Option<TokenSource>,
    pub(crate) max_retries_on_backoff: u32,
    pub(crate) retry_transport: u32,
    pub(crate) timeouts: Timeouts,
    pub(crate) max_body: u64,
    pub(crate) proxy_from_environment: bool,
    /// Whether redirects to other origins are followed: not where the transport is the user's, for nobody
    /// can take off what it adds by itself.
    pub(crate) follows_abroad: bool,
    pub(crate) tls: Tls,
    pub(crate) roots: Roots,
    pub(crate) pagination: Option<Pagination>,
}

impl Draft {
    /// The configuration with what the builder overrides of it.
    pub(crate) fn overlay(&self, mut config: ApiRateConfig) -> ApiRateConfig {
        if let Some(base_url) = &self.base_url {
            config.base_url.clone_from(base_url);
        }
        if let Some(max_cooldown) = self.max_cooldown {
            config.max_cooldown = max_cooldown;
            // A preset's own pause must not exceed what callers are willing to wait.
            config.default_cooldown = config.default_cooldown.map(|pause| pause.min(max_cooldown));
        }
        if self.breaker.is_some() {
            config.breaker = self.breaker;
        }
        if let Some(codes) = &self.backoff_status_codes {
            config.backoff_status_codes.clone_from(codes);
        }
        config
    }

    /// Checks everything. `config` is what [`Draft::overlay`] returned.
    pub(crate) fn check(self, config: &ApiRateConfig) -> Result<ClientSettings> {
        config.validate()?;
        let name = config.name.as_str();
        if config.base_url.is_empty() {
            return Err(Error::config(
                name,
                "base_url",
                "is empty: each customer has a host; give `.base_url(..)`",
            ));
        }
        let base = Base::parse(&config.base_url).map_err(|problem| {
            Error::config(
                name,
                "base_url",
                format_args!("{} {problem}", Shown(&config.base_url)),
            )
        })?;
        self.timeouts.check(name)?;
        let mut headers = config.header_map()?;
        let agent = self.user_agent.as_deref().unwrap_or(USER_AGENT);
        headers.insert(
            header::USER_AGENT,
            header_value("user_agent", agent, false).map_err(|e| in_config(name, e))?,
        );
        let mut own = HeaderMap::new();
        for (key, value) in &self.headers {
            let (key, value) = header_pair(key, value).map_err(|error| in_config(name, error))?;
            own.append(key, value);
        }
        replace(&mut headers, own);
        if let Some(token) = &self.bearer {
            headers.insert(
                header::AUTHORIZATION,
                bearer(token).map_err(|error| in_config(name, error))?,
            );
        }
        Ok(ClientSettings {
            name: name.into(),
            reader: config.reader()?,
            pause_all: config.dialect.pause_all,
            scopes: config.scope_rules()?,
            idempotency: config.idempotency()?,
            base,
            headers,
            token_source: self.token_source,
            max_retries_on_backoff: self.max_retries_on_backoff,
            retry_transport: self.retry_transport,
            timeouts: self.timeouts,
            max_body: self.max_body,
            proxy_from_environment: self.proxy_from_environment,
            follows_abroad: true,
            tls: self.tls,
            roots: self.roots,
            pagination: config.pagination.clone(),
        })
    }
}

/// Puts `own` headers in the place of those of the same names.
pub(crate) fn replace(headers: &mut HeaderMap, own: HeaderMap) {
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

/// What servers are told unless the user says otherwise.
const USER_AGENT: &str = concat!("dynamic-api-rate-limiter/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("name", &self.name)
            .field("base", &self.base)
            .field("headers", &crate::reply::HeaderNames(&self.headers))
            .field("reader", &self.reader)
            .field("max_retries_on_backoff", &self.max_retries_on_backoff)
            .field("retry_transport", &self.retry_transport)
            .field("timeouts", &self.timeouts)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

/// The value of an `Authorization` header; marked as sensitive.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue> {
    if token.trim().is_empty() {
        return Err(Error::request("bearer token", "is empty"));
    }
    header_value("bearer token", &format!("Bearer {}", token.trim()), true)
}

/// The value of an `Authorization` header with a token that was just fetched.
pub(crate) fn fresh_token(source: &TokenSource) -> Result<HeaderValue> {
    let token =
        source().map_err(|error| Error::of_caller("bearer token", "its source failed", error))?;
    bearer(&token)
}

/// A checked header; sensitive if its name says so.
pub(crate) fn header_pair(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let key: HeaderName = name.parse().map_err(|_| {
        Error::request(
            format_args!("header {:?}", name),
            "is not a valid name of a header",
        )
    })?;
    if key == header::CONTENT_LENGTH || key == header::TRANSFER_ENCODING {
        return Err(Error::request(
            format_args!("header {key}"),
            "is made from the body; leave it out",
        ));
    }
    let value = header_value(key.as_str(), value, is_sensitive(&key))?;
    Ok((key, value))
}

/// The value itself is never part of the error: it may be a secret.
fn header_value(name: &str, value: &str, sensitive: bool) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(value)
        .or_else(|_| HeaderValue::from_bytes(value.as_bytes()))
        .map_err(|_| {
            Error::request(
                format_args!("header {name}"),
                "the value contains a control character (a line break?)",
            )
        })?;
    value.set_sensitive(sensitive);
    Ok(value)
}

/// Whether a header of that name tends to hold a credential.
pub(crate) fn is_sensitive(name: &HeaderName) -> bool {
    ["auth", "key", "token", "secret", "cookie"]
        .iter()
        .any(|part| name.as_str().contains(part))
}

pub(crate) fn in_config(entry: &str, error: Error) -> Error {
    match error {
        Error::InvalidRequest { part, problem } => Error::config(entry, &part, problem),
        other => other,
    }
}
