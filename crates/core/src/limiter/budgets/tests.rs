use super::*;
use crate::limiter::announced::Announced;

const SECOND: Duration = Duration::from_secs(1);

/// Round trip of every request.
const TRIP: Duration = Duration::from_millis(100);

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

fn last(number: u64, seconds: f64) -> Last {
    Last {
        number,
        at: at(seconds),
        cost: 1,
    }
}

fn sent(number: u64, seconds: f64) -> SentSoFar {
    SentSoFar {
        last: last(number, seconds),
        under_way: 0,
    }
}

fn bounds() -> Bounds {
    Bounds {
        longest: 300 * SECOND,
        reserve: 0.1,
    }
}

fn next(budget: &Budget, number: u64, seconds: f64) -> Time {
    budget.due(&sent(number, seconds), 0, None, &bounds())
}

fn told(remaining: u64, reset: u64) -> Announced {
    Announced {
        name: None,
        limit: Some(100),
        window: Some(60 * SECOND),
        remaining,
        reset_after: Duration::from_secs(reset),
    }
}

/// Returns one announced limit.
fn only(remaining: u64, reset: u64) -> AnnouncedLimits {
    [told(remaining, reset)].into_iter().collect()
}

fn heard(before: Option<Budget>, now: f64, number: u64, remaining: u64, reset: u64) -> Budget {
    let told = told(remaining, reset);
    let news = News {
        now: at(now),
        number,
        told: &told,
        grace: Duration::ZERO,
        under_way: 0,
        trip: TRIP,
        later: 0,
    };
    Budget::heard(before, &news)
}

#[test]
fn what_is_left_goes_at_once_until_the_reset() {
    let budget = heard(None, 0.0, 10, 90, 60);
    assert_eq!(next(&budget, 10, 0.2), at(0.2));
    assert_eq!(next(&budget, 99, 0.4), at(0.4));
    assert_eq!(next(&budget, 100, 0.4), at(60.0));
}

#[test]
fn what_is_under_way_may_not_be_counted_yet() {
    let budget = heard(None, 0.0, 10, 90, 60);
    let due = |number, under_way, ahead| {
        let sent = SentSoFar {
            under_way,
            ..sent(number, 30.0)
        };
        budget.due(&sent, ahead, None, &bounds())
    };
    assert_eq!(due(20, 89, 0), at(30.0));
    // 80 are left, if the 90 under way were sent before the response: it is waited for.
    assert_eq!(due(20, 90, 0), at(32.0));
    assert_eq!(due(20, 0, 79), at(30.0));
    assert_eq!(due(20, 0, 80), at(60.0));
}

/// Hears of 5,000 an hour, of which so many are left for the last 2,000 s.
fn hourly(remaining: u64) -> Budget {
    let told = Announced {
        name: None,
        limit: Some(5000),
        window: Some(3600 * SECOND),
        remaining,
        reset_after: 2000 * SECOND,
    };
    let news = News {
        now: at(0.0),
        number: 10,
        told: &told,
        grace: Duration::ZERO,
        under_way: 0,
        trip: TRIP,
        later: 0,
    };
    Budget::heard(None, &news)
}

#[test]
fn the_reserve_of_a_long_window_is_spread_over_nine_tenths_of_the_rest() {
    // All but 500.
    let budget = hourly(1000);
    assert_eq!(next(&budget, 509, 5.0), at(5.0));
    let paced = at(5.0) + Duration::from_secs_f64(1995.0 * 0.9 / 500.0);
    assert_eq!(next(&budget, 510, 5.0), paced);
    // Of two callers in a row the first goes at once.
    let due = |ahead| budget.due(&sent(509, 5.0), ahead, None, &bounds());
    assert_eq!(due(0), at(5.0));
    assert_eq!(
        due(1),
        at(5.0) + Duration::from_secs_f64(1995.0 * 0.9 / 501.0)
    );
    assert_eq!(next(&budget, 1010, 5.0), at(305.0), "the longest wait");
}

#[test]
fn without_a_reserve_all_is_spent_and_with_all_of_it_in_reserve_nothing() {
    let budget = hourly(1000);
    let due = |reserve, number| {
        let bounds = Bounds {
            reserve,
            ..bounds()
        };
        budget.due(&sent(number, 200.0), 0, None, &bounds)
    };
    assert_eq!(due(0.0, 1009), at(200.0));
    // 1,000 in nine tenths of 1,800 s.
    assert_eq!(due(1.0, 10), at(201.62));
    assert_eq!(due(1.0, 1009), at(500.0), "the longest wait");
}

#[test]
fn a_slow_pace_is_one_request_in_the_longest_wait() {
    let budget = hourly(2);
    let bounds = Bounds {
        longest: 60 * SECOND,
        reserve: 0.1,
    };
    assert_eq!(budget.due(&sent(10, 0.0), 0, None, &bounds), at(60.0));
}

#[test]
fn a_steady_neighbour_is_left_what_it_will_need() {
    // In 10 s we took 40, and others 10: one a second.
    let told = Announced {
        limit: Some(1000),
        ..told(0, 0)
    };
    let hear = |before, now: f64, number, remaining| {
        let told = Announced {
            remaining,
            reset_after: at(60.0).saturating_since(at(now)),
            ..told
        };
        let news = News {
            now: at(now),
            number,
            told: &told,
            grace: Duration::ZERO,
            under_way: 0,
            trip: TRIP,
            later: 0,
        };
        Budget::heard(before, &news)
    };
    let first = hear(None, 0.0, 1, 999);
    let budget = hear(Some(first), 10.0, 41, 949);
    // 1.2 for each of the 50 s that are left.
    assert_eq!(next(&budget, 41 + 949 - 61, 10.0), at(10.0));
    // An eighth of the 60, over nine tenths of the 50 s.
    let paced = at(10.0 + 45.0 / 7.5);
    assert_eq!(next(&budget, 41 + 949 - 60, 10.0), paced);
}

#[test]
fn a_reset_that_moves_away_is_a_rolling_window_and_is_paced_by_its_rate() {
    let first = Some(heard(None, 0.0, 1, 99, 60));
    let moved = heard(first, 5.0, 2, 98, 60);
    assert!(moved.paces());
    assert_eq!(
        next(&moved, 100, 5.0),
        at(5.0) + Duration::from_millis(600).mul_f64(1.005)
    );
}

#[test]
fn nothing_goes_beyond_what_is_left_before_the_reset() {
    let budget = heard(None, 0.0, 10, 2, 8);
    assert_eq!(next(&budget, 12, 5.0), at(8.0));
    assert!(!budget.holds(at(8.0)));
}

#[test]
fn of_answers_out_of_order_the_highest_number_and_the_least_that_is_left_count() {
    // The request of grant 12 overtook that of 11.
    let newer = Some(heard(None, 1.0, 12, 89, 59));
    assert_eq!(heard(newer, 1.1, 11, 88, 59).shown(12).remaining, 88);
    let older = Some(heard(None, 1.0, 11, 88, 59));
    assert_eq!(heard(older, 1.1, 12, 89, 59).shown(12).remaining, 88);
}

#[test]
fn a_late_answer_of_the_window_before_does_not_empty_the_new_one() {
    let new = heard(None, 0.1, 101, 99, 60);
    assert_eq!(heard(Some(new.clone()), 0.2, 100, 0, 1), new);
}

#[test]
fn the_earliest_reading_of_a_rounded_reset_counts() {
    let first = Some(heard(None, 0.2, 1, 99, 60));
    let second = heard(first, 0.9, 2, 98, 59);
    assert_eq!(second.until, at(59.9));
}

#[test]
fn a_new_window_replaces_the_old_one() {
    let old = Some(heard(None, 0.0, 100, 0, 5));
    let new = heard(old, 4.9, 101, 99, 60);
    assert_eq!((new.shown(101).remaining, new.until), (99, at(64.9)));
}

#[test]
fn the_window_after_one_that_is_over_is_taken_to_be_as_long_until_an_answer_tells_of_it() {
    let mut budgets = Budgets::default();
    budgets.heard(
        at(0.0),
        (100, 0, 0),
        Some(TRIP),
        &only(0, 5),
        Duration::ZERO,
    );
    assert_eq!(budgets.lapse(at(5.0), 100), Some(at(5.0)));
    // Nothing was left of the one before: one request goes first.
    let due = |budgets: &Budgets, number, seconds, under_way| {
        let sent = SentSoFar {
            under_way,
            ..sent(number, seconds)
        };
        budgets.due(&sent, 0, &bounds())
    };
    assert_eq!(due(&budgets, 100, 0.0, 3), at(0.0));
    assert_eq!(due(&budgets, 101, 5.0, 1), at(7.0));
    assert_eq!(budgets.tightest(at(5.0), 100), None, "no response said so");
    // A late response describes the window before; the response to a later request describes this one.
    budgets.heard(at(5.1), (99, 0, 0), Some(TRIP), &only(1, 1), Duration::ZERO);
    assert_eq!(due(&budgets, 101, 5.0, 1), at(7.0));
    budgets.heard(
        at(5.2),
        (101, 0, 0),
        Some(TRIP),
        &only(98, 60),
        Duration::ZERO,
    );
    assert_eq!(due(&budgets, 198, 5.2, 0), at(5.2));
    assert_eq!(due(&budgets, 199, 5.2, 0), at(65.2));
    // One window is taken for granted, and no more.
    assert_eq!(budgets.lapse(at(65.2), 104), Some(at(65.2)));
    assert_eq!(budgets.lapse(at(125.2), 104), Some(at(125.2)));
    assert_eq!(due(&budgets, 104, 5.2, 0), Time::ZERO);
}

#[test]
fn after_a_window_that_was_not_used_up_many_requests_may_go_at_once() {
    let mut budgets = Budgets::default();
    budgets.heard(
        at(0.0),
        (75, 0, 0),
        Some(TRIP),
        &only(25, 5),
        Duration::ZERO,
    );
    assert_eq!(budgets.lapse(at(5.0), 75), Some(at(5.0)));
    let due = |number| budgets.due(&sent(number, 5.0), 0, &bounds());
    assert_eq!(due(174), at(5.0));
    assert_eq!(due(175), at(65.0));
}

#[test]
fn a_reset_that_is_a_timer_of_its_own_belongs_to_a_window_that_rolls() {
    // A log of the last minute, and a timer that counts down from 60: 100 were sent right before the timer began anew.
    let mut budgets = Budgets::default();
    budgets.heard(
        at(0.0),
        (100, 0, 0),
        Some(TRIP),
        &only(0, 5),
        Duration::ZERO,
    );
    let _ = budgets.lapse(at(5.0), 100);
    budgets.heard(
        at(5.2),
        (101, 0, 0),
        Some(TRIP),
        &only(10, 60),
        Duration::ZERO,
    );
    assert!(budgets.iter().all(Budget::paces));
    // The reset stays where it is for more than three seconds: it was a burst of somebody else.
    budgets.heard(
        at(8.3),
        (102, 0, 0),
        Some(TRIP),
        &only(9, 57),
        Duration::ZERO,
    );
    assert!(!budgets.iter().any(Budget::paces));
}

#[test]
fn a_window_that_rolls_is_used_again_as_its_requests_leave_it() {
    let mut budgets = Budgets::default();
    let told = |remaining| {
        [told(remaining, 60)]
            .into_iter()
            .collect::<AnnouncedLimits>()
    };
    // The first three are counted when the reset has moved.
    for (number, seconds) in [(1, 0.0), (2, 1.0), (3, 2.5)] {
        budgets.heard(
            at(seconds),
            (number, 0, 0),
            Some(TRIP),
            &told(100 - number),
            Duration::ZERO,
        );
    }
    for number in 4..=100 {
        assert_eq!(
            budgets.due(&sent(number - 1, 3.0), 0, &bounds()),
            Time::ZERO
        );
        budgets.sent(&last(number, 3.0));
    }
    budgets.heard(at(3.1), (100, 0, 0), Some(TRIP), &told(0), Duration::ZERO);
    // 60 s and 1.5% after the three.
    let due = budgets.due(&sent(100, 3.0), 0, &bounds());
    assert_eq!(due, at(2.5 + 60.9));
    let whose = |seconds| budgets.used_up(at(seconds), &last(100, 3.0), &told(0));
    assert_eq!(whose(53.4), Some(UsedUp::For(10 * SECOND)));
    // Ours have left it: others have used it up.
    assert_eq!(whose(64.0), Some(UsedUp::ByOthers));
}

#[test]
fn a_bucket_is_used_up_to_two_requests_and_then_followed() {
    let mut budgets = Budgets::default();
    let told = |missing: u64| {
        let told = Announced {
            limit: Some(60),
            remaining: 60 - missing,
            ..told(0, missing)
        };
        [told].into_iter().collect::<AnnouncedLimits>()
    };
    // 60 that flow in within a minute.
    for number in 1..=7 {
        budgets.heard(
            at(0.1),
            (number, 0, 0),
            Some(TRIP),
            &told(number),
            Duration::ZERO,
        );
    }
    let due = |number| budgets.due(&sent(number, 0.2), 0, &bounds());
    assert_eq!(due(57), at(0.2));
    assert_eq!(due(58), at(0.2) + Duration::from_millis(1005));
    // We have followed it: whoever used up the rest, it is not us.
    let used_up = told(60);
    budgets.heard(at(0.3), (60, 0, 0), Some(TRIP), &used_up, Duration::ZERO);
    let whose = budgets.used_up(at(0.3), &last(60, 0.2), &used_up);
    assert_eq!(whose, Some(UsedUp::ByOthers));
}

#[test]
fn a_window_that_was_used_before_it_began_is_found_out() {
    let mut budgets = Budgets::default();
    budgets.heard(
        at(0.0),
        (100, 0, 0),
        Some(TRIP),
        &only(0, 5),
        Duration::ZERO,
    );
    budgets.lapse(at(5.0), 100);
    budgets.heard(
        at(5.1),
        (101, 0, 0),
        Some(TRIP),
        &only(0, 1),
        Duration::ZERO,
    );
    let due = budgets.due(&sent(101, 5.0), 0, &bounds());
    assert_eq!(due, at(6.1));
}

#[test]
fn round_trips_that_differ_make_room_in_a_short_window_of_which_nothing_was_left() {
    let second = |remaining| Announced {
        name: None,
        limit: Some(10),
        window: Some(SECOND),
        remaining,
        reset_after: SECOND,
    };
    let interval = |left: &[u64]| {
        let mut budgets = Budgets::default();
        for (number, remaining) in (1..).zip(left.iter().cycle().take(400)) {
            let now = at(number as f64 / 10.0);
            let trip = Duration::from_millis(100 + 80 * (number % 2));
            budgets.lapse(now, number);
            let told = [second(*remaining)].into_iter().collect();
            budgets.sent(&last(number, number as f64 / 10.0));
            budgets.heard(now, (number, 0, 0), Some(trip), &told, Duration::ZERO);
        }
        // The next one of ten takes the place of the one at 39.1 s.
        let due = budgets.due(&sent(400, 40.0), 0, &bounds());
        due.saturating_since(at(39.1)).as_secs_f64()
    };
    let is_about = |interval: f64, expected: f64| (interval - expected).abs() < 0.005;
    // 40 ms of mean deviation. A bucket is never empty.
    assert!(is_about(interval(&[3, 4]), 1.005));
    // A window that rolls is full at any time.
    assert!(is_about(interval(&[0, 1]), 1.132));
    // One that begins anew is full at its end.
    assert!(is_about(interval(&[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]), 1.08));
}

#[test]
fn a_limit_of_a_fraction_of_a_second_outlasts_many_of_its_windows() {
    let mut budgets = Budgets::default();
    let pacing = Announced {
        name: None,
        limit: Some(1),
        window: Some(SECOND / 5),
        remaining: 0,
        reset_after: SECOND,
    };
    let told = [pacing].into_iter().collect();
    budgets.heard(at(0.1), (1, 0, 0), Some(TRIP), &told, Duration::ZERO);
    budgets.sent(&last(1, 0.0));
    // 24 windows later two requests are still apart.
    budgets.lapse(at(5.9), 1);
    budgets.sent(&last(2, 5.9));
    let due = budgets.due(&sent(2, 5.9), 0, &bounds());
    assert!(due > at(6.09) && due < at(6.5), "{due:?}");
}

#[test]
fn only_who_says_that_nothing_is_left_for_no_time_rounds_down() {
    assert!(only(0, 0).is_rounded_down());
    assert!(!only(0, 1).is_rounded_down() && !only(1, 0).is_rounded_down());
    assert!(!AnnouncedLimits::default().is_rounded_down());
}

#[test]
fn no_announcement_stops_the_limiter_for_longer_than_the_longest_wait() {
    let told = Announced {
        name: None,
        limit: None,
        window: None,
        ..told(3, u64::from(u32::MAX))
    };
    let news = News {
        now: at(0.0),
        number: 1,
        told: &told,
        grace: Duration::ZERO,
        under_way: 0,
        trip: TRIP,
        later: 0,
    };
    let nonsense = Budget::heard(None, &news);
    assert_eq!(next(&nonsense, 2, 0.0), at(0.0));
    assert_eq!(next(&nonsense, 3, 0.0), at(300.0));
    assert_eq!(next(&nonsense, 4, 0.0), at(300.0));
}

#[test]
fn a_limit_that_gives_back_one_by_one_over_decades_stops_nobody_for_longer_either() {
    const LONG: Duration = Duration::from_secs(1 << 31);
    let of = |remaining: u64, reset_after: Duration| {
        let told = Announced {
            window: Some(LONG),
            limit: Some(10),
            reset_after,
            ..told(remaining, 0)
        };
        [told].into_iter().collect::<AnnouncedLimits>()
    };
    let refilled = |missing: u64| LONG.mul_f64(missing as f64 / 10.0);
    for (kind, resets) in [
        ("rolling", [LONG / 2, LONG, LONG]),
        ("bucket", [refilled(1), refilled(5), refilled(10)]),
    ] {
        let mut budgets = Budgets::default();
        for (number, (reset, left)) in (1..).zip(resets.into_iter().zip([9, 5, 0])) {
            budgets.sent(&last(number, 0.0));
            let told = of(left, reset);
            budgets.heard(at(0.1), (number, 0, 0), Some(TRIP), &told, Duration::ZERO);
        }
        assert!(budgets.iter().any(Budget::paces), "{kind}");
        let due = budgets.due(&sent(3, 0.0), 0, &bounds());
        assert!(due <= at(300.0), "{kind}: {due:?}");
    }
}

fn minute_and_day(minute: u64, day: u64, reset: u64) -> AnnouncedLimits {
    let day = Announced {
        name: None,
        limit: Some(5000),
        window: Some(86_400 * SECOND),
        ..told(day, 3600)
    };
    [told(minute, reset), day].into_iter().collect()
}

#[test]
fn each_of_several_limits_is_a_cap_of_its_own() {
    let mut budgets = Budgets::default();
    budgets.heard(
        at(0.0),
        (1, 0, 0),
        Some(TRIP),
        &minute_and_day(50, 50, 30),
        Duration::ZERO,
    );
    // The day's are less than its reserve: they are spread over nine tenths of the hour that is left.
    let of_the_day = |left| at(1.0) + Duration::from_secs_f64(3599.0 * 0.9 / left);
    let next = |budgets: &Budgets, number| budgets.due(&sent(number, 1.0), 0, &bounds());
    assert_eq!(next(&budgets, 1), of_the_day(50.0));
    budgets.heard(
        at(1.0),
        (2, 0, 0),
        Some(TRIP),
        &minute_and_day(0, 49, 29),
        Duration::ZERO,
    );
    assert_eq!(next(&budgets, 2), of_the_day(49.0));
    // When the minute is over, the day's is left.
    assert_eq!(budgets.lapse(at(30.0), 2), Some(at(30.0)));
    assert_eq!(next(&budgets, 2), of_the_day(49.0));
    assert_eq!(
        budgets.tightest(at(30.0), 2).map(|it| it.remaining),
        Some(49)
    );
}

#[test]
fn limits_that_take_turns_at_being_the_tightest_are_not_taken_for_a_rolling_one() {
    let mut budgets = Budgets::default();
    for number in 1..20 {
        let minute = if number % 2 == 0 { 1 } else { 99 };
        let now = at(number as f64 / 10.0);
        budgets.heard(
            now,
            (number, 0, 0),
            Some(TRIP),
            &minute_and_day(minute, 3000, 60),
            Duration::ZERO,
        );
    }
    assert!(budgets.iter().all(|budget| !budget.paces()));
}

#[test]
fn a_limit_that_the_newest_answer_does_not_speak_of_counts_no_longer() {
    let mut budgets = Budgets::default();
    budgets.heard(
        at(0.0),
        (5, 0, 0),
        Some(TRIP),
        &minute_and_day(0, 50, 30),
        Duration::ZERO,
    );
    let other = Announced {
        name: None,
        limit: Some(10),
        ..told(9, 30)
    };
    // An older response announces another limit, which must not be used.
    let other: AnnouncedLimits = [other].into_iter().collect();
    let before = budgets.clone();
    budgets.heard(at(0.1), (4, 0, 0), Some(TRIP), &other, Duration::ZERO);
    assert_eq!(budgets.iter().count(), 2);
    assert!(
        before
            .iter()
            .all(|known| budgets.iter().any(|it| it == known))
    );
    budgets.heard(at(0.2), (6, 0, 0), Some(TRIP), &other, Duration::ZERO);
    assert_eq!(
        budgets.tightest(at(0.2), 6).map(|it| it.limit),
        Some(Some(10))
    );
    assert_eq!(budgets.iter().count(), 1);
}

#[test]
fn of_more_limits_than_are_told_apart_the_tightest_count() {
    let many = (0..10).map(|remaining| told(20 - remaining, 10));
    let told: AnnouncedLimits = many.collect();
    let mut left: Vec<u64> = told.iter().map(|it| it.remaining).collect();
    left.sort_unstable();
    assert_eq!(left, [11, 12, 13, 14]);
}

#[test]
fn the_pause_for_a_used_up_window_ends_when_an_earlier_answer_said() {
    let mut budgets = Budgets::default();
    budgets.heard(at(0.0), (1, 0, 0), Some(TRIP), &only(5, 5), Duration::ZERO);
    // Half a second before the reset, in whole seconds: one.
    budgets.heard(at(4.5), (6, 0, 0), Some(TRIP), &only(0, 1), Duration::ZERO);
    assert_eq!(budgets.pause(at(4.5), SECOND), SECOND / 2);
    // Another limit, of other units, is used up for longer.
    assert_eq!(budgets.pause(at(4.5), 30 * SECOND), 30 * SECOND);
}

#[test]
fn damaged_limits_of_a_store_are_found_out() {
    let mut budgets = Budgets::default();
    let told = [told(50, 30)].into_iter().collect();
    budgets.heard(at(0.0), (1, 0, 0), Some(TRIP), &told, Duration::ZERO);
    assert!(budgets.are_plausible(at(1.0)));
    for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let mut damaged = budgets.clone();
        damaged.limits[0].as_mut().expect("a limit").share = share;
        assert!(!damaged.are_plausible(at(1.0)), "{share}");
    }
    let mut damaged = budgets.clone();
    let of = crate::limiter::sent_log::WindowLimit {
        most: 100,
        window: 60 * SECOND,
    };
    let ours = &mut damaged.limits[0].as_mut().expect("a limit").ours;
    ours.record(Time::MAX, 1, of);
    assert!(
        !damaged.are_plausible(at(1.0)),
        "a request of a time to come"
    );
}
