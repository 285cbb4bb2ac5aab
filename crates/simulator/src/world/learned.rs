//! The limiter's controller as a strategy.

use std::time::Duration;

use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::limiter::{
    AnnouncedLimits, Controller, Denial, Grant, InferredLimit, ManualReport, Outcome, Poll,
    Settings,
};
use api_ratelimiter_core::{Rate, Time};

use super::strategy::{Decision, Strategy};
use crate::rules::LimitState;

/// Strategy that runs the controller of the real clients. Made by [`learned`].
#[derive(Debug, Clone)]
pub struct Learned {
    settings: Settings,
    controller: Controller,
    /// Limits that a response announced, until the outcome of its request is reported.
    announced: AnnouncedLimits,
    /// When it was last called.
    now: Time,
    /// Reset of that limit, if nothing is left of it: a refusal that names no other wait names this one.
    reset: Option<Duration>,
}

/// The wall clock at the beginning of the first run.
const UNIX_THEN: Duration = Duration::from_secs(1_700_000_000);

/// The server's windows go on from run to run: each begins a multiple of this after the first. Every length of a window
/// divides it.
const HOUR: Duration = Duration::from_secs(3600);

/// Permit of a request in flight of [`Learned`].
#[derive(Debug, Clone, Copy)]
pub struct LearnedPermit(Grant);

/// Returns a strategy that behaves like a client with this configuration.
///
/// # Errors
///
/// `Error::InvalidConfig` if a value of the configuration is invalid.
pub fn learned(config: &ApiRateConfig) -> Result<Learned> {
    let settings = config.settings()?;
    let controller = Controller::new(settings.clone(), Time::ZERO);
    Ok(Learned {
        settings,
        controller,
        announced: AnnouncedLimits::default(),
        now: Time::ZERO,
        reset: None,
    })
}

impl Learned {
    /// Returns a new client that starts from what this one had learned at least `age` ago, and on a full hour after this
    /// one began, so that the server's windows go on.
    #[must_use]
    pub fn restarted(&self, age: Duration) -> Self {
        let settings = self.settings.clone();
        let mut controller = Controller::new(settings.clone(), Time::ZERO);
        let ran = self.now.saturating_since(Time::ZERO);
        let hours = (ran + age).as_secs_f64() / HOUR.as_secs_f64();
        let again = HOUR.mul_f64(hours.ceil());
        if let Some(memory) = self.controller.learned(self.now, UNIX_THEN + ran) {
            let _ = controller.restore(Time::ZERO, &memory, UNIX_THEN + again);
        }
        Self {
            settings,
            controller,
            announced: AnnouncedLimits::default(),
            now: Time::ZERO,
            reset: None,
        }
    }

    /// Returns the learned ceiling in requests per second; `None` before there is one.
    #[must_use]
    pub fn ceiling_per_second(&self) -> Option<f64> {
        self.controller
            .view(Time::ZERO)
            .ceiling
            .map(Rate::as_per_second)
    }

    /// Returns the hidden limit that was found; `None` before there is one.
    #[must_use]
    pub fn inferred(&self) -> Option<InferredLimit> {
        self.controller.view(Time::ZERO).limit
    }
}

impl Learned {
    /// Returns whether windows show, but no law fits them.
    #[must_use]
    pub fn fits_no_law(&self) -> bool {
        self.controller.view(Time::ZERO).fits_no_law
    }
}

impl Strategy for Learned {
    type Permit = LearnedPermit;

    fn poll(&mut self, now: Time, waited: bool) -> Decision<LearnedPermit> {
        self.now = now;
        match self.controller.poll(now, 1, waited) {
            Poll::Grant(grant) => Decision::Send(LearnedPermit(grant)),
            Poll::At(time) | Poll::AfterFeedback(time) => Decision::WaitUntil(time),
            Poll::Denied(Denial::Cooldown(pause) | Denial::CircuitOpen(pause)) => {
                Decision::WaitUntil(now + pause)
            }
            Poll::Denied(Denial::Fleet(_)) => unreachable!("a controller has no fleet"),
        }
    }

    fn success(&mut self, now: Time, permit: LearnedPermit) {
        let outcome = Outcome::Success {
            announced: std::mem::take(&mut self.announced),
            exhausted: None,
            chance: 0.0,
        };
        let _ = self.controller.report(now, &permit.0, outcome);
    }

    fn backoff(&mut self, now: Time, permit: LearnedPermit, hint: Option<Duration>, chance: f64) {
        let announced = std::mem::take(&mut self.announced);
        let outcome = Outcome::Refused {
            announced: announced.pausing_by_reset(hint == self.reset.take()),
            hint,
            chance,
        };
        let _ = self.controller.report(now, &permit.0, outcome);
    }

    fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) {
        let exhausted = ManualReport::Exhausted {
            wait,
            by_reset: self.reset.take() == Some(wait),
            chance,
        };
        let _ = self.controller.report_manually(now, exhausted);
    }

    fn announced(&mut self, _now: Time, _permit: &LearnedPermit, state: &LimitState) {
        self.announced = [state.to_announced()].into_iter().collect();
        self.reset = (state.remaining == 0).then_some(state.reset_after);
    }

    fn rate_per_second(&self) -> f64 {
        self.controller.view(Time::ZERO).rate.as_per_second()
    }
}
