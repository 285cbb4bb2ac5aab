//! Properties of known limits that hold for every sequence of events.

use std::time::Duration;

use proptest::prelude::*;

use super::controller::Controller;
use super::grant::Grant;
use super::outcome::Outcome;
use super::poll::Poll;
use super::settings::Settings;
use crate::config::{ApiRateConfig, LimitConfig};
use crate::time::Time;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Advance {
        millis: u64,
    },
    /// A caller asks, and comes back at the time that it is told, as often as it is told one.
    Call {
        cost: u32,
        comes_back: bool,
    },
    Success {
        nth: usize,
    },
    Refused {
        nth: usize,
        hint: Option<u64>,
    },
    Unused {
        nth: usize,
    },
    /// The process ends, and another one starts later. Meanwhile the wall clock is put back.
    Restart {
        millis: u64,
        put_back: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let put_back = prop_oneof![3 => Just(0), 1 => 0u64..100_000];
    prop_oneof![
        3 => (0u64..20_000).prop_map(|millis| Step::Advance { millis }),
        12 => (1u32..4, any::<bool>())
            .prop_map(|(cost, comes_back)| Step::Call { cost, comes_back }),
        4 => any::<usize>().prop_map(|nth| Step::Success { nth }),
        1 => (any::<usize>(), prop::option::of(1u64..20))
            .prop_map(|(nth, hint)| Step::Refused { nth, hint }),
        1 => any::<usize>().prop_map(|nth| Step::Unused { nth }),
        1 => (0u64..20_000, put_back)
            .prop_map(|(millis, put_back)| Step::Restart { millis, put_back }),
    ]
}

fn limits() -> impl Strategy<Value = Vec<LimitConfig>> {
    let limit = (1u64..90, prop_oneof![1u64..100, Just(3600)]).prop_map(|(requests, seconds)| {
        LimitConfig::new(requests as f64, Duration::from_secs(seconds))
    });
    prop::collection::vec(limit, 1..4)
}

/// A client, and what was sent by the real time.
struct World {
    settings: Settings,
    controller: Controller,
    /// The real time, and that of the process's clock.
    real: Time,
    now: Time,
    /// The wall clock.
    unix: Duration,
    open: Vec<(Grant, Time)>,
    sent: Vec<(Time, u32)>,
}

impl World {
    fn new(limits: Vec<LimitConfig>) -> Self {
        let config = ApiRateConfig {
            initial_rate: 50.0,
            max_rate: 1000.0,
            limits,
            ..Default::default()
        };
        let settings = config.settings().expect("valid");
        Self {
            controller: Controller::new(settings.clone(), Time::ZERO),
            settings,
            real: Time::ZERO,
            now: Time::ZERO,
            unix: Duration::from_secs(1_800_000_000),
            open: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn advance(&mut self, time: Duration) {
        (self.real, self.now) = (self.real + time, self.now + time);
        self.unix += time;
    }

    fn take(&mut self, nth: usize) -> Option<(Grant, Time)> {
        (!self.open.is_empty()).then(|| self.open.swap_remove(nth % self.open.len()))
    }

    fn call(&mut self, cost: u32, comes_back: bool) {
        let cost = cost.min(self.controller.largest_cost());
        let mut waited = false;
        // Pauses, canaries and known limits may come one after the other, but not without end.
        for _ in 0..20 {
            match self.controller.poll(self.now, cost, waited) {
                Poll::Grant(grant) => {
                    self.open.push((grant, self.real));
                    self.sent.push((self.real, cost));
                    return;
                }
                Poll::At(time) | Poll::AfterFeedback(time) if comes_back => {
                    assert!(time > self.now, "a wait is never zero");
                    self.advance(time.saturating_since(self.now));
                    waited = true;
                }
                _ => return,
            }
        }
        panic!("the call waits without end");
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Advance { millis } => self.advance(Duration::from_millis(millis)),
            Step::Call { cost, comes_back } => self.call(cost, comes_back),
            Step::Success { nth } => {
                if let Some((grant, _)) = self.take(nth) {
                    let _ = self.controller.report(self.now, &grant, Outcome::success());
                }
            }
            Step::Refused { nth, hint } => {
                if let Some((grant, _)) = self.take(nth) {
                    let refused = Outcome::refused(hint.map(Duration::from_secs), 0.5);
                    let _ = self.controller.report(self.now, &grant, refused);
                }
            }
            Step::Unused { nth } => {
                if let Some((grant, at)) = self.take(nth) {
                    let _ = self.controller.report(self.now, &grant, Outcome::Unused);
                    let place = self.sent.iter().position(|it| *it == (at, grant.cost));
                    self.sent.remove(place.expect("it was counted"));
                }
            }
            Step::Restart { millis, put_back } => {
                let learned = self.controller.learned(self.now, self.unix);
                self.advance(Duration::from_millis(millis));
                self.unix -= Duration::from_millis(put_back);
                self.now = Time::ZERO;
                self.open.clear();
                self.controller = Controller::new(self.settings.clone(), Time::ZERO);
                if let Some(learned) = learned {
                    let text = serde_json::to_string(&learned).expect("plain numbers");
                    let learned = serde_json::from_str(&text).expect("the same");
                    let _ = self.controller.restore(Time::ZERO, &learned, self.unix);
                }
            }
        }
    }

    /// Returns the most that any window of this length held.
    fn fullest(&self, window: Duration) -> u32 {
        let from = |first: Time| {
            let inside = self
                .sent
                .iter()
                .filter(|it| it.0 >= first && it.0 < first + window);
            inside.map(|it| it.1).sum()
        };
        self.sent.iter().map(|it| from(it.0)).max().unwrap_or(0)
    }
}

proptest! {
    #[test]
    fn no_window_of_a_known_limit_ever_holds_more_than_the_limit(
        limits in limits(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut world = World::new(limits.clone());
        for step in steps {
            world.step(step);
        }
        for limit in limits {
            let fullest = f64::from(world.fullest(limit.per));
            prop_assert!(fullest <= limit.requests, "{} in a window of {:?}", fullest, limit);
        }
    }
}
