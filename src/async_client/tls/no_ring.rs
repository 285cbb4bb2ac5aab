//! A build without rustls.

use reqwest::ClientBuilder;

use crate::client::settings::ClientSettings;
use api_ratelimiter_core::error::Result;

pub(super) fn configure(builder: ClientBuilder, _: &ClientSettings) -> Result<ClientBuilder> {
    Ok(builder)
}

pub(in crate::async_client) fn provide(builder: ClientBuilder) -> ClientBuilder {
    builder
}
