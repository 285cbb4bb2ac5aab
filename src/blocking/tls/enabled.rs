//! A build that can speak https.

use ureq::config::ConfigBuilder;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;

use crate::client::settings::{ClientSettings, Roots, Tls};

/// Hands provider and roots to the transport.
pub(in crate::blocking) fn configure(
    builder: ConfigBuilder<AgentScope>,
    settings: &ClientSettings,
) -> ConfigBuilder<AgentScope> {
    let provider = match settings.tls {
        Tls::Rustls => TlsProvider::Rustls,
        Tls::Native => TlsProvider::NativeTls,
    };
    let roots = match settings.roots {
        Roots::WebPki => RootCerts::WebPki,
        Roots::Platform => RootCerts::PlatformVerifier,
    };
    builder.tls_config(
        TlsConfig::builder()
            .provider(provider)
            .root_certs(roots)
            .build(),
    )
}
