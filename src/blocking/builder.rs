//! The last step of building a blocking client.

use super::client::DynamicAPIClient;
use super::transport;
use crate::client::builder::{Blocking, ClientBuilder, Front};
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;

impl Front for Blocking {
    type Client = DynamicAPIClient;

    fn connect(builder: ClientBuilder) -> Result<DynamicAPIClient> {
        builder
            .assembled(true, |Self, settings| transport::agent(settings))
            .map(|(core, agent)| DynamicAPIClient::new(core, agent))
    }
}

impl DynamicAPIClient {
    /// Returns a builder for a configuration.
    pub fn builder(config: ApiRateConfig) -> ClientBuilder {
        ClientBuilder::new(config, Blocking)
    }

    /// Returns a builder for the configuration with this name in [`API_RATE_CONFIGS`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownApi`](crate::Error::UnknownApi) with the known names and the nearest one.
    pub fn builder_for(name: &str) -> Result<ClientBuilder> {
        API_RATE_CONFIGS
            .known(name)
            .map(|config| ClientBuilder::new(ApiRateConfig::clone(&config), Blocking))
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
