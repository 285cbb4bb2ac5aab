use std::time::Duration;

use api_ratelimiter::LearningReason;
use api_ratelimiter::guidance::{self, Guidance, Profile};
use api_ratelimiter::http::{HeaderMap, HeaderName, StatusCode};

use super::*;

const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(300),
    most_refusals: 10,
    concurrency: 8,
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns what a response with these headers announces.
fn told(status: u16, headers: &[(&str, &str)]) -> Guidance {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        map.append(name, value.parse().expect("a value"));
    }
    let status = StatusCode::from_u16(status).expect("a status");
    guidance::read(status, &map, b"", at(1_800_000_000), Profile::default())
}

fn accepted() -> Answer {
    Answer::Accepted(Guidance::default())
}

fn failed() -> Answer {
    Answer::Failed {
        problem: "GET /x returned 502 Bad Gateway".into(),
        status: Some(502),
    }
}

/// Sends one request of a course, without another in flight.
fn send(course: &mut Course, now: Duration, answer: &Answer) {
    assert_eq!(course.begin(), Next::Begin);
    course.sent();
    course.attempted(matches!(answer, Answer::Refused(_)));
    course.answered(now, answer);
}

#[test]
fn no_more_are_ever_refused_than_the_run_may_have() {
    for most_refusals in [1, 2, 9, 10, 100] {
        let mut course = Course::new(Bounds {
            most_refusals,
            ..BOUNDS
        });
        // Enough is accepted for all workers to send at once. From then on everything is refused.
        for _ in 0..2000 {
            send(&mut course, at(1), &accepted());
        }
        let mut under_way = 0;
        loop {
            match course.begin() {
                Next::Begin => under_way += 1,
                Next::Wait => {
                    assert!(under_way > 0, "a run that waits for nothing");
                    course.attempted(true);
                    course.answered(at(2), &Answer::Refused(Guidance::default()));
                    under_way -= 1;
                }
                Next::Stop => break,
            }
            assert!(under_way <= BOUNDS.concurrency);
            assert!(course.tally.refused <= most_refusals);
        }
        assert_eq!(course.ending, Some(Ending::Refusals));
        assert_eq!(course.tally.refused + under_way, most_refusals);
    }
}

#[test]
fn one_request_is_in_flight_at_first_and_one_more_after_each_two_hundred() {
    let mut course = Course::new(BOUNDS);
    for most in [1, 2, 3, 4, 5, 6, 7, 8, 8] {
        for _ in 0..most {
            assert_eq!(course.begin(), Next::Begin);
        }
        assert_eq!(course.begin(), Next::Wait, "{most}");
        (0..most).for_each(|_| course.answered(at(1), &accepted()));
        for _ in most..200 {
            send(&mut course, at(1), &accepted());
        }
    }
}

#[test]
fn as_many_are_in_flight_after_a_refusal_and_half_as_many_where_windows_show() {
    let mut course = Course::new(BOUNDS);
    let stretch = |course: &mut Course, second| {
        (0..200).for_each(|_| send(course, at(second), &accepted()));
    };
    (0..5).for_each(|_| stretch(&mut course, 1));
    assert_eq!(course.most_in_flight(), 6);
    // The refusals of one burst count once.
    for second in [2, 2, 20] {
        send(
            &mut course,
            at(second),
            &Answer::Refused(Guidance::default()),
        );
        assert_eq!(course.most_in_flight(), 6);
    }
    // The first ones lasted as those of windows do.
    stretch(&mut course, 21);
    for second in [22, 22] {
        send(
            &mut course,
            at(second),
            &Answer::Refused(Guidance::default()),
        );
        assert_eq!(course.most_in_flight(), 3);
    }
    stretch(&mut course, 23);
    assert_eq!(course.most_in_flight(), 4);
}

#[test]
fn the_first_failure_ends_the_run_and_later_ones_if_they_come_three_in_a_row() {
    let mut course = Course::new(BOUNDS);
    send(&mut course, at(0), &failed());
    assert!(matches!(
        course.ending,
        Some(Ending::Failure {
            status: Some(502),
            ..
        })
    ));
    assert_eq!(course.begin(), Next::Stop);

    let mut course = Course::new(BOUNDS);
    for answer in [
        accepted(),
        failed(),
        failed(),
        accepted(),
        failed(),
        failed(),
    ] {
        send(&mut course, at(0), &answer);
    }
    assert_eq!(course.ending, None);
    send(&mut course, at(0), &failed());
    assert!(matches!(course.ending, Some(Ending::Failure { .. })));
}

#[test]
fn a_pause_that_goes_on_after_the_end_ends_the_run() {
    for (seconds, ends) in [("60", false), ("300", false), ("301", true), ("3480", true)] {
        let mut course = Course::new(BOUNDS);
        let refusal = Answer::Refused(told(429, &[("retry-after", seconds)]));
        send(&mut course, at(0), &refusal);
        let wait = at(seconds.parse().expect("seconds"));
        let ending = ends.then_some(Ending::Pause(wait));
        assert_eq!(course.ending, ending, "{seconds}");
    }
    // So does a limit of which nothing is left, without any refusal.
    let mut course = Course::new(BOUNDS);
    let last = told(
        200,
        &[
            ("x-ratelimit-limit", "60"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "3480"),
        ],
    );
    send(&mut course, at(0), &Answer::Accepted(last));
    assert_eq!(course.ending, Some(Ending::Pause(at(3480))));
    // Retry-After on every response is a habit of some libraries.
    let mut course = Course::new(BOUNDS);
    send(
        &mut course,
        at(0),
        &Answer::Accepted(told(200, &[("retry-after", "3480")])),
    );
    assert_eq!(course.ending, None);
}

fn limit(seen: u32) -> LimitFound {
    let text = format!(
        r#"{{"kind":"window_from_first","count":100,"most":100,"window_seconds":60.0,"begins":null,"seen":{seen},"certainty":0.97}}"#
    );
    serde_json::from_str(&text).expect("a limit")
}

#[test]
fn a_window_is_known_when_it_was_seen_three_times() {
    let mut course = Course::new(BOUNDS);
    for seen in [1, 2] {
        course.look(at(200), Some(&limit(seen)));
        assert_eq!(course.ending, None);
    }
    course.look(at(200), Some(&limit(3)));
    assert_eq!(course.ending, Some(Ending::Window));
}

#[test]
fn a_rate_is_known_when_two_tests_in_a_row_have_found_it() {
    use LearningReason::{LimitLowered, ProbeConfirmed};
    for (reasons, ends) in [
        (&[ProbeConfirmed][..], false),
        (&[ProbeConfirmed, LimitLowered, ProbeConfirmed], false),
        (&[ProbeConfirmed, ProbeConfirmed], true),
    ] {
        let mut course = Course::new(BOUNDS);
        reasons
            .iter()
            .for_each(|reason| course.estimated(9.5, *reason));
        course.look(at(100), None);
        assert_eq!(course.ending == Some(Ending::Rate), ends, "{reasons:?}");
    }
}

#[test]
fn a_rate_is_not_believed_while_refusals_last_as_those_of_windows_do() {
    let mut course = Course::new(BOUNDS);
    send(&mut course, at(0), &accepted());
    send(&mut course, at(1), &Answer::Refused(Guidance::default()));
    send(&mut course, at(30), &Answer::Refused(Guidance::default()));
    send(&mut course, at(60), &accepted());
    for _ in 0..2 {
        course.estimated(1.67, LearningReason::ProbeConfirmed);
    }
    course.look(at(61), None);
    assert_eq!(course.ending, None);
}

#[test]
fn a_tenth_of_a_long_announced_limit_is_spent_at_most() {
    let announced = |limit: u64, left: u64| {
        Answer::Accepted(told(
            200,
            &[
                ("x-ratelimit-limit", &limit.to_string()),
                ("x-ratelimit-remaining", &left.to_string()),
                ("x-ratelimit-reset", "3000"),
            ],
        ))
    };
    for (limit, left, spent) in [(5000, 5000, 500), (60, 60, 10), (5000, 400, 1), (60, 5, 1)] {
        let mut course = Course::new(BOUNDS);
        for n in 1.. {
            send(&mut course, at(1), &announced(limit, left - n));
            course.look(at(1), None);
            if course.ending.is_some() {
                assert_eq!((n, &course.ending), (spent, &Some(Ending::AnnouncedSpared)));
                break;
            }
        }
    }
}

#[test]
fn a_short_announced_limit_has_to_hold_for_three_windows() {
    let told = || {
        told(
            200,
            &[
                ("ratelimit-policy", "\"a\";q=100;w=60"),
                ("ratelimit", "\"a\";r=99;t=60"),
            ],
        )
    };
    let mut course = Course::new(BOUNDS);
    send(&mut course, at(10), &Answer::Accepted(told()));
    course.look(at(189), None);
    assert_eq!(course.ending, None);
    course.look(at(190), None);
    assert_eq!(course.ending, Some(Ending::AnnouncedHeld));

    // A refusal shows that this is not all.
    let mut course = Course::new(BOUNDS);
    send(&mut course, at(10), &Answer::Accepted(told()));
    send(&mut course, at(11), &Answer::Refused(told()));
    course.look(at(299), None);
    assert_eq!(course.ending, None);
    course.look(at(300), None);
    assert_eq!(course.ending, Some(Ending::Time));
}

#[test]
fn names_that_change_with_each_response_do_not_fill_the_memory() {
    let mut course = Course::new(BOUNDS);
    for n in 0..100 {
        let policy = format!("\"p{n}\";q=18446744073709551615;w=99999999999999");
        let told = told(
            200,
            &[
                ("ratelimit-policy", &policy),
                ("x-ratelimit-remaining", "-5"),
            ],
        );
        send(&mut course, at(1), &Answer::Accepted(told));
        course.look(at(1), None);
    }
    assert!(course.announcements.limits().len() <= 16);
    assert_eq!(course.ending, None);
}

#[test]
fn the_first_reason_to_end_stays() {
    let mut course = Course::new(BOUNDS);
    course.end(Ending::Interrupted);
    course.answered(at(300), &Answer::Unsent);
    course.look(at(301), Some(&limit(3)));
    assert_eq!(course.ending, Some(Ending::Interrupted));
}
