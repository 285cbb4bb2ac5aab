use proptest::prelude::*;

use super::*;
use crate::limiter::fixed::FixedLimit;
use crate::limiter::grant::Grant;
use crate::limiter::law::Law;
use crate::limiter::poll::{Denial, Poll};

const SECOND: Duration = Duration::from_secs(1);

fn rate(requests: f64) -> Rate {
    Rate::per_second(requests).expect("a valid rate")
}

fn settings() -> Settings {
    Settings {
        initial: rate(2.0),
        law: Law {
            min: rate(0.1),
            max: rate(10.0),
            increase_step: 0.25,
            decrease_factor: 0.5,
        },
        capacity: None,
        initial_tokens: None,
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

fn controller() -> Controller {
    Controller::new(settings(), Time::ZERO)
}

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

/// Waits as long as the controller says and returns the grant with its time.
fn granted(controller: &mut Controller, mut now: Time, waited: bool) -> (Time, Grant) {
    for _ in 0..3 {
        match controller.poll(now, 1, waited) {
            Poll::Grant(grant) => return (now, grant),
            Poll::At(later) => now = later,
            Poll::AfterFeedback(_) => panic!("no canary where learning is off"),
            Poll::Denied(Denial::Fleet(_)) => panic!("there is no fleet"),
            Poll::Denied(Denial::CircuitOpen(_)) => panic!("there is no breaker"),
            Poll::Denied(Denial::Cooldown(left)) => panic!("a pause of {left:?}"),
        }
    }
    panic!("not granted at the instant that was named");
}

fn cut_of(change: Change) -> (f64, f64, Duration) {
    match change {
        Change::Cut { from, to, cooldown } => (from.as_per_second(), to.as_per_second(), cooldown),
        other => panic!("expected a cut, not {other:?}"),
    }
}

#[test]
fn the_bucket_starts_with_a_seconds_worth_at_least_one_at_most_ten() {
    for (initial, tokens) in [(0.1, 1.0), (2.0, 2.0), (10.0, 10.0), (500.0, 10.0)] {
        let law = Law {
            max: rate(1000.0),
            ..settings().law
        };
        let controller = Controller::new(
            Settings {
                initial: rate(initial),
                law,
                ..settings()
            },
            Time::ZERO,
        );
        assert_eq!(controller.view(Time::ZERO).tokens, tokens, "at {initial}/s");
    }
}

#[test]
fn below_half_a_request_per_second_requests_are_still_granted() {
    // Fault 1: a capacity of two seconds' worth holds no whole token below 0.5/s.
    let mut controller = Controller::new(
        Settings {
            initial: rate(0.1),
            ..settings()
        },
        Time::ZERO,
    );
    assert_eq!(granted(&mut controller, at(0.0), false).0, at(0.0));
    assert_eq!(granted(&mut controller, at(0.0), true).0, at(10.0));
    assert_eq!(granted(&mut controller, at(10.0), true).0, at(20.0));
}

#[test]
fn eight_refusals_in_flight_together_cut_once() {
    // Fault 2: one burst, many cuts.
    let settings = Settings {
        initial: rate(8.0),
        ..settings()
    };
    let mut controller = Controller::new(settings, Time::ZERO);
    let grants: Vec<Grant> = (0..8)
        .map(|_| granted(&mut controller, at(0.0), false).1)
        .collect();
    assert_eq!(
        cut_of(controller.backoff(at(0.1), &grants[0], None, 0.0)),
        (8.0, 4.0, SECOND)
    );
    for grant in &grants[1..] {
        assert_eq!(
            controller.backoff(at(0.1), grant, None, 0.0),
            Change::Nothing
        );
    }
    assert_eq!(controller.view(at(0.1)).rate, rate(4.0));
}

#[test]
fn a_refusal_from_before_the_cut_may_only_prolong_the_pause() {
    let mut controller = controller();
    let (_, first) = granted(&mut controller, at(0.0), false);
    let (_, second) = granted(&mut controller, at(0.0), false);
    let _ = controller.backoff(at(0.0), &first, Some(5 * SECOND), 0.0);
    assert_eq!(
        controller.backoff(at(1.0), &second, Some(2 * SECOND), 0.0),
        Change::Nothing
    );
    assert_eq!(
        controller.backoff(at(1.0), &second, Some(9 * SECOND), 0.0),
        Change::Held {
            cooldown: 9 * SECOND
        }
    );
    assert_eq!(controller.view(at(1.0)).rate, rate(1.0));
    assert_eq!(
        controller.poll(at(9.9), 1, true),
        Poll::At(at(11.0)),
        "and then one interval, for no token was left"
    );
}

#[test]
fn a_pause_is_not_credited_as_tokens() {
    // Fault 3: after a minute's pause at 2/s a burst of two seconds' worth would follow.
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.0), false);
    let _ = controller.backoff(at(0.0), &grant, Some(60 * SECOND), 0.0);
    assert_eq!(controller.view(at(60.0)).tokens, 1.0);
    assert_eq!(granted(&mut controller, at(60.0), true).0, at(60.0));
    assert_eq!(
        granted(&mut controller, at(60.0), true).0,
        at(61.0),
        "the rate is 1/s now"
    );
}

#[test]
fn a_success_from_before_the_cut_does_not_raise_the_rate() {
    // Fault 5: stale successes.
    let mut controller = controller();
    let (_, stale) = granted(&mut controller, at(0.0), true);
    let (_, refused) = granted(&mut controller, at(0.0), true);
    let _ = controller.backoff(at(0.0), &refused, None, 0.0);
    assert_eq!(controller.success(at(0.1), &stale), Change::Nothing);
    assert_eq!(controller.view(at(0.1)).rate, rate(1.0));
}

#[test]
fn hints_that_keep_arriving_do_not_freeze_the_growth() {
    // Fault 6: Retry-After is the pause, not the horizon for learning.
    let mut controller = controller();
    let (_, refused) = granted(&mut controller, at(0.0), true);
    let _ = controller.backoff(at(0.0), &refused, Some(30 * SECOND), 0.0);
    let (now, grant) = granted(&mut controller, at(0.0), true);
    assert_eq!(now, at(30.0));
    assert_eq!(
        controller.success(now, &grant),
        Change::Raised {
            from: rate(1.0),
            to: rate(1.25)
        }
    );
}

#[test]
fn a_success_that_did_not_wait_grows_nothing() {
    // Fault 7: growth without evidence.
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.0), false);
    assert_eq!(controller.success(at(0.1), &grant), Change::Nothing);
    assert_eq!(controller.view(at(0.1)).rate, rate(2.0));
}

#[test]
fn a_success_after_a_probe_without_further_demand_brings_the_rate_back() {
    let settings = Settings {
        learning: Learning::On,
        ..settings()
    };
    let mut controller = Controller::new(settings, Time::ZERO);
    let learned = Learned::new(Some(rate(4.0)), rate(4.0), SECOND, Duration::ZERO);
    let _ = controller.restore(Time::ZERO, &learned, Duration::ZERO);
    let mut now = Time::ZERO;
    while controller.view(now).rate <= rate(4.0) {
        let (at, queued) = granted(&mut controller, now, true);
        let _ = controller.success(at, &queued);
        now = at;
    }
    let (now, early) = granted(&mut controller, now, false);
    assert_eq!(
        controller.success(now, &early),
        Change::Nothing,
        "the probe goes on"
    );
    let (now, late) = granted(&mut controller, now + 10 * SECOND, false);
    let _ = controller.success(now, &late);
    assert_eq!(controller.view(now).rate, rate(3.98));
}

#[test]
fn the_pause_doubles_while_nothing_gets_through_and_starts_over_when_something_does() {
    let mut controller = controller();
    let mut now = Time::ZERO;
    for expected in [1, 4, 16, 60, 60] {
        // Cut to 1/s, 0.5/s, 0.25/s …: one interval each time, doubled as often as cuts went before.
        let (time, grant) = granted(&mut controller, now, true);
        let (_, _, pause) = cut_of(controller.backoff(time, &grant, None, 0.0));
        assert_eq!(pause, expected * SECOND);
        now = time;
    }
    let (time, grant) = granted(&mut controller, now, true);
    let _ = controller.success(time, &grant);
    let (time, grant) = granted(&mut controller, time, true);
    let (_, _, pause) = cut_of(controller.backoff(time, &grant, None, 0.0));
    assert!(pause <= 10 * SECOND, "{pause:?}");
}

#[test]
fn refusals_of_one_burst_do_not_double_the_pause() {
    let mut controller = controller();
    let (_, first) = granted(&mut controller, at(0.0), false);
    let (_, second) = granted(&mut controller, at(0.0), false);
    let _ = controller.backoff(at(0.0), &first, None, 0.0);
    let _ = controller.backoff(at(0.0), &second, None, 0.0);
    let (now, third) = granted(&mut controller, at(0.0), true);
    assert_eq!(
        cut_of(controller.backoff(now, &third, None, 0.0)),
        (1.0, 0.5, 4 * SECOND)
    );
}

#[test]
fn a_preset_with_a_longer_pause_of_its_own_keeps_it() {
    let settings = Settings {
        default_cooldown: Some(90 * SECOND),
        ..settings()
    };
    let mut controller = Controller::new(settings, Time::ZERO);
    for _ in 0..2 {
        let (now, grant) = granted(&mut controller, at(0.0), true);
        assert_eq!(
            cut_of(controller.backoff(now, &grant, None, 0.0)).2,
            90 * SECOND
        );
    }
}

#[test]
fn a_hint_of_zero_is_no_hint() {
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.0), true);
    assert_eq!(
        cut_of(controller.backoff(at(0.0), &grant, Some(Duration::ZERO), 0.0)).2,
        SECOND
    );
}

#[test]
fn jitter_adds_up_to_a_tenth_and_never_shortens_what_the_server_asked() {
    for (chance, pause) in [(0.0, 10.0), (0.5, 10.5), (1.0, 11.0)] {
        let mut controller = controller();
        let (_, grant) = granted(&mut controller, at(0.0), true);
        let (_, _, cooldown) =
            cut_of(controller.backoff(at(0.0), &grant, Some(10 * SECOND), chance));
        assert_eq!(cooldown, Duration::from_secs_f64(pause));
    }
}

#[test]
fn jitter_does_not_push_a_bearable_pause_over_the_bound() {
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.0), true);
    let _ = controller.backoff(at(0.0), &grant, Some(300 * SECOND), 1.0);
    assert_eq!(controller.poll(at(0.0), 1, true), Poll::At(at(300.0)));
}

#[test]
fn while_more_than_the_longest_pause_is_left_no_caller_waits_or_sends() {
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.0), true);
    let _ = controller.backoff(at(0.0), &grant, Some(3600 * SECOND), 0.5);
    assert_eq!(
        controller.poll(at(0.0), 1, true),
        Poll::Denied(Denial::Cooldown(3600 * SECOND))
    );
    assert_eq!(
        controller.poll(at(3299.0), 1, true),
        Poll::Denied(Denial::Cooldown(301 * SECOND))
    );
    assert_eq!(controller.poll(at(3300.0), 1, true), Poll::At(at(3600.0)));
    assert!(matches!(
        controller.poll(at(3600.0), 1, true),
        Poll::Grant(_)
    ));
}

#[test]
fn a_hint_beyond_all_clocks_is_an_error_and_no_panic() {
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(5.0), true);
    let _ = controller.backoff(at(5.0), &grant, Some(Duration::MAX), 1.0);
    assert!(matches!(
        controller.poll(at(5.0), 1, true),
        Poll::Denied(Denial::Cooldown(_))
    ));
}

#[test]
fn reports_by_hand_follow_the_law_to_the_letter() {
    let mut controller = controller();
    assert_eq!(
        controller.on_success(at(0.0)),
        Change::Raised {
            from: rate(2.0),
            to: rate(2.25)
        }
    );
    assert_eq!(
        cut_of(controller.on_backoff(at(0.0), Some(2 * SECOND), 0.0)),
        (2.25, 1.125, 2 * SECOND)
    );
    assert_eq!(cut_of(controller.on_backoff(at(0.0), None, 0.0)).1, 0.5625);
    for _ in 0..100 {
        let _ = controller.on_success(at(1.0));
    }
    assert_eq!(controller.view(at(1.0)).rate, rate(10.0));
    for _ in 0..100 {
        let _ = controller.on_backoff(at(1.0), None, 0.0);
    }
    assert_eq!(controller.view(at(1.0)).rate, rate(0.1));
}

#[test]
fn equal_bounds_are_a_fixed_rate_that_still_pauses() {
    let law = Law {
        min: rate(5.0),
        max: rate(5.0),
        ..settings().law
    };
    let mut controller = Controller::new(
        Settings {
            initial: rate(5.0),
            law,
            ..settings()
        },
        Time::ZERO,
    );
    let (now, grant) = granted(&mut controller, at(0.0), true);
    assert_eq!(controller.success(now, &grant), Change::Nothing);
    assert_eq!(
        cut_of(controller.backoff(now, &grant, None, 0.0)),
        (5.0, 5.0, SECOND)
    );
}

#[test]
fn a_thousand_requests_per_second_are_paced_a_millisecond_apart() {
    let law = Law {
        max: rate(1000.0),
        ..settings().law
    };
    let settings = Settings {
        initial: rate(1000.0),
        law,
        initial_tokens: Some(1.0),
        ..settings()
    };
    let mut controller = Controller::new(settings, Time::ZERO);
    let mut now = Time::ZERO;
    for _ in 0..5_001 {
        now = granted(&mut controller, now, true).0;
    }
    let drift = now.saturating_since(at(5.0));
    assert!(
        now >= at(5.0) && drift <= Duration::from_micros(10),
        "{now:?}"
    );
}

#[test]
fn new_bounds_take_effect_with_the_next_grant_and_keep_tokens_and_cooldown() {
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.0), true);
    let _ = controller.backoff(at(0.0), &grant, Some(5 * SECOND), 0.0);
    controller.set_bounds(at(1.0), rate(4.0), rate(8.0));
    let view = controller.view(at(1.0));
    assert_eq!(
        (view.rate, view.tokens, view.cooldown_until),
        (rate(4.0), 1.0, Some(at(5.0)))
    );
    assert_eq!(granted(&mut controller, at(1.0), true).0, at(5.0));
    assert_eq!(granted(&mut controller, at(5.0), true).0, at(5.25));
}

#[test]
fn a_permit_that_was_not_used_gives_its_token_back_up_to_the_capacity() {
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.0), false);
    controller.unused(&grant);
    assert_eq!(controller.view(at(0.0)).tokens, 2.0);
    controller.unused(&grant);
    controller.unused(&grant);
    controller.unused(&grant);
    assert_eq!(controller.view(at(0.0)).tokens, 4.0);
}

#[test]
fn a_permit_from_before_the_cut_brings_no_token_back_over_it() {
    let mut controller = controller();
    let (_, refused) = granted(&mut controller, at(0.0), false);
    let (_, unsent) = granted(&mut controller, at(0.0), false);
    let _ = controller.backoff(at(0.0), &refused, None, 0.0);
    let before = controller.view(at(0.0)).tokens;
    controller.unused(&unsent);
    assert_eq!(controller.view(at(0.0)).tokens, before);
}

#[test]
fn the_state_survives_a_round_trip_through_its_serialised_form() {
    let mut controller = controller();
    let (_, grant) = granted(&mut controller, at(0.3), true);
    let _ = controller.backoff(at(0.7), &grant, Some(5 * SECOND), 0.3);
    let text = serde_json::to_string(&controller.state).expect("it serialises");
    assert_eq!(
        serde_json::from_str::<State>(&text).expect("and back"),
        controller.state
    );
}

/// One thing that can happen to a limiter.
#[derive(Debug, Clone)]
enum Event {
    Wait(u32),
    Poll,
    Success(usize),
    Refusal(usize, Option<u64>),
    ByHand(bool),
    Unused(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0u32..3_000).prop_map(Event::Wait),
        Just(Event::Poll),
        Just(Event::Poll),
        (0usize..64).prop_map(Event::Success),
        ((0usize..64), proptest::option::of(0u64..100_000))
            .prop_map(|(n, hint)| Event::Refusal(n, hint)),
        any::<bool>().prop_map(Event::ByHand),
        (0usize..64).prop_map(Event::Unused),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_invariants_hold(events in proptest::collection::vec(event(), 1..200), start in 0.2..8.0f64) {
        let law = Law { min: rate(0.2), max: rate(8.0), increase_step: 0.5, decrease_factor: 0.6 };
        let mut controller = Controller::new(Settings { initial: rate(start), law, ..settings() }, Time::ZERO);
        let mut now = Time::ZERO;
        let mut open: Vec<Grant> = Vec::new();
        let (mut taken, mut returned, mut allowed) = (0.0, 0.0, controller.view(now).tokens);
        for event in events {
            let before = controller.view(now);
            match event {
                Event::Wait(millis) => {
                    let step = Duration::from_millis(millis.into());
                    allowed += before.rate.amount_in(step);
                    now = now + step;
                }
                Event::Poll => match controller.poll(now, 1, true) {
                    Poll::Grant(grant) => {
                        prop_assert!(before.cooldown_until.is_none(), "granted in a cooldown");
                        prop_assert!(before.tokens >= 1.0 - 1e-6);
                        taken += 1.0;
                        open.push(grant);
                    }
                    Poll::At(later) | Poll::AfterFeedback(later) => {
                        prop_assert!(later > now, "a wait of zero");
                        let early = Time::from_nanos(later.as_nanos() - 1);
                        prop_assert_eq!(controller.clone().poll(early, 1, true), Poll::At(later));
                        prop_assert!(matches!(controller.clone().poll(later, 1, true), Poll::Grant(_)));
                    }
                    Poll::Denied(Denial::Fleet(_)) => panic!("there is no fleet"),
Poll::Denied(Denial::CircuitOpen(_)) => panic!("there is no breaker"),
                    Poll::Denied(Denial::Cooldown(left)) => prop_assert!(left > 300 * SECOND),
                },
                Event::Success(n) if !open.is_empty() => {
                    let grant = open.swap_remove(n % open.len());
                    let stale = grant.epoch < controller.state.epoch;
                    let change = controller.success(now, &grant);
                    prop_assert!(!stale || change == Change::Nothing);
                }
                Event::Refusal(n, hint) if !open.is_empty() => {
                    let grant = open.swap_remove(n % open.len());
                    let stale = grant.epoch < controller.state.epoch;
                    let change = controller.backoff(now, &grant, hint.map(Duration::from_millis), 0.5);
                    prop_assert_eq!(matches!(change, Change::Cut { .. }), !stale, "one cut in each epoch");
                    if let Change::Cut { cooldown, .. } = change {
                        prop_assert!(cooldown > Duration::ZERO);
                        prop_assert!(hint.is_none_or(|hint| cooldown >= Duration::from_millis(hint)));
                    }
                }
                Event::ByHand(true) => { let _ = controller.on_success(now); }
                Event::ByHand(false) => { let _ = controller.on_backoff(now, None, 0.5); }
                Event::Unused(n) if !open.is_empty() => {
                    controller.unused(&open.swap_remove(n % open.len()));
                    returned += 1.0;
                }
                Event::Success(_) | Event::Refusal(..) | Event::Unused(_) => {}
            }
            let view = controller.view(now);
            prop_assert!(view.rate >= rate(0.2) && view.rate <= rate(8.0));
            prop_assert!(view.tokens <= 16.0);
            // Never more than what was there at the start plus what accrued since.
            prop_assert!(taken <= allowed + returned + 1e-6, "{} granted, {} allowed", taken, allowed + returned);
        }
    }
}

#[test]
fn a_grant_needs_room_in_every_limit_and_only_the_first_learns() {
    // 5/s learned, beside 2 an hour: the third goes when an hour and its room are over.
    let hour = Duration::from_secs(3600);
    let settings = Settings {
        initial: rate(5.0),
        initial_tokens: Some(5.0),
        fixed: vec![FixedLimit::new(2, hour).expect("valid")],
        ..settings()
    };
    let mut controller = Controller::new(settings, at(0.0));
    for _ in 0..2 {
        let Poll::Grant(grant) = controller.poll(at(0.0), 1, true) else {
            panic!("room in both")
        };
        let _ = controller.success(at(0.0), &grant);
    }
    let third = at(3600.0 + 7.2 + 0.2);
    assert_eq!(controller.poll(at(0.0), 1, true), Poll::At(third));
    assert_eq!(controller.projected(at(0.0), 0, 1), Ok(third));
    let before = controller.view(third).rate;
    let Poll::Grant(held_up) = controller.poll(third, 1, true) else {
        panic!("the named instant")
    };
    assert!(!held_up.waited, "not the learned rate held it up");
    let _ = controller.success(third, &held_up);
    assert_eq!(controller.view(third).rate, before);
    // An unused grant is returned to all limits.
    controller.unused(&held_up);
    assert!(matches!(controller.poll(third, 1, true), Poll::Grant(_)));
}
