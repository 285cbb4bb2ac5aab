//! Properties of the learning controller that hold for every sequence of events.

use std::time::Duration;

use proptest::prelude::*;

use super::announced::{Announced, AnnouncedLimits};
use super::controller::Controller;
use super::grant::Grant;
use super::law::Law;
use super::outcome::{Change, Outcome};
use super::poll::{Denial, Poll};
use super::settings::{Learning, Settings};
use super::start::most_under_way;
use crate::rate::Rate;
use crate::time::Time;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Advance {
        millis: u64,
    },
    Poll {
        waited: bool,
    },
    Success {
        nth: usize,
    },
    Refused {
        nth: usize,
        hint_millis: Option<u64>,
        told: Box<AnnouncedLimits>,
        by_reset: bool,
    },
    Neutral {
        nth: usize,
    },
    Unused {
        nth: usize,
    },
    Announced {
        nth: usize,
        told: Box<AnnouncedLimits>,
    },
}

/// Generates the limits that a server may announce, also nonsense.
fn told() -> impl Strategy<Value = AnnouncedLimits> {
    proptest::collection::vec(announced(), 1..6).prop_map(|limits| limits.into_iter().collect())
}

fn announced() -> impl Strategy<Value = Announced> {
    let count = prop_oneof![0u64..100, Just(u64::MAX), 0u64..5];
    let seconds = prop_oneof![0u64..120, Just(0), Just(1 << 31)];
    let window = proptest::option::of(prop_oneof![0u64..120, Just(1 << 31)]);
    (proptest::option::of(count.clone()), window, count, seconds).prop_map(
        |(limit, window, remaining, reset)| Announced {
            name: None,
            limit,
            window: window.map(Duration::from_secs),
            remaining,
            reset_after: Duration::from_secs(reset),
        },
    )
}

fn refusal() -> impl Strategy<Value = Step> {
    let told = prop_oneof![Just(AnnouncedLimits::default()), told()];
    let hint = proptest::option::of(1u64..5000);
    (any::<usize>(), hint, told, any::<bool>()).prop_map(|(nth, hint_millis, told, by_reset)| {
        Step::Refused {
            nth,
            hint_millis,
            told: Box::new(told),
            by_reset,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u64..4000).prop_map(|millis| Step::Advance { millis }),
        6 => any::<bool>().prop_map(|waited| Step::Poll { waited }),
        5 => any::<usize>().prop_map(|nth| Step::Success { nth }),
        2 => refusal(),
        1 => any::<usize>().prop_map(|nth| Step::Neutral { nth }),
        1 => any::<usize>().prop_map(|nth| Step::Unused { nth }),
        2 => (any::<usize>(), told().prop_map(Box::new))
            .prop_map(|(nth, told)| Step::Announced { nth, told }),
    ]
}

fn rate(requests: f64) -> Rate {
    Rate::per_second(requests).expect("a valid rate")
}

const MIN: f64 = 0.2;
const MAX: f64 = 50.0;

fn settings() -> Settings {
    Settings {
        initial: rate(2.0),
        law: Law {
            min: rate(MIN),
            max: rate(MAX),
            increase_step: 0.2,
            decrease_factor: 0.7,
        },
        capacity: None,
        initial_tokens: None,
        default_cooldown: None,
        max_cooldown: Duration::from_secs(300),
        learning: Learning::On,
        probe_interval: Duration::from_secs(60),
        breaker: None,
        fixed: Vec::new(),
        reserve: 0.1,
        max_under_way: None,
    }
}

/// A controller with what an onlooker knows of it.
struct Watched {
    controller: Controller,
    now: Time,
    open: Vec<Grant>,
    /// The highest epoch in which a refusal has cut.
    cut_epochs: Vec<u64>,
    /// Whether a request was refused, and whether a limit was announced.
    refused: bool,
    told: bool,
    successes: u64,
    last_sent: Time,
}

impl Watched {
    fn new() -> Self {
        let controller = Controller::new(settings(), Time::ZERO);
        Self {
            controller,
            now: Time::ZERO,
            open: Vec::new(),
            cut_epochs: Vec::new(),
            refused: false,
            told: false,
            successes: 0,
            last_sent: Time::ZERO,
        }
    }

    fn take(&mut self, nth: usize) -> Option<Grant> {
        (!self.open.is_empty()).then(|| self.open.swap_remove(nth % self.open.len()))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Advance { millis } => self.now = self.now + Duration::from_millis(millis),
            Step::Poll { waited } => self.poll(waited),
            Step::Success { nth } => {
                if let Some(grant) = self.take(nth) {
                    let _ = self.controller.success(self.now, &grant);
                    self.successes += 1;
                }
            }
            Step::Refused {
                nth,
                hint_millis,
                told,
                by_reset,
            } => {
                if let Some(grant) = self.take(nth) {
                    let hint = hint_millis.map(Duration::from_millis);
                    self.refused(&grant, hint, told.pausing_by_reset(by_reset));
                }
            }
            Step::Neutral { nth } => {
                if let Some(grant) = self.take(nth) {
                    self.controller.neutral(&grant);
                }
            }
            Step::Announced { nth, told } => {
                if !self.open.is_empty() {
                    let grant = self.open[nth % self.open.len()];
                    let before = self.controller.view(self.now).rate;
                    self.controller.announced(self.now, &grant, &told);
                    self.told = true;
                    assert_eq!(
                        before,
                        self.controller.view(self.now).rate,
                        "by words alone"
                    );
                }
            }
            Step::Unused { nth } => {
                if let Some(grant) = self.take(nth) {
                    self.controller.unused(&grant);
                }
            }
        }
        let view = self.controller.view(self.now);
        let per_second = view.rate.as_per_second();
        assert!(
            (MIN..=MAX).contains(&per_second),
            "{per_second}/s is out of bounds"
        );
        assert!(view.tokens <= (2.0 * per_second).max(1.0) + 1e-9);
    }

    fn poll(&mut self, waited: bool) {
        let cooldown = self.controller.view(self.now).cooldown_until;
        match self.controller.poll(self.now, 1, waited) {
            Poll::Grant(grant) => {
                assert_eq!(cooldown, None, "granted before the cooldown's end");
                assert!(
                    !self.open.iter().any(|open| self.is_current_canary(open)),
                    "beside a canary"
                );
                // The configured start is never slowed down: two at once, then two a second.
                let most = most_under_way(self.successes, self.told).max(2);
                assert!(
                    self.refused
                        || (self.open.len() as u64) < most
                        || self.now >= self.last_sent + Duration::from_millis(500),
                    "{} at stake, not {most}",
                    self.open.len()
                );
                self.last_sent = self.now;
                self.open.push(grant);
            }
            Poll::At(later) | Poll::AfterFeedback(later) => {
                assert!(later > self.now, "a wait of zero");
                if let Some(end) = cooldown {
                    assert!(later >= end, "told to come before the cooldown's end");
                }
            }
            Poll::Denied(Denial::Fleet(_)) => panic!("there is no fleet"),
            Poll::Denied(Denial::CircuitOpen(_)) => panic!("there is no breaker"),
            Poll::Denied(Denial::Cooldown(left)) => panic!("no hint was that long: {left:?}"),
        }
    }

    /// Returns whether `open` is the canary that the others wait for now.
    fn is_current_canary(&self, open: &Grant) -> bool {
        let epoch = self.cut_epochs.len() as u64;
        let patience = Duration::from_secs(10);
        open.canary
            && open.epoch == epoch
            && self.now < open.issued_at + patience
            && !self.resumed(open)
    }

    fn resumed(&self, canary: &Grant) -> bool {
        // A canary of this epoch that was lost before came back with good news.
        let phase = self
            .controller
            .view(self.now)
            .learning
            .map(|(phase, _)| phase);
        canary.canary && !matches!(phase, Some(super::Phase::Cooling | super::Phase::Blocked))
    }

    fn refused(&mut self, grant: &Grant, hint: Option<Duration>, announced: AnnouncedLimits) {
        self.refused = true;
        self.told |= !announced.is_empty();
        let before = self.controller.view(self.now).rate;
        let outcome = Outcome::Refused {
            announced,
            hint,
            chance: 0.5,
        };
        let change = self.controller.report(self.now, grant, outcome);
        let after = self.controller.view(self.now).rate;
        if matches!(change, Change::Cut { .. }) {
            assert!(
                !self.cut_epochs.contains(&grant.epoch),
                "two cuts in epoch {}",
                grant.epoch
            );
            self.cut_epochs.push(grant.epoch);
        } else {
            assert_eq!(before, after, "a stale refusal moved the rate");
        }
        // A reset is no wait that the server asks for: the limit may give back requests before.
        let asked = hint.filter(|_| !announced.pauses_by_reset());
        if let Some(asked) = asked {
            let until = self.controller.view(self.now).cooldown_until;
            assert!(
                until >= Some(self.now + asked),
                "shorter than the server asked"
            );
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_invariants_hold(steps in proptest::collection::vec(step(), 1..300)) {
        let mut watched = Watched::new();
        for step in steps {
            watched.step(step);
        }
    }

    #[test]
    fn whatever_happened_a_grant_comes_at_last(steps in proptest::collection::vec(step(), 1..300)) {
        let mut watched = Watched::new();
        for step in steps {
            watched.step(step);
        }
        // All permits are lost: a few named instants later there is a grant.
        let granted = (0..5).any(|_| match watched.controller.poll(watched.now, 1, true) {
            Poll::Grant(_) => true,
            Poll::At(later) | Poll::AfterFeedback(later) => {
                watched.now = later;
                false
            }
            Poll::Denied(Denial::Fleet(_)) => panic!("there is no fleet"),
Poll::Denied(Denial::CircuitOpen(_)) => panic!("there is no breaker"),
            Poll::Denied(Denial::Cooldown(left)) => panic!("no hint was that long: {left:?}"),
        });
        prop_assert!(granted);
    }

    #[test]
    fn no_grant_goes_beyond_what_was_announced_before_its_reset(
        steps in proptest::collection::vec(step(), 1..300),
        answers in proptest::collection::vec((any::<usize>(), 0u64..12), 1..300),
        reset in 5u64..100,
    ) {
        // Responses in any order, of one window that announces no rate, mixed with other events.
        let mut watched = Watched::new();
        let reset = Time::ZERO + Duration::from_secs(reset);
        let mut last: Option<(u64, u64)> = None;
        for (step, (nth, remaining)) in steps.into_iter().zip(answers) {
            let before = watched.open.len();
            match step {
                Step::Announced { .. } if watched.open.is_empty() || watched.now >= reset => {}
                Step::Announced { .. } => {
                    let grant = watched.open[nth % before];
                    let (newest, least) = last.unwrap_or((0, u64::MAX));
                    last = Some((newest.max(grant.number), least.min(remaining)));
                    let told = Announced {
                        name: None,
                        limit: None,
                        window: None,
                        remaining,
                        reset_after: reset.saturating_since(watched.now),
                    };
                    let told = [told].into_iter().collect();
                    watched.controller.announced(watched.now, &grant, &told);
                    watched.told = true;
                }
                // A response without the announcement may end it.
                Step::Success { nth } => watched.step(Step::Neutral { nth }),
                Step::Refused {
                    nth, hint_millis, ..
                } => watched.step(Step::Refused {
                    nth,
                    hint_millis,
                    told: Box::default(),
                    by_reset: false,
                }),
                step => watched.step(step),
            }
            let granted = watched.open.get(before..).and_then(<[Grant]>::first);
            if let (Some(granted), Some((newest, least))) = (granted, last) {
                prop_assert!(
                    watched.now >= reset || granted.number <= newest + least,
                    "{} of {newest} and {least}", granted.number
                );
            }
        }
    }

    #[test]
    fn what_is_learned_survives_its_serialised_form(steps in proptest::collection::vec(step(), 1..200)) {
        let mut watched = Watched::new();
        for step in steps {
            watched.step(step);
        }
        let state = serde_json::to_string(watched.controller.state()).expect("plain numbers");
        let again = serde_json::from_str(&state).expect("the same");
        prop_assert_eq!(watched.controller.state(), &again);
        if let Some(learned) = watched.controller.learned(watched.now, Duration::ZERO) {
            let text = serde_json::to_string(&learned).expect("plain numbers");
            prop_assert_eq!(serde_json::from_str::<super::Learned>(&text).expect("the same"), learned);
        }
    }

    #[test]
    fn never_more_than_the_burst_and_the_integral_of_the_rate(
        seconds in 1u64..60, refuse_every in 5u32..50,
    ) {
        let mut watched = Watched::new();
        let (mut sent, mut allowed) = (0.0, 1.0);
        let tick = Duration::from_millis(1);
        for millis in 0..seconds * 1000 {
            watched.now = Time::ZERO + Duration::from_millis(millis);
            let rate = watched.controller.view(watched.now).rate.as_per_second();
            allowed += rate * tick.as_secs_f64();
            while let Poll::Grant(grant) = watched.controller.poll(watched.now, 1, true) {
                sent += 1.0;
                if sent as u32 % refuse_every == 0 {
                    let _ = watched.controller.backoff(watched.now, &grant, None, 0.0);
                } else {
                    let _ = watched.controller.success(watched.now, &grant);
                }
                // A rise within a tick may be used within this tick.
                let risen = watched.controller.view(watched.now).rate.as_per_second();
                allowed += (risen - rate).max(0.0) * tick.as_secs_f64();
            }
            // The burst of the start, one second's worth.
            prop_assert!(sent <= 2.0 + allowed, "{sent} of {allowed} after {millis} ms");
        }
    }
}
