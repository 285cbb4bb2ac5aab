//! Announced limits: the callers that wait for them, and their part of the state.

use crate::limiter::law::Law;
use crate::limiter::{Announced, AnnouncedLimits, Change, Grant, Learned, Learning, Outcome, Poll};
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
        reserve: 0.1,
        max_under_way: None,
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
fn a_wait_that_a_success_asks_for_is_obeyed_whatever_the_limit_beside_it() {
    let told = Announced {
        name: None,
        limit: Some(10),
        window: Some(SECOND),
        remaining: 0,
        reset_after: SECOND,
    };
    let announced: AnnouncedLimits = [told].into_iter().collect();
    // A reset of a second is paced by the rate of the limit; a minute that is asked for holds.
    for (by_reset, wait) in [(true, SECOND), (false, 60 * SECOND)] {
        let mut controller = Controller::new(settings(), at(0.0));
        let first = grant(&mut controller, 0.0);
        let outcome = Outcome::Success {
            announced: announced.pausing_by_reset(by_reset),
            exhausted: Some(wait),
            chance: 0.0,
        };
        let _ = controller.report(at(0.1), &first, outcome);
        let next = controller.poll(at(0.2), 1, true);
        if by_reset {
            assert!(matches!(next, Poll::At(time) if time < at(1.5)), "{next:?}");
        } else {
            assert_eq!(next, Poll::At(at(60.1)));
        }
    }
}

#[test]
fn that_nothing_is_left_is_sure_once_no_answer_is_under_way() {
    let mut controller = Controller::new(settings(), at(0.0));
    let first = grant(&mut controller, 0.0);
    left(&mut controller, 0.1, &first, 1);
    let second = grant(&mut controller, 0.2);
    assert_eq!(
        controller.poll(at(0.3), 1, true),
        Poll::AfterFeedback(at(30.0))
    );
    let due = |controller: &Controller, ahead| controller.projected(at(0.3), ahead, 1);
    assert!(due(&controller, 1).is_ok_and(|due| due < at(1.0)));
    // Its request went elsewhere: one is left after all.
    left(&mut controller, 0.4, &second, 1);
    assert!(due(&controller, 0).is_ok_and(|due| due < at(1.0)));
    assert_eq!(due(&controller, 1), Ok(at(30.0)));
    let _ = grant(&mut controller, 0.4);
}

#[test]
fn responses_that_never_come_do_not_slow_a_limit_for_ever() {
    let fast = Settings {
        initial: rate(1000.0),
        law: Law {
            max: rate(1000.0),
            ..settings().law
        },
        initial_tokens: Some(100.0),
        ..settings()
    };
    let mut controller = Controller::new(fast, at(0.0));
    // A worker is killed with them.
    for _ in 0..60 {
        let _ = grant(&mut controller, 0.0);
    }
    let (mut sent, mut window) = ([60, 0, 0, 0, 0], 0);
    let mut now = at(0.1);
    while now < at(245.0) {
        window = window.max((now.saturating_since(at(0.0)).as_secs() / 60) as usize);
        let granted = match controller.poll(now, 1, true) {
            Poll::Grant(granted) => granted,
            Poll::At(later) | Poll::AfterFeedback(later) => {
                now = later
                    .min(at(60.0 * (window + 1) as f64))
                    .max(now + SECOND / 100);
                continue;
            }
            Poll::Denied(denial) => panic!("{denial:?}"),
        };
        sent[window] += 1;
        assert!(sent[window] <= 100, "more than the limit");
        let told = Announced {
            name: None,
            limit: Some(100),
            window: Some(60 * SECOND),
            remaining: 100 - sent[window],
            reset_after: at(60.0 * (window + 1) as f64).saturating_since(now),
        };
        controller.announced(now, &granted, &[told].into_iter().collect());
        let _ = controller.success(now, &granted);
    }
    // In the first five seconds of the last window.
    assert_eq!(sent[4], 100, "{sent:?}");
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
    assert_eq!(
        controller.poll(at(10.1), 1, true),
        Poll::AfterFeedback(at(30.0))
    );
    controller.unused(&second);
    let _ = grant(&mut controller, 10.1);
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

/// Returns a refusal with these seconds until the reset of a limit of 200 a minute of which so much is left. The pause is
/// that reset, and nothing that the server asks for.
fn refused_until(reset: f64, remaining: u64) -> Outcome {
    let told = Announced {
        name: None,
        limit: Some(200),
        window: Some(60 * SECOND),
        remaining,
        reset_after: Duration::from_secs_f64(reset),
    };
    let announced: AnnouncedLimits = [told].into_iter().collect();
    Outcome::Refused {
        announced: announced.pausing_by_reset(true),
        hint: (remaining == 0).then_some(told.reset_after),
        chance: 1.0,
    }
}

/// Learns at 5/s, and has learned nothing.
fn learning() -> Controller {
    let settings = Settings {
        learning: Learning::On,
        ..settings()
    };
    Controller::new(settings, at(0.0))
}

#[test]
fn a_refusal_that_an_announced_limit_explains_pauses_until_the_reset_and_teaches_nothing() {
    for learning in [Learning::Off, Learning::On] {
        let settings = Settings {
            learning,
            ..settings()
        };
        let mut controller = Controller::new(settings, at(0.0));
        let warm = grant(&mut controller, 0.0);
        left(&mut controller, 0.0, &warm, 50);
        let (first, second) = (grant(&mut controller, 0.0), grant(&mut controller, 0.0));
        let before = (controller.view(at(0.0)).rate, controller.belief());
        // The jitter is a tenth of a second, however long the pause.
        let change = controller.report(at(0.1), &first, refused_until(20.0, 0));
        let cooldown = Duration::from_millis(20_100);
        assert_eq!(change, Change::Held { cooldown });
        let change = controller.report(at(0.2), &second, refused_until(19.9, 0));
        assert_eq!(change, Change::Nothing, "the earlier reading of the reset");
        assert_eq!((controller.view(at(0.2)).rate, controller.belief()), before);
        assert_eq!(controller.poll(at(0.3), 1, true), Poll::At(at(20.2)));
        // One goes first, and no other with it.
        let canary = grant(&mut controller, 20.2);
        assert!(!canary.canary);
        let next = controller.poll(at(20.3), 1, true);
        assert_eq!(next, Poll::AfterFeedback(at(22.2)));
    }
}

#[test]
fn a_refusal_while_something_is_left_belongs_to_another_limit() {
    let mut controller = learning();
    let first = grant(&mut controller, 0.0);
    let change = controller.report(at(0.1), &first, refused_until(20.0, 1));
    assert!(matches!(change, Change::Cut { .. }), "{change:?}");
}

#[test]
fn a_refusal_that_ends_a_trial_is_a_lesson_whatever_explains_it() {
    let mut controller = learning();
    let first = grant(&mut controller, 0.0);
    let _ = controller.backoff(at(0.1), &first, Some(SECOND), 0.0);
    let canary = grant(&mut controller, 1.1);
    assert!(canary.canary);
    let change = controller.report(at(1.2), &canary, refused_until(20.0, 0));
    assert!(matches!(change, Change::Cut { .. }), "{change:?}");
    // The next request goes alone again.
    let again = grant(&mut controller, 24.0);
    assert!(again.canary);
}

#[test]
fn an_absurd_reset_holds_for_no_longer_than_callers_wait() {
    let mut controller = learning();
    let first = grant(&mut controller, 0.0);
    let outcome = match refused_until(4e9, 0) {
        Outcome::Refused {
            announced, chance, ..
        } => Outcome::Refused {
            announced,
            hint: None,
            chance,
        },
        other => other,
    };
    let _ = controller.report(at(0.1), &first, outcome);
    assert_eq!(controller.poll(at(0.2), 1, true), Poll::At(at(300.1)));
}

#[test]
fn a_reset_that_comes_too_late_again_and_again_is_waited_for_longer() {
    let mut controller = learning();
    let mut now = 0.0;
    // Nothing is left for no time: the grace is one second, then two, four, eight and sixteen.
    for grace in [1.0, 2.0, 4.0, 8.0, 16.0, 16.0] {
        let next = grant(&mut controller, now);
        let _ = controller.report(at(now), &next, refused_until(0.0, 0));
        let Poll::At(until) = controller.poll(at(now), 1, true) else {
            panic!("a pause")
        };
        let waited = until.saturating_since(at(now)).as_secs_f64();
        // A tenth of a second of jitter, and an interval for the next token.
        let range = grace..grace + 0.301;
        assert!(range.contains(&waited), "{waited} s, not {grace}");
        now = until.saturating_since(Time::ZERO).as_secs_f64() + 1e-9;
    }
}

#[test]
fn a_limit_that_responses_stop_announcing_counts_no_longer() {
    let settings = Settings {
        reserve: 1.0,
        ..settings()
    };
    let mut controller = Controller::new(settings, at(0.0));
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
    // 50 in nine tenths of an hour: one in more than a minute.
    let mut now = at(0.2);
    for _ in 0..3 {
        let due = controller.projected(now, 0, 1).expect("no pause");
        assert!(due > now + 64 * SECOND, "{due:?}");
        now = due;
        let Poll::Grant(silent) = controller.poll(now, 1, true) else {
            panic!("it is due")
        };
        let _ = controller.success(now, &silent);
    }
    assert!(matches!(controller.poll(now, 1, true), Poll::Grant(_)));
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
