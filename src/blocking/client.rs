//! The blocking client: settings, connections and a limiter.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::drive::drive;
use super::response::{Incoming, Response};
use super::transport;
use crate::client::builder::TokenSource;
use crate::client::core::ClientCore;
use crate::client::settings::{ClientSettings, authorization};
use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::request::RequestParts;

/// A blocking HTTP client that paces itself.
///
/// Each request takes a permit of the client's [`DynamicRateLimiter`], is sent, and reports its outcome to
/// the limiter. A refused request queues again; all waiting happens in the limiter. Clones share the limiter
/// and the connections; give one to each thread of a pool.
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
    inner: Arc<BlockingClient>,
}

struct BlockingClient {
    core: ClientCore,
    agent: ureq::Agent,
    token_source: Option<TokenSource>,
}

impl DynamicAPIClient {
    pub(super) fn new(
        core: ClientCore,
        agent: ureq::Agent,
        token_source: Option<TokenSource>,
    ) -> Self {
        Self {
            inner: Arc::new(BlockingClient {
                core,
                agent,
                token_source,
            }),
        }
    }

    /// Returns the limiter that paces this client and its clones.
    #[must_use]
    pub fn limiter(&self) -> &DynamicRateLimiter {
        &self.inner.core.limiter
    }

    /// Closes the client and its clones: calls that wait for their turn, and later calls, end with
    /// [`Error::Closed`](crate::Error::Closed) at once. Returns the number of requests in progress, without waiting for
    /// them. They finish, but are not retried. The learned limit is saved.
    ///
    /// This closes the limiter, and so all other clients that share it.
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
        self.inner.core.close()
    }

    /// Closes the client as [`close`](Self::close) does, and waits for at most `patience` until the last
    /// request has failed or the head of its response has arrived. Returns the number of requests that are
    /// still in progress then: 0 if all finished.
    pub fn close_within(&self, patience: Duration) -> usize {
        let in_progress = self.limiter().close_within(patience);
        self.inner.core.save_memory();
        in_progress
    }

    pub(super) fn settings(&self) -> &Arc<ClientSettings> {
        &self.inner.core.settings
    }

    pub(super) fn run(&self, parts: RequestParts) -> Result<Response> {
        let BlockingClient {
            core,
            agent,
            token_source,
        } = &*self.inner;
        let fetch = |why| match token_source {
            Some(source) => authorization(source(why)),
            None => authorization(Err("there is none".into())),
        };
        let outcome = drive(core.begin(parts)?, fetch, |attempt| {
            core.going_out(attempt)?;
            let token = attempt.token().cloned();
            let clock = core.limiter.clock();
            let parts = attempt.parts();
            let response = transport::send(agent, &core.settings, parts, token, clock.now())?;
            Ok(Incoming::new(
                &parts.method,
                response,
                clock,
                &core.settings,
            ))
        });
        core.tend_memory();
        let (incoming, delivered) = outcome?;
        core.warn_if_unread(&delivered);
        Ok(Response::new(incoming, delivered, core.settings.max_body))
    }
}

/// Returns the client's limiter.
impl AsRef<DynamicRateLimiter> for DynamicAPIClient {
    fn as_ref(&self) -> &DynamicRateLimiter {
        self.limiter()
    }
}

impl fmt::Debug for DynamicAPIClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicAPIClient")
            .field("core", &self.inner.core)
            .finish_non_exhaustive()
    }
}
