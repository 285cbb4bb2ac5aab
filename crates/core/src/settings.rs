//! The checked settings that all calls of a client share.

use std::fmt;

use http::{HeaderMap, HeaderValue, Method, header};

use crate::config::{ApiRateConfig, Idempotency, ScopeRule};
use crate::error::{Error, Result};
use crate::headers::{HeaderNames, is_sensitive};
use crate::request::RequestParts;
use crate::url::{Base, Shown};
use crate::verdict::Reader;

/// The checked settings of a client that its calls need.
pub struct CallSettings {
    /// The name of the configuration.
    pub name: Box<str>,
    /// Reads and judges responses.
    pub reader: Reader,
    /// Whether a refusal in a scope pauses the whole client.
    pub pause_all: bool,
    /// The parts of the API that have a limit of their own.
    pub scopes: Vec<ScopeRule>,
    /// Segments of paths behind which each id has limits of its own.
    pub owners: Vec<String>,
    /// Idempotency keys, and which POST requests only read.
    pub idempotency: Idempotency,
    /// The base URL that paths are joined to.
    pub base: Base,
    /// Headers of every request.
    pub headers: HeaderMap,
    /// Whether requests carry a token that is fetched before each attempt.
    pub has_token_source: bool,
    /// How often a refused request is sent again.
    pub max_retries_on_backoff: u32,
    /// How often a request is sent again whose connection failed.
    pub retry_transport: u32,
    /// Whether redirects to other origins are followed. Set it to `false` if the transport adds headers by
    /// itself, which can't be removed for another origin.
    pub follows_abroad: bool,
}

/// Default of [`CallSettings::max_retries_on_backoff`].
pub const DEFAULT_MAX_RETRIES_ON_BACKOFF: u32 = 20;

impl CallSettings {
    /// Returns the settings of a client with this configuration, without a credential. Change the fields
    /// that the client overrides.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a value that breaks a rule, and for an empty base URL.
    pub fn new(config: &ApiRateConfig) -> Result<Self> {
        config.validate()?;
        let name = config.name.as_str();
        if config.base_url.is_empty() {
            let problem = "is empty: each customer has a host; give `.base_url(..)`";
            return Err(Error::config(name, "base_url", problem));
        }
        let base = Base::parse(&config.base_url).map_err(|problem| {
            let problem = format_args!("{} {problem}", Shown(&config.base_url));
            Error::config(name, "base_url", problem)
        })?;
        Ok(Self {
            name: name.into(),
            reader: config.reader()?,
            pause_all: config.dialect.pause_all,
            scopes: config.scope_rules()?,
            owners: config
                .by_route
                .as_ref()
                .map(|by_route| by_route.owners.clone())
                .unwrap_or_default(),
            idempotency: config.idempotency()?,
            base,
            headers: config.header_map()?,
            has_token_source: false,
            max_retries_on_backoff: DEFAULT_MAX_RETRIES_ON_BACKOFF,
            retry_transport: 0,
            follows_abroad: true,
        })
    }

    /// Returns a request with the client's headers for a path under the base URL.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] for a path that leads elsewhere.
    pub fn request(&self, method: Method, path: &str) -> Result<RequestParts> {
        let address = self
            .base
            .join(path)
            .map_err(|problem| Error::request("path", format_args!("{} {problem}", Shown(path))))?;
        Ok(RequestParts {
            headers: self.headers.clone(),
            ..RequestParts::new(method, address)
        })
    }
}

impl CallSettings {
    /// Checks that a request which carries a credential names no other host than its URL does: a server of many
    /// hosts would hand the credential to the one that is named. The client's own headers may name another
    /// host, because its owner chose both.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] for a `Host` header with another host.
    pub fn check_host(&self, parts: &RequestParts) -> Result<()> {
        let is_other = |host: &&HeaderValue| {
            let own = self.headers.get_all(header::HOST);
            !own.iter().any(|own| own == *host) && !self.base.origin().is_named_by(host)
        };
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        if hosts.any(|host| is_other(&host)) && self.has_credential(parts) {
            let problem = format_args!(
                "names another host than {} while a credential goes along: leave it out",
                self.base.origin()
            );
            return Err(Error::request("header host", problem));
        }
        Ok(())
    }

    /// Returns whether a request carries a credential, or gets a token before it is sent.
    fn has_credential(&self, parts: &RequestParts) -> bool {
        let mut headers = parts.headers.iter();
        self.has_token_source
            || headers.any(|(name, value)| value.is_sensitive() || is_sensitive(name))
    }
}

impl fmt::Debug for CallSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallSettings")
            .field("name", &self.name)
            .field("base", &self.base)
            .field("headers", &HeaderNames(&self.headers))
            .field("reader", &self.reader)
            .field("max_retries_on_backoff", &self.max_retries_on_backoff)
            .field("retry_transport", &self.retry_transport)
            .finish_non_exhaustive()
    }
}
