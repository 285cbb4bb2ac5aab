//! The last step of building a blocking client.

use std::sync::Arc;

use super::client::DynamicAPIClient;
use super::transport;
use crate::client::builder::{Blocking, ClientBuilder, Front, TokenSource};
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::TokenReason;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;

impl Front for Blocking {
    type Client = DynamicAPIClient;

    fn connect(builder: ClientBuilder) -> Result<DynamicAPIClient> {
        let token_source = builder.front.token_source.clone();
        builder
            .assembled(true, |_, settings| transport::agent(settings))
            .map(|(core, agent)| DynamicAPIClient::new(core, agent, token_source))
    }
}

impl ClientBuilder {
    /// Calls `source` for a token before each attempt, and tells it why. After a 401 the request is sent again with
    /// a fresh token, up to three times.
    ///
    /// Cache the token until it expires, and empty the cache when the reason is
    /// [`TokenReason::Expired`]. The sending thread calls `source` before it waits for the permit, without any lock,
    /// so `source` may send requests through this client's limiter. A token that has waited with its request for more
    /// than a minute is asked for again. Replaces [`bearer_auth`](Self::bearer_auth). An error of `source` ends the
    /// call.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use api_ratelimiter::{DynamicAPIClient, TokenReason};
    ///
    /// # fn mint() -> Result<String, std::io::Error> { Ok("token".to_owned()) }
    /// let cache = Mutex::new(None);
    /// let client = DynamicAPIClient::builder_for("vanta")?
    ///     .bearer_auth_with(move |why| {
    ///         let mut cached = cache.lock().expect("no panic");
    ///         if let TokenReason::Expired { .. } = why {
    ///             *cached = None;
    ///         }
    ///         let token = cached.take().map_or_else(mint, Ok)?;
    ///         *cached = Some(token.clone());
    ///         Ok::<_, std::io::Error>(token)
    ///     })
    ///     .build()?;
    /// # Ok::<(), api_ratelimiter::Error>(())
    /// ```
    pub fn bearer_auth_with<E>(
        self,
        source: impl Fn(TokenReason) -> Result<String, E> + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let source: TokenSource = Arc::new(move |why| source(why).map_err(Into::into));
        self.with_token_source(|front| front.token_source = Some(source))
    }
}

impl DynamicAPIClient {
    /// Returns a builder for a configuration.
    pub fn builder(config: ApiRateConfig) -> ClientBuilder {
        ClientBuilder::new(config, Blocking::default())
    }

    /// Returns a builder for the configuration with this name in [`API_RATE_CONFIGS`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownApi`](crate::Error::UnknownApi) with the known names and the nearest one.
    pub fn builder_for(name: &str) -> Result<ClientBuilder> {
        API_RATE_CONFIGS
            .known(name)
            .map(|config| ClientBuilder::new(ApiRateConfig::clone(&config), Blocking::default()))
    }
}

/// Returns a client for an API by its name in [`API_RATE_CONFIGS`], with a limiter of its own.
///
/// # Errors
///
/// [`Error::UnknownApi`](crate::Error::UnknownApi) with the known names, and [`Error::InvalidConfig`](crate::Error::InvalidConfig) if the entry has
/// no base URL: then use [`DynamicAPIClient::builder_for`] and set one.
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
