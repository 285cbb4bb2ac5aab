//! Properties of known limits that hold for every sequence of events.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::controller::Controller;
use super::grant::Grant;
use super::outcome::Outcome;
use super::poll::Poll;
use super::settings::Settings;
use crate::calendar::{Calendar, Every};
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
    /// The wall clock is put forward or back.
    Clock {
        minutes: i64,
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
        3 => prop_oneof![9 => 0u64..20_000, 1 => 0u64..40_000_000]
            .prop_map(|millis| Step::Advance { millis }),
        12 => (1u32..4, any::<bool>())
            .prop_map(|(cost, comes_back)| Step::Call { cost, comes_back }),
        4 => any::<usize>().prop_map(|nth| Step::Success { nth }),
        1 => (any::<usize>(), prop::option::of(1u64..20))
            .prop_map(|(nth, hint)| Step::Refused { nth, hint }),
        1 => any::<usize>().prop_map(|nth| Step::Unused { nth }),
        1 => (-600i64..600).prop_map(|minutes| Step::Clock { minutes }),
        1 => (0u64..20_000, put_back)
            .prop_map(|(millis, put_back)| Step::Restart { millis, put_back }),
    ]
}

fn limits() -> impl Strategy<Value = Vec<LimitConfig>> {
    let day = (1u64..90, 0u32..24).prop_map(|(requests, hour)| {
        LimitConfig::per_day(requests as f64).resets_at(format!("{hour:02}:00"), ZONE)
    });
    let limit = (1u64..90, prop_oneof![1u64..100, Just(3600)]).prop_map(|(requests, seconds)| {
        LimitConfig::new(requests as f64, Duration::from_secs(seconds))
    });
    prop::collection::vec(prop_oneof![3 => limit, 1 => day], 1..4)
}

const ZONE: &str = "America/Los_Angeles";

/// How far the wall clock is put back at most: it comes back to a day that it has seen, and not to one long past.
const MOST_PUT_BACK: Duration = Duration::from_secs(10 * 60 * 60);

/// A client, and what was sent by the real time.
struct World {
    settings: Settings,
    controller: Controller,
    /// The real time, and that of the process's clock.
    real: Time,
    now: Time,
    /// The wall clock, and the latest that it has shown.
    unix: Duration,
    latest: Duration,
    open: Vec<(Grant, Time)>,
    sent: Vec<Sent>,
}

/// A request by the real time and by the wall clock.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Time,
    unix: i64,
    cost: u32,
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
        let mut world = Self {
            controller: Controller::new(settings.clone(), Time::ZERO),
            settings,
            real: Time::ZERO,
            now: Time::ZERO,
            unix: Duration::from_secs(1_800_000_000),
            latest: Duration::from_secs(1_800_000_000),
            open: Vec::new(),
            sent: Vec::new(),
        };
        world.set_wall_clock(world.unix);
        world
    }

    fn advance(&mut self, time: Duration) {
        (self.real, self.now) = (self.real + time, self.now + time);
        self.set_wall_clock(self.unix + time);
    }

    fn set_wall_clock(&mut self, unix: Duration) {
        self.unix = unix.max(self.latest.saturating_sub(MOST_PUT_BACK));
        self.latest = self.latest.max(self.unix);
        self.controller.set_wall_clock(self.now, self.unix);
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
                    let (at, unix) = (self.real, self.unix.as_secs() as i64);
                    self.sent.push(Sent { at, unix, cost });
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
                    let mut sent = self.sent.iter();
                    let place = sent.position(|it| (it.at, it.cost) == (at, grant.cost));
                    self.sent.remove(place.expect("it was counted"));
                }
            }
            Step::Clock { minutes } => {
                let by = Duration::from_secs(60 * minutes.unsigned_abs());
                let unix = if minutes < 0 {
                    self.unix - by
                } else {
                    self.unix + by
                };
                self.set_wall_clock(unix);
            }
            Step::Restart { millis, put_back } => {
                let learned = self.controller.learned(self.now, self.unix);
                self.advance(Duration::from_millis(millis));
                self.now = Time::ZERO;
                self.open.clear();
                self.controller = Controller::new(self.settings.clone(), Time::ZERO);
                self.set_wall_clock(self.unix - Duration::from_millis(put_back));
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
                .filter(|it| it.at >= first && it.at < first + window);
            inside.map(|it| it.cost).sum()
        };
        self.sent.iter().map(|it| from(it.at)).max().unwrap_or(0)
    }

    /// Returns the most that any day held by the wall clock.
    fn fullest_day(&self, of: &Calendar) -> u32 {
        let mut days = BTreeMap::new();
        for sent in &self.sent {
            *days.entry(of.period(sent.unix).0).or_insert(0) += sent.cost;
        }
        days.into_values().max().unwrap_or(0)
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
            let fullest = match &limit.resets {
                None => world.fullest(limit.per),
                Some(resets) => {
                    let calendar = Calendar::new(Every::Day, &resets.at, ZONE);
                    world.fullest_day(&calendar.expect("valid"))
                }
            };
            let fullest = f64::from(fullest);
            prop_assert!(fullest <= limit.requests, "{} in a window of {:?}", fullest, limit);
        }
    }
}

proptest! {
    #[test]
    fn whatever_an_earlier_run_stored_a_permit_waits_for_a_window_at_most(
        sent in prop::collection::vec((prop_oneof![0.0..4e9f64, Just(0.0), Just(1e18)], any::<u64>()), 0..200),
        calendar in any::<bool>(),
    ) {
        let (limit, key) = if calendar {
            (LimitConfig::per_day(5.0).resets_at("00:00", ZONE), format!("day 00:00 {ZONE}"))
        } else {
            (LimitConfig::per_hour(5.0), "3600s".to_owned())
        };
        let mut world = World::new(vec![limit]);
        let sent: Vec<_> = sent
            .iter()
            .map(|(last, cost)| serde_json::json!({"last_unix_seconds": last, "cost": cost}))
            .collect();
        let stored = serde_json::json!({
            "law_version": 1, "rate_per_second": 1.0, "last_pause_seconds": 0.0,
            "learned_at_unix_seconds": 1e9, "known_limits": [{"limit": key, "sent": sent}],
        });
        let learned = serde_json::from_value(stored).expect("valid");
        let _ = world.controller.restore(world.now, &learned, world.unix);
        let longest = Duration::from_secs(if calendar { 25 * 3600 + 2 } else { 3608 });
        if let Poll::At(time) = world.controller.poll(world.now, 1, false) {
            prop_assert!(time <= world.now + longest, "{:?}", time);
        }
        // It can be stored again.
        let again = world.controller.learned(world.now, world.unix);
        if let Some(again) = again {
            prop_assert!(serde_json::to_string(&again).is_ok());
        }
    }
}
