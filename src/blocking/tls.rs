//! Provider and roots of TLS, as ureq is configured with them.

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::client::settings::ClientSettings;

/// Hands provider and roots to the transport.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub(super) fn configure(
    builder: ConfigBuilder<AgentScope>,
    settings: &ClientSettings,
) -> ConfigBuilder<AgentScope> {
    use crate::client::settings::{Roots, Tls};
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

    let provider = match settings.tls {
        Tls::Rustls => TlsProvider::Rustls,
        Tls::Native => TlsProvider::NativeTls,
    };
    let roots = match settings.roots {
        Roots::WebPki => RootCerts::WebPki,
        Roots::Platform => RootCerts::PlatformVerifier,
    };
    let config = TlsConfig::builder().provider(provider).root_certs(roots);
    builder.tls_config(config.build())
}

/// Leaves the transport of a build without TLS as it is; `client::tls::check` refuses https.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
pub(super) fn configure(
    builder: ConfigBuilder<AgentScope>,
    _: &ClientSettings,
) -> ConfigBuilder<AgentScope> {
    builder
}
