//! What this build knows of TLS, for all fronts.

use crate::client::settings::{ClientSettings, Roots, Tls};
use api_ratelimiter_core::error::{Error, Result};

/// Whether the feature `rustls` is on.
#[cfg(feature = "rustls")]
const RUSTLS: bool = true;
/// Whether the feature `rustls` is on.
#[cfg(not(feature = "rustls"))]
const RUSTLS: bool = false;

/// Whether the feature `native-tls` is on.
#[cfg(feature = "native-tls")]
const NATIVE: bool = true;
/// Whether the feature `native-tls` is on.
#[cfg(not(feature = "native-tls"))]
const NATIVE: bool = false;

/// Whether the feature `platform-verifier` is on.
#[cfg(feature = "platform-verifier")]
const PLATFORM_VERIFIER: bool = true;
/// Whether the feature `platform-verifier` is on.
#[cfg(not(feature = "platform-verifier"))]
const PLATFORM_VERIFIER: bool = false;

/// Whether https can be spoken with these settings.
pub(crate) fn is_available(tls: Tls) -> bool {
    match tls {
        Tls::Rustls => RUSTLS,
        Tls::Native => NATIVE,
    }
}

/// Refuses what was asked for and can't be had, and https without TLS.
pub(crate) fn check(settings: &ClientSettings) -> Result<()> {
    let fails = |field, problem| Err(Error::config(&settings.call.name, field, problem));
    let asked = settings.tls != Tls::default() || settings.roots != Roots::default();
    if !is_available(settings.tls) && (asked || settings.call.base.origin().is_https()) {
        return match settings.tls {
            Tls::Rustls => fails(
                "tls",
                "Tls::Rustls needs the feature `rustls`, which is off; or choose Tls::Native",
            ),
            Tls::Native => fails(
                "tls",
                "Tls::Native needs the feature `native-tls`, which is off",
            ),
        };
    }
    if settings.roots == Roots::Platform && settings.tls == Tls::Rustls && !PLATFORM_VERIFIER {
        return fails(
            "roots",
            "Roots::Platform needs the feature `platform-verifier`, which is off",
        );
    }
    Ok(())
}
