use proptest::prelude::*;

use super::*;
use crate::limiter::{Controller, Denial, Law, Learning, Poll, Settings};
use crate::rate::Rate;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

/// A thousand requests per second: only the breaker makes callers wait.
fn controller(breaker: CircuitBreaker, learning: Learning) -> Controller {
    let rate = Rate::per_second(1000.0).expect("valid");
    let law = Law {
        min: rate,
        max: rate,
        increase_step: 0.0,
        decrease_factor: 0.7,
    };
    let settings = Settings {
        initial: rate,
        law,
        capacity: Some(1000.0),
        initial_tokens: Some(1000.0),
        default_cooldown: None,
        max_cooldown: 300 * SECOND,
        learning,
        probe_interval: 60 * SECOND,
        breaker: Some(breaker),
        fixed: Vec::new(),
        reserve: 0.1,
        max_under_way: None,
    };
    Controller::new(settings, Time::ZERO)
}

fn granted(controller: &mut Controller, now: Time) -> Grant {
    match controller.poll(now, 1, true) {
        Poll::Grant(grant) => grant,
        other => panic!("{other:?} at {now:?}"),
    }
}

fn phase(controller: &Controller, now: Time) -> BreakerPhase {
    controller.view(now).breaker.expect("there is one")
}

/// Opened at second 0 by three failures in a row.
fn opened(breaker: CircuitBreaker) -> Controller {
    let mut controller = controller(breaker, Learning::Off);
    for _ in 0..3 {
        assert_eq!(phase(&controller, at(0.0)), BreakerPhase::Closed);
        let grant = granted(&mut controller, at(0.0));
        controller.failed(at(0.0), &grant);
    }
    assert_eq!(phase(&controller, at(0.0)), BreakerPhase::Open);
    controller
}

fn three() -> CircuitBreaker {
    CircuitBreaker::after_failures(3)
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_begins_the_row_again() {
    let mut controller = controller(three(), Learning::Off);
    for outcome in [false, false, true, false, false] {
        let grant = granted(&mut controller, at(0.0));
        if outcome {
            let _ = controller.success(at(0.0), &grant);
        } else {
            controller.failed(at(0.0), &grant);
        }
    }
    assert_eq!(phase(&controller, at(0.0)), BreakerPhase::Closed);
    let grant = granted(&mut controller, at(0.0));
    controller.failed(at(0.0), &grant);
    assert_eq!(phase(&controller, at(0.0)), BreakerPhase::Open);
}

#[test]
fn refusals_never_open_it() {
    let mut controller = controller(CircuitBreaker::after_failures(1), Learning::Off);
    for second in 0..100 {
        let now = at(f64::from(second) * 400.0);
        let grant = granted(&mut controller, now);
        let _ = controller.backoff(now, &grant, None, 0.0);
        assert_eq!(phase(&controller, now), BreakerPhase::Closed);
    }
}

#[test]
fn a_share_of_failures_opens_it_once_there_are_enough_outcomes() {
    let breaker = CircuitBreaker::at_failure_share(0.5, 10 * SECOND);
    let mut controller = controller(breaker, Learning::Off);
    // Every second request fails: the tenth outcome is the fifth failure.
    for number in 1..=10 {
        assert_eq!(
            phase(&controller, at(0.0)),
            BreakerPhase::Closed,
            "{number}"
        );
        let grant = granted(&mut controller, at(0.0));
        if number % 2 == 0 {
            controller.failed(at(0.0), &grant);
        } else {
            let _ = controller.success(at(0.0), &grant);
        }
    }
    assert_eq!(phase(&controller, at(0.0)), BreakerPhase::Open);
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let breaker = CircuitBreaker::at_failure_share(0.5, 10 * SECOND);
    for (later, expected) in [(4.9, BreakerPhase::Open), (10.0, BreakerPhase::Closed)] {
        let mut controller = controller(breaker, Learning::Off);
        // Nine failures say nothing yet; the tenth does, if it comes within the window.
        for second in [0.0; 9].into_iter().chain([later]) {
            let grant = granted(&mut controller, at(second));
            controller.failed(at(second), &grant);
        }
        assert_eq!(phase(&controller, at(later)), expected, "{later}");
    }
}

#[test]
fn one_trial_goes_every_two_seconds_and_everybody_waits_for_it() {
    let mut controller = opened(three());
    assert_eq!(controller.poll(at(0.0), 1, true), Poll::At(at(2.0)));
    assert_eq!(controller.poll(at(1.999), 1, true), Poll::At(at(2.0)));
    for trial in 1..=14 {
        let now = at(2.0 * f64::from(trial));
        let grant = granted(&mut controller, now);
        assert!(grant.trial);
        assert_eq!(phase(&controller, now), BreakerPhase::HalfOpen);
        assert_eq!(
            controller.poll(now, 1, true),
            Poll::AfterFeedback(now + 10 * SECOND)
        );
        controller.failed(now + SECOND, &grant);
        // From one trial's beginning to the next one's.
        let next = at(2.0 * f64::from(trial + 1));
        assert_eq!(controller.poll(now + SECOND, 1, true), Poll::At(next));
    }
}

#[test]
fn a_trial_that_gets_through_closes_it_and_so_does_one_that_is_refused() {
    for refused in [false, true] {
        let mut controller = opened(three());
        let trial = granted(&mut controller, at(2.0));
        if refused {
            let _ = controller.backoff(at(2.5), &trial, None, 0.0);
        } else {
            let _ = controller.success(at(2.5), &trial);
        }
        assert_eq!(phase(&controller, at(2.5)), BreakerPhase::Closed);
        let next = granted(&mut controller, at(5.0));
        assert!(!next.trial);
    }
}

#[test]
fn what_was_sent_before_it_opened_or_closed_counts_nothing() {
    let mut controller = controller(three(), Learning::Off);
    let stale: Vec<_> = (0..16).map(|_| granted(&mut controller, at(0.0))).collect();
    for grant in &stale[..3] {
        controller.failed(at(1.0), grant);
    }
    // A late success says that the server was there before.
    let _ = controller.success(at(1.1), &stale[3]);
    controller.failed(at(1.1), &stale[4]);
    assert_eq!(controller.poll(at(1.1), 1, true), Poll::At(at(3.0)));
    let trial = granted(&mut controller, at(3.0));
    controller.failed(at(3.1), &stale[5]);
    assert_eq!(phase(&controller, at(3.1)), BreakerPhase::HalfOpen);
    let _ = controller.success(at(3.2), &trial);
    for grant in &stale[6..] {
        controller.failed(at(4.0), grant);
    }
    assert_eq!(phase(&controller, at(4.0)), BreakerPhase::Closed);
}

#[test]
fn a_trial_that_is_lost_is_armed_again() {
    let mut controller = opened(three());
    let lost = granted(&mut controller, at(2.0));
    let second = granted(&mut controller, at(12.0));
    assert!(second.trial);
    // The first comes back at last: it opens the way for no other request.
    controller.failed(at(13.0), &lost);
    assert_eq!(
        controller.poll(at(13.0), 1, true),
        Poll::AfterFeedback(at(22.0))
    );
    // Dropped without a word, another goes after the interval; never sent, at once.
    controller.neutral(&second);
    let third = granted(&mut controller, at(14.0));
    controller.unused(&third);
    assert!(granted(&mut controller, at(14.0)).trial);
}

#[test]
fn those_who_would_rather_fail_are_told_when_the_next_trial_goes() {
    let mut controller = opened(three().fail_fast(true));
    assert_eq!(
        controller.poll(at(0.5), 1, true),
        Poll::Denied(Denial::CircuitOpen(Duration::from_millis(1500)))
    );
    assert!(granted(&mut controller, at(2.0)).trial);
    assert_eq!(
        controller.poll(at(2.0), 1, true),
        Poll::Denied(Denial::CircuitOpen(10 * SECOND))
    );
}

#[test]
fn no_caller_waits_for_an_outage_that_is_longer_than_the_longest_cooldown() {
    let mut controller = opened(three());
    let mut now = at(0.0);
    while now <= at(300.0) {
        now = now + 2 * SECOND;
        let trial = granted(&mut controller, now);
        controller.failed(now, &trial);
    }
    assert_eq!(
        controller.poll(now, 1, true),
        Poll::Denied(Denial::CircuitOpen(2 * SECOND))
    );
    assert!(granted(&mut controller, now + 2 * SECOND).trial);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Advance(u64),
    Poll,
    Success(usize),
    Refused(usize),
    Failed(usize),
    Neutral(usize),
    Unused(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u64..4000).prop_map(Step::Advance),
        6 => Just(Step::Poll),
        2 => any::<usize>().prop_map(Step::Success),
        1 => any::<usize>().prop_map(Step::Refused),
        5 => any::<usize>().prop_map(Step::Failed),
        1 => any::<usize>().prop_map(Step::Neutral),
        1 => any::<usize>().prop_map(Step::Unused),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_there_is_one_trial_at_a_time_and_at_last_a_grant(
        steps in proptest::collection::vec(step(), 1..300),
        learns in any::<bool>(),
        fail_fast in any::<bool>(),
    ) {
        let learning = if learns { Learning::On } else { Learning::Off };
        let mut controller = controller(three().fail_fast(fail_fast), learning);
        let mut now = Time::ZERO;
        let mut open: Vec<Grant> = Vec::new();
        for step in steps {
            let taken = match step {
                Step::Success(nth) | Step::Refused(nth) | Step::Failed(nth) | Step::Neutral(nth)
                | Step::Unused(nth) if !open.is_empty() => Some(open.swap_remove(nth % open.len())),
                _ => None,
            };
            match (step, taken) {
                (Step::Advance(millis), _) => now = now + Duration::from_millis(millis),
                (Step::Poll, _) => {
                    let before = controller.view(now);
                    match controller.poll(now, 1, true) {
                        Poll::Grant(grant) => {
                            prop_assert_eq!(grant.trial, before.breaker != Some(BreakerPhase::Closed));
                            if grant.trial {
                                prop_assert!(before.next_trial.is_some_and(|trial| trial <= now));
                            }
                            open.push(grant);
                        }
                        Poll::At(later) | Poll::AfterFeedback(later) => prop_assert!(later > now),
                        Poll::Denied(Denial::Fleet(_)) => panic!("there is no fleet"),
Poll::Denied(Denial::CircuitOpen(wait)) | Poll::Denied(Denial::Cooldown(wait)) => {
                            prop_assert!(!wait.is_zero());
                        }
                    }
                }
                (Step::Success(_), Some(grant)) => {
                    let _ = controller.success(now, &grant);
                },
                (Step::Refused(_), Some(grant)) => {
                    let _ = controller.backoff(now, &grant, None, 0.5);
                }
                (Step::Failed(_), Some(grant)) => controller.failed(now, &grant),
                (Step::Neutral(_), Some(grant)) => controller.neutral(&grant),
                (Step::Unused(_), Some(grant)) => controller.unused(&grant),
                _ => {}
            }
        }
        let state = serde_json::to_string(controller.state()).expect("plain numbers");
        prop_assert_eq!(controller.state(), &serde_json::from_str(&state).expect("the same"));
        // All requests are lost: a few named instants later there is a grant.
        let granted = (0..8).any(|_| match controller.poll(now, 1, true) {
            Poll::Grant(_) => true,
            Poll::At(later) | Poll::AfterFeedback(later) => {
                now = later;
                false
            }
            Poll::Denied(Denial::Fleet(_)) => panic!("there is no fleet"),
Poll::Denied(Denial::CircuitOpen(wait)) | Poll::Denied(Denial::Cooldown(wait)) => {
                now = now + wait;
                false
            }
        });
        prop_assert!(granted);
    }
}
