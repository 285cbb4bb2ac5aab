//! Tests with servers that announce their limits: the limiter is almost never refused.

use api_ratelimiter_core::config::ApiRateConfig;

use super::*;
use crate::rules::Limit;
use crate::world::learned::learned;
use crate::world::scenario::LimitHint;

const MINUTE: Duration = Duration::from_secs(60);

/// Returns the refused share from the start on, and the used share of the limit after five minutes.
fn refused_and_used(text: &str, seed: u64) -> (f64, f64) {
    let limit: Limit = text.parse().expect(text);
    let config = ApiRateConfig {
        max_rate: 1000.0,
        ..Default::default()
    };
    let (start, length) = (5 * MINUTE, 30 * MINUTE);
    let scenario = Scenario {
        hint: LimitHint::Headers,
        length,
        ..Scenario::new([limit])
    };
    let (report, _) = run(&scenario, vec![learned(&config).expect("valid")], seed);
    let allowed = limit.per_second().expect("a rate") * (length - start).as_secs_f64();
    let used = report.accepted(start, length) as f64 / allowed;
    (report.refused_share(Duration::ZERO, length), used)
}

/// Limits of all three kinds, from 50 in 10 s to 1,000 in 300 s.
const ANNOUNCING: [&str; 12] = [
    "token-bucket:10/s,burst=20",
    "token-bucket:3/s,burst=3",
    "token-bucket:50/s,burst=100",
    "token-bucket:5/s,burst=100",
    "fixed-window:100/60s",
    "fixed-window:180/60s",
    "fixed-window:200/10s",
    "fixed-window:50/10s",
    "fixed-window:1000/300s",
    "sliding-window:50/10s",
    "sliding-window:300/60s",
    "sliding-window:600/60s",
];

#[test]
fn one_client_is_almost_never_refused() {
    let mut all_refused = Vec::new();
    for text in ANNOUNCING {
        for seed in 1..6 {
            let (refused, used) = refused_and_used(text, seed);
            println!(
                "{text}: {:.3}% refused, {:.1}% used",
                refused * 100.0,
                used * 100.0
            );
            assert!(
                used >= 0.97,
                "{text}, seed {seed}: {used:.3} of the limit used"
            );
            all_refused.push(refused);
        }
    }
    let mean = all_refused.iter().sum::<f64>() / all_refused.len() as f64;
    println!("{:.4}% refused on average", mean * 100.0);
    assert!(mean < 0.001, "{mean:.5} refused");
}

/// A client sees what others used only in its next response, so some requests are refused.
#[test]
fn clients_that_share_a_limit_use_it_and_are_rarely_refused() {
    let limits = [
        ("fixed-window:180/60s", 0.97),
        ("token-bucket:10/s,burst=20", 0.97),
        // A refusal names the time until the whole window is available again.
        ("sliding-window:300/60s", 0.5),
    ];
    for (text, least) in limits {
        for (hint, seed) in [(LimitHint::Headers, 1), (LimitHint::HeadersRoundedDown, 2)] {
            let limit: Limit = text.parse().expect(text);
            let config = ApiRateConfig {
                max_rate: 1000.0,
                ..Default::default()
            };
            let (start, length) = (5 * MINUTE, 30 * MINUTE);
            let scenario = Scenario {
                hint,
                length,
                ..Scenario::new([limit])
            };
            let ours = || learned(&config).expect("valid");
            let (report, _) = run(&scenario, vec![ours(), ours(), ours()], seed);
            let refused = report.refused_share(start, length);
            let allowed = limit.per_second().expect("a rate") * (length - start).as_secs_f64();
            let used = report.accepted(start, length) as f64 / allowed;
            println!(
                "{text}, {hint:?}: {:.2}% refused, {used:.3} used",
                refused * 100.0
            );
            assert!(refused < 0.015, "{text}, {hint:?}: {refused:.4} refused");
            assert!(
                used > least,
                "{text}, {hint:?}: {used:.3} of the limit used"
            );
        }
    }
}

/// One refusal at a boundary does not make the limiter assume that resets are rounded down, which would
/// cost a second of each window.
#[test]
fn short_windows_with_any_phase_are_used() {
    for (text, seed) in [
        ("fixed-window:19/5s,phase=100ms", 1),
        ("fixed-window:9/5s,phase=900ms", 2),
    ] {
        for hint in [LimitHint::Headers, LimitHint::HeadersRoundedDown] {
            let limit: Limit = text.parse().expect(text);
            let config = ApiRateConfig {
                max_rate: 1000.0,
                ..Default::default()
            };
            let (start, length) = (5 * MINUTE, 30 * MINUTE);
            let scenario = Scenario {
                hint,
                length,
                ..Scenario::new([limit])
            };
            let (report, _) = run(&scenario, vec![learned(&config).expect("valid")], seed);
            let allowed = limit.per_second().expect("a rate") * (length - start).as_secs_f64();
            let used = report.accepted(start, length) as f64 / allowed;
            assert!(used > 0.97, "{text}, {hint:?}: {used:.3} of the limit used");
            let refused = report.refused_share(start, length);
            assert!(refused < 0.001, "{text}, {hint:?}: {refused:.5} refused");
        }
    }
}
