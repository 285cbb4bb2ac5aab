//! The limiter's own controller as a strategy of the simulated world.

use std::time::Duration;

use super::strategy::{Answer, Strategy};
use crate::Announced;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::limiter::{
    self, AnnouncedLimits, Controller, Denial, Grant, ManualReport, Outcome, Poll, Settings,
};
use api_ratelimiter_core::{Rate, Time};

/// The very controller that clients use.
#[derive(Debug, Clone)]
pub struct Learned {
    settings: Settings,
    controller: Controller,
    /// Limits that a response announced, until the outcome of its request is reported.
    announced: AnnouncedLimits,
}

/// The permit of a request under way.
#[derive(Debug, Clone, Copy)]
pub struct Permit(Grant);

/// A strategy that does what a client with this configuration does.
///
/// # Errors
///
/// [`Error::InvalidConfig`](crate::Error) for a value that breaks a rule.
pub fn learned(config: &ApiRateConfig) -> Result<Learned> {
    let settings = config.settings()?;
    let controller = Controller::new(settings.clone(), Time::ZERO);
    Ok(Learned {
        settings,
        controller,
        announced: AnnouncedLimits::default(),
    })
}

impl Learned {
    /// A new client that starts from what this one has learned, `age` ago.
    #[must_use]
    pub fn restarted(&self, age: Duration) -> Self {
        let settings = self.settings.clone();
        let mut controller = Controller::new(settings.clone(), Time::ZERO);
        if let Some(memory) = self.controller.learned(Duration::ZERO) {
            let _ = controller.restore(Time::ZERO, &memory, age);
        }
        Self {
            settings,
            controller,
            announced: AnnouncedLimits::default(),
        }
    }

    /// The learned ceiling in requests per second, once there is one.
    #[must_use]
    pub fn ceiling_per_second(&self) -> Option<f64> {
        self.controller
            .view(Time::ZERO)
            .ceiling
            .map(Rate::as_per_second)
    }
}

impl Strategy for Learned {
    type Permit = Permit;

    fn poll(&mut self, now: Time, waited: bool) -> Answer<Permit> {
        match self.controller.poll(now, 1, waited) {
            Poll::Grant(grant) => Answer::Send(Permit(grant)),
            Poll::At(time) | Poll::AfterFeedback(time) => Answer::At(time),
            Poll::Denied(Denial::Cooldown(pause) | Denial::CircuitOpen(pause)) => {
                Answer::At(now + pause)
            }
            Poll::Denied(Denial::Fleet(_)) => unreachable!("a controller has no fleet"),
        }
    }

    fn success(&mut self, now: Time, permit: Permit) {
        let outcome = Outcome::Success {
            announced: std::mem::take(&mut self.announced),
            exhausted: None,
            chance: 0.0,
        };
        let _ = self.controller.report(now, &permit.0, outcome);
    }

    fn backoff(&mut self, now: Time, permit: Permit, hint: Option<Duration>, chance: f64) {
        let outcome = Outcome::Refused {
            announced: std::mem::take(&mut self.announced),
            hint,
            chance,
        };
        let _ = self.controller.report(now, &permit.0, outcome);
    }

    fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) {
        let exhausted = ManualReport::Exhausted { wait, chance };
        let _ = self.controller.report_manually(now, exhausted);
    }

    fn announced(&mut self, _now: Time, _permit: &Permit, announced: &Announced) {
        let told = limiter::Announced {
            limit: Some(announced.limit.into()),
            window: Some(announced.window),
            remaining: announced.remaining.into(),
            reset_after: announced.reset_after,
        };
        self.announced = [told].into_iter().collect();
    }

    fn rate_per_second(&self) -> f64 {
        self.controller.view(Time::ZERO).rate.as_per_second()
    }
}
