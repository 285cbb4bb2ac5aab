//! The client: settings, connections and a limiter.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::Method;

use super::builder::{Async, AsyncClientBuilder};
use super::drive::{Wire, drive};
use super::request::AsyncRequestBuilder;
use super::response::{AsyncResponse, Fresh};
use super::transport::{self, Http};
use crate::client::builder::Checked;
use crate::client::credential;
use crate::client::settings::{self, ClientSettings};
use crate::memory::Memory;
use crate::rate_limiter::DynamicRateLimiter;
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::attempt::{Attempt, NoAnswer};
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::request::RequestParts;

/// An HTTP client that paces itself, for async code on tokio.
///
/// It obeys the law of the blocking [`DynamicAPIClient`](crate::DynamicAPIClient), setting for setting,
/// and may share its limiter with it: threads and tasks wait in one queue. A clone shares limiter and
/// connections; give one to each task. It spawns no task of its own; those that the transport spawns
/// for its connections end with the last clone.
///
/// ```no_run
/// use api_ratelimiter::AsyncDynamicAPIClient;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = AsyncDynamicAPIClient::builder_for("notion")?
///     .bearer_auth(std::env::var("NOTION_TOKEN")?)
///     .default_header("Notion-Version", "2022-06-28")
///     .build()?;
/// let page: serde_json::Value = client.get("/pages/42").send().await?.error_for_status().await?.json().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AsyncDynamicAPIClient {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<ClientSettings>,
    limiter: DynamicRateLimiter,
    http: Http,
    memory: Option<Memory>,
    warned_of_credential: AtomicBool,
}

/// The last clone goes: what was learned since the last look is saved.
impl Drop for Inner {
    fn drop(&mut self) {
        self.save();
    }
}

impl Inner {
    fn save(&self) {
        if let Some(memory) = &self.memory {
            memory.save(&self.limiter);
        }
    }
}

/// An async client for an API by its name in [`API_RATE_CONFIGS`], with a limiter of its own.
///
/// # Errors
///
/// As for [`make_client_for`](crate::make_client_for).
pub fn make_async_client_for(name: &str) -> Result<AsyncDynamicAPIClient> {
    AsyncDynamicAPIClient::builder_for(name)?.build()
}

impl AsyncDynamicAPIClient {
    /// A builder over a configuration.
    pub fn builder(config: ApiRateConfig) -> AsyncClientBuilder {
        AsyncClientBuilder::new(config, Async::default())
    }

    /// A builder over the configuration of that name in [`API_RATE_CONFIGS`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownApi`] with the names that are known and the nearest.
    pub fn builder_for(name: &str) -> Result<AsyncClientBuilder> {
        let config = API_RATE_CONFIGS.known(name)?;
        Ok(Self::builder(ApiRateConfig::clone(&config)))
    }

    pub(super) fn assemble(checked: Checked<Async>) -> Result<Self> {
        let Checked {
            front,
            settings,
            limiter,
            memory,
        } = checked;
        let http = transport::client(front.http, &settings)?;
        if let Some(memory) = &memory {
            memory.load(&limiter);
        }
        let inner = Inner {
            settings: Arc::new(settings),
            limiter,
            http,
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

    /// Closes the client and its clones, as the blocking
    /// [`close`](crate::DynamicAPIClient::close) does.
    pub fn close(&self) -> usize {
        let under_way = self.inner.limiter.close();
        self.inner.save();
        under_way
    }

    /// Closes the client as [`close`](Self::close) does, and waits until the last request has its
    /// answer's head or has failed, but no longer than `patience`. Returns how many are still under way
    /// then: 0 if all finished. It is closed from the first poll on, and stays so when the future is
    /// dropped.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use api_ratelimiter::make_async_client_for;
    ///
    /// # async fn run() -> api_ratelimiter::Result<()> {
    /// let client = make_async_client_for("notion")?;
    /// let clone = client.clone();             // in a task that waits for Ctrl-C, say
    /// let left = clone.close_within(Duration::from_secs(10)).await;
    /// println!("{left} requests were cut off");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close_within(&self, patience: Duration) -> usize {
        let under_way = self.inner.limiter.close_within_async(patience).await;
        self.inner.save();
        under_way
    }

    /// A request with any method, `"GET"` or `Method::GET`, to a path under the base URL.
    pub fn request<M>(&self, method: M, path: impl AsRef<str>) -> AsyncRequestBuilder
    where
        Method: TryFrom<M>,
    {
        let method = Method::try_from(method)
            .map_err(|_| Error::request("method", "is not a valid HTTP method"));
        AsyncRequestBuilder::new(self.clone(), self.settings(), method, path.as_ref())
    }

    /// A GET request.
    pub fn get(&self, path: impl AsRef<str>) -> AsyncRequestBuilder {
        self.request(Method::GET, path)
    }

    /// A HEAD request.
    pub fn head(&self, path: impl AsRef<str>) -> AsyncRequestBuilder {
        self.request(Method::HEAD, path)
    }

    /// A POST request.
    pub fn post(&self, path: impl AsRef<str>) -> AsyncRequestBuilder {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    pub fn put(&self, path: impl AsRef<str>) -> AsyncRequestBuilder {
        self.request(Method::PUT, path)
    }

    /// A PATCH request.
    pub fn patch(&self, path: impl AsRef<str>) -> AsyncRequestBuilder {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: impl AsRef<str>) -> AsyncRequestBuilder {
        self.request(Method::DELETE, path)
    }

    pub(super) fn settings(&self) -> &Arc<ClientSettings> {
        &self.inner.settings
    }

    pub(super) async fn run(&self, mut parts: RequestParts) -> Result<AsyncResponse> {
        let Inner {
            settings,
            limiter,
            memory,
            ..
        } = &*self.inner;
        // One key for all attempts of the call.
        let random = fastrand::u128(..);
        settings
            .call
            .idempotency
            .mark(&mut parts, &settings.call.base, random);
        let attempt = Attempt::new(Arc::clone(&settings.call), parts);
        let outcome = drive(limiter, attempt, &*self.inner).await;
        if let Some(memory) = memory {
            memory.tend(limiter);
        }
        let (fresh, attempt) = outcome?;
        Ok(fresh.delivered(&attempt, settings))
    }
}

impl Wire for Inner {
    type Answer = Fresh;

    async fn send(&self, attempt: &Attempt) -> Result<Fresh, NoAnswer> {
        let parts = attempt.parts();
        let token = match &self.settings.token_source {
            Some(source) if attempt.wants_token() => {
                Some(settings::fresh_token(source).map_err(NoAnswer::Unsent)?)
            }
            _ => None,
        };
        let warned = &self.warned_of_credential;
        credential::warn_if_exposed(warned, &self.limiter, parts, token.is_some());
        parts.going_out().map_err(NoAnswer::Unsent)?;
        let clock = self.limiter.clock();
        let ends = parts.time_left(clock.now()).map(|left| clock.now() + left);
        let answer = transport::send(&self.http, &self.settings, parts, token, clock.now()).await?;
        Ok(Fresh {
            answer,
            clock: Arc::clone(clock),
            ends,
            between_bytes: self.settings.timeouts.between_bytes,
            seen: Vec::new(),
            end: None,
        })
    }
}

/// Its limiter.
impl AsRef<DynamicRateLimiter> for AsyncDynamicAPIClient {
    fn as_ref(&self) -> &DynamicRateLimiter {
        self.limiter()
    }
}

impl fmt::Debug for AsyncDynamicAPIClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncDynamicAPIClient")
            .field("settings", &self.inner.settings)
            .field("limiter", &self.inner.limiter)
            .finish_non_exhaustive()
    }
}
