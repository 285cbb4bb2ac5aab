//! Builder of both clients.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::client::core::ClientCore;
use crate::client::settings::{ClientSettings, Draft, Roots, Timeouts, Tls, TokenError};
use crate::clock::{Clock, SystemClock};
use crate::fleet::Fleet;
use crate::memory::Memory;
use crate::observe::Observer;
use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::TokenReason;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::limiter::CircuitBreaker;

/// A front of the client, [`Blocking`] or `Async`. It says which client a [`ClientBuilder`] builds and a
/// [`RequestBuilder`](crate::RequestBuilder) uses.
///
/// You need it only for code that works with the builders of both clients.
pub trait Front: Sized {
    /// The client of this front.
    type Client;

    #[doc(hidden)]
    fn connect(builder: ClientBuilder<Self>) -> Result<Self::Client>;
}

/// The blocking front, [`DynamicAPIClient`](crate::DynamicAPIClient). The default of both builders.
#[derive(Default)]
pub struct Blocking {
    /// Source of tokens, if one was set.
    pub(crate) token_source: Option<TokenSource>,
}

/// A function that returns a token.
pub(crate) type TokenSource = Arc<dyn Fn(TokenReason) -> Result<String, TokenError> + Send + Sync>;

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// The async front, [`AsyncDynamicAPIClient`](crate::AsyncDynamicAPIClient).
#[cfg(feature = "async")]
#[derive(Default)]
pub struct Async {
    /// Transport of the user, if one was set.
    pub(crate) http: Option<reqwest::ClientBuilder>,
    /// Source of tokens, if one was set.
    pub(crate) token_source: Option<AsyncTokenSource>,
}

/// An async function that returns a token.
#[cfg(feature = "async")]
pub(crate) type AsyncTokenSource = Arc<
    dyn Fn(
            TokenReason,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<String, TokenError>> + Send>>
        + Send
        + Sync,
>;

#[cfg(feature = "async")]
impl fmt::Debug for Async {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Async").finish_non_exhaustive()
    }
}

/// Builder of a client; returned by `builder` and `builder_for` of both clients.
///
/// # Default
///
/// No credential; the configuration's base URL, backoff statuses and `max_cooldown`; 20 retries after
/// refusals; no retries after transport errors (but see [`retry_transport`](Self::retry_transport));
/// [`Timeouts::default`]; bodies of up to 64 MiB where they are read whole; proxies from the environment
/// (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`); rustls with Mozilla's roots; a limiter of
/// its own on the system's clock.
#[must_use = "call build()"]
pub struct ClientBuilder<F = Blocking> {
    /// The settings of this front only.
    pub(crate) front: F,
    config: ApiRateConfig,
    draft: Draft,
    limiter: Option<DynamicRateLimiter>,
    clock: Option<Arc<dyn Clock>>,
    fleet: Option<Fleet>,
    memory: Option<PathBuf>,
    observers: Vec<Arc<dyn Observer>>,
}

impl<F> ClientBuilder<F> {
    pub(crate) fn new(config: ApiRateConfig, front: F) -> Self {
        Self {
            front,
            config,
            draft: Draft::default(),
            limiter: None,
            clock: None,
            fleet: None,
            memory: None,
            observers: Vec::new(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Draft)) -> Self {
        change(&mut self.draft);
        self
    }

    /// Sends `Authorization: Bearer <token>` with every request. Defaults to none.
    pub fn bearer_auth(self, token: impl Into<String>) -> Self {
        let token = token.into();
        self.with(|draft| draft.bearer = Some(token))
    }

    /// Replaces a fixed token by the front's source of tokens.
    pub(crate) fn with_token_source(self, set: impl FnOnce(&mut F)) -> Self {
        let mut builder = self.with(|draft| {
            draft.bearer = None;
            draft.has_token_source = true;
        });
        set(&mut builder.front);
        builder
    }

    /// Sends a header with every request, unless the request has one with the same name. Defaults to none.
    pub fn default_header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let header = (name.into(), value.into());
        self.with(|draft| draft.headers.push(header))
    }

    /// Sets the `User-Agent` header. Defaults to `dynamic-api-rate-limiter/` and the version.
    pub fn user_agent(self, agent: impl Into<String>) -> Self {
        let agent = agent.into();
        self.with(|draft| draft.user_agent = Some(agent))
    }

    /// Sets the base URL that paths are joined to. Defaults to the configuration's.
    pub fn base_url(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.with(|draft| draft.base_url = Some(url))
    }

    /// Sets the statuses that count as refusals; **replaces** the whole set. Defaults to the configuration's.
    pub fn backoff_status_codes(self, codes: impl IntoIterator<Item = u16>) -> Self {
        let codes = codes.into_iter().collect();
        self.with(|draft| draft.backoff_status_codes = Some(codes))
    }

    /// Sets how often a refused request is retried before [`Error::BackoffExhausted`](crate::Error). Defaults
    /// to 20.
    pub fn max_retries_on_backoff(self, retries: u32) -> Self {
        self.with(|draft| draft.max_retries_on_backoff = retries)
    }

    /// Sets the longest pause that callers wait for. Defaults to the configuration's.
    pub fn max_cooldown(self, longest: Duration) -> Self {
        self.with(|draft| draft.max_cooldown = Some(longest))
    }

    /// Sets the part of an announced limit of more than five minutes that is kept for the time until its reset, from 0
    /// to 1. The rest is spent as fast as the server answers. Defaults to the configuration's, a tenth.
    pub fn reserve(self, part: f64) -> Self {
        self.with(|draft| draft.reserve = Some(part))
    }

    /// Sets the maximum number of requests under way at once, at least 1. Defaults to the configuration's: none for most
    /// APIs.
    pub fn max_under_way(self, most: u32) -> Self {
        self.with(|draft| draft.max_under_way = Some(most))
    }

    /// Stops sending while requests fail: calls wait, and one at a time tries whether the server works
    /// again. Defaults to the configuration's breaker; the presets have none.
    pub fn circuit_breaker(self, breaker: CircuitBreaker) -> Self {
        self.with(|draft| draft.breaker = Some(breaker))
    }

    /// Sets how often a request is retried after its connection failed. Defaults to 0.
    ///
    /// Requests that never reached the server are retried with any method; others only if they are
    /// idempotent. An idempotent request is retried once even with 0, if its connection was closed or reset
    /// before a response arrived: a server may close an idle connection at any moment. A failed trial of an
    /// open [`circuit_breaker`](Self::circuit_breaker) does not count.
    pub fn retry_transport(self, retries: u32) -> Self {
        self.with(|draft| draft.retry_transport = retries)
    }

    /// Sets the timeouts of each part of a request.
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        self.with(|draft| draft.timeouts = timeouts)
    }

    /// Sets the longest body that is read whole, in decoded bytes. Defaults to 64 MiB.
    pub fn max_body(self, bytes: u64) -> Self {
        self.with(|draft| draft.max_body = bytes)
    }

    /// Ignores the proxy variables of the environment.
    ///
    /// Without it, requests by http go through the proxy of `http_proxy` or `HTTP_PROXY`, requests by https
    /// through that of `https_proxy` or `HTTPS_PROXY`, and those that have none through that of `all_proxy` or
    /// `ALL_PROXY`. Requests to this machine (`localhost`, `127.0.0.0/8`, `[::1]`) and to the hosts and networks
    /// of `no_proxy` or `NO_PROXY` are sent directly.
    ///
    /// The client never ignores a proxy because of a typo or a feature that is off: `build()` fails if one of
    /// these variables is set and is not a valid proxy, also if it would not be used, and if the base URL's
    /// proxy needs a feature.
    pub fn no_proxy(self) -> Self {
        self.with(|draft| draft.proxy_from_environment = false)
    }

    /// Sets the TLS library. Defaults to [`Tls::Rustls`] with all features.
    pub fn tls(self, tls: Tls) -> Self {
        self.with(|draft| draft.tls = tls)
    }

    /// Sets which certificates are trusted. Defaults to [`Roots::WebPki`] with all features.
    pub fn roots(self, roots: Roots) -> Self {
        self.with(|draft| draft.roots = roots)
    }

    /// Uses a shared limiter instead of an own one: one queue and one rate for all clients with the same
    /// credential. The limiter's rates, cooldowns and clock apply. `build()` fails if `max_cooldown`, `clock` or
    /// another setting of a limiter is set, too.
    pub fn limiter(mut self, limiter: DynamicRateLimiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// Sets the clock of the client's own limiter, for tests in virtual time. Defaults to the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Shares the limit with the other workers of `fleet`: processes and machines that use the same store and
    /// key. Defaults to no fleet.
    ///
    /// ```
    /// use api_ratelimiter::{DynamicAPIClient, Fleet, LocalStore};
    ///
    /// let client = DynamicAPIClient::builder_for("notion")?
    ///     .fleet(Fleet::new(LocalStore::new(), "notion/workspace-42"))
    ///     .build()?;
    /// assert!(client.limiter().snapshot().fleet.is_some());
    /// # Ok::<(), api_ratelimiter::Error>(())
    /// ```
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.fleet = Some(fleet);
        self
    }

    /// Keeps the learned limit in a file in this directory, so that the next run starts with it. Defaults to no
    /// file.
    ///
    /// There is one file for each name, base URL and [`label`](Self::label). Only its owner can read it, and it
    /// contains no secret. `build()` reads it. A finished request writes it, at most every 5 s, and so does
    /// dropping the last clone of the client. A damaged file causes one warning, and the run starts without it.
    /// A limit that was learned more than 36 hours ago decays towards the configured start. What was used of known
    /// limits (`limits`) counts for the next run; for windows of more than 60 s the file is also written before each
    /// 64th of the limit is sent.
    pub fn remember_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.memory = Some(folder.into());
        self
    }

    /// Sends every [`Event`](crate::Event) of the client's own limiter, and of the calls through it, to
    /// `observer`. Call this again for further observers. Without an observer there are only the log lines.
    /// With a shared [`limiter`](Self::limiter), use its
    /// [`add_observer`](crate::DynamicRateLimiter::add_observer).
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Sets a label for the credential, so that several credentials for one API have a limit each. Events of
    /// the client's own limiter contain it. Defaults to none.
    pub fn label(self, tenant: impl Into<String>) -> Self {
        let tenant = tenant.into();
        self.with(|draft| draft.label = Some(tenant))
    }

    /// Builds the client. This needs no async runtime.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] with the setting, its value, and the rule that it breaks or the feature that it
    /// needs.
    pub fn build(self) -> Result<F::Client>
    where
        F: Front,
    {
        F::connect(self)
    }

    /// Checks all settings and returns the client's core and its transport.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`].
    pub(crate) fn assembled<T>(
        self,
        follows_abroad: bool,
        transport: impl FnOnce(F, &ClientSettings) -> Result<T>,
    ) -> Result<(ClientCore, T)> {
        let Self {
            front,
            config,
            draft,
            limiter,
            clock,
            fleet,
            memory,
            observers,
        } = self;
        // Check the settings.
        let config = draft.overlay(config);
        // These belong to the client's own limiter and contradict a shared one.
        let of_limiter = [
            ("clock", clock.is_some()),
            ("fleet", fleet.is_some()),
            ("max_cooldown", draft.max_cooldown.is_some()),
            ("reserve", draft.reserve.is_some()),
            ("max_under_way", draft.max_under_way.is_some()),
            ("circuit_breaker", draft.breaker.is_some()),
            ("observer", !observers.is_empty()),
        ];
        let misplaced = of_limiter.iter().find(|(_, is_given)| *is_given);
        let label = draft.label.clone();
        let settings = draft.check(&config, follows_abroad)?;
        // Take the shared limiter, or build one: in a fleet, or on a clock.
        let limiter = match (limiter, misplaced) {
            (Some(_), Some((field, _))) => {
                let problem = "belongs to the shared limiter; set it where that limiter is built";
                return Err(Error::config(&config.name, field, problem));
            }
            (Some(limiter), None) => limiter,
            (None, _) => {
                let prepare = |limiter: DynamicRateLimiter| {
                    for observer in observers {
                        limiter.add_observer(observer);
                    }
                    match &label {
                        Some(label) => limiter.with_label(label),
                        None => limiter,
                    }
                };
                match (fleet, clock) {
                    (Some(_), Some(_)) => {
                        let problem =
                            "a fleet uses the clock of its store; set only one of the two";
                        return Err(Error::config(&config.name, "clock", problem));
                    }
                    (Some(fleet), None) => {
                        DynamicRateLimiter::in_fleet_after(&config, &fleet, prepare)?
                    }
                    (None, clock) => {
                        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
                        prepare(DynamicRateLimiter::with_clock(&config, clock)?)
                    }
                }
            }
        };
        // Add memory and transport.
        let memory = memory.map(|folder| {
            Memory::new(&folder, &config.name, settings.call.base.to_string(), label)
        });
        let transport = transport(front, &settings)?;
        Ok((ClientCore::new(settings, limiter, memory), transport))
    }
}

impl<F> fmt::Debug for ClientBuilder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("api", &self.config.name)
            .finish_non_exhaustive()
    }
}
