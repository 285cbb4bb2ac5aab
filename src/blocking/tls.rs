//! Configuration of ureq's TLS: provider and roots.

pub(super) use of_build::configure;

/// A build that has at least one TLS library.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod of_build {
    use ureq::config::ConfigBuilder;
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
    use ureq::typestate::AgentScope;

    use crate::client::settings::{ClientSettings, Roots, Tls};

    /// Configures provider and roots of the transport.
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
        let config = TlsConfig::builder().provider(provider).root_certs(roots);
        builder.tls_config(config.build())
    }
}

/// A build without TLS.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
mod of_build {
    use ureq::config::ConfigBuilder;
    use ureq::typestate::AgentScope;

    use crate::client::settings::ClientSettings;

    /// Changes nothing: `client::tls::check` rejects https.
    pub(in crate::blocking) fn configure(
        builder: ConfigBuilder<AgentScope>,
        _: &ClientSettings,
    ) -> ConfigBuilder<AgentScope> {
        builder
    }
}
