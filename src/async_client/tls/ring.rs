//! rustls with ring, so that no C library is built.

use std::sync::Arc;

use reqwest::ClientBuilder;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use super::platform;
use crate::client::settings::{ClientSettings, Roots};
use api_ratelimiter_core::error::{Error, Result};

pub(super) fn configure(
    builder: ClientBuilder,
    settings: &ClientSettings,
) -> Result<ClientBuilder> {
    let unusable = |error| Error::config(&settings.call.name, "roots", error);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let config = match settings.roots {
        Roots::WebPki => built_in(config),
        Roots::Platform => platform::verified(config).map_err(unusable)?,
    };
    Ok(builder.tls_backend_preconfigured(config))
}

fn built_in(config: ConfigBuilder<ClientConfig, WantsVerifier>) -> ClientConfig {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    config.with_root_certificates(roots).with_no_client_auth()
}

/// A builder of the user's brings its own roots, but no provider: the process's is taken, and ring
/// where nobody has chosen.
pub(in crate::async_client) fn provide(builder: ClientBuilder) -> ClientBuilder {
    if CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster: then it is theirs.
        ring::default_provider().install_default().ok();
    }
    builder
}
