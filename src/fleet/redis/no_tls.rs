//! Stands in for TLS without the feature `rustls`: an address that needs TLS is refused before.

use std::convert::Infallible;

use ::redis::{ErrorKind, RedisResult};

use super::socket::{BoundedSocket, StoreStream};

/// Settings of TLS: there are none.
#[derive(Debug, Clone)]
pub(super) struct NoTls(Infallible);

impl NoTls {
    pub(super) fn of_the_system() -> RedisResult<Self> {
        let problem = "TLS to the store needs the feature rustls";
        Err((ErrorKind::InvalidClientConfig, problem).into())
    }

    pub(super) fn wrap(&self, _: BoundedSocket, _: &str) -> RedisResult<Box<dyn StoreStream>> {
        match self.0 {}
    }
}
