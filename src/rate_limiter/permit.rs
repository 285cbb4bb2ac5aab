//! The right to send one request.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use http::StatusCode;

use super::feedback::Origin;
use super::shared::DynamicRateLimiter;
use crate::observe::Cause;
use api_ratelimiter_core::limiter::{Grant, Outcome};
use api_ratelimiter_core::outcome::Feedback;
use api_ratelimiter_core::request::Tags;

/// The right to send one request, which takes the outcome of the request back.
///
/// A permit that is dropped without an outcome counts as neutral: its token is spent, and the rate stays. A permit
/// remembers when it was issued and whether its caller had to wait. So refusals of one burst cut the rate once, and
/// successes that say nothing about the limit do not raise it.
#[must_use = "a permit is spent when dropped; report the outcome by success() or backoff()"]
pub struct Permit {
    pub(super) limiter: DynamicRateLimiter,
    grant: Grant,
    waited: Duration,
    /// Context of the request, for observers.
    tags: Option<Arc<Tags>>,
    state: PermitState,
}

/// PermitState of a permit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PermitState {
    /// Its outcome is still to come.
    Open,
    /// Its outcome is being handled.
    Spent,
    /// It was counted as done.
    Landed,
}

impl Permit {
    pub(super) fn new(limiter: DynamicRateLimiter, grant: Grant, waited: Duration) -> Self {
        Self {
            limiter,
            grant,
            waited,
            tags: None,
            state: PermitState::Open,
        }
    }

    /// Returns how long its caller waited for it.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Attaches the context of the request, for observers.
    pub(crate) fn tagged(mut self, tags: Option<Arc<Tags>>) -> Self {
        self.tags = tags;
        self
    }

    /// Reports that the limit let the request through.
    pub fn success(mut self) {
        self.end(Origin::Request(self.grant), None, |_| Outcome::success());
    }

    /// Reports that the server refused the request and asks for a pause of `retry_after`; `None` or zero if it does
    /// not say.
    pub fn backoff(mut self, retry_after: Option<Duration>) {
        self.end(Origin::Request(self.grant), None, |jitter| {
            Outcome::refused(retry_after, jitter.f64())
        });
    }

    /// Reports that the limit let the request through, whose response was about another limit.
    pub(crate) fn success_beside(mut self) {
        self.end(Origin::Request(self.grant), None, |_| {
            Outcome::success_beside()
        });
    }

    /// Returns whether this limiter granted it.
    pub(crate) fn is_of(&self, limiter: &DynamicRateLimiter) -> bool {
        self.limiter.is_same(limiter)
    }

    /// Returns the limiter that granted it.
    pub(crate) fn limiter(&self) -> &DynamicRateLimiter {
        &self.limiter
    }

    /// Reports what came of a call's request.
    pub(crate) fn give(mut self, feedback: Feedback) {
        let status = feedback.refused_status();
        self.end(Origin::Request(self.grant), status, |jitter| {
            // A random number is drawn only where it is used, so that a seed gives the same pauses.
            feedback.outcome(|| jitter.f64())
        });
    }

    /// Reports an outcome that says nothing about the limit, such as a request that was given up on its way.
    pub fn neutral(self) {}

    /// Reports that no response came, or one that signals a fault of the server (a 5xx): neutral for the rate, but a
    /// [`CircuitBreaker`](crate::CircuitBreaker) counts it.
    pub fn failed(mut self) {
        self.end(Origin::Request(self.grant), None, |_| Outcome::Failed);
    }

    /// Gives the token back: the request was never sent.
    pub(crate) fn unused(mut self) {
        self.end(Origin::Unsent, None, |_| Outcome::Unused);
    }

    /// Returns whether its request is the trial of an open circuit breaker.
    pub(crate) fn is_trial(&self) -> bool {
        self.grant.trial
    }

    /// Returns whether a cut or a pause began since it was granted.
    pub(crate) fn is_overtaken(&self) -> bool {
        let core = self.limiter.shared.core.lock();
        core.engine.has_retreated_since(&self.grant)
    }

    /// Reports the outcome.
    fn end(
        &mut self,
        origin: Origin,
        status: Option<StatusCode>,
        outcome: impl FnOnce(&mut fastrand::Rng) -> Outcome,
    ) {
        let cause = Cause {
            status,
            tags: self.tags.take(),
        };
        let grant = self.grant;
        self.state = PermitState::Spent;
        let closers = self.limiter.feed(origin, cause, |core, now| {
            let outcome = outcome(&mut core.jitter);
            core.report(now, &grant, outcome)
        });
        if let Some(closers) = closers {
            self.land(closers);
        }
    }

    /// Marks the permit as done and wakes the callers that waited for it as the last one.
    fn land(&mut self, closers: Vec<Waker>) {
        self.state = PermitState::Landed;
        closers.into_iter().for_each(Waker::wake);
    }
}

/// Reports a permit without an outcome as neutral: other callers may wait for this very outcome.
impl Drop for Permit {
    fn drop(&mut self) {
        if self.state == PermitState::Open {
            self.end(Origin::Request(self.grant), None, |_| Outcome::Neutral);
        }
        if self.state == PermitState::Spent {
            let closers = self.limiter.shared.core.lock().landed();
            self.land(closers);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("limiter", &self.limiter.name())
            .field("grant", &self.grant)
            .finish()
    }
}
