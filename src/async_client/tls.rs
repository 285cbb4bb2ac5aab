//! Configuration of reqwest's TLS: provider and roots.
//!
//! A function whose feature is off changes nothing: `client::tls::check` rejects settings that need the
//! feature.

use reqwest::ClientBuilder;

use crate::client::settings::{ClientSettings, Tls};
use api_ratelimiter_core::error::Result;

pub(super) use with_rustls::provide;

/// Configures provider and roots of the transport.
pub(super) fn configure(
    builder: ClientBuilder,
    settings: &ClientSettings,
) -> Result<ClientBuilder> {
    match settings.tls {
        Tls::Rustls => with_rustls::configure(builder, settings),
        Tls::Native => Ok(with_native_tls::configure(builder)),
    }
}

/// The system's TLS library, with the system's roots.
#[cfg(feature = "native-tls")]
mod with_native_tls {
    pub(super) fn configure(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        builder.tls_backend_native()
    }
}

#[cfg(not(feature = "native-tls"))]
mod with_native_tls {
    pub(super) fn configure(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        builder
    }
}

/// TLS by rustls with ring, so that no C library is built.
#[cfg(feature = "rustls")]
mod with_rustls {
    use std::sync::Arc;

    use reqwest::ClientBuilder;
    use rustls::crypto::{CryptoProvider, ring};
    use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

    use super::platform_roots;
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
            Roots::WebPki => with_built_in_roots(config),
            Roots::Platform => platform_roots::trusted(config).map_err(unusable)?,
        };
        Ok(builder.tls_backend_preconfigured(config))
    }

    fn with_built_in_roots(config: ConfigBuilder<ClientConfig, WantsVerifier>) -> ClientConfig {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        config.with_root_certificates(roots).with_no_client_auth()
    }

    /// Makes sure that a builder from the user finds a provider of cryptography: the process's, or ring if the
    /// process has none.
    pub(in crate::async_client) fn provide(builder: ClientBuilder) -> ClientBuilder {
        if CryptoProvider::get_default().is_none() {
            // Another thread may install a provider first. Then that one is used.
            ring::default_provider().install_default().ok();
        }
        builder
    }
}

#[cfg(not(feature = "rustls"))]
mod with_rustls {
    use reqwest::ClientBuilder;

    use crate::client::settings::ClientSettings;
    use api_ratelimiter_core::error::Result;

    pub(super) fn configure(builder: ClientBuilder, _: &ClientSettings) -> Result<ClientBuilder> {
        Ok(builder)
    }

    pub(in crate::async_client) fn provide(builder: ClientBuilder) -> ClientBuilder {
        builder
    }
}

/// The certificates of the operating system, for rustls.
#[cfg(feature = "platform-verifier")]
mod platform_roots {
    use rustls::{ClientConfig, ConfigBuilder, Error, WantsVerifier};
    use rustls_platform_verifier::BuilderVerifierExt;

    pub(super) fn trusted(
        config: ConfigBuilder<ClientConfig, WantsVerifier>,
    ) -> Result<ClientConfig, Error> {
        Ok(config.with_platform_verifier()?.with_no_client_auth())
    }
}

#[cfg(all(feature = "rustls", not(feature = "platform-verifier")))]
mod platform_roots {
    use rustls::{ClientConfig, ConfigBuilder, Error, WantsVerifier};

    pub(super) fn trusted(
        _: ConfigBuilder<ClientConfig, WantsVerifier>,
    ) -> Result<ClientConfig, Error> {
        let problem = "needs the feature `platform-verifier`";
        Err(Error::General(problem.into()))
    }
}
