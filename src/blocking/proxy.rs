//! Check of the proxy that the environment names. Without it, the transport ignores a proxy that this build
//! does not support, or panics.

use ureq::ProxyProtocol;
use ureq::config::Config;

use crate::client::settings::ClientSettings;
use crate::client::tls;
use api_ratelimiter_core::error::{Error, Result};

/// Returns an error for a proxy that this build does not support, unless the environment excludes the API's
/// host from it.
pub(super) fn check(config: &Config, settings: &ClientSettings) -> Result<()> {
    let base = settings.call.base.to_string().parse();
    let (Some(proxy), Ok(base)) = (config.proxy(), base) else {
        return Ok(());
    };
    let problem = match proxy.protocol() {
        _ if proxy.is_no_proxy(&base) => return Ok(()),
        ProxyProtocol::Http => return Ok(()),
        ProxyProtocol::Https if tls::is_available(settings.tls) => return Ok(()),
        ProxyProtocol::Https => {
            "the environment names an https proxy, which needs the feature `rustls`, or `native-tls` and Tls::Native; or ignore it by no_proxy()"
        }
        _ if cfg!(feature = "socks-proxy") => return Ok(()),
        _ => {
            "the environment names a SOCKS proxy, which needs the feature `socks-proxy`; or ignore it by no_proxy()"
        }
    };
    Err(Error::config(&settings.call.name, "proxy", problem))
}
