//! Permits of one request: the client's and, if a scope covers the request, the scope's.

use std::sync::Arc;
use std::time::Duration;

use super::permit::Permit;
use super::shared::DynamicRateLimiter;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::outcome::{Feedback, LongerPause, Wanted};
use api_ratelimiter_core::request::Tags;

/// The permits of one request: the limiter's and, if a scope covers the request, the scope's.
#[must_use = "report the outcome by give() or unused()"]
#[derive(Debug)]
pub(crate) struct Permits {
    narrow: Option<Permit>,
    wide: Permit,
    waited: Duration,
}

/// A permit that goes back to the limiter when it is dropped, because its request was not sent.
#[derive(Debug, Default)]
pub(crate) struct Held(Option<Permit>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Permit::unused);
    }
}

impl Held {
    /// A permit that its caller holds while it waits for another one.
    pub(crate) const fn new(permit: Permit) -> Self {
        Self(Some(permit))
    }

    fn spend(mut self) -> Option<Permit> {
        self.0.take()
    }
}

impl Permits {
    /// Returns both permits of a request, of which the scope's is the older one; `earlier` is the time of earlier
    /// waits. `Err`: a cut or a pause began in the scope meanwhile. Then both permits were returned, and the
    /// request queues again; the error is the time that the caller has waited.
    pub(crate) fn pair(narrow: Held, wide: Permit, earlier: Duration) -> Result<Self, Duration> {
        let for_narrow = narrow.0.as_ref().map_or(Duration::ZERO, Permit::waited);
        let waited = earlier + for_narrow + wide.waited();
        if narrow.0.as_ref().is_some_and(Permit::is_overtaken) {
            wide.unused();
            return Err(waited);
        }
        Ok(Self {
            narrow: narrow.spend(),
            wide,
            waited,
        })
    }

    /// Returns the time that the caller waited for both.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns whether the request is the trial of an open circuit breaker. Only the whole client has one.
    pub(crate) fn is_trial(&self) -> bool {
        self.wide.is_trial()
    }

    /// Adds the request's context for observers.
    pub(crate) fn tagged(mut self, tags: Option<Arc<Tags>>) -> Self {
        self.narrow = self.narrow.map(|narrow| narrow.tagged(tags.clone()));
        self.wide = self.wide.tagged(tags);
        self
    }

    /// Reports the outcome. A success counts for both limits. A refusal and announced limits count for the
    /// scope, unless they concern the whole API; for the other limit the request is neutral.
    pub(crate) fn give(self, feedback: Feedback) {
        let Self { narrow, wide, .. } = self;
        let (target, other) = match (narrow, feedback.concerns_all()) {
            (None, _) => (wide, None),
            (Some(narrow), false) => (narrow, Some(wide)),
            (Some(narrow), true) => (wide, Some(narrow)),
        };
        target.give(feedback);
        let others = other.into_iter();
        match feedback {
            Feedback::Success { .. } => others.for_each(Permit::success),
            Feedback::Refused { .. } | Feedback::Exhausted => others.for_each(Permit::neutral),
            // An outage concerns the whole API.
            Feedback::Failed => others.for_each(Permit::failed),
        }
    }

    /// Returns the tokens of a request that was never sent.
    pub(crate) fn unused(self) {
        self.narrow.into_iter().for_each(Permit::unused);
        self.wide.unused();
    }
}

/// Reports the outcome of a request. A request to another host had no permit.
pub(crate) fn give(permit: Option<Permits>, feedback: Feedback) {
    permit.into_iter().for_each(|permit| permit.give(feedback));
}

impl DynamicRateLimiter {
    /// Waits for the permits of a request: first the scope's, so that a slow scope does not block the common
    /// queue, then this limiter's.
    pub(crate) fn acquire_for(&self, wanted: &Wanted) -> Result<Permits> {
        let mut waited = Duration::ZERO;
        let narrow = wanted.scope.as_deref().and_then(|name| self.scope(name));
        loop {
            let held = match narrow {
                Some(narrow) => Held::new(narrow.acquire_by(wanted.cost, wanted.deadline)?),
                None => Held::default(),
            };
            let wide = self.acquire_by(wanted.cost, wanted.deadline)?;
            match Permits::pair(held, wide, waited) {
                Ok(permits) => return Ok(permits),
                Err(so_far) => waited = so_far,
            }
        }
    }

    /// Prolongs a pause: the body of a refusal asked for a longer one than its head.
    pub(crate) fn prolong(&self, longer: &LongerPause) {
        let scope = longer.scope.as_deref().and_then(|name| self.scope(name));
        scope.unwrap_or(self).hold(longer.wait);
    }
}
