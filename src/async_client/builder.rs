//! The setting that only the async client has, and the last step of building it.

use std::sync::Arc;

use super::client::AsyncDynamicAPIClient;
use super::transport;
use crate::client::builder::{Async, AsyncTokenSource, ClientBuilder, Front};
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::TokenReason;
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

    /// Calls `source` for a token before each attempt, and tells it why. After a 401 the request is sent again with
    /// a fresh token, up to three times.
    ///
    /// Cache the token until it expires, and empty the cache when the reason is [`TokenReason::Expired`]. The call's
    /// task awaits the future of `source` before it waits for the permit, so `source` may send requests through this
    /// client's limiter. A token that has waited with its request for more than a minute is asked for again. Replaces
    /// [`bearer_auth`](Self::bearer_auth). An error of `source` ends the call, and
    /// so does a [`deadline`](crate::RequestBuilder::deadline) that passes meanwhile.
    ///
    /// ```
    /// use api_ratelimiter::{AsyncDynamicAPIClient, TokenReason};
    ///
    /// # async fn cached() -> Result<String, std::io::Error> { Ok("token".to_owned()) }
    /// # async fn mint() -> Result<String, std::io::Error> { Ok("token".to_owned()) }
    /// let client = AsyncDynamicAPIClient::builder_for("vanta")?
    ///     .bearer_auth_with(|why| async move {
    ///         match why {
    ///             TokenReason::Expired { .. } => mint().await,
    ///             _ => cached().await,
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok::<(), api_ratelimiter::Error>(())
    /// ```
    pub fn bearer_auth_with<E, T>(
        self,
        source: impl Fn(TokenReason) -> T + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
        T: Future<Output = Result<String, E>> + Send + 'static,
    {
        let source: AsyncTokenSource = Arc::new(move |why| {
            let token = source(why);
            Box::pin(async move { token.await.map_err(Into::into) })
        });
        self.with_token_source(|front| front.token_source = Some(source))
    }
}

impl Front for Async {
    type Client = AsyncDynamicAPIClient;

    fn connect(builder: AsyncClientBuilder) -> Result<AsyncDynamicAPIClient> {
        // A transport from the user may add headers by itself, which must not reach another origin.
        let follows_abroad = builder.front.http.is_none();
        let token_source = builder.front.token_source.clone();
        builder
            .assembled(follows_abroad, |front, settings| {
                transport::client(front.http, settings)
            })
            .map(|(core, http)| AsyncDynamicAPIClient::new(core, http, token_source))
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
