//! Name resolution with a timeout, by ureq's own resolver.

use std::fmt;
use std::io;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// ureq's resolver, but without a thread for an address that needs no lookup, and with errors that
/// differ from those of a connection.
#[derive(Debug, Default)]
pub(super) struct BoundedResolver {
    inner: DefaultResolver,
}

/// A name that could not be resolved.
#[derive(Debug)]
pub(super) struct Unresolved(io::Error);

impl Resolver for BoundedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        // ureq spawns a thread for a lookup with a timeout. A literal address needs neither.
        let timeout = match literal.parse::<core::net::IpAddr>() {
            Ok(_) => NextTimeout::default(),
            Err(_) => timeout,
        };
        self.inner
            .resolve(uri, config, timeout)
            .map_err(|error| match error {
                ureq::Error::Io(error) => ureq::Error::Other(Box::new(Unresolved(error))),
                other => other,
            })
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Unresolved {}
