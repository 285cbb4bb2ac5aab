//! Whatever numbers a server or a caller names, the limiter goes on: no arithmetic overflows.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    Announced, AnnouncedLimits, Change, Controller, FixedLimit, Grant, Learning, ManualReport,
    Outcome, Poll, Settings,
};
use crate::config::ApiRateConfig;
use crate::time::Time;

const MINUTE: Duration = Duration::from_secs(60);

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Wait(Duration),
    Poll { cost: u32, waited: bool },
    Report { nth: usize, outcome: Outcome },
    Manually(ManualReport),
    AnnouncedElsewhere(AnnouncedLimits),
    TakeAnnounced,
    Ask { ahead: u64, cost: u32 },
    WallClock(Duration),
    Restart(Duration),
}

fn count() -> impl Strategy<Value = u64> {
    let extremes = [0, 1, 2, u64::MAX - 1, u64::MAX, u64::MAX / 2 + 1];
    prop_oneof![
        prop::sample::select(extremes.to_vec()).boxed(),
        (0u64..200).boxed()
    ]
}

fn duration() -> impl Strategy<Value = Duration> {
    let extremes = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_secs(u64::MAX),
        Duration::from_nanos(u64::MAX),
        Duration::MAX - Duration::from_secs(1),
        Duration::MAX,
    ];
    prop_oneof![
        prop::sample::select(extremes.to_vec()).boxed(),
        (0u64..100_000).prop_map(Duration::from_millis).boxed(),
    ]
}

fn announced() -> impl Strategy<Value = AnnouncedLimits> {
    // Most of them are about one limit.
    let minute = (Just(Some(100)), Just(Some(MINUTE)));
    let other = (prop::option::of(count()), prop::option::of(duration()));
    let limit = prop_oneof![2 => minute, 1 => other];
    let one = (limit, count(), duration());
    let one = one.prop_map(|((limit, window), remaining, reset_after)| Announced {
        name: None,
        limit,
        window,
        remaining,
        reset_after,
    });
    let all = (prop::collection::vec(one, 0..4), any::<bool>());
    all.prop_map(|(all, by_reset)| {
        let all: AnnouncedLimits = all.into_iter().collect();
        all.pausing_by_reset(by_reset)
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let wait = || prop::option::of(duration());
    prop_oneof![
        4 => (announced(), wait()).prop_map(|(announced, exhausted)| Outcome::Success {
            announced,
            exhausted,
            chance: 0.5,
        }),
        2 => (announced(), wait()).prop_map(|(announced, hint)| Outcome::Refused {
            announced,
            hint,
            chance: 0.5,
        }),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::Unused),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let cost = || prop_oneof![4 => Just(1), 1 => Just(0), 1 => Just(u32::MAX)];
    let manual = prop_oneof![
        Just(ManualReport::Success),
        prop::option::of(duration()).prop_map(|hint| ManualReport::Refused { hint, chance: 0.5 }),
        (duration(), any::<bool>()).prop_map(|(wait, by_reset)| ManualReport::Exhausted {
            wait,
            by_reset,
            chance: 0.5,
        }),
    ];
    prop_oneof![
        4 => prop_oneof![
            9 => (0u64..10_000).prop_map(Duration::from_millis),
            2 => (50_000u64..130_000).prop_map(Duration::from_millis),
            1 => duration(),
        ].prop_map(Step::Wait),
        8 => (cost(), any::<bool>()).prop_map(|(cost, waited)| Step::Poll { cost, waited }),
        8 => (any::<usize>(), outcome())
            .prop_map(|(nth, outcome)| Step::Report { nth, outcome }),
        1 => manual.prop_map(Step::Manually),
        1 => announced().prop_map(Step::AnnouncedElsewhere),
        1 => Just(Step::TakeAnnounced),
        2 => (count(), cost()).prop_map(|(ahead, cost)| Step::Ask { ahead, cost }),
        1 => duration().prop_map(Step::WallClock),
        1 => duration().prop_map(Step::Restart),
    ]
}

fn settings(learning: Learning, longest: Duration, known: bool) -> Settings {
    let config = ApiRateConfig {
        name: "test".into(),
        initial_rate: 5.0,
        ..Default::default()
    };
    Settings {
        learning,
        max_cooldown: longest,
        fixed: FixedLimit::new(100, MINUTE)
            .filter(|_| known)
            .into_iter()
            .collect(),
        ..config.settings().expect("valid settings")
    }
}

/// A limiter, its requests under way, and its clocks.
struct Limiter {
    controller: Controller,
    under_way: Vec<Grant>,
    now: Time,
    unix: Duration,
}

impl Limiter {
    fn step(&mut self, step: Step) {
        let Self {
            controller, now, ..
        } = self;
        let mut change = Change::Nothing;
        match step {
            Step::Wait(time) => *now = *now + time,
            Step::Poll { cost, waited } => {
                if let Poll::Grant(grant) = controller.poll(*now, cost, waited) {
                    self.under_way.push(grant);
                }
            }
            Step::Report { nth, outcome } => {
                if let Some(last) = self.under_way.len().checked_sub(1) {
                    let grant = self.under_way.remove(nth % (last + 1));
                    change = controller.report(*now, &grant, outcome);
                }
            }
            Step::Manually(report) => change = controller.report_manually(*now, report),
            Step::AnnouncedElsewhere(told) => controller.announced_elsewhere(*now, &told),
            Step::TakeAnnounced => drop(controller.take_announced(*now)),
            Step::Ask { ahead, cost } => drop(controller.projected(*now, ahead, cost)),
            Step::WallClock(unix) => {
                self.unix = unix;
                controller.set_wall_clock(*now, unix);
            }
            Step::Restart(unix) => {
                if let Some(learned) = controller.learned(*now, self.unix) {
                    change = controller.restore(*now, &learned, unix);
                }
            }
        }
        let _ = (change, controller.view(*now), controller.disagreement(*now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 512 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_number_makes_the_limiter_panic(
        (learns, known) in any::<(bool, bool)>(),
        longest in prop_oneof![Just(Duration::from_secs(300)), Just(Duration::MAX)],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let learning = if learns { Learning::On } else { Learning::Off };
        let mut limiter = Limiter {
            controller: Controller::new(settings(learning, longest, known), Time::ZERO),
            under_way: Vec::new(),
            now: Time::ZERO,
            unix: Duration::ZERO,
        };
        steps.into_iter().for_each(|step| limiter.step(step));
    }
}

#[test]
fn a_window_that_never_resets_rolls_without_a_panic() {
    let announced = |remaining, reset_after| -> AnnouncedLimits {
        let told = Announced {
            name: None,
            limit: Some(100),
            window: Some(MINUTE),
            remaining,
            reset_after,
        };
        [told].into_iter().collect()
    };
    let mut limiter = Controller::new(
        settings(Learning::Off, Duration::from_secs(300), false),
        Time::ZERO,
    );
    let mut at = |seconds, announced| {
        let now = Time::ZERO + Duration::from_secs(seconds);
        let Poll::Grant(grant) = limiter.poll(now, 1, false) else {
            panic!("nothing holds it at {seconds} s");
        };
        let outcome = Outcome::Success {
            announced,
            exhausted: None,
            chance: 0.0,
        };
        let _ = limiter.report(now, &grant, outcome);
    };
    at(0, announced(50, MINUTE));
    // The minute that was assumed did not begin anew.
    at(70, announced(10, Duration::MAX));
}
