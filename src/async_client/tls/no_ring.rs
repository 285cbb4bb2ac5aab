//! A build without rustls.

use reqwest::ClientBuilder;

use crate::error::Result;
use crate::settings::ClientSettings;

pub(super) fn configure(builder: ClientBuilder, _: &ClientSettings) -> Result<ClientBuilder> {
    Ok(builder)
}

pub(in crate::async_client) fn provide(builder: ClientBuilder) -> ClientBuilder {
    builder
}
