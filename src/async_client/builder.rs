//! The setting that only the async client has, and the last step of building it.

use super::client::AsyncDynamicAPIClient;
use super::transport;
use crate::client::builder::{Async, ClientBuilder, Front};
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;

/// Builder of an [`AsyncDynamicAPIClient`]; returned by [`AsyncDynamicAPIClient::builder`] and
/// [`AsyncDynamicAPIClient::builder_for`].
///
/// Its defaults are those of the blocking [`ClientBuilder`](crate::ClientBuilder).
pub type AsyncClientBuilder = ClientBuilder<Async>;

impl ClientBuilder<Async> {
    /// Sets the transport to build on, for certificates, proxies or a connection pool of your own. Defaults
    /// to a transport with this builder's `tls` and `roots`.
    ///
    /// Its settings of TLS, roots and proxies are used, and `tls` and `roots` are ignored. Its provider of
    /// cryptography defaults to the process's, or to ring if the process has none. Its own redirects and
    /// retries are switched off, because they must go through the limiter, and its decoders of bodies, because
    /// this client decodes gzip itself. A redirect to another origin is
    /// returned to the caller and not followed: it would carry the headers that `builder` adds to every
    /// request, credentials among them.
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
        // A transport from the user may add headers by itself, which must not reach another origin.
        let follows_abroad = builder.front.http.is_none();
        builder
            .assembled(follows_abroad, |front, settings| {
                transport::client(front.http, settings)
            })
            .map(|(core, http)| AsyncDynamicAPIClient::new(core, http))
    }
}

impl AsyncDynamicAPIClient {
    /// Returns a builder for a configuration.
    pub fn builder(config: ApiRateConfig) -> AsyncClientBuilder {
        AsyncClientBuilder::new(config, Async::default())
    }

    /// Returns a builder for the configuration with this name in [`API_RATE_CONFIGS`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownApi`](crate::Error::UnknownApi) with the known names and the nearest one.
    pub fn builder_for(name: &str) -> Result<AsyncClientBuilder> {
        let config = API_RATE_CONFIGS.known(name)?;
        Ok(Self::builder(ApiRateConfig::clone(&config)))
    }
}

/// Returns an async client for an API by its name in [`API_RATE_CONFIGS`], with a limiter of its own.
///
/// # Errors
///
/// As for [`make_client_for`](crate::make_client_for).
pub fn make_async_client_for(name: &str) -> Result<AsyncDynamicAPIClient> {
    AsyncDynamicAPIClient::builder_for(name)?.build()
}
