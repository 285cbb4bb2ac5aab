//! The last step of putting a client together.

use super::client::DynamicAPIClient;
use super::transport;
use crate::client::builder;
use crate::client::front::Blocking;
use crate::registry::API_RATE_CONFIGS;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;

// The alias has the name of the generic type behind it, which is not exported, so that users and rustdoc
// see one name. An alias for each client, and not a default type parameter, keeps paths such as
// `ClientBuilder::build` unambiguous where both clients exist.
/// Puts a [`DynamicAPIClient`] together; made by [`DynamicAPIClient::builder`] and
/// [`DynamicAPIClient::builder_for`].
///
/// # Default
///
/// No credential; the configuration's base URL, backoff statuses and `max_cooldown`; 20 retries after
/// refusals; no retries after transport errors (but see [`retry_transport`](Self::retry_transport));
/// [`Timeouts::default`](crate::Timeouts); bodies read whole up to 64 MiB; proxies from the environment
/// (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`); rustls with Mozilla's roots; a limiter of
/// its own on the system's clock.
pub type ClientBuilder = builder::ClientBuilder<Blocking>;

impl builder::ClientBuilder<Blocking> {
    /// The client.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error) naming the setting, its value and the rule it breaks, or
    /// the feature that is off.
    pub fn build(self) -> Result<DynamicAPIClient> {
        self.assembled(true, |Blocking, settings| transport::agent(settings))
            .map(|(core, agent)| DynamicAPIClient::new(core, agent))
    }
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
