//! The right to send one request.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use http::StatusCode;

use super::{Core, DynamicRateLimiter, Origin};
use crate::observe::Cause;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::limiter::{Change, Grant, Told};
use api_ratelimiter_core::request::Tags;

/// The right to send one request, which takes its outcome back.
///
/// Dropped without an outcome it counts as neutral: the token is spent, the rate stays. It remembers
/// when it was issued and whether its caller had to wait, so that refusals of one burst cut the rate
/// once, and successes that say nothing about the limit do not raise it.
#[must_use = "a permit is spent when dropped; report the outcome by success() or backoff()"]
pub struct Permit {
    pub(super) limiter: DynamicRateLimiter,
    grant: Grant,
    waited: Duration,
    /// What observers are told of its request.
    tags: Option<Arc<Tags>>,
    stage: Stage,
}

/// How far it is on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// Its outcome is still to come.
    Open,
    /// Its outcome is being told.
    Spent,
    /// It has come to its end.
    Landed,
}

impl Permit {
    pub(super) fn new(limiter: DynamicRateLimiter, grant: Grant, waited: Duration) -> Self {
        Self {
            limiter,
            grant,
            waited,
            tags: None,
            stage: Stage::Open,
        }
    }

    /// How long its caller waited for it.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// What observers are told of its request.
    pub(crate) fn tagged(mut self, tags: Option<Arc<Tags>>) -> Self {
        self.tags = tags;
        self
    }

    /// The limit let the request through.
    pub fn success(self) {
        self.succeeded(None, Told::default());
    }

    /// The limit let the request through; the server announced how much is left, and that nothing is
    /// left until `exhausted` from now.
    pub(crate) fn succeeded(mut self, exhausted: Option<Duration>, announced: Told) {
        let grant = self.grant;
        let is_plain = exhausted.is_none() && announced == Told::default();
        if is_plain && !grant.is_evidence() && self.ends_quietly(|core| core.counts(&grant)) {
            return;
        }
        self.ends(Origin::Request(&grant), None, |core, now| {
            core.totals.succeeded += 1;
            let jitter = &mut core.jitter;
            let chance = || jitter.f64();
            core.source
                .succeeded(now, &grant, announced, exhausted, chance)
        });
    }

    /// The server refused the request and asks for a pause of `retry_after`; `None` or zero if it does
    /// not say.
    pub fn backoff(self, retry_after: Option<Duration>) {
        self.refused(None, retry_after, Told::default());
    }

    /// Neither: the request was given up on its way, or its outcome says nothing about the limit.
    pub fn neutral(self) {}

    /// No answer came, or one that the server did not mean (a 5xx): as neutral for the rate, but a
    /// [`CircuitBreaker`](crate::CircuitBreaker) counts it.
    pub fn failed(mut self) {
        let grant = self.grant;
        self.ends(Origin::Request(&grant), None, |core, now| {
            core.source.failed(now, &grant);
            Change::Nothing
        });
    }

    /// Whether it goes alone to try whether the server is back.
    pub(crate) fn is_trial(&self) -> bool {
        self.grant.trial
    }

    /// A refusal with the status that the log line shows.
    pub(crate) fn refused(
        mut self,
        status: Option<StatusCode>,
        retry_after: Option<Duration>,
        announced: Told,
    ) {
        let grant = self.grant;
        self.ends(Origin::Request(&grant), status, |core, now| {
            core.totals.backed_off += 1;
            let chance = core.jitter.f64();
            core.source
                .refused(now, &grant, announced, retry_after, chance)
        });
    }

    /// The request was never sent: the token goes back.
    pub(crate) fn unused(mut self) {
        let grant = self.grant;
        self.ends(Origin::Unsent, None, |core, now| {
            core.source.unused(now, &grant);
            Change::Nothing
        });
    }

    /// Whether a cut or a pause began since it was granted.
    pub(crate) fn is_overtaken(&self) -> bool {
        let core = self.limiter.shared.core.lock();
        core.source.has_retreated_since(&self.grant)
    }

    /// Its end, if that leaves everything as it is: without a look at the clock or at the queue.
    fn ends_quietly(&mut self, outcome: impl FnOnce(&mut Core) -> bool) -> bool {
        let closers = {
            let mut core = self.limiter.shared.core.lock();
            if !outcome(&mut core) {
                return false;
            }
            core.landed()
        };
        self.has_landed(closers);
        true
    }

    /// Its end, with an outcome.
    fn ends(
        &mut self,
        origin: Origin<'_>,
        status: Option<StatusCode>,
        outcome: impl FnOnce(&mut Core, Time) -> Change,
    ) {
        let cause = Cause {
            status,
            tags: self.tags.take(),
        };
        self.stage = Stage::Spent;
        if let Some(closers) = self.limiter.feed(origin, cause, outcome) {
            self.has_landed(closers);
        }
    }

    /// Its end, for which those may have waited.
    fn has_landed(&mut self, closers: Vec<Waker>) {
        self.stage = Stage::Landed;
        closers.into_iter().for_each(Waker::wake);
    }
}

/// Without an outcome the token stays spent and the rate as it is; but others may be waiting for this
/// very answer.
impl Drop for Permit {
    fn drop(&mut self) {
        let grant = self.grant;
        if self.stage == Stage::Open && !self.ends_quietly(|core| core.source.forgets(&grant)) {
            self.ends(Origin::Request(&grant), None, |core, now| {
                core.source.neutral(now, &grant);
                Change::Nothing
            });
        }
        if self.stage == Stage::Spent {
            let closers = self.limiter.shared.core.lock().landed();
            self.has_landed(closers);
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
