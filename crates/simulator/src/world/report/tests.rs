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

/// Records accepted requests at a pace of `per_second`, from `from` seconds to before `until`.
fn paced(report: &mut Report, per_second: u32, from: u32, until: u32) {
    for number in from * per_second..until * per_second {
        report.arrival(0, at(f64::from(number) / f64::from(per_second)), true);
    }
}

#[test]
fn nine_tenths_get_through_when_twenty_seconds_begin_that_hold_so_many_in_each_half() {
    let mut report = report();
    paced(&mut report, 2, 0, 30);
    paced(&mut report, 10, 30, 600);
    let through =
        |per_second| report.seconds_until_through(Duration::ZERO, per_second, Duration::ZERO);
    assert_eq!(through(2.0), Some(0.0));
    // After 28.7 s: 2 at the slow pace and 88 at the fast one in the first ten seconds.
    assert_eq!(through(10.0), Some(28.7));
    assert_eq!(through(11.2), None);
    // Counted from a change, and with a window that is longer than ten seconds.
    let after = |from, window| {
        let seconds = Duration::from_secs;
        report.seconds_until_through(seconds(from), 10.0, seconds(window))
    };
    assert_eq!(after(20, 0), Some(8.7));
    assert_eq!(after(40, 0), Some(0.0));
    assert_eq!(after(0, 60), Some(22.4));
}

#[test]
fn a_rate_that_is_high_but_refused_gets_nothing_through() {
    let mut report = report();
    report.rate(0, at(0.0), 50.0);
    (0..6000).for_each(|tenth| report.arrival(0, at(f64::from(tenth) / 10.0), tenth % 3 == 0));
    let through =
        |per_second| report.seconds_until_through(Duration::ZERO, per_second, Duration::ZERO);
    assert_eq!(through(10.0), None);
    assert_eq!(through(3.6), Some(0.0));
}

#[test]
fn bursts_of_half_a_window_are_half_of_it_wherever_a_window_begins() {
    let mut report = report();
    for burst in 0..60 {
        // Some bursts come a little earlier than others, so that ten seconds may hold two of them.
        let late = f64::from(burst % 2) / 100.0;
        let began = f64::from(burst) * 10.0 + 5.0 - late;
        (0..50).for_each(|number| report.arrival(0, at(began + f64::from(number) / 1e6), true));
    }
    let through =
        |per_second| report.seconds_until_through(Duration::ZERO, per_second, Duration::ZERO);
    assert_eq!(through(5.0), Some(0.0));
    assert_eq!(through(10.0), None);
}

#[test]
fn in_a_run_shorter_than_two_windows_all_of_it_counts() {
    let mut report = report();
    paced(&mut report, 20, 0, 40);
    let through = |per_second| {
        report.seconds_until_through(Duration::ZERO, per_second, Duration::from_secs(3600))
    };
    // 800 in 600 s.
    assert_eq!(through(1.48), Some(0.0));
    assert_eq!(through(1.49), None);
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
