//! The settings of a client, as the builder collects them and checked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::headers;
use api_ratelimiter_core::settings::{CallSettings, DEFAULT_MAX_RETRIES_ON_BACKOFF};
use http::{HeaderMap, HeaderValue, header};

use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::config::Pagination;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::limiter::CircuitBreaker;

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
            Some((field, _)) => Err(Error::config(entry, field, "must be greater than zero")),
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
    /// What each of its calls needs to know.
    pub(crate) call: Arc<CallSettings>,
    pub(crate) token_source: Option<TokenSource>,
    pub(crate) timeouts: Timeouts,
    pub(crate) max_body: u64,
    pub(crate) proxy_from_environment: bool,
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
    pub(crate) fn check(
        self,
        config: &ApiRateConfig,
        follows_abroad: bool,
    ) -> Result<ClientSettings> {
        let mut call = CallSettings::new(config)?;
        let name = config.name.as_str();
        self.timeouts.check(name)?;
        let all = &mut call.headers;
        let agent = self.user_agent.as_deref().unwrap_or(USER_AGENT);
        all.insert(
            header::USER_AGENT,
            headers::value("user_agent", agent, false).map_err(|e| Error::header_of(name, e))?,
        );
        let mut own = HeaderMap::new();
        for (key, value) in &self.headers {
            let (key, value) =
                headers::pair(key, value).map_err(|error| Error::header_of(name, error))?;
            own.append(key, value);
        }
        headers::replace(all, own);
        if let Some(token) = &self.bearer {
            all.insert(
                header::AUTHORIZATION,
                headers::bearer(token).map_err(|error| Error::header_of(name, error))?,
            );
        }
        call.has_token_source = self.token_source.is_some();
        call.max_retries_on_backoff = self.max_retries_on_backoff;
        call.retry_transport = self.retry_transport;
        call.follows_abroad = follows_abroad;
        Ok(ClientSettings {
            call: Arc::new(call),
            token_source: self.token_source,
            timeouts: self.timeouts,
            max_body: self.max_body,
            proxy_from_environment: self.proxy_from_environment,
            tls: self.tls,
            roots: self.roots,
            pagination: config.pagination.clone(),
        })
    }
}

/// What servers are told unless the user says otherwise.
const USER_AGENT: &str = concat!("dynamic-api-rate-limiter/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("call", &self.call)
            .field("timeouts", &self.timeouts)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

/// The value of an `Authorization` header with a token that was just fetched.
pub(crate) fn fresh_token(source: &TokenSource) -> Result<HeaderValue> {
    let token =
        source().map_err(|error| Error::of_caller("bearer token", "its source failed", error))?;
    Ok(headers::bearer(&token)?)
}
