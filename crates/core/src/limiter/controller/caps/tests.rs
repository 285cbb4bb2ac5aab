//! Announced limits: the callers that wait for them, and their part of the state.

use crate::limiter::law::Law;
use crate::limiter::{Announced, Grant, Learned, Learning, Outcome, Poll};
use crate::limiter::{Controller, Settings};
use crate::rate::Rate;
use crate::time::Time;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn rate(requests: f64) -> Rate {
    Rate::per_second(requests).expect("a valid rate")
}

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

/// Five at once, then 5/s.
fn settings() -> Settings {
    Settings {
        initial: rate(5.0),
        law: Law {
            min: rate(0.1),
            max: rate(10.0),
            increase_step: 0.25,
            decrease_factor: 0.5,
        },
        capacity: None,
        initial_tokens: Some(5.0),
        default_cooldown: None,
        max_cooldown: 300 * SECOND,
        learning: Learning::Off,
        probe_interval: 60 * SECOND,
        breaker: None,
        fixed: Vec::new(),
        spends_at_once: false,
    }
}

fn grant(controller: &mut Controller, seconds: f64) -> Grant {
    match controller.poll(at(seconds), 1, false) {
        Poll::Grant(grant) => grant,
        other => panic!("{other:?} instead of a grant"),
    }
}

/// Reports a response to `grant` with the requests left until 30 s.
fn left(controller: &mut Controller, seconds: f64, grant: &Grant, remaining: u64) {
    let told = Announced {
        name: None,
        limit: None,
        window: None,
        remaining,
        reset_after: at(30.0).saturating_since(at(seconds)),
    };
    controller.announced(at(seconds), grant, &[told].into_iter().collect());
    let _ = controller.success(at(seconds), grant);
}

#[test]
fn an_announced_rest_holds_who_comes_after_it_until_the_reset_without_a_cut() {
    let mut controller = Controller::new(settings(), at(0.0));
    let first = grant(&mut controller, 0.0);
    left(&mut controller, 0.1, &first, 0);
    assert_eq!(controller.poll(at(0.2), 1, true), Poll::At(at(30.0)));
    assert_eq!(controller.view(at(0.2)).rate, rate(5.0));
    let _ = grant(&mut controller, 30.0);
}

#[test]
fn that_nothing_is_left_is_sure_once_no_answer_is_under_way() {
    let mut controller = Controller::new(settings(), at(0.0));
    let first = grant(&mut controller, 0.0);
    left(&mut controller, 0.1, &first, 1);
    // Ten seconds for one, by the lowest rate.
    let second = grant(&mut controller, 10.0);
    assert_eq!(
        controller.poll(at(10.1), 1, true),
        Poll::AfterFeedback(at(30.0))
    );
    let due = |controller: &Controller, ahead| controller.projected(at(10.1), ahead, 1);
    assert!(due(&controller, 1).is_ok_and(|due| due < at(11.0)));
    // Its request went elsewhere: one is left after all.
    left(&mut controller, 10.2, &second, 1);
    assert_eq!(controller.poll(at(10.2), 1, true), Poll::At(at(20.0)));
    assert_eq!(due(&controller, 0), Ok(at(20.0)));
    assert_eq!(due(&controller, 1), Ok(at(30.0)));
}

#[test]
fn whatever_way_the_last_request_ends_nothing_can_tell_more() {
    let ends: [fn(&mut Controller, &Grant); 4] = [
        |controller, grant| {
            let _ = controller.success(at(11.0), grant);
        },
        |controller, grant| {
            let _ = controller.backoff(at(11.0), grant, Some(Duration::from_millis(1)), 0.0);
        },
        |controller, grant| controller.failed(at(11.0), grant),
        |controller, grant| controller.neutral(grant),
    ];
    for end in ends {
        let mut controller = Controller::new(settings(), at(0.0));
        let first = grant(&mut controller, 0.0);
        left(&mut controller, 0.1, &first, 1);
        let second = grant(&mut controller, 10.0);
        assert!(!controller.has_all_responses());
        end(&mut controller, &second);
        assert!(controller.has_all_responses());
        assert_eq!(controller.projected(at(12.0), 0, 1), Ok(at(30.0)));
    }
}

#[test]
fn a_request_that_was_never_sent_took_nothing_of_what_is_left() {
    let mut controller = Controller::new(settings(), at(0.0));
    let first = grant(&mut controller, 0.0);
    left(&mut controller, 0.1, &first, 1);
    let second = grant(&mut controller, 10.0);
    controller.unused(&second);
    assert_eq!(controller.projected(at(10.1), 0, 1), Ok(at(20.0)));
}

#[test]
fn a_disagreement_is_told_once_when_it_has_lasted_for_a_minute() {
    let settings = Settings {
        learning: Learning::On,
        ..settings()
    };
    let mut controller = Controller::new(settings, at(0.0));
    let learned = Learned::new(Some(rate(5.0)), rate(5.0), Duration::ZERO, Duration::ZERO);
    let _ = controller.restore(at(0.0), &learned, Duration::ZERO);
    let Poll::Grant(grant) = controller.poll(at(0.0), 1, false) else {
        panic!("a token is there")
    };
    let mut says = |seconds: u32, limits: &[u64]| {
        let now = at(f64::from(seconds));
        let limits = limits.iter().map(|limit| Announced {
            name: None,
            limit: Some(*limit),
            window: Some(60 * SECOND),
            remaining: 100,
            reset_after: 60 * SECOND,
        });
        controller.announced(now, &grant, &limits.collect());
        controller.disagreement(now)
    };
    assert_eq!(says(0, &[600]), None);
    assert_eq!(says(59, &[600]), None);
    assert_eq!(says(60, &[600]), Some((rate(10.0), rate(5.0))));
    assert_eq!(says(200, &[600]), None, "once");
    // One of several agrees: the others are of longer windows.
    assert_eq!(says(201, &[600, 300]), None);
    assert_eq!(says(202, &[600]), None);
    assert_eq!(says(262, &[600]), Some((rate(10.0), rate(5.0))));
}

/// Returns a refusal with `Retry-After: 4` beside an exhausted limit whose reset is this many seconds away.
fn asked_for_four(reset: u64, limit: Option<u64>, window: Option<u64>) -> Outcome {
    let told = Announced {
        name: None,
        limit,
        window: window.map(Duration::from_secs),
        remaining: 0,
        reset_after: Duration::from_secs(reset),
    };
    Outcome::Refused {
        announced: [told].into_iter().collect(),
        hint: Some(4 * SECOND),
        chance: 0.0,
    }
}

#[test]
fn the_wait_that_a_refusal_asks_for_overrides_the_reset_beside_it() {
    // Draft-ietf-httpapi-ratelimit-headers-10, section 6: Retry-After takes precedence over the reset.
    for learning in [Learning::Off, Learning::On] {
        for (reset, limit, window) in [
            (3600, Some(200), None),
            (3600, Some(200), Some(3600)),
            (40, Some(200), None),
            (40, None, None),
        ] {
            let settings = Settings {
                learning,
                ..settings()
            };
            let mut controller = Controller::new(settings, at(0.0));
            let first = grant(&mut controller, 0.0);
            let _ = controller.report(at(0.1), &first, asked_for_four(reset, limit, window));
            assert_eq!(controller.poll(at(0.2), 1, true), Poll::At(at(4.1)));
            // No later response announces anything: the pace is that of the rate, at least 2.5/s here.
            let mut now = 4.1;
            for _ in 0..10 {
                let next = match controller.poll(at(now), 1, true) {
                    Poll::Grant(grant) => grant,
                    other => panic!("{other:?} at {now} s after a reset in {reset} s"),
                };
                let _ = controller.success(at(now + 0.01), &next);
                now += 0.4;
            }
        }
    }
}

#[test]
fn a_limit_that_responses_stop_announcing_counts_no_longer() {
    let mut controller = Controller::new(settings(), at(0.0));
    let told = Announced {
        name: None,
        limit: None,
        window: None,
        remaining: 50,
        reset_after: 3600 * SECOND,
    };
    let first = grant(&mut controller, 0.0);
    controller.announced(at(0.1), &first, &[told].into_iter().collect());
    let _ = controller.success(at(0.1), &first);
    // 50 in an hour are slower than the lowest rate: one in ten seconds.
    assert_eq!(controller.projected(at(0.2), 0, 1), Ok(at(10.0)));
    for seconds in [10.0, 20.0, 30.0] {
        assert_eq!(
            controller.projected(at(seconds - 1.0), 0, 1),
            Ok(at(seconds))
        );
        let silent = grant(&mut controller, seconds);
        let _ = controller.success(at(seconds + 0.1), &silent);
    }
    let _ = grant(&mut controller, 30.2);
}

#[test]
fn a_request_that_gets_through_where_nothing_was_left_ends_the_announced_limit() {
    let mut controller = Controller::new(settings(), at(0.0));
    let told = Announced {
        name: None,
        limit: Some(200),
        window: None,
        remaining: 0,
        reset_after: 3600 * SECOND,
    };
    let first = grant(&mut controller, 0.0);
    controller.announced(at(0.1), &first, &[told].into_iter().collect());
    let _ = controller.success(at(0.1), &first);
    // The longest wait that any announcement causes.
    let second = grant(&mut controller, 300.0);
    let _ = controller.success(at(300.1), &second);
    let _ = grant(&mut controller, 300.2);
}

#[test]
fn a_response_to_a_request_from_before_the_announcement_confirms_nothing_and_ends_nothing() {
    let mut controller = Controller::new(settings(), at(0.0));
    let (first, second) = (grant(&mut controller, 0.0), grant(&mut controller, 0.0));
    left(&mut controller, 0.1, &first, 0);
    let _ = controller.success(at(0.2), &second);
    assert_eq!(controller.poll(at(0.3), 1, true), Poll::At(at(30.0)));
}
