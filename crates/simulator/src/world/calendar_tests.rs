//! A client that knows a quota by the calendar, against a server that keeps it, for a year.

use std::time::Duration;

use api_ratelimiter_core::config::{ApiRateConfig, LimitConfig};
use api_ratelimiter_core::{Calendar, Every, Time};

use super::learned::learned;
use super::strategy::{Decision, Strategy};
use crate::rules::{Admission, Limit, Limits};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A one-way trip.
const TRIP: Duration = Duration::from_millis(50);

/// Sends one request after the other for a year that begins with 1970, and returns what was accepted in each period by
/// the server's count, and how much was refused.
fn year(known: LimitConfig, hidden: Limit, calendar: Calendar) -> (Vec<(i64, u32)>, u32) {
    let config = ApiRateConfig {
        initial_rate: 50.0,
        max_rate: 50.0,
        limits: vec![known],
        ..Default::default()
    };
    let mut client = learned(&config).expect("valid");
    let mut server = Limits::new(Time::ZERO, [hidden]);
    let (mut now, mut waited) = (Time::ZERO, false);
    let mut accepted: Vec<(i64, u32)> = Vec::new();
    let mut refused = 0;
    while now < Time::ZERO + 366 * DAY {
        let permit = match client.poll(now, waited) {
            Decision::Send(permit) => permit,
            Decision::WaitUntil(time) => {
                assert!(time > now, "a wait is never zero");
                (now, waited) = (time, true);
                continue;
            }
        };
        waited = false;
        now = now + TRIP;
        let admission = server.arrive(now);
        server.leave(now);
        let seconds = now.saturating_since(Time::ZERO).as_secs();
        let (begins, _) = calendar.period(seconds.try_into().expect("a year"));
        if accepted.last().is_none_or(|it| it.0 != begins) {
            accepted.push((begins, 0));
        }
        now = now + TRIP;
        match admission {
            Admission::Accepted => {
                accepted.last_mut().expect("the period").1 += 1;
                client.success(now, permit);
            }
            Admission::Refused { .. } => {
                refused += 1;
                client.backoff(now, permit, None, 0.5);
            }
        }
    }
    (accepted, refused)
}

#[test]
fn a_year_of_days_in_california_is_used_to_the_last_request_and_nothing_is_refused() {
    let zone = "America/Los_Angeles";
    let known = LimitConfig::per_day(200.0).resets_at("00:00", zone);
    let hidden = Limit::calendar(200, Every::Day, zone).expect("valid");
    let calendar = Calendar::new(Every::Day, "00:00", zone).expect("valid");
    let (accepted, refused) = year(known, hidden, calendar);
    assert_eq!(refused, 0);
    let lengths: Vec<_> = (accepted.windows(2))
        .map(|days| (days[1].0 - days[0].0) / 3600)
        .collect();
    let changes = |hours| lengths.iter().filter(|it| **it == hours).count();
    assert_eq!(
        (changes(23), changes(25)),
        (1, 1),
        "both changes of the clocks"
    );
    // The last day may be cut off.
    let whole = &accepted[..accepted.len() - 1];
    assert!(whole.len() >= 365, "{}", whole.len());
    let least = whole.iter().map(|it| it.1).min();
    assert_eq!(least, Some(200));
}

#[test]
fn a_year_of_months_is_used_to_the_last_request_and_nothing_is_refused() {
    let known = LimitConfig::per_month(1000.0).resets_at("00:00", "Europe/Berlin");
    let hidden = Limit::calendar(1000, Every::Month, "Europe/Berlin").expect("valid");
    let calendar = Calendar::new(Every::Month, "00:00", "Europe/Berlin").expect("valid");
    let (accepted, refused) = year(known, hidden, calendar);
    assert_eq!(refused, 0);
    let counts: Vec<_> = accepted.iter().map(|it| it.1).collect();
    assert_eq!(counts[..12], [1000; 12]);
}
