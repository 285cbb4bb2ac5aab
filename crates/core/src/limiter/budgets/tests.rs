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

fn bounds() -> Bounds {
    Bounds {
        slowest: Rate::per_second(0.1).expect("a valid rate"),
        longest: 300 * SECOND,
        at_once: false,
    }
}

fn next(budget: &Budget, number: u64, seconds: f64) -> Time {
    budget.due(&last(number, seconds), 0, None, &bounds())
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

fn heard(before: Option<Budget>, now: f64, number: u64, remaining: u64, reset: u64) -> Budget {
    Budget::heard(
        before,
        at(now),
        number,
        &told(remaining, reset),
        Duration::ZERO,
    )
}

#[test]
fn what_is_left_is_spread_over_nine_tenths_of_the_rest_of_the_window() {
    // 180 left in 60 s: 54 s for 180 requests, quicker than the announced 100 a minute.
    let budget = heard(None, 0.0, 10, 180, 60);
    assert_eq!(next(&budget, 10, 0.0), at(0.3));
    // Five more were sent meanwhile: 175 are left of it.
    assert_eq!(
        next(&budget, 15, 6.0),
        at(6.0) + (54 * SECOND).mul_f64(0.9 / 175.0)
    );
}

#[test]
fn those_who_go_first_and_what_the_last_one_cost_count() {
    // 90 left in 60 s: one in 0.6 s.
    let budget = heard(None, 0.0, 10, 90, 60);
    let due = |number, cost, ahead| {
        let last = Last {
            cost,
            ..last(number, 0.0)
        };
        budget.due(&last, ahead, None, &bounds())
    };
    assert_eq!(due(10, 1, 0), at(0.6));
    assert_eq!(due(10, 5, 0), at(3.0));
    assert_eq!(due(10, 1, 89), at(54.0));
    // The 91st is not left.
    assert_eq!(due(10, 1, 90), at(60.0));
    assert_eq!(due(98, 1, 1), at(1.2));
    assert_eq!(due(98, 1, 2), at(60.0));
}

#[test]
fn the_announced_rate_may_be_used_even_if_others_took_most_of_the_window() {
    let budget = heard(None, 0.0, 10, 5, 60);
    assert_eq!(next(&budget, 10, 0.0), at(0.6));
    assert_eq!(next(&budget, 15, 3.0), at(60.0));
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
    assert_eq!(heard(Some(new), 0.2, 100, 0, 1), new);
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
    let of = |remaining, reset| {
        [told(remaining, reset)]
            .into_iter()
            .collect::<AnnouncedLimits>()
    };
    budgets.heard(at(0.0), 100, Some(TRIP), &of(0, 5), Duration::ZERO);
    assert_eq!(budgets.lapse(at(5.0), 100, false), Some(at(5.0)));
    let due = |budgets: &Budgets, sent| budgets.due(&last(sent, 5.0), 0, &bounds());
    // 100 in nine tenths of a minute, and no burst before the first response.
    assert_eq!(due(&budgets, 100), at(5.54));
    assert_eq!(due(&budgets, 200), at(65.0));
    assert_eq!(budgets.tightest(at(5.0), 100), None, "no response said so");
    // A late response describes the window before; the response to a later request describes this one.
    budgets.heard(at(5.1), 99, Some(TRIP), &of(1, 1), Duration::ZERO);
    assert_eq!(due(&budgets, 200), at(65.0));
    budgets.heard(at(5.2), 101, Some(TRIP), &of(3, 60), Duration::ZERO);
    assert_eq!(due(&budgets, 104), at(65.2));
    // One window is taken for granted, and no more.
    assert_eq!(budgets.lapse(at(65.2), 104, false), Some(at(65.2)));
    assert_eq!(budgets.lapse(at(125.2), 104, false), Some(at(125.2)));
    assert_eq!(due(&budgets, 104), Time::ZERO);
}

#[test]
fn a_window_that_was_used_before_it_began_is_found_out() {
    let mut budgets = Budgets::default();
    let of = |remaining, reset| {
        [told(remaining, reset)]
            .into_iter()
            .collect::<AnnouncedLimits>()
    };
    budgets.heard(at(0.0), 100, Some(TRIP), &of(0, 5), Duration::ZERO);
    budgets.lapse(at(5.0), 100, false);
    budgets.heard(at(5.1), 101, Some(TRIP), &of(0, 1), Duration::ZERO);
    let due = budgets.due(&last(101, 5.0), 0, &bounds());
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
            budgets.lapse(now, number, false);
            let told = [second(*remaining)].into_iter().collect();
            budgets.heard(now, number, Some(trip), &told, Duration::ZERO);
        }
        let due = budgets.due(&last(400, 40.0), 0, &bounds());
        due.saturating_since(at(40.0)).as_secs_f64()
    };
    let is_about = |interval: f64, expected: f64| (interval - expected).abs() < 0.0005;
    // 40 ms of mean deviation. A bucket is never empty.
    assert!(is_about(interval(&[3, 4]), 0.1005));
    // A window that rolls is full at any time.
    assert!(is_about(interval(&[0, 1]), 0.1132));
    // One that begins anew is full at its end.
    assert!(is_about(interval(&[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]), 0.108));
}

#[test]
fn only_who_says_that_nothing_is_left_for_no_time_rounds_down() {
    let of = |remaining, reset| {
        [told(remaining, reset)]
            .into_iter()
            .collect::<AnnouncedLimits>()
    };
    assert!(of(0, 0).is_rounded_down());
    assert!(!of(0, 1).is_rounded_down() && !of(1, 0).is_rounded_down());
    assert!(!AnnouncedLimits::default().is_rounded_down());
}

#[test]
fn no_announcement_paces_below_the_lowest_rate() {
    let told = Announced {
        name: None,
        limit: None,
        ..told(3, u64::from(u32::MAX))
    };
    let nonsense = Budget::heard(None, at(0.0), 1, &told, Duration::ZERO);
    assert_eq!(next(&nonsense, 1, 0.0), at(10.0));
    assert_eq!(next(&nonsense, 4, 0.0), at(300.0));
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
        1,
        Some(TRIP),
        &minute_and_day(50, 50, 30),
        Duration::ZERO,
    );
    // 50 in nine tenths of an hour are slower than the lowest rate, which goes on.
    let next = |budgets: &Budgets, sent| budgets.due(&last(sent, 1.0), 0, &bounds());
    assert_eq!(next(&budgets, 1), at(11.0));
    budgets.heard(
        at(1.0),
        2,
        Some(TRIP),
        &minute_and_day(0, 49, 29),
        Duration::ZERO,
    );
    assert_eq!(next(&budgets, 2), at(30.0));
    // When the minute is over, the day's is left.
    assert_eq!(budgets.lapse(at(30.0), 2, false), Some(at(30.0)));
    assert_eq!(next(&budgets, 2), at(11.0));
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
            number,
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
        5,
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
    let before = budgets;
    budgets.heard(at(0.1), 4, Some(TRIP), &other, Duration::ZERO);
    assert_eq!(budgets.iter().count(), 2);
    assert!(
        before
            .iter()
            .all(|known| budgets.iter().any(|it| it == known))
    );
    budgets.heard(at(0.2), 6, Some(TRIP), &other, Duration::ZERO);
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
    let of = |remaining, reset| {
        [told(remaining, reset)]
            .into_iter()
            .collect::<AnnouncedLimits>()
    };
    budgets.heard(at(0.0), 1, Some(TRIP), &of(5, 5), Duration::ZERO);
    // Half a second before the reset, in whole seconds: one.
    budgets.heard(at(4.5), 6, Some(TRIP), &of(0, 1), Duration::ZERO);
    assert_eq!(budgets.pause(at(4.5), SECOND), SECOND / 2);
    // Another limit, of other units, is used up for longer.
    assert_eq!(budgets.pause(at(4.5), 30 * SECOND), 30 * SECOND);
}
