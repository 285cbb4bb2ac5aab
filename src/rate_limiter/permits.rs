//! Permits of one request: the client's, and those of narrower limits that it counts in.

use std::sync::Arc;
use std::time::Duration;

use super::permit::Permit;
use super::shared::DynamicRateLimiter;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::outcome::{Concerns, Feedback, LongerPause, Wanted};
use api_ratelimiter_core::request::Tags;
use api_ratelimiter_core::route::Route;

/// The permits of one request: the limiter's and, if there are narrower limits, those of its scope and its route.
#[must_use = "report the outcome by give() or unused()"]
#[derive(Debug)]
pub(crate) struct Permits {
    scope: Option<Permit>,
    apart: Option<Permit>,
    wide: Permit,
    route: Route,
    waited: Duration,
}

/// Permits of narrower limits, which go back to their limiters when they are dropped, because the request was not sent.
#[derive(Debug, Default)]
pub(crate) struct Held {
    scope: Option<Permit>,
    apart: Option<Permit>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let held = self.scope.take().into_iter().chain(self.apart.take());
        held.for_each(Permit::unused);
    }
}

impl Held {
    /// Keeps the permit of the request's scope.
    pub(crate) fn scope(&mut self, permit: Permit) {
        self.scope = Some(permit);
    }

    /// Keeps the permit of the limit that the request's route counts in.
    pub(crate) fn apart(&mut self, permit: Permit) {
        self.apart = Some(permit);
    }

    fn permits(&self) -> impl Iterator<Item = &Permit> {
        self.scope.iter().chain(&self.apart)
    }

    /// Returns these permits with the limiter's own; `earlier` is the time of earlier waits. `Err`: a cut or a pause
    /// began in a narrower limit meanwhile. Then all permits were returned, and the request queues again; the error is
    /// the time that the caller has waited.
    pub(crate) fn with(
        mut self,
        wide: Permit,
        route: Route,
        earlier: Duration,
    ) -> Result<Permits, Duration> {
        let for_narrow: Duration = self.permits().map(Permit::waited).sum();
        let waited = earlier + for_narrow + wide.waited();
        if self.permits().any(Permit::is_overtaken) {
            wide.unused();
            return Err(waited);
        }
        Ok(Permits {
            scope: self.scope.take(),
            apart: self.apart.take(),
            wide,
            route,
            waited,
        })
    }
}

impl Permits {
    /// Returns the time that the caller waited for all of them.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns whether the request is the trial of an open circuit breaker. Only the whole client has one.
    pub(crate) fn is_trial(&self) -> bool {
        self.wide.is_trial()
    }

    /// Adds the request's context for observers.
    pub(crate) fn tagged(mut self, tags: Option<Arc<Tags>>) -> Self {
        let tagged = |permit: Permit| permit.tagged(tags.clone());
        self.scope = self.scope.map(tagged);
        self.apart = self.apart.map(tagged);
        self.wide = self.wide.tagged(tags);
        self
    }

    /// Reports the outcome. A success counts for all limits. A refusal and announced limits count for the limit that the
    /// response is about; for the others the request is neutral.
    pub(crate) fn give(mut self, feedback: Feedback) {
        if let Feedback::Exhausted = feedback {
            return self.all().for_each(Permit::neutral);
        }
        let Some((concerns, announced)) = feedback.about() else {
            // An outage concerns the whole API.
            self.all().for_each(|permit| permit.give(feedback));
            return;
        };
        let told = match concerns {
            Concerns::Client => None,
            Concerns::Scope if self.scope.is_some() => self.scope.take(),
            Concerns::Scope | Concerns::Route => {
                let client = self.wide.limiter();
                match client.limiter_told(self.route, announced) {
                    None => None,
                    Some(about) if self.apart.as_ref().is_some_and(|own| own.is_of(&about)) => {
                        self.apart.take()
                    }
                    // Only the response has told which limit the request counted in.
                    Some(about) => {
                        about.hear(feedback);
                        return self.beside(&feedback);
                    }
                }
            }
        };
        let Self {
            scope, apart, wide, ..
        } = self;
        let others = scope.into_iter().chain(apart);
        match told {
            Some(told) => {
                told.give(feedback);
                others
                    .chain([wide])
                    .for_each(|other| beside(other, &feedback));
            }
            None => {
                wide.give(feedback);
                others.for_each(|other| beside(other, &feedback));
            }
        }
    }

    /// Reports an outcome to limits that the response is not about.
    fn beside(self, feedback: &Feedback) {
        self.all().for_each(|permit| beside(permit, feedback));
    }

    /// Returns the tokens of a request that was never sent.
    pub(crate) fn unused(self) {
        self.all().for_each(Permit::unused);
    }

    fn all(self) -> impl Iterator<Item = Permit> {
        self.scope.into_iter().chain(self.apart).chain([self.wide])
    }
}

/// Reports the outcome of a request whose response is about another limit.
fn beside(permit: Permit, feedback: &Feedback) {
    match feedback {
        Feedback::Success { .. } => permit.success_beside(),
        Feedback::Refused { .. } | Feedback::Exhausted | Feedback::Failed => permit.neutral(),
    }
}

/// Reports the outcome of a request. A request to another host had no permit.
pub(crate) fn give(permit: Option<Permits>, feedback: Feedback) {
    permit.into_iter().for_each(|permit| permit.give(feedback));
}

impl DynamicRateLimiter {
    /// Waits for the permits of a request: first those of narrower limits, so that a slow one does not block the common
    /// queue, then this limiter's.
    pub(crate) fn acquire_for(&self, wanted: &Wanted) -> Result<Permits> {
        let Wanted { cost, deadline, .. } = *wanted;
        let mut waited = Duration::ZERO;
        loop {
            let mut held = Held::default();
            if let Some(scope) = self.scope_of(wanted) {
                held.scope(scope.acquire_by(cost, deadline)?);
            }
            if let Some(apart) = self.limiter_of(wanted.route) {
                held.apart(apart.acquire_by(cost, deadline)?);
            }
            let wide = self.acquire_by(cost, deadline)?;
            match held.with(wide, wanted.route, waited) {
                Ok(permits) => return Ok(permits),
                Err(so_far) => waited = so_far,
            }
        }
    }

    /// Returns the limiter of the scope that a request falls under.
    pub(super) fn scope_of(&self, wanted: &Wanted) -> Option<&Self> {
        wanted.scope.as_deref().and_then(|name| self.scope(name))
    }

    /// Prolongs a pause: the body of a refusal asked for a longer one than its head, or for one of the whole client.
    pub(crate) fn prolong(&self, longer: &LongerPause) {
        let scope = longer.scope.as_deref().and_then(|name| self.scope(name));
        let narrow = match longer.concerns {
            Concerns::Client => None,
            Concerns::Scope => scope.cloned(),
            Concerns::Route => self.limiter_of(longer.route),
        };
        narrow.as_ref().unwrap_or(self).hold(longer.wait);
    }
}
