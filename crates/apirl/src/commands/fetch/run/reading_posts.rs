//! POSTs that only read, as the settings of the API mark them.

use api_ratelimiter::ApiRateConfig;
use api_ratelimiter_core::config::Idempotency;
use api_ratelimiter_core::url::Base;

use crate::commands::fetch::input::request_line::RequestLine;

/// The POSTs of an API that only read, so that the server may receive them twice.
#[derive(Debug)]
pub(crate) struct ReadingPosts(Option<(Base, Idempotency)>);

impl ReadingPosts {
    /// Reads the settings. Invalid ones, of which no client can be built, have none.
    pub(crate) fn of(config: &ApiRateConfig) -> Self {
        let base = Base::parse(&config.base_url).ok();
        Self(base.zip(config.idempotency().ok()))
    }

    pub(crate) fn contains(&self, line: &RequestLine) -> bool {
        self.0.as_ref().is_some_and(|(base, settings)| {
            let address = base.join(&line.path);
            address.is_ok_and(|address| settings.is_reading_post(&line.method, &address, base))
        })
    }
}
