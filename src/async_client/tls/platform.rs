//! The operating system's certificates.

use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;

pub(super) fn verified(
    config: ConfigBuilder<ClientConfig, WantsVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    Ok(config.with_platform_verifier()?.with_no_client_auth())
}
