//! The client: settings, connections and a limiter.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::Method;

use super::builder::{Blocking, ClientBuilder};
use super::drive::drive;
use super::request::RequestBuilder;
use super::response::{Fresh, Response};
use super::transport;
use crate::client::credential;
use crate::client::settings::{self, ClientSettings};
use crate::memory::Memory;
use crate::rate_limiter::DynamicRateLimiter;
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::attempt::{Attempt, NoAnswer};
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::request::RequestParts;

/// A blocking HTTP client that paces itself.
///
/// Each request takes a permit of the client's [`DynamicRateLimiter`], is sent, and tells the limiter
/// how it went. A refused one queues again; the limiter owns the only wait. A clone shares limiter and
/// connections and is what a pool gives to each of its threads.
///
/// ```no_run
/// use api_ratelimiter::DynamicAPIClient;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = DynamicAPIClient::builder_for("notion")?
///     .bearer_auth(std::env::var("NOTION_TOKEN")?)
///     .default_header("Notion-Version", "2022-06-28")
///     .build()?;
/// let page: serde_json::Value = client.get("/pages/42").send()?.error_for_status()?.json()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DynamicAPIClient {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<ClientSettings>,
    limiter: DynamicRateLimiter,
    agent: ureq::Agent,
    memory: Option<Memory>,
    warned_of_credential: AtomicBool,
}

/// The last clone goes: what was learned since the last look is saved.
impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.save(&self.limiter);
        }
    }
}

/// A client for an API by its name in [`API_RATE_CONFIGS`], with a limiter of its own.
///
/// # Errors
///
/// [`Error::UnknownApi`] with the names that are known, and [`Error::InvalidConfig`] if the entry has
/// no base URL: then use [`DynamicAPIClient::builder_for`] and give one.
///
/// ```
/// use api_ratelimiter::make_client_for;
///
/// let client = make_client_for("notion")?;
/// assert_eq!(client.limiter().snapshot().name, "notion");
/// # Ok::<(), api_ratelimiter::Error>(())
/// ```
pub fn make_client_for(name: &str) -> Result<DynamicAPIClient> {
    DynamicAPIClient::builder_for(name)?.build()
}

impl DynamicAPIClient {
    /// A builder over a configuration.
    pub fn builder(config: ApiRateConfig) -> ClientBuilder {
        ClientBuilder::new(config, Blocking)
    }

    /// A builder over the configuration of that name in [`API_RATE_CONFIGS`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownApi`] with the names that are known and the nearest.
    pub fn builder_for(name: &str) -> Result<ClientBuilder> {
        API_RATE_CONFIGS
            .known(name)
            .map(|config| ClientBuilder::new(ApiRateConfig::clone(&config), Blocking))
    }

    pub(super) fn assemble(
        settings: ClientSettings,
        limiter: DynamicRateLimiter,
        memory: Option<Memory>,
    ) -> Result<Self> {
        let agent = transport::agent(&settings)?;
        if let Some(memory) = &memory {
            memory.load(&limiter);
        }
        let inner = Inner {
            settings: Arc::new(settings),
            limiter,
            agent,
            memory,
            warned_of_credential: AtomicBool::new(false),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The limiter that paces this client and its clones.
    #[must_use]
    pub fn limiter(&self) -> &DynamicRateLimiter {
        &self.inner.limiter
    }

    /// Closes the client and its clones: calls that wait for their turn end by [`Error::Closed`] at once,
    /// later ones too. Returns how many requests are under way, without waiting for them; they finish,
    /// but are not sent again. What was learned is saved.
    ///
    /// It is the limiter that is closed, so this holds for other clients that share it, too.
    ///
    /// ```
    /// use api_ratelimiter::{Error, make_client_for};
    ///
    /// let client = make_client_for("notion")?;
    /// let clone = client.clone();             // in a handler of Ctrl-C, say
    /// clone.close();
    /// assert!(matches!(client.get("/pages/1").send(), Err(Error::Closed { .. })));
    /// # Ok::<(), api_ratelimiter::Error>(())
    /// ```
    pub fn close(&self) -> usize {
        let under_way = self.inner.limiter.close();
        self.save();
        under_way
    }

    /// Closes the client as [`close`](Self::close) does, and waits until the last request has its
    /// answer's head or has failed, but no longer than `patience`. Returns how many are still under way
    /// then: 0 if all finished.
    pub fn close_within(&self, patience: Duration) -> usize {
        let under_way = self.inner.limiter.close_within(patience);
        self.save();
        under_way
    }

    fn save(&self) {
        if let Some(memory) = &self.inner.memory {
            memory.save(&self.inner.limiter);
        }
    }

    /// A request with any method, `"GET"` or `Method::GET`, to a path under the base URL.
    pub fn request<M>(&self, method: M, path: impl AsRef<str>) -> RequestBuilder
    where
        Method: TryFrom<M>,
    {
        let method = Method::try_from(method)
            .map_err(|_| Error::request("method", "is not a valid HTTP method"));
        RequestBuilder::new(self.clone(), self.settings(), method, path.as_ref())
    }

    /// A GET request.
    pub fn get(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A HEAD request.
    pub fn head(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, path)
    }

    /// A POST request.
    pub fn post(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    pub fn put(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, path)
    }

    /// A PATCH request.
    pub fn patch(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    pub(super) fn settings(&self) -> &Arc<ClientSettings> {
        &self.inner.settings
    }

    pub(super) fn run(&self, mut parts: RequestParts) -> Result<Response> {
        let Inner {
            settings,
            limiter,
            agent,
            memory,
            ..
        } = &*self.inner;
        let clock = limiter.clock();
        // One key for all attempts of the call.
        let random = fastrand::u128(..);
        settings
            .call
            .idempotency
            .mark(&mut parts, &settings.call.base, random);
        let attempt = Attempt::new(Arc::clone(&settings.call), parts);
        let outcome = drive(limiter, attempt, |attempt| {
            let parts = attempt.parts();
            let token = match &settings.token_source {
                Some(source) if attempt.wants_token() => {
                    Some(settings::fresh_token(source).map_err(NoAnswer::Unsent)?)
                }
                _ => None,
            };
            let warned = &self.inner.warned_of_credential;
            credential::warn_if_exposed(warned, limiter, parts, token.is_some());
            parts.going_out().map_err(NoAnswer::Unsent)?;
            let answer = transport::send(agent, settings, parts, token, clock.now())?;
            Ok(Fresh::new(&parts.method, answer, clock, settings))
        });
        if let Some(memory) = memory {
            memory.tend(limiter);
        }
        let (fresh, attempt) = outcome?;
        Ok(Response::delivered(fresh, &attempt, settings, clock))
    }
}

/// Its limiter.
impl AsRef<DynamicRateLimiter> for DynamicAPIClient {
    fn as_ref(&self) -> &DynamicRateLimiter {
        self.limiter()
    }
}

impl fmt::Debug for DynamicAPIClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicAPIClient")
            .field("settings", &self.inner.settings)
            .field("limiter", &self.inner.limiter)
            .finish_non_exhaustive()
    }
}
