//! Properties of `Limits` that hold for any history of arrivals.

use proptest::prelude::*;

use super::*;

/// Gaps between arrivals in nanoseconds: many zero, many short, some long.
fn gaps() -> impl Strategy<Value = Vec<u64>> {
    let gap = prop_oneof![
        4 => Just(0_u64),
        4 => 0..50_000_000_u64,
        2 => 0..1_000_000_000_u64,
        1 => 0..20_000_000_000_u64,
    ];
    prop::collection::vec(gap, 1..300)
}

fn windows() -> impl Strategy<Value = Duration> {
    (1..5_000_000_000_u64).prop_map(Duration::from_nanos)
}

fn any_limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (0.01..500.0, 1.0..50.0)
            .prop_map(|(rate, burst)| Limit::token_bucket(rate, burst).expect("valid")),
        (1..20_u32, windows(), windows()).prop_map(|(limit, window, phase)| Limit::fixed_window(
            limit, window
        )
        .expect("valid")
        .with_phase(phase)),
        (1..20_u32, windows())
            .prop_map(|(limit, window)| Limit::window_from_first(limit, window).expect("valid")),
        (1..20_u32, windows())
            .prop_map(|(limit, window)| Limit::sliding_window(limit, window).expect("valid")),
        (0.01..500.0).prop_map(|rate| Limit::pacing(rate).expect("valid")),
    ]
}

/// Returns the times of accepted requests, for arrivals with these gaps.
fn accepted(limit: Limit, gaps: &[u64]) -> Vec<u64> {
    let mut limits = Limits::new(Time::ZERO, [limit]);
    let arrivals = gaps.iter().scan(0, |now, gap| {
        *now += gap;
        Some(*now)
    });
    arrivals
        .filter(|&now| limits.arrive(Time::from_nanos(now)) == Admission::Accepted)
        .collect()
}

proptest! {
    #[test]
    fn a_bucket_never_lets_more_than_burst_and_rate_through(
        rate in 0.01..500.0, burst in 1.0..50.0, gaps in gaps(),
    ) {
        let accepted = accepted(Limit::token_bucket(rate, burst).expect("valid"), &gaps);
        for (first, &from) in accepted.iter().enumerate() {
            for (last, &to) in accepted.iter().enumerate().skip(first) {
                let count = (last - first + 1) as f64;
                let allowed = burst + rate * (to - from) as f64 / 1e9;
                // A burst is rounded to millionths of a token.
                prop_assert!(count <= allowed + 1e-5, "{count} of {allowed}");
            }
        }
    }

    #[test]
    fn pacing_keeps_a_minimum_gap(rate in 0.01..500.0, gaps in gaps()) {
        let accepted = accepted(Limit::pacing(rate).expect("valid"), &gaps);
        for pair in accepted.windows(2) {
            prop_assert!((pair[1] - pair[0]) as f64 >= 1e9 / rate - 1.0);
        }
    }

    #[test]
    fn a_fixed_window_never_holds_more_than_its_limit(
        limit in 1..20_u32, window in windows(), phase in windows(), gaps in gaps(),
    ) {
        let fixed = Limit::fixed_window(limit, window).expect("valid").with_phase(phase);
        let window = window.as_nanos() as u64;
        let phase = phase.as_nanos() as u64 % window;
        let accepted = accepted(fixed, &gaps);
        let index = |now: u64| (now + window - phase) / window;
        for &now in &accepted {
            let same = accepted.iter().filter(|&&other| index(other) == index(now)).count();
            prop_assert!(same <= limit as usize);
        }
    }

    #[test]
    fn a_sliding_window_never_holds_more_than_its_limit_wherever_it_begins(
        limit in 1..20_u32, window in windows(), gaps in gaps(),
    ) {
        let accepted = accepted(Limit::sliding_window(limit, window).expect("valid"), &gaps);
        for &from in &accepted {
            let end = from + window.as_nanos() as u64;
            let within = accepted.iter().filter(|&&now| from <= now && now < end).count();
            prop_assert!(within <= limit as usize);
        }
    }

    #[test]
    fn a_refused_request_is_refused_until_retry_after_and_accepted_at_it(
        chosen in prop::collection::vec(any_limit(), 1..4), gaps in gaps(),
    ) {
        let mut limits = Limits::new(Time::ZERO, chosen);
        let mut now = Time::ZERO;
        for gap in gaps {
            now = now + Duration::from_nanos(gap);
            if let Admission::Refused { retry_after } = limits.arrive(now) {
                prop_assert!(retry_after > Duration::ZERO);
                let mut before = limits.clone();
                let just_before = now + (retry_after - Duration::from_nanos(1));
                prop_assert_ne!(before.arrive(just_before), Admission::Accepted);
                prop_assert_eq!(limits.clone().arrive(now + retry_after), Admission::Accepted);
            }
        }
    }

    #[test]
    fn exactly_the_remaining_requests_are_accepted_at_once(
        chosen in prop::collection::vec(any_limit(), 1..4), gaps in gaps(),
    ) {
        let mut limits = Limits::new(Time::ZERO, chosen);
        let mut now = Time::ZERO;
        for gap in gaps {
            now = now + Duration::from_nanos(gap);
            let state = limits.binding_state(now).expect("no concurrency");
            prop_assert!(state.remaining <= state.limit);
            let mut tried = limits.clone();
            for _ in 0..state.remaining {
                prop_assert_eq!(tried.arrive(now), Admission::Accepted);
            }
            prop_assert_ne!(tried.arrive(now), Admission::Accepted);
            let _ = limits.arrive(now);
        }
    }

    #[test]
    fn a_limit_round_trips_through_text(limit in any_limit()) {
        prop_assert_eq!(Limit::parse(&limit.to_string()), Ok(limit));
    }
}
