//! TLS as reqwest is told of it. The only room of the front that depends on features.

use reqwest::ClientBuilder;

use crate::client::settings::{ClientSettings, Tls};
use api_ratelimiter_core::error::Result;

#[cfg(feature = "native-tls")]
mod native;
#[cfg(all(feature = "rustls", not(feature = "platform-verifier")))]
#[path = "tls/no_platform.rs"]
mod platform;
#[cfg(feature = "platform-verifier")]
mod platform;
#[cfg(feature = "rustls")]
mod ring;

#[cfg(not(feature = "native-tls"))]
#[path = "tls/no_native.rs"]
mod native;
/// Builds without a library leave the transport as it is: `tls::check` has refused what needs it.
#[cfg(not(feature = "rustls"))]
#[path = "tls/no_ring.rs"]
mod ring;

pub(super) use ring::provide;

/// Hands provider and roots to the transport.
pub(super) fn configure(
    builder: ClientBuilder,
    settings: &ClientSettings,
) -> Result<ClientBuilder> {
    match settings.tls {
        Tls::Rustls => ring::configure(builder, settings),
        Tls::Native => Ok(native::configure(builder)),
    }
}
