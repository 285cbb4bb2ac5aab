use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::*;

fn calendar(every: Every, at: &str, zone: &str) -> Calendar {
    Calendar::new(every, at, zone).expect("a calendar")
}

fn unix(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("a time").as_second()
}

const HOUR: i64 = 3600;

#[test]
fn a_day_has_23_hours_in_spring_and_25_in_autumn() {
    let pacific = calendar(Every::Day, "00:00", "America/Los_Angeles");
    for (noon, begins, hours) in [
        ("2026-03-07T20:00:00Z", "2026-03-07T08:00:00Z", 24),
        ("2026-03-08T20:00:00Z", "2026-03-08T08:00:00Z", 23),
        ("2026-07-01T19:00:00Z", "2026-07-01T07:00:00Z", 24),
        ("2026-11-01T20:00:00Z", "2026-11-01T07:00:00Z", 25),
        ("2026-11-02T20:00:00Z", "2026-11-02T08:00:00Z", 24),
    ] {
        let begins = unix(begins);
        assert_eq!(
            pacific.period(unix(noon)),
            (begins, begins + hours * HOUR),
            "{noon}"
        );
        assert_eq!(pacific.period(begins).0, begins);
        assert_eq!(pacific.period(begins - 1).1, begins);
    }
}

#[test]
fn a_month_begins_on_its_first_day_at_the_time_of_the_place() {
    let month = calendar(Every::Month, "09:30", "Europe/Berlin");
    let expected = (unix("2028-02-01T08:30:00Z"), unix("2028-03-01T08:30:00Z"));
    assert_eq!(month.period(unix("2028-02-29T12:00:00Z")), expected);
    assert_eq!(month.period(unix("2028-03-01T08:29:59Z")), expected);
    let summer = (unix("2028-03-01T08:30:00Z"), unix("2028-04-01T07:30:00Z"));
    assert_eq!(month.period(unix("2028-03-01T08:30:00Z")), summer);
}

#[test]
fn what_is_no_time_and_no_zone_is_named() {
    for at in [
        "", "24:00", "7:00", "00:60", "+1:00", "0000", "aa:bb", "00:00:00",
    ] {
        let problem = Calendar::new(Every::Day, at, "UTC").expect_err("no time");
        assert!(
            problem.contains(&format!("{at:?} is not a valid time")),
            "{problem}"
        );
    }
    for zone in [
        "",
        "Mars",
        "america/los_angeles",
        "PST8PDT,M3.2.0",
        "UTC0,",
        "A1",
        "X-1Y,M13.1.0,M1.1.0",
    ] {
        let problem = Calendar::new(Every::Day, "00:00", zone).expect_err("no zone");
        assert!(
            problem.contains(&format!("{zone:?} is not a known time zone")),
            "{problem}"
        );
    }
    let rule = "PST8PDT,M3.2.0,M11.1.0";
    let named = calendar(Every::Day, "00:00", "America/Los_Angeles");
    assert_eq!(calendar(Every::Day, "00:00", rule).zone, named.zone);
    assert_eq!(named.zone_name(), Some("America/Los_Angeles"));
}

/// Zones whose changes follow no rule.
const IRREGULAR: [&str; 2] = ["America/Havana", "Cuba"];

/// Each zone that the `jiff` crate knows, by each of its changes of the next years.
#[test]
fn every_zone_agrees_with_the_time_zone_database() {
    let (from, to) = (unix("2026-12-01T00:00:00Z"), unix("2036-01-01T00:00:00Z"));
    let mut changes = 0;
    for name in jiff::tz::db().available() {
        let known = Zone::named(name.as_str());
        if IRREGULAR.contains(&name.as_str()) {
            assert!(known.is_err(), "{name}");
            continue;
        }
        let (zone, _) = known.unwrap_or_else(|problem| panic!("{problem}"));
        let theirs = TimeZone::get(name.as_str()).expect("it is available");
        let times = theirs
            .following(Timestamp::from_second(from).expect("valid"))
            .map(|change| change.timestamp().as_second())
            .take_while(|at| *at < to);
        for at in times.chain([from, to]) {
            changes += 1;
            for unix in (-26..26).map(|hours| at + hours * HOUR / 2).chain([at - 1]) {
                let time = Timestamp::from_second(unix).expect("valid");
                let local = theirs.to_datetime(time);
                let seconds = TimeZone::UTC
                    .to_timestamp(local)
                    .expect("valid")
                    .as_second();
                assert_eq!(zone.to_local(unix), seconds, "{name} {time}");
                // Local times at and around the change, also those that are skipped.
                let shifted = local.checked_add(1.hour()).expect("valid");
                let back = theirs.to_timestamp(shifted).expect("valid").as_second();
                assert_eq!(zone.to_utc(seconds + HOUR), back, "{name} {shifted}");
            }
        }
    }
    assert!(changes > 3000, "{changes}");
}

proptest! {
    #[test]
    fn each_period_ends_where_the_next_one_begins(
        unix in 0i64..1 << 33,
        hour in 0i8..24,
        monthly in any::<bool>(),
        zone in prop::sample::select(vec![
            "UTC", "America/Los_Angeles", "Europe/London", "America/Santiago", "Asia/Beirut",
            "Australia/Lord_Howe", "America/St_Johns", "America/Nuuk", "Asia/Kathmandu",
        ]),
    ) {
        let every = if monthly { Every::Month } else { Every::Day };
        let at = civil::time(hour, 30, 0, 0).strftime("%H:%M").to_string();
        let calendar = calendar(every, &at, zone);
        let (begins, ends) = calendar.period(unix);
        prop_assert!(begins <= unix && unix < ends);
        prop_assert_eq!(calendar.period(begins), (begins, ends));
        prop_assert_eq!(calendar.period(ends - 1), (begins, ends));
        prop_assert_eq!(calendar.period(ends).0, ends);
        let days = if monthly { 28..=31 } else { 1..=1 };
        let hours = (ends - begins) / HOUR;
        prop_assert!((days.start() * 24 - 1..=days.end() * 24 + 1).contains(&hours));
    }
}
