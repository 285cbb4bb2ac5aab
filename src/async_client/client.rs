//! The async client: settings, connections and a limiter.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::drive::{Wire, drive};
use super::response::{AsyncIncoming, AsyncResponse};
use super::timeout::within;
use super::transport::{self, Http};
use crate::client::builder::AsyncTokenSource;
use crate::client::core::ClientCore;
use crate::client::settings::{ClientSettings, authorization};
use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::TokenReason;
use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::coding;
use api_ratelimiter_core::error::{Result, TimeoutPhase};
use api_ratelimiter_core::outcome::NoResponse;
use api_ratelimiter_core::request::RequestParts;

/// An HTTP client that paces itself, for async code on tokio.
///
/// It has the settings and the behaviour of the blocking [`DynamicAPIClient`](crate::DynamicAPIClient),
/// and both may share one limiter: threads and tasks then wait in one queue. Clones share the limiter and
/// the connections; give one to each task. The client spawns no task of its own. Tasks that the transport
/// spawns for its connections end with the last clone.
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
    inner: Arc<AsyncClient>,
}

struct AsyncClient {
    core: ClientCore,
    http: Http,
    token_source: Option<AsyncTokenSource>,
}

impl AsyncDynamicAPIClient {
    pub(super) fn new(
        core: ClientCore,
        http: Http,
        token_source: Option<AsyncTokenSource>,
    ) -> Self {
        Self {
            inner: Arc::new(AsyncClient {
                core,
                http,
                token_source,
            }),
        }
    }

    /// Returns the limiter that paces this client and its clones.
    #[must_use]
    pub fn limiter(&self) -> &DynamicRateLimiter {
        &self.inner.core.limiter
    }

    /// Closes the client and its clones, as the blocking [`close`](crate::DynamicAPIClient::close) does.
    /// Returns the number of requests that are still in progress.
    pub fn close(&self) -> usize {
        self.inner.core.close()
    }

    /// Closes the client as [`close`](Self::close) does, and waits for at most `patience` until the last
    /// request has failed or the head of its response has arrived. Returns the number of requests that are
    /// still in progress then: 0 if all finished. The first poll closes the client, and it stays closed when
    /// the future is dropped.
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
        let in_progress = self.limiter().close_within_async(patience).await;
        self.inner.core.save_memory();
        in_progress
    }

    pub(super) fn settings(&self) -> &Arc<ClientSettings> {
        &self.inner.core.settings
    }

    pub(super) async fn run(&self, parts: RequestParts) -> Result<AsyncResponse> {
        let core = &self.inner.core;
        let outcome = drive(core.begin(parts)?, &*self.inner).await;
        core.tend_memory();
        let (incoming, delivered) = outcome?;
        core.warn_if_unread(&delivered);
        Ok(AsyncResponse::new(incoming, delivered, &core.settings))
    }
}

impl Wire for AsyncClient {
    type Output = AsyncIncoming;

    async fn fetch(&self, attempt: &Attempt, why: TokenReason) -> Result<HeaderValue> {
        let Some(source) = &self.token_source else {
            return authorization(Err("there is none".into()));
        };
        let parts = attempt.parts();
        let token = match parts.deadline {
            None => source(why).await,
            Some(deadline) => {
                let left = deadline.saturating_since(self.core.limiter.clock().now());
                let fetched = within(left, TimeoutPhase::Attempt, None, source(why)).await;
                fetched.map_err(|late| late.into_error(parts.label()))?
            }
        };
        authorization(token)
    }

    async fn send(&self, attempt: &Attempt) -> Result<AsyncIncoming, NoResponse> {
        let Self { core, http, .. } = self;
        core.going_out(attempt)?;
        let token = attempt.token().cloned();
        let (clock, parts) = (core.limiter.clock(), attempt.parts());
        let now = clock.now();
        let ends = parts.time_left(now).map(|left| now + left);
        let response = transport::send(http, &core.settings, parts, token, now).await?;
        let between_bytes = core.settings.timeouts.between_bytes;
        let has_body = coding::has_body(&parts.method, response.status());
        Ok(AsyncIncoming::new(
            response,
            has_body,
            clock,
            ends,
            between_bytes,
        ))
    }
}

/// Returns the client's limiter.
impl AsRef<DynamicRateLimiter> for AsyncDynamicAPIClient {
    fn as_ref(&self) -> &DynamicRateLimiter {
        self.limiter()
    }
}

impl fmt::Debug for AsyncDynamicAPIClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncDynamicAPIClient")
            .field("core", &self.inner.core)
            .finish_non_exhaustive()
    }
}
