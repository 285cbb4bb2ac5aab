//! Unit tests of `Limits`.

use super::*;

fn limits(texts: &[&str]) -> Limits {
    Limits::new(
        Time::ZERO,
        texts.iter().map(|text| Limit::parse(text).expect(text)),
    )
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Time {
    Time::ZERO + ms(millis)
}

fn refused(retry_after: Duration) -> Admission {
    Admission::Refused { retry_after }
}

fn accepted_of(limits: &mut Limits, now: Time, arrivals: usize) -> usize {
    (0..arrivals)
        .filter(|_| limits.arrive(now) == Admission::Accepted)
        .count()
}

#[test]
fn a_token_bucket_lets_its_burst_through_and_then_its_rate() {
    let mut limits = limits(&["token-bucket:10/s,burst=20"]);
    assert_eq!(accepted_of(&mut limits, at(0), 30), 20);
    assert_eq!(limits.arrive(at(0)), refused(ms(100)));
    assert_eq!(limits.arrive(at(40)), refused(ms(60)));
    assert_eq!(limits.arrive(at(100)), Admission::Accepted);
    assert_eq!(limits.arrive(at(100)), refused(ms(100)));
    assert_eq!(accepted_of(&mut limits, at(60_000), 30), 20);
}

#[test]
fn pacing_is_a_bucket_of_one() {
    let mut limits = limits(&["pacing:4/s"]);
    assert_eq!(accepted_of(&mut limits, at(0), 3), 1);
    assert_eq!(limits.arrive(at(249)), refused(ms(1)));
    assert_eq!(accepted_of(&mut limits, at(250), 3), 1);
    assert_eq!(accepted_of(&mut limits, at(9_000), 3), 1);
}

#[test]
fn a_fixed_window_starts_at_zero_on_each_boundary() {
    let mut limits = limits(&["fixed-window:3/60s"]);
    assert_eq!(accepted_of(&mut limits, at(59_000), 5), 3);
    assert_eq!(limits.arrive(at(59_000)), refused(ms(1_000)));
    assert_eq!(accepted_of(&mut limits, at(60_000), 5), 3);
    assert_eq!(limits.arrive(at(60_000)), refused(ms(60_000)));
}

#[test]
fn a_window_from_the_first_request_begins_with_it_and_ends_by_itself() {
    let mut limits = limits(&["fixed-window:3/60s,from=first"]);
    // 59 s into the run the first request opens a window, which a grid would end one second later.
    assert_eq!(accepted_of(&mut limits, at(59_000), 2), 2);
    assert_eq!(accepted_of(&mut limits, at(61_000), 2), 1);
    assert_eq!(limits.arrive(at(61_000)), refused(ms(58_000)));
    let state = limits.binding_state(at(61_000)).expect("a window");
    assert_eq!((state.remaining, state.reset_after), (0, ms(58_000)));
    // The window is over; none is open until the next request.
    let state = limits.binding_state(at(119_000)).expect("a window");
    assert_eq!((state.remaining, state.reset_after), (3, ms(0)));
    assert_eq!(accepted_of(&mut limits, at(150_000), 5), 3);
    assert_eq!(limits.arrive(at(150_000)), refused(ms(60_000)));
}

#[test]
fn the_phase_sets_the_end_of_the_first_window() {
    let mut limits = limits(&["fixed-window:3/60s,phase=10s"]);
    assert_eq!(accepted_of(&mut limits, at(0), 5), 3);
    assert_eq!(limits.arrive(at(0)), refused(ms(10_000)));
    assert_eq!(accepted_of(&mut limits, at(10_000), 5), 3);
    assert_eq!(limits.arrive(at(10_000)), refused(ms(60_000)));
}

#[test]
fn a_sliding_window_frees_a_slot_when_its_request_expires() {
    let mut limits = limits(&["sliding-window:2/10s"]);
    assert_eq!(limits.arrive(at(0)), Admission::Accepted);
    assert_eq!(limits.arrive(at(4_000)), Admission::Accepted);
    assert_eq!(limits.arrive(at(5_000)), refused(ms(5_000)));
    assert_eq!(limits.arrive(at(10_000)), Admission::Accepted);
    assert_eq!(limits.arrive(at(10_000)), refused(ms(4_000)));
}

#[test]
fn a_concurrency_limit_frees_a_slot_when_a_request_finishes() {
    let mut limits = limits(&["concurrency:2"]);
    assert_eq!(accepted_of(&mut limits, at(0), 5), 2);
    assert_eq!(limits.arrive(at(5)), refused(ms(1_000)));
    limits.leave(at(6));
    assert_eq!(accepted_of(&mut limits, at(6), 5), 1);
}

#[test]
fn an_extra_leave_frees_no_slot() {
    let mut limits = limits(&["concurrency:1"]);
    limits.leave(at(0));
    assert_eq!(accepted_of(&mut limits, at(0), 5), 1);
}

#[test]
fn no_limit_counts_a_refused_request() {
    let mut limits = limits(&["fixed-window:3/60s", "pacing:1/s", "concurrency:2"]);
    assert_eq!(accepted_of(&mut limits, at(0), 100), 1);
    assert_eq!(accepted_of(&mut limits, at(1_000), 100), 1);
    limits.leave(at(1_000));
    limits.leave(at(1_000));
    assert_eq!(accepted_of(&mut limits, at(2_000), 100), 1);
    assert_eq!(limits.arrive(at(3_000)), refused(ms(57_000)));
}

#[test]
fn retry_after_is_the_longest_wait_among_several_limits() {
    let mut limits = limits(&["pacing:10/s", "sliding-window:1/7s"]);
    assert_eq!(limits.arrive(at(0)), Admission::Accepted);
    assert_eq!(limits.arrive(at(0)), refused(ms(7_000)));
}

#[test]
fn every_request_is_accepted_without_limits() {
    assert_eq!(accepted_of(&mut limits(&[]), at(0), 1_000), 1_000);
}

#[test]
fn replaced_limits_start_empty_but_keep_requests_in_flight() {
    let mut limits = limits(&["fixed-window:4/60s"]);
    assert_eq!(accepted_of(&mut limits, at(0), 5), 4);
    limits.replace(
        at(1_000),
        ["concurrency:5", "fixed-window:9/60s"].map(|text| text.parse().expect(text)),
    );
    assert_eq!(accepted_of(&mut limits, at(1_000), 5), 1);
    (0..5).for_each(|_| limits.leave(at(2_000)));
    assert_eq!(accepted_of(&mut limits, at(2_000), 5), 5);
    (0..5).for_each(|_| limits.leave(at(2_000)));
    // 1 + 5 + 3 fill the window, which still ends a minute after the first start.
    assert_eq!(accepted_of(&mut limits, at(2_000), 5), 3);
    assert_eq!(limits.arrive(at(2_000)), refused(ms(58_000)));
}

#[test]
fn a_clock_that_steps_back_frees_no_quota() {
    for text in [
        "token-bucket:10/s,burst=2",
        "fixed-window:2/10s",
        "sliding-window:2/10s",
        "concurrency:2",
    ] {
        let mut limits = limits(&[text]);
        assert_eq!(accepted_of(&mut limits, at(20_000), 5), 2, "{text}");
        let Admission::Refused { retry_after } = limits.arrive(at(3_000)) else {
            panic!("{text}: a third request was accepted");
        };
        assert!(
            at(3_000) + retry_after > at(20_000),
            "{text}: {retry_after:?}"
        );
        limits.leave(at(1));
        limits.replace(at(2), []);
        assert_eq!(limits.binding_state(at(3)), None);
    }
}

#[test]
fn the_largest_time_does_not_panic() {
    for text in [
        "token-bucket:10/s,burst=2",
        "fixed-window:2/10s",
        "sliding-window:2/10s",
        "concurrency:2",
    ] {
        let mut limits = limits(&[text]);
        assert_eq!(accepted_of(&mut limits, Time::MAX, 5).min(2), 2, "{text}");
        let _ = limits.binding_state(Time::MAX);
    }
}

#[test]
fn the_binding_limit_is_the_one_with_the_least_remaining() {
    let mut limits = limits(&[
        "fixed-window:100/60s",
        "token-bucket:5/s,burst=10",
        "concurrency:50",
    ]);
    assert_eq!(accepted_of(&mut limits, at(15_000), 8), 8);
    let state = limits.binding_state(at(15_000));
    let expected = LimitState {
        limit: 10,
        remaining: 2,
        reset_after: ms(1_600),
        window: ms(2_000),
    };
    assert_eq!(state, Some(expected));

    for second in 16..48 {
        accepted_of(&mut limits, at(second * 1_000), 3);
        (0..3).for_each(|_| limits.leave(at(second * 1_000)));
    }
    let state = limits.binding_state(at(50_000)).expect("a state");
    assert_eq!((state.limit, state.remaining), (100, 0));
    assert_eq!((state.reset_after, state.window), (ms(10_000), ms(60_000)));
}

#[test]
fn a_sliding_window_resets_when_its_newest_request_expires() {
    let mut limits = limits(&["sliding-window:2/10s"]);
    let reset_after =
        |limits: &Limits, now| limits.binding_state(now).map(|state| state.reset_after);
    assert_eq!(reset_after(&limits, at(0)), Some(ms(0)));
    assert_eq!(limits.arrive(at(1_000)), Admission::Accepted);
    assert_eq!(limits.arrive(at(4_000)), Admission::Accepted);
    assert_eq!(reset_after(&limits, at(5_000)), Some(ms(9_000)));
    assert_eq!(reset_after(&limits, at(14_000)), Some(ms(0)));
}
