//! A build without the operating system's certificates; `tls::check` has refused who asks for them.

use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

pub(super) fn verified(
    _: ConfigBuilder<ClientConfig, WantsVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    Err(rustls::Error::General(
        "needs the feature `platform-verifier`".into(),
    ))
}
