//! Unit tests of the report.

use super::*;

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

fn report() -> Report {
    let scenario = Scenario {
        length: Duration::from_secs(600),
        ..Scenario::new([])
    };
    Report::new(&scenario, 2)
}

#[test]
fn a_limit_is_found_when_the_rate_starts_to_stay_up() {
    let mut report = report();
    for (seconds, rate) in [(0.0, 2.0), (5.0, 9.5), (8.0, 5.0), (20.0, 9.1), (25.0, 9.9)] {
        report.rate(0, at(seconds), rate);
    }
    // From second 5 on, the rate stays up for 3 seconds only.
    assert_eq!(
        report.seconds_to_find(0, Duration::ZERO, 10.0, Duration::ZERO),
        Some(20.0)
    );
    assert_eq!(
        report.seconds_to_find(0, Duration::from_secs(60), 10.0, Duration::ZERO),
        Some(0.0)
    );
    assert_eq!(
        report.seconds_to_find(0, Duration::ZERO, 20.0, Duration::ZERO),
        None
    );
}

#[test]
fn a_change_is_absorbed_when_a_minute_with_few_refusals_starts() {
    let mut report = report();
    for tenth in 0..6000 {
        report.arrival(
            0,
            at(f64::from(tenth) / 10.0),
            !(1000..1100).contains(&tenth),
        );
    }
    // 600 requests per minute: from the sixth refusal before the last on, less than 1% are refused.
    let absorbed = report
        .seconds_to_absorb(Duration::from_secs(100))
        .expect("absorbed");
    assert!((absorbed - 9.5).abs() < 1e-6, "{absorbed}");
}

#[test]
fn fairness_is_one_for_equal_shares_and_a_half_for_one_of_two() {
    let mut report = report();
    report.arrival(0, at(1.0), true);
    assert_eq!(report.fairness(Duration::ZERO, Duration::from_secs(9)), 0.5);
    report.arrival(1, at(2.0), true);
    assert_eq!(report.fairness(Duration::ZERO, Duration::from_secs(9)), 1.0);
}

#[test]
fn the_busy_rate_excludes_idle_time() {
    let mut report = report();
    report.job_began(0, at(10.0));
    (10..20).for_each(|second| report.arrival(0, at(f64::from(second)), true));
    report.job_ended(0, at(20.0));
    assert_eq!(report.busy_rate(Duration::ZERO), 1.0);
}
