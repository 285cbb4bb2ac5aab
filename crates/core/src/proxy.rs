//! Proxies that the environment names, read as curl reads them, but for addresses of this machine.
//!
//! | variable | proxy of |
//! |---|---|
//! | `http_proxy`, `HTTP_PROXY` | requests by http |
//! | `https_proxy`, `HTTPS_PROXY` | requests by https |
//! | `all_proxy`, `ALL_PROXY` | requests without a proxy of their own |
//! | `no_proxy`, `NO_PROXY` | hosts that are reached directly |
//!
//! The first variable that is not empty counts. A variable that is not a valid proxy is an error: without it,
//! requests would go out directly, with their tokens.

mod exempt;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::url::{Origin, host_and_port};
use exempt::Exempt;

/// Proxies of the environment.
///
/// ```
/// use api_ratelimiter_core::proxy::Proxies;
/// use api_ratelimiter_core::url::Base;
///
/// let proxies = Proxies::read(|name| (name == "https_proxy").then(|| "proxy.example:3128".into()))?;
/// let api = Base::parse("https://api.example.com")?;
/// let proxy = proxies.of(api.origin()).expect("one is named");
/// assert_eq!(proxy.url(), "http://proxy.example:3128");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exempt: Vec<Exempt>,
}

/// A proxy, with its credentials. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: ProxyKind,
    url: String,
    variable: &'static str,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS, version 4 or 5.
    Socks,
}

impl Proxies {
    /// Reads the environment's variables; `variable` returns the value of one.
    ///
    /// # Errors
    ///
    /// Names a variable that is set and not valid, and says why, but shows nothing of its value.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, String> {
        // A server that runs this program by CGI sets HTTP_PROXY to what a client sent as `Proxy`.
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let value = |name: &str| {
            let set = variable(name).filter(|value| !value.is_empty());
            let text = set.map(OsString::into_string).transpose();
            text.map_err(|_| problem(name, "is not valid UTF-8"))
        };
        // All are checked, also those that another one precedes.
        let first = |names: [&'static str; 2]| {
            let mut first = None;
            for name in names {
                if is_cgi && name == "HTTP_PROXY" {
                    continue;
                }
                let text = value(name)?;
                let proxy = text.map(|text| Proxy::parse(name, &text)).transpose();
                let proxy = proxy.map_err(|reason| problem(name, reason))?;
                first = first.or(proxy);
            }
            Ok::<_, String>(first)
        };
        let http = first(["http_proxy", "HTTP_PROXY"])?;
        let https = first(["https_proxy", "HTTPS_PROXY"])?;
        let all = first(["all_proxy", "ALL_PROXY"])?;
        let exempt = value("no_proxy")?
            .map_or_else(|| value("NO_PROXY"), |text| Ok(Some(text)))?
            .unwrap_or_default();
        Ok(Self {
            http: http.or_else(|| all.clone()),
            https: https.or(all),
            exempt: Exempt::list(&exempt),
        })
    }

    /// Returns the proxy for requests to an origin; `None` if they are sent directly, as to an address of this
    /// machine.
    #[must_use]
    pub fn of(&self, origin: &Origin) -> Option<&Proxy> {
        let proxy = if origin.is_https() {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        };
        let is_exempt = || self.exempt.iter().any(|exempt| exempt.covers(origin));
        proxy.filter(|_| !origin.is_loopback() && !is_exempt())
    }
}

fn problem(variable: &str, reason: impl fmt::Display) -> String {
    format!(
        "the environment variable {variable} {reason}; correct or unset it, or ignore it by no_proxy()"
    )
}

impl Proxy {
    /// Parses `scheme://user:password@host:port`; only the host is required. Says what is wrong without the text,
    /// any part of which may be the password.
    fn parse(variable: &'static str, text: &str) -> Result<Self, &'static str> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(
                "contains a blank or a control character (percent-encode it in a password)",
            );
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        let (scheme, kind, default_port) = match scheme.as_str() {
            "http" => ("http", ProxyKind::Http, 80),
            "https" => ("https", ProxyKind::Https, 443),
            "socks4" => ("socks4", ProxyKind::Socks, 1080),
            "socks4a" => ("socks4a", ProxyKind::Socks, 1080),
            "socks" | "socks5" => ("socks5", ProxyKind::Socks, 1080),
            "socks5h" => ("socks5h", ProxyKind::Socks, 1080),
            _ => {
                return Err(
                    "has an unknown scheme (expected http, https, socks4, socks4a, socks5 or socks5h)",
                );
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        if path.contains('@') || userinfo.is_some_and(|userinfo| userinfo.contains('@')) {
            return Err("has one of / ? # @ in its user name or password (percent-encode it)");
        }
        if !path.trim_end_matches('/').is_empty() {
            return Err("has a path, which no proxy has");
        }
        if host.ends_with(':') {
            return Err("has a colon without a port");
        }
        let (host, port) =
            host_and_port(host).map_err(|_| "has no valid host and port (expected host:port)")?;
        let port = port.unwrap_or(default_port);
        if port == 0 {
            return Err("has the port 0");
        }
        let userinfo = userinfo.map(encoded_userinfo).transpose()?;
        let userinfo = userinfo.unwrap_or_default();
        Ok(Self {
            kind,
            url: format!("{scheme}://{userinfo}{host}:{port}"),
            variable,
        })
    }

    /// Returns how the proxy is spoken to.
    #[must_use]
    pub fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Returns the whole URL with scheme, credentials, host and port. It may contain a password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the variable that names the proxy.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

/// Returns `user:password@` with everything encoded that transports could read differently.
fn encoded_userinfo(userinfo: &str) -> Result<String, &'static str> {
    let encoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(|plain| utf8_percent_encode(&plain, NON_ALPHANUMERIC).to_string())
            .map_err(|_| "has a user name or password that is not UTF-8")
    };
    Ok(match userinfo.split_once(':') {
        Some((user, password)) => format!("{}:{}@", encoded(user)?, encoded(password)?),
        None => format!("{}@", encoded(userinfo)?),
    })
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("variable", &self.variable)
            .finish_non_exhaustive()
    }
}
