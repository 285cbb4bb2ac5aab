//! Name resolution that ends: ureq's own, with a bound where there is something to look up.

use std::fmt;
use std::io;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// ureq's resolver, but without a thread for an address that needs no look-up, and with errors that
/// can be told from those of a connection.
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
        // A caller with a timeout waits for a thread of its own.
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
