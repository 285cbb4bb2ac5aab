//! TLS as ureq is told of it. The only room of the front that depends on features.

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
mod disabled;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod enabled;

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
pub(super) use disabled::configure;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub(super) use enabled::configure;
