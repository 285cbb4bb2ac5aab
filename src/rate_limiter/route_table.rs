//! The limits that responses keep apart, with what their limiters are made of.

use parking_lot::Mutex;

use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::limiter::{Routes, Settings};

/// Limiters that are made as responses tell of limits apart from the client's own.
///
/// All of them have one name, so that logs and metrics do not grow with the number of buckets. They are of this process
/// also for the worker of a fleet: every response says what is left, whoever used it.
pub(super) struct RouteTable<L> {
    pub(super) name: Box<str>,
    pub(super) settings: Settings,
    pub(super) table: Mutex<Routes<L>>,
}

impl<L: Clone> RouteTable<L> {
    /// Returns an empty table for an API.
    pub(super) fn new(config: &ApiRateConfig) -> Result<Self> {
        let of_route = config.of_route();
        Ok(Self {
            name: of_route.name.as_str().into(),
            settings: of_route.settings()?,
            table: Mutex::new(Routes::new(config.by_route.is_some())),
        })
    }
}
