//! Configuration of ureq's TLS: provider and roots.

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::client::settings::ClientSettings;

/// Configures provider and roots of the transport.
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

/// Changes nothing in a build without TLS: `client::tls::check` rejects https.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
pub(super) fn configure(
    builder: ConfigBuilder<AgentScope>,
    _: &ClientSettings,
) -> ConfigBuilder<AgentScope> {
    builder
}
