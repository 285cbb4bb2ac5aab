use proptest::prelude::*;

use super::*;
use crate::limiter::grant::Grant;
use crate::limiter::learned::RememberedWindow;

const MINUTE: Duration = Duration::from_secs(60);
const JITTER: Duration = Duration::from_millis(100);

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

fn limit(kind: LimitKind) -> InferredLimit {
    InferredLimit {
        kind,
        count: 10,
        most: 10,
        window: MINUTE,
        begins: Some([at(60.0), at(62.0)]),
        seen: 2,
        certainty: 0.97,
    }
}

/// A caller that has found the law at 100 s, when a window was used up.
struct Caller {
    spending: WindowSpending,
    number: u64,
}

impl Caller {
    fn new(kind: LimitKind) -> Self {
        let spending = WindowSpending::new(&limit(kind), JITTER, at(100.0), 0, None);
        Self {
            spending: spending.expect("ten requests are enough"),
            number: 0,
        }
    }

    /// Returns when the next request may go; `None` if a response has to come first.
    fn turn(&mut self, now: f64) -> Option<Time> {
        self.spending.advance(at(now));
        match self.spending.turn(at(now), 1) {
            WindowTurn::At(time) => Some(time.max(at(now))),
            WindowTurn::AfterFeedback(_) => None,
        }
    }

    /// Sends a request, which must be allowed.
    fn send(&mut self, now: f64) -> Grant {
        assert_eq!(self.turn(now), Some(at(now)), "a request may go at {now} s");
        self.number += 1;
        let grant = Grant {
            lineage: 0,
            issued_at: at(now),
            epoch: 0,
            waited: true,
            cost: 1,
            canary: false,
            turns: 0,
            trial: false,
            number: self.number,
            beside: 0,
        };
        self.spending.sent(&grant);
        grant
    }

    /// Gives a permit back.
    fn unsent(&mut self, grant: &Grant) {
        self.spending.unsent(grant);
        if grant.number == self.number {
            self.number -= 1;
        }
    }

    fn accepted(&mut self, now: f64) {
        let grant = self.send(now);
        let _ = self.spending.accepted(&grant, Duration::ZERO);
    }

    fn refused(&mut self, now: f64) {
        let grant = self.send(now);
        self.spending.refused(at(now), &grant);
    }

    /// Spends a window by its number, and has one more request refused.
    fn spend(&mut self, now: f64, number: u32) {
        (0..number).for_each(|_| self.accepted(now));
        self.refused(now);
    }
}

#[test]
fn requests_of_a_window_go_at_once_and_none_follows_before_the_next_one() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    assert_eq!(caller.turn(100.0), Some(at(122.0)), "this one is used up");
    caller.spend(122.0, 10);
    assert_eq!(caller.turn(122.0), Some(at(182.0)));
    assert_eq!(caller.spending.projected(at(122.0), 10, 1), at(242.0));
}

#[test]
fn windows_from_the_first_request_begin_when_it_arrived() {
    let mut caller = Caller::new(LimitKind::WindowFromFirst);
    assert_eq!(caller.turn(100.0), Some(at(122.03)));
    caller.spend(130.0, 10);
    assert_eq!(
        caller.turn(131.0),
        Some(at(190.03)),
        "a margin of three tenths of the jitter"
    );
    assert_eq!(
        caller.turn(500.0),
        Some(at(500.0)),
        "none has begun since then"
    );
}

#[test]
fn a_test_that_is_accepted_raises_the_number() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    (0..10).for_each(|_| caller.accepted(122.0));
    // The test, and what follows it until one is refused.
    caller.spend(123.0, 5);
    (0..15).for_each(|_| caller.accepted(182.0));
    assert_eq!(caller.spending.rate(), Rate::per_second(0.25));
}

#[test]
fn tests_are_a_minute_apart_and_wait_until_no_other_request_is_in_flight() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    let grants: Vec<Grant> = (0..10).map(|_| caller.send(122.0)).collect();
    assert_eq!(caller.turn(122.0), None);
    for grant in &grants {
        let _ = caller.spending.accepted(grant, Duration::ZERO);
    }
    caller.refused(122.0);
    // The second one comes at the end of the next window: windows may be shorter than believed.
    (0..10).for_each(|_| caller.accepted(182.0));
    assert_eq!(caller.turn(182.0), Some(at(238.7)));
    caller.refused(238.7);
    (0..10).for_each(|_| caller.accepted(242.0));
    assert_eq!(caller.turn(242.0), Some(at(298.7)));
}

#[test]
fn a_first_request_that_fails_may_not_have_begun_the_window() {
    for is_unused in [false, true] {
        let mut caller = remembered(&window(LimitKind::WindowFromFirst, -3_580, 3_600));
        let caller = caller.as_mut().expect("a law");
        let lost = caller.send(100.0);
        if is_unused {
            caller.unsent(&lost);
        } else {
            caller.spending.failed(&lost);
        }
        (0..9).for_each(|_| caller.accepted(110.0));
        if is_unused {
            caller.accepted(110.0);
        }
        // The server's window began when the first request reached it.
        let next = caller.spending.next_begins();
        assert!(
            next >= at(170.0) && next < at(171.0),
            "{is_unused}: {next:?}"
        );
    }
}

#[test]
fn a_window_that_ends_early_lowers_the_number_and_spreads_the_next_one() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    caller.spend(122.0, 6);
    assert_eq!(caller.turn(123.0), Some(at(182.0)));
    caller.accepted(182.0);
    let spread = caller.turn(182.0).expect("a time");
    assert!(spread > at(191.0) && spread < at(192.0), "{spread:?}");
    assert!(!caller.spending.is_refuted());
}

#[test]
fn more_than_a_lowered_number_or_far_less_than_it_refutes_the_law() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    caller.spend(122.0, 6);
    for second in 0..6 {
        caller.accepted(182.0 + 9.4 * f64::from(second));
    }
    caller.accepted(237.0);
    assert!(caller.spending.is_refuted());

    let mut caller = Caller::new(LimitKind::FixedWindow);
    caller.spend(122.0, 4);
    assert!(caller.spending.is_refuted());
}

#[test]
fn a_first_request_that_comes_too_early_is_sent_again_a_little_later() {
    let mut caller = Caller::new(LimitKind::WindowFromFirst);
    caller.refused(122.5);
    assert_eq!(caller.turn(122.5), Some(at(123.7)));
    caller.accepted(123.7);
    assert_eq!(caller.turn(123.7).map(|time| time > at(123.7)), Some(true));
}

#[test]
fn permits_that_come_back_unused_leave_room_for_as_many_in_any_order() {
    for order in [[0, 4], [4, 0], [9, 2], [2, 9], [9, 8]] {
        let mut caller = Caller::new(LimitKind::FixedWindow);
        let mut grants: Vec<Grant> = (0..10).map(|_| caller.send(122.0)).collect();
        for place in order {
            caller.unsent(&grants[place]);
        }
        let mut place = 0;
        grants.retain(|_| {
            place += 1;
            !order.contains(&(place - 1))
        });
        for grant in &grants {
            let _ = caller.spending.accepted(grant, Duration::ZERO);
        }
        caller.accepted(122.0);
        // The tenth that is sent is no test, whatever its number: the limit was lowered to nine.
        caller.refused(122.0);
        assert_eq!(caller.turn(122.0), Some(at(182.0)), "{order:?}");
        for request in 0..8 {
            caller.accepted(182.0 + 7.0 * f64::from(request));
        }
        assert!(!caller.spending.is_refuted(), "{order:?}");
        assert_eq!(caller.spending.number, 9, "{order:?}");
    }
}

#[test]
fn a_permit_of_a_growing_window_that_comes_back_makes_no_test_of_the_others() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    (0..10).for_each(|_| caller.accepted(122.0));
    caller.accepted(122.0);
    // The number grows: three are in flight, and the first of them is refused.
    let grants: Vec<Grant> = (0..3).map(|_| caller.send(122.0)).collect();
    caller.unsent(&grants[1]);
    caller.spending.refused(at(122.1), &grants[0]);
    caller.spending.refused(at(122.1), &grants[2]);
    assert_eq!(caller.turn(182.0), Some(at(182.0)));
    assert_eq!(caller.spending.number, 11);
    assert_eq!(caller.spending.odd, 0, "no window ended early");
}

#[test]
fn a_permit_of_the_window_before_that_comes_back_does_not_hide_the_next_request() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    (0..8).for_each(|_| caller.accepted(122.0));
    let late = caller.send(122.0);
    assert_eq!(caller.turn(182.0), Some(at(182.0)), "the next window");
    caller.unsent(&late);
    // It has the number of the one that came back.
    let first = caller.send(182.0);
    assert_eq!(first.number, late.number);
    assert!(
        caller.spending.accepted(&first, Duration::ZERO),
        "the first"
    );
    assert_eq!(
        (caller.spending.accepted, caller.spending.in_flight),
        (1, 0)
    );
}

#[test]
fn a_call_is_told_when_its_window_begins() {
    // The window of an earlier run ends 20 s from now, with what the clocks and the ways may differ by.
    let law = window(LimitKind::WindowFromFirst, 20, 30);
    let caller = remembered(&law).expect("a law");
    let due = |ahead| caller.spending.projected(at(100.0), ahead, 1);
    assert_eq!(due(0), at(120.1));
    assert_eq!(due(9), at(120.1));
    assert_eq!(due(10), at(180.1), "in the window after");

    // A first request came too early.
    let mut caller = Caller::new(LimitKind::FixedWindow);
    caller.refused(122.5);
    assert_eq!(caller.spending.projected(at(122.5), 0, 1), at(123.7));

    // No request is sent before the next one, and this one is long over.
    let mut caller = Caller::new(LimitKind::WindowFromFirst);
    (0..10).for_each(|_| caller.accepted(130.0));
    let due = |now: f64, ahead| caller.spending.projected(at(now), ahead, 1);
    assert_eq!(due(131.0, 0), at(190.03));
    assert_eq!(due(500.0, 9), at(500.0));
    assert_eq!(due(500.0, 10), at(560.0));
}

#[test]
fn a_call_is_told_its_place_in_a_window_that_is_spread() {
    let mut caller = Caller::new(LimitKind::FixedWindow);
    caller.spend(122.0, 6);
    caller.accepted(182.0);
    let turn = caller.turn(182.0);
    let place = |ahead| caller.spending.projected(at(182.0), ahead, 1);
    assert_eq!(Some(place(0)), turn);
    assert!(
        place(4) > at(224.0) && place(4) < at(242.0),
        "{:?}",
        place(4)
    );
    assert_eq!(place(5), at(242.0));
}

/// What the wall clock shows when the limiter's own clock shows 100 s.
const UNIX: Duration = Duration::from_secs(1_700_000_000);

/// Returns a window of 10 requests per minute that ended `ends` seconds before or after, and was used `used` ago.
fn window(kind: LimitKind, ends: i64, used: u64) -> RememberedWindow {
    let ends = Duration::from_secs(UNIX.as_secs().saturating_add_signed(ends));
    RememberedWindow {
        kind,
        count: 10,
        length: MINUTE,
        ends_from: ends,
        ends_until: ends,
        last_used: UNIX - Duration::from_secs(used),
    }
}

fn remembered(window: &RememberedWindow) -> Option<Caller> {
    let spending = WindowSpending::remembered(window, JITTER, (at(100.0), UNIX), 0)?;
    Some(Caller {
        spending,
        number: 0,
    })
}

#[test]
fn after_a_whole_window_without_requests_the_next_run_begins_at_once() {
    let (grid, first) = (LimitKind::FixedWindow, LimitKind::WindowFromFirst);
    // Windows on a grid end 20 s after every full minute here, a tenth of a second later if the clocks differ.
    for (kind, ends, used, next) in [
        (grid, -3_580, 3_600, 100.0),
        (grid, 20, 59, 120.1),
        (grid, -40, 59, 120.1),
        (first, -3_580, 3_600, 100.0),
        (first, 20, 30, 120.13),
        (first, -1, 50, 100.0),
    ] {
        let mut caller = remembered(&window(kind, ends, used)).expect("a law");
        let turn = caller.turn(100.0).map(|time| time.max(at(next)));
        assert_eq!(turn, Some(at(next)), "{kind:?}, ends {ends}, used {used}");
        let mut caller = remembered(&window(kind, ends, used)).expect("a law");
        caller.spending.advance(at(next));
        (0..10).for_each(|_| caller.accepted(next));
        assert_ne!(caller.turn(next), Some(at(next)), "the number is spent");
    }
}

#[test]
fn a_law_of_an_earlier_run_is_dropped_at_the_second_surprise() {
    let law = window(LimitKind::FixedWindow, -3_580, 3_600);
    let mut caller = remembered(&law).expect("a law");
    caller.spend(100.0, 7);
    assert!(!caller.spending.is_refuted());
    caller.accepted(120.1);
    let spread = caller.turn(120.1).expect("one after the other");
    caller.refused(spread.as_nanos() as f64 / 1e9);
    assert!(caller.spending.is_refuted());

    let mut caller = remembered(&law).expect("a law");
    for start in [100.0, 120.2, 180.2] {
        (0..10).for_each(|_| caller.accepted(start));
    }
    caller.spend(240.2, 8);
    assert!(!caller.spending.is_on_trial, "three windows confirmed it");
}

#[test]
fn what_is_remembered_is_the_law_that_was_spent() {
    let mut caller = remembered(&window(LimitKind::FixedWindow, 20, 0)).expect("a law");
    caller.accepted(120.2);
    let later = (at(130.0), UNIX + Duration::from_secs(30));
    let law = caller.spending.to_remember(at(120.2), later);
    assert_eq!(law.count, 10);
    assert_eq!(law.ends_until, UNIX + Duration::from_millis(80_100));
    assert_eq!(law.ends_from, UNIX + Duration::from_millis(79_900));
    assert_eq!(law.last_used, UNIX + Duration::from_millis(20_200));
}

#[test]
fn what_is_no_law_that_would_be_found_is_not_taken_over() {
    let law = window(LimitKind::FixedWindow, 20, 0);
    assert!(remembered(&law).is_some());
    let reversed = RememberedWindow {
        ends_from: law.ends_until + MINUTE,
        ..law
    };
    let vague = RememberedWindow {
        ends_from: law.ends_until - MINUTE,
        ..law
    };
    let endless = RememberedWindow {
        ends_from: Duration::MAX,
        ends_until: Duration::MAX,
        ..law
    };
    let ever = RememberedWindow {
        ends_from: Duration::ZERO,
        ..endless
    };
    for wrong in [
        endless,
        ever,
        reversed,
        vague,
        RememberedWindow { count: 0, ..law },
        RememberedWindow {
            count: u64::MAX,
            ..law
        },
        RememberedWindow {
            length: Duration::ZERO,
            ..law
        },
        RememberedWindow {
            length: Duration::MAX,
            ..law
        },
    ] {
        assert!(remembered(&wrong).is_none(), "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn no_request_waits_for_longer_than_two_windows(
        from_first in any::<bool>(),
        steps in prop::collection::vec((0_u8..5, 0_u64..20_000), 1..300),
    ) {
        let kind = if from_first { LimitKind::WindowFromFirst } else { LimitKind::FixedWindow };
        let mut caller = Caller::new(kind);
        let mut out: Vec<Grant> = Vec::new();
        let mut now = 100.0;
        for (step, millis) in steps {
            now += millis as f64 / 1000.0;
            if let Some(time) = caller.turn(now) {
                prop_assert!(time <= at(now + 121.0), "{time:?} at {now}");
                if time == at(now) {
                    out.push(caller.send(now));
                }
            }
            let grant = match out.first() {
                Some(grant) if step > 0 => *grant,
                _ => continue,
            };
            out.remove(0);
            match step {
                1 | 2 => { caller.spending.accepted(&grant, Duration::from_millis(millis)); }
                3 => { caller.spending.refused(at(now), &grant); }
                _ => caller.spending.failed(&grant),
            }
            if caller.spending.is_refuted() {
                break;
            }
        }
    }
}
