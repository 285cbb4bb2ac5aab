//! Decisions of the limiter, and their events.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use super::event::{About, Event, Standing};
use super::limit_found::LimitFound;
use api_ratelimiter_core::limiter::{Allowance, Belief, BreakerPhase, Change, Phase, View};
use api_ratelimiter_core::request::Tags;
use api_ratelimiter_core::{Rate, Time};

/// Cause of a decision.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    pub(crate) status: Option<StatusCode>,
    /// Context that the caller added to the request.
    pub(crate) tags: Option<Arc<Tags>>,
}

/// A decision of the limiter, with the belief before and the state after it.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) change: Change,
    /// Whether a pause was in progress before.
    pub(crate) was_cooling: bool,
    pub(crate) before: Belief,
    pub(crate) after: Belief,
    pub(crate) view: View,
    pub(crate) status: Option<u16>,
    /// Time of the decision.
    pub(crate) now: Time,
    /// Sequence number of the first event.
    pub(crate) number: u64,
}

impl Decision {
    /// Returns the most severe level at which its events are logged.
    pub(crate) fn level(&self) -> log::Level {
        let opened = self.before.open_since.is_none() && self.after.open_since.is_some();
        match self.change {
            Change::Cut { .. } => log::Level::Warn,
            _ if opened => log::Level::Warn,
            _ if self.before.open_since != self.after.open_since => log::Level::Info,
            _ if self.before.limit != self.after.limit => log::Level::Info,
            _ if self.entered(Phase::AtMaxRate) => log::Level::Info,
            _ => log::Level::Debug,
        }
    }

    /// Passes the events to `tell`, in order; `about` numbers them.
    pub(crate) fn each(&self, mut about: impl FnMut() -> About, mut tell: impl FnMut(Event)) {
        let status = self.status;
        let began = |about, cooldown, by_cut| Event::CooldownBegan {
            about,
            cooldown,
            by_cut,
            prolonged: self.was_cooling,
            status,
            standing: self.standing(),
        };
        match self.change {
            Change::Nothing => {}
            Change::Raised { from, to } => tell(Event::Raised {
                about: about(),
                old_rate: from.as_per_second(),
                new_rate: to.as_per_second(),
                standing: self.standing(),
            }),
            Change::Cut { from, to, cooldown } => {
                tell(Event::Cut {
                    about: about(),
                    old_rate: from.as_per_second(),
                    new_rate: to.as_per_second(),
                    cooldown,
                    status,
                    standing: self.standing(),
                });
                tell(began(about(), cooldown, true));
            }
            Change::Held { cooldown } => tell(began(about(), cooldown, false)),
        }
        let Self { before, after, .. } = self;
        let reason = |belief: &Belief| belief.learning.map(|(_, reason)| reason);
        if (before.ceiling, reason(before)) != (after.ceiling, reason(after)) {
            tell(Event::CeilingLearned {
                about: about(),
                old_ceiling: before.ceiling.map(Rate::as_per_second),
                standing: self.standing(),
            });
        }
        match (before.limit, &self.view.limit) {
            (Some(law), None) => tell(Event::LimitLost {
                about: about(),
                words: law.to_string(),
            }),
            (before, Some(limit)) if before != after.limit => {
                let about = about();
                let unix_now = about.at.duration_since(SystemTime::UNIX_EPOCH);
                let limit = LimitFound::of(limit, self.now, unix_now.unwrap_or_default());
                tell(Event::LimitFound {
                    about,
                    words: limit.to_string(),
                    limit,
                });
            }
            _ => {}
        }
        if self.entered(Phase::Probing) {
            tell(Event::Probe {
                about: about(),
                standing: self.standing(),
            });
        }
        if self.entered(Phase::AtMaxRate) {
            tell(Event::MaxRateReached {
                about: about(),
                standing: self.standing(),
            });
        }
        if self.entered(Phase::Blocked) {
            tell(Event::Blocked {
                about: about(),
                standing: self.standing(),
            });
        }
        match (before.open_since, after.open_since) {
            (None, Some(_)) => tell(Event::BreakerOpened {
                about: about(),
                next_trial: self
                    .view
                    .next_trial
                    .unwrap_or(self.now)
                    .saturating_since(self.now),
            }),
            (Some(since), None) => tell(Event::BreakerClosed {
                about: about(),
                open_for: self.now.saturating_since(since),
            }),
            _ => {}
        }
    }

    /// Returns whether the phase began with this decision.
    fn entered(&self, phase: Phase) -> bool {
        let is_in = |belief: &Belief| belief.learning.is_some_and(|(it, _)| it == phase);
        !is_in(&self.before) && is_in(&self.after)
    }

    fn standing(&self) -> Standing {
        let View {
            rate,
            ceiling,
            learning,
            ..
        } = &self.view;
        Standing {
            current_rate: rate.as_per_second(),
            learned_ceiling: ceiling.map(Rate::as_per_second),
            phase: learning.map(|(phase, _)| phase),
            reason: learning.map(|(_, reason)| reason),
            breaker: self.view.breaker,
            state: StateInWords(&self.view).to_string(),
        }
    }
}

/// Shows what the limiter is doing, and why, in words.
pub(crate) struct StateInWords<'a>(pub(crate) &'a View);

impl fmt::Display for StateInWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let View {
            rate,
            ceiling,
            learning,
            cooldown_until,
            breaker,
            used_up,
            limit,
            fits_no_law,
            ..
        } = self.0;
        if let Some(Allowance { limit, window, .. }) = used_up {
            write!(f, "the known limit of {}", limit.unwrap_or_default())?;
            if let Some(window) = window {
                write!(f, " per {} s", window.as_secs_f64())?;
            }
            f.write_str(" is used up; ")?;
        }
        match breaker {
            Some(BreakerPhase::Open) => {
                return f.write_str("circuit breaker open: requests fail");
            }
            Some(BreakerPhase::HalfOpen) => {
                return f.write_str("circuit breaker half open: a trial is in progress");
            }
            _ => {}
        }
        let Some((phase, reason)) = learning else {
            let doing = if cooldown_until.is_some() {
                "cooling down after a refusal"
            } else {
                "learning is off"
            };
            return f.write_str(doing);
        };
        write!(f, "{phase}")?;
        if *phase == Phase::AtMaxRate {
            let rounded = (rate.as_per_second() * 1e3).round() / 1e3;
            write!(f, " ({rounded}/s): the API may allow more")?;
        } else if let Some(ceiling) = ceiling {
            write!(f, " ({:.3}/s)", ceiling.as_per_second())?;
        }
        write!(f, "; last lesson: {reason}")?;
        match limit {
            Some(limit) => write!(f, "; the API allows {}", limit.law()),
            None if *fits_no_law => {
                f.write_str("; not a fixed law: several limits, or somebody else uses it")
            }
            None => Ok(()),
        }
    }
}
