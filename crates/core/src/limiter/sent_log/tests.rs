use proptest::prelude::*;

use super::*;

const fn limit(most: u64, seconds: u64) -> WindowLimit {
    WindowLimit {
        most,
        window: Duration::from_secs(seconds),
    }
}

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

/// Sends one request at each of these times.
fn sent_at(millis: &[u64], of: WindowLimit) -> SentLog {
    let mut log = SentLog::default();
    millis.iter().for_each(|it| log.record(at(*it), 1, of));
    log
}

#[test]
fn the_whole_limit_goes_at_once_and_each_place_is_free_a_window_later() {
    let of = limit(3, 60);
    let log = sent_at(&[0, 0, 10_000], of);
    assert_eq!(log.ready(1, of), at(60_000));
    assert_eq!(log.ready(2, of), at(60_000));
    assert_eq!(log.ready(3, of), at(70_000));
    assert_eq!(log.used(at(59_999), of.window), 3);
    assert_eq!(log.used(at(60_000), of.window), 1);
    assert_eq!(SentLog::default().ready(3, of), Time::ZERO);
}

#[test]
fn callers_in_a_row_wait_for_as_many_windows_as_they_fill() {
    let of = limit(3, 60);
    let log = sent_at(&[0, 10_000], of);
    assert_eq!(log.due(at(10_000), 1, of), Time::ZERO);
    assert_eq!(log.due(at(10_000), 2, of), at(60_000));
    assert_eq!(log.due(at(10_000), 4, of), at(70_000));
    assert_eq!(log.due(at(10_000), 5, of), at(120_000));
    assert_eq!(log.due(at(10_000), u64::MAX, of), Time::MAX);
}

#[test]
fn a_cost_above_the_limit_waits_for_an_empty_log() {
    let of = limit(3, 60);
    let mut log = sent_at(&[0], of);
    assert_eq!(log.ready(7, of), at(60_000));
    log.record(at(60_000), 7, of);
    assert_eq!(log.ready(1, of), at(120_000));
}

#[test]
fn what_an_earlier_process_sent_counts_until_its_window_is_over() {
    let of = limit(3, 60);
    let earlier = sent_at(&[0, 30_000], of);
    let mut log = SentLog::default();
    // The clock of this process begins when that of the earlier one shows 40 s.
    for (ago, count) in earlier.lately(at(40_000), of.window) {
        log.record_earlier(Time::ZERO, ago, count, of);
    }
    log.record(Time::ZERO, 1, of);
    assert_eq!(log.ready(1, of), at(20_000));
    assert_eq!(log.ready(2, of), at(50_000));
    assert_eq!(log.used(at(20_000), of.window), 2);
}

#[test]
fn what_was_not_sent_is_free_again_until_its_window_is_over() {
    let of = limit(3, 60);
    let mut log = sent_at(&[0, 10_000, 20_000], of);
    log.take_back(at(10_000), 1);
    assert_eq!(log, sent_at(&[0, 20_000], of));
    // Its group is forgotten, and the next one was sent.
    log.record(at(60_000), 1, of);
    log.take_back(Time::ZERO, 1);
    assert_eq!(log.used(at(60_000), of.window), 2);
}

#[test]
fn a_large_limit_sent_evenly_is_used_to_63_of_64_parts() {
    let of = limit(6400, 64);
    let mut log = SentLog::default();
    let mut now = Time::ZERO;
    for _ in 0..10 * 6400 {
        now = (now + Duration::from_millis(10)).max(log.ready(1, of));
        log.record(now, 1, of);
    }
    let seconds = now.saturating_since(Time::ZERO).as_secs_f64();
    assert!((640.0..650.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_damaged_log_is_not_plausible() {
    let of = limit(5, 60);
    let log = sent_at(&[1000, 2000], of);
    assert!(log.is_plausible(at(2000)));
    assert!(!log.is_plausible(at(1999)));
    let text = serde_json::to_string(&log).expect("plain numbers");
    let again: SentLog = serde_json::from_str(&text).expect("the same");
    assert_eq!(again, log);
    let turned = text.replace("1000000000", "3000000000");
    let turned: SentLog = serde_json::from_str(&turned).expect("numbers");
    assert!(!turned.is_plausible(at(9000)));
}

/// One call: time since the last one, cost, and whether the request is taken back after the next one.
fn call() -> impl Strategy<Value = (u64, u64, bool)> {
    let gap = prop_oneof![2 => Just(0), 2 => 0u64..50, 1 => 0u64..3000];
    (gap, 1u64..4, prop::bool::weighted(0.1))
}

/// Returns the most that any window of this length holds.
fn fullest(sent: &[(Time, u64)], window: Duration) -> u64 {
    let from = |first: &(Time, u64)| {
        let inside = sent
            .iter()
            .filter(|it| it.0 >= first.0 && it.0 < first.0 + window);
        inside.map(|it| it.1).sum()
    };
    sent.iter().map(from).max().unwrap_or(0)
}

proptest! {
    #[test]
    fn no_window_holds_more_than_its_limit_and_none_waits_longer_than_it_must(
        calls in prop::collection::vec(call(), 1..400),
        most in prop_oneof![3u64..65, 65u64..600],
        window in 1u64..5000,
    ) {
        let of = WindowLimit { most, window: Duration::from_millis(window) };
        let mut log = SentLog::default();
        let mut sent: Vec<(Time, u64)> = Vec::new();
        let mut unused: Option<(Time, u64)> = None;
        let mut now = Time::ZERO;
        for (gap, cost, fails) in calls {
            now = now + Duration::from_millis(gap);
            let ready = log.ready(cost, of);
            if ready > now {
                // Exact: one nanosecond earlier would have been too early.
                let early = Time::from_nanos(ready.as_nanos() - 1);
                let inside = sent.iter().filter(|it| it.0 + of.window > early);
                let inside: u64 = inside.map(|it| it.1).sum();
                prop_assert!(most > 64 || inside + cost > most, "{} of {}", inside, most);
                now = ready;
            }
            log.record(now, cost, of);
            sent.push((now, cost));
            if let Some((at, cost)) = unused.take() {
                log.take_back(at, cost);
                if at + of.window > now {
                    let place = sent.iter().position(|it| *it == (at, cost));
                    sent.remove(place.expect("it was sent"));
                }
            }
            unused = fails.then_some((now, cost));
            prop_assert!(log.groups.len() <= MOST_GROUPS);
            let inside = sent.iter().filter(|it| it.0 + of.window > now);
            let inside: u64 = inside.map(|it| it.1).sum();
            prop_assert!(log.used(now, of.window) >= inside);
        }
        let text = serde_json::to_string(&log).expect("plain numbers");
        prop_assert_eq!(&serde_json::from_str::<SentLog>(&text).expect("the same"), &log);
        prop_assert!(fullest(&sent, of.window) <= most);
    }
}

#[test]
fn what_is_told_late_counts_from_its_own_time_or_a_little_longer() {
    let of = limit(4, 60);
    let mut log = sent_at(&[10_000, 30_000, 70_000], of);
    // The one at 5 s is out of the window that ends at 70 s, and the one at 20 s counts from 30 s on.
    log.record(at(5_000), 1, of);
    assert_eq!(log.used(at(70_000), of.window), 2);
    log.record(at(20_000), 1, of);
    assert_eq!(log.used(at(70_000), of.window), 3);
    assert_eq!(log.ready(2, of), at(90_000));
}
