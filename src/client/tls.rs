//! Which TLS settings this build supports, for both fronts.

use crate::client::settings::{ClientSettings, Roots, Tls};
use api_ratelimiter_core::error::{Error, Result};

/// Returns whether this build supports https with this library.
pub(crate) fn is_available(tls: Tls) -> bool {
    match tls {
        Tls::Rustls => cfg!(feature = "rustls"),
        Tls::Native => cfg!(feature = "native-tls"),
    }
}

/// Returns an error for settings that need a feature that is off, and for https without TLS.
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
    let needs_verifier = settings.roots == Roots::Platform && settings.tls == Tls::Rustls;
    if needs_verifier && !cfg!(feature = "platform-verifier") {
        return fails(
            "roots",
            "Roots::Platform needs the feature `platform-verifier`, which is off",
        );
    }
    Ok(())
}
