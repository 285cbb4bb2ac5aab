//! The settings of a client: as the builder collects them, and after the check.

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
use api_ratelimiter_core::proxy::Proxies;

/// Timeouts of the parts of a request.
///
/// # Default
///
/// Connecting (with name resolution and TLS) 10 s, sending 60 s, the head of the response 60 s, between two
/// bytes 30 s, a body that is read whole 300 s.
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
    /// Sets the timeout of resolving the name, and that of connecting with the TLS handshake. Defaults to 10 s
    /// each.
    #[must_use]
    pub const fn connect(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// Sets the timeout of sending the request's head, and that of sending its body. Defaults to 60 s each.
    #[must_use]
    pub const fn send(mut self, timeout: Duration) -> Self {
        self.send = timeout;
        self
    }

    /// Sets the timeout of the response's whole head, from the end of sending. Defaults to 60 s.
    #[must_use]
    pub const fn first_byte(mut self, timeout: Duration) -> Self {
        self.first_byte = timeout;
        self
    }

    /// Sets the timeout of the silence between two bytes of a response. In the async client it applies only to
    /// the body, because the transport reports only whole heads. Defaults to 30 s.
    #[must_use]
    pub const fn between_bytes(mut self, timeout: Duration) -> Self {
        self.between_bytes = timeout;
        self
    }

    /// Sets the timeout of a body that is read whole, by `text`, `json` or `bytes`. Defaults to 300 s.
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

/// TLS library. Every variant exists in every build; `build()` fails for one whose feature is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tls {
    /// rustls with the ring provider (feature `rustls`). The default.
    #[default]
    Rustls,
    /// The system's TLS library (feature `native-tls`).
    Native,
}

/// Trusted root certificates. Every variant exists in every build; `build()` fails for one whose feature is
/// off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Roots {
    /// Mozilla's roots, built in. The default.
    #[default]
    WebPki,
    /// The operating system's roots. With [`Tls::Rustls`] this needs the feature `platform-verifier`.
    Platform,
}

/// Settings as the builder collects them.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) base_url: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bearer: Option<String>,
    /// Whether the front has a source of tokens.
    pub(crate) has_token_source: bool,
    pub(crate) user_agent: Option<String>,
    pub(crate) backoff_status_codes: Option<Vec<u16>>,
    pub(crate) max_retries_on_backoff: u32,
    pub(crate) retry_transport: u32,
    pub(crate) max_cooldown: Option<Duration>,
    pub(crate) reserve: Option<f64>,
    pub(crate) max_under_way: Option<u32>,
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) timeouts: Timeouts,
    pub(crate) max_body: u64,
    pub(crate) proxy_from_environment: bool,
    pub(crate) tls: Tls,
    pub(crate) roots: Roots,
    pub(crate) label: Option<String>,
}

/// Default maximum of decoded bytes of a body that is read whole: far more than a page of any API, far less
/// than a computer's memory.
const DEFAULT_MAX_BODY: u64 = 64 * 1024 * 1024;

impl Default for Draft {
    fn default() -> Self {
        Self {
            base_url: None,
            headers: Vec::new(),
            bearer: None,
            has_token_source: false,
            user_agent: None,
            backoff_status_codes: None,
            max_retries_on_backoff: DEFAULT_MAX_RETRIES_ON_BACKOFF,
            retry_transport: 0,
            max_cooldown: None,
            reserve: None,
            max_under_way: None,
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

/// Settings of a client, after the check.
pub(crate) struct ClientSettings {
    /// Settings of each call.
    pub(crate) call: Arc<CallSettings>,
    pub(crate) timeouts: Timeouts,
    pub(crate) max_body: u64,
    /// Proxies of the environment; `None` if it is ignored.
    pub(crate) proxies: Option<Proxies>,
    pub(crate) tls: Tls,
    pub(crate) roots: Roots,
    pub(crate) pagination: Option<Pagination>,
}

impl Draft {
    /// Returns the configuration with the values that the builder replaces.
    pub(crate) fn overlay(&self, mut config: ApiRateConfig) -> ApiRateConfig {
        if let Some(base_url) = &self.base_url {
            config.base_url.clone_from(base_url);
        }
        if let Some(max_cooldown) = self.max_cooldown {
            config.max_cooldown = max_cooldown;
            // A preset's default pause must not exceed the longest pause that callers accept.
            config.default_cooldown = config.default_cooldown.map(|pause| pause.min(max_cooldown));
        }
        if let Some(reserve) = self.reserve {
            config.reserve = reserve;
        }
        if self.max_under_way.is_some() {
            config.max_under_way = self.max_under_way;
        }
        if self.breaker.is_some() {
            config.breaker = self.breaker;
        }
        if let Some(codes) = &self.backoff_status_codes {
            config.backoff_status_codes.clone_from(codes);
        }
        config
    }

    /// Checks all settings. `config` is the one that [`Draft::overlay`] returned.
    pub(crate) fn check(
        self,
        config: &ApiRateConfig,
        follows_abroad: bool,
    ) -> Result<ClientSettings> {
        let mut call = CallSettings::new(config)?;
        let name = config.name.as_str();
        self.timeouts.check(name)?;
        // The headers of every request: user agent, the user's own, the credential.
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
        // The proxies of the environment, unless it is ignored.
        let from_environment = self.proxy_from_environment;
        let proxies = from_environment.then(|| Proxies::read(|name| std::env::var_os(name)));
        let proxies = proxies
            .transpose()
            .map_err(|problem| Error::config(name, "proxy", problem))?;
        // The rules of a call, and the rest.
        call.has_token_source = self.has_token_source;
        call.max_retries_on_backoff = self.max_retries_on_backoff;
        call.retry_transport = self.retry_transport;
        call.follows_abroad = follows_abroad;
        Ok(ClientSettings {
            call: Arc::new(call),
            timeouts: self.timeouts,
            max_body: self.max_body,
            proxies,
            tls: self.tls,
            roots: self.roots,
            pagination: config.pagination.clone(),
        })
    }
}

/// Default value of the `User-Agent` header.
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

/// Error of a source of tokens.
pub(crate) type TokenError = Box<dyn std::error::Error + Send + Sync>;

/// Returns the value of an `Authorization` header with a token that its source returned.
pub(crate) fn authorization(token: Result<String, TokenError>) -> Result<HeaderValue> {
    let token =
        token.map_err(|error| Error::of_caller("bearer token", "its source failed", error))?;
    Ok(headers::bearer(&token)?)
}
