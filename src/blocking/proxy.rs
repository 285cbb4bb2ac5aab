//! The check of the proxy that the environment names. The transport would ignore a proxy that this build
//! does not support, or panic.

use ureq::ProxyProtocol;
use ureq::config::Config;

use crate::client::settings::ClientSettings;
use crate::client::tls;
use api_ratelimiter_core::error::{Error, Result};

/// Refuses a proxy that this build does not support, unless the environment excepts the API's host.
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
            "the environment's proxy speaks https, which needs the feature `rustls`, or `native-tls` and Tls::Native; or ignore it by no_proxy()"
        }
        _ if cfg!(feature = "socks-proxy") => return Ok(()),
        _ => {
            "the environment's proxy speaks SOCKS, which needs the feature `socks-proxy`; or ignore it by no_proxy()"
        }
    };
    Err(Error::config(&settings.call.name, "proxy", problem))
}
