//! The proxy that a request goes through, if this build supports it.

use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::proxy::{Proxy, ProxyKind};
use api_ratelimiter_core::url::Origin;

use super::settings::{ClientSettings, Tls};
use super::tls;

/// Returns the proxy for requests to an origin; `None` if they are sent directly.
///
/// # Errors
///
/// Names the feature that the proxy needs: a request never goes out directly instead.
pub(crate) fn route<'a>(
    settings: &'a ClientSettings,
    origin: &Origin,
) -> Result<Option<&'a Proxy>> {
    let proxies = settings.proxies.as_ref();
    let Some(proxy) = proxies.and_then(|proxies| proxies.of(origin)) else {
        return Ok(None);
    };
    let needed = match proxy.kind() {
        ProxyKind::Https if !tls::is_available(settings.tls) => match settings.tls {
            Tls::Rustls => "an https proxy, which needs the feature `rustls`",
            Tls::Native => "an https proxy, which needs the feature `native-tls`",
        },
        ProxyKind::Socks if !cfg!(feature = "socks-proxy") => {
            "a SOCKS proxy, which needs the feature `socks-proxy`"
        }
        _ => return Ok(Some(proxy)),
    };
    let variable = proxy.variable();
    let problem = format_args!(
        "the environment variable {variable} names {needed}; or ignore it by no_proxy()"
    );
    Err(Error::config(&settings.call.name, "proxy", problem))
}
