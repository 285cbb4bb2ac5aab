use super::*;
use crate::calendar::Every;

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

const fn present(now: Time) -> Present {
    Present {
        now,
        unix: Duration::from_nanos(now.as_nanos()),
    }
}

fn limit(requests: u64, per: Duration) -> FixedLimit {
    FixedLimit::new(requests, per).expect("a limit")
}

/// Sends one request after the other, each as soon as it may go, and returns when they went.
fn sent(limit: &FixedLimit, until: Time) -> Vec<Time> {
    let mut usage = limit.unused(Time::ZERO);
    let mut now = Time::ZERO;
    let mut sent = Vec::new();
    while now < until {
        limit.take(&mut usage, &present(now), 1);
        sent.push(now);
        now = now.max(limit.ready_at(&usage, &present(now), 1));
    }
    sent
}

#[test]
fn no_window_sees_more_than_its_limit_wherever_it_begins() {
    for (requests, per) in [
        (1000, HOUR),
        (5, HOUR),
        (1, HOUR),
        (60, HOUR / 60),
        (20, SECOND),
    ] {
        let sent = sent(&limit(requests, per), Time::ZERO + 3 * per);
        for (first, from) in sent.iter().enumerate() {
            let inside = sent[first..].iter().filter(|at| **at < *from + per);
            assert!(inside.count() as u64 <= requests, "of {requests}");
        }
        assert!(
            sent.len() as u64 >= 2 * requests,
            "{} of {requests}",
            sent.len()
        );
    }
}

#[test]
fn all_of_it_goes_at_once_in_a_window_of_5_seconds_or_more_and_a_tenth_in_a_shorter_one() {
    let at_once = |limit| sent(&limit, Time::from_nanos(1)).len();
    assert_eq!(at_once(limit(100, 5 * SECOND)), 100);
    assert_eq!(at_once(limit(100, 4 * SECOND)), 10);
    // The hour is 7.4 s longer than the vendor's.
    let sent = sent(&limit(5, HOUR), Time::ZERO + HOUR + 7 * SECOND);
    assert_eq!(sent.len(), 5);
}

#[test]
fn a_worker_alone_gets_its_part_of_what_is_left_and_the_rest_a_window_later() {
    let whole = limit(100, HOUR);
    let mut usage = whole.unused(Time::ZERO);
    whole.charge(&mut usage, &present(Time::ZERO), 60);
    let now = present(Time::ZERO + 60 * SECOND);
    let quarter = whole.scaled(0.25);
    let of_worker = quarter.part_left(&now, (&whole, &usage, &now), (0.25, 0));
    assert_eq!(quarter.ready_at(&of_worker, &now, 10), Time::ZERO);
    let later = now.now + HOUR + HOUR / ROOM_SHARE + ROOM;
    assert_eq!(quarter.ready_at(&of_worker, &now, 11), later);
    assert_eq!(quarter.ready_at(&of_worker, &now, 25), later);
}

#[test]
fn what_makes_no_limit_is_none() {
    assert_eq!(FixedLimit::new(0, HOUR), None);
    assert_eq!(FixedLimit::new(5, Duration::ZERO), None);
}

#[test]
fn a_worker_alone_gets_its_part_of_what_is_left_of_a_day() {
    let midnight = Calendar::new(Every::Day, "00:00", "UTC").expect("a calendar");
    let whole = FixedLimit::in_calendar(100, midnight, "day").expect("a limit");
    let mut usage = whole.unused(Time::ZERO);
    let now = present(Time::ZERO + 12 * HOUR);
    whole.charge(&mut usage, &now, 60);
    let quarter = whole.scaled(0.25);
    let of_worker = quarter.part_left(&now, (&whole, &usage, &now), (0.25, 0));
    assert_eq!(quarter.ready_at(&of_worker, &now, 10), now.now);
    let renewed = Time::ZERO + 24 * HOUR + 2 * SECOND;
    assert_eq!(quarter.ready_at(&of_worker, &now, 11), renewed);
    assert_eq!(quarter.due(&of_worker, &now, 36), renewed + 24 * HOUR);
}
