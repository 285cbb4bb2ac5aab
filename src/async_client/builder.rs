//! What only the async front is asked for, and the last step of putting a client together.

use super::client::AsyncDynamicAPIClient;
use super::transport;
use crate::client::builder::{Async, ClientBuilder, Front};
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;

/// Puts an [`AsyncDynamicAPIClient`] together; made by [`AsyncDynamicAPIClient::builder`] and
/// [`AsyncDynamicAPIClient::builder_for`].
///
/// Its defaults are those of the blocking [`ClientBuilder`](crate::ClientBuilder).
pub type AsyncClientBuilder = ClientBuilder<Async>;

impl ClientBuilder<Async> {
    /// The transport to build on, for certificates, proxies or a pool of your own. Defaults to one that
    /// is set up by this builder's `tls` and `roots`.
    ///
    /// What it says of TLS, roots and proxies holds, and `tls` and `roots` are not asked; its default
    /// provider of cryptography is the process's, or ring if there is none. Redirects and retries are
    /// taken from it: they go through the limiter. A redirect to another origin is given to the caller and
    /// not followed: headers that the builder adds by itself, credentials among them, would go along.
    ///
    /// ```
    /// use api_ratelimiter::{AsyncDynamicAPIClient, reqwest};
    ///
    /// let client = AsyncDynamicAPIClient::builder_for("notion")?
    ///     .http(reqwest::Client::builder().pool_max_idle_per_host(4))
    ///     .build()?;
    /// # Ok::<(), api_ratelimiter::Error>(())
    /// ```
    pub fn http(mut self, builder: reqwest::ClientBuilder) -> Self {
        self.front.http = Some(builder);
        self
    }
}

impl Front for Async {
    type Client = AsyncDynamicAPIClient;

    fn connect(builder: AsyncClientBuilder) -> Result<AsyncDynamicAPIClient> {
        // A transport of the user may add headers by itself, which must not go to another origin.
        let follows_abroad = builder.front.http.is_none();
        builder
            .assembled(follows_abroad, |front, settings| {
                transport::client(front.http, settings)
            })
            .map(|(core, http)| AsyncDynamicAPIClient::new(core, http))
    }
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
    /// [`Error::UnknownApi`](crate::Error::UnknownApi) with the names that are known and the nearest.
    pub fn builder_for(name: &str) -> Result<AsyncClientBuilder> {
        let config = API_RATE_CONFIGS.known(name)?;
        Ok(Self::builder(ApiRateConfig::clone(&config)))
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
