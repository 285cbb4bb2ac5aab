//! The phase in which only `max_rate` keeps the rate down.

use super::*;
use crate::limiter::announced::Announced;
use crate::limiter::fixed::FixedLimit;
use crate::limiter::law::Law;
use crate::limiter::outcome::Outcome;
use crate::limiter::settings::{Learning, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn rate(requests: f64) -> Rate {
    Rate::per_second(requests).expect("a valid rate")
}

fn settings() -> Settings {
    Settings {
        initial: rate(10.0),
        law: Law {
            min: rate(0.1),
            max: rate(30.0),
            increase_step: 0.2,
            decrease_factor: 0.5,
        },
        capacity: None,
        initial_tokens: None,
        default_cooldown: None,
        max_cooldown: 300 * SECOND,
        learning: Learning::On,
        probe_interval: 60 * SECOND,
        breaker: None,
        fixed: Vec::new(),
        max_under_way: None,
        reserve: 0.1,
    }
}

/// A controller, and a server whose responses take a tenth of a second.
struct Run {
    controller: Controller,
    now: Time,
    waits: bool,
}

impl Run {
    fn new(settings: Settings) -> Self {
        Self {
            controller: Controller::new(settings, Time::ZERO),
            now: Time::ZERO,
            waits: true,
        }
    }

    /// Returns the phase after the next request had this outcome.
    fn after(&mut self, outcome: Outcome) -> Phase {
        let grant = loop {
            match self.controller.poll(self.now, 1, self.waits) {
                Poll::Grant(grant) => break grant,
                Poll::At(later) | Poll::AfterFeedback(later) => self.now = later,
                Poll::Denied(denial) => panic!("{denial:?}"),
            }
        };
        self.now = self.now + SECOND / 10;
        let _ = self.controller.report(self.now, &grant, outcome);
        self.phase()
    }

    fn after_successes(&mut self, number: usize) -> Phase {
        for _ in 0..number {
            let _ = self.after(Outcome::success());
        }
        self.phase()
    }

    fn phase(&self) -> Phase {
        let learning = self.controller.view(self.now).learning;
        assert_eq!(learning, self.controller.belief().learning);
        learning.expect("learning is on").0
    }
}

/// Returns the phase after a success that announced this limit, once the rate had reached its maximum.
fn phase_at_most_with(limit: Option<u64>, window: Option<Duration>) -> Phase {
    let mut run = Run::new(settings());
    assert_eq!(run.after_successes(2), Phase::AtMaxRate);
    let told = Announced {
        name: None,
        limit,
        window,
        remaining: 900,
        reset_after: 50 * SECOND,
    };
    run.after(Outcome::Success {
        announced: [told].into_iter().collect(),
        exhausted: None,
        chance: 0.0,
    })
}

#[test]
fn the_search_ends_at_max_rate_and_a_refusal_ends_the_stay() {
    let mut run = Run::new(settings());
    assert_eq!(run.phase(), Phase::Searching);
    // From 10/s, one more request in each round trip of 100 ms.
    assert_eq!(run.after_successes(1), Phase::Searching);
    assert_eq!(run.after_successes(1), Phase::AtMaxRate);
    assert_eq!(run.after_successes(50), Phase::AtMaxRate);
    assert_eq!(run.after(Outcome::refused(None, 0.0)), Phase::Cooling);
    assert_eq!(run.after_successes(1), Phase::Searching);
}

#[test]
fn a_limiter_that_starts_at_max_rate_says_so_from_the_start() {
    let run = Run::new(Settings {
        initial: rate(30.0),
        ..settings()
    });
    assert_eq!(run.phase(), Phase::AtMaxRate);
}

#[test]
fn a_caller_that_never_waits_does_not_get_there_and_one_that_waits_no_more_stays() {
    let mut run = Run::new(settings());
    run.waits = false;
    assert_eq!(run.after_successes(50), Phase::Searching);
    run.waits = true;
    assert_eq!(run.after_successes(2), Phase::AtMaxRate);
    run.waits = false;
    assert_eq!(run.after_successes(50), Phase::AtMaxRate);
}

#[test]
fn a_known_limit_of_max_rate_or_less_is_the_limit() {
    let phase = |requests| {
        let limit = FixedLimit::new(requests, 60 * SECOND).expect("a limit");
        let mut run = Run::new(Settings {
            fixed: vec![limit],
            ..settings()
        });
        run.after_successes(5)
    };
    assert_eq!(phase(900), Phase::Searching);
    assert_eq!(phase(1800), Phase::Searching);
    assert_eq!(phase(1801), Phase::AtMaxRate);
}

#[test]
fn an_announced_limit_of_max_rate_or_less_is_the_limit() {
    let minute = Some(60 * SECOND);
    assert_eq!(phase_at_most_with(Some(1800), minute), Phase::Searching);
    assert_eq!(phase_at_most_with(Some(1801), minute), Phase::AtMaxRate);
    // It may allow less.
    assert_eq!(phase_at_most_with(None, minute), Phase::Searching);
    assert_eq!(phase_at_most_with(Some(1801), None), Phase::Searching);
}

#[test]
fn a_learned_ceiling_is_the_limit_until_max_rate_is_lowered_below_it() {
    let mut run = Run::new(settings());
    let _ = run.after_successes(20);
    let _ = run.after(Outcome::refused(None, 0.0));
    let _ = run.after_successes(120);
    let _ = run.after(Outcome::refused(None, 0.0));
    assert_eq!(run.after_successes(1), Phase::Cruising);
    let ceiling = run.controller.view(run.now).ceiling.expect("a ceiling");
    run.controller
        .set_bounds(run.now, rate(0.1), ceiling.scaled(0.5));
    assert_eq!(run.phase(), Phase::AtMaxRate);
    // Not a probe either, for as long as it stays so low.
    assert_eq!(run.after_successes(1000), Phase::AtMaxRate);
    run.controller.set_bounds(run.now, rate(0.1), rate(30.0));
    assert_ne!(run.after_successes(1), Phase::AtMaxRate);
}
